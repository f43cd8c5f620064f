/* Generation: the drawn token enters the context, its logits come out, the chain and the seed draw
 * the next one, and everything that explains the draw goes into the step.
 *
 *     context: prompt ... t0 t1        pending: t2
 *     next:    append t2, logits of its position -> digest -> chain -> u = rng(seed, index) -> t3
 *
 * The newest token stays outside the context until another is asked for: the last one costs no
 * pass. */
#include <config.h>

#include "engine/model.h"
#include "stops.h"

#include <attune/constraint.h>
#include <attune/digest.h>
#include <attune/generate.h>
#include <attune/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct attune_generation {
    struct attune_context *ctx;
    const struct attune_chain *chain;
    const struct attune_model *model;
    const struct attune_tokenizer *tk; /* or NULL */
    struct attune_generate_options options;
    struct stops stops;
    struct attune_constraint *constraint; /* or NULL */
    struct attune_trace trace;
    float *logits; /* [V] */
    size_t n_vocab;
    char *piece; /* [max_piece] bytes of one token */
    size_t max_piece;
    size_t made;
    attune_token pending; /* drawn, not in the context yet */
    bool begins;          /* nothing stands before the text, and nothing of it is there yet */
    enum attune_stop stop;
};

const char *attune_stop_text(enum attune_stop stop)
{
    static const char *const texts[] = {
        [ATTUNE_STOP_NONE] = "",
        [ATTUNE_STOP_LENGTH] = "length",
        [ATTUNE_STOP_EOS] = "eos",
        [ATTUNE_STOP_TEXT] = "stop",
        [ATTUNE_STOP_INTERRUPTED] = "interrupted",
        [ATTUNE_STOP_ERROR] = "error",
    };
    _Static_assert(sizeof texts / sizeof *texts == ATTUNE_STOP_COUNT, "a text for every reason");

    return (size_t)stop < ATTUNE_STOP_COUNT ? texts[stop] : "";
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static size_t longest_piece(const struct attune_tokenizer *tk)
{
    char none[1];
    size_t longest = 1, n = tk ? attune_tokenizer_size(tk) : 0;

    for (size_t id = 0; id < n; id++) {
        size_t len = attune_token_bytes(tk, (attune_token)id, none, 0);

        longest = len > longest ? len : longest;
    }
    return longest;
}

/* Steps that fit: each but the last takes a position. */
static size_t most_steps(const struct attune_generation *gen)
{
    size_t left = attune_context_capacity(gen->ctx) - attune_context_length(gen->ctx) + 1;

    return gen->options.max_tokens < left ? gen->options.max_tokens : left;
}

/* A fork goes on with the text of its origin: the last first_step tokens. */
static int constrain(struct attune_generation *gen, struct attune_error *err)
{
    const char *spec = attune_chain_constraint(gen->chain);
    const attune_token *ids = attune_context_tokens(gen->ctx);
    size_t n = attune_context_length(gen->ctx),
           made = gen->options.first_step < n ? (size_t)gen->options.first_step : n;
    bool begins = attune_model_info(gen->model)->kind == ATTUNE_SEQ2SEQ && n - made <= 1;
    int status = ATTUNE_OK;

    if (spec) {
        status = attune_constraint_new(&gen->constraint, spec, gen->model, begins, err);
    }
    for (size_t i = n - made; spec && status == ATTUNE_OK && i < n; i++) {
        status = attune_constraint_advance(gen->constraint, ids[i], err);
    }
    return status;
}

static int prepare(struct attune_generation *gen, struct attune_error *err)
{
    const struct attune_generate_options *options = &gen->options;
    size_t steps = most_steps(gen);
    int status;

    if (attune_model_info(gen->model)->kind == ATTUNE_ENCODER) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "%.80s is an encoder, which does not go on from a text: ask it to fill "
            "a mask, or what else its head does",
            attune_model_info(gen->model)->name);
    }
    if (attune_context_length(gen->ctx) == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the prompt is empty: generation needs at least one token");
    }
    if (options->n_stops > 0 && !gen->tk) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the model has no tokenizer: stop texts cannot be matched");
    }
    status = attune_chain_check(gen->chain, gen->n_vocab, err);
    if (status == ATTUNE_OK) {
        status = attune_trace_init(&gen->trace, gen->n_vocab, err);
    }
    if (status == ATTUNE_OK) {
        status = constrain(gen, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    gen->max_piece = longest_piece(gen->tk);
    gen->piece = malloc(gen->max_piece);
    gen->logits = calloc(gen->n_vocab, sizeof *gen->logits);
    if (!gen->piece || !gen->logits || steps > SIZE_MAX / gen->max_piece) {
        return attune_error_set(err, ATTUNE_MEMORY, 0,
                                "out of memory for a generation of %zu tokens", steps);
    }
    return stops_init(&gen->stops, options->stops, options->n_stops,
                      gen->tk ? steps * gen->max_piece : 0, gen->max_piece, err);
}

int attune_generation_start(struct attune_generation **out, struct attune_context *ctx,
                            const struct attune_chain *chain,
                            const struct attune_generate_options *options, struct attune_error *err)
{
    struct attune_generation *gen = calloc(1, sizeof *gen);
    int status;

    *out = NULL;
    if (!gen) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a generation");
    }
    gen->ctx = ctx;
    gen->chain = chain;
    gen->model = attune_context_model(ctx);
    gen->tk = attune_model_tokenizer(gen->model);
    gen->n_vocab = (size_t)attune_model_info(gen->model)->n_vocab;
    gen->options = *options;
    gen->pending = ATTUNE_TOKEN_NONE;
    gen->begins =
        attune_model_info(gen->model)->kind == ATTUNE_SEQ2SEQ && attune_context_length(ctx) == 1;
    status = prepare(gen, err);
    gen->options.stops = NULL; /* copied by now */
    if (status != ATTUNE_OK) {
        attune_generation_free(gen);
        return status;
    }
    *out = gen;
    return ATTUNE_OK;
}

