/* The machine's memory, and what sets a lower limit: cgroups of both versions (Linux,
 * Documentation/admin-guide/cgroup-v2.rst, "Memory") and RLIMIT_AS. */
#include <config.h>

#include "engine/memory.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number in a file of one; SIZE_MAX for "max" and where there is none. */
static size_t read_limit(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned long long n;
    size_t limit = SIZE_MAX;

    if (f) {
        if (fscanf(f, "%llu", &n) == 1 && n < SIZE_MAX) {
            limit = (size_t)n;
        }
        fclose(f);
    }
    return limit;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The group that /proc/self/cgroup names, and those above it: "0::/a/b", "4:memory:/a/b". */
static size_t limit_of_groups(const char *root, const char *file, char *group)
{
    size_t limit = SIZE_MAX;
    char path[PATH_MAX];
    char *slash;

    for (;;) {
        if (snprintf(path, sizeof path, "%s%s/%s", root, group, file) < (int)sizeof path) {
            limit = least(limit, read_limit(path));
        }
        slash = strrchr(group, '/');
        if (!slash) {
            return limit;
        }
        *slash = '\0';
    }
}

static size_t limit_of_cgroup(void)
{
    FILE *f = fopen("/proc/self/cgroup", "r");
    char line[PATH_MAX];
    size_t limit = SIZE_MAX;

    while (f && fgets(line, sizeof line, f)) {
        char *group = strchr(line, ':'), *path = group ? strchr(group + 1, ':') : NULL;

        if (!path) {
            continue;
        }
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        if (strcmp(group, ":") == 0) {
            limit = least(limit, limit_of_groups("/sys/fs/cgroup", "memory.max", path));
        } else if (strstr(group, "memory")) {
            limit = least(limit,
                          limit_of_groups("/sys/fs/cgroup/memory", "memory.limit_in_bytes", path));
        }
    }
    if (f) {
        fclose(f);
    }
    return limit;
}

/* What the limit on addresses leaves: files that are mapped count. */
static size_t left_of_addresses(void)
{
    struct rlimit limit;
    FILE *f;
    unsigned long long pages = 0;
    size_t used;

    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return SIZE_MAX;
    }
    f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%llu", &pages) != 1) {
            pages = 0;
        }
        fclose(f);
    }
    used = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
    return limit.rlim_cur > used ? (size_t)limit.rlim_cur - used : 0;
}

struct memory_limit memory_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    struct memory_limit limit = {
        pages > 0 && page > 0 ? (size_t)pages * (size_t)page : SIZE_MAX / 4, "this machine has"};
    size_t group = limit_of_cgroup(), addresses = left_of_addresses();

    if (group < limit.bytes) {
        limit = (struct memory_limit){group, "its control group allows"};
    }
    if (addresses < limit.bytes) {
        limit = (struct memory_limit){addresses, "the limit on addresses (ulimit -v) leaves"};
    }
    return limit;
}
