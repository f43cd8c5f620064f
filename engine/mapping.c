/* Files as memory. */
#include <config.h>

#include "engine/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void mapping_show(char out[88], const char *path)
{
    size_t len = strlen(path);

    if (len < 88) {
        memcpy(out, path, len + 1);
    } else {
        snprintf(out, 88, "...%s", path + len - 84);
    }
}

int mapping_open(struct mapping *out, const char *path, struct attune_error *err)
{
    struct stat st;
    int status = ATTUNE_OK, fd;

    memset(out, 0, sizeof *out);
    mapping_show(out->name, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0 || fstat(fd, &st) != 0) {
        status = errno == ENOENT ? ATTUNE_NOT_FOUND : ATTUNE_IO;
        attune_error_set(err, status, 0, "%s: %s", out->name, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        status = attune_error_set(err, ATTUNE_IO, 0, "%s: not a regular file", out->name);
    } else if (st.st_size == 0) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "%s: empty file", out->name);
    } else if ((uintmax_t)st.st_size > SIZE_MAX / 2) {
        status = attune_error_set(err, ATTUNE_IO, 0, "%s: too large to be mapped", out->name);
    } else {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (data == MAP_FAILED) {
            status = attune_error_set(err, ATTUNE_IO, 0, "%s: cannot be mapped: %s", out->name,
                                      strerror(errno));
        } else {
            out->data = data;
            out->len = (size_t)st.st_size;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

void mapping_close(struct mapping *mapping)
{
    if (mapping && mapping->data) {
        munmap((void *)(uintptr_t)mapping->data, mapping->len);
        mapping->data = NULL;
    }
}

void mapping_forget(const void *data, size_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)data + len) / page * page;

    if (to > from) {
        madvise((void *)from, to - from, MADV_DONTNEED); /* advice: failing changes nothing */
    }
}
