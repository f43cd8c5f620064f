/* Row q, column k is the share of token k in what token q takes in. In a cell that covers several
 * tokens stands the largest of their weights, so no peak is lost; the row under the cursor is
 * always exact. What is around the pictures is here: where they lie, what they are of, and the
 * numbers. */
#include <config.h>

#include "attention_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strip.h"

enum { LABEL_COLUMNS = 9, FEWEST_IN_SIGHT = 8, WIDEST_CELL = 7, HIGHEST_CELL = 3 };

size_t attention_tokens(const struct workbench *b)
{
    return strip_prompt(b) + (b->shown_step > 0 ? (size_t)b->shown_step : 0);
}

size_t attention_query(const struct workbench *b)
{
    size_t n = attention_tokens(b);

    return b->token_cursor < n ? b->token_cursor : n > 0 ? n - 1 : 0;
}

size_t attention_row(const struct workbench *b, enum attune_stack kind)
{
    struct bench_span side = bench_side(b, kind, true);
    size_t at = b->token_cursor;

    if (at < side.first || at >= side.first + side.n) {
        return side.n > 0 ? side.n - 1 : 0;
    }
    return at - side.first;
}

size_t attention_bytes(const struct workbench *b, enum attune_stack kind, bool queries, size_t i,
                       char out[VIEW_BYTES], bool *special)
{
    return view_position_bytes(b, bench_side(b, kind, queries).first + i, out, special);
}

bool attention_is_sink(const struct workbench *b, enum attune_stack kind, size_t key)
{
    const struct attune_tokenizer *tk = b->model ? attune_model_tokenizer(b->model) : NULL;
    size_t at = bench_side(b, kind, false).first + key;

    return key == 0 || (tk && at < bench_n_tokens(b) &&
                        attune_token_kind(tk, bench_token_at(b, at)) == ATTUNE_TOKEN_SPECIAL);
}

bool attention_is_causal(const struct workbench *b, enum attune_stack kind)
{
    return b->model && attune_attention_is_causal(b->model, kind);
}

int attention_head_rows(struct rect inside)
{
    return inside.rows >= 10 ? 3 : inside.rows >= 6 ? 2 : inside.rows >= 4 ? 1 : 0;
}

int attention_foot_rows(struct rect inside)
{
    return inside.rows >= 9 ? 2 : inside.rows >= 3 ? 1 : 0;
}

/* ---- layout ---- */

static bool is_second(const struct workbench *b, size_t i)
{
    return !b->replayed && i < b->tokens.n && b->tokens.type_ids && b->tokens.type_ids[i] == 1;
}

bool attention_has_pair(const struct workbench *b, enum attune_stack kind)
{
    return (kind == ATTUNE_STACK_SELF || kind == ATTUNE_STACK_ENCODER) && b->tokens.n > 1 &&
           is_second(b, b->tokens.n - 1);
}

/* What a side may show: all of it, or one sentence of a pair. */
static void side_range(const struct workbench *b, const struct attention_look *look, bool queries,
                       size_t *from, size_t *to)
{
    bool second = queries ? look->pair >= PAIR_BA : look->pair == PAIR_AB || look->pair == PAIR_BB;
    size_t middle = 0;

    *from = 0;
    *to = bench_side(b, look->kind, queries).n;
    if (look->pair == PAIR_ALL || !attention_has_pair(b, look->kind)) {
        return;
    }
    while (middle < *to && !is_second(b, middle)) {
        middle++;
    }
    if (second) {
        *from = middle;
    } else {
        *to = middle;
    }
}

/* The window that a zoom leaves of from .. to: where it was, moved so far that the cursor is in it.
 */
static void window(size_t *from, size_t *to, size_t was, size_t cursor, int zoom)
{
    size_t first = *from, n = *to - *from, size = n, margin;

    for (int i = 0; i < zoom && size / 2 >= FEWEST_IN_SIGHT; i++) {
        size /= 2;
    }
    cursor = cursor < first ? 0 : cursor - first < n ? cursor - first : n - 1;
    was = was < first ? 0 : was - first;
    margin = size >= 16 ? 2 : 0;
    if (cursor < was + margin) {
        was = cursor > margin ? cursor - margin : 0;
    } else if (cursor + margin >= was + size) {
        was = cursor + margin + 1 - size;
    }
    was = was + size > n ? n - size : was;
    *from = first + was;
    *to = *from + size;
}

