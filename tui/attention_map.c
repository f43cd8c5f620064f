/* The map: a cell a token where there is room, with its number in it where it is wide; else two
 * queries a cell in half blocks, or cells that cover several tokens. */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attention_view.h"

enum { NUMBER_COLUMNS = 4, TICK = 10 };
static const float faint_below = 0.05f;

/* The row of the panel where a row of cells stands; its middle where it has several. */
static int line_of(const struct attention_map *map, int row)
{
    return map->area.y + (map->half ? row / 2 : row * map->cell_rows + (map->cell_rows - 1) / 2);
}

static void draw_queries(const struct attention_picture *p, int row)
{
    const struct attention_request *q = &p->view->request;
    const struct attention_map *map = p->map;
    int step = map->half ? 2 : 1;

    for (int y = 0; y < q->rows && map->label_columns > 1; y += step) {
        bool here = row >= 0 && row / step == y / step;
        size_t token = q->q0 + (size_t)y * (q->q1 - q->q0) / (size_t)q->rows;
        struct rect cell = {p->inside.y + line_of(map, y), p->inside.x, 1, map->label_columns - 1};
        attention_put_token(p, cell, 0, 0, true, here ? p->row : token,
                            style_of(p->canvas, here ? ROLE_SELECT : ROLE_DIM));
    }
    if (row >= 0 && map->label_columns > 0) {
        canvas_text(p->canvas, p->inside, line_of(map, row), map->label_columns - 1, "\u25b8", 3,
                    style_of(p->canvas, ROLE_ACCENT));
    }
}

/* Narrow columns have no room for tokens: their numbers now and then, and the token of the cursor.
 */
static void draw_ticks(const struct attention_picture *p, struct rect top, int column)
{
    const struct attention_request *q = &p->view->request;
    int x = p->map->area.x + column, label;
    char bytes[VIEW_BYTES];
    bool special;

    for (int tick = 0; tick < q->cols; tick += TICK) {
        size_t token = q->k0 + (size_t)tick * (q->k1 - q->k0) / (size_t)q->cols;
        canvas_print(p->canvas, top, 0, p->map->area.x + tick, style_of(p->canvas, ROLE_DIM), "%zu",
                     token + 1);
    }
    if (column < 0) {
        return;
    }
    label = text_columns(bytes, attention_bytes(p->bench, p->look->kind, false, p->look->key, bytes,
                                                &special)) +
            1;
    canvas_text(p->canvas, top, 0, x, "\u25be", 3, style_of(p->canvas, ROLE_ACCENT));
    attention_put_token(p, top, 0,
                        x + 1 + label <= top.cols ? x + 1
                        : x - label > 0           ? x - label
                                                  : 0,
                        false, p->look->key, style_of(p->canvas, ROLE_SELECT));
}

static void draw_keys(const struct attention_picture *p, int column)
{
    const struct attention_request *q = &p->view->request;
    const struct attention_map *map = p->map;
    struct rect top = view_rows(p->inside, map->area.y - 1, 1);

    if (attention_head_rows(p->inside) < 3) {
        return;
    }
    if (map->cell_columns == 1) {
        draw_ticks(p, top, column);
        return;
    }
    for (int x = 0; x < q->cols; x++) {
        int gap = map->cell_columns > 2;
        struct rect cell = {top.y, top.x + map->area.x + map->cell_columns * x, top.rows,
                            map->cell_columns - gap};
        size_t token = q->k0 + (size_t)x * (q->k1 - q->k0) / (size_t)q->cols;
        attention_put_token(p, cell, 0, 0, false, x == column ? p->look->key : token,
                            style_of(p->canvas, x == column         ? ROLE_SELECT
                                                : x % 2 && gap == 0 ? ROLE_TOKEN_ODD
                                                                    : ROLE_DIM));
    }
}

/* A wide cell holds its weight as a number as well. */
static void draw_cell(const struct attention_picture *p, int y, int x, float weight, float v,
                      bool chosen)
{
    const struct attention_map *map = p->map;
    struct rect r = view_rows(p->inside, map->area.y, map->area.rows);
    struct canvas *c = p->canvas;
    struct style s = chosen ? style_of(c, ROLE_SELECT) : style_heat(c, v, p->ramp);
    int columns = map->cell_columns, middle = y + (map->cell_rows - 1) / 2;
    char text[VIEW_NUMBER];

    if (!chosen && c->tier >= TIER_256 && v < faint_below) {
        s.fg = style_of(c, ROLE_DIM).fg; /* next to nothing should not look like much */
    }
    for (int line = 0; line < map->cell_rows; line++) {
        canvas_heat(c, r, y + line, x, columns, v, p->ramp);
    }
    if (columns >= NUMBER_COLUMNS && !isnan(weight)) {
        snprintf(text, sizeof text, weight >= 0.995f ? "%.1f" : "%.2f", (double)weight);
        canvas_fill(c, view_cell(r, middle, x, columns), ' ', s);
        canvas_text(c, r, middle, x + (columns - 3) / 2, weight >= 0.995f ? text : text + 1, 3, s);
    } else if (chosen) {
        s = style_heat(c, v, p->ramp);
        canvas_text(c, r, middle, x, columns == 1 ? "+" : "[", 1, s);
        canvas_text(c, r, middle, x + columns - 1, columns == 1 ? "+" : "]", 1, s);
    }
}

/* Where two queries share a cell of the screen, the cursor's is marked over both. */
static void draw_pair(const struct attention_picture *p, int y, int x, float upper, float lower,
                      bool chosen)
{
    struct rect r = view_rows(p->inside, p->map->area.y, p->map->area.rows);

    canvas_heat_pair(p->canvas, r, y / 2, x, upper, lower, p->ramp);
    if (chosen) {
        float v = isnan(upper) || lower > upper ? lower : upper;

        canvas_text(p->canvas, r, y / 2, x, "+", 1,
                    isnan(v) ? style_of(p->canvas, ROLE_SELECT)
                             : style_heat(p->canvas, v, p->ramp));
    }
}

static void draw_cells(const struct attention_picture *p, int row, int column)
{
    const struct attention_request *q = &p->view->request;
    const struct attention_map *map = p->map;
    int step = map->half ? 2 : 1;
    bool skip = q->k0 == 0 && p->look->kind != ATTUNE_STACK_CROSS;

    for (int y = 0; y < q->rows; y += step) {
        const float *upper = p->view->cells + (size_t)y * (size_t)q->cols; /* [cols] */
        const float *lower = map->half && y + 1 < q->rows ? upper + q->cols : NULL;
        float most = shades_row_most(upper, q->cols, skip),
              lower_most = lower ? shades_row_most(lower, q->cols, skip) : 0;
        for (int x = 0; x < q->cols; x++) {
            float v = shades_at(p->shades, upper[x], most);
            int at = map->area.x + x * map->cell_columns;
            bool chosen = p->focused && row >= 0 && y / step == row / step && x == column;
            if (map->half) {
                draw_pair(p, y, at, v, lower ? shades_at(p->shades, lower[x], lower_most) : NAN,
                          chosen);
            } else {
                draw_cell(p, y * map->cell_rows, at, upper[x], v, chosen);
            }
        }
    }
}

void attention_draw_map(const struct attention_picture *p)
{
    const struct attention_request *q = &p->view->request;
    int row = attention_cell_of(p->row, q->q0, q->q1, q->rows),
        column = attention_cell_of(p->look->key, q->k0, q->k1, q->cols);

    draw_queries(p, row);
    draw_keys(p, column);
    draw_cells(p, row, column);
}
