/* Rows are queries, columns are keys: row q, column k is the share of token k in what token q takes
 * in. In a cell that covers several tokens stands the largest of their weights, so no peak is lost;
 * the row under the cursor is always exact. */
#include <config.h>

#include "attention_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strip.h"

enum { LABEL_COLUMNS = 9, FEWEST_IN_SIGHT = 8, WIDEST_CELL = 7, NUMBER_COLUMNS = 4 };

size_t attention_tokens(const struct workbench *b)
{
    return strip_prompt(b) + (b->shown_step > 0 ? (size_t)b->shown_step : 0);
}

size_t attention_query(const struct workbench *b)
{
    size_t n = attention_tokens(b);

    return b->token_cursor < n ? b->token_cursor : n > 0 ? n - 1 : 0;
}

int attention_head_rows(struct rect inside)
{
    return inside.rows >= 10 ? 3 : inside.rows >= 6 ? 2 : inside.rows >= 4 ? 1 : 0;
}

int attention_foot_rows(struct rect inside)
{
    return inside.rows >= 9 ? 2 : inside.rows >= 3 ? 1 : 0;
}

/* The window of `n` tokens that a zoom leaves, around the cursor. */
static void window(size_t *from, size_t *to, size_t first, size_t n, size_t cursor, int zoom)
{
    size_t size = n - first;

    for (int i = 0; i < zoom && size / 2 >= FEWEST_IN_SIGHT; i++) {
        size /= 2;
    }
    *from = cursor > first + size / 2 ? cursor - size / 2 : first;
    if (*from + size > n) {
        *from = n - size;
    }
    *to = *from + size;
}

static size_t least(size_t a, int b)
{
    return b < 0 ? 0 : a < (size_t)b ? a : (size_t)b;
}

struct attention_map attention_layout(const struct workbench *b, const struct attention_look *look,
                                      const struct canvas *c, struct rect inside)
{
    size_t n = attention_tokens(b), nq, nk;
    int head = attention_head_rows(inside);
    struct attention_map m = {
        .area = {head, 0, inside.rows - head - attention_foot_rows(inside), inside.cols}};
    struct attention_request *r = &m.request;

    r->kind = look->kind;
    r->layer = look->layer;
    r->head = look->head;
    r->cursor = attention_query(b);
    if (n == 0 || m.area.rows < 1 || m.area.cols < 1) {
        return m;
    }
    if (look->mode != ATTENTION_MAP) { /* the row is always there; the column has to be asked for */
        r->q1 = n;
        r->k0 = r->cursor;
        r->k1 = r->cursor + 1;
        r->rows = (int)n;
        r->cols = 1;
        return m;
    }
    window(&r->q0, &r->q1, 0, n, r->cursor, look->zoom);
    window(&r->k0, &r->k1, look->hide_first && n > 1, n, look->key < n ? look->key : n - 1,
           look->zoom);
    nq = r->q1 - r->q0;
    nk = r->k1 - r->k0;
    m.half = nq > (size_t)m.area.rows && canvas_has_half_blocks(c);
    m.label_columns = inside.cols < 34 ? 0 : m.half ? 1 : LABEL_COLUMNS;
    m.area.x = m.label_columns;
    m.area.cols -= m.label_columns;
    m.cell_columns = m.half ? 1 : (int)least((size_t)m.area.cols / nk, WIDEST_CELL);
    m.cell_columns = m.cell_columns < 1 ? 1 : m.cell_columns;
    r->rows = (int)least(nq, m.half ? 2 * m.area.rows : m.area.rows);
    r->cols = (int)least(nk, m.area.cols / m.cell_columns);
    return m;
}

bool attention_same_request(const struct attention_request *a, const struct attention_request *b)
{
    return bench_same_window(a, b) && a->cursor == b->cursor;
}

/* ---- the lines around the picture ---- */

static void draw_token(const struct workbench *b, struct canvas *c, struct rect cell, size_t i,
                       struct style s)
{
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_position_bytes(b, i, bytes, &special);

    view_token(c, cell, 0, 0, bytes, len, s);
}

static int put_token(const struct workbench *b, struct canvas *c, struct rect r, int y, int x,
                     size_t i, struct style s)
{
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_position_bytes(b, i, bytes, &special);

    return view_token(c, r, y, x, bytes, len, s);
}

