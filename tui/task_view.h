/* What a task's answer looks like, in two parts: its numbers, where completion has the distribution
 * of the next token, and what it says, where completion has its output. Reads the workbench;
 * changes nothing. */
#ifndef ATTUNE_TUI_TASK_VIEW_H
#define ATTUNE_TUI_TASK_VIEW_H

#include "canvas.h"
#include "view.h"

/* The task has numbers of its own to show; a mask to fill has a distribution instead. */
bool task_has_numbers(const struct workbench *b);
/* The task answers instead of writing, and no run is on the screen. */
bool task_has_words(const struct workbench *b);

struct task_view {
    const struct workbench *bench;
    size_t selected; /* of a list that no cursor of the workbench moves in */
    size_t top;      /* first row shown; out: as drawn */
};
void task_numbers_draw(struct task_view *v, struct canvas *c, struct rect r);
size_t task_numbers_rows(const struct workbench *b); /* of such a list, else 0 */
void task_words_draw(struct task_view *v, struct canvas *c, struct rect r);
void task_numbers_title(const struct workbench *b, char *out, size_t capacity);
void task_words_title(const struct workbench *b, char *out, size_t capacity);

/* A probability with its bar: label, bar, number in one row. */
void task_bar(struct canvas *c, struct rect r, int y, int label_columns, const char *label,
              double p, enum role role, bool selected);

#endif