static int least(size_t a, int b)
{
    return b < 0 ? 0 : a < (size_t)b ? (int)a : b;
}

/* Windows of one token a row, as many as the rectangle has. */
static void lay_lines(const struct attention_look *look, struct attention_map *m, size_t row)
{
    struct attention_request *r = &m->request;
    size_t rows = (size_t)m->area.rows, nq = r->q1 - r->q0, nk = r->k1 - r->k0;

    if (nq > rows) {
        size_t from = row > r->q0 + rows / 2 ? row - rows / 2 : r->q0;
        r->q0 = from + rows > r->q1 ? r->q1 - rows : from;
        r->q1 = r->q0 + rows;
    }
    if (nk > rows) {
        size_t at = look->kind == ATTUNE_STACK_CROSS ? look->key : row,
               from = at > r->k0 + rows / 2 ? at - rows / 2 : r->k0;
        r->k0 = from + rows > r->k1 ? r->k1 - rows : from;
        r->k1 = r->k0 + rows;
    }
    r->rows = (int)(r->q1 - r->q0);
    r->cols = (int)(r->k1 - r->k0);
}

static void lay_map(const struct attention_look *look, struct attention_map *m,
                    const struct canvas *c, struct rect inside, size_t row)
{
    struct attention_request *r = &m->request;
    size_t nq, nk;

    window(&r->q0, &r->q1, look->q_from, row, look->zoom);
    window(&r->k0, &r->k1, look->k_from, look->key, look->zoom);
    nq = r->q1 - r->q0;
    nk = r->k1 - r->k0;
    m->half = nq > (size_t)m->area.rows && canvas_has_half_blocks(c);
    m->label_columns = inside.cols < 34 ? 0 : LABEL_COLUMNS;
    m->area.x = m->label_columns;
    m->area.cols -= m->label_columns;
    m->cell_columns = m->half ? 1 : least((size_t)m->area.cols / nk, WIDEST_CELL);
    m->cell_columns = m->cell_columns < 1 ? 1 : m->cell_columns;
    m->cell_rows = m->half ? 1 : least((size_t)m->area.rows / nq, HIGHEST_CELL);
    m->cell_rows = m->cell_rows < 1                           ? 1
                   : m->cell_rows == 2 || m->cell_columns < 5 ? 1
                                                              : m->cell_rows;
    r->rows = least(nq, m->half ? 2 * m->area.rows : m->area.rows / m->cell_rows);
    r->cols = least(nk, m->area.cols / m->cell_columns);
}

struct attention_map attention_layout(const struct workbench *b, const struct attention_look *look,
                                      const struct canvas *c, struct rect inside)
{
    int head = attention_head_rows(inside);
    size_t nq = bench_side(b, look->kind, true).n, nk = bench_side(b, look->kind, false).n,
           row = attention_row(b, look->kind);
    struct attention_map m = {
        .area = {head, 0, inside.rows - head - attention_foot_rows(inside), inside.cols},
        .cell_columns = 1,
        .cell_rows = 1};
    struct attention_request *r = &m.request;

    r->kind = look->kind;
    r->layer = look->layer;
    r->head = look->head;
    r->hide_sinks = look->hide_sinks;
    r->mix = look->mix;
    r->cursor = row;
    if (nq == 0 || nk == 0 || m.area.rows < 1 || m.area.cols < 1) {
        return m;
    }
    if (look->mode == ATTENTION_FROM || look->mode == ATTENTION_TO) {
        /* The row is always there; the column has to be asked for: of the token itself where both
         * sides are one text. */
        r->q1 = nq;
        r->k0 = look->kind == ATTUNE_STACK_CROSS ? look->key : row;
        r->k0 = r->k0 < nk ? r->k0 : nk - 1;
        r->k1 = r->k0 + 1;
        r->rows = (int)nq;
        r->cols = 1;
        return m;
    }
    side_range(b, look, true, &r->q0, &r->q1);
    side_range(b, look, false, &r->k0, &r->k1);
    if (look->mode == ATTENTION_LINES) {
        lay_lines(look, &m, row);
    } else {
        lay_map(look, &m, c, inside, row);
    }
    return m;
}

