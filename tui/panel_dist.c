/* The next-token distribution over the whole vocabulary, by rank, and what the knobs make of it.
 * The order is computed once for a row of logits; a tick of a knob only redraws. */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist_view.h"
#include "task_view.h"

struct dist_state {
    attune_token *order; /* [n] */
    double *sums;        /* [n] */
    size_t n;
    struct { /* which logits the order is of */
        uint64_t answered;
        long step;
        size_t prompt;
        int64_t run;
        double logsumexp;
        float max_logit;
    } of;
    size_t selected, top;
    int rows;
    bool no_waterfall;
};

static void close_dist(struct panel *panel)
{
    struct dist_state *s = panel->state;

    free(s->order);
    free(s->sums);
}

static bool is_current(const struct dist_state *s, const struct workbench *b)
{
    return s->n == b->trace.n_vocab && s->of.answered == b->answered &&
           s->of.step == b->shown_step && s->of.prompt == b->shown_prompt && s->of.run == b->run &&
           s->of.logsumexp == b->trace.raw.logsumexp && s->of.max_logit == b->trace.raw.max_logit;
}

static bool resize(struct dist_state *s, size_t n)
{
    attune_token *order = realloc(s->order, n * sizeof *order);
    double *sums;

    if (!order) {
        return false;
    }
    s->order = order;
    sums = realloc(s->sums, n * sizeof *sums);
    if (!sums) {
        return false;
    }
    s->sums = sums;
    return true;
}

static bool put_in_order(struct dist_state *s, const struct workbench *b)
{
    double sum = 0;

    if (!b->evaluated || b->trace.n_vocab == 0) {
        return false;
    }
    if (is_current(s, b)) {
        return true;
    }
    s->n = 0;
    if (!resize(s, b->trace.n_vocab) ||
        attune_dist_order(s->order, b->logits, b->trace.n_vocab) != ATTUNE_OK) {
        return false;
    }
    s->n = b->trace.n_vocab;
    for (size_t i = 0; i < s->n; i++) {
        sum += attune_dist_p(&b->trace.raw, b->logits[s->order[i]]);
        s->sums[i] = sum;
    }
    s->of.answered = b->answered;
    s->of.step = b->shown_step;
    s->of.prompt = b->shown_prompt;
    s->of.run = b->run;
    s->of.logsumexp = b->trace.raw.logsumexp;
    s->of.max_logit = b->trace.raw.max_logit;
    s->selected = s->selected < s->n ? s->selected : 0;
    return true;
}

static struct dist_view view_of(const struct panel *panel)
{
    const struct dist_state *s = panel->state;

    return (struct dist_view){.bench = panel->bench,
                              .order = s->order,
                              .sums = s->sums,
                              .n = s->n,
                              .selected = s->selected,
                              .top = s->top,
                              .no_waterfall = s->no_waterfall,
                              .focused = panel->focused};
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct dist_state *s = panel->state;
    const struct workbench *b = panel->bench;
    struct dist_view view;

