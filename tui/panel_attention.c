/* What a head looks at. The panel asks the worker for the window it wants to draw, and only when
 * that window, the head or the prompt changed; until the answer is there the last picture stays. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attention_turn.h"
#include "attention_view.h"
#include "strip.h"

struct attention_state {
    struct attention_look look;
    struct attention_map map; /* of the last draw */
    struct attention_request asked;
    uint64_t asked_for; /* answered revision */
    size_t asked_tokens;
    bool has_asked;
    double asked_ms; /* when */
    enum ramp setting;
    int columns, rows;
};

static bool is_ready(const struct workbench *b)
{
    return b->model && attention_tokens(b) > 0 && b->refusal[0] == '\0';
}

static size_t n_keys(const struct workbench *b)
{
    return bench_side(b, b->kind, false).n;
}

static void keep_in_range(struct panel *panel)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n;

    attention_keep_in_range(b);
    n = n_keys(b);
    s->look.kind = b->kind;
    s->look.layer = b->layer;
    s->look.head = b->head;
    s->look.key = s->look.key < n ? s->look.key : n > 0 ? n - 1 : 0;
    b->key_cursor = s->look.key;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* ---- asking ---- */

/* A map is computed between two tokens of a run: it may cost the run a twentieth of its time. */
static bool is_too_early(const struct attention_state *s, const struct workbench *b)
{
    return s->has_asked && b->state == BENCH_GENERATING &&
           now_ms() - s->asked_ms < 20 * b->attention.ms;
}

static void ask(struct panel *panel)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    struct attention_request request = s->map.request;
    bool same = s->has_asked && s->asked_for == b->answered && s->asked_tokens == bench_n_tokens(b);

    if (request.rows == 0 || b->worker == NULL || !b->read ||
        (same && attention_same_request(&s->asked, &request)) || is_too_early(s, b)) {
        return;
    }
    s->asked_ms = now_ms();
    s->asked = request;
    s->asked_for = b->answered;
    s->asked_tokens = bench_n_tokens(b);
    s->has_asked = true;
    if (same && b->attention.cells && b->attention.revision == b->answered &&
        bench_same_window(&b->attention.request, &request)) {
        request.rows = request.cols = 0; /* the cursor moved over the picture that is there */
    }
    bench_request_attention(b, &request);
}

/* The answer fits what is drawn now: same head, same window, same tokens. */
static bool is_answer(const struct attention_state *s, const struct workbench *b)
{
    const struct attention_view *a = &b->attention;

    return a->cells && a->row && a->n_keys == n_keys(b) &&
           a->n_queries == bench_side(b, b->kind, true).n &&
           attention_same_request(&a->request, &s->map.request);
}

/* An older picture may still be shown if its places exist and the layout can hold it. */
static bool is_drawable(const struct attention_state *s, const struct workbench *b)
{
    const struct attention_view *a = &b->attention;
    const struct attention_map *m = &s->map;
    bool column = a->request.cols == 1 && a->request.k1 == a->request.k0 + 1,
         cells = s->look.mode == ATTENTION_MAP || s->look.mode == ATTENTION_LINES;
    size_t nq = bench_side(b, b->kind, true).n;

    return a->cells && a->row && a->request.kind == b->kind && a->n_keys <= n_keys(b) &&
           a->n_queries <= nq && a->request.cursor < a->n_queries && a->request.rows > 0 &&
           a->request.cols > 0 && cells != column &&
           (!cells ||
            (a->request.rows <= (m->half ? 2 * m->area.rows : m->area.rows / m->cell_rows) &&
             a->request.cols <= m->area.cols / m->cell_columns)) &&
           (s->look.mode != ATTENTION_LINES ||
            (a->request.q1 - a->request.q0 == (size_t)a->request.rows &&
             a->request.k1 - a->request.k0 == (size_t)a->request.cols &&
             a->request.cols <= m->area.rows));
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;

    if (!is_ready(b)) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      b->refusal[0]
                          ? "No map: the prompt was not evaluated."
                          : "Where each head looks appears here once the prompt is evaluated.");
        return;
    }
    keep_in_range(panel);
    s->map = attention_layout(b, &s->look, c, inside);
    if (s->look.mode == ATTENTION_MAP) {
        s->look.q_from = s->map.request.q0;
        s->look.k_from = s->map.request.k0;
    }
    s->setting = c->ramp;
    s->columns = inside.cols;
    s->rows = s->map.area.rows;
    ask(panel);
    if (is_answer(s, b) || is_drawable(s, b)) {
        attention_draw(b, &s->look, &s->map, c, inside, panel->focused);
    } else {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      "Layer %d, head %d: weights are being computed.", b->layer, b->head);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct attention_state *s = panel->state;
    const struct workbench *b = panel->bench;
    bool waits = is_ready(b) && s->has_asked && !is_answer(s, b);

    if (is_ready(b)) {
        char what[40];

        snprintf(what, sizeof what, "layer %d head %d", b->layer, b->head);
        snprintf(out, capacity, "Attention \u00b7 %s%s%s%s%s%s",
                 b->kind == ATTUNE_STACK_SELF ? "" : attune_stack_text(b->kind),
                 b->kind == ATTUNE_STACK_SELF ? "" : " ",
                 s->look.mix.way == ATTUNE_MIX_HEAD ? what : attune_mix_way_text(s->look.mix.way),
                 b->kv_type == ATTUNE_KV_F32 ? "" : " \u00b7 K as kept in ",
                 b->kv_type == ATTUNE_KV_F32 ? "" : attune_kv_type_text(b->kv_type),
                 waits ? " \u00b7 \u2026" : "");
    } else {
        snprintf(out, capacity, "Attention");
    }
}

