/* All heads as small maps: in a row a layer, or one after the other by a score. Reads the
 * workbench's last answer; changes nothing. */
#ifndef ATTUNE_TUI_HEADS_VIEW_H
#define ATTUNE_TUI_HEADS_VIEW_H

#include "canvas.h"
#include "scale.h"
#include "view.h"

enum { HEADS_BY_LAYER = ATTUNE_HEAD_SCORE_COUNT, HEADS_ORDERS };

struct heads_look { /* what the person chose */
    int order;      /* enum attune_head_score, the greatest first; or HEADS_BY_LAYER */
    int pattern;    /* only heads of this pattern; -1: all */
    int size;       /* steps larger than what shows all heads at once */
    int ramp;       /* steps from the setting */
    enum attention_scale scale;
};

struct heads_grid { /* where things are */
    int *list;      /* [n] heads in the order of the screen; freed by heads_grid_done */
    int n, per_row;
    int width, height; /* of a small map, in cells of the screen */
    int caption;       /* rows below it: 0 or 1 */
    struct rect area;  /* relative to the panel */
    int top, left;     /* rows and columns of the grid that are scrolled away */
    int rows, cols;    /* in sight */
};

/* The grid for a rectangle, scrolled so that the selected head is in sight; list NULL: there is
 * nothing. */
struct heads_grid heads_layout(const struct workbench *b, const struct heads_look *look,
                               struct rect inside);
void heads_grid_done(struct heads_grid *g);
void heads_draw(const struct workbench *b, const struct heads_look *look,
                const struct heads_grid *g, struct canvas *c, struct rect inside, bool focused);
/* The place of the selected head in the list, or -1. */
int heads_selected(const struct workbench *b, const struct heads_grid *g);
/* "by layer", "by induction" */
const char *heads_order_text(int order);
/* Any head has this score: here there may be no token that comes twice, ... */
bool heads_can_tell(const struct workbench *b, int order);
bool heads_is_complete(const struct workbench *b);

#endif
