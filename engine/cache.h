/* Where queries, keys and values are kept, head by head. */
#ifndef ATTUNE_ENGINE_CACHE_H
#define ATTUNE_ENGINE_CACHE_H

#include "engine/attend.h"

/* The type that the context keeps keys and values in, if heads of its stacks fit it. */
int cache_choose(struct attune_context *ctx, enum attune_kv_type type, struct attune_error *err);

/* Bytes of one row: a head of a token. */
size_t cache_row_bytes(const struct attune_context *ctx, const struct stack *stack);

/* [N, D] of one head. */
float *cache_queries(const struct attune_context *ctx, const struct relation *rel, int layer,
                     int head);
/* [N] rows of one key/value head; cache: the relation's keys or values. */
unsigned char *cache_rows(const struct attune_context *ctx, const struct relation *rel,
                          unsigned char *cache, int layer, int kv_head);

/* n rows as floats. */
void cache_widen(const struct attune_context *ctx, float *out /* [n, d] */,
                 const unsigned char *rows, size_t n, size_t d);

#endif
