/* Saved runs as a forest: a fork stands below the run it goes on from. The runs are borrowed and
 * may be in any order, which roots and forks keep among themselves. */
#ifndef ATTUNE_TUI_FOREST_H
#define ATTUNE_TUI_FOREST_H

#include <attune/store.h>

enum { FOREST_NONE = -1, FOREST_DEEPEST = 24 };

struct forest {
    size_t n;
    long *parent, *child,
        *next;     /* [n + 1] places in the runs, or FOREST_NONE; n stands above all */
    size_t *order; /* [n] the runs from top to bottom */
};

/* Joined: of runs with equal prompts that go on from none, the later ones stand below the first. */
bool forest_init(struct forest *forest, const struct attune_run_record *runs, size_t n,
                 bool joined);
void forest_done(struct forest *forest);

/* Both read the same tokens, and at least one. */
bool forest_same_prompt(const struct attune_run_record *a, const struct attune_run_record *b);
/* The rows of run `at` and all below it: they stand together. */
void forest_branch(const struct forest *forest, size_t at, size_t *first, size_t *n);
/* The row of run `at`. */
size_t forest_row(const struct forest *forest, size_t at);

/* What is drawn before run `at`: a glyph for each of its ancestors and one for itself, out of
 * {"|  ", "   ", "|- ", "`- "} or the like; deeper than FOREST_DEEPEST stands there. Returns the
 * depth. */
size_t forest_guides(char *out, size_t capacity, const struct forest *forest, size_t at,
                     const char *const glyphs[4]);

#endif
