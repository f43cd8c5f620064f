/* Two to four saved runs side by side, a column each: what made them, and their tokens row by row.
 * The rows are aligned, so all columns scroll as one. */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

enum { FIELDS_MOST = 4, DISTANCE = 6 };

struct compare_state {
    size_t row, top;
    size_t column;
    int rows;                           /* of the list, as last drawn */
    const struct attune_compare *shown; /* whose rows the cursor is in */
};

static const struct attune_compare *compared(struct panel *panel)
{
    struct compare_state *s = panel->state;
    const struct attune_compare *c = panel->bench->compare;

    if (c != s->shown) {
        s->shown = c;
        s->row = s->top = s->column = 0;
    }
    s->column = c && s->column < c->n ? s->column : 0;
    return c;
}

static bool differs(const struct attune_compare *c, size_t row)
{
    for (size_t k = 0; k < c->n; k++) {
        const struct attune_compare_cell *cell = &c->rows[row].cells[k];

        if (cell->at < 0 || !cell->same) {
            return true;
        }
    }
    return false;
}

/* Column k of the row of cells at y, without the gap to the next. */
static struct rect column_of(struct rect r, const struct attune_compare *c, size_t k, int y)
{
    int width = r.cols / (int)c->n;

    return view_cell(r, y, (int)k * width, width - 1);
}

static void draw_speed(struct canvas *c, struct rect r, const struct attune_diff_side *side,
                       double speed)
{
    char text[64];
    int x = view_pair(c, r, 0, 0, "tokens", view_count(text, side->n));

    snprintf(text, sizeof text, "%.1f", speed);
    x += speed > 0 ? view_pair(c, r, 0, x, "per s", text) : 0;
    view_clip(c, r, 0, x, style_of(c, ROLE_DIM),
              side->record.stop == ATTUNE_STOP_NONE ? "cut off"
                                                    : attune_stop_text(side->record.stop));
}

/* Numbers of the runs, their models, speeds and the settings that differ. Returns the rows taken.
 */
static int draw_head(const struct panel *panel, struct canvas *canvas, struct rect r)
{
    const struct compare_state *s = panel->state;
    const struct attune_compare *c = s->shown;
    size_t n_fields = c->n_fields < FIELDS_MOST ? c->n_fields : FIELDS_MOST;
    int y = 0;

    for (size_t k = 0; k < c->n; k++) {
        struct rect cell = column_of(r, c, k, 0);
        int x = canvas_print(
            canvas, cell, 0, 0,
            style_of(canvas, k == s->column && panel->focused ? ROLE_SELECT : ROLE_TITLE),
            "run %lld", (long long)c->sides[k].record.id);

        view_clip(canvas, cell, 0, x + 1, style_of(canvas, ROLE_DIM),
                  c->sides[k].record.model_name);
        draw_speed(canvas, column_of(r, c, k, 1), &c->sides[k], c->tokens_per_s[k]);
    }
    y = 2;
    for (size_t i = 0; i < n_fields && r.rows >= y + 8; i++, y++) {
        for (size_t k = 0; k < c->n; k++) {
            struct rect cell = column_of(r, c, k, y);
            int x = canvas_print(canvas, cell, 0, 0, style_of(canvas, ROLE_DIM), "%s ",
                                 c->fields[i].name);

            view_clip(canvas, cell, 0, x, style_of(canvas, ROLE_VALUE), c->fields[i].values[k]);
        }
    }
    view_rule(canvas, r, y, 0, r.cols, style_of(canvas, ROLE_FRAME));
    return y + 1;
}

/* How far the distributions are apart: a number, or what it is at most. */
static void draw_distance(struct canvas *canvas, struct rect r, const struct attune_compare_cell *x)
{
    char text[VIEW_NUMBER];

    if (x->at < 0 || isnan(x->low)) {
        return;
    }
    snprintf(text, sizeof text, x->low == x->high ? "%.3f" : "\u2264%.2f", x->high);
    view_right(canvas, r, 0, style_of(canvas, x->low > 0.1 ? ROLE_WARN : ROLE_DIM), "%s", text);
}

static void draw_cell(const struct panel *panel, struct canvas *canvas, struct rect r, size_t row,
                      size_t k)
{
    const struct compare_state *s = panel->state;
    const struct attune_compare *c = s->shown;
    const struct attune_compare_cell *cell = &c->rows[row].cells[k];
    const struct attune_step *step = cell->at >= 0 ? &c->sides[k].steps[cell->at] : NULL;
    bool chosen = row == s->row, here = chosen && k == s->column && panel->focused,
         wide = k > 0 && r.cols >= 14;
    struct rect token = view_cell(r, 0, 2, r.cols - 2 - (wide ? DISTANCE : 0));
    struct style style;

    canvas_print(canvas, r, 0, 0, style_of(canvas, here ? ROLE_SELECT : ROLE_KEY), "%s",
                 chosen && k == s->column ? "\u25b8"
                 : !step                  ? " "
                 : !cell->same            ? "\u2260"
                                          : " ");
    if (!step) {
        canvas_text(canvas, token, 0, 0, "\u00b7\u00b7\u00b7", 6, style_of(canvas, ROLE_FRAME));
        return;
    }
    style = style_of(canvas, differs(c, row) ? (cell->same ? ROLE_ACCENT : ROLE_WARN) : ROLE_TEXT);
    if (step->n_bytes) {
        view_token(canvas, token, 0, 0, step->bytes, step->n_bytes, style);
    } else {
        canvas_print(canvas, token, 0, 0, style_of(canvas, ROLE_SPECIAL), "id %d", (int)step->id);
    }
    if (wide) {
        draw_distance(canvas, r, cell);
    }
}