bool attention_same_request(const struct attention_request *a, const struct attention_request *b)
{
    return bench_same_window(a, b) && a->cursor == b->cursor;
}

int attention_cell_of(size_t token, size_t from, size_t to, int cells)
{
    return token < from || token >= to ? -1 : (int)((token - from) * (size_t)cells / (to - from));
}

/* ---- the lines around the picture ---- */

int attention_put_token(const struct attention_picture *p, struct rect r, int y, int x,
                        bool queries, size_t i, struct style s)
{
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = attention_bytes(p->bench, p->look->kind, queries, i, bytes, &special);

    return view_token(p->canvas, r, y, x, bytes, len, s);
}

static const char *axes_text(const struct attention_look *look, int room)
{
    if (look->kind == ATTUNE_STACK_CROSS) {
        return room >= 31   ? ", rows decoder, columns encoder"
               : room >= 17 ? ", decoder at enc"
                            : "";
    }
    return room >= 25 ? ", rows query, columns key" : room >= 17 ? ", row q, column k" : "";
}

void attention_mix_title(const struct workbench *b, const struct attention_look *look, char *out,
                         size_t capacity)
{
    const struct attune_mix_options options = {.kind = look->kind,
                                               .way = look->mix.way,
                                               .layer = look->mix.whole ? -1 : look->layer,
                                               .head = look->head,
                                               .heads = look->mix.heads};

    attune_mix_title(out, capacity, &options, bench_layers(b, look->kind));
}

/* "layer 2 of 0-5, head 1 of 0-7", or what is mixed. Returns the columns used. */
static int draw_subject(const struct attention_picture *p, int y)
{
    struct canvas *c = p->canvas;
    const struct attention_look *look = p->look;
    struct rect r = p->inside;
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    int layers = bench_layers(p->bench, look->kind), heads = bench_heads(p->bench), x;
    bool narrow = r.cols < 48;
    char title[160];

    if (look->mix.way != ATTUNE_MIX_HEAD) {
        attention_mix_title(p->bench, look, title, sizeof title);
        return view_clip(c, r, y, 0, value, title);
    }
    x = canvas_print(c, r, y, 0, dim, "layer ");
    x += canvas_print(c, r, y, x, value, "%d", look->layer);
    x += canvas_print(c, r, y, x, dim, narrow ? "/%d head " : " of 0-%d, head ", layers - 1);
    x += canvas_print(c, r, y, x, value, "%d", look->head);
    return x + canvas_print(c, r, y, x, dim, narrow ? "/%d" : " of 0-%d", heads - 1);
}

static void draw_heading(const struct attention_picture *p, int y)
{
    static const char *const pairs[PAIR_COUNT] = {"", "A to A", "A to B", "B to A", "B to B"};
    struct canvas *c = p->canvas;
    const struct attention_look *look = p->look;
    struct rect r = p->inside;
    struct style dim = style_of(c, ROLE_DIM);
    bool cross = look->kind == ATTUNE_STACK_CROSS;
    int x = draw_subject(p, y);

    if (look->pair != PAIR_ALL && attention_has_pair(p->bench, look->kind)) {
        x += canvas_print(c, r, y, x, style_of(c, ROLE_WARN), ", %s", pairs[look->pair]);
    }
    if (look->mode == ATTENTION_MAP) {
        canvas_print(c, r, y, x, dim, "%s", axes_text(look, r.cols - x));
    } else if (look->mode == ATTENTION_LINES) {
        canvas_print(c, r, y, x, dim, r.cols - x >= 27 ? ", query left, key right" : "");
    } else {
        bool from = look->mode == ATTENTION_FROM;
        x += canvas_print(c, r, y, x, style_of(c, ROLE_ACCENT), from ? ", from " : ", to ");
        x += attention_put_token(p, r, y, x, from || !cross,
                                 from || !cross ? p->row : p->view->request.k0,
                                 style_of(c, ROLE_SELECT));
        canvas_print(c, r, y, x, dim, "%s",
                     r.cols - x < 18 ? ""
                     : from          ? ": what it looks at"
                                     : ": who looks at it");
    }
}

