/* The chain as a list that can be edited: its stages in the order they act, each with its values
 * and with what it leaves over; below them the stages that the order does not have.
 *
 *     stage         value      tokens    mass   bits
 *   ▸ penalties     1.1         4,096  100.0%   6.21 ████████
 *     top-k         40             40   71.2%   4.02 █████
 *     temperature   0.7            40   71.2%   3.10 █████
 *   + typical       not in the order */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

enum { MOST_STAGES = ATTUNE_MAX_STAGES, NAME = 32 };

struct row {
    const char *stage;
    bool in_order;
};

struct chain_state {
    struct row rows[MOST_STAGES];
    size_t n, n_in;
    size_t selected, top;
    int height;
    double kept[BENCH_KNOBS]; /* values of a stage that was switched off, by param; 0: none */
    char *constraint;         /* the same of the constraint */
};

/* What a stage begins with that was never set. */
static const struct {
    const char *param;
    double value;
} first_values[] = {
    {"temperature", 0.8}, {"top_k", 40},      {"top_p", 0.9},          {"min_p", 0.05},
    {"typical", 0.9},     {"top_n_sigma", 1}, {"repeat_penalty", 1.1},
};

static void close_chain(struct panel *panel)
{
    free(((struct chain_state *)panel->state)->constraint);
}

/* All stages there are, known by the params; bias and constraint have none. */
static void add_stage(struct chain_state *s, const char *stage, bool in_order)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->rows[i].stage, stage) == 0) {
            return;
        }
    }
    if (s->n < MOST_STAGES) {
        s->rows[s->n++] = (struct row){stage, in_order};
    }
}

static void list(struct chain_state *s, const struct workbench *b)
{
    s->n = 0;
    for (size_t i = 0; i < attune_chain_n_stages(b->chain); i++) {
        add_stage(s, attune_chain_stage(b->chain, i), true);
    }
    s->n_in = s->n;
    for (size_t i = 0; i < attune_param_count(); i++) {
        add_stage(s, attune_param_at(i)->stage, false);
    }
    s->selected = s->selected < s->n ? s->selected : s->n - 1;
}

/* The value of a stage that a tick turns: the first of its params. */
static const struct attune_param *main_param(const char *stage)
{
    for (size_t i = 0; i < attune_param_count(); i++) {
        if (strcmp(attune_param_at(i)->stage, stage) == 0) {
            return attune_param_at(i);
        }
    }
    return NULL;
}

static bool is_on(const struct workbench *b, const char *stage)
{
    bool on = strcmp(stage, "constraint") == 0 && attune_chain_constraint(b->chain);

    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *p = attune_param_at(i);

        on = on || (strcmp(p->stage, stage) == 0 && strcmp(p->name, "repeat_last_n") != 0 &&
                    attune_chain_get(b->chain, p->name) != p->off);
    }
    return on;
}

/* ---- drawing ---- */

static const struct attune_stage_trace *trace_of(const struct workbench *b, const char *stage)
{
    for (size_t i = 0; b->evaluated && i < b->trace.n_stages; i++) {
        if (strcmp(b->trace.stage[i].stage, stage) == 0) {
            return &b->trace.stage[i];
        }
    }
    return NULL;
}

/* "40"; of the penalties those that are on: "1.1 f0.5". */
static void value_text(char *out, size_t capacity, const struct workbench *b, const char *stage)
{
    const char *spec = attune_chain_constraint(b->chain);
    const struct attune_stage_trace *t = trace_of(b, stage);
    size_t used = 0;

    out[0] = '\0';
    if (strcmp(stage, "constraint") == 0) {
        snprintf(out, capacity, "%s", spec ? spec : "off");
        return;
    }
    if (strcmp(stage, "bias") == 0) {
        snprintf(out, capacity, "%s", t && t->active ? "on" : "none");
        return;
    }
    for (size_t i = 0; i < attune_param_count() && used < capacity; i++) {
        const struct attune_param *p = attune_param_at(i);
        double value = attune_chain_get(b->chain, p->name);

        if (strcmp(p->stage, stage) == 0 && value != p->off) {
            used += (size_t)snprintf(
                out + used, capacity - used, "%s%.1s%.4g", used ? " " : "",
                strcmp(p->name, stage) == 0 || p == main_param(stage) ? "" : p->name, value);
        }
    }
    if (used == 0) {
        snprintf(out, capacity, "off");
    }
}

/* Columns that do not fit as a whole are left out, from the right. */
enum { AT_VALUE = 15, VALUE = 8, AT_TOKENS = 23, AT_MASS = 32, AT_BITS = 40, AT_BAR = 48 };

