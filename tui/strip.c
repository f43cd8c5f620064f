/* The strip of tokens. A token that does not fit on the row goes to the next, a line break ends the
 * row, and a mark stands where the run begins; the decoder's side of two begins a row:
 *
 *   <s>·The·film·was▸·great!↵
 *
 *   ·The·cat</s>
 *   ▸<pad>·Le·chat */
#include <config.h>

#include "strip.h"

#include <stdlib.h>
#include <string.h>

size_t strip_prompt(const struct workbench *b)
{
    return bench_n_prompt(b);
}

/* Where the model's own words begin. */
static bool is_marked(const struct workbench *b, size_t i)
{
    return i == (bench_n_encoder(b) > 0 ? bench_n_encoder(b) : strip_prompt(b));
}

struct spot *strip_place(const struct workbench *b, int columns, size_t *n_rows)
{
    size_t n = bench_n_tokens(b), row = 0;
    struct spot *spots = malloc((n + 1) * sizeof *spots);
    char bytes[VIEW_BYTES];
    bool special;
    int x = 0;

    for (size_t i = 0; spots && i < n; i++) {
        size_t len = view_position_bytes(b, i, bytes, &special);
        int width = text_columns(bytes, len), mark = is_marked(b, i);
        width = width < columns - mark ? width : columns - mark;
        width = width < 1 ? 1 : width;
        if (x > 0 && (x + mark + width > columns || (mark && bench_n_encoder(b) > 0))) {
            row++;
            x = 0;
        }
        spots[i] = (struct spot){row, x + mark, width};
        x += mark + width;
        if (!special && len > 0 && memchr(bytes, '\n', len)) {
            row++;
            x = 0;
        }
    }
    *n_rows = n > 0 && spots ? spots[n - 1].row + 1 : 0;
    return spots;
}

size_t strip_vertical(const struct workbench *b, int columns, size_t at, bool down)
{
    size_t n = bench_n_tokens(b), n_rows, best = at, wanted;
    struct spot *spots = strip_place(b, columns, &n_rows);
    int centre, distance = 1 << 30;

    if (!spots || at >= n || (!down && spots[at].row == 0)) {
        free(spots);
        return best;
    }
    wanted = spots[at].row + (down ? 1 : (size_t)-1);
    centre = 2 * spots[at].x + spots[at].columns;
    for (size_t i = 0; i < n; i++) {
        int off = abs(2 * spots[i].x + spots[i].columns - centre);
        if (spots[i].row == wanted && off < distance) {
            distance = off;
            best = i;
        }
    }
    free(spots);
    return best;
}

size_t strip_at(const struct workbench *b, int columns, size_t row, int x)
{
    size_t n_rows, found = SIZE_MAX;
    struct spot *spots = strip_place(b, columns, &n_rows);

    for (size_t i = 0; spots && i < bench_n_tokens(b); i++) {
        if (spots[i].row == row && x >= spots[i].x && x < spots[i].x + spots[i].columns) {
            found = i;
        }
    }
    free(spots);
    return found;
}

size_t strip_moved(const struct workbench *b, enum view_move move, size_t at, int columns, int rows)
{
    size_t n = bench_n_tokens(b);

    if (n == 0) {
        return 0;
    }
    switch (move) {
    case VIEW_LEFT: return at > 0 ? at - 1 : 0;
    case VIEW_RIGHT: return at + 1 < n ? at + 1 : n - 1;
    case VIEW_FIRST: return 0;
    case VIEW_LAST: return n - 1;
    case VIEW_UP:
    case VIEW_DOWN: return strip_vertical(b, columns, at, move == VIEW_DOWN);
    case VIEW_PAGE_UP:
    case VIEW_PAGE_DOWN:
        for (int i = 0; i + 1 < rows; i++) {
            at = strip_vertical(b, columns, at, move == VIEW_PAGE_DOWN);
        }
        return at;
    case VIEW_STAY: break;
    }
    return at;
}

void strip_draw(const struct workbench *b, struct canvas *c, struct rect r,
                const struct spot *spots, size_t top, strip_style *style, const void *context)
{
    char bytes[VIEW_BYTES];
    bool special;

    for (size_t i = 0; i < bench_n_tokens(b); i++) {
        struct rect cell;
        struct style s;
        size_t len;
        int y = (int)((long)spots[i].row - (long)top);
        if (spots[i].row < top || y >= r.rows || spots[i].x >= r.cols) {
            continue;
        }
        len = view_position_bytes(b, i, bytes, &special);
        s = style(context, c, i, special);
        cell = (struct rect){r.y + y, r.x + spots[i].x, 1, spots[i].columns};
        if (cell.cols > r.cols - spots[i].x) {
            cell.cols = r.cols - spots[i].x;
        }
        if (is_marked(b, i)) {
            canvas_text(c, r, y, spots[i].x - 1, "\u25b8", 3, style_of(c, ROLE_ACCENT));
        }
        if (special) {
            canvas_text(c, cell, 0, 0, bytes, len, s);
        } else {
            view_token(c, cell, 0, 0, bytes, len, s);
        }
    }
}
