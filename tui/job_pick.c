/* The nearest shots of a pool: an encoder reads the query and every row, which may take a while.
 * Runs on the worker thread. */
#include <config.h>

#include "worker.h"

#include <attune/library.h>
#include <attune/pool.h>
#include <stdlib.h>
#include <string.h>

/* The open model where it is an encoder, else the bundled one: *own is to be closed. */
static int find_encoder(struct worker *w, const struct attune_model **out,
                        struct attune_model **own, struct attune_error *err)
{
    char *path = NULL;
    int status = ATTUNE_OK;

    *own = NULL;
    if (!w->model || attune_model_info(w->model)->kind != ATTUNE_ENCODER) {
        status = attune_library_find(&path, "models", "tiny-encoder", err);
        if (status == ATTUNE_OK) {
            status = attune_model_open(own, path, NULL, &w->progress, err);
        }
        free(path);
    }
    *out = *own ? *own : w->model;
    return status;
}

static int pick(struct worker *w, struct job *job, struct attune_error *err)
{
    struct attune_pick_options options = {.how = ATTUNE_PICK_NEAREST,
                                          .count = job->n == SIZE_MAX ? -1 : (long)job->n,
                                          .n_threads = w->settings.n_threads,
                                          .query = job->prompt.blocks[job->prompt.n - 1].text};
    struct attune_model *own;
    struct attune_pool pool = {0};
    int status = find_encoder(w, &options.encoder, &own, err);

    if (status == ATTUNE_OK) {
        status = attune_pool_load(&pool, job->text, -1, job->verify, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_pick_shots(&job->prompt, &pool, &options, &w->progress, err);
    }
    attune_pool_done(&pool);
    attune_model_close(own);
    return status;
}

void job_pick(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct event *event = event_new(EVENT_picked);
    int status =
        event ? pick(w, job, &err) : attune_error_set(&err, ATTUNE_MEMORY, 0, "out of memory");

    if (status == ATTUNE_OK) {
        status = attune_prompt_to_json(&event->text, &job->prompt, &err);
    }
    if (status == ATTUNE_OK) {
        event->revision = job->revision;
        worker_tell(w, event);
        return;
    }
    event_free(event);
    worker_say(w, status != ATTUNE_CANCELLED, err.text);
}
