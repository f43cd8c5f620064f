/* Replay with the model: every recorded step is drawn again in front of what was recorded before
 * it.
 *
 * As long as the draws agree one generation goes on; after one that does not, the next begins
 * behind the recorded token. So each step is judged by itself, and "all identical" is by induction
 * the same as generating the whole anew from prompt, chain and seed. */
#include <config.h>

#include <attune/run.h>

#include <attune/ablate.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

struct replay {
    const struct attune_run_record *record;
    const struct attune_step *steps; /* [n] as recorded */
    size_t n;
    struct attune_context *ctx;
    struct attune_chain *chain;
    struct attune_generation *gen;
    attune_token *ids; /* [n_prompt + n_decoder + n] what was read, then what was produced */
};

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)) || a == b;
}

/* What differs first in a step, or NULL. */
static const char *difference(const struct attune_step *was, const struct attune_step *is)
{
    return was->digest != is->digest             ? "its logits"
           : !same_bits(was->draw.u, is->draw.u) ? "its random number"
           : !same_bits(was->draw.low, is->draw.low) || !same_bits(was->draw.high, is->draw.high)
               ? "the interval that was drawn"
           : was->draw.id != is->draw.id                  ? "its draw"
           : was->id == was->draw.id && was->id != is->id ? "its token"
                                                          : NULL;
}

static double logit_error(const struct attune_step *was, const float *logits, size_t n_vocab)
{
    double worst = 0;

    for (size_t i = 0; i < was->n_top; i++) {
        double then = was->top[i].logit, now;

        if (was->top[i].id < 0 || (size_t)was->top[i].id >= n_vocab) {
            return INFINITY;
        }
        now = logits[was->top[i].id];
        if (!same_bits(then, now)) {
            worst = fmax(worst, isnan(then - now) ? INFINITY : fabs(then - now));
        }
    }
    return worst;
}

/* A generation whose first step is i, in front of all that was recorded before it. */
static int restart(struct replay *replay, size_t i, struct attune_progress *progress,
                   struct attune_error *err)
{
    const struct attune_run_record *r = replay->record;
    struct attune_generate_options options = {.max_tokens = replay->n - i,
                                              .seed = r->seed,
                                              .first_step = replay->steps[i].index,
                                              .ignore_end = true};
    struct attune_input input = {.ids = replay->ids, .n = r->n_prompt + i};
    int status;

    if (r->n_decoder) {
        input = (struct attune_input){.ids = replay->ids,
                                      .n = r->n_prompt,
                                      .decoder_ids = replay->ids + r->n_prompt,
                                      .n_decoder = r->n_decoder + i};
    }
    attune_generation_free(replay->gen);
    replay->gen = NULL;
    status = attune_context_sync(replay->ctx, &input, progress, err);
    return status == ATTUNE_OK
               ? attune_generation_start(&replay->gen, replay->ctx, replay->chain, &options, err)
               : status;
}

static int compare(struct attune_verdict *out, const char **what, struct replay *replay,
                   struct attune_progress *progress, struct attune_error *err)
{
    const struct attune_model *model = attune_context_model(replay->ctx);
    size_t n_vocab = (size_t)attune_model_info(model)->n_vocab;

    for (size_t i = 0; i < replay->n; i++) {
        struct attune_step again;
        const char *differs;
        int got, status = replay->gen ? ATTUNE_OK : restart(replay, i, progress, err);

        if (status != ATTUNE_OK) {
            return status;
        }
        got = attune_generation_next(replay->gen, &again, progress, err);
        if (got <= 0) {
            return got < 0
                       ? -got
                       : attune_error_set(err, ATTUNE_CANCELLED, 0, "the check was interrupted");
        }
        differs = difference(&replay->steps[i], &again);
        out->max_logit_error =
            fmax(out->max_logit_error,
                 logit_error(&replay->steps[i], attune_generation_logits(replay->gen), n_vocab));
        out->identical += !differs;
        if (differs && out->first_difference < 0) {
            out->first_difference = (int64_t)replay->steps[i].index;
            *what = differs;
        }
        if (again.id != replay->steps[i].id || again.stop != ATTUNE_STOP_NONE) {
            attune_generation_free(replay->gen);
            replay->gen = NULL;
        }
    }
    return ATTUNE_OK;
}

/* The first id that the model does not have, or ATTUNE_TOKEN_NONE. */
static attune_token unknown_id(const struct replay *replay, const struct attune_model *model)
{
    size_t n = replay->record->n_prompt + replay->record->n_decoder + replay->n;

    for (size_t i = 0; i < n; i++) {
        if (replay->ids[i] < 0 || replay->ids[i] >= attune_model_info(model)->n_vocab) {
            return replay->ids[i];
        }
    }
    return ATTUNE_TOKEN_NONE;
}

static int prepare(struct replay *replay, const struct attune_model *model, int n_threads,
                   struct attune_error *err)
{
    const struct attune_run_record *r = replay->record;
    struct attune_context_options options = {.n_context = (int)(r->n_prompt + replay->n + 1),
                                             .n_threads = n_threads,
                                             .no_queries = true,
                                             .fast = r->fast,
                                             .activations = attune_engine_activations(r->engine)};
    int status = attune_chain_parse(&replay->chain, r->chain, err);

