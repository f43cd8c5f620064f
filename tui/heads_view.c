/* A small map is the head's whole map pooled by the greatest weight, once by the worker and once
 * more to the cells there are: no peak is lost on the way. Each has its own scale, and the first
 * token stays out of it, as in the large view.
 *
 *        0      1      2
 *   0  #      #      #.         a row a layer, or by a score:   L2H0     L3H6
 *      ##     #.#    #..        as many as fit in a row         previous previous
 */
#include <config.h>

#include "heads_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_ROWS = 2,
    LABEL = 4,
    HIGHEST = 16,
    NARROWEST = 2,
    CAPTION_FROM = 3,
    CAPTION_COLUMNS = 6
};

const char *heads_order_text(int order)
{
    return order == HEADS_BY_LAYER ? "layer"
                                   : attune_head_score_text((enum attune_head_score)order);
}

bool heads_is_complete(const struct workbench *b)
{
    const struct heads_view *v = &b->heads;

    return v->n > 0 && v->n == (size_t)v->n_layers * (size_t)v->n_heads;
}

bool heads_can_tell(const struct workbench *b, int order)
{
    for (size_t i = 0; i < b->heads.n; i++) {
        if (!isnan(b->heads.heads[i].scores[order])) {
            return true;
        }
    }
    return false;
}

static int foot_rows(struct rect inside)
{
    return inside.rows >= 14 ? 3 : inside.rows >= 8 ? 2 : inside.rows >= 5 ? 1 : 0;
}

/* ---- order ---- */

struct place {
    int head;
    double key;
};

static int by_key(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int nan = isnan(x->key) - isnan(y->key); /* what cannot be told comes last */

    if (nan || isnan(x->key) || x->key == y->key) {
        return nan ? nan : x->head - y->head;
    }
    return x->key > y->key ? -1 : 1;
}

/* Heads that have not come yet have their place by layer; by a score they are not there. */
static int fill_list(int *list, const struct workbench *b, const struct heads_look *look, int total)
{
    const struct heads_view *v = &b->heads;
    struct place *places = malloc(((size_t)total + 1) * sizeof *places);
    int n = 0;

    for (int i = 0; places && i < total; i++) {
        const struct attune_head *head = (size_t)i < v->n ? &v->heads[i] : NULL;

        if (look->pattern >= 0 && (!head || head->pattern != (unsigned)look->pattern)) {
            continue;
        }
        if (look->order == HEADS_BY_LAYER || head) {
            places[n].head = i;
            places[n++].key = look->order == HEADS_BY_LAYER ? -i : head->scores[look->order];
        }
    }
    if (places) {
        qsort(places, (size_t)n, sizeof *places, by_key);
    }
    for (int i = 0; i < n; i++) {
        list[i] = places[i].head;
    }
    free(places);
    return n;
}

/* ---- places ---- */

