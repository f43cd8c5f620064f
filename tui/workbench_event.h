/* How the workbench takes in what the worker says. Between workbench.c and workbench_event.c. */
#ifndef ATTUNE_TUI_WORKBENCH_EVENT_H
#define ATTUNE_TUI_WORKBENCH_EVENT_H

#include "workbench.h"

/* Moves out of the event what the workbench keeps; the caller frees the rest. */
void bench_take_event(struct workbench *b, struct event *event);
/* A prompt from elsewhere into the composer; of one with shots and a template only the query's text
 * where the task has neither. Takes it over. */
void bench_take_prompt(struct workbench *b, struct attune_prompt *prompt);
/* What running means where nothing is written. */
int bench_use_answer(struct workbench *b);
/* The chain over the logits that are shown, again. */
void bench_apply_chain(struct workbench *b);

#endif
