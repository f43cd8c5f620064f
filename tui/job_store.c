/* What the worker does with saved runs beyond listing and replaying them. */
#include <config.h>

#include "worker.h"

#include <stdlib.h>

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
