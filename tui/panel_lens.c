/* The logit lens: layers above one another, tokens side by side, and in every cell what the model
 * would say there if that layer were its last.
 *
 *   out   ·upon    ·a       ·time    ·there      the output: always in sight
 *     5   ·upon    ·a       ·time    ·there
 *     4   ·upon    ·a       ·to      ·with
 *     0   Once     ·upon    ·a       ·time
 *   read  Once     ·upon    ·a       ·time
 *
 * A cell is tinted by its probability; its numbers stand below, and can stand in the cells. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <string.h>

#include "view.h"

enum { LABEL = 5, CELL = 9, WIDE_CELL = 11, DETAILS = 4 };

enum lens_face { FACE_TOKEN, FACE_P, FACE_ENTROPY, FACE_RANK, FACE_COUNT };
static const char *const faces[FACE_COUNT] = {"the likeliest token", "its probability",
                                              "entropy in bits", "rank of what the output says"};

struct lens_state {
    int layer;    /* of the cursor, counted down from the output: 0 */
    int top;      /* first row below the output's */
    size_t first; /* first column */
    int rows;
    enum lens_face face;
};

static struct bench_span side_of(const struct workbench *b)
{
    return bench_side(b, ATTUNE_STACK_DECODER, true);
}

/* The cursor's place on the side with the head; its last where it stands elsewhere. */
static size_t place_of(const struct workbench *b)
{
    struct bench_span side = side_of(b);
    bool inside = b->token_cursor >= side.first && b->token_cursor < side.first + side.n;

    return inside ? b->token_cursor - side.first : side.n > 0 ? side.n - 1 : 0;
}

static bool is_ready(const struct workbench *b)
{
    return b->model && b->read && side_of(b).n > 0;
}

static bool is_current(const struct workbench *b, size_t first, size_t n)
{
    const struct lens_view *v = &b->lens;

    return v->revision == b->answered && v->n_tokens == side_of(b).n && v->first == first &&
           v->n == n;
}

static int cell_columns(struct rect r)
{
    return r.cols >= 100 ? WIDE_CELL : CELL;
}

/* How many tokens stand side by side. */
static size_t columns_in(struct rect r)
{
    int n = (r.cols - LABEL) / cell_columns(r);

    return n < 1 ? 1 : n < LENS_MOST ? (size_t)n : LENS_MOST;
}

static void put_id(const struct workbench *b, struct canvas *c, struct rect cell, attune_token id,
                   struct style s)
{
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_id_bytes(b, id, bytes, &special);

    if (special) {
        canvas_text(c, cell, 0, 0, bytes, len, s);
    } else {
        view_token(c, cell, 0, 0, bytes, len, s);
    }
}

static void draw_cell(const struct panel *panel, struct canvas *c, struct rect cell,
                      const struct attune_lens_cell *v, bool selected)
{
    const struct lens_state *s = panel->state;
    struct style style =
        selected ? style_of(c, ROLE_SELECT) : style_heat(c, (float)v->top[0].p, c->ramp);
    char number[VIEW_NUMBER];

    canvas_fill(c, cell, ' ', style);
    switch (s->face) {
    case FACE_P: canvas_print(c, cell, 0, 0, style, "%s", view_p(number, v->top[0].p)); break;
    case FACE_ENTROPY: canvas_print(c, cell, 0, 0, style, "%.2f", (double)v->entropy_bits); break;
    case FACE_RANK: canvas_print(c, cell, 0, 0, style, "%u", v->rank_final + 1); break;
    default: put_id(panel->bench, c, cell, v->top[0].id, style); break;
    }
}