static void draw_legend(const struct attention_picture *p, int y)
{
    const struct attention_request *q = &p->view->request;
    const struct attention_look *look = p->look;
    struct canvas *c = p->canvas;
    struct rect r = p->inside;
    char low[32], high[32];
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%s ", attention_scales[look->scale]);

    shades_ends(p->shades, low, high);
    x += view_ramp(c, r, y, x, r.cols < 48 ? 8 : 16, low, high, p->ramp) + 1;
    if (look->mode == ATTENTION_MAP) {
        size_t rows = (q->q1 - q->q0 + (size_t)q->rows - 1) / (size_t)q->rows;
        size_t cols = (q->k1 - q->k0 + (size_t)q->cols - 1) / (size_t)q->cols;
        if (rows > 1 || cols > 1) {
            x += canvas_print(c, r, y, x, style_of(c, ROLE_WARN),
                              r.cols - x >= 20 ? " cell: most of %zux%zu" : " %zux%zu", rows, cols);
        }
    }
    if (look->hide_sinks) {
        x += canvas_print(c, r, y, x, style_of(c, ROLE_WARN), " sinks hidden");
    }
    if (look->zoom > 0 && look->mode == ATTENTION_MAP) {
        canvas_print(c, r, y, x, style_of(c, ROLE_DIM), " q %zu-%zu k %zu-%zu", q->q0 + 1, q->q1,
                     q->k0 + 1, q->k1);
    }
}

/* The first token of a cell in a window; of cell n the end of the last. */
static size_t token_of(int cell, size_t from, size_t to, int cells)
{
    return from + ((size_t)cell * (to - from) + (size_t)cells - 1) / (size_t)cells;
}

/* ", cell 11-12 x 3-4: most 0.4512" where the cell under the cursor covers more than its token. */
static int draw_range(const struct attention_picture *p, int y, int x)
{
    const struct attention_request *q = &p->view->request;
    int row = attention_cell_of(p->row, q->q0, q->q1, q->rows),
        column = attention_cell_of(p->look->key, q->k0, q->k1, q->cols);
    size_t q0, q1, k0, k1;
    float most;

    if (row < 0 || column < 0 || q->rows * q->cols < 1) {
        return 0;
    }
    q0 = token_of(row, q->q0, q->q1, q->rows);
    q1 = token_of(row + 1, q->q0, q->q1, q->rows);
    k0 = token_of(column, q->k0, q->k1, q->cols);
    k1 = token_of(column + 1, q->k0, q->k1, q->cols);
    most = p->view->cells[row * q->cols + column];
    if (q1 - q0 < 2 && k1 - k0 < 2) {
        return 0;
    }
    x += canvas_print(p->canvas, p->inside, y, x, style_of(p->canvas, ROLE_DIM),
                      "  cell %zu-%zu x %zu-%zu: most ", q0 + 1, q1, k0 + 1, k1);
    canvas_print(p->canvas, p->inside, y, x, style_of(p->canvas, ROLE_VALUE),
                 isnan(most) ? "-" : "%.4f", (double)most);
    return 1;
}

/* "12 ·great looks at 4 ·film: 0.3123" */
static void draw_weight(const struct attention_picture *p, int y)
{
    const struct attention_view *a = p->view;
    struct canvas *c = p->canvas;
    struct rect r = p->inside;
    struct style dim = style_of(c, ROLE_DIM);
    size_t k = p->look->key;
    int x;

    if (k >= a->n_keys) {
        return;
    }
    x = canvas_print(c, r, y, 0, dim, "%zu ", p->row + 1);
    x += attention_put_token(p, r, y, x, true, p->row, style_of(c, ROLE_SELECT));
    x += canvas_print(c, r, y, x, dim, r.cols < 44 ? " at %zu " : " looks at %zu ", k + 1);
    x += attention_put_token(p, r, y, x, false, k, style_of(c, ROLE_SELECT));
    if (attention_is_causal(p->bench, p->look->kind) && k > p->row) {
        x += canvas_print(c, r, y, x, dim, r.cols < 60 ? ": masked" : ": masked, it comes later");
    } else {
        x += canvas_print(c, r, y, x, style_of(c, ROLE_VALUE), ": %.4f", (double)a->row[k]);
    }
    if (p->look->mode == ATTENTION_MAP) {
        draw_range(p, y, x);
    }
}