/* ---- motion ---- */

static bool changed(struct panel *panel)
{
    panel->bench->frame++;
    return true;
}

/* The cursor's row to a place among the queries. */
static void go_to(struct workbench *b, size_t row)
{
    bench_move_cursor(b, (long)(bench_side(b, b->kind, true).first + row) - (long)b->token_cursor);
}

static bool move(struct panel *panel, enum view_move move)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n = bench_side(b, b->kind, true).n, keys = n_keys(b);
    bool text = s->look.mode == ATTENTION_FROM || s->look.mode == ATTENTION_TO;

    if (move == VIEW_STAY || n == 0 || keys == 0) {
        return move != VIEW_STAY;
    }
    if (text && s->look.kind != ATTUNE_STACK_CROSS) {
        size_t to = strip_moved(b, move, b->token_cursor, s->columns, s->rows);
        bench_move_cursor(b, (long)to - (long)b->token_cursor);
    } else if (move == VIEW_LEFT) {
        s->look.key -= s->look.key > 0;
    } else if (move == VIEW_RIGHT) {
        s->look.key += s->look.key + 1 < keys;
    } else {
        go_to(b, view_moved(move, attention_row(b, b->kind), n, s->rows));
    }
    return changed(panel);
}

/* Half a window on, with the cursor. */
static bool pan(struct panel *panel, int down, int right)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    const struct attention_request *r = &s->map.request;
    long n = (long)bench_side(b, b->kind, true).n, keys = (long)n_keys(b),
         row = (long)attention_row(b, b->kind) + down * (long)(r->q1 - r->q0 + 1) / 2,
         key = (long)s->look.key + right * (long)(r->k1 - r->k0 + 1) / 2,
         q = (long)s->look.q_from + down * (long)(r->q1 - r->q0 + 1) / 2,
         k = (long)s->look.k_from + right * (long)(r->k1 - r->k0 + 1) / 2;

    if (n > 0 && keys > 0) {
        go_to(b, (size_t)(row < 0 ? 0 : row < n ? row : n - 1));
        s->look.key = (size_t)(key < 0 ? 0 : key < keys ? key : keys - 1);
        s->look.q_from = (size_t)(q < 0 ? 0 : q);
        s->look.k_from = (size_t)(k < 0 ? 0 : k);
    }
    return changed(panel);
}

static bool click_text(struct panel *panel, int y, int x)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n_rows, top, at;
    struct spot *spots = strip_place(b, s->columns, &n_rows);

    if (!spots) {
        return true;
    }
    top = view_scroll(0, spots[b->token_cursor < bench_n_tokens(b) ? b->token_cursor : 0].row,
                      n_rows, s->rows);
    free(spots);
    at = strip_at(b, s->columns, top + (size_t)y, x);
    if (at != SIZE_MAX) {
        bench_move_cursor(b, (long)at - (long)b->token_cursor);
    }
    return changed(panel);
}