/* Row y of the grid is the layer that is `down` below the output. */
static void draw_layer(const struct panel *panel, struct canvas *c, struct rect r, int y, int down)
{
    const struct lens_state *s = panel->state;
    const struct lens_view *v = &panel->bench->lens;
    int layer = v->n_layers - 1 - down, width = cell_columns(r);
    size_t place = place_of(panel->bench);
    struct style dim = style_of(c, down == s->layer ? ROLE_VALUE : ROLE_DIM);

    if (down == 0) {
        canvas_print(c, r, y, 0, dim, "out");
    } else {
        canvas_print(c, r, y, 0, dim, "%3d", layer);
    }
    for (size_t i = 0; i < v->n; i++) {
        struct rect cell = view_cell(r, y, LABEL + (int)i * width, width - 1);

        if (cell.cols > 0) {
            draw_cell(panel, c, cell, &v->cells[(size_t)layer * v->n + i],
                      down == s->layer && v->first + i == place);
        }
    }
}

static void draw_read(const struct panel *panel, struct canvas *c, struct rect r, int y)
{
    const struct workbench *b = panel->bench;
    const struct lens_view *v = &b->lens;
    int width = cell_columns(r);

    canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "read");
    for (size_t i = 0; i < v->n; i++) {
        struct rect cell = view_cell(r, y, LABEL + (int)i * width, width - 1);
        size_t at = side_of(b).first + v->first + i;

        if (cell.cols > 0) {
            put_id(b, c, cell, bench_token_at(b, at),
                   style_of(c, v->first + i == place_of(b) ? ROLE_ACCENT : ROLE_QUERY));
        }
    }
}

/* "layer 4: ·with 0.2450  ·or 0.1865": as many as fit. */
static void draw_candidates(const struct workbench *b, struct canvas *c, struct rect r, int y,
                            const char *name, const struct attune_lens_cell *cell)
{
    char number[VIEW_NUMBER], bytes[VIEW_BYTES];
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%s ", name);
    bool special;

    for (int i = 0; i < ATTUNE_LENS_TOP && cell->top[i].id >= 0; i++) {
        size_t len = view_id_bytes(b, cell->top[i].id, bytes, &special);

        if (x + text_columns(bytes, len) + 8 > r.cols) {
            return;
        }
        x += special ? canvas_text(c, r, y, x, bytes, len, style_of(c, ROLE_SPECIAL))
                     : view_token(c, r, y, x, bytes, len, style_of(c, ROLE_TEXT));
        x += canvas_print(c, r, y, x, style_of(c, ROLE_VALUE), " %s  ",
                          view_p(number, cell->top[i].p));
    }
}

static void draw_details(const struct panel *panel, struct canvas *c, struct rect r, int y)
{
    const struct lens_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const struct lens_view *v = &b->lens;
    size_t column = place_of(b) - v->first, last = (size_t)v->n_layers - 1;
    const struct attune_lens_cell *out = &v->cells[last * v->n + column],
                                  *at = &v->cells[(last - (size_t)s->layer) * v->n + column];
    char text[VIEW_NUMBER];
    int x = 0;

    snprintf(text, sizeof text, "layer %zu:", last - (size_t)s->layer);
    draw_candidates(b, c, r, y, s->layer == 0 ? "output: " : text, at);
    if (s->layer > 0) {
        draw_candidates(b, c, r, y + 1, "output: ", out);
    }
    x += canvas_print(c, r, y + 2, x, style_of(c, ROLE_DIM), "token %zu, ",
                      side_of(b).first + place_of(b) + 1);
    snprintf(text, sizeof text, "%.2f bits", (double)at->entropy_bits);
    x += view_pair(c, r, y + 2, x, "entropy", text);
    x += canvas_print(c, r, y + 2, x, style_of(c, ROLE_DIM), "the output's likeliest: ");
    x += view_pair(c, r, y + 2, x, "p", view_p(text, (double)at->p_final));
    snprintf(text, sizeof text, "%u", at->rank_final + 1);
    view_pair(c, r, y + 2, x, "rank", text);
    x = canvas_print(c, r, y + 3, 0, style_of(c, ROLE_DIM), "cells: %s", faces[s->face]);
    if (x + 24 < r.cols) {
        view_ramp(c, r, y + 3, x + 3, 8, "p 0", "1", c->ramp);
    }
}

