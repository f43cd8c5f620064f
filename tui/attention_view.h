/* One head's attention as it is drawn: as a map of weights, as the text coloured by them, or as
 * lines between two columns of tokens. Reads the workbench's last answer; changes nothing.
 *
 * Places count from the first token of their side (bench_side): rows are queries, columns are keys.
 */
#ifndef ATTUNE_TUI_ATTENTION_VIEW_H
#define ATTUNE_TUI_ATTENTION_VIEW_H

#include "canvas.h"
#include "scale.h"
#include "view.h"

enum attention_mode {
    ATTENTION_MAP,
    ATTENTION_FROM,
    ATTENTION_TO,
    ATTENTION_LINES,
    ATTENTION_MODES
};

/* Of a pair of sentences: which looks at which. */
enum attention_pair { PAIR_ALL, PAIR_AA, PAIR_AB, PAIR_BA, PAIR_BB, PAIR_COUNT };

struct attention_look { /* what the person chose */
    enum attune_stack kind;
    int layer, head;
    enum attention_mode mode;
    enum attention_scale scale;
    enum attention_pair pair;
    int ramp;                 /* steps from the setting */
    struct attention_mix mix; /* several heads in place of one */
    bool hide_sinks;          /* the first token and special ones often take most of the weight */
    int zoom;                 /* each step halves what is in sight */
    size_t key;               /* cursor column; its row is the bench's token cursor */
    size_t q_from, k_from;    /* where the window was; it moves no more than the cursor needs */
};

struct attention_map { /* where things are drawn, and what has to be asked for */
    struct rect area;  /* of the cells, relative to the panel */
    int cell_columns, cell_rows;
    bool half; /* two queries in a cell, one over the other */
    int label_columns;
    struct attention_request request;
};

/* Tokens that the weights are over: those in front of the distribution that is shown. The newest
 * token of a run was chosen, but not read yet. */
size_t attention_tokens(const struct workbench *b);
size_t attention_query(const struct workbench *b); /* the cursor among them */

/* The cursor's row: its place among the queries of a kind. */
size_t attention_row(const struct workbench *b, enum attune_stack kind);
/* What stands at a place of a side. */
size_t attention_bytes(const struct workbench *b, enum attune_stack kind, bool queries, size_t i,
                       char out[VIEW_BYTES], bool *special);
bool attention_is_sink(const struct workbench *b, enum attune_stack kind, size_t key);
bool attention_is_causal(const struct workbench *b, enum attune_stack kind);
bool attention_has_pair(const struct workbench *b, enum attune_stack kind);

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

/* For attention_*.c: one picture in the making. */
struct attention_picture {
    const struct workbench *bench;
    const struct attention_look *look;
    const struct attention_map *map;
    const struct attention_view *view;
    const struct shades *shades;
    struct canvas *canvas;
    struct rect inside;
    enum ramp ramp;
    size_t row; /* of the cursor */
    bool focused;
};
/* "mean of the heads of layer 2": what the map is of where it is not one head. */
void attention_mix_title(const struct workbench *b, const struct attention_look *look, char *out,
                         size_t capacity);
void attention_draw_map(const struct attention_picture *p);
void attention_draw_text(const struct attention_picture *p, const float *values, size_t n);
void attention_draw_lines(const struct attention_picture *p);
/* A token of a side; returns the columns used. */
int attention_put_token(const struct attention_picture *p, struct rect r, int y, int x,
                        bool queries, size_t i, struct style s);
/* The cell of a token in a window of tokens over `cells`; -1 outside. */
int attention_cell_of(size_t token, size_t from, size_t to, int cells);

#endif
