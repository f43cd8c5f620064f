/* A format of export: a part export_NAME.c. Runs come one at a time, oldest first; what is written
 * is text in UTF-8, and a failed buffer (out of memory) is noticed by who called. */
#ifndef ATTUNE_PROMPTS_EXPORT_H
#define ATTUNE_PROMPTS_EXPORT_H

#include <attune/mark.h>

#include "text.h"

struct export_head {
    const char *session;
    size_t n_runs;
    const struct attune_mark *marks; /* [n_marks] of the session itself */
    size_t n_marks;
};

struct export_run {
    const struct attune_run_record *record;
    const struct attune_step *steps; /* [n_steps] */
    size_t n_steps;
    const struct attune_mark *marks; /* [n_marks] of the run and its steps */
    size_t n_marks;
};

struct export_ops {
    const char *name, *suffix, *help;
    /* Either the whole at once, or the three below. */
    int (*whole)(struct attune_store *store, const char *session, int64_t run, char **out,
                 size_t *len, size_t *lost, struct attune_error *err);
    void (*begin)(struct text *out, const struct export_head *head, const struct export_run *first);
    void (*run)(struct text *out, const struct export_run *run, size_t i);
    void (*end)(struct text *out);
};

/* Bytes as they may stand in a text for people: what is no UTF-8 as U+FFFD, control bytes but
 * newline and tab as "^X"; `special` characters through `escape` (NULL: as they are). */
void export_text(struct text *out, const char *bytes, size_t len, const char *special,
                 void (*escape)(struct text *out, char c));
void export_format(struct text *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What of a step's bytes is output, at *at of the record's output: all, none (end and control
 * tokens are no text), or what stands before a stop text. Moves *at. */
size_t export_shown(const struct attune_run_record *record, const struct attune_step *step,
                    size_t *at);

#endif
