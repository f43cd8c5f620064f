/* The knobs: every value of the sampler, how many tokens, and the seed. As a line where there is
 * one row, as a table with a slider and an explanation where there are more. Turning one costs no
 * forward pass: the chain is applied to the logits that are there, and every panel shows the
 * result. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

enum { MOST_KNOBS = 40, TABLE_ROWS = 4 };

struct knob {
    const char *name;
    const char *label; /* in the line */
    const char *help;
    const struct attune_param *param; /* NULL: max_tokens, order, seed */
};

struct knobs_state {
    struct knob knobs[MOST_KNOBS];
    size_t n;
    size_t selected, top;
    int rows;
};

/* The common ones first, with short names; what else the table of samplers holds follows by itself.
 */
static const struct {
    const char *name, *label;
} first[] = {
    {"temperature", "temp"}, {"top_k", "top-k"},     {"top_p", "top-p"},
    {"min_p", "min-p"},      {"typical", "typical"},
};

static void add(struct knobs_state *s, struct knob knob)
{
    if (s->n < MOST_KNOBS) {
        s->knobs[s->n++] = knob;
    }
}

static bool is_listed(const struct knobs_state *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->knobs[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int open_knobs(struct panel *panel)
{
    struct knobs_state *s = panel->state;

    add(s, (struct knob){"max_tokens", "max", "new tokens at most; the end token may come earlier",
                         NULL});
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        const struct attune_param *p = attune_param_find(first[i].name);
        if (p) {
            add(s, (struct knob){p->name, first[i].label, p->help, p});
        }
    }
    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *p = attune_param_at(i);
        if (!is_listed(s, p->name)) {
            add(s, (struct knob){p->name, NULL, p->help, p});
        }
    }
    add(s, (struct knob){"order", "order", "stages in the order of: hf, llama.cpp, ollama, vllm",
                         NULL});
    add(s,
        (struct knob){"seed", "seed",
                      "step i of a run draws number (seed, i); reset: a new seed each run", NULL});
    s->selected = 1 < s->n ? 1 : 0;
    return ATTUNE_OK;
}

/* The preset whose stages the chain has, or the stages themselves. */
static const char *order_text(char *out, size_t capacity, const struct attune_chain *chain)
{
    static const char *const presets[] = {"hf", "llama.cpp", "ollama", "vllm"};
    size_t used = 0;

    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        struct attune_chain *other;
        bool same;
        if (attune_chain_copy(&other, chain, NULL) != ATTUNE_OK) {
            break;
        }
        same = attune_chain_order(other, presets[i], NULL) == ATTUNE_OK &&
               attune_chain_n_stages(other) == attune_chain_n_stages(chain);
        for (size_t k = 0; same && k < attune_chain_n_stages(chain); k++) {
            same = strcmp(attune_chain_stage(other, k), attune_chain_stage(chain, k)) == 0;
        }
        attune_chain_free(other);
        if (same) {
            snprintf(out, capacity, "%s", presets[i]);
            return out;
        }
    }
    out[0] = '\0';
    for (size_t k = 0; k < attune_chain_n_stages(chain) && used < capacity; k++) {
        used += (size_t)snprintf(out + used, capacity - used, "%s%s", k ? "," : "",
                                 attune_chain_stage(chain, k));
    }
    return out;
}

static bool is_in_order(const struct attune_chain *chain, const struct knob *knob)
{
    for (size_t k = 0; knob->param && k < attune_chain_n_stages(chain); k++) {
        if (strcmp(attune_chain_stage(chain, k), knob->param->stage) == 0) {
            return true;
        }
    }
    return knob->param == NULL;
}

static bool is_off(const struct workbench *b, const struct knob *knob)
{
    return knob->param && attune_chain_get(b->chain, knob->name) == knob->param->off;
}

/* Nobody but attune itself said anything. */
static bool is_default(const struct workbench *b, const struct knob *knob)
{
    return bench_origin(b, knob->name) == ORIGIN_BUILTIN;
}

static const char *value_text(char *out, size_t capacity, const struct workbench *b,
                              const struct knob *knob)
{
    double value;

    if (!knob->param) {
        if (strcmp(knob->name, "order") == 0) {
            return order_text(out, capacity, b->chain);
        }
        if (strcmp(knob->name, "seed") == 0 && !b->seed_is_fixed) {
            snprintf(out, capacity, "random");
        } else {
            snprintf(out, capacity, "%llu",
                     knob->name[0] == 's' ? (unsigned long long)b->seed
                                          : (unsigned long long)b->max_tokens);
        }
        return out;
    }
    value = attune_chain_get(b->chain, knob->name);
    if (strcmp(knob->name, "temperature") == 0) {
        snprintf(out, capacity, value == 0 ? "0 greedy" : "%.2f", value);
    } else if (strcmp(knob->name, "repeat_last_n") == 0) {
        snprintf(out, capacity, "%.0f", value);
    } else if (is_off(b, knob)) {
        snprintf(out, capacity, "off");
    } else {
        snprintf(out, capacity, knob->param->integer ? "%.0f" : "%.4g", value);
    }
    return out;
}