/* The numbers behind the row under the cursor. */
static void draw_foot(const struct panel *panel, struct canvas *canvas, struct rect r, int y)
{
    const struct compare_state *s = panel->state;
    const struct attune_compare *c = s->shown;

    for (size_t k = 0; k < c->n && s->row < c->n_rows; k++) {
        const struct attune_compare_cell *cell = &c->rows[s->row].cells[k];
        const struct attune_step *step = cell->at >= 0 ? &c->sides[k].steps[cell->at] : NULL;
        struct rect at = column_of(r, c, k, y);
        char number[VIEW_NUMBER];
        int x = 0;

        if (!step) {
            continue;
        }
        snprintf(number, sizeof number, "%llu", (unsigned long long)step->index);
        x += view_pair(canvas, at, 0, x, "step", number);
        x += view_pair(canvas, at, 0, x, "p", view_p(number, step->p_raw));
        snprintf(number, sizeof number, "%.2f", step->entropy_bits);
        x += view_pair(canvas, at, 0, x, "bits", number);
        if (k > 0 && !isnan(cell->low)) {
            snprintf(number, sizeof number, cell->low == cell->high ? "%.4f" : "%.4f\u2013%.4f",
                     cell->low, cell->high);
            x += view_pair(canvas, at, 0, x, cell->same_context ? "apart" : "apart*", number);
        }
    }
}

static void draw(struct panel *panel, struct canvas *canvas, struct rect inside)
{
    struct compare_state *s = panel->state;
    const struct attune_compare *c = compared(panel);
    struct rect list;
    int head, foot;

    if (!c) {
        view_sentence(canvas, inside, 0, style_of(canvas, ROLE_DIM),
                      "Nothing is compared yet: mark two to four runs in the list of runs with the "
                      "space bar, then press c.");
        return;
    }
    head = inside.rows >= 6 ? draw_head(panel, canvas, inside) : 0;
    foot = inside.rows >= head + 3;
    list = view_rows(inside, head, inside.rows - head - foot);
    s->rows = list.rows;
    s->row = s->row < c->n_rows ? s->row : c->n_rows ? c->n_rows - 1 : 0;
    s->top = view_scroll(s->top, s->row, c->n_rows, list.rows);
    for (int y = 0; y < list.rows && s->top + (size_t)y < c->n_rows; y++) {
        for (size_t k = 0; k < c->n; k++) {
            draw_cell(panel, canvas, column_of(list, c, k, y), s->top + (size_t)y, k);
        }
    }
    if (foot) {
        draw_foot(panel, canvas, inside, inside.rows - 1);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct attune_compare *c = panel->bench->compare;
    size_t same = 0;

    if (!c) {
        snprintf(out, capacity, "Compare");
        return;
    }
    for (size_t i = 0; i < c->n_rows; i++) {
        same += !differs(c, i);
    }
    snprintf(out, capacity,
             "Compare \u00b7 %zu runs \u00b7 %zu of %zu the same \u00b7 distances %s", c->n, same,
             c->n_rows,
             c->n_exact && !c->n_not_measured ? "exact" : "as saved candidates bound them");
}

/* ---- actions ---- */

static bool to_difference(struct panel *panel, bool forward)
{
    struct compare_state *s = panel->state;
    const struct attune_compare *c = compared(panel);
    size_t at = s->row;

    while (c && (at += forward ? 1 : (size_t)-1) < c->n_rows) {
        if (differs(c, at)) {
            s->row = at;
            panel->bench->frame++;
            return true;
        }
    }
    bench_say(panel->bench, false, "no difference %s", forward ? "below" : "above");
    return true;
}

static bool move(struct panel *panel, enum view_move move)
{
    struct compare_state *s = panel->state;
    const struct attune_compare *c = compared(panel);

    if (!c || move == VIEW_STAY) {
        return false;
    }
    if (move == VIEW_LEFT || move == VIEW_RIGHT) {
        s->column = (s->column + (move == VIEW_RIGHT ? 1 : c->n - 1)) % c->n;
    } else {
        s->row = view_moved(move, s->row, c->n_rows, s->rows);
    }
    panel->bench->frame++;
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct compare_state *s = panel->state;
    const struct attune_compare *c = compared(panel);

    if (strcmp(name, "difference_next") == 0 || strcmp(name, "difference_previous") == 0) {
        return to_difference(panel, name[11] == 'n');
    }
    if (strcmp(name, "run_replay") == 0 && c) {
        bench_replay(panel->bench, c->sides[s->column].record.id, false);
        return true;
    }
    return move(panel, view_move_of_action(name));
}

static bool key(struct panel *panel, const struct key *key)
{
    struct compare_state *s = panel->state;
    const struct attune_compare *c = compared(panel);

    if (c && key->kind == KEY_MOUSE && key->press && (key->button == 64 || key->button == 65)) {
        return move(panel, key->button == 64 ? VIEW_UP : VIEW_DOWN);
    }
    if (c && key->kind == KEY_MOUSE && key->press && key->button == 0) {
        size_t column = (size_t)(key->x - panel->inside.x) * c->n / (size_t)panel->inside.cols;

        s->column = column < c->n ? column : s->column;
        panel->bench->frame++;
        return true;
    }
    return move(panel, view_move_of_key(key));
}

const struct panel_ops panel_compare = {
    .name = "compare",
    .title = "Compare",
    .help = "two to four saved runs side by side, aligned by token",
    .state_size = sizeof(struct compare_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
