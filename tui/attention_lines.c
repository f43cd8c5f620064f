/* Queries on the left, keys on the right, lines between them: the view of J. Vig, "A Multiscale
 * Visualization of Attention in the Transformer Model", 2019. The cursor's lines have the colour of
 * their weight and their number beside the key; the other queries' strong ones are faint behind
 * them. Lines are dots of braille, two by four a cell; in ASCII a letter-size dot. */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "attention_view.h"

enum { TOKEN_COLUMNS = 14, NUMBER = 5, FEWEST_BETWEEN = 8, DOTS_X = 2, DOTS_Y = 4 };
static const float faint_from = 0.25f, shown_from = 0.05f; /* weights below are no line */

struct between { /* the space of the lines */
    int rows, cols;
    uint8_t *dots; /* [rows, cols] as braille numbers them */
    float *shade;  /* [rows, cols] of the strongest line there; NaN: none; below 0: a faint one */
};

static const uint8_t dot_bits[DOTS_Y][DOTS_X] = {
    {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

static void put_dot(struct between *s, int y, int x, float shade)
{
    size_t cell;

    if (y < 0 || x < 0 || y >= s->rows * DOTS_Y || x >= s->cols * DOTS_X) {
        return;
    }
    cell = (size_t)(y / DOTS_Y) * (size_t)s->cols + (size_t)(x / DOTS_X);
    if (shade >= 0 && !(s->shade[cell] >= 0)) {
        s->dots[cell] = 0; /* a line of the cursor takes the cell over */
    }
    if (isnan(s->shade[cell]) || shade >= s->shade[cell]) {
        s->shade[cell] = shade;
    }
    if (shade >= 0 || s->shade[cell] < 0) {
        s->dots[cell] |= dot_bits[y % DOTS_Y][x % DOTS_X];
    }
}

static void put_line(struct between *s, int from, int to, float shade)
{
    int wide = s->cols * DOTS_X, high = (to - from) * DOTS_Y;
    int steps = wide > abs(high) ? wide : abs(high);

    for (int i = 0; i < steps; i++) {
        put_dot(s, from * DOTS_Y + DOTS_Y / 2 + high * i / steps, wide * i / steps, shade);
    }
}

static void put_all(const struct attention_picture *p, struct between *s)
{
    const struct attention_request *q = &p->view->request;
    bool skip = q->k0 == 0 && p->look->kind != ATTUNE_STACK_CROSS;

    for (int pass = 0; pass < 2; pass++) { /* what is behind first */
        for (int y = 0; y < q->rows; y++) {
            const float *row = p->view->cells + (size_t)y * (size_t)q->cols; /* [cols] */
            bool chosen = q->q0 + (size_t)y == p->row;
            float most = shades_row_most(row, q->cols, skip);
            if (chosen != (pass == 1) || (!chosen && p->canvas->tier < TIER_256)) {
                continue; /* without colours nothing could be behind */
            }
            for (int x = 0; x < q->cols; x++) {
                if (!isnan(row[x]) && row[x] >= (chosen ? shown_from : faint_from)) {
                    put_line(s, y, x, chosen ? shades_at(p->shades, row[x], most) : -1);
                }
            }
        }
    }
}

static void draw_between(const struct attention_picture *p, const struct between *s, struct rect r)
{
    struct canvas *c = p->canvas;

    for (int i = 0; i < s->rows * s->cols; i++) {
        struct style style;
        uint32_t cp = c->ascii ? (s->shade[i] >= 0 ? '*' : '.') : 0x2800u + s->dots[i];

        if (s->dots[i] == 0) {
            continue;
        }
        style = style_of(c, s->shade[i] >= 0 ? ROLE_TEXT : ROLE_FRAME);
        if (s->shade[i] >= 0 && c->tier >= TIER_256) { /* as a colour of the line itself */
            style.fg = style_heat(c, s->shade[i] < 0.25f ? 0.25f : s->shade[i], p->ramp).bg;
            style.bg = COLOUR_DEFAULT;
        }
        canvas_fill(c, view_cell(r, i / s->cols, i % s->cols, 1), cp, style);
    }
}

/* Tokens of a side; of the keys those that the cursor looks at have their weight as ground. */
static void draw_side(const struct attention_picture *p, struct rect r, bool queries)
{
    const struct attention_request *q = &p->view->request;
    struct canvas *c = p->canvas;
    size_t from = queries ? q->q0 : q->k0, to = queries ? q->q1 : q->k1;

    for (size_t i = from; i < to; i++) {
        int y = (int)(i - from), x = 0;
        float w = queries || i >= p->view->n_keys ? NAN : p->view->row[i];
        bool here = queries ? i == p->row : i == p->look->key;
        struct style s = style_of(c, here ? ROLE_SELECT : ROLE_DIM);

        if (!queries && w >= shown_from) {
            s = here ? s : style_heat(c, shades_at(p->shades, w, p->shades->most), p->ramp);
            canvas_print(c, r, y, 0, style_of(c, ROLE_VALUE), "%.2f", (double)w);
        }
        if (queries) {
            char bytes[VIEW_BYTES];
            bool special;
            int wide = text_columns(
                bytes, attention_bytes(p->bench, p->look->kind, true, i, bytes, &special));
            x = wide < r.cols - 1 ? r.cols - 1 - wide : 0;
        }
        attention_put_token(
            p, view_cell(r, y, queries ? x : NUMBER, queries ? r.cols - 1 - x : r.cols - NUMBER), 0,
            0, queries, i, s);
    }
}

void attention_draw_lines(const struct attention_picture *p)
{
    struct rect area = view_rows(p->inside, p->map->area.y, p->map->area.rows);
    int side =
        area.cols >= 2 * TOKEN_COLUMNS + NUMBER + FEWEST_BETWEEN ? TOKEN_COLUMNS : area.cols / 4;
    struct between s = {.rows = area.rows, .cols = area.cols - 2 * side - NUMBER};
    struct rect left = {area.y, area.x, area.rows, side},
                middle = {area.y, area.x + side, area.rows, s.cols},
                right = {area.y, area.x + side + s.cols, area.rows, side + NUMBER};
    size_t n = s.cols > 0 ? (size_t)s.rows * (size_t)s.cols : 0;

    s.cols = s.cols > 40 ? 40 : s.cols; /* longer lines tell nothing more */
    middle.cols = s.cols;
    right.x = middle.x + (s.cols > 0 ? s.cols : 0);
    s.dots = calloc(n + 1, 1);
    s.shade = malloc((n + 1) * sizeof *s.shade);
    for (size_t i = 0; s.shade && i < n; i++) {
        s.shade[i] = NAN;
    }
    if (s.dots && s.shade && s.cols > 0) {
        put_all(p, &s);
        draw_between(p, &s, middle);
    }
    draw_side(p, left, true);
    draw_side(p, right, false);
    free(s.dots);
    free(s.shade);
}
