/* A file as read-only memory. The kernel pages it in as it is touched; nothing is read up front. */
#ifndef ATTUNE_ENGINE_MAPPING_H
#define ATTUNE_ENGINE_MAPPING_H

#include <attune/error.h>
#include <stddef.h>

struct mapping {
    const unsigned char *data;
    size_t len;
    char name[88]; /* the path, or its end where it is long: what messages begin with */
};

/* Regular files that are not empty; everything else is refused with a line that names it. */
int mapping_open(struct mapping *out, const char *path, struct attune_error *err);
void mapping_close(struct mapping *mapping);

/* Gives back the pages that lie wholly inside the range; they are read again when touched. */
void mapping_forget(const void *data, size_t len);

/* The path as messages show it. */
void mapping_show(char out[88], const char *path);

#endif
