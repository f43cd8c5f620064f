/* The prompt while it is edited: one text editor a field and one history over all of them, so that
 * undo takes back a word, a removed shot or another template in the order they happened. Knows no
 * screen.
 *
 * Editors belong to the composer and live until compose_done, also those of removed shots. */
#ifndef ATTUNE_TUI_COMPOSE_H
#define ATTUNE_TUI_COMPOSE_H

#include <attune/prompt.h>
#include <stdbool.h>
#include <stddef.h>

struct edit;

struct compose_block {
    enum attune_block_kind kind;
    bool off;
    struct edit *text, *answer; /* answer: NULL for the task */
};

struct compose_state {         /* an arrangement of blocks; never changed once it is made */
    struct attune_prompt rest; /* template, variables, record; no blocks */
    size_t n;
    struct compose_block blocks[]; /* [n] */
};

struct compose {
    const struct compose_state *now;
    struct edit **edits;
    struct compose_state **states;
    struct compose_entry *entries;
    size_t n_edits, n_states, n_entries, n_done;
};

int compose_init(struct compose *c, const struct attune_prompt *from); /* 0 or ATTUNE_MEMORY */
void compose_done(struct compose *c);

/* What the prompt became elsewhere (restored, loaded, another template): one step. False: nothing
 * differed. */
bool compose_take(struct compose *c, const struct attune_prompt *from);
/* What the prompt was before the first step of this history: the first step leads from there, and
 * stands to be done again. Where something can still be undone it is one more step. */
bool compose_before(struct compose *c, const struct attune_prompt *from);
/* What is edited here, into the prompt. */
int compose_put(const struct compose *c, struct attune_prompt *to, struct attune_error *err);

/* Shots stand at 1 .. n-2. False: not possible, nothing changed. */
bool compose_add(struct compose *c, size_t at, const char *text, const char *answer);
bool compose_remove(struct compose *c, size_t at);
bool compose_move(struct compose *c, size_t from, size_t to);
bool compose_switch(struct compose *c, size_t at);

/* The field that is edited: block and which of its two texts. */
struct edit *compose_field(const struct compose *c, size_t block, bool answer);
bool compose_insert(struct compose *c, struct edit *field, const char *text, size_t len,
                    bool paste);
bool compose_erase(struct compose *c, struct edit *field, size_t from, size_t to);
/* The field the step was in is put into *field, NULL if it was about blocks. False: no more steps.
 */
bool compose_undo(struct compose *c, struct edit **field);
bool compose_redo(struct compose *c, struct edit **field);

#endif
