/* Why, for the screen: the products behind one weight, and every head's part of one logit. */
#include <config.h>

#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static void find_pair(struct worker *w, struct why_view *view)
{
    struct attune_error err = {0};
    size_t n = attune_why_width(w->ctx, view->ask.kind);
    int status;

    view->products = malloc((n + 1) * sizeof *view->products);
    status = view->products
                 ? attune_why_pair(&view->pair, view->products, w->ctx, view->ask.kind,
                                   view->ask.layer, view->ask.head, view->ask.q, view->ask.k, &err)
                 : no_memory(&err);
    view->n = status == ATTUNE_OK ? n : 0;
    snprintf(view->no_pair, sizeof view->no_pair, "%s", err.text);
}

static void find_parts(struct worker *w, struct why_view *view)
{
    const struct attune_model_info *info = attune_model_info(w->model);
    struct attune_error err = {0};
    size_t heads = (size_t)info->n_layers * (size_t)info->n_heads, held;
    bool two = info->kind == ATTUNE_SEQ2SEQ;
    int status = ATTUNE_OK;

    held = attune_context_length(w->ctx);
    view->n_heads = info->n_heads;
    view->parts = calloc(2 * heads + 1, sizeof *view->parts);
    if (!view->parts || held == 0) {
        status = view->parts ? attune_error_set(&err, ATTUNE_ARGUMENT, 0, "nothing was read")
                             : no_memory(&err);
    } else {
        status =
            attune_why_logit(&view->total, view->parts, two ? view->parts + heads : NULL, w->ctx,
                             held - 1, view->ask.token, ATTUNE_TOKEN_NONE, &w->progress, &err);
    }
    view->n_self = heads;
    view->n_parts = status != ATTUNE_OK ? 0 : two ? 2 * heads : heads;
    snprintf(view->no_parts, sizeof view->no_parts, "%s", err.text);
}

void job_why(struct worker *w, struct job *job)
{
    struct event *event = w->ctx ? event_new(EVENT_why) : NULL;

    if (event) {
        event->revision = event->why.revision = job->revision;
        event->why.ask = job->why;
        find_pair(w, &event->why);
        find_parts(w, &event->why);
        worker_tell(w, event);
    }
}
