/* One head's attention as it is drawn: as a map of weights, or as the text coloured by them. Reads
 * the workbench's last answer; changes nothing. */
#ifndef ATTUNE_TUI_ATTENTION_VIEW_H
#define ATTUNE_TUI_ATTENTION_VIEW_H

#include "canvas.h"
#include "scale.h"
#include "view.h"

enum attention_mode { ATTENTION_MAP, ATTENTION_FROM, ATTENTION_TO, ATTENTION_MODES };

struct attention_look { /* what the person chose */
    enum attune_stack kind;
    int layer, head;
    enum attention_mode mode;
    enum attention_scale scale;
    enum ramp ramp;
    bool hide_first; /* the first token often takes most of the weight */
    int zoom;        /* each step halves what is in sight */
    size_t key;      /* cursor column; its row is the bench's token cursor */
};

struct attention_map { /* where things are drawn, and what has to be asked for */
    struct rect area;  /* of the cells, relative to the panel */
    int cell_columns;
    bool half; /* two queries in a cell, one over the other */
    int label_columns;
    struct attention_request request;
};

/* Tokens that the weights are over: those in front of the distribution that is shown. The newest
 * token of a run was chosen, but not read yet. */
size_t attention_tokens(const struct workbench *b);
size_t attention_query(const struct workbench *b); /* the cursor among them */

/* The layout for a rectangle; request.rows is 0 where there is nothing to ask for. */
struct attention_map attention_layout(const struct workbench *b, const struct attention_look *look,
                                      const struct canvas *c, struct rect inside);
bool attention_same_request(const struct attention_request *a, const struct attention_request *b);
void attention_draw(const struct workbench *b, const struct attention_look *look,
                    const struct attention_map *map, struct canvas *c, struct rect inside,
                    bool focused);
/* Rows of the panel above and below the picture. */
int attention_head_rows(struct rect inside);
int attention_foot_rows(struct rect inside);

#endif
