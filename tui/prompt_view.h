/* How the composer looks: blocks with their headings, the budget of the context, and the warnings
 * about what is sent. Reads, never changes. */
#ifndef ATTUNE_TUI_PROMPT_VIEW_H
#define ATTUNE_TUI_PROMPT_VIEW_H

#include "canvas.h"
#include "flow.h"
#include "view.h"

struct prompt_place {
    size_t block;
    bool answer;
};

struct prompt_view {
    const struct workbench *bench;
    const struct compose *compose;
    struct prompt_place at;
    bool focused;
    size_t top; /* in: where the last draw began; out: this one */
};

void prompt_view_draw(struct prompt_view *view, struct canvas *canvas, struct rect inside);
int prompt_view_columns(struct rect inside); /* that the text is wrapped to */
/* "zero-shot", "one-shot", "3-shot". */
const char *prompt_view_shots(char out[VIEW_NUMBER], size_t n);
/* Offset of the glyph at a column of a row. */
size_t prompt_view_at_column(const struct flow *f, const struct flow_row *row, int column);
/* Puts *at on the field that an editor belongs to, if it is on the screen. */
void prompt_place_find(struct prompt_place *at, const struct compose *c, const struct edit *e);

#endif