static const char *label(char out[VIEW_NUMBER], const struct knob *knob, bool table)
{
    return knob->label && !table ? strcpy(out, knob->label) : view_dashed(out, knob->name);
}

/* ---- the line ---- */

static int knob_columns(const struct workbench *b, const struct knob *knob)
{
    char name[VIEW_NUMBER], value[128];

    return (int)(strlen(label(name, knob, false)) +
                 strlen(value_text(value, sizeof value, b, knob))) +
           1;
}

/* What is off and not common stands in the line only if there is room. */
static bool is_common(const struct workbench *b, const struct knobs_state *s, size_t i)
{
    return i == s->selected || i < 4 || i + 1 == s->n || !is_default(b, &s->knobs[i]);
}

static void choose_shown(const struct workbench *b, const struct knobs_state *s, int room,
                         bool shown[MOST_KNOBS])
{
    for (size_t i = 0; i < s->n; i++) {
        shown[i] = is_common(b, s, i);
        room -= shown[i] ? knob_columns(b, &s->knobs[i]) + 2 : 0;
    }
    for (size_t i = 0; i < s->n; i++) {
        int columns = knob_columns(b, &s->knobs[i]) + 2;
        if (!shown[i] && columns <= room + 2) {
            shown[i] = true;
            room -= columns;
        }
    }
    for (size_t i = 0; room < -2 && i < s->selected;
         i++) { /* too narrow: those in front make way */
        room += shown[i] ? knob_columns(b, &s->knobs[i]) + 2 : 0;
        shown[i] = false;
    }
}

static void draw_line(const struct panel *panel, struct canvas *c, struct rect r)
{
    const struct knobs_state *s = panel->state;
    const struct workbench *b = panel->bench;
    char name[VIEW_NUMBER], value[128];
    bool shown[MOST_KNOBS];
    int x = 0, y = 0;

    choose_shown(b, s, r.cols * r.rows - 12 * (r.rows - 1), shown);
    for (size_t i = 0; i < s->n; i++) {
        const struct knob *knob = &s->knobs[i];
        bool selected = i == s->selected && panel->focused;
        int columns = knob_columns(b, knob);
        if (!shown[i]) {
            continue;
        }
        if (x > 0 && x + columns > r.cols && y + 1 < r.rows) {
            x = 0;
            y++;
        }
        x += canvas_print(c, r, y, x, style_of(c, selected ? ROLE_SELECT : ROLE_DIM), "%s ",
                          label(name, knob, false));
        x += canvas_print(c, r, y, x,
                          style_of(c, selected                           ? ROLE_SELECT
                                      : !task_turns(b->task, knob->name) ? ROLE_DIM
                                      : is_default(b, knob)              ? ROLE_TEXT
                                                                         : ROLE_VALUE),
                          "%s", value_text(value, sizeof value, b, knob));
        x += 2;
    }
}

/* ---- the table ---- */

/* How far along its range a value is; open ranges are bent so that the useful part fills the
 * slider. */
static double slider(const struct attune_param *p, double value)
{
    if (p->max - p->min <= 4) {
        return (value - p->min) / (p->max - p->min);
    }
    return value / (value + (p->integer ? 64 : 1));
}

enum { AT_VALUE = 20, AT_BAR = 30, BAR = 10, AT_ORIGIN = 41, AT_HELP = 50 };

static void draw_knob(const struct panel *panel, struct canvas *c, struct rect r, int y, size_t i)
{
    const struct knobs_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const struct knob *knob = &s->knobs[i];
    bool selected = i == s->selected, turns = task_turns(b->task, knob->name),
         changed = turns && !is_default(b, knob), used = is_in_order(b->chain, knob);
    struct style dim = style_of(c, ROLE_DIM),
                 value_style = style_of(c, changed ? ROLE_VALUE : ROLE_DIM);
    char name[VIEW_NUMBER], value[128];

    canvas_print(c, r, y, 0,
                 style_of(c, selected && panel->focused ? ROLE_SELECT
                             : turns                    ? ROLE_TEXT
                                                        : ROLE_DIM),
                 "%s%s", selected ? "\u25b8" : " ", label(name, knob, true));
    value_text(value, sizeof value, b, knob);
    if (!knob->param || r.cols < AT_HELP) {
        view_clip(c, r, y, AT_VALUE, value_style, value);
        if (strlen(value) > (r.cols >= AT_HELP ? AT_ORIGIN : AT_BAR) - AT_VALUE) {
            return;
        }
    } else {
        canvas_print(c, r, y, AT_VALUE, value_style, "%s", value);
        view_rule(c, r, y, AT_BAR, AT_BAR + BAR, style_of(c, ROLE_FRAME));
        if (!is_off(b, knob) && used && turns) {
            canvas_bar(c, r, y, AT_BAR, BAR,
                       slider(knob->param, attune_chain_get(b->chain, knob->name)),
                       style_of(c, ROLE_BAR_FINAL));
        }
    }
    if (r.cols >= AT_BAR + 9) {
        canvas_print(c, r, y, r.cols >= AT_HELP ? AT_ORIGIN : AT_BAR, value_style, "%s",
                     !turns ? "idle" : bench_origin_text(bench_origin(b, knob->name)));
    }
    if (r.cols >= AT_HELP + 16) {
        view_clip(c, r, y, AT_HELP, used || !turns ? dim : style_of(c, ROLE_WARN),
                  !turns ? "no effect in this task"
                  : used ? knob->help
                         : "this order has no such stage: no effect");
    }
}

