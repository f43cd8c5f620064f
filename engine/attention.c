/* Attention maps on demand, from the queries and keys that the context kept: rows are computed by
 * what the forward pass uses (attend_weights), a block at a time, and only the caller's slice is
 * written. */
#include <config.h>

#include <attune/attention.h>

#include <string.h>

#include "engine/attend.h"

static int find_relation(const struct attune_context *ctx, enum attune_stack kind,
                         struct relation *out, struct attune_error *err)
{
    bool two = ctx->encoder.capacity > 0;
    const struct side *side = context_side(ctx, kind);

    if (!ctx->keep_queries) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "this context does not keep queries: attention is not there");
    }
    if (kind == ATTUNE_STACK_CROSS && two) {
        *out = attend_cross(&ctx->main, &ctx->encoder);
        return ATTUNE_OK;
    }
    if (!side) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%.80s has no attention '%s': ask for %s",
                                ctx->model->info.name, attune_stack_text(kind),
                                two ? "encoder, decoder or cross" : "'self'");
    }
    *out = attend_self(side);
    return ATTUNE_OK;
}

int attune_attention_shape(struct attune_attention_shape *out, const struct attune_context *ctx,
                           enum attune_stack kind, struct attune_error *err)
{
    struct relation rel;
    int status = find_relation(ctx, kind, &rel, err);

    if (status == ATTUNE_OK) {
        *out = (struct attune_attention_shape){
            .n_layers = rel.from->stack->n_layers,
            .n_heads = rel.from->stack->n_heads,
            .n_queries = rel.from->n,
            .n_keys = rel.to->n,
        };
    }
    return status;
}

struct slice {
    const struct attune_context *ctx;
    struct relation rel;
    int layer, head;
    size_t q0, nq, k0, nk;
    float *out; /* [nq, nk] */
};

static void fill_rows(void *arg, int part, int n_parts)
{
    const struct slice *s = arg;
    size_t ld = context_longest(s->ctx), n_blocks = (s->nq + QUERY_BLOCK - 1) / QUERY_BLOCK;
    float *weights = s->ctx->scores + (size_t)part * QUERY_BLOCK * ld; /* [QUERY_BLOCK, N] */
    float *wide = s->ctx->wide + (size_t)part * s->ctx->wide_floats;

    for (size_t block = (size_t)part; block < n_blocks; block += (size_t)n_parts) {
        size_t first = block * QUERY_BLOCK,
               rows = s->nq - first < QUERY_BLOCK ? s->nq - first : QUERY_BLOCK;

        attend_weights(s->ctx, &s->rel, s->layer, s->head, s->q0 + first, rows, wide, weights, ld);
        for (size_t i = 0; i < rows; i++) {
            size_t seen = attend_keys(&s->rel, s->q0 + first + i);
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
    struct slice slice = {.ctx = ctx,
                          .layer = layer,
                          .head = head,
                          .q0 = q0,
                          .nq = nq,
                          .k0 = k0,
                          .nk = nk,
                          .out = out};
    struct attune_attention_shape shape;
    int status = find_relation(ctx, kind, &slice.rel, err);

    if (status == ATTUNE_OK) {
        status = attune_attention_shape(&shape, ctx, kind, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    if (layer < 0 || layer >= shape.n_layers || head < 0 || head >= shape.n_heads) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "layer %d, head %d: there are layers 0 to %d, heads 0 to %d", layer,
                                head, shape.n_layers - 1, shape.n_heads - 1);
    }
    if (q0 > shape.n_queries || nq > shape.n_queries - q0 || k0 > shape.n_keys ||
        nk > shape.n_keys - k0) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "queries %zu to %zu, keys %zu to %zu: the context holds %zu and %zu", q0, q0 + nq, k0,
            k0 + nk, shape.n_queries, shape.n_keys);
    }
    if (nq <= QUERY_BLOCK) {
        fill_rows(&slice, 0, 1); /* one block: done before anybody would be awake */
    } else {
        team_run(ctx->team, fill_rows, &slice);
    }
    return ATTUNE_OK;
}