    options.kv_type = attune_engine_kv_type(r->engine);
    if (r->n_decoder && r->n_decoder + replay->n + 1 > (size_t)options.n_context) {
        options.n_context = (int)(r->n_decoder + replay->n + 1);
    }
    if (attune_model_info(model)->n_context > 0 &&
        options.n_context > attune_model_info(model)->n_context) {
        options.n_context = attune_model_info(model)->n_context;
    }
    if (status == ATTUNE_OK) {
        status = attune_context_new(&replay->ctx, model, &options, err);
    }
    return status == ATTUNE_OK
               ? attune_context_ablate(replay->ctx, attune_chain_ablation(replay->chain), err)
               : status;
}

static int join_ids(struct replay *replay, struct attune_error *err)
{
    const struct attune_run_record *r = replay->record;
    attune_token *to = calloc(r->n_prompt + r->n_decoder + replay->n + 1, sizeof *to);

    replay->ids = to;
    if (!to) {
        return text_no_memory(err);
    }
    memcpy(to, r->prompt_ids, r->n_prompt * sizeof *to);
    if (r->n_decoder) {
        memcpy(to + r->n_prompt, r->decoder_ids, r->n_decoder * sizeof *to);
    }
    for (size_t i = 0; i < replay->n; i++) {
        to[r->n_prompt + r->n_decoder + i] = replay->steps[i].id;
    }
    return ATTUNE_OK;
}

/* The parts of two fingerprints ("attune 0.1.0; sums v1; kernel avx2") that differ. */
static void engine_difference(char *out, size_t capacity, const char *was, const char *is)
{
    size_t used = (size_t)snprintf(out, capacity, "another engine computed the record:");

    while ((*was || *is) && used < capacity) {
        size_t a = strcspn(was, ";"), b = strcspn(is, ";");

        if (a != b || memcmp(was, is, a) != 0) {
            used += (size_t)snprintf(out + used, capacity - used, " %.*s, here %.*s;", (int)a, was,
                                     (int)b, is);
        }
        was += a + (was[a] == ';');
        is += b + (is[b] == ';');
        was += strspn(was, " ");
        is += strspn(is, " ");
    }
    if (used < capacity && used > 0 && out[used - 1] == ';') {
        out[used - 1] = '\0';
    }
}

static void explain(struct attune_verdict *out, const char *what,
                    const struct attune_run_record *record)
{
    char engine[120];
    const char *why = out->model_differs       ? "the model is not the recorded one"
                      : out->tokenizer_differs ? "the tokenizer is not the recorded one"
                      : out->engine_differs    ? engine
                      : record->fast ? "the run was made with --fast, which promises no equal bits"
                                     : NULL;

    if (out->engine_differs) {
        engine_difference(engine, sizeof engine, record->engine, attune_engine_fingerprint());
    }
    if (out->first_difference < 0) {
        snprintf(out->what, sizeof out->what, "all %zu steps are identical%s%s", out->steps,
                 why ? ", though " : "", why ? why : "");
    } else {
        snprintf(
            out->what, sizeof out->what, "step %lld differs in %s: %s",
            (long long)out->first_difference, what,
            why ? why
                : "model, tokenizer and engine are the recorded ones, so the record was changed or "
                  "the machine computes otherwise");
    }
}

static int verify(struct attune_verdict *out, struct replay *replay,
                  const struct attune_model *model, int n_threads, struct attune_progress *progress,
                  struct attune_error *err)
{
    const struct attune_run_record *r = replay->record;
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    const char *what = "";
    attune_token unknown;
    int status = join_ids(replay, err);

    out->steps = replay->n;
    out->first_difference = -1;
    out->model_differs = r->model_digest != attune_model_digest(model);
    out->engine_differs =
        strncmp(r->engine, attune_engine_fingerprint(), strlen(attune_engine_fingerprint())) != 0;
    out->tokenizer_differs = r->tokenizer_digest != (tk ? attune_tokenizer_digest(tk) : 0);
    if (status != ATTUNE_OK) {
        return status;
    }
    unknown = unknown_id(replay, model);
    if (unknown != ATTUNE_TOKEN_NONE) {
        out->first_difference = (int64_t)r->first_step;
        out->max_logit_error = INFINITY;
        snprintf(out->what, sizeof out->what,
                 "the record uses token %d, the model has %d: it is not the recorded one",
                 (int)unknown, attune_model_info(model)->n_vocab);
        return ATTUNE_OK;
    }
    status = prepare(replay, model, n_threads, err);
    if (status == ATTUNE_OK) {
        status = compare(out, &what, replay, progress, err);
    }
    if (status == ATTUNE_OK) {
        explain(out, what, r);
    }
    return status;
}

int attune_replay_verify(struct attune_verdict *out, struct attune_store *store, int64_t run,
                         const struct attune_model *model, int n_threads,
                         struct attune_progress *progress, struct attune_error *err)
{
    struct attune_run_record record;
    struct attune_step *steps = NULL;
    struct replay replay = {.record = &record};
    int status = attune_store_load_run(store, run, &record, err);

    memset(out, 0, sizeof *out);
    if (status != ATTUNE_OK) {
        return status;
    }
    if (*record.origin) {
        status = attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                  "run %lld came from %s as text: it has no steps to prove",
                                  (long long)run, record.origin);
    }
    if (status == ATTUNE_OK) {
        status = attune_store_load_steps(store, run, &steps, &replay.n, err);
    }
    if (status == ATTUNE_OK) {
        replay.steps = steps;
        status = verify(out, &replay, model, n_threads, progress, err);
    }
    attune_generation_free(replay.gen);
    attune_context_free(replay.ctx);
    attune_chain_free(replay.chain);
    free(replay.ids);
    free(steps);
    attune_run_record_done(&record);
    return status;
}