static bool is_table(const struct heads_look *look)
{
    return look->order == HEADS_BY_LAYER && look->pattern < 0;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* A map of so many rows; cells of a terminal are twice as high as they are wide. */
static void set_size(struct heads_grid *g, int height, int width)
{
    g->width = least(width, g->area.cols - 1);
    g->width = g->width < 1 ? 1 : g->width;
    g->height = height < 1 ? 1 : least(height, g->area.rows);
    g->caption =
        g->height >= CAPTION_FROM && g->width >= CAPTION_COLUMNS && g->height + 1 <= g->area.rows;
}

/* A row a layer: every head in sight if maps can be that small; wider than a square tells more. */
static void size_table(struct heads_grid *g, int layers, int heads, int more)
{
    int height = g->area.rows / layers, width = g->area.cols / heads - 1;

    height = height > CAPTION_FROM ? height - 1 : height < 2 ? 2 : height;
    height = height + more < 1 ? 1 : least(height + more, HIGHEST);
    width = least(width + 3 * more, height == 1 ? 6 : 4 * height);
    set_size(g, height, width < NARROWEST ? NARROWEST : width);
}

/* One after the other: the largest maps that are all in sight. */
static void size_flow(struct heads_grid *g, int more)
{
    int height = HIGHEST;

    for (; height > 1; height--) {
        int per_row, lines;

        set_size(g, height, 2 * height);
        per_row = g->area.cols / (g->width + 1);
        lines = per_row > 0 ? (g->n + per_row - 1) / per_row : g->n;
        if (per_row > 0 && lines * (g->height + g->caption) <= g->area.rows) {
            break;
        }
    }
    height = height + more < 1 ? 1 : least(height + more, HIGHEST);
    set_size(g, height, height == 1 ? 5 : 2 * height);
}

static int scrolled(int at, int n, int in_sight)
{
    int from = at - in_sight / 2;

    from = from > n - in_sight ? n - in_sight : from;
    return from > 0 ? from : 0;
}

int heads_selected(const struct workbench *b, const struct heads_grid *g)
{
    int head = b->layer * b->heads.n_heads + b->head;

    for (int i = 0; i < g->n; i++) {
        if (g->list[i] == head) {
            return i;
        }
    }
    return -1;
}

struct heads_grid heads_layout(const struct workbench *b, const struct heads_look *look,
                               struct rect inside)
{
    struct heads_grid g = {0};
    int total = b->heads.n_layers * b->heads.n_heads, label = is_table(look) ? LABEL : 0, at;
    int lines;

    g.area = (struct rect){HEAD_ROWS, label, inside.rows - HEAD_ROWS - foot_rows(inside),
                           inside.cols - label};
    if (total <= 0 || g.area.rows < 1 || g.area.cols < 2) {
        return g;
    }
    g.list = malloc((size_t)total * sizeof *g.list);
    if (!g.list) {
        return g;
    }
    g.n = fill_list(g.list, b, look, total);
    if (is_table(look)) {
        size_table(&g, b->heads.n_layers, b->heads.n_heads, look->size);
    } else {
        size_flow(&g, look->size);
    }
    g.cols = g.area.cols / (g.width + 1);
    g.cols = g.cols < 1 ? 1 : g.cols;
    g.per_row = is_table(look) ? b->heads.n_heads : g.cols;
    g.cols = g.cols < g.per_row ? g.cols : g.per_row;
    g.rows = g.area.rows / (g.height + g.caption);
    g.rows = g.rows < 1 ? 1 : g.rows;
    lines = (g.n + g.per_row - 1) / g.per_row;
    at = heads_selected(b, &g);
    g.top = scrolled(at < 0 ? 0 : at / g.per_row, lines, g.rows);
    g.left = scrolled(at < 0 ? 0 : at % g.per_row, g.per_row, g.cols);
    return g;
}

void heads_grid_done(struct heads_grid *g)
{
    free(g->list);
    g->list = NULL;
    g->n = 0;
}

/* ---- pictures ---- */

/* The greatest of the cells that fall on this one; NaN where all are masked. */
static float most_of(const float *cells, const struct heads_view *v, int y0, int y1, int x0, int x1)
{
    float most = NAN;

    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++) {
            float w = cells[y * v->cols + x];

            most = most >= w || isnan(w) ? most : w;
        }
    }
    return most;
}

/* Cells from .. to that picture cell i of n covers; a picture larger than the map repeats them. */
static void span(int i, int n, int cells, int *from, int *to)
{
    *from = i * cells / n;
    *to = (i + 1) * cells / n;
    *to = *to > *from ? *to : *from + 1;
}

static void draw_small(const struct heads_view *v, int head, const struct heads_look *look,
                       enum ramp ramp, bool gap, struct canvas *c, struct rect r)
{
    const float *cells = v->cells + (size_t)head * (size_t)v->rows * (size_t)v->cols;
    struct shades s = shades_make(look->scale, cells, (size_t)v->rows * (size_t)v->cols, v->cols,
                                  v->kind != ATTUNE_STACK_CROSS);
    int step = canvas_has_half_blocks(c) ? 2 : 1;
    int lines = r.rows * step - (gap && step == 2 && r.rows > 1); /* half a cell parts the layers */

    for (int y = 0; y < r.rows * step; y += step) {
        for (int x = 0; x < r.cols; x++) {
            float shade[2] = {NAN, NAN};

            for (int half = 0; half < step; half++) {
                int y0, y1, x0, x1;
                float row_most = 0;

                if (y + half >= lines) {
                    continue;
                }
                span(y + half, lines, v->rows, &y0, &y1);
                span(x, r.cols, v->cols, &x0, &x1);
                for (int i = y0; i < y1 && look->scale == SCALE_ROW; i++) {
                    float most = shades_row_most(cells + i * v->cols, v->cols, true);
                    row_most = most > row_most ? most : row_most;
                }
                shade[half] = shades_at(&s, most_of(cells, v, y0, y1, x0, x1), row_most);
            }
            if (step == 2) {
                canvas_heat_pair(c, r, y / 2, x, shade[0], shade[1], ramp);
            } else {
                canvas_heat(c, r, y, x, 1, shade[0], ramp);
            }
        }
    }
    shades_done(&s);
}

