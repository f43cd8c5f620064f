/* What changed: a pinned distribution against the one that is shown, in numbers and by the
 * candidates that moved most.
 *
 *   was  tiny-decoder, 0-shot, next token
 *   is   tiny-decoder, 2-shot, next token
 *              KL was>is  KL is>was       JS     moved  likeliest
 *   raw           1.2040     0.9871   0.2290    41.20%  another
 *   knobs         1.2040     0.9871   0.2290    41.20%  another
 *     #  ·positive  ▀▀▀▄▄▄▄▄▄    0.3112   0.7051  +0.3939 */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist_view.h"
#include "view.h"

enum { MOVERS_MOST = 200, HEAD = 6, NARROW_COLUMNS = 60 };

struct mover {
    size_t at; /* id, or byte */
    double was, is;
};

struct shift_state {
    struct bench_shift shift;
    bool raw; /* the movers of the distribution before the knobs; else after them */
    struct mover movers[MOVERS_MOST];
    size_t n;
    struct { /* what the movers are of */
        uint64_t pin, applied;
        bool raw;
    } of;
    size_t selected, top;
    int rows;
};

static void close_shift(struct panel *panel)
{
    struct shift_state *s = panel->state;

    bench_shift_done(&s->shift);
}

static void offer(struct shift_state *s, size_t at, double was, double is)
{
    double size = fabs(is - was);
    size_t i = s->n < MOVERS_MOST ? s->n : MOVERS_MOST - 1;

    if (!(size > 0) || (s->n == MOVERS_MOST && size <= fabs(s->movers[i].is - s->movers[i].was))) {
        return;
    }
    for (; i > 0 && size > fabs(s->movers[i - 1].is - s->movers[i - 1].was); i--) {
        s->movers[i] = s->movers[i - 1];
    }
    s->movers[i] = (struct mover){at, was, is};
    s->n += s->n < MOVERS_MOST;
}

static bool find_movers(struct shift_state *s, const struct workbench *b)
{
    int which = !s->raw;

    if (!bench_shift(&s->shift, b)) {
        return false;
    }
    if (s->of.pin == s->shift.of_pin && s->of.applied == s->shift.of_applied &&
        s->of.raw == s->raw) {
        return true;
    }
    s->n = 0;
    for (size_t i = 0; i < s->shift.n; i++) {
        offer(s, i, s->shift.was[which][i], s->shift.is[which][i]);
    }
    s->of.pin = s->shift.of_pin;
    s->of.applied = s->shift.of_applied;
    s->of.raw = s->raw;
    s->selected = s->selected < s->n ? s->selected : 0;
    return true;
}

static void draw_label(struct canvas *c, struct rect r, int y, const char *name, const char *text)
{
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%-4s", name);

    view_clip(c, r, y, x, style_of(c, ROLE_TEXT), text);
}

static void draw_numbers(struct canvas *c, struct rect r, int y, const char *name,
                         const struct attune_shift *s, const double entropy[2], bool selected)
{
    struct style value = style_of(c, ROLE_VALUE);
    int x = canvas_print(c, r, y, 0, style_of(c, selected ? ROLE_ACCENT : ROLE_DIM), "%-6s", name);

    if (r.cols < NARROW_COLUMNS) {
        canvas_print(c, r, y, x, value, "%7.3f%7.3f%7.3f %5.1f%%", s->kl_bits, s->kl_back_bits,
                     s->js_bits, 100 * s->moved);
        return;
    }
    x += canvas_print(c, r, y, x, value, " %8.4f %8.4f %7.4f %6.2f%%", s->kl_bits, s->kl_back_bits,
                      s->js_bits, 100 * s->moved);
    x += canvas_print(c, r, y, x, value, " %5.2f\u2192%-5.2f", entropy[0], entropy[1]);
    canvas_print(c, r, y, x, style_of(c, s->same_top ? ROLE_GOOD : ROLE_WARN), " %s",
                 s->same_top ? "the same" : "another");
}

/* The name of a mover: a token, or a byte as people see it. */
static void put_name(const struct panel *panel, struct canvas *c, struct rect cell,
                     const struct mover *m, struct style style)
{
    const struct shift_state *s = panel->state;
    char bytes[VIEW_BYTES];
    bool special = false;
    size_t len = 1;

    if (!s->shift.on_bytes) {
        len = view_id_bytes(panel->bench, (attune_token)m->at, bytes, &special);
    } else if (m->at == ATTUNE_SHIFT_BYTES - 1) {
        canvas_print(c, cell, 0, 0, style, "no text");
        return;
    } else {
        bytes[0] = (char)m->at;
    }
    if (special) {
        canvas_text(c, cell, 0, 0, bytes, len, style);
    } else {
        view_token(c, cell, 0, 0, bytes, len, style);
    }
}