static void draw_heading(const struct workbench *b, const struct attention_look *look,
                         struct canvas *c, struct rect r, int y)
{
    const struct attune_model_info *info = attune_model_info(b->model);
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    bool narrow = r.cols < 48;
    int x = canvas_print(c, r, y, 0, dim, "layer ");

    x += canvas_print(c, r, y, x, value, "%d", look->layer);
    x +=
        canvas_print(c, r, y, x, dim, narrow ? "/%d head " : " of 0-%d, head ", info->n_layers - 1);
    x += canvas_print(c, r, y, x, value, "%d", look->head);
    x += canvas_print(c, r, y, x, dim, narrow ? "/%d" : " of 0-%d", info->n_heads - 1);
    if (look->mode == ATTENTION_MAP) {
        canvas_print(c, r, y, x, dim, "%s",
                     r.cols - x >= 25   ? ", rows query, columns key"
                     : r.cols - x >= 17 ? ", row q, column k"
                                        : "");
        return;
    }
    x += canvas_print(c, r, y, x, style_of(c, ROLE_ACCENT),
                      look->mode == ATTENTION_FROM ? ", from " : ", to ");
    x += put_token(b, c, r, y, x, attention_query(b), style_of(c, ROLE_SELECT));
    canvas_print(c, r, y, x, dim,
                 look->mode == ATTENTION_FROM ? ": what it looks at" : ": who looks at it");
}

static void draw_legend(const struct attention_look *look, const struct attention_map *map,
                        const struct shades *s, struct canvas *c, struct rect r, int y)
{
    const struct attention_request *q = &map->request;
    char low[VIEW_NUMBER], high[VIEW_NUMBER];
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%s ", attention_scales[look->scale]);

    shades_ends(s, low, high);
    x += view_ramp(c, r, y, x, r.cols < 48 ? 8 : 16, low, high, look->ramp) + 1;
    if (look->mode == ATTENTION_MAP) {
        size_t rows = (q->q1 - q->q0 + (size_t)q->rows - 1) / (size_t)q->rows;
        size_t cols = (q->k1 - q->k0 + (size_t)q->cols - 1) / (size_t)q->cols;
        if (rows > 1 || cols > 1) {
            x += canvas_print(c, r, y, x, style_of(c, ROLE_WARN),
                              r.cols - x >= 20 ? " cell: most of %zux%zu" : " %zux%zu", rows, cols);
        }
    }
    if (look->hide_first) {
        x += canvas_print(c, r, y, x, style_of(c, ROLE_WARN), " first hidden");
    }
    if (look->zoom > 0 && look->mode == ATTENTION_MAP) {
        canvas_print(c, r, y, x, style_of(c, ROLE_DIM), " q %zu-%zu k %zu-%zu", q->q0 + 1, q->q1,
                     q->k0 + 1, q->k1);
    }
}

/* "12 ·great looks at 4 ·film: 0.3123" */
static void draw_weight(const struct workbench *b, const struct attention_look *look,
                        struct canvas *c, struct rect r, int y)
{
    const struct attention_view *a = &b->attention;
    size_t q = a->request.cursor, k = look->mode == ATTENTION_MAP ? look->key : q;
    struct style dim = style_of(c, ROLE_DIM);
    int x;

    if (look->mode != ATTENTION_MAP || k >= a->n_keys) {
        return;
    }
    x = canvas_print(c, r, y, 0, dim, "%zu ", q + 1);
    x += put_token(b, c, r, y, x, q, style_of(c, ROLE_SELECT));
    x += canvas_print(c, r, y, x, dim, r.cols < 44 ? " at %zu " : " looks at %zu ", k + 1);
    x += put_token(b, c, r, y, x, k, style_of(c, ROLE_SELECT));
    if (k > q && a->row[k] == 0) {
        canvas_print(c, r, y, x, dim, r.cols < 60 ? ": masked" : ": masked, it comes later");
    } else {
        canvas_print(c, r, y, x, style_of(c, ROLE_VALUE), ": %.4f", (double)a->row[k]);
    }
}

