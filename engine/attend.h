/* Who looks at whom: queries of one side meet the keys of the same or of another. */
#ifndef ATTUNE_ENGINE_ATTEND_H
#define ATTUNE_ENGINE_ATTEND_H

#include "engine/context.h"

struct relation {
    const struct side *from, *to; /* whose queries, whose keys */
    const struct kept *kept;
    bool causal;
};
struct relation attend_self(const struct side *side);
struct relation attend_cross(const struct side *side, const struct side *memory);

/* How many keys a query may see: the first ones. */
size_t attend_keys(const struct relation *relation, size_t query);

/* q, k, v of a chunk (ctx->q, ctx->k, ctx->v) to where they are kept, head by head, from position
 * `at` on. Queries or keys alone where the other is false. */
void attend_place(struct attune_context *ctx, const struct relation *relation,
                  const struct attention *attention, int layer, size_t at, size_t count,
                  bool queries, bool keys);

/* Attention weights of queries q0 .. q0+rows-1 (rows <= QUERY_BLOCK) of a head into out, row i of
 * length attend_keys(q0 + i) at out + i * ld: what the forward pass itself uses. wide: a thread's
 * share of ctx->wide. */
void attend_weights(const struct attune_context *ctx, const struct relation *relation, int layer,
                    int head, size_t q0, size_t rows, float *wide, float *out, size_t ld);

/* What is kept of one token of a head, into out [D]: the query, and the key that it meets, as their
 * product is taken; the value. */
void attend_query(const struct attune_context *ctx, const struct relation *relation, int layer,
                  int head, size_t q, float *out);
void attend_key(const struct attune_context *ctx, const struct relation *relation, int layer,
                int head, size_t k, float *out);
void attend_value(const struct attune_context *ctx, const struct relation *relation, int layer,
                  int head, size_t k, float *out);
/* What stands beside the product of a pair: weight = softmax of (q . k + *added) * *scale + slope *
 * distance; *added is all that is added before the scale, *sloped what is added after it. */
void attend_terms(const struct attune_context *ctx, const struct relation *relation, int layer,
                  int head, size_t q, size_t k, float *scale, float *added, float *sloped);

/* ctx->heads [count, H*D] = what the heads say to queries q0 .. q0+count-1. */
void attend(struct attune_context *ctx, const struct relation *relation, int layer, size_t q0,
            size_t count);

/* What a side needs of positions before a chunk ends at `until`. */
void attend_prepare(struct attune_context *ctx, struct side *side, size_t until);

/* What depends on the model alone: ALiBi's slopes, T5's distances. Once, on making a context. */
void attend_start(struct attune_context *ctx, struct side *side);

#endif