static bool click(struct panel *panel, const struct key *key)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    const struct attention_request *q = &s->map.request;
    int y = key->y - panel->inside.y - s->map.area.y, x = key->x - panel->inside.x - s->map.area.x;

    if (q->rows < 1 || q->cols < 1 || y < 0 || x < 0) {
        return true;
    }
    if (s->look.mode == ATTENTION_FROM || s->look.mode == ATTENTION_TO) {
        return click_text(panel, y, x);
    }
    y = s->map.half ? 2 * y : y / s->map.cell_rows;
    x /= s->map.cell_columns;
    if (s->look.mode == ATTENTION_LINES && y < q->rows) {
        go_to(b, q->q0 + (size_t)y);
    } else if (y < q->rows && x < q->cols) {
        s->look.key = q->k0 + (size_t)x * (q->k1 - q->k0) / (size_t)q->cols;
        go_to(b, q->q0 + (size_t)y * (q->q1 - q->q0) / (size_t)q->rows);
    }
    return changed(panel);
}

static bool key(struct panel *panel, const struct key *key)
{
    if (key->kind == KEY_MOUSE && key->press && key->button == 0) {
        return click(panel, key);
    }
    return move(panel, view_move_of_key(key));
}

/* ---- actions ---- */

static bool set_scale(struct panel *panel, const char *arg)
{
    struct attention_state *s = panel->state;
    enum attention_scale named = arg && *arg ? scale_find(arg) : SCALE_COUNT;

    s->look.scale =
        named < SCALE_COUNT ? named : (enum attention_scale)((s->look.scale + 1) % SCALE_COUNT);
    return changed(panel);
}

static bool zoom(struct panel *panel, int by)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t nq = bench_side(b, b->kind, true).n, nk = n_keys(b), row = attention_row(b, b->kind);
    int most = 0, before = s->look.zoom;

    for (size_t n = nq > nk ? nq : nk; n / 2 >= 8; n /= 2) {
        most++;
    }
    s->look.zoom += by;
    s->look.zoom = s->look.zoom < 0 ? 0 : s->look.zoom > most ? most : s->look.zoom;
    if (s->look.zoom != before) { /* around the cursor */
        nq = (nq >> s->look.zoom) / 2;
        nk = (nk >> s->look.zoom) / 2;
        s->look.q_from = row > nq ? row - nq : 0;
        s->look.k_from = s->look.key > nk ? s->look.key - nk : 0;
    }
    return changed(panel);
}

static bool set_mode(struct panel *panel, const char *arg)
{
    static const char *const names[ATTENTION_MODES] = {"map", "from", "to", "lines"};
    struct attention_state *s = panel->state;
    int mode = 0;

    while (arg && *arg && mode < ATTENTION_MODES && strcmp(names[mode], arg) != 0) {
        mode++;
    }
    if (mode == ATTENTION_MODES) {
        bench_say(panel->bench, true, "on_text: map, from, to or lines");
        return true;
    }
    s->look.mode =
        (enum attention_mode)((arg && *arg ? mode : (int)s->look.mode + 1) % ATTENTION_MODES);
    return changed(panel);
}

static bool next_pair(struct panel *panel)
{
    struct attention_state *s = panel->state;

    if (!attention_has_pair(panel->bench, panel->bench->kind)) {
        bench_say(panel->bench, true, "the text is no pair of sentences");
        return true;
    }
    s->look.pair = (enum attention_pair)((s->look.pair + 1) % PAIR_COUNT);
    return changed(panel);
}

/* mix [head|mean|max|rollout|norm|HEADS] [layer]: without a word the next of those a key steps
 * through. */