static void draw_caption(const struct heads_view *v, int head, enum attune_ablated ablated,
                         const struct heads_look *look, struct canvas *c, struct rect r,
                         bool selected)
{
    const struct attune_head *h = &v->heads[head];
    struct style s = style_of(c, selected ? ROLE_SELECT : ROLE_DIM);
    char text[64], value[32];
    double least;
    enum attune_head_score score = look->order == HEADS_BY_LAYER
                                       ? attune_head_pattern_score(h->pattern, &least)
                                       : (enum attune_head_score)look->order;
    const char *pattern = attune_head_pattern_text(h->pattern);

    snprintf(value, sizeof value, isnan(h->scores[score]) ? "-" : "%.2f", h->scores[score]);
    if (look->order == HEADS_BY_LAYER) {
        snprintf(text, sizeof text, r.cols >= 16 ? "%s %s" : "%s", pattern, value);
    } else if (r.cols < 10) {
        snprintf(text, sizeof text, "%s", value);
    } else {
        snprintf(text, sizeof text, "L%dH%d %s", head / v->n_heads, head % v->n_heads, value);
    }
    canvas_fill(c, r, ' ', s);
    if (ablated != ATTUNE_ABLATED_NOT) {
        snprintf(text, sizeof text, "%s", ablated == ATTUNE_ABLATED_ZERO ? "silent" : "mean");
        s = selected ? s : style_of(c, ROLE_WARN);
    }
    view_clip(c, r, 0, 0, s, text);
}

static void draw_grid(const struct workbench *b, const struct heads_look *look,
                      const struct heads_grid *g, struct canvas *c, struct rect inside)
{
    const struct heads_view *v = &b->heads;
    struct rect area = {inside.y + g->area.y, inside.x + g->area.x, g->area.rows, g->area.cols};
    enum ramp ramp = (enum ramp)(((int)c->ramp + look->ramp) % RAMP_COUNT);
    int selected = heads_selected(b, g);

    for (int i = 0; i < g->n; i++) {
        int y = i / g->per_row - g->top, x = i % g->per_row - g->left, head = g->list[i];
        struct rect r = {area.y + y * (g->height + g->caption), area.x + x * (g->width + 1) + 1,
                         g->height, g->width};

        if (y < 0 || y >= g->rows || x < 0 || x >= g->cols) {
            continue;
        }
        r.cols = r.x + r.cols > area.x + area.cols ? area.x + area.cols - r.x : r.cols;
        if (r.cols < 1) {
            continue;
        }
        if ((size_t)head >= v->n) {
            canvas_text(c, r, r.rows / 2, r.cols / 2, "\u00b7", 2, style_of(c, ROLE_DIM));
            continue;
        }
        draw_small(v, head, look, ramp, !g->caption, c, r);
        if (g->caption) {
            draw_caption(v, head, bench_ablated(b, v->kind, head / v->n_heads, head % v->n_heads),
                         look, c, (struct rect){r.y + r.rows, r.x, 1, r.cols}, i == selected);
        }
        for (int line = 0; i == selected && line < g->height + g->caption; line++) {
            canvas_text(c, (struct rect){r.y + line, r.x - 1, 1, 1}, 0, 0, "\u258c", 3,
                        style_of(c, ROLE_ACCENT));
        }
    }
}

/* Numbers of layers at the left and of heads above. */
static void draw_axes(const struct workbench *b, const struct heads_grid *g, struct canvas *c,
                      struct rect inside)
{
    struct rect above = view_rows(inside, g->area.y - 1, 1);

    for (int y = 0; y < g->rows && (g->top + y) * g->per_row < g->n; y++) {
        canvas_print(c, inside, g->area.y + y * (g->height + g->caption) + (g->height - 1) / 2, 0,
                     style_of(c, g->top + y == b->layer ? ROLE_SELECT : ROLE_DIM), "%3d",
                     g->top + y);
    }
    for (int x = 0; x < g->cols; x++) {
        int at = g->area.x + x * (g->width + 1) + 1;

        canvas_print(c, above, 0, at, style_of(c, g->left + x == b->head ? ROLE_SELECT : ROLE_DIM),
                     "%d", g->left + x);
    }
}

