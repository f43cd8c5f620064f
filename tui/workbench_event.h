/* How the workbench takes in what the worker says. Between workbench.c and workbench_event.c. */
#ifndef ATTUNE_TUI_WORKBENCH_EVENT_H
#define ATTUNE_TUI_WORKBENCH_EVENT_H

#include "worker.h"

enum { FIRST_MAX_TOKENS = 128 };

/* Moves out of the event what the workbench keeps; the caller frees the rest. */
void bench_take_event(struct workbench *b, struct event *event);
/* A prompt from elsewhere into the composer; of one with shots and a template only the query's text
 * where the task has neither. Takes it over. */
void bench_take_prompt(struct workbench *b, struct attune_prompt *prompt);
/* What running means where nothing is written. */
int bench_use_answer(struct workbench *b);
/* Says the error; returns its status. */
int bench_fail(struct workbench *b, const struct attune_error *err);
/* The tokens in front of the distribution that is shown; of an encoder-decoder the decoder's. *out:
 * free(). */
int bench_history(const struct workbench *b, attune_token **out, size_t *n);
/* A job with the revision and the task; NULL: said. */
struct job *bench_prepare(struct workbench *b, enum job_kind kind);
/* What the model has read for the distribution that is shown, into a job. */
bool bench_give_input(const struct workbench *b, struct job *job);
/* The distribution of another position; the model has read it already. */
void bench_ask_place(struct workbench *b, size_t place);
/* workbench_look.c: the steps behind the fork go, the run is another one. */
void bench_take_fork(struct workbench *b, const struct event *event);
/* workbench_origin.c: what somebody says, applied where nobody after them says otherwise. */
int bench_give(struct workbench *b, enum bench_origin who, const char *name, double value,
               struct attune_error *err);
int bench_give_order(struct workbench *b, enum bench_origin who, const char *order,
                     struct attune_error *err);
int bench_give_chain(struct workbench *b, enum bench_origin who, const char *text,
                     struct attune_error *err);
void bench_take_advice(struct workbench *b); /* of the model's files */
int bench_give_preset(struct workbench *b, const char *name, struct attune_error *err);
/* The chain over the logits that are shown, again. */
void bench_apply_chain(struct workbench *b);

#endif
