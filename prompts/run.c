/* A run: generation and record in step. What next hands out is on its way into the file and there
 * within 100 ms (record.h), so whatever happens to the program, the record has what was seen. */
#include <config.h>

#include <attune/run.h>

#include <attune/ablate.h>

#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "text.h"

struct attune_run {
    struct attune_generation *gen;
    struct attune_store *store; /* or NULL */
    struct recorder *recorder;  /* has the store while steps come; NULL without one */
    int64_t id;
    bool failed, finished;
};

/* Bytes of ids that a fork puts in behind the steps it keeps. */
static void add_tokens(struct text *out, const struct attune_tokenizer *tk, const attune_token *ids,
                       size_t n)
{
    char small[256];

    for (size_t i = 0; tk && i < n; i++) {
        size_t len = attune_token_bytes(tk, ids[i], small, sizeof small);

        if (len <= sizeof small) {
            text_add(out, small, len);
        } else {
            char *large = malloc(len);

            out->failed = out->failed || !large;
            text_add(out, large, large ? attune_token_bytes(tk, ids[i], large, len) : 0);
            free(large);
        }
    }
}

/* The text of a fork: what its origin had read, the steps it keeps, the tokens put in. */
static int fork_text(struct text *out, struct attune_store *store,
                     const struct attune_run_options *options, const struct attune_tokenizer *tk,
                     struct attune_error *err)
{
    struct attune_run_record origin;
    struct attune_step *steps = NULL;
    size_t n = 0, kept;
    int status = attune_store_load_run(store, options->fork_of, &origin, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    text_add(out, origin.prompt_text, origin.prompt_text_len);
    kept = origin.n_prompt + options->fork_steps;
    if (origin.n_decoder == 0) {
        status = attune_store_load_steps(store, options->fork_of, &steps, &n, err);
        for (size_t i = 0; i < n && i < options->fork_steps; i++) {
            text_add(out, steps[i].bytes, steps[i].n_bytes);
        }
        if (kept < options->n) {
            add_tokens(out, tk, options->ids + kept, options->n - kept);
        }
    }
    free(steps);
    attune_run_record_done(&origin);
    return status == ATTUNE_OK && out->failed ? text_no_memory(err) : status;
}

static int chain_text(char **out, const struct attune_chain *chain, struct attune_error *err)
{
    size_t len = attune_chain_text(chain, NULL, 0);

    *out = malloc(len + 1);
    if (!*out) {
        return text_no_memory(err);
    }
    attune_chain_text(chain, *out, len + 1);
    return ATTUNE_OK;
}

/* Begins the record. Its strings are borrowed from where they stand: only `created` is its own. */
static int begin(struct attune_run *run, const struct attune_context *ctx,
                 const struct attune_chain *chain, const struct attune_run_options *options,
                 struct attune_error *err)
{
    const struct attune_model *model = attune_context_model(ctx);
    const struct attune_model_info *info = attune_model_info(model);
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    struct text text = {0};
    char *json = NULL, *chained = NULL;
    struct attune_run_record record = {
        .session = (char *)(options->session ? options->session : "default"),
        .model_path = (char *)info->path,
        .model_name = (char *)info->name,
        .model_family = (char *)info->family,
        .model_digest = attune_model_digest(model),
        .tokenizer_digest = tk ? attune_tokenizer_digest(tk) : 0,
        .engine = (char *)attune_context_engine(ctx),
        .fast = options->fast,
        .prompt_text = (char *)options->text,
        .prompt_text_len = options->text_len,
        .prompt_ids = (attune_token *)options->ids,
        .n_prompt = options->n,
        .decoder_ids = (attune_token *)options->decoder_ids,
        .n_decoder = options->n_decoder,
        .fork_of = options->fork_of,
        .fork_steps = options->fork_steps,
        .seed = options->generate.seed,
        .first_step = options->generate.first_step,
        .max_tokens = options->generate.max_tokens,
        .ignore_end = options->generate.ignore_end,
        .stops = (char **)options->generate.stops,
        .n_stops = options->generate.n_stops,
    };
    int status = chain_text(&chained, chain, err);

