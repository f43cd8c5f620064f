/* The file of the store as bytes: looked at before SQLite is let near it. */
#include <config.h>

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What stands at a path, without SQLite so that nothing there is touched. */
int store_look_at(bool *is_there, const char *path, uint32_t application_id,
                  struct attune_error *err)
{
    unsigned char head[100] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, head, sizeof head) : -1;
    int why = errno;
    uint32_t id =
        (uint32_t)head[68] << 24 | (uint32_t)head[69] << 16 | (uint32_t)head[70] << 8 | head[71];

    if (fd >= 0) {
        close(fd);
    }
    *is_there = got > 0;
    if (got == 0 || (fd < 0 && why == ENOENT)) {
        return ATTUNE_OK;
    }
    if (got < 0) {
        return attune_error_set(err, ATTUNE_IO, 0, "database %s: %s", path, strerror(why));
    }
    if (got < (ssize_t)sizeof head || memcmp(head, "SQLite format 3", 16) != 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s is no database: left as it is; name another with --db", path);
    }
    if (id != application_id) {
        return attune_error_set(err, ATTUNE_FORMAT, 68,
                                "%s is a database of another program: left as it is; name another "
                                "with --db",
                                path);
    }
    return ATTUNE_OK;
}

/* file:PATH?immutable=1, for a file in a folder where not even a lock can be put. */
char *store_immutable_uri(const char *path)
{
    struct text uri = {0};
    char *out = NULL;

    text_put(&uri, "file:");
    for (; *path; path++) {
        char coded[4];

        snprintf(coded, sizeof coded, strchr("%?#", *path) ? "%%%02X" : "%c", (unsigned char)*path);
        text_put(&uri, coded);
    }
    text_put(&uri, "?immutable=1");
    text_take(&uri, &out, NULL, NULL);
    return out;
}
