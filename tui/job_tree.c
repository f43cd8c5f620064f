/* The look-ahead tree, told as it grows. What was read for the shown distribution is in the context
 * again when it ends, however it ends. */
#include <config.h>

#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TELL_MS = 120 };

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void tell(struct worker *w, const struct job *job, const struct attune_lookahead *look,
                 bool ended, const char *refusal)
{
    struct event *event = event_new(EVENT_tree);
    const struct attune_lookahead_node *nodes = NULL;
    size_t n = 0;

    if (!event) {
        return;
    }
    if (look) {
        nodes = attune_lookahead_nodes(look, &n);
        event->tree.evaluated = attune_lookahead_evaluated(look);
    }
    event->tree.nodes = calloc(n + 1, sizeof *event->tree.nodes);
    event->tree.n = event->tree.nodes ? n : 0;
    if (event->tree.nodes && n > 0) {
        memcpy(event->tree.nodes, nodes, n * sizeof *nodes);
    }
    event->tree.request = job->tree;
    event->tree.ended = ended;
    snprintf(event->tree.refusal, sizeof event->tree.refusal, "%s", refusal);
    event->revision = job->revision;
    worker_tell(w, event);
}

/* Only what stands in front of the shown distribution. */
static int step_back(struct worker *w, const struct job *job, struct attune_error *err)
{
    struct attune_input input = job_input(job);

    if (job->place > 0 && job->place < input.n && !input.decoder_ids) {
        input.n = job->place;
    }
    return attune_context_sync(w->ctx, &input, &w->progress, err);
}

void job_tree(struct worker *w, struct job *job)
{
    struct attune_lookahead_options options = {.breadth = job->tree.breadth,
                                               .depth = job->tree.depth};
    struct attune_error err = {0};
    struct attune_lookahead *look = NULL;
    const struct attune_input input = job_input(job);
    double told = now_ms();
    int more = 1, status = w->ctx && job->n > 0
                               ? step_back(w, job, &err)
                               : attune_error_set(&err, ATTUNE_ARGUMENT, 0, "nothing was read yet");

    if (status == ATTUNE_OK) {
        status = attune_lookahead_start(&look, w->ctx, job->tree.raw ? NULL : job->chain, &options,
                                        &err);
    }
    while (status == ATTUNE_OK && more > 0) {
        more = attune_lookahead_next(look, &w->progress, &err);
        status = more < 0 ? -more : ATTUNE_OK;
        if (now_ms() - told > TELL_MS) {
            told = now_ms();
            tell(w, job, look, false, "");
        }
    }
    if (status != ATTUNE_CANCELLED) {
        tell(w, job, look, true, status == ATTUNE_OK ? "" : err.text);
    }
    attune_lookahead_free(look);
    if (w->ctx && job->n > 0) {
        attune_context_sync(w->ctx, &input, NULL, &err); /* what else is shown looks at it */
    }
}
