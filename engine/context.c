/* A context: the tokens it holds, and how it follows a new input by its common prefix. */
#include <config.h>

#include "engine/context.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/ablate.h"
#include "engine/activations.h"
#include "engine/arena.h"
#include "engine/attend.h"
#include "engine/cache.h"
#include "engine/gemm.h"

const char *attune_stack_text(enum attune_stack stack)
{
    static const char *const texts[] = {"self", "encoder", "decoder", "cross"};

    _Static_assert(sizeof texts / sizeof *texts == ATTUNE_STACK_COUNT, "a text for every stack");
    return stack >= 0 && stack < ATTUNE_STACK_COUNT ? texts[stack] : "unknown";
}

int attune_context_new(struct attune_context **out, const struct attune_model *model,
                       const struct attune_context_options *options, struct attune_error *err)
{
    static const struct attune_context_options defaults;
    struct attune_context *ctx = calloc(1, sizeof *ctx);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int status;

    *out = NULL;
    if (!ctx) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    options = options ? options : &defaults;
    ctx->model = model;
    ctx->recipe = &model->recipe;
    ctx->fast = options->fast;
    ctx->keep_queries = !options->no_queries;
    ctx->keep_hidden = options->keep_hidden;
    ctx->main.stack = &ctx->recipe->main;
    ctx->encoder.stack = &ctx->recipe->encoder;
    status = kernels_pick(&ctx->kernel, err);
    if (status == ATTUNE_OK) {
        status = activations_choose(ctx, options->activations, err);
    }
    if (status == ATTUNE_OK) {
        status = cache_choose(ctx, options->kv_type, err);
    }
    if (status == ATTUNE_OK && !ctx->recipe->embedding.data) {
        status =
            attune_error_set(err, ATTUNE_ARGUMENT, 0, "the model was opened for its header only");
    }
    if (status == ATTUNE_OK) {
        status = team_new(&ctx->team,
                          options->n_threads > 0 ? options->n_threads
                          : cores > 0            ? (int)cores
                                                 : 1,
                          err);
    }
    if (status == ATTUNE_OK) {
        status = arena_make(ctx, options->n_context, err);
    }
    if (status == ATTUNE_OK) {
        status = model_settle(model, ctx->team, options->progress, err);
    }
    if (status != ATTUNE_OK) {
        attune_context_free(ctx);
        return status;
    }
    if (ctx->fast) {
        gemm_start();
    }
    attend_start(ctx, &ctx->main);
    if (ctx->encoder.capacity > 0) {
        attend_start(ctx, &ctx->encoder);
    }
    *out = ctx;
    return ATTUNE_OK;
}

void attune_context_free(struct attune_context *ctx)
{
    if (ctx) {
        team_free(ctx->team);
        ablation_free(ctx->ablation);
        arena_free(ctx);
        free(ctx);
    }
}

/* ---- what it holds
 * --------------------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int check_tokens(const struct attune_context *ctx, const struct side *side,
                        const attune_token *ids, size_t n, size_t before, struct attune_error *err)
{
    if (n > side->capacity - before) {
        return attune_error_set(
            err, ATTUNE_FULL, 0,
            "%zu tokens do not fit the context of %zu: shorten the prompt or give a larger "
            "--context",
            before + n, side->capacity);
    }
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= ctx->recipe->embedding.rows) {
            return attune_error_set(err, ATTUNE_ARGUMENT, i,
                                    "token %zu is %d: the model knows ids from 0 to %d", i,
                                    (int)ids[i], ctx->recipe->embedding.rows - 1);
        }
    }
    return ATTUNE_OK;
}

/* The first `n` positions stay. */
static void keep(struct side *side, size_t n)
{
    side->n = side->n_keys = n;
}

