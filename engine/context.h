/* A context from the inside: its arena, laid out once, and what the forward pass does to it.
 *
 *   keys, values [L, G, N, D]    queries [L, H, N, D] (rotated, as they met the keys)
 *   final [N, d] after the last norm; hidden [L + 1, N, d] if asked for
 *
 * N positions, d d_model, H query heads, G key/value heads, D head_dim, F d_ff, C tokens a chunk, L
 * layers. */
#ifndef ATTUNE_ENGINE_CONTEXT_H
#define ATTUNE_ENGINE_CONTEXT_H

#include <attune/context.h>

#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/team.h"

enum { CHUNK = 256, QUERY_BLOCK = 16, WIDE_ROWS = 64 };

struct attune_context {
    const struct attune_model *model;
    const struct recipe *recipe;
    const struct kernel_ops *kernel;
    struct team *team;
    bool fast, keep_queries, keep_hidden;
    size_t capacity, n; /* N, and the positions that are filled */
    size_t n_rotary;    /* rows of the rotary table that are filled */
    struct attune_context_stats stats;

    void *arena;
    size_t arena_bytes;
    attune_token *tokens; /* [N] */
    float *keys, *values; /* [L, G, N, D] */
    float *queries;       /* [L, H, N, D]; [H, N, D] if they are not kept */
    float *final, *hidden;
    float *rotary; /* [N, rotary_dims / 2, 2] cosine and sine */
    float *slopes; /* [H] ALiBi; 0 without */

    /* One chunk on its way through a layer. */
    float *x, *h, *h2;  /* [C, d] residual stream; what enters attention; what enters the MLP */
    float *q, *k, *v;   /* [C, H*D], [C, G*D] */
    float *heads;       /* [C, H*D] what the heads say */
    float *sum;         /* [C, d] output of a block before it is added */
    float *up, *gate;   /* [C, F] */
    float *scores;      /* [threads, QUERY_BLOCK, N] */
    float *wide;        /* [threads, rows a product widens at once, longest row] */
    size_t wide_floats; /* a thread's share of it */
};

/* Evaluates tokens[n .. n+count-1] (count <= C), already stored. On ATTUNE_CANCELLED nothing
 * counts. */
int forward(struct attune_context *ctx, size_t count, struct attune_progress *progress,
            struct attune_error *err);

/* y [count, rows] (+ bias) = M x for count rows of x, the rows of M shared among the threads. */
void forward_product(struct attune_context *ctx, const struct matrix *m, float *y, size_t ldy,
                     const float *x, size_t ldx, size_t count);

/* Attention weights of queries q0 .. q0+rows-1 (rows <= QUERY_BLOCK) of a head into out, row i of
 * length q0 + i + 1 at out + i * ld: what the forward pass itself uses. */
void forward_weights(const struct attune_context *ctx, int layer, int head, size_t q0, size_t rows,
                     float *out, size_t ld);

#endif
