/* A directory of small files, for tests of what stands beside what. */
#ifndef ATTUNE_TESTS_FOLDER_H
#define ATTUNE_TESTS_FOLDER_H

#include <stddef.h>

struct folder {
    char path[64];
};

void folder_make(struct folder *f);
/* name may hold one directory ("refs/main"), which is made. */
void folder_write(const struct folder *f, const char *name, const char *text);
void folder_write_bytes(const struct folder *f, const char *name, const char *bytes, size_t len);
/* The path of a file in it; good until the next call. */
const char *folder_file(struct folder *f, const char *name);
void folder_remove(const struct folder *f); /* with all that is in it */

#endif
