/* Attention maps on demand, from the queries and keys that the context kept: rows are computed by
 * what the forward pass uses (forward_weights), a block at a time, and only the caller's slice is
 * written. */
#include <config.h>

#include <attune/attention.h>

#include <string.h>

#include "engine/context.h"

static int check_kind(const struct attune_context *ctx, enum attune_stack kind,
                      struct attune_error *err)
{
    if (kind != ATTUNE_STACK_SELF) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a decoder has self-attention only: ask for 'self', not '%s'",
                                attune_stack_text(kind));
    }
    if (!ctx->keep_queries) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "this context does not keep queries: attention is not there");
    }
    return ATTUNE_OK;
}

int attune_attention_shape(struct attune_attention_shape *out, const struct attune_context *ctx,
                           enum attune_stack kind, struct attune_error *err)
{
    int status = check_kind(ctx, kind, err);

    if (status == ATTUNE_OK) {
        *out = (struct attune_attention_shape){
            .n_layers = ctx->recipe->decoder.n_layers,
            .n_heads = ctx->recipe->n_heads,
            .n_queries = ctx->n,
            .n_keys = ctx->n,
        };
    }
    return status;
}

struct slice {
    const struct attune_context *ctx;
    int layer, head;
    size_t q0, nq, k0, nk;
    float *out; /* [nq, nk] */
};

static void fill_rows(void *arg, int part, int n_parts)
{
    const struct slice *s = arg;
    size_t ld = s->ctx->capacity, n_blocks = (s->nq + QUERY_BLOCK - 1) / QUERY_BLOCK;
    float *weights = s->ctx->scores + (size_t)part * QUERY_BLOCK * ld; /* [QUERY_BLOCK, N] */

    for (size_t block = (size_t)part; block < n_blocks; block += (size_t)n_parts) {
        size_t first = block * QUERY_BLOCK,
               rows = s->nq - first < QUERY_BLOCK ? s->nq - first : QUERY_BLOCK;

        forward_weights(s->ctx, s->layer, s->head, s->q0 + first, rows, weights, ld);
        for (size_t i = 0; i < rows; i++) {
            size_t seen = s->q0 + first + i + 1; /* keys this query may see */
            size_t n = seen <= s->k0 ? 0 : seen - s->k0 < s->nk ? seen - s->k0 : s->nk;
            float *row = s->out + (first + i) * s->nk;

            memcpy(row, weights + i * ld + s->k0, n * sizeof *row);
            memset(row + n, 0, (s->nk - n) * sizeof *row);
        }
    }
}

int attune_attention_slice(struct attune_context *ctx, enum attune_stack kind, int layer, int head,
                           size_t q0, size_t nq, size_t k0, size_t nk, float *out,
                           struct attune_error *err)
{
    struct slice slice = {ctx, layer, head, q0, nq, k0, nk, out};
    const struct recipe *r = ctx->recipe;
    int status = check_kind(ctx, kind, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (layer < 0 || layer >= r->decoder.n_layers || head < 0 || head >= r->n_heads) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "layer %d, head %d: there are layers 0 to %d, heads 0 to %d", layer,
                                head, r->decoder.n_layers - 1, r->n_heads - 1);
    }
    if (q0 > ctx->n || nq > ctx->n - q0 || k0 > ctx->n || nk > ctx->n - k0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "queries %zu to %zu, keys %zu to %zu: the context holds %zu", q0,
                                q0 + nq, k0, k0 + nk, ctx->n);
    }
    if (nq <= QUERY_BLOCK) {
        fill_rows(&slice, 0, 1); /* one block: done before anybody would be awake */
    } else {
        team_run(ctx->team, fill_rows, &slice);
    }
    return ATTUNE_OK;
}