/* Is this an input for such a model? Nothing has changed yet if not. */
static int check_input(const struct attune_context *ctx, const struct side *reader,
                       const struct attune_input *input, struct attune_error *err)
{
    const struct matrix *segments = &reader->stack->segments;
    size_t seen = 0;
    int status = check_tokens(ctx, reader, input->ids, input->n, 0, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (input->type_ids && !matrix_there(segments)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "this model tells no segments apart: it takes no type ids");
    }
    if (input->decoder_ids && ctx->encoder.capacity == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "this model has one stack: it takes no decoder ids");
    }
    for (size_t i = 0; i < input->n; i++) {
        if (input->type_ids && input->type_ids[i] >= segments->rows) {
            return attune_error_set(err, ATTUNE_ARGUMENT, i,
                                    "type id %zu is %d: this model knows 0 to %d", i,
                                    input->type_ids[i], segments->rows - 1);
        }
        seen += !input->mask || input->mask[i];
    }
    if (seen < input->n && (reader->stack->causal || seen == 0)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                seen ? "a decoder reads every token: none may be masked"
                                     : "every token is masked: there is nothing to read");
    }
    return input->decoder_ids
               ? check_tokens(ctx, &ctx->main, input->decoder_ids, input->n_decoder, 0, err)
               : ATTUNE_OK;
}

/* Evaluates what follows position side->n, chunk by chunk. */
static int extend(struct attune_context *ctx, struct side *side, const attune_token *ids, size_t n,
                  struct attune_progress *progress, struct attune_error *err)
{
    size_t most = side->stack->causal ? CHUNK : n;
    int status = ATTUNE_OK;

    while (n > 0 && status == ATTUNE_OK) {
        size_t count = n < most ? n : most;

        memcpy(side->tokens + side->n, ids, count * sizeof *ids);
        status = forward(ctx, side, count, progress, err);
        if (status == ATTUNE_OK) {
            ctx->stats.evaluated += count;
            ids += count;
            n -= count;
        }
    }
    return status;
}

/* A stack whose tokens see those before them: the common prefix stays. */
static int follow(struct attune_context *ctx, struct side *side, const attune_token *ids, size_t n,
                  struct attune_progress *progress, struct attune_error *err)
{
    size_t common = 0;

    while (common < side->n && common < n && side->tokens[common] == ids[common]) {
        common++;
    }
    keep(side, common);
    ctx->stats.reused += common;
    return extend(ctx, side, ids + common, n - common, progress, err);
}

/* A stack whose tokens see each other: all of it stays, or nothing. *fresh: it was evaluated. */
static int read_whole(struct attune_context *ctx, struct side *side,
                      const struct attune_input *input, bool *fresh,
                      struct attune_progress *progress, struct attune_error *err)
{
    bool same = side->n == input->n && input->n > 0 &&
                memcmp(side->tokens, input->ids, input->n * sizeof *input->ids) == 0;

    for (size_t i = 0; i < input->n && same; i++) {
        same = side->types[i] == (input->type_ids ? input->type_ids[i] : 0) &&
               side->padded[i] == (input->mask && !input->mask[i]);
    }
    *fresh = !same;
    if (same) {
        ctx->stats.reused += side->n;
        return ATTUNE_OK;
    }
    keep(side, 0);
    side->masked = false;
    for (size_t i = 0; i < input->n; i++) {
        side->types[i] = input->type_ids ? input->type_ids[i] : 0;
        side->padded[i] = input->mask && !input->mask[i];
        side->masked = side->masked || side->padded[i];
    }
    return extend(ctx, side, input->ids, input->n, progress, err);
}

static int read_both(struct attune_context *ctx, const struct attune_input *input,
                     struct attune_progress *progress, struct attune_error *err)
{
    attune_token start = ctx->recipe->decoder_start;
    bool fresh;
    int status = read_whole(ctx, &ctx->encoder, input, &fresh, progress, err);

    if (fresh) {
        keep(&ctx->main, 0); /* it looked at another text */
    }
    if (status == ATTUNE_OK && fresh && input->n > 0) {
        forward_memory(ctx);
    }
    if (status != ATTUNE_OK || input->n == 0) {
        return status;
    }
    return input->decoder_ids
               ? follow(ctx, &ctx->main, input->decoder_ids, input->n_decoder, progress, err)
               : follow(ctx, &ctx->main, &start, 1, progress, err);
}

