/* A whole file in memory, gzipped or not. */
#ifndef ATTUNE_ENGINE_GZIP_H
#define ATTUNE_ENGINE_GZIP_H

#include <attune/error.h>
#include <stddef.h>

/* *out: len bytes and a NUL after them, freed by the caller with free(). More than max bytes of
 * content, or a stream that ends too early, is an error. */
int gzip_read(char **out, size_t *len, const char *path, size_t max, struct attune_error *err);

#endif
