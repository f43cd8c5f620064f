/* A screen is a line of text:
 *
 *   prompt/tokens/output:55 | dist/attention      two columns, of three and of two panels
 *   sessions:50 | (output | dist):70 / steps      groups in parentheses
 *
 * | puts side by side, / above one another and binds closer. :N is a share in percent of the group;
 * panels without one share the rest. Panels for which there is no room are left out, the last
 * first. */
#ifndef ATTUNE_TUI_LAYOUT_H
#define ATTUNE_TUI_LAYOUT_H

#include <attune/error.h>

#include "canvas.h"

struct layout;

int layout_parse(struct layout **out, const char *text, struct attune_error *err);
void layout_free(struct layout *layout);

struct place {
    const char *panel; /* borrowed from the layout */
    struct rect rect;  /* with its frame; neighbours share a line */
};
/* Places in reading order, at most capacity. keep: a panel that is not left out, or NULL. */
size_t layout_place(const struct layout *layout, struct rect r, const char *keep, struct place *out,
                    size_t capacity);
/* Every panel that the layout names, whether there is room or not. */
size_t layout_panels(const struct layout *layout, const char **out, size_t capacity);

/* Takes out panels that do not exist; frees the layout and returns NULL if none is left. */
struct layout *layout_prune(struct layout *layout, bool (*exists)(const char *panel));

/* All screens; one name may have variants for wider terminals. */
struct screen {
    char *name;
    int min_cols, min_rows;
    char *text;
    struct layout *layout;
};
struct screens {
    struct screen *list;
    size_t n;
};
/* Replaces the variant of the same name and size. size: "", "120" or "120x40". */
int screens_add(struct screens *screens, const char *name, const char *size, const char *text,
                struct attune_error *err);
void screens_done(struct screens *screens);
/* The variant for the most columns (then rows) that still fits, else the smallest; NULL: no such
 * name. */
const struct screen *screens_find(const struct screens *screens, const char *name, int rows,
                                  int cols);

#endif
