/* A run: a generation that is recorded as it comes. The same three calls serve the command line,
 * the worker of the TUI and replay: start, next until it says no, finish.
 *
 * One thread at a time. The run borrows context, chain and store (store may be NULL: not recorded);
 * nobody else may use that store from start to finish. */
#ifndef ATTUNE_RUN_H
#define ATTUNE_RUN_H

#include <attune/progress.h>
#include <attune/store.h>

struct attune_run;

struct attune_run_options {
    const char *session;                /* NULL: "default" */
    const struct attune_prompt *prompt; /* what was composed, or NULL */
    const char *text;                   /* as sent, or NULL if ids were given */
    size_t text_len;
    const attune_token *ids; /* [n] what the model reads */
    size_t n;
    const attune_token *decoder_ids; /* [n_decoder] for an encoder-decoder, or NULL */
    size_t n_decoder;
    int64_t fork_of;   /* a run whose prompt and first fork_steps steps begin the ids: they */
    size_t fork_steps; /* are stored once and text stays NULL; 0: none */
    bool fast;         /* the context was made with `fast`: recorded as such */
    struct attune_generate_options generate;
};

/* Brings the context to the ids (attune_context_sync) and writes down what begins here. */
int attune_run_start(struct attune_run **out, struct attune_context *ctx,
                     const struct attune_chain *chain, struct attune_store *store,
                     const struct attune_run_options *options, struct attune_progress *progress,
                     struct attune_error *err);
/* As attune_generation_next; the step survives the death of the program within 100 ms. A write that
 * failed is told by the next call, or by finish. */
int attune_run_next(struct attune_run *run, struct attune_step *out,
                    struct attune_progress *progress, struct attune_error *err);
/* Returns once every step that was handed out is in the store. */
int attune_run_flush(struct attune_run *run, struct attune_error *err);
int attune_run_finish(struct attune_run *run, struct attune_error *err);
void attune_run_free(struct attune_run *run); /* finishes as interrupted if nobody did */

int64_t attune_run_id(const struct attune_run *run);
const struct attune_generation *attune_run_generation(const struct attune_run *run);

/* Replay. Without a model the steps are read from the store (attune_store_load_steps). With one
 * they are computed again from the record alone and compared. */
struct attune_verdict {
    size_t steps, identical;
    int64_t first_difference; /* step number, or -1 */
    double max_logit_error;   /* over the recorded candidates of every step */
    bool model_differs, tokenizer_differs, engine_differs; /* fingerprints against the record */
    char what[240]; /* a sentence: what differs and what explains it */
};
int attune_replay_verify(struct attune_verdict *out, struct attune_store *store, int64_t run,
                         const struct attune_model *model, int n_threads,
                         struct attune_progress *progress, struct attune_error *err);

#endif