/* The likeliest sources of the cursor's row, as many as fit. */
static void draw_top(const struct workbench *b, const struct attention_look *look, struct canvas *c,
                     struct rect r, int y)
{
    const struct attention_view *a = &b->attention;
    bool *taken = calloc(a->n_keys + 1, sizeof *taken);
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "most ");

    for (int n = 0; taken && n < 12; n++) {
        size_t best = a->n_keys;
        char bytes[VIEW_BYTES];
        bool special;
        for (size_t k = look->hide_first; k < a->n_keys; k++) {
            if (!taken[k] && a->row[k] > 0 && (best == a->n_keys || a->row[k] > a->row[best])) {
                best = k;
            }
        }
        if (best == a->n_keys) {
            break;
        }
        taken[best] = true;
        if (x + text_columns(bytes, view_position_bytes(b, best, bytes, &special)) + 5 > r.cols) {
            break;
        }
        x += put_token(b, c, r, y, x, best, style_of(c, special ? ROLE_SPECIAL : ROLE_TEXT));
        x += canvas_print(c, r, y, x, style_of(c, ROLE_VALUE), " %.2f  ", (double)a->row[best]);
    }
    free(taken);
}

/* ---- the map ---- */

/* The cell of a token in a window of n tokens over `cells`; -1 outside. */
static int cell_of(size_t token, size_t from, size_t to, int cells)
{
    return token < from || token >= to ? -1 : (int)((token - from) * (size_t)cells / (to - from));
}

static void draw_axes(const struct workbench *b, const struct attention_look *look,
                      const struct attention_map *map, struct canvas *c, struct rect inside)
{
    const struct attention_request *q = &b->attention.request;
    struct rect top = view_rows(inside, map->area.y - 1, 1);
    int row = cell_of(attention_query(b), q->q0, q->q1, q->rows),
        column = cell_of(look->key, q->k0, q->k1, q->cols);
    int lines = map->half ? (q->rows + 1) / 2 : q->rows;

    for (int y = 0; y < lines && map->label_columns > 1; y++) {
        size_t token = q->q0 + (size_t)y * (q->q1 - q->q0) / (size_t)q->rows;
        struct rect cell = {inside.y + map->area.y + y, inside.x, 1, map->label_columns - 1};
        draw_token(b, c, cell, y == row ? attention_query(b) : token,
                   style_of(c, y == row ? ROLE_SELECT : ROLE_DIM));
    }
    if (row >= 0 && map->label_columns > 0) {
        canvas_text(c, inside, map->area.y + (map->half ? row / 2 : row), map->label_columns - 1,
                    "\u25b8", 3, style_of(c, ROLE_ACCENT));
    }
    if (attention_head_rows(inside) < 3) {
        return;
    }
    for (int x = 0; x < q->cols && map->cell_columns > 1; x++) {
        int gap = map->cell_columns > 2, width = map->cell_columns - gap;
        struct rect cell = {top.y, top.x + map->area.x + map->cell_columns * x, top.rows, width};
        draw_token(b, c, cell, q->k0 + (size_t)x * (q->k1 - q->k0) / (size_t)q->cols,
                   style_of(c, x == column         ? ROLE_SELECT
                               : x % 2 && gap == 0 ? ROLE_TOKEN_ODD
                                                   : ROLE_DIM));
    }
    if (column >= 0 && map->cell_columns == 1) {
        int x = map->area.x + column, label;
        char bytes[VIEW_BYTES];
        bool special;
        label = text_columns(bytes, view_position_bytes(b, look->key, bytes, &special)) + 1;
        canvas_text(c, top, 0, x, "\u25be", 3, style_of(c, ROLE_ACCENT));
        put_token(b, c, top, 0,
                  x + 1 + label <= top.cols ? x + 1
                  : x - label > 0           ? x - label
                                            : 0,
                  look->key, style_of(c, ROLE_SELECT));
    }
}

/* A wide cell holds its weight as a number as well. */
static void draw_cell(struct canvas *c, struct rect r, int y, int x, int columns, float weight,
                      float v, enum ramp ramp, bool chosen)
{
    char text[VIEW_NUMBER];
    struct style s = chosen ? style_of(c, ROLE_SELECT) : style_heat(c, v, ramp);

    canvas_heat(c, r, y, x, columns, v, ramp);
    if (columns >= NUMBER_COLUMNS && !isnan(weight)) {
        snprintf(text, sizeof text, weight >= 0.995f ? "%.1f" : "%.2f", (double)weight);
        canvas_fill(c, view_cell(r, y, x, columns), ' ', s);
        canvas_text(c, r, y, x + (columns - 3) / 2, weight >= 0.995f ? text : text + 1, 3, s);
    } else if (chosen) {
        canvas_text(c, r, y, x, columns == 1 ? "+" : "[", 1, style_heat(c, v, ramp));
        canvas_text(c, r, y, x + columns - 1, columns == 1 ? "+" : "]", 1, style_heat(c, v, ramp));
    }
}

