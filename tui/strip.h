/* Tokens of prompt and run laid out as text, token by token, for every view that shows them in
 * their order. */
#ifndef ATTUNE_TUI_STRIP_H
#define ATTUNE_TUI_STRIP_H

#include "canvas.h"
#include "view.h"

struct spot { /* where a token is drawn */
    size_t row;
    int x, columns;
};

size_t strip_prompt(const struct workbench *b); /* tokens before the run */

/* Spots of all tokens for a width; [bench_n_tokens], freed by the caller, NULL without memory. */
struct spot *strip_place(const struct workbench *b, int columns, size_t *n_rows);
/* The token one row above or below `at` that is nearest to it. */
size_t strip_vertical(const struct workbench *b, int columns, size_t at, bool down);
/* The token at a row and column of the strip, or SIZE_MAX. */
size_t strip_at(const struct workbench *b, int columns, size_t row, int x);
/* Where a move leads from `at`; rows are those in sight. */
size_t strip_moved(const struct workbench *b, enum view_move move, size_t at, int columns,
                   int rows);

/* Draws rows top .. into r, each token in the style that `style` gives it. */
typedef struct style strip_style(const void *context, const struct canvas *c, size_t i,
                                 bool special);
void strip_draw(const struct workbench *b, struct canvas *c, struct rect r,
                const struct spot *spots, size_t top, strip_style *style, const void *context);

#endif
