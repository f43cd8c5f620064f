/* Tokens whose learned vectors point the same way: the vocabulary searched by cosine. */
#ifndef ATTUNE_NEAR_H
#define ATTUNE_NEAR_H

#include <attune/context.h>

struct attune_near { /* plain data */
    attune_token id;
    float cosine;
};

/* The n tokens nearest to a token's own vector (a row of the embedding, before anything about places is
 * added), itself left out, into out [n] by falling cosine. *found: how many there are. Vectors that no
 * cosine can be had of (zero, NaN) are left out. One pass over the embedding by the context's threads. */
int attune_near_tokens(struct attune_near *out, size_t n, size_t *found, struct attune_context *ctx,
                       attune_token id, struct attune_error *err);

#endif