void attune_generation_free(struct attune_generation *gen)
{
    if (gen) {
        attune_trace_done(&gen->trace);
        stops_done(&gen->stops);
        attune_constraint_free(gen->constraint);
        free(gen->logits);
        free(gen->piece);
        free(gen);
    }
}

/* What the logits and the chain say about the token that was drawn. */
static void describe(struct attune_step *step, const struct attune_trace *trace,
                     const float *logits)
{
    attune_token id = step->draw.id;

    step->id = id;
    step->logit = logits[id];
    step->p = trace->p[id];
    step->p_raw = attune_dist_p(&trace->raw, logits[id]);
    step->rank = (uint32_t)attune_dist_rank(logits, trace->n_vocab, id);
    step->entropy_bits = attune_bits(trace->raw.entropy);
    step->logsumexp = trace->raw.logsumexp;
    step->n_kept = (uint32_t)trace->n_kept;
    step->kept_mass = trace->kept_mass;
    step->n_top =
        (uint8_t)(trace->raw.n_top < ATTUNE_STEP_TOP ? trace->raw.n_top : ATTUNE_STEP_TOP);
    memcpy(step->top, trace->raw.top, step->n_top * sizeof *step->top);
    step->n_stages = (uint8_t)trace->n_stages;
    for (size_t i = 0; i < trace->n_stages; i++) {
        step->stage[i].survivors = (uint32_t)trace->stage[i].survivors;
        step->stage[i].mass = (float)trace->stage[i].mass;
        step->stage[i].entropy_bits = (float)trace->stage[i].entropy_bits;
    }
}

/* Logits of the newest position into gen->logits. */
static int evaluate(struct attune_generation *gen, struct attune_progress *progress,
                    struct attune_error *err)
{
    attune_token never = gen->model->recipe.never;
    int status = ATTUNE_OK;

    if (gen->pending != ATTUNE_TOKEN_NONE) {
        status = attune_context_append(gen->ctx, &gen->pending, 1, progress, err);
        if (status != ATTUNE_OK) {
            return status;
        }
        gen->pending = ATTUNE_TOKEN_NONE;
    }
    status =
        attune_context_logits(gen->ctx, attune_context_length(gen->ctx) - 1, 1, gen->logits, err);
    if (status == ATTUNE_OK && never != ATTUNE_TOKEN_NONE) {
        gen->logits[never] = -INFINITY;
    }
    return status;
}

static bool is_end(const struct attune_generation *gen, attune_token id)
{
    return !gen->options.ignore_end && attune_model_is_end(gen->model, id);
}

/* The token's bytes into gen->piece. A text that begins here, as that of an encoder-decoder does,
 * begins as the tokenizer has it: without the space that a word has after another. */
static size_t bytes_of(struct attune_generation *gen, attune_token id)
{
    size_t len = attune_token_bytes(gen->tk, id, gen->piece, gen->max_piece), alone_len;
    char *alone;

    if (!gen->begins || len == 0 || attune_token_kind(gen->tk, id) == ATTUNE_TOKEN_SPECIAL) {
        return len;
    }
    gen->begins = false;
    if (attune_detokenize(&alone, &alone_len, gen->tk, &id, 1, false, false, NULL) == ATTUNE_OK) {
        if (alone_len < len) {
            memcpy(gen->piece, alone, alone_len);
            len = alone_len;
        }
        free(alone);
    }
    return len;
}

/* Adds the token to the text; true if that completed a stop. The text is what a reader sees: end
 * and control tokens are not part of it, but one whose spelling is a stop text ends it too. */
static bool add_text(struct attune_generation *gen, struct attune_step *step)
{
    const char *spelling;
    size_t len;

    if (!gen->tk) {
        return false;
    }
    len = bytes_of(gen, step->id);
    step->n_bytes = (uint8_t)(len < ATTUNE_STEP_BYTES ? len : ATTUNE_STEP_BYTES);
    memcpy(step->bytes, gen->piece, step->n_bytes);
    if (is_end(gen, step->id)) {
        return false;
    }
    if (attune_token_kind(gen->tk, step->id) != ATTUNE_TOKEN_SPECIAL) {
        return stops_add(&gen->stops, gen->piece, len);
    }
    spelling = attune_token_piece(gen->tk, step->id);
    return spelling && stops_has(&gen->stops, spelling);
}