static void draw_cells(const struct workbench *b, const struct attention_look *look,
                       const struct attention_map *map, const struct shades *s, struct canvas *c,
                       struct rect inside, bool focused)
{
    const struct attention_request *q = &b->attention.request;
    const float *cells = b->attention.cells; /* [rows, cols] */
    struct rect r = view_rows(inside, map->area.y, map->area.rows);
    int row = cell_of(attention_query(b), q->q0, q->q1, q->rows),
        column = cell_of(look->key, q->k0, q->k1, q->cols);
    int step = map->half ? 2 : 1;
    bool skip = q->k0 == 0;

    for (int y = 0; y < q->rows; y += step) {
        const float *upper = cells + (size_t)y * (size_t)q->cols;
        const float *lower = y + 1 < q->rows ? upper + q->cols : NULL;
        float most = shades_row_most(upper, q->cols, skip),
              lower_most = lower ? shades_row_most(lower, q->cols, skip) : 0;
        for (int x = 0; x < q->cols; x++) {
            float v = shades_at(s, upper[x], most);
            int at = map->area.x + x * map->cell_columns;
            if (map->half) {
                canvas_heat_pair(c, r, y / 2, at, v,
                                 lower ? shades_at(s, lower[x], lower_most) : NAN, look->ramp);
                continue;
            }
            draw_cell(c, r, y, at, map->cell_columns, upper[x], v, look->ramp,
                      focused && y == row && x == column);
        }
    }
}

/* ---- the text ---- */

struct colouring {
    const struct workbench *bench;
    const struct attention_look *look;
    const struct shades *shades;
    const float *values; /* [n] by token */
    size_t n;
};

static struct style text_style(const void *context, const struct canvas *c, size_t i, bool special)
{
    const struct colouring *k = context;
    float v = i < k->n ? k->values[i] : NAN;

    if (i == attention_query(k->bench)) {
        return style_of(c, ROLE_SELECT);
    }
    if (isnan(v) || v == 0 || (i == 0 && k->look->hide_first)) {
        return style_of(c, ROLE_DIM);
    }
    return style_heat(c, shades_at(k->shades, v, k->shades->most), k->look->ramp);
}

static void draw_text(const struct workbench *b, const struct attention_look *look,
                      const struct shades *s, const float *values, size_t n, struct canvas *c,
                      struct rect r)
{
    struct colouring k = {b, look, s, values, n};
    size_t n_rows, top;
    struct spot *spots = strip_place(b, r.cols, &n_rows);

    if (!spots) {
        return;
    }
    top = view_scroll(0, spots[attention_query(b)].row, n_rows, r.rows);
    strip_draw(b, c, r, spots, top, text_style, &k);
    free(spots);
}

void attention_draw(const struct workbench *b, const struct attention_look *look,
                    const struct attention_map *map, struct canvas *c, struct rect inside,
                    bool focused)
{
    const struct attention_view *a = &b->attention;
    const struct attention_request *q = &a->request;
    bool map_mode = look->mode == ATTENTION_MAP, by_row = look->mode == ATTENTION_FROM;
    size_t n = map_mode ? (size_t)q->rows * (size_t)q->cols : by_row ? a->n_keys : (size_t)q->rows;
    const float *values = by_row ? a->row : a->cells;
    int columns = map_mode ? q->cols : by_row && n > 0 ? (int)n : 1;
    struct shades s = shades_make(look->scale, values, n, columns, map_mode ? q->k0 == 0 : by_row);
    int head = attention_head_rows(inside), foot = attention_foot_rows(inside);

    if (head >= 1) {
        draw_heading(b, look, c, inside, 0);
    }
    if (head >= 2) {
        draw_legend(look, map, &s, c, inside, 1);
    }
    if (map_mode) {
        draw_axes(b, look, map, c, inside);
        draw_cells(b, look, map, &s, c, inside, focused);
    } else {
        draw_text(b, look, &s, values, n, c, view_rows(inside, map->area.y, map->area.rows));
    }
    if (foot >= 1 && map_mode) {
        draw_weight(b, look, c, inside, inside.rows - foot);
    }
    if (foot >= 2 || (foot == 1 && by_row)) {
        draw_top(b, look, c, inside, inside.rows - 1);
    }
    shades_done(&s);
}