static void draw_mover(const struct panel *panel, struct canvas *c, struct rect r, int y, size_t i,
                       double scale)
{
    const struct shift_state *s = panel->state;
    const struct mover *m = &s->movers[i];
    int bars = r.cols - 4 - 14 - 26;
    struct rect cell = view_cell(r, y, 4, 13);
    char was[VIEW_NUMBER], is[VIEW_NUMBER];
    struct style style = style_of(c, i == s->selected && panel->focused ? ROLE_SELECT : ROLE_TEXT);

    canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%3zu", i + 1);
    if (cell.cols > 0 && cell.rows > 0) {
        put_name(panel, c, cell, m, style);
    }
    bars = bars > 40 ? 40 : bars;
    if (bars > 3) {
        dist_view_bars(c, r, y, 18, bars, m->was / scale, m->is / scale);
    }
    view_right(c, view_cell(r, y, 0, r.cols), 0, style_of(c, ROLE_TEXT), "%8s %8s %+8.4f",
               view_p(was, m->was), view_p(is, m->is), m->is - m->was);
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct shift_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const double entropies[2][2] = {
        {b->pin.entropy_bits[0], attune_bits(b->trace.raw.entropy)},
        {b->pin.entropy_bits[1], b->trace.entropy_bits},
    };
    double scale = 0;

    if (!b->pin.p) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      "Pin a distribution (=), then change something: a shot, a knob, the prompt, "
                      "the model. What that does to the distribution stands here.");
        return;
    }
    draw_label(c, inside, 0, "was", b->pin.label);
    if (!find_movers(s, b)) {
        view_sentence(c, inside, 1, style_of(c, ROLE_DIM),
                      "There is no distribution to hold against it yet.");
        return;
    }
    draw_label(c, inside, 1, "is", s->shift.label);
    if (inside.cols < NARROW_COLUMNS) {
        canvas_print(c, inside, 2, 0, style_of(c, ROLE_DIM), "%-6s%7s%7s%7s%7s", "bits", "KL was",
                     "KL is", "JS", "moved");
    } else {
        canvas_print(c, inside, 2, 0, style_of(c, ROLE_DIM), "%-6s %8s %8s %7s %7s %11s %s", "bits",
                     "KL was", "KL is", "JS", "moved", "entropy", "likeliest");
    }
    draw_numbers(c, inside, 3, "raw", &s->shift.shift[0], entropies[0], s->raw);
    draw_numbers(c, inside, 4, "knobs", &s->shift.shift[1], entropies[1], !s->raw);
    canvas_print(c, inside, 5, 0, style_of(c, ROLE_DIM), "  # %-13s",
                 s->shift.on_bytes ? "next byte" : "token");
    view_right(c, view_cell(inside, 5, 0, inside.cols), 0, style_of(c, ROLE_DIM), "%8s %8s %8s",
               "was", "is", "change");
    s->rows = inside.rows - HEAD > 0 ? inside.rows - HEAD : 0;
    s->top = view_scroll(s->top, s->selected, s->n, s->rows);
    for (size_t i = 0; i < s->n; i++) {
        scale = fmax(scale, fmax(s->movers[i].was, s->movers[i].is));
    }
    if (s->n == 0 && s->rows > 0) {
        canvas_print(c, inside, HEAD, 4, style_of(c, ROLE_DIM), "nothing moved");
    }
    for (int y = 0; y < s->rows && s->top + (size_t)y < s->n; y++) {
        draw_mover(panel, c, inside, HEAD + y, s->top + (size_t)y, scale);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct shift_state *s = panel->state;

    snprintf(out, capacity, "Shift%s",
             !panel->bench->pin.p || !s->shift.p ? ""
             : s->shift.on_bytes                 ? " \u00b7 other vocabularies: the next byte"
             : s->raw                            ? " \u00b7 before the knobs"
                                                 : " \u00b7 after the knobs");
}

static bool key(struct panel *panel, const struct key *key)
{
    struct shift_state *s = panel->state;
    enum view_move move = view_move_of_key(key);

    if (move == VIEW_STAY) {
        return false;
    }
    s->selected = view_moved(move, s->selected, s->n, s->rows);
    panel->bench->frame++;
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct shift_state *s = panel->state;

    if (strcmp(name, "pin") == 0) {
        bench_pin(panel->bench);
        return true;
    }
    if (strcmp(name, "unpin") == 0) {
        bench_unpin(panel->bench);
        return true;
    }
    if (strcmp(name, "face") == 0) {
        s->raw = !s->raw;
        panel->bench->frame++;
        return true;
    }
    return false;
}

const struct panel_ops panel_shift = {
    .name = "shift",
    .title = "Shift",
    .help = "a pinned distribution against the one that is shown: how far apart, and what moved",
    .state_size = sizeof(struct shift_state),
    .close = close_shift,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