    if (task_has_numbers(b)) {
        struct task_view task = {.bench = b, .selected = s->selected, .top = s->top};
        task_numbers_draw(&task, c, inside);
        s->top = task.top;
        s->rows = inside.rows;
    } else if (put_in_order(s, b)) {
        view = view_of(panel);
        dist_view_draw(&view, c, inside);
        s->top = view.top;
        s->rows = view.rows;
    } else if (b->shown_step >= 0 && (size_t)b->shown_step < b->n_steps) {
        dist_view_record(b, c, inside);
    } else if (b->refusal[0]) {
        view_sentence(c, inside, 0, style_of(c, ROLE_ERROR), "%s", b->refusal);
    } else {
        view_sentence(
            c, inside, 0, style_of(c, ROLE_DIM),
            b->model ? "What the model expects next appears here as soon as the prompt has a token."
                     : "The model is being opened.");
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;
    const char *stale = bench_is_stale(b) && b->shown_step < 0 ? " \u00b7 \u2026" : "";

    if (task_has_numbers(b)) {
        task_numbers_title(b, out, capacity);
    } else if (b->shown_step >= 0 && (size_t)b->shown_step < b->n_steps) {
        snprintf(out, capacity, "Distribution \u00b7 step %llu of the run%s",
                 (unsigned long long)b->steps[b->shown_step].index, stale);
    } else if (bench_has_places(b) && b->shown_place < b->tokens.n) {
        snprintf(out, capacity, "Distribution \u00b7 %stoken %zu%s",
                 task_is_mask(b->model, b->tokens.ids[b->shown_place]) ? "mask, " : "seen, ",
                 b->shown_place + 1, stale);
    } else if (b->shown_prompt > 0) {
        snprintf(out, capacity, "Distribution \u00b7 token %zu of the prompt%s",
                 b->shown_prompt + 1, stale);
    } else {
        snprintf(out, capacity, "Distribution \u00b7 next token%s", stale);
    }
}

/* ---- actions ---- */

static bool contains(const char *bytes, size_t n, const char *text, size_t len)
{
    for (size_t i = 0; i + len <= n; i++) {
        if (memcmp(bytes + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

/* By id where the text is a number (#12 or 12), else the next rank whose bytes hold the text. */
static bool find(struct panel *panel, const char *arg)
{
    struct dist_state *s = panel->state;
    const struct workbench *b = panel->bench;
    long id = arg ? view_long(arg + (arg[0] == '#'), -1) : -1;
    char bytes[VIEW_BYTES];
    bool special;

    if (!arg || !*arg || s->n == 0) {
        bench_say(panel->bench, true, "find: wants a text or a token id");
        return true;
    }
    for (size_t i = 1; i <= s->n; i++) {
        size_t rank = (s->selected + i) % s->n;
        attune_token token = s->order[rank];
        if (id >= 0 ? token == id
                    : contains(bytes, view_id_bytes(b, token, bytes, &special), arg, strlen(arg))) {
            s->selected = rank;
            bench_say(panel->bench, false, "rank %zu, id %d, p %.6g, log p %.4f", rank + 1,
                      (int)token, attune_dist_p(&b->trace.raw, b->logits[token]),
                      attune_dist_logp(&b->trace.raw, b->logits[token]));
            return true;
        }
    }
    bench_say(panel->bench, true, "no token holds \"%s\"", arg);
    return true;
}

/* The bias an id has now, read from the chain's own text: "... logit_bias=5:-inf,17:1.5". */
static float bias_of(const struct workbench *b, attune_token id)
{
    size_t n = attune_chain_text(b->chain, NULL, 0);
    char *text = malloc(n + 1), *at;
    float bias = 0;

    if (!text) {
        return 0;
    }
    attune_chain_text(b->chain, text, n + 1);
    at = strstr(text, "logit_bias=");
    at = at ? at + strlen("logit_bias=") : NULL;
    while (at && *at) {
        char *end;
        long found = strtol(at, &end, 10);
        float value = *end == ':' ? strtof(end + 1, &end) : 0;
        if (end == at) {
            break;
        }
        if (found == id) {
            bias = value;
        }
        at = *end == ',' ? end + 1 : NULL;
    }
    free(text);
    return bias;
}

static bool set_bias(struct panel *panel, float bias)
{
    struct dist_state *s = panel->state;
    attune_token id = s->order[s->selected];

    if (bench_set_bias(panel->bench, id, bias) != ATTUNE_OK) {
        return true;
    }
    if (bias == 0) {
        bench_say(panel->bench, false, "token %d: no bias", (int)id);
    } else if (isinf(bias)) {
        bench_say(panel->bench, false, "token %d: %s; the same key takes it back", (int)id,
                  bias < 0 ? "banned" : "forced");
    } else {
        bench_say(panel->bench, false, "token %d: bias %+g", (int)id, (double)bias);
    }
    return true;
}

static bool change_bias(struct panel *panel, const char *name, const char *arg)
{
    struct dist_state *s = panel->state;
    float now, by;
    char *end;

    if (!put_in_order(s, panel->bench)) {
        bench_say(panel->bench, true, "%s: there is no candidate to choose yet", name);
        return true;
    }
    now = bias_of(panel->bench, s->order[s->selected]);
    if (strcmp(name, "ban") == 0) {
        return set_bias(panel, now == -INFINITY ? 0 : -INFINITY);
    }
    if (strcmp(name, "force") == 0) {
        return set_bias(panel, now == INFINITY ? 0 : INFINITY);
    }
    by = arg && *arg ? strtof(arg, &end) : 1;
    if (arg && *arg && (*end || isnan(by))) {
        bench_say(panel->bench, true, "bias: wants a number to add, such as 0.5 or -2");
        return true;
    }
    return set_bias(panel, isinf(now) ? by : now + by);
}

/* A list of its own, or the tokens by the cursor that panels share. */
static bool move_numbers(struct panel *panel, enum view_move move)
{
    struct dist_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n = task_numbers_rows(b);

    move = move == VIEW_LEFT ? VIEW_UP : move == VIEW_RIGHT ? VIEW_DOWN : move;
    if (n > 0) {
        s->selected = view_moved(move, s->selected, n, s->rows);
        b->frame++;
    } else {
        bench_move_cursor(b, (long)view_moved(move, b->token_cursor, b->tokens.n, s->rows) -
                                 (long)b->token_cursor);
    }
    return true;
}

static bool move(struct panel *panel, enum view_move move)
{
    struct dist_state *s = panel->state;

    if (task_has_numbers(panel->bench) && move != VIEW_STAY) {
        return move_numbers(panel, move);
    }
    if (move == VIEW_STAY || move == VIEW_LEFT || move == VIEW_RIGHT) {
        return false;
    }
    s->selected = view_moved(move, s->selected, s->n, s->rows);
    panel->bench->frame++;
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    struct dist_state *s = panel->state;
    struct dist_view view = view_of(panel);
    int row = key->y - panel->inside.y - dist_view_head_rows(&view, panel->inside);

    if (key->kind == KEY_MOUSE && key->press && key->button == 0 &&
        !task_has_numbers(panel->bench)) {
        if (row >= 0 && row < s->rows && s->top + (size_t)row < s->n) {
            s->selected = s->top + (size_t)row;
            panel->bench->frame++;
        }
        return true;
    }
    return move(panel, view_move_of_key(key));
}

/* The candidate under the cursor, or an id, in place of what stands there. */
static bool fork_here(struct panel *panel, const char *arg)
{
    struct dist_state *s = panel->state;
    struct workbench *b = panel->bench;
    long id = arg && *arg ? view_long(arg + (arg[0] == '#'), -1) : -1;

    if (!put_in_order(s, b)) {
        bench_say(b, true, "fork: there is no candidate to choose yet");
    } else if (arg && *arg && (id < 0 || (size_t)id >= s->n)) {
        bench_say(b, true, "fork: wants the id of a token, 0 to %zu", s->n - 1);
    } else {
        bench_fork(b, id >= 0 ? (attune_token)id : s->order[s->selected]);
    }
    return true;
}

/* look N: at token N of prompt and run; without a number behind the last one of the prompt. */
static bool look(struct panel *panel, const char *name, const char *arg)
{
    struct workbench *b = panel->bench;
    long to = view_long(arg, 0);

    if (strcmp(name, "look") != 0) {
        bench_look_by(b, name[5] == 'n' ? 1 : -1);
    } else if (arg && *arg && (to < 1 || (size_t)to > bench_n_tokens(b))) {
        bench_say(b, true, "look: wants the number of a token, 1 to %zu", bench_n_tokens(b));
    } else {
        bench_look(b, to > 0 ? (size_t)to - 1 : bench_n_prompt(b));
    }
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct dist_state *s = panel->state;

    if (strcmp(name, "find") == 0) {
        put_in_order(s, panel->bench);
        return find(panel, arg);
    }
    if (strcmp(name, "ban") == 0 || strcmp(name, "force") == 0 || strcmp(name, "bias") == 0) {
        return change_bias(panel, name, arg);
    }
    if (strcmp(name, "pin") == 0) {
        bench_pin(panel->bench);
        return true;
    }
    if (strcmp(name, "fork") == 0) {
        return fork_here(panel, arg);
    }
    if (strcmp(name, "look") == 0 || strncmp(name, "look_", 5) == 0) {
        return look(panel, name, arg);
    }
    if (strcmp(name, "waterfall") == 0) {
        s->no_waterfall = !s->no_waterfall;
        panel->bench->frame++;
        return true;
    }
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_dist = {
    .name = "dist",
    .title = "Distribution",
    .help = "every candidate for the next token, before and after the sampler",
    .state_size = sizeof(struct dist_state),
    .close = close_dist,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