static bool set_mix(struct panel *panel, const char *arg)
{
    static const struct {
        enum attune_mix_way way;
        bool whole;
    } steps[] = {{ATTUNE_MIX_HEAD, false},  {ATTUNE_MIX_NORM, false}, {ATTUNE_MIX_MEAN, false},
                 {ATTUNE_MIX_MAX, false},   {ATTUNE_MIX_MEAN, true},  {ATTUNE_MIX_MAX, true},
                 {ATTUNE_MIX_ROLLOUT, true}};
    struct attention_state *s = panel->state;
    struct attention_mix *mix = &s->look.mix;
    size_t n = arg ? strcspn(arg, " ") : 0, i = 0, count = sizeof steps / sizeof *steps;
    int way = 0;

    if (n == 0) {
        while (i < count && (steps[i].way != mix->way || steps[i].whole != mix->whole)) {
            i++;
        }
        i = i < count ? (i + 1) % count : 0;
        if (steps[i].way == ATTUNE_MIX_ROLLOUT && panel->bench->kind == ATTUNE_STACK_CROSS) {
            i = 0; /* it follows one text */
        }
        *mix = (struct attention_mix){.way = steps[i].way, .whole = steps[i].whole};
        return changed(panel);
    }
    while (way < ATTUNE_MIX_COUNT &&
           (strlen(attune_mix_way_text((enum attune_mix_way)way)) != n ||
            strncmp(arg, attune_mix_way_text((enum attune_mix_way)way), n) != 0)) {
        way++;
    }
    if (way == ATTUNE_MIX_COUNT && (arg[0] == '*' || (arg[0] >= '0' && arg[0] <= '9')) &&
        n < sizeof mix->heads) {
        *mix = (struct attention_mix){.way = ATTUNE_MIX_SUM, .whole = true};
        memcpy(mix->heads, arg, n);
    } else if (way == ATTUNE_MIX_COUNT || way == ATTUNE_MIX_SUM) {
        bench_say(panel->bench, true,
                  "mix: head, mean, max, rollout, norm, or heads such as 0.1:0.5,2.3");
    } else {
        *mix = (struct attention_mix){.way = (enum attune_mix_way)way,
                                      .whole = strcmp(arg + n, " layer") != 0 &&
                                               way != ATTUNE_MIX_HEAD && way != ATTUNE_MIX_NORM};
    }
    return changed(panel);
}

/* What is on screen; of the text and the lines the whole map. */
static bool write_file(struct panel *panel, const char *arg)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    char path[512];
    struct attention_file file = {.path = path,
                                  .hide_sinks = s->look.hide_sinks,
                                  .scale = (int)s->look.scale,
                                  .ramp = ((int)s->setting + s->look.ramp) % RAMP_COUNT};

    if (!arg || !*arg) {
        bench_say(b, true, "write: name a file: .png .svg .pdf .html .ansi .txt .csv .json .npy");
    } else if (strlen(arg) >= sizeof path) {
        bench_say(b, true, "write: that name is too long");
    } else if (b->model) {
        strcpy(path, arg);
        file.window = s->map.request;
        if (s->look.mode != ATTENTION_MAP) {
            file.window.q1 = file.window.q0; /* all of it */
        }
        bench_write_attention(b, &file);
    }
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    static const struct {
        const char *name;
        int down, right;
    } pans[] = {{"pan_up", -1, 0}, {"pan_down", 1, 0}, {"pan_left", 0, -1}, {"pan_right", 0, 1}};
    struct attention_state *s = panel->state;

    for (size_t i = 0; i < sizeof pans / sizeof *pans; i++) {
        if (strcmp(pans[i].name, name) == 0) {
            return pan(panel, pans[i].down, pans[i].right);
        }
    }
    if (strcmp(name, "scale") == 0) {
        return set_scale(panel, arg);
    }
    if (strcmp(name, "zoom_in") == 0 || strcmp(name, "zoom_out") == 0) {
        return zoom(panel, name[5] == 'i' ? 1 : -1);
    }
    if (strcmp(name, "ramp") == 0) {
        s->look.ramp = (s->look.ramp + 1) % RAMP_COUNT;
        return changed(panel);
    }
    if (strcmp(name, "sink") == 0) {
        s->look.hide_sinks = !s->look.hide_sinks;
        return changed(panel);
    }
    if (strcmp(name, "on_text") == 0) {
        return set_mode(panel, arg);
    }
    if (strcmp(name, "pair") == 0) {
        return next_pair(panel);
    }
    if (strcmp(name, "mix") == 0) {
        return set_mix(panel, arg);
    }
    if (strcmp(name, "write") == 0) {
        return write_file(panel, arg);
    }
    return attention_turn(panel->bench, name, arg) || move(panel, view_move_of_action(name));
}

const struct panel_ops panel_attention = {
    .name = "attention",
    .title = "Attention",
    .help = "where each head looks: a map, the text coloured by it, or lines",
    .state_size = sizeof(struct attention_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
