/* The ladder of shots, in a context of its own that follows from rung to rung and from edit to edit
 * by the common prefix: what is shown elsewhere stays as it is. Runs on the worker thread. */
#include <config.h>

#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROOM = 64 };

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Tokens of the prompt with every shot on. */
static int longest(size_t *out, const struct worker *w, struct attune_prompt *prompt,
                   struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(w->model);
    const struct attune_tokenize_options special = {.add_special = true};
    struct attune_rendered text = {0};
    struct attune_tokens tokens = {0};
    int status;

    for (size_t i = 1; i + 1 < prompt->n; i++) {
        attune_prompt_switch(prompt, i, true);
    }
    status = attune_prompt_render(&text, prompt, err);
    if (status == ATTUNE_OK && tk) {
        status = attune_tokenize(&tokens, tk, text.text, text.len, &special, err);
    }
    *out = tokens.n;
    attune_tokens_done(&tokens);
    attune_rendered_done(&text);
    return status;
}

/* The context, with room for all of it where the shown one has that. */
static int make(struct worker *w, struct attune_prompt *prompt, struct attune_error *err)
{
    size_t most = attune_context_capacity(w->ctx), n = 0;
    struct attune_context_options options = {.n_threads = w->settings.n_threads,
                                             .no_queries = true};
    int status = longest(&n, w, prompt, err);

    if (status != ATTUNE_OK || (w->side && attune_context_capacity(w->side) >= n)) {
        return status;
    }
    n = n + ROOM < most ? n + ROOM : most;
    options.n_context = (int)(n < INT32_MAX ? n : INT32_MAX);
    attune_context_free(w->side);
    w->side = NULL;
    return attune_context_new(&w->side, w->model, &options, err);
}

static int climb(struct ladder_view *out, struct worker *w, struct job *job,
                 struct attune_error *err)
{
    struct attune_ladder_options options = {.n_ids = LADDER_IDS};
    int status;

    if (!w->model || !w->ctx) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "no model is open: use :model NAME");
    }
    if (attune_model_info(w->model)->kind != ATTUNE_DECODER) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "a ladder of shots wants a decoder: F12 is the next model");
    }
    status = make(w, &job->prompt, err);
    if (status == ATTUNE_OK) { /* as the context that is shown computes */
        status = attune_context_ablate(w->side, attune_context_ablation(w->ctx), err);
    }
    if (status == ATTUNE_OK) {
        attune_ladder_rungs(&options, &job->prompt, job->place);
        status =
            attune_ladder_climb(&out->ladder, w->side, &job->prompt, &options, &w->progress, err);
    }
    return status;
}

void job_ladder(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct event *event = event_new(EVENT_ladder);
    double start = now_ms();
    int status = event ? climb(&event->ladder, w, job, &err) : ATTUNE_MEMORY;

    if (!event || status == ATTUNE_CANCELLED) {
        event_free(event); /* asked again when there is time */
        return;
    }
    if (status != ATTUNE_OK) {
        snprintf(event->ladder.refusal, sizeof event->ladder.refusal, "%s", err.text);
    }
    event->ladder.most = job->place;
    event->ladder.ms = now_ms() - start;
    event->revision = job->revision;
    worker_tell(w, event);
}
