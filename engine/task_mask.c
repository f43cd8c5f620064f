/* Masks filled, by an encoder in one pass or by a decoder that answers sentinels, and texts scored
 * with what such models can say: each token masked in turn, or a target given what was read. */
#include <config.h>

#include "engine/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t vocabulary(const struct attune_context *ctx)
{
    return (size_t)attune_model_info(attune_context_model(ctx))->n_vocab;
}

static int new_rows(float **out, size_t rows, size_t width, struct attune_error *err)
{
    *out = calloc(rows * width + 1, sizeof **out);
    return *out ? ATTUNE_OK
                : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu rows of logits",
                                   rows);
}

/* ---- sentinels ---- */

/* The likeliest token again and again, until the end, into the decoder's side of ctx. */
static int answer(struct attune_context *ctx, size_t max_tokens, float *logits,
                  struct attune_progress *progress, struct attune_error *err)
{
    const struct attune_model *model = attune_context_model(ctx);
    struct attune_dist dist;
    int status = ATTUNE_OK;

    for (size_t i = 0; i < max_tokens && status == ATTUNE_OK; i++) {
        size_t n = attune_context_length(ctx);

        if (n == attune_context_capacity(ctx)) {
            break;
        }
        status = attune_context_logits(ctx, n - 1, 1, logits, err);
        if (status != ATTUNE_OK) {
            break;
        }
        attune_dist_of(&dist, logits, vocabulary(ctx));
        status = attune_context_append(ctx, &dist.top[0].id, 1, progress, err);
        if (attune_model_is_end(model, dist.top[0].id)) {
            break;
        }
    }
    return status;
}

void attune_task_cut(struct attune_task_fill *out, const struct attune_model *model,
                     const struct attune_task_tokens *tokens, const attune_token *ids, size_t n)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);

    for (size_t m = 0; m < tokens->n_masks; m++) {
        size_t position = tokens->masks[m], at = 0;
        attune_token sentinel = tokens->tokens.ids[position];

        while (at < n && ids[at] != sentinel) {
            at++;
        }
        out[m].position = position;
        out[m].first = at < n ? at + 1 : 0;
        out[m].n = 0;
        for (size_t i = at + 1; i < n; i++, out[m].n++) {
            if (task_sentinel(tk, ids[i]) >= 0 || attune_model_is_end(model, ids[i])) {
                break;
            }
        }
    }
}

static int fill_spans(struct attune_task_fill *out, struct attune_context *ctx,
                      const struct attune_task_tokens *tokens, size_t max_tokens, float *logits,
                      struct attune_progress *progress, struct attune_error *err)
{
    int status;

    attune_context_truncate(ctx, 1);
    status = answer(ctx, max_tokens, logits, progress, err);
    if (status != ATTUNE_OK) {
        return status;
    }
    attune_task_cut(out, attune_context_model(ctx), tokens, attune_context_tokens(ctx),
                    attune_context_length(ctx));
    for (size_t m = 0; m < tokens->n_masks && status == ATTUNE_OK; m++) {
        memset(&out[m].dist, 0, sizeof out[m].dist);
        if (out[m].first > 0) {
            status = attune_context_logits(ctx, out[m].first - 1, 1, logits, err);
            attune_dist_of(&out[m].dist, logits, vocabulary(ctx));
        }
    }
    return status;
}

int attune_task_fill(struct attune_task_fill *out, struct attune_context *ctx,
                     const struct attune_task_tokens *tokens, size_t max_tokens,
                     struct attune_progress *progress, struct attune_error *err)
{
    float *logits;
    int status = new_rows(&logits, 1, vocabulary(ctx), err);

    if (status == ATTUNE_OK && task_has_sentinels(attune_context_model(ctx))) {
        status = fill_spans(out, ctx, tokens, max_tokens, logits, progress, err);
    } else {
        for (size_t m = 0; m < tokens->n_masks && status == ATTUNE_OK; m++) {
            memset(&out[m], 0, sizeof out[m]);
            out[m].position = tokens->masks[m];
            status = attune_context_logits(ctx, tokens->masks[m], 1, logits, err);
            attune_dist_of(&out[m].dist, logits, vocabulary(ctx));
        }
    }
    free(logits);
    return status;
}

