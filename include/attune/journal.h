/* The journal: every state that the composer was in, and which run was opened when, kept in the
 * database so that undo and redo go on after a restart.
 *
 * A track is a tree of states: writing goes on below where one stands, undo leads to the parent and
 * redo to the newest child, so nothing that was undone is lost by writing something else. Each
 * connection stands where it moved to; a new one where the last one stood. Equal texts stand once.
 * What belongs to a run that is removed leaves the journal with it. */
#ifndef ATTUNE_JOURNAL_H
#define ATTUNE_JOURNAL_H

#include <attune/store.h>

enum attune_journal_move { ATTUNE_JOURNAL_STAY, ATTUNE_JOURNAL_UNDO, ATTUNE_JOURNAL_REDO };

/* A track of prompts has a name of 1 to 31 bytes other than "run". What stands there already is not
 * written again, and what is the state before or after is a move to it. */
int attune_journal_put_prompt(struct attune_store *store, const char *track,
                              const struct attune_prompt *prompt, struct attune_error *err);
/* Moves and hands out what stands there. *there false, and nothing in *out: there is no such state
 * (and no move). *out: attune_prompt_done. */
int attune_journal_get_prompt(struct attune_store *store, const char *track,
                              enum attune_journal_move move, struct attune_prompt *out, bool *there,
                              struct attune_error *err);

/* The run that is open, 0: none. A step of this track is always a new one. */
int attune_journal_put_run(struct attune_store *store, int64_t run, struct attune_error *err);
int attune_journal_get_run(struct attune_store *store, enum attune_journal_move move, int64_t *out,
                           bool *there, struct attune_error *err);

/* States of a track (NULL: all), the oldest first. */
struct attune_state_row {
    int64_t id, parent; /* 0: none */
    char *track, *created;
    int64_t run;
    bool here; /* the track stands at it */
};
int attune_journal_states(struct attune_store *store, const char *track,
                          struct attune_state_row **out, size_t *n, struct attune_error *err);
void attune_state_rows_free(struct attune_state_row *rows, size_t n);

#endif
