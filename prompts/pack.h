/* Floats made small. */
#ifndef ATTUNE_PROMPTS_PACK_H
#define ATTUNE_PROMPTS_PACK_H

#include <attune/error.h>
#include <stddef.h>

/* *out: free(). */
int pack_floats(void **out, size_t *len, const float *values /* [n] */, size_t n,
                struct attune_error *err);
/* Exactly n floats, else ATTUNE_FORMAT: what the bytes claim is looked at before room is made.
 * *out: free(). */
int unpack_floats(float **out /* [n] */, size_t n, const void *bytes, size_t len,
                  struct attune_error *err);

#endif
