/* Attention weights of any head, computed when asked from the Q and K that the context kept.
 * No T x T array is ever stored: a call fills the caller's slice and nothing else.
 *
 *   weights[q][k] = softmax over k of (Q[q] . K[k] * scale + position bias), 0 where masked
 *
 * computed by the same kernels in the same order as the forward pass; rows sum to 1. */
#ifndef ATTUNE_ATTENTION_H
#define ATTUNE_ATTENTION_H

#include <attune/context.h>

struct attune_attention_shape {
    int n_layers, n_heads;
    size_t n_queries, n_keys; /* tokens on the two sides at this moment */
};

/* ATTUNE_ARGUMENT if the model has no such attention. */
int attune_attention_shape(struct attune_attention_shape *out, const struct attune_context *ctx,
                           enum attune_stack kind, struct attune_error *err);

/* Rows q0 .. q0+nq-1, columns k0 .. k0+nk-1 of one head into out [nq, nk]. A row is nq = 1, a column
 * nk = 1, the whole map 0, T, 0, T. Rows are computed in parallel by the context's threads. */
int attune_attention_slice(struct attune_context *ctx, enum attune_stack kind, int layer, int head,
                           size_t q0, size_t nq, size_t k0, size_t nk, float *out,
                           struct attune_error *err);

#endif