static enum attune_stop why_last(const struct attune_generation *gen,
                                 const struct attune_step *step, bool stop_text)
{
    if (is_end(gen, step->id)) {
        return ATTUNE_STOP_EOS;
    }
    if (stop_text) {
        return ATTUNE_STOP_TEXT;
    }
    return gen->made == gen->options.max_tokens ||
                   attune_context_length(gen->ctx) >= attune_context_capacity(gen->ctx)
               ? ATTUNE_STOP_LENGTH
               : ATTUNE_STOP_NONE;
}

static int end(struct attune_generation *gen, enum attune_stop stop, int result)
{
    gen->stop = stop;
    stops_flush(&gen->stops);
    return result;
}

static int mask(struct attune_generation *gen, struct attune_error *err)
{
    size_t n;

    return gen->constraint ? attune_constraint_mask(&gen->trace.allowed, &n, gen->constraint, err)
                           : ATTUNE_OK;
}

static int refuse(const struct attune_generation *gen, const struct attune_step *step,
                  struct attune_error *err)
{
    size_t len;
    const char *text = attune_constraint_text(gen->constraint, &len);

    return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                            "step %llu: no token of the vocabulary keeps to the constraint %.60s "
                            "after \"%s%.40s\"%s",
                            (unsigned long long)step->index, attune_chain_constraint(gen->chain),
                            len > 40 ? "..." : "", len > 40 ? text + len - 40 : text,
                            " (or those that do are banned)");
}

/* Chain, draw and evidence over gen->logits. */
static int sample(struct attune_generation *gen, struct attune_step *step, struct attune_error *err)
{
    int status;

    step->index = gen->options.first_step + gen->made;
    step->digest = attune_digest_of(gen->logits, gen->n_vocab * sizeof *gen->logits, 0);
    status = mask(gen, err);
    if (status != ATTUNE_OK) {
        return status;
    }
    attune_chain_apply(&gen->trace, gen->chain, gen->logits, attune_context_tokens(gen->ctx),
                       attune_context_length(gen->ctx));
    if (gen->trace.raw.max_logit == -INFINITY) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "step %llu: all logits are NaN or -inf: the weights or the "
                                "input are broken",
                                (unsigned long long)step->index);
    }
    if (gen->trace.allowed && gen->trace.rescued) {
        return refuse(gen, step, err);
    }
    attune_trace_draw(&step->draw, &gen->trace, attune_rng_uniform(gen->options.seed, step->index));
    describe(step, &gen->trace, gen->logits);
    return gen->constraint ? attune_constraint_advance(gen->constraint, step->id, err) : ATTUNE_OK;
}

int attune_generation_next(struct attune_generation *gen, struct attune_step *out,
                           struct attune_progress *progress, struct attune_error *err)
{
    double start = now_ms(), evaluated;
    int status;

    memset(out, 0, sizeof *out);
    if (gen->stop != ATTUNE_STOP_NONE) {
        return 0;
    }
    if (gen->options.max_tokens == 0) {
        return end(gen, ATTUNE_STOP_LENGTH, 0);
    }
    status = progress && atomic_load(&progress->cancel) ? ATTUNE_CANCELLED
                                                        : evaluate(gen, progress, err);
    evaluated = now_ms();
    if (status == ATTUNE_CANCELLED) {
        return end(gen, ATTUNE_STOP_INTERRUPTED, 0);
    }
    if (status == ATTUNE_OK) {
        status = sample(gen, out, err);
    }
    if (status != ATTUNE_OK) {
        return end(gen, ATTUNE_STOP_ERROR, -status);
    }
    gen->made++;
    gen->pending = out->id;
    out->eval_ms = evaluated - start;
    out->sample_ms = now_ms() - evaluated;
    out->stop = why_last(gen, out, add_text(gen, out));
    if (out->stop == ATTUNE_STOP_NONE && gen->constraint) {
        bool finished;

        status = attune_constraint_finished(&finished, gen->constraint, err);
        if (status != ATTUNE_OK) {
            return end(gen, ATTUNE_STOP_ERROR, -status);
        }
        out->stop = finished ? ATTUNE_STOP_TEXT : ATTUNE_STOP_NONE;
    }
    if (out->stop != ATTUNE_STOP_NONE) {
        end(gen, out->stop, 0);
    }
    return 1;
}

const struct attune_trace *attune_generation_trace(const struct attune_generation *gen)
{
    return &gen->trace;
}

const float *attune_generation_logits(const struct attune_generation *gen)
{
    return gen->logits;
}

const char *attune_generation_output(const struct attune_generation *gen, size_t *len)
{
    if (len) {
        *len = gen->stops.len;
    }
    return gen->stops.text;
}

enum attune_stop attune_generation_stop(const struct attune_generation *gen)
{
    return gen->stop;
}