/* ---- scores ---- */

/* log p of id by the row of position at. */
static int score_row(double *logp, struct attune_context *ctx, size_t at, attune_token id,
                     float *logits, struct attune_error *err)
{
    struct attune_dist dist;
    int status = attune_context_logits(ctx, at, 1, logits, err);

    if (status == ATTUNE_OK && (id < 0 || (size_t)id >= vocabulary(ctx))) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, at,
                                  "token %zu is %d: the vocabulary has "
                                  "%zu",
                                  at, (int)id, vocabulary(ctx));
    }
    if (status == ATTUNE_OK) {
        attune_dist_of(&dist, logits, vocabulary(ctx));
        *logp = attune_dist_logp(&dist, logits[id]);
    }
    return status;
}

static int check_pll(const struct attune_context *ctx, const struct attune_task_tokens *tokens,
                     struct attune_error *err)
{
    const struct attune_model_info *info = attune_model_info(attune_context_model(ctx));

    if (info->kind != ATTUNE_ENCODER) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a pseudo-log-likelihood is for encoders: %.80s is of kind %s, "
                                "which scores a text directly",
                                info->name, attune_model_kind_text(info->kind));
    }
    return tokens->mask_id == ATTUNE_TOKEN_NONE
               ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "%.80s has no mask token: its tokens cannot be masked in turn",
                                  info->name)
               : ATTUNE_OK;
}

int attune_task_pll(double *logp, struct attune_context *ctx,
                    const struct attune_task_tokens *tokens, struct attune_progress *progress,
                    struct attune_error *err)
{
    struct attune_task_tokens masked = *tokens;
    size_t n = tokens->tokens.n;
    float *logits = NULL;
    int status = check_pll(ctx, tokens, err);

    if (status == ATTUNE_OK) {
        status = new_rows(&logits, 1, vocabulary(ctx), err);
    }
    masked.tokens.ids = calloc(n + 1, sizeof *masked.tokens.ids);
    if (status == ATTUNE_OK && !masked.tokens.ids) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        logp[i] = NAN;
        if (tokens->parts[i] == ATTUNE_TASK_ADDED || tokens->tokens.ids[i] == tokens->mask_id) {
            continue;
        }
        memcpy(masked.tokens.ids, tokens->tokens.ids, n * sizeof *masked.tokens.ids);
        masked.tokens.ids[i] = tokens->mask_id;
        status = attune_task_sync(ctx, &masked, progress, err);
        if (status == ATTUNE_OK) {
            status = score_row(&logp[i], ctx, i, tokens->tokens.ids[i], logits, err);
        }
    }
    free(masked.tokens.ids);
    free(logits);
    return status;
}

int attune_task_target(double *logp, struct attune_context *ctx,
                       const struct attune_task_tokens *tokens, const attune_token *target,
                       size_t n, struct attune_progress *progress, struct attune_error *err)
{
    const struct attune_model_info *info = attune_model_info(attune_context_model(ctx));
    struct attune_task_tokens both = *tokens;
    float *logits = NULL;
    int status = info->kind == ATTUNE_SEQ2SEQ
                     ? new_rows(&logits, 1, vocabulary(ctx), err)
                     : attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                        "a target is for encoder-decoders: %.80s is of kind %s",
                                        info->name, attune_model_kind_text(info->kind));

    both.decoder_ids = calloc(n + 1, sizeof *both.decoder_ids);
    both.n_decoder = n > 0 ? n : 1;
    if (status == ATTUNE_OK && !both.decoder_ids) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK) {
        both.decoder_ids[0] = info->decoder_start;
        memcpy(both.decoder_ids + 1, target, (n > 0 ? n - 1 : 0) * sizeof *target);
        status = attune_task_sync(ctx, &both, progress, err);
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        status = score_row(&logp[i], ctx, i, target[i], logits, err);
    }
    free(both.decoder_ids);
    free(logits);
    return status;
}