/* The likeliest sources of the cursor's row, as many as fit. */
static void draw_top(const struct attention_picture *p, int y)
{
    const struct attention_view *a = p->view;
    struct canvas *c = p->canvas;
    bool *taken = calloc(a->n_keys + 1, sizeof *taken);
    int x = canvas_print(c, p->inside, y, 0, style_of(c, ROLE_DIM), "most ");

    for (int n = 0; taken && n < 12; n++) {
        size_t best = a->n_keys, len;
        char bytes[VIEW_BYTES];
        bool special;
        for (size_t k = 0; k < a->n_keys; k++) {
            if (!taken[k] && a->row[k] > 0 && (best == a->n_keys || a->row[k] > a->row[best]) &&
                !(p->look->hide_sinks && attention_is_sink(p->bench, p->look->kind, k))) {
                best = k;
            }
        }
        if (best == a->n_keys) {
            break;
        }
        taken[best] = true;
        len = attention_bytes(p->bench, p->look->kind, false, best, bytes, &special);
        if (x + text_columns(bytes, len) + 5 > p->inside.cols) {
            break;
        }
        x += view_token(c, p->inside, y, x, bytes, len,
                        style_of(c, special ? ROLE_SPECIAL : ROLE_TEXT));
        x += canvas_print(c, p->inside, y, x, style_of(c, ROLE_VALUE), " %.2f  ",
                          (double)a->row[best]);
    }
    free(taken);
}

/* ---- all of it ---- */

/* What the text is coloured by: the row or the column, without sinks and what is masked. */
static float *text_values(const struct attention_picture *p, size_t *n)
{
    const struct attention_view *a = p->view;
    bool from = p->look->mode == ATTENTION_FROM,
         causal = attention_is_causal(p->bench, p->look->kind);
    float *values;

    *n = from ? a->n_keys : (size_t)a->request.rows;
    values = malloc((*n + 1) * sizeof *values);
    for (size_t i = 0; values && i < *n; i++) {
        bool hidden = from && p->look->hide_sinks && attention_is_sink(p->bench, p->look->kind, i);
        values[i] = hidden || (from && causal && i > p->row) ? NAN : from ? a->row[i] : a->cells[i];
    }
    return values;
}

void attention_draw(const struct workbench *b, const struct attention_look *look,
                    const struct attention_map *map, struct canvas *c, struct rect inside,
                    bool focused)
{
    const struct attention_request *q = &b->attention.request;
    bool cells = look->mode == ATTENTION_MAP || look->mode == ATTENTION_LINES,
         same = look->kind != ATTUNE_STACK_CROSS, from = look->mode == ATTENTION_FROM;
    struct attention_picture p = {.bench = b,
                                  .look = look,
                                  .map = map,
                                  .view = &b->attention,
                                  .canvas = c,
                                  .inside = inside,
                                  .ramp = (enum ramp)(((int)c->ramp + look->ramp) % RAMP_COUNT),
                                  .row = q->cursor,
                                  .focused = focused};
    int head = attention_head_rows(inside), foot = attention_foot_rows(inside);
    size_t n = (size_t)q->rows * (size_t)q->cols;
    float *values = cells ? NULL : text_values(&p, &n);
    int columns = cells ? q->cols : from && n > 0 ? (int)n : 1;
    struct shades s;

    if (!cells && !values) {
        return;
    }
    s = shades_make(look->scale, cells ? b->attention.cells : values, n, columns,
                    same && (cells ? q->k0 == 0 : from));
    p.shades = &s;
    if (head >= 1) {
        draw_heading(&p, 0);
    }
    if (head >= 2) {
        draw_legend(&p, 1);
    }
    if (look->mode == ATTENTION_MAP) {
        attention_draw_map(&p);
    } else if (look->mode == ATTENTION_LINES) {
        attention_draw_lines(&p);
    } else {
        attention_draw_text(&p, values, n);
    }
    if (foot >= 1 && cells) {
        draw_weight(&p, inside.rows - foot);
    }
    if (foot >= 2 || (foot == 1 && from)) {
        draw_top(&p, inside.rows - 1);
    }
    shades_done(&s);
    free(values);
}