/* Moves the window of columns so that the cursor is in it, and asks for what it holds. */
static bool have(struct panel *panel, struct rect r)
{
    struct lens_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n = columns_in(r), all = side_of(b).n;

    n = n < all ? n : all;
    s->first = view_scroll(s->first, place_of(b), all, (int)n);
    if (is_current(b, s->first, n)) {
        return true;
    }
    if (b->worker && b->state != BENCH_GENERATING && !bench_is_stale(b) && !bench_is_busy(b)) {
        bench_request_lens(b, s->first, n);
    }
    return b->lens.revision == b->answered && b->lens.n_layers > 0 &&
           b->lens.n_tokens == side_of(b).n && place_of(b) >= b->lens.first &&
           place_of(b) < b->lens.first + b->lens.n; /* the one before, while the next comes */
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct lens_state *s = panel->state;
    struct workbench *b = panel->bench;
    int details = inside.rows >= 10 ? DETAILS : 0, rows;

    if (!is_ready(b)) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      "What every layer would say if it were the last: here as soon as a prompt is "
                      "evaluated.");
        return;
    }
    if (!have(panel, inside) || b->lens.n_layers == 0) {
        view_sentence(c, inside, 0, style_of(c, b->lens.refusal[0] ? ROLE_WARN : ROLE_DIM), "%s",
                      b->lens.refusal[0] ? b->lens.refusal : "being computed");
        return;
    }
    s->layer = s->layer < b->lens.n_layers ? s->layer : b->lens.n_layers - 1;
    rows = inside.rows - details - 1;
    s->rows = rows;
    s->top = (int)view_scroll((size_t)s->top, s->layer > 0 ? (size_t)s->layer - 1 : 0,
                              (size_t)b->lens.n_layers - 1, rows - 1);
    draw_layer(panel, c, inside, 0, 0);
    for (int y = 1; y < rows && s->top + y < b->lens.n_layers; y++) {
        draw_layer(panel, c, inside, y, s->top + y);
    }
    rows = rows < b->lens.n_layers ? rows : b->lens.n_layers;
    if (inside.rows >= 3) {
        draw_read(panel, c, inside, rows);
    }
    if (details) { /* below the grid, or as far down as they fit */
        draw_details(panel, c, inside,
                     rows + 2 < inside.rows - details ? rows + 2 : inside.rows - details);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;

    if (!is_ready(b) || b->lens.n_layers == 0) {
        snprintf(out, capacity, "Lens");
    } else {
        snprintf(out, capacity, "Lens \u00b7 %d layers, token %zu of %zu%s", b->lens.n_layers - 1,
                 place_of(b) + 1, side_of(b).n,
                 b->lens.revision == b->answered ? "" : " \u00b7 \u2026");
    }
}

static bool move(struct panel *panel, enum view_move move)
{
    struct lens_state *s = panel->state;
    struct workbench *b = panel->bench;
    struct bench_span side = side_of(b);
    size_t to = place_of(b), n = b->lens.n_layers > 0 ? (size_t)b->lens.n_layers : 1;

    switch (move) {
    case VIEW_STAY: return false;
    case VIEW_UP:
    case VIEW_DOWN:
    case VIEW_PAGE_UP:
    case VIEW_PAGE_DOWN:
        s->layer = (int)view_moved(move, (size_t)s->layer, n, s->rows);
        b->frame++;
        return true;
    case VIEW_LEFT: to -= to > 0; break;
    case VIEW_RIGHT: to += to + 1 < side.n; break;
    case VIEW_FIRST: to = 0; break;
    case VIEW_LAST: to = side.n > 0 ? side.n - 1 : 0; break;
    }
    bench_move_cursor(b, (long)(side.first + to) - (long)b->token_cursor);
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    return move(panel, view_move_of_key(key));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct lens_state *s = panel->state;

    if (strcmp(name, "face") == 0) {
        s->face = (s->face + 1) % FACE_COUNT;
        panel->bench->frame++;
        return true;
    }
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_lens = {
    .name = "lens",
    .title = "Lens",
    .help = "what every layer would say at every token, if it were the last (logit lens)",
    .state_size = sizeof(struct lens_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