/* So many tokens are to go through the encoder and through main, at most. */
static void start_count(struct attune_context *ctx, size_t n_encoder, size_t n_main,
                        struct attune_progress *progress)
{
    ctx->stats.reused = ctx->stats.evaluated = 0;
    if (progress) {
        atomic_store(&progress->done, 0);
        atomic_store(&progress->total, n_encoder * (size_t)ctx->recipe->encoder.n_layers +
                                           n_main * (size_t)ctx->recipe->main.n_layers);
    }
}

int attune_context_sync(struct attune_context *ctx, const struct attune_input *input,
                        struct attune_progress *progress, struct attune_error *err)
{
    bool two = ctx->encoder.capacity > 0, fresh;
    double start = now_ms();
    int status = check_input(ctx, two ? &ctx->encoder : &ctx->main, input, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    start_count(ctx, two ? input->n : 0, two ? input->n_decoder + 1 : input->n, progress);
    if (two) {
        status = read_both(ctx, input, progress, err);
    } else if (ctx->main.stack->causal) {
        status = follow(ctx, &ctx->main, input->ids, input->n, progress, err);
    } else {
        status = read_whole(ctx, &ctx->main, input, &fresh, progress, err);
    }
    ctx->stats.eval_ms = now_ms() - start;
    return status;
}

int attune_context_append(struct attune_context *ctx, const attune_token *ids, size_t n,
                          struct attune_progress *progress, struct attune_error *err)
{
    struct side *side = &ctx->main;
    double start = now_ms();
    int status = check_tokens(ctx, side, ids, n, side->n, err);

    if (status == ATTUNE_OK && !side->stack->causal) {
        status =
            attune_error_set(err, ATTUNE_ARGUMENT, 0,
                             "an encoder reads its input as a whole: nothing can be added to it");
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    start_count(ctx, 0, n, progress);
    ctx->stats.reused = side->n;
    status = extend(ctx, side, ids, n, progress, err);
    ctx->stats.eval_ms = now_ms() - start;
    return status;
}

void attune_context_truncate(struct attune_context *ctx, size_t n)
{
    if (n < ctx->main.n) {
        keep(&ctx->main, ctx->main.stack->causal ? n : 0);
    }
}

size_t attune_context_length(const struct attune_context *ctx)
{
    return ctx->main.n;
}

size_t attune_context_capacity(const struct attune_context *ctx)
{
    return ctx->main.capacity;
}

int attune_context_threads(const struct attune_context *ctx)
{
    return team_threads(ctx->team);
}

const attune_token *attune_context_tokens(const struct attune_context *ctx)
{
    return ctx->main.tokens;
}

const attune_token *attune_context_encoder_tokens(const struct attune_context *ctx, size_t *n)
{
    *n = ctx->encoder.n;
    return ctx->encoder.tokens;
}

const struct attune_model *attune_context_model(const struct attune_context *ctx)
{
    return ctx->model;
}

struct attune_context_stats attune_context_stats(const struct attune_context *ctx)
{
    const struct side *sides[] = {&ctx->main, &ctx->encoder};
    struct attune_context_stats stats = ctx->stats;

    stats.bytes = ctx->arena_bytes;
    stats.query_bytes = stats.kv_bytes = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct stack *stack = sides[i]->stack;
        uint64_t n = (uint64_t)stack->n_layers * sides[i]->capacity *
                     (sides[i]->cross.queries ? 2 : 1);

        stats.kv_bytes += 2 * n * (uint64_t)stack->n_kv_heads * cache_row_bytes(ctx, stack);
        if (ctx->keep_queries) {
            stats.query_bytes += n * (uint64_t)stack->n_heads * (uint64_t)stack->head_dim *
                                 sizeof(float);
        }
    }
    return stats;
}
