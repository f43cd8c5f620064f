/* What needs the states between the layers: a second context that keeps them, made when somebody
 * looks closer, as large as what was read with some room to go on, and following it by the common
 * prefix from then on. */
#include <config.h>

#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROOM = 64 };

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int make(struct worker *w, size_t wanted, struct attune_error *err)
{
    size_t most = attune_context_capacity(w->ctx),
           n = wanted + ROOM < most || most < wanted ? wanted + ROOM : most;
    const struct attune_context_options options = {.n_context =
                                                       (int)(n < INT32_MAX ? n : INT32_MAX),
                                                   .n_threads = w->settings.n_threads,
                                                   .activations = w->settings.activations,
                                                   .kv_type = w->settings.kv_type,
                                                   .keep_hidden = true};

    attune_context_free(w->deep);
    w->deep = NULL;
    return attune_context_new(&w->deep, w->model, &options, err);
}

int job_deep(struct attune_context **out, struct worker *w, const struct job *job,
             struct attune_error *err)
{
    const struct attune_input input = job_input(job);
    size_t longest = job->n > job->n_decoder ? job->n : job->n_decoder;
    int status = ATTUNE_OK;

    *out = NULL;
    if (!w->model || !w->ctx || job->n == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "no model is open: use :model NAME");
    }
    if (!w->deep || attune_context_capacity(w->deep) < longest) {
        status = make(w, longest, err);
    }
    if (status == ATTUNE_OK) { /* as the context that is shown computes */
        status = attune_context_ablate(w->deep, attune_context_ablation(w->ctx), err);
    }
    if (status == ATTUNE_OK) {
        status = attune_context_sync(w->deep, &input, &w->progress, err);
    }
    *out = w->deep;
    return status;
}

static int fill_lens(struct lens_view *view, struct attune_context *ctx, struct worker *w,
                     const struct job *job, struct attune_error *err)
{
    size_t n = attune_context_length(ctx), first = job->step < n ? job->step : n - 1;
    int layers = attune_lens_count(w->model, err);

    view->n_tokens = n;
    view->first = first;
    view->n = job->place < n - first ? job->place : n - first;
    view->n = view->n < LENS_MOST ? view->n : LENS_MOST;
    if (layers == 0) {
        return ATTUNE_UNSUPPORTED;
    }
    view->cells = calloc((size_t)layers * view->n + 1, sizeof *view->cells);
    if (!view->cells) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for the lens");
    }
    view->n_layers = layers;
    return attune_lens_grid(view->cells, ctx, first, view->n, NULL, &w->progress, err);
}

void job_lens(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_context *ctx = NULL;
    struct event *event = event_new(EVENT_lens);
    double start = now_ms();
    int status = event ? job_deep(&ctx, w, job, &err) : ATTUNE_MEMORY;

    if (status == ATTUNE_OK) {
        status = fill_lens(&event->lens, ctx, w, job, &err);
    }
    if (!event || status == ATTUNE_CANCELLED) {
        event_free(event); /* asked again when there is time */
        return;
    }
    if (status != ATTUNE_OK) {
        event->lens.n_layers = 0;
        snprintf(event->lens.refusal, sizeof event->lens.refusal, "%s", err.text);
    }
    event->lens.ms = now_ms() - start;
    event->revision = job->revision;
    worker_tell(w, event);
}
