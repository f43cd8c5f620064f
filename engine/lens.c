/* The logit lens. It adds no arithmetic of its own: the norm is the forward pass's and the head is
 * the output's, and rows do not know of each other, so the last layer is the output. */
#include <config.h>

#include <attune/lens.h>

#include <stdlib.h>
#include <string.h>

#include "engine/product.h"

enum { ROWS = 16 }; /* positions through the head at once: the weights are read once for all */

int attune_lens_count(const struct attune_model *model, struct attune_error *err)
{
    if (!attune_model_output(model, ATTUNE_OUTPUT_TOKENS).there) {
        attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                         "%.80s has no head over its vocabulary: there is nothing to look through",
                         model->info.name);
        return 0;
    }
    return model->recipe.main.n_layers + 1;
}

int attune_lens_logits(struct attune_context *ctx, int layer, size_t first, size_t n, float *out,
                       struct attune_error *err)
{
    const struct side *side = &ctx->main;
    size_t d = (size_t)ctx->recipe->d_model, n_vocab;
    int layers = attune_lens_count(ctx->model, err);

    if (layers == 0) {
        return ATTUNE_UNSUPPORTED;
    }
    if (layer < 0 || layer >= layers) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "layer %d: the lens has 0 to %d", layer,
                                layers - 1);
    }
    if (layer == layers - 1) {
        return attune_context_logits(ctx, first, n, out, err);
    }
    if (!ctx->keep_hidden) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "this context does not keep hidden states");
    }
    if (first > side->n || n > side->n - first) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "positions %zu to %zu: the context holds %zu", first, first + n,
                                side->n);
    }
    n_vocab = (size_t)attune_model_output(ctx->model, ATTUNE_OUTPUT_TOKENS).width;
    for (size_t done = 0, count; done < n; done += count) {
        const float *x = side->hidden + ((size_t)layer * side->capacity + first + done) * d;

        count = n - done < ctx->chunk ? n - done : ctx->chunk;
        forward_norm(ctx, ctx->h2, x, d, &side->stack->final_norm, count); /* [count, d] */
        output_rows(ctx, ATTUNE_OUTPUT_TOKENS, ctx->h2, count, out + done * n_vocab);
    }
    return ATTUNE_OK;
}

static void describe(struct attune_lens_cell *out, const float *logits /* [n_vocab] */,
                     size_t n_vocab, attune_token final)
{
    struct attune_dist dist;

    attune_dist_of(&dist, logits, n_vocab);
    *out = (struct attune_lens_cell){
        .entropy_bits = (float)attune_bits(dist.entropy),
        .p_final = (float)attune_dist_p(&dist, logits[final]),
        .rank_final = (uint32_t)attune_dist_rank(logits, n_vocab, final),
    };
    for (size_t i = 0; i < ATTUNE_LENS_TOP; i++) {
        out->top[i] = i < dist.n_top ? dist.top[i] : (struct attune_candidate){.id = -1};
    }
}

static int describe_row(struct attune_lens_cell *row /* [n] */,
                        const struct attune_lens_cell *last /* [n] or NULL: this is it */,
                        struct attune_context *ctx, int layer, size_t first, size_t n,
                        float *logits /* [ROWS, n_vocab] */, struct attune_error *err)
{
    size_t n_vocab = (size_t)attune_model_output(ctx->model, ATTUNE_OUTPUT_TOKENS).width;

    for (size_t done = 0, count; done < n; done += count) {
        int status;

        count = n - done < ROWS ? n - done : ROWS;
        status = attune_lens_logits(ctx, layer, first + done, count, logits, err);
        if (status != ATTUNE_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            const float *at = logits + i * n_vocab;
            attune_token final = last ? last[done + i].top[0].id : -1;

            if (final < 0) {
                struct attune_dist dist;
                attune_dist_of(&dist, at, n_vocab);
                final = dist.top[0].id;
            }
            describe(&row[done + i], at, n_vocab, final);
        }
    }
    return ATTUNE_OK;
}

int attune_lens_grid(struct attune_lens_cell *out, struct attune_context *ctx, size_t first,
                     size_t n, int *done, struct attune_progress *progress,
                     struct attune_error *err)
{
    int layers = attune_lens_count(ctx->model, err), status = ATTUNE_OK, got = 0;
    size_t n_vocab = (size_t)attune_model_output(ctx->model, ATTUNE_OUTPUT_TOKENS).width;
    float *logits = layers ? malloc(ROWS * n_vocab * sizeof *logits) : NULL; /* [ROWS, n_vocab] */

    if (done) {
        *done = 0;
    }
    if (layers == 0) {
        return ATTUNE_UNSUPPORTED;
    }
    if (!logits) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for the lens");
    }
    for (; got < layers && status == ATTUNE_OK; got += status == ATTUNE_OK) {
        int layer = layers - 1 - got;

        status =
            progress && atomic_load(&progress->cancel)
                ? attune_error_set(err, ATTUNE_CANCELLED, 0, "lens cancelled")
                : describe_row(out + (size_t)layer * n, got ? out + (size_t)(layers - 1) * n : NULL,
                               ctx, layer, first, n, logits, err);
    }
    if (done) {
        *done = got;
    }
    free(logits);
    return status;
}