static void draw_row(const struct panel *panel, struct canvas *c, struct rect r, int y, size_t i)
{
    const struct chain_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const struct row *row = &s->rows[i];
    const struct attune_stage_trace *t = row->in_order ? trace_of(b, row->stage) : NULL;
    bool on = is_on(b, row->stage) || (t && t->active), selected = i == s->selected;
    struct style text = style_of(c, on && row->in_order ? ROLE_TEXT : ROLE_DIM);
    char name[VIEW_NUMBER], value[200], count[VIEW_NUMBER];

    canvas_print(c, r, y, 0, selected && panel->focused ? style_of(c, ROLE_SELECT) : text, "%s%s%s",
                 selected ? "\u25b8" : " ", row->in_order ? "" : "+ ",
                 view_dashed(name, row->stage));
    if (!row->in_order) {
        view_clip(c, r, y, AT_VALUE, style_of(c, on ? ROLE_WARN : ROLE_DIM),
                  on ? "set, but not in the order" : "not in the order");
        return;
    }
    value_text(value, sizeof value, b, row->stage);
    view_clip(c, view_cell(r, y, AT_VALUE, r.cols < AT_TOKENS ? r.cols - AT_VALUE : VALUE), 0, 0,
              style_of(c, on ? ROLE_VALUE : ROLE_DIM), value);
    if (t && r.cols >= AT_MASS) {
        canvas_print(c, r, y, AT_TOKENS, text, "%9s", view_count(count, t->survivors));
    }
    if (t && r.cols >= AT_BITS) {
        canvas_print(c, r, y, AT_MASS, text, " %6.1f%%", 100 * t->mass);
    }
    if (t && r.cols >= AT_BAR) {
        canvas_print(c, r, y, AT_BITS, text, " %6.2f", t->entropy_bits);
    }
    if (t && t->active && r.cols > AT_BAR + 4) {
        canvas_bar(c, r, y, AT_BAR, r.cols - AT_BAR - 1 < 30 ? r.cols - AT_BAR - 1 : 30, t->mass,
                   style_of(c, ROLE_BAR_RAW));
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct chain_state *s = panel->state;
    struct style dim = style_of(c, ROLE_DIM);
    bool head = inside.rows >= 3;
    struct rect body = view_rows(inside, head, inside.rows - head);

    list(s, panel->bench);
    if (head) {
        canvas_print(c, inside, 0, 1, dim, "%-13s %s", "stage", "value");
        if (inside.cols >= AT_MASS) {
            canvas_print(c, inside, 0, AT_TOKENS, dim, "%9s", "tokens");
        }
        if (inside.cols >= AT_BITS) {
            canvas_print(c, inside, 0, AT_MASS, dim, " %7s", "mass");
        }
        if (inside.cols >= AT_BAR) {
            canvas_print(c, inside, 0, AT_BITS, dim, " %6s", "bits");
        }
    }
    s->height = body.rows;
    s->top = view_scroll(s->top, s->selected, s->n, body.rows);
    for (int y = 0; y < body.rows && s->top + (size_t)y < s->n; y++) {
        draw_row(panel, c, body, y, s->top + (size_t)y);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;

    if (b->evaluated) {
        snprintf(out, capacity, "Chain \u00b7 %zu of %zu tokens stay", b->trace.n_kept,
                 b->trace.n_vocab);
    } else {
        snprintf(out, capacity, "Chain");
    }
}

/* ---- editing ---- */

static void say_order(struct panel *panel, const struct row *rows, size_t n)
{
    char order[BENCH_ORDER] = "";
    size_t used = 0;

    for (size_t i = 0; i < n && used < sizeof order; i++) {
        used += (size_t)snprintf(order + used, sizeof order - used, "%s%s", i ? "," : "",
                                 rows[i].stage);
    }
    bench_set_order(panel->bench, order);
}

static bool shift(struct panel *panel, bool up)
{
    struct chain_state *s = panel->state;
    size_t at = s->selected, to = up ? at - 1 : at + 1;
    struct row moved;

    if (at >= s->n_in || to >= s->n_in) {
        bench_say(panel->bench, true, "%s",
                  at >= s->n_in ? "this stage is not in the order: Space adds it"
                  : up          ? "this stage is the first already"
                                : "this stage is the last already");
        return true;
    }
    moved = s->rows[at];
    s->rows[at] = s->rows[to];
    s->rows[to] = moved;
    s->selected = to;
    say_order(panel, s->rows, s->n_in);
    return true;
}

static void turn_on(struct panel *panel, const char *stage)
{
    struct chain_state *s = panel->state;
    bool any = false;

    if (strcmp(stage, "constraint") == 0 && s->constraint) {
        bench_set_constraint(panel->bench, s->constraint);
        return;
    }
    for (size_t i = 0; i < attune_param_count() && i < BENCH_KNOBS; i++) {
        if (strcmp(attune_param_at(i)->stage, stage) == 0 && s->kept[i] != 0) {
            bench_set_param(panel->bench, attune_param_at(i)->name, s->kept[i]);
            any = true;
        }
    }
    for (size_t i = 0; !any && i < sizeof first_values / sizeof *first_values; i++) {
        if (strcmp(attune_param_find(first_values[i].param)->stage, stage) == 0) {
            bench_set_param(panel->bench, first_values[i].param, first_values[i].value);
        }
    }
}

static void turn_off(struct panel *panel, const char *stage)
{
    struct chain_state *s = panel->state;
    struct workbench *b = panel->bench;

    if (strcmp(stage, "constraint") == 0) {
        free(s->constraint);
        s->constraint = strdup(attune_chain_constraint(b->chain));
        bench_set_constraint(b, "");
        return;
    }
    for (size_t i = 0; i < attune_param_count() && i < BENCH_KNOBS; i++) {
        const struct attune_param *p = attune_param_at(i);
        double value = attune_chain_get(b->chain, p->name);

        if (strcmp(p->stage, stage) == 0) {
            s->kept[i] = value != p->off ? value : 0;
            bench_set_param(b, p->name, p->off);
        }
    }
}

/* In the order: on or off. Not in it: behind all others, and on. */
static bool switch_stage(struct panel *panel)
{
    struct chain_state *s = panel->state;
    struct row row = s->rows[s->selected];

    if (!row.in_order) {
        s->rows[s->selected] = s->rows[s->n_in];
        s->rows[s->n_in] = row;
        s->selected = s->n_in;
        say_order(panel, s->rows, s->n_in + 1);
    }
    if (strcmp(row.stage, "bias") == 0) {
        bench_say(panel->bench, false,
                  "bans and biases are taken back at their tokens (b, f, + and -)");
    } else if (row.in_order && is_on(panel->bench, row.stage)) {
        turn_off(panel, row.stage);
    } else if (!is_on(panel->bench, row.stage)) {
        turn_on(panel, row.stage);
    }
    return true;
}

static bool drop(struct panel *panel)
{
    struct chain_state *s = panel->state;
    size_t at = s->selected;

    if (at >= s->n_in || strcmp(s->rows[at].stage, "bias") == 0 ||
        strcmp(s->rows[at].stage, "constraint") == 0 || s->n_in < 3) {
        bench_say(panel->bench, true, "this stage cannot be taken out");
        return true;
    }
    memmove(&s->rows[at], &s->rows[at + 1], (s->n_in - at - 1) * sizeof *s->rows);
    say_order(panel, s->rows, s->n_in - 1);
    return true;
}

static bool turn(struct panel *panel, int ticks)
{
    struct chain_state *s = panel->state;
    const struct attune_param *p = main_param(s->rows[s->selected].stage);

    if (p) {
        bench_tick(panel->bench, p->name, ticks);
    }
    return true;
}

/* The preset behind the one that the order is of. */
static bool next_preset(struct panel *panel, const char *arg)
{
    struct workbench *b = panel->bench;
    const char *order = b->given[bench_origin(b, "order")].order;
    size_t i = 0;

    if (arg && *arg) {
        bench_set_preset(b, arg);
        return true;
    }
    order = order[0] ? order : "hf";
    while (attune_chain_preset_name(i) && strcmp(attune_chain_preset_name(i), order) != 0) {
        i++;
    }
    i = attune_chain_preset_name(i) && attune_chain_preset_name(i + 1) ? i + 1 : 0;
    if (bench_set_preset(b, attune_chain_preset_name(i)) == ATTUNE_OK) {
        bench_say(b, false, "order and values as %s begins with", attune_chain_preset_name(i));
    }
    return true;
}

static bool move(struct panel *panel, enum view_move move)
{
    struct chain_state *s = panel->state;

    list(s, panel->bench);
    if (move == VIEW_LEFT || move == VIEW_RIGHT) {
        return turn(panel, move == VIEW_LEFT ? -1 : 1);
    }
    if (move == VIEW_STAY) {
        return false;
    }
    s->selected = view_moved(move, s->selected, s->n, s->height);
    panel->bench->frame++;
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    struct chain_state *s = panel->state;
    int row = key->y - panel->inside.y - (panel->inside.rows >= 3);

    if (key->kind == KEY_MOUSE && key->press && key->button == 0) {
        if (row >= 0 && s->top + (size_t)row < s->n) {
            s->selected = s->top + (size_t)row;
            panel->bench->frame++;
        }
        return true;
    }
    return move(panel, view_move_of_key(key));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    list(panel->state, panel->bench);
    if (strcmp(name, "stage_up") == 0 || strcmp(name, "stage_down") == 0) {
        return shift(panel, name[6] == 'u');
    }
    if (strcmp(name, "stage_switch") == 0) {
        return switch_stage(panel);
    }
    if (strcmp(name, "stage_drop") == 0) {
        return drop(panel);
    }
    if (strcmp(name, "stage_reset") == 0) {
        const struct chain_state *s = panel->state;

        for (size_t i = 0; i < attune_param_count(); i++) {
            if (strcmp(attune_param_at(i)->stage, s->rows[s->selected].stage) == 0) {
                bench_reset_param(panel->bench, attune_param_at(i)->name);
            }
        }
        return true;
    }
    if (strcmp(name, "preset_next") == 0) {
        return next_preset(panel, arg);
    }
    if (strcmp(name, "more") == 0 || strcmp(name, "less") == 0) {
        int ticks = (int)view_long(arg, 1);

        return turn(panel, name[0] == 'm' ? ticks : -ticks);
    }
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_chain = {
    .name = "chain",
    .title = "Chain",
    .help =
        "the stages of the sampler in their order, what each leaves over; moved, switched, added",
    .state_size = sizeof(struct chain_state),
    .close = close_chain,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
