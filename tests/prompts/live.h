/* A small model with a tokenizer, a context and a chain for tests that generate. Included after
 * made.h. */
#ifndef ATTUNE_TESTS_LIVE_H
#define ATTUNE_TESTS_LIVE_H

#include <attune/run.h>

struct live {
    struct attune_model *model;
    struct attune_context *ctx;
    struct attune_chain *chain;
    struct attune_tokens tokens;
};

static inline void live_init(struct live *live, const char *model, const char *chain,
                             const char *text)
{
    const struct attune_tokenize_options special = {.add_special = true};
    const struct attune_context_options options = {.n_threads = 1};
    struct attune_error err;
    char path[1024];

    memset(live, 0, sizeof *live);
    snprintf(path, sizeof path, "%s/gguf/%s/model.gguf", getenv("ATTUNE_GOLDEN"), model);
    if (attune_model_open(&live->model, path, NULL, NULL, &err) ||
        attune_context_new(&live->ctx, live->model, &options, &err) ||
        attune_chain_parse(&live->chain, chain, &err) ||
        attune_tokenize(&live->tokens, attune_model_tokenizer(live->model), text, strlen(text),
                        &special, &err)) {
        fail_msg("%s", err.text);
    }
}

static inline void live_done(struct live *live)
{
    attune_tokens_done(&live->tokens);
    attune_chain_free(live->chain);
    attune_context_free(live->ctx);
    attune_model_close(live->model);
}

/* n steps of a run that begins with `options` (ids and text are filled in where they are missing);
 * `ended` says whether it is finished. Returns its number. */
static inline int64_t live_run(struct live *live, struct attune_store *store,
                               struct attune_run_options options, const char *text, bool ended)
{
    struct attune_run *run;
    struct attune_step step;
    struct attune_error err;
    int64_t id;
    int got;

    if (!options.ids) {
        options.ids = live->tokens.ids;
        options.n = live->tokens.n;
        options.text = text;
        options.text_len = text ? strlen(text) : 0;
    }
    options.session = "live";
    options.generate.ignore_end = true;
    if (attune_run_start(&run, live->ctx, live->chain, store, &options, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    while ((got = attune_run_next(run, &step, NULL, &err)) > 0) {
        assert_true(step.n_bytes <= ATTUNE_STEP_BYTES);
    }
    if (got < 0) {
        fail_msg("%s", err.text);
    }
    if (ended) {
        assert_int_equal(attune_run_finish(run, &err), 0);
    }
    id = attune_run_id(run);
    attune_run_free(run);
    return id;
}

#endif
