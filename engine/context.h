/* A context from the inside: its arena, laid out once, and what the forward pass does to it.
 *
 *   a side is a stack at work on its tokens: the decoder or the encoder alone is `main`; an
 *   encoder-decoder has its encoder beside it, and main's cross-attention reads that side
 *
 * N positions, d d_model, e d_embedding, H query heads, G key/value heads, D head_dim, F d_ff, C
 * tokens a chunk, L layers. */
#ifndef ATTUNE_ENGINE_CONTEXT_H
#define ATTUNE_ENGINE_CONTEXT_H

#include <attune/context.h>

#include "engine/integer.h"
#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/team.h"

enum { CHUNK = 256, QUERY_BLOCK = 16, WIDE_ROWS = 64 };

struct kept { /* one attention of every layer: queries as they met the keys (rotated) */
    unsigned char *keys, *values; /* [L, G, N of the side that is read] rows of D in the kv_type */
    float *queries;               /* [L, H, N, D]; [1, H, N, D] if they are not kept */
};

struct side {
    const struct stack *stack;
    size_t capacity, n; /* N, and the positions that are filled */
    size_t n_keys; /* positions that have keys: while a chunk is at work, those of the chunk too */
    size_t n_rotary;         /* rows of the rotary table that are filled */
    attune_token *tokens;    /* [N] */
    uint8_t *types, *padded; /* [N] type ids; 1: padding */
    bool masked;             /* some token is padding */
    struct kept self, cross;
    float *final;    /* [N, d] after the last norm */
    float *scales;   /* [N] 1 / sigma of that norm; 1 without one */
    float *hidden;   /* [L + 1, N, d] if asked for */
    float *middle;   /* [L, N, d] with it: what enters the MLP of each layer, before its norm */
    float *rotary;   /* [N, rotary_dims / 2, 2] cosine and sine */
    float *slopes;   /* [H] ALiBi; 0 without */
    float *relative; /* [H, 2N]: what key k adds for query q stands at N - 1 + k - q */
};

struct attune_context {
    const struct attune_model *model;
    const struct recipe *recipe;
    const struct kernel_ops *kernel;
    const struct integer_ops *integer;
    struct team *team;
    bool fast, keep_queries, keep_hidden;
    enum attune_activations activations; /* never AUTO */
    char engine[160];
    enum attune_kv_type kv_type;
    const struct quant_ops *kv; /* the same */
    struct ablation *ablation; /* what is silenced (ablate.h), or NULL */
    uint64_t edition;          /* grows with every evaluation: what was computed before is old */
    struct attune_context_stats stats;
    struct attune_progress *progress; /* of the evaluation at work, or NULL */

    void *arena;
    size_t arena_bytes;
    struct side main, encoder;

    /* One chunk on its way through a layer; w is the larger of d and e. */
    size_t chunk;       /* C */
    float *x, *h, *h2;  /* [C, w] residual stream; what enters attention; what enters the MLP */
    float *q, *k, *v;   /* [C, H*D], [C, G*D] */
    float *heads;       /* [C, H*D] what the heads say */
    float *sum;         /* [C, w] output of a block before it is added */
    float *up, *gate;   /* [C, F] */
    float *scores;      /* [threads, QUERY_BLOCK, N] */
    float *wide;        /* [threads, rows a product widens or lays out at once, longest row] */
    size_t wide_floats; /* a thread's share of it */
    struct integer_block *rounded; /* [C, longest row / 32] what a product reads, rounded */
};

/* Evaluates side->tokens[n .. n+count-1] (count <= C, all of them where the stack is not causal),
 * already stored. On ATTUNE_CANCELLED nothing counts. */
int forward(struct attune_context *ctx, struct side *side, size_t count,
            struct attune_progress *progress, struct attune_error *err);

/* Keys and values of main's cross-attention from what the encoder holds. */
void forward_memory(struct attune_context *ctx);

/* out [count, width] = norm(x), or x itself where there is no such norm. out may be x. */
void forward_norm(struct attune_context *ctx, float *out, const float *x, size_t width,
                  const struct norm *norm, size_t count);

/* What stands on top of rows [n, d] of states, into out [n, width of the output]; rows may be h2.
 */
void output_rows(struct attune_context *ctx, enum attune_output output, const float *rows, size_t n,
                 float *out);

/* Has somebody cancelled the evaluation at work? Asked every few milliseconds, by any thread of the
 * team: what is left of the chunk is then left out, and forward fails. */
static inline bool context_stops(const struct attune_context *ctx)
{
    return ctx->progress && atomic_load_explicit(&ctx->progress->cancel, memory_order_relaxed) != 0;
}

/* Which of the two sides an output, a hidden state or a map of this name is about; NULL: there is
 * none. */
const struct side *context_side(const struct attune_context *ctx, enum attune_stack stack);

/* The larger N of the two sides: how long a row of weights can be. */
static inline size_t context_longest(const struct attune_context *ctx)
{
    return ctx->main.capacity > ctx->encoder.capacity ? ctx->main.capacity : ctx->encoder.capacity;
}

static inline bool matrix_there(const struct matrix *m)
{
    return m->type != NULL;
}

#endif
