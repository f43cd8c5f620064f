/* The next-token distribution as it is drawn: candidates by rank with raw and final probability on
 * one row, the draw on the cumulative bar, and what each stage of the chain left over.
 *
 * Borrows the workbench and the order; changes nothing. */
#ifndef ATTUNE_TUI_DIST_VIEW_H
#define ATTUNE_TUI_DIST_VIEW_H

#include "canvas.h"
#include "view.h"

struct dist_view {
    const struct workbench *bench;
    const attune_token *order; /* [n] ids by falling logit */
    const double *sums;        /* [n] raw probability of the ranks up to and with this one */
    size_t n;
    size_t selected; /* rank */
    size_t top;      /* first rank shown; out: as drawn */
    int rows;        /* out: ranks in sight */
    bool no_waterfall;
    bool focused;
};

void dist_view_draw(struct dist_view *view, struct canvas *c, struct rect inside);
/* Screen row of the first candidate in `inside`, as the last draw had it: for the mouse. */
int dist_view_head_rows(const struct dist_view *view, struct rect inside);

/* Two shares as bars in one row of cells, the first in the upper halves. */
void dist_view_bars(struct canvas *c, struct rect r, int y, int x, int columns, double upper,
                    double lower);

/* What the record of a replayed step kept, where no model can compute the rest. */
void dist_view_record(const struct workbench *b, struct canvas *c, struct rect inside);

#endif
