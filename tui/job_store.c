/* What the worker does with saved runs beyond listing and replaying them. */
#include <config.h>

#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare(struct worker *w, const struct job *job, struct attune_compare *out,
                   struct attune_error *err)
{
    struct attune_store *store = job_store(w, err);
    int status = store ? attune_compare_runs(out, store, job->runs, job->n_runs, err) : err->status;

    if (status == ATTUNE_OK && w->model) {
        status = attune_compare_exactly(out, w->model, w->settings.n_threads, &w->progress, err);
        if (status != ATTUNE_OK && status != ATTUNE_CANCELLED) { /* the bounds are there */
            worker_say(w, true, err->text);
            status = ATTUNE_OK;
        }
    }
    return status;
}

void job_compare(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct event *event = event_new(EVENT_compared);
    int status;

    if (event) {
        event->compare = calloc(1, sizeof *event->compare);
    }
    status = event && event->compare ? compare(w, job, event->compare, &err)
                                     : attune_error_set(&err, ATTUNE_MEMORY, 0, "out of memory");
    if (status == ATTUNE_OK) {
        worker_tell(w, event);
        return;
    }
    event_free(event);
    worker_say(w, status != ATTUNE_CANCELLED, err.text);
}

/* ---- the journal ---- */

static bool has_database(const struct worker *w)
{
    return w->store || (w->settings.db_path && access(w->settings.db_path, F_OK) == 0);
}

static void track_name(char out[32], enum task_name task)
{
    snprintf(out, 32, "compose %.22s", task_at(task)->name);
}

static int put(struct worker *w, const struct job *job, struct attune_error *err)
{
    struct attune_store *store = job_store(w, err);
    char track[32];

    track_name(track, job->task);
    return store ? attune_journal_put_prompt(store, track, &job->prompt, err) : err->status;
}

/* What was written stays on the screen whatever the disk says; a full one will speak up with the
 * next run. */
void job_journal(struct worker *w, struct job *job)
{
    struct attune_error err = {0};

    if (w->settings.db_path) {
        put(w, job, &err);
    }
}

static int look_up(struct worker *w, const struct job *job, struct event *event, bool *there,
                   struct attune_error *err)
{
    char track[32];
    int status = ATTUNE_OK;

    track_name(track, job->task);
    if (job->move != ATTUNE_JOURNAL_STAY) { /* where one stands is what is on the screen */
        status = put(w, job, err);
    }
    if (status == ATTUNE_OK && !job_store(w, err)) {
        status = err->status;
    }
    return status == ATTUNE_OK
               ? attune_journal_get_prompt(w->store, track, job->move, &event->prompt, there, err)
               : status;
}

void job_undo(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct event *event = event_new(EVENT_draft);
    bool there = false;
    int status = ATTUNE_OK;

    if (event && has_database(w)) {
        status = look_up(w, job, event, &there, &err);
    }
    if (!event || (job->move == ATTUNE_JOURNAL_STAY && !there)) {
        event_free(event);
        return;
    }
    event->revision = job->revision;
    event->task = job->task;
    event->move = job->move;
    if (!there) {
        event->text = strdup(status != ATTUNE_OK                ? err.text
                             : job->move == ATTUNE_JOURNAL_UNDO ? "nothing to undo"
                                                                : "nothing to redo");
    }
    worker_tell(w, event);
}

void job_opened(struct worker *w, int64_t run)
{
    if (w->store && run) {
        attune_journal_put_run(w->store, run, NULL);
    }
}

void job_back(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    bool there = false;
    int64_t run = 0;
    int status = ATTUNE_OK;

    if (has_database(w)) {
        status = job_store(w, &err)
                     ? attune_journal_get_run(w->store, job->move, &run, &there, &err)
                     : err.status;
    }
    if (status == ATTUNE_OK && there && run) {
        job->run = run;
        job_replay(w, job);
        return;
    }
    worker_say(w, true,
               status != ATTUNE_OK                ? err.text
               : job->move == ATTUNE_JOURNAL_UNDO ? "no run was open before"
                                                  : "no run was open after");
}

/* ---- runs of the tree ---- */

void job_prune(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_store *store = job_store(w, &err);
    char text[64];
    size_t n = 0;
    int status = store ? attune_store_remove_branch(store, job->run, &n, &err) : err.status;

    snprintf(text, sizeof text, "removed: %zu %s", n, n == 1 ? "run" : "runs");
    worker_say(w, status != ATTUNE_OK, status == ATTUNE_OK ? text : err.text);
}

void job_mark(struct worker *w, struct job *job)
{
    const struct attune_place place = {.run = job->run};
    struct attune_error err = {0};
    struct attune_store *store = job_store(w, &err);
    int status = store ? attune_store_mark(store, &place, job->mark, job->text, !job->verify, &err)
                       : err.status;

    if (status != ATTUNE_OK) {
        worker_say(w, true, err.text);
    }
}