/* ---- words around it ---- */

static void draw_heading(const struct workbench *b, const struct heads_look *look,
                         const struct heads_grid *g, struct canvas *c, struct rect inside)
{
    const struct heads_view *v = &b->heads;
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    int total = v->n_layers * v->n_heads, x = 0;

    x += canvas_print(c, inside, 0, x, dim, "by ");
    x += canvas_print(c, inside, 0, x, value, "%s", heads_order_text(look->order));
    if (look->pattern >= 0) {
        x += canvas_print(c, inside, 0, x, dim, ", only ");
        x += canvas_print(c, inside, 0, x, style_of(c, ROLE_WARN), "%s",
                          attune_head_pattern_text((enum attune_head_pattern)look->pattern));
    }
    if (v->n < (size_t)total) {
        x += canvas_print(c, inside, 0, x, style_of(c, ROLE_WARN), "  %zu of %d", v->n, total);
    } else {
        x += canvas_print(c, inside, 0, x, dim, "  %d of %d heads, %zu tokens", g->n, total,
                          v->n_keys);
    }
    if (*attune_chain_ablation(b->chain)) {
        x += canvas_print(c, inside, 0, x, style_of(c, ROLE_WARN), "  ablated %.40s",
                          attune_chain_ablation(b->chain));
        if (b->before && b->evaluated) {
            x += canvas_print(c, inside, 0, x, value, " KL %.3f bits", b->shift.kl_bits);
        }
    }
    if (inside.cols - x > 34) {
        char low[32], high[32];
        const struct shades s = {.scale = look->scale, .most = 1};

        shades_ends(&s, low, high);
        x += canvas_print(c, inside, 0, x, dim, "  %s ", attention_scales[look->scale]);
        view_ramp(c, inside, 0, x, 8, low, look->scale == SCALE_RANK ? high : "its most",
                  (enum ramp)(((int)c->ramp + look->ramp) % RAMP_COUNT));
    }
}

static void draw_scores(const struct workbench *b, const struct heads_look *look, struct canvas *c,
                        struct rect r)
{
    const struct heads_view *v = &b->heads;
    size_t at = (size_t)(b->layer * v->n_heads + b->head);
    const struct attune_head *h = at < v->n ? &v->heads[at] : NULL;
    int x = 0, y = 0;

    x += canvas_print(c, r, 0, 0, style_of(c, ROLE_SELECT), "layer %d head %d", b->layer, b->head);
    x += canvas_print(c, r, 0, x, style_of(c, ROLE_ACCENT), " %s",
                      h ? attune_head_pattern_text(h->pattern) : "\u2026");
    for (int s = 0; h && s < ATTUNE_HEAD_SCORE_COUNT; s++) {
        char number[32];
        const char *unit = attune_head_score_unit((enum attune_head_score)s),
                   *name = attune_head_score_text((enum attune_head_score)s);
        int wide;

        if (isnan(h->scores[s])) {
            continue;
        }
        snprintf(number, sizeof number, "%.2f%s%s", h->scores[s], *unit ? " " : "", unit);
        wide = (int)(strlen(number) + strlen(name)) + 3;
        if (x + wide > r.cols && y + 1 < r.rows) {
            y++;
            x = -2;
        }
        x += 2;
        x += canvas_print(c, r, y, x, style_of(c, s == look->order ? ROLE_ACCENT : ROLE_DIM), "%s ",
                          name);
        x += canvas_print(c, r, y, x, style_of(c, ROLE_VALUE), "%s", number);
    }
}

void heads_draw(const struct workbench *b, const struct heads_look *look,
                const struct heads_grid *g, struct canvas *c, struct rect inside, bool focused)
{
    int foot = foot_rows(inside);

    draw_heading(b, look, g, c, inside);
    if (!g->list) {
        return;
    }
    if (is_table(look)) {
        draw_axes(b, g, c, inside);
    }
    if (g->n == 0) {
        view_sentence(c, view_rows(inside, HEAD_ROWS, g->area.rows), 0, style_of(c, ROLE_DIM),
                      "No head here is of this pattern.");
    }
    draw_grid(b, look, g, c, inside);
    if (foot > 0) {
        draw_scores(b, look, c, view_rows(inside, inside.rows - foot, foot));
    }
}
