/* A run that goes on from a token somebody put in. It is recorded as `run --fork` would have it: by
 * the run and the step it leaves, where there is one, so that what they share is stored once. */
#include <config.h>

#include "worker.h"

#include <stdlib.h>
#include <string.h>

/* The run whose own steps the token stands behind: the one on the screen, or one it forks itself.
 * 0: none was saved. */
static int find_origin(int64_t *out, struct attune_run_record *record, struct attune_store *store,
                       const struct job *job, struct attune_error *err)
{
    int64_t run = job->place ? 0 : job->run;
    int status = ATTUNE_OK;

    *out = 0;
    while (status == ATTUNE_OK && run > 0 && store) {
        attune_run_record_done(record);
        memset(record, 0, sizeof *record);
        status = attune_store_load_run(store, run, record, err);
        if (status == ATTUNE_OK && record->first_step <= job->put_in.index) {
            *out = run;
            break;
        }
        run = record->fork_of;
    }
    return status;
}

static void tell_started(struct worker *w, const struct job *job, int64_t run)
{
    struct event *event = event_new(EVENT_started);

    if (event) {
        event->job = JOB_fork;
        event->run = run;
        event->revision = job->revision;
        event->step_index = job->step;
        event->place = job->place;
        worker_tell(w, event);
    }
    event = event_new(EVENT_step);
    if (event) {
        event->step = job->put_in;
        event->step_index = job->step;
        worker_tell(w, event);
    }
}

/* What was composed, where the origin or the screen knows it. */
static const struct attune_prompt *composed(struct attune_prompt *out, const struct job *job,
                                            const struct attune_run_record *origin)
{
    if (origin->prompt_json && *origin->prompt_json) {
        return attune_prompt_from_json(out, origin->prompt_json, strlen(origin->prompt_json),
                                       NULL) == ATTUNE_OK
                   ? out
                   : NULL;
    }
    return job->prompt.n > 0 ? &job->prompt : NULL;
}

static int start(struct attune_run **out, struct worker *w, struct job *job,
                 struct attune_store *store, struct attune_error *err)
{
    struct attune_run_record origin = {0};
    struct attune_prompt blocks = {0};
    int64_t run = 0;
    int status = find_origin(&run, &origin, store, job, err);

    if (status == ATTUNE_OK) {
        const struct attune_run_options options = {
            .session = job->text,
            .prompt = composed(&blocks, job, &origin),
            .text = run ? NULL : job->as_sent,
            .text_len = run ? 0 : job->as_sent_len,
            .ids = job->ids,
            .n = job->n,
            .decoder_ids = job->decoder_ids,
            .n_decoder = job->n_decoder,
            .fork_of = run,
            .fork_steps = run ? (size_t)(job->put_in.index - origin.first_step) : 0,
            .generate = {.max_tokens = job->max_tokens,
                         .seed = job->seed,
                         .first_step = job->put_in.index + 1,
                         .ignore_end = origin.ignore_end,
                         .stops = (const char *const *)origin.stops,
                         .n_stops = origin.n_stops},
        };

        status = attune_run_start(out, w->ctx, job->chain, store, &options, &w->progress, err);
    }
    if (status == ATTUNE_OK) {
        tell_started(w, job, attune_run_id(*out));
        status = job_produce(w, *out, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_run_finish(*out, err);
    }
    attune_prompt_done(&blocks);
    attune_run_record_done(&origin);
    return status;
}

void job_fork(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_run *run = NULL;
    struct attune_store *store = w->settings.db_path ? job_store(w, &err) : NULL;
    int status;

    if (w->settings.db_path && !store) {
        worker_say(w, true, err.text); /* the fork goes on, unrecorded and said so */
    }
    status = w->ctx ? start(&run, w, job, store, &err)
                    : attune_error_set(&err, ATTUNE_ARGUMENT, 0, "no model is open");
    if (status != ATTUNE_OK) {
        worker_say(w, status != ATTUNE_CANCELLED,
                   err.text[0] ? err.text : attune_status_text(status));
    }
    attune_run_free(run);
}
