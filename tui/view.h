/* What several panels draw the same way: tokens, numbers, lists, a sentence where there is nothing
 * yet. Strings go into storage of the caller. */
#ifndef ATTUNE_TUI_VIEW_H
#define ATTUNE_TUI_VIEW_H

#include "canvas.h"
#include "input.h"
#include "workbench.h"

enum { VIEW_BYTES = 128, VIEW_NUMBER = 32 };

/* A token as people see it: spaces as dots, the rest by the canvas's rule. Returns the columns
 * used. */
int view_token(struct canvas *c, struct rect r, int y, int x, const char *bytes, size_t len,
               struct style s);

/* Bytes to show for an id; control tokens by their spelling, *special set. At most VIEW_BYTES. */
size_t view_id_bytes(const struct workbench *b, attune_token id, char out[VIEW_BYTES],
                     bool *special);
/* The same for position i of prompt and run. */
size_t view_position_bytes(const struct workbench *b, size_t i, char out[VIEW_BYTES],
                           bool *special);
/* "20 74 68 65": as many bytes as fit, then "..". */
const char *view_hex(char *out, size_t capacity, const char *bytes, size_t n);

const char *view_p(char out[VIEW_NUMBER], double p); /* six columns: 0.3112, 3e-05 */
const char *view_count(char out[VIEW_NUMBER],
                       size_t n); /* 1 234 567 with thin grouping: 1,234,567 */
const char *view_dashed(char out[VIEW_NUMBER], const char *name); /* top_p -> top-p */

/* Text that ends at the right edge of r, cut at its front edge; returns the column it begins at. */
int view_right(struct canvas *c, struct rect r, int y, struct style s, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* A rule of dashes over columns from .. to-1. */
void view_rule(struct canvas *c, struct rect r, int y, int from, int to, struct style s);
/* A sentence, wrapped, from row y on; returns the rows it took. */
int view_sentence(struct canvas *c, struct rect r, int y, struct style s, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The first row to draw so that `cursor` of n rows is among `rows`, moved as little as can be. */
size_t view_scroll(size_t top, size_t cursor, size_t n, int rows);
/* Text that ends in ... where it does not fit. Returns the columns used. */
int view_clip(struct canvas *c, struct rect r, int y, int x, struct style s, const char *text);
struct rect view_cell(struct rect r, int y, int x, int columns); /* a row's part, clipped */
struct rect view_rows(struct rect r, int from, int rows);        /* part of r, clipped to it */

/* "key value", the key dim, if it fits as a whole; returns the columns used with a blank behind, or
 * 0. */
int view_pair(struct canvas *c, struct rect r, int y, int x, const char *key, const char *value);
/* A legend: low number, ramp of `cols` cells, high number. */
int view_ramp(struct canvas *c, struct rect r, int y, int x, int cols, const char *low,
              const char *high, enum ramp ramp);

/* Motion that every list and strip understands, from a key or from an action of the same name. */
enum view_move {
    VIEW_STAY,
    VIEW_LEFT,
    VIEW_RIGHT,
    VIEW_UP,
    VIEW_DOWN,
    VIEW_PAGE_UP,
    VIEW_PAGE_DOWN,
    VIEW_FIRST,
    VIEW_LAST
};
enum view_move view_move_of_key(const struct key *key);
enum view_move view_move_of_action(const char *action);
/* The place that a vertical move leads to in a list of n with `rows` in sight. */
size_t view_moved(enum view_move move, size_t at, size_t n, int rows);

/* From an action's argument: a whole number, or `otherwise`. */
long view_long(const char *arg, long otherwise);

#endif