    if (info->kind == ATTUNE_SEQ2SEQ && !record.n_decoder) { /* what it began with by itself */
        record.decoder_ids = (attune_token *)attune_context_tokens(ctx);
        record.n_decoder = attune_context_length(ctx);
    }
    if (status == ATTUNE_OK && options->prompt) {
        status = attune_prompt_to_json(&json, options->prompt, err);
    }
    if (status == ATTUNE_OK && options->fork_of && !options->text) {
        status = fork_text(&text, run->store, options, tk, err);
        record.prompt_text = text.data;
        record.prompt_text_len = text.len;
    }
    if (status == ATTUNE_OK) {
        record.prompt_json = json;
        record.chain = chained;
        status = attune_store_begin_run(run->store, &record, err);
        run->id = record.id;
    }
    free(record.created);
    free(json);
    free(chained);
    text_done(&text);
    return status;
}

int attune_run_start(struct attune_run **out, struct attune_context *ctx,
                     const struct attune_chain *chain, struct attune_store *store,
                     const struct attune_run_options *options, struct attune_progress *progress,
                     struct attune_error *err)
{
    struct attune_input input = {.ids = options->ids,
                                 .n = options->n,
                                 .decoder_ids = options->decoder_ids,
                                 .n_decoder = options->n_decoder};
    struct attune_run *run = calloc(1, sizeof *run);
    int status;

    *out = NULL;
    if (!run) {
        return text_no_memory(err);
    }
    run->store = store;
    status = attune_context_ablate(ctx, attune_chain_ablation(chain), err);
    if (status == ATTUNE_OK) {
        status = attune_context_sync(ctx, &input, progress, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_generation_start(&run->gen, ctx, chain, &options->generate, err);
    }
    if (status == ATTUNE_OK && store) {
        status = begin(run, ctx, chain, options, err);
        if (status == ATTUNE_OK) {
            status = recorder_open(&run->recorder, store, run->id, err);
            if (status != ATTUNE_OK) {
                attune_store_end_run(store, run->id, ATTUNE_STOP_ERROR, "", 0, NULL);
            }
        }
    }
    if (status != ATTUNE_OK) {
        run->finished = true; /* nothing was begun */
        attune_run_free(run);
        return status;
    }
    *out = run;
    return ATTUNE_OK;
}

int attune_run_next(struct attune_run *run, struct attune_step *out,
                    struct attune_progress *progress, struct attune_error *err)
{
    int got, status;

    if (run->failed || run->finished) {
        return 0;
    }
    got = attune_generation_next(run->gen, out, progress, err);
    if (got > 0 && run->recorder) {
        status = recorder_add(run->recorder, out, err);
        got = status == ATTUNE_OK ? got : -status;
    }
    run->failed = got < 0;
    return got;
}

int attune_run_flush(struct attune_run *run, struct attune_error *err)
{
    return run->recorder ? recorder_flush(run->recorder, err) : ATTUNE_OK;
}

int attune_run_finish(struct attune_run *run, struct attune_error *err)
{
    enum attune_stop stop = attune_generation_stop(run->gen);
    int status, ended;
    const char *output;
    size_t len;

    if (run->finished) {
        return ATTUNE_OK;
    }
    run->finished = true;
    if (!run->store) {
        return ATTUNE_OK;
    }
    status = recorder_close(run->recorder, err);
    run->recorder = NULL;
    stop = run->failed || status      ? ATTUNE_STOP_ERROR
           : stop == ATTUNE_STOP_NONE ? ATTUNE_STOP_INTERRUPTED
                                      : stop;
    output = attune_generation_output(run->gen, &len);
    ended = attune_store_end_run(run->store, run->id, stop, output ? output : "", len,
                                 status ? NULL : err);
    return status ? status : ended;
}

void attune_run_free(struct attune_run *run)
{
    if (run) {
        if (!run->finished) {
            attune_run_finish(run, NULL);
        }
        recorder_close(run->recorder, NULL);
        attune_generation_free(run->gen);
        free(run);
    }
}

int64_t attune_run_id(const struct attune_run *run)
{
    return run->id;
}

const struct attune_generation *attune_run_generation(const struct attune_run *run)
{
    return run->gen;
}
