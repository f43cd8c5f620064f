/* A file in the making: written under another name beside its own, which it takes when all of it is
 * on disk. Whoever looks sees the old file, or the new one, never a part. */
#ifndef ATTUNE_ENGINE_NEW_FILE_H
#define ATTUNE_ENGINE_NEW_FILE_H

#include <attune/error.h>

struct new_file {
    char *path, *temporary;
    char shown[88]; /* the path as messages have it */
    int fd;         /* to read and write; -1: not open */
};

/* On failure there is nothing to drop, but dropping does no harm. */
int new_file_open(struct new_file *out, const char *path, struct attune_error *err);
/* To the disk and to its name. */
int new_file_commit(struct new_file *file, struct attune_error *err);
/* Removes what is not committed. A zeroed struct is fine. */
void new_file_drop(struct new_file *file);
/* "PATH: cannot be written: why", why being an errno. */
int new_file_failed(const struct new_file *file, int why, struct attune_error *err);

#endif