static void draw_table(struct panel *panel, struct canvas *c, struct rect r)
{
    struct knobs_state *s = panel->state;

    s->rows = r.rows;
    s->top = view_scroll(s->top, s->selected, s->n, r.rows);
    for (int y = 0; y < r.rows && s->top + (size_t)y < s->n; y++) {
        draw_knob(panel, c, r, y, s->top + (size_t)y);
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    if (inside.rows >= TABLE_ROWS) {
        draw_table(panel, c, inside);
    } else {
        draw_line(panel, c, inside);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;

    if (b->evaluated) {
        snprintf(out, capacity, "Knobs \u00b7 %.2f ms, no forward pass", b->trace_ms);
    } else {
        snprintf(out, capacity, "Knobs");
    }
}

/* ---- actions ---- */

static bool turn_order(struct panel *panel, int ticks)
{
    static const char *const presets[] = {"hf", "llama.cpp", "ollama", "vllm"};
    enum { N = sizeof presets / sizeof *presets };
    char now[128];
    int at = 0;

    order_text(now, sizeof now, panel->bench->chain);
    for (int i = 0; i < N; i++) {
        at = strcmp(presets[i], now) == 0 ? i : at;
    }
    bench_set_order(panel->bench, presets[((at + ticks) % N + N) % N]);
    return true;
}

static bool turn(struct panel *panel, int ticks)
{
    struct knobs_state *s = panel->state;
    const struct knob *knob = &s->knobs[s->selected];

    if (strcmp(knob->name, "order") == 0) {
        return turn_order(panel, ticks);
    }
    bench_tick(panel->bench, knob->name, ticks);
    return true;
}

static bool reset(struct panel *panel, bool all)
{
    struct knobs_state *s = panel->state;

    bench_reset_param(panel->bench, all ? NULL : s->knobs[s->selected].name);
    return true;
}

static bool choose(struct panel *panel, enum view_move move)
{
    struct knobs_state *s = panel->state;

    s->selected = view_moved(move, s->selected, s->n, s->rows);
    panel->bench->frame++;
    return true;
}

/* "knob top_p" chooses, "knob top_p 0.9" sets. */
static bool choose_named(struct panel *panel, const char *arg)
{
    struct knobs_state *s = panel->state;
    size_t len = arg ? strcspn(arg, " =") : 0;
    char *end;
    double value;

    for (size_t i = 0; i < s->n; i++) {
        if (strlen(s->knobs[i].name) != len || strncmp(s->knobs[i].name, arg, len) != 0) {
            continue;
        }
        s->selected = i;
        panel->bench->frame++;
        if (arg[len] == '\0') {
            return true;
        }
        if (strcmp(s->knobs[i].name, "order") == 0) {
            bench_set_order(panel->bench, arg + len + 1);
            return true;
        }
        value = strtod(arg + len + 1, &end);
        if (end == arg + len + 1 || *end) {
            bench_say(panel->bench, true, "%s: \"%s\" is no number", s->knobs[i].name,
                      arg + len + 1);
        } else {
            bench_set_param(panel->bench, s->knobs[i].name, value);
        }
        return true;
    }
    bench_say(panel->bench, true, "knob: there is none named \"%.*s\"", (int)len, arg ? arg : "");
    return true;
}

static bool move(struct panel *panel, enum view_move move)
{
    switch (move) {
    case VIEW_STAY: return false;
    case VIEW_LEFT: return turn(panel, -1);
    case VIEW_RIGHT: return turn(panel, 1);
    case VIEW_PAGE_UP: return turn(panel, 10);
    case VIEW_PAGE_DOWN: return turn(panel, -10);
    default: return choose(panel, move);
    }
}

static bool key(struct panel *panel, const struct key *key)
{
    if (key->kind == KEY_CHAR && !(key->mods & (MOD_CTRL | MOD_ALT))) {
        switch (key->code) {
        case '+':
        case '=': return turn(panel, 1);
        case '-': return turn(panel, -1);
        default: return false;
        }
    }
    return move(panel, view_move_of_key(key));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    if (strcmp(name, "more") == 0 || strcmp(name, "less") == 0) {
        int ticks = (int)view_long(arg, 1);
        return turn(panel, name[0] == 'm' ? ticks : -ticks);
    }
    if (strcmp(name, "knob_reset") == 0) {
        return reset(panel, arg && strcmp(arg, "all") == 0);
    }
    if (strcmp(name, "knob") == 0) {
        return choose_named(panel, arg);
    }
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_knobs = {
    .name = "knobs",
    .title = "Knobs",
    .help = "max new tokens, temperature, top-k, top-p and the rest; every tick shows at once",
    .state_size = sizeof(struct knobs_state),
    .open = open_knobs,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
