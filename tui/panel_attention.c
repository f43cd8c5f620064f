/* What a head looks at. The panel asks the worker for the window it wants to draw, and only when
 * that window, the head or the prompt changed; until the answer is there the last picture stays. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
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
    int columns, rows;
};

static bool is_ready(const struct workbench *b)
{
    return b->model && attention_tokens(b) > 0 && b->refusal[0] == '\0';
}

static void keep_in_range(struct panel *panel)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n = attention_tokens(b);

    attention_keep_in_range(b);
    s->look.kind = b->kind;
    s->look.layer = b->layer;
    s->look.head = b->head;
    s->look.key = s->look.key < n ? s->look.key : n - 1;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

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

    if (s->map.request.rows == 0 || b->worker == NULL || !b->read ||
        (s->has_asked && attention_same_request(&s->asked, &s->map.request) &&
         s->asked_for == b->answered && s->asked_tokens == attention_tokens(b))) {
        return;
    }
    if (is_too_early(s, b)) {
        return;
    }
    s->asked_ms = now_ms();
    s->asked = s->map.request;
    s->asked_for = b->answered;
    s->asked_tokens = attention_tokens(b);
    s->has_asked = true;
    bench_request_attention(b, &s->map.request);
}

/* The answer fits what is drawn now: same head, same window, same tokens. */
static bool is_answer(const struct attention_state *s, const struct workbench *b)
{
    const struct attention_view *a = &b->attention;

    return a->cells && a->row && a->n_keys == attention_tokens(b) &&
           attention_same_request(&a->request, &s->map.request);
}

/* An older picture may still be shown if its places exist and the layout can hold it. */
static bool is_drawable(const struct attention_state *s, const struct workbench *b)
{
    const struct attention_view *a = &b->attention;
    const struct attention_map *m = &s->map;
    bool column = a->request.cols == 1 && a->request.k1 == a->request.k0 + 1;

    return a->cells && a->row && a->n_keys <= bench_n_tokens(b) &&
           a->request.q1 <= bench_n_tokens(b) && a->request.k1 <= bench_n_tokens(b) &&
           a->request.cursor < a->n_queries && a->request.rows > 0 && a->request.cols > 0 &&
           (s->look.mode == ATTENTION_MAP) != column &&
           (s->look.mode != ATTENTION_MAP || (a->request.rows <= m->area.rows * (m->half ? 2 : 1) &&
                                              a->request.cols <= m->area.cols / m->cell_columns));
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
        snprintf(out, capacity, "Attention \u00b7 layer %d head %d%s", b->layer, b->head,
                 waits ? " \u00b7 \u2026" : "");
    } else {
        snprintf(out, capacity, "Attention");
    }
}

/* ---- actions ---- */

static bool changed(struct panel *panel)
{
    panel->bench->frame++;
    return true;
}

static bool move(struct panel *panel, enum view_move move)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n = attention_tokens(b), to = attention_query(b);

    if (move == VIEW_STAY || n == 0) {
        return move != VIEW_STAY;
    }
    if (s->look.mode != ATTENTION_MAP) {
        to = strip_moved(b, move, to, s->columns, s->rows);
    } else if (move == VIEW_LEFT) {
        s->look.key -= s->look.key > (size_t)s->look.hide_first;
    } else if (move == VIEW_RIGHT) {
        s->look.key += s->look.key + 1 < n;
    } else {
        to = view_moved(move, to, n, s->rows);
    }
    bench_move_cursor(b, (long)to - (long)b->token_cursor);
    return changed(panel);
}

static bool click(struct panel *panel, const struct key *key)
{
    struct attention_state *s = panel->state;
    struct workbench *b = panel->bench;
    const struct attention_request *q = &s->map.request;
    int y = key->y - panel->inside.y - s->map.area.y, x = key->x - panel->inside.x - s->map.area.x;

    if (s->look.mode != ATTENTION_MAP || q->rows < 1 || q->cols < 1 || y < 0 || x < 0) {
        return true;
    }
    y = s->map.half ? 2 * y : y;
    x /= s->map.cell_columns;
    if (y < q->rows && x < q->cols) {
        size_t query = q->q0 + (size_t)y * (q->q1 - q->q0) / (size_t)q->rows;
        s->look.key = q->k0 + (size_t)x * (q->k1 - q->k0) / (size_t)q->cols;
        bench_move_cursor(b, (long)query - (long)b->token_cursor);
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

static bool set_scale(struct panel *panel, const char *arg)
{
    struct attention_state *s = panel->state;

    s->look.scale = (s->look.scale + 1) % SCALE_COUNT;
    for (int i = 0; arg && *arg && i < SCALE_COUNT; i++) {
        s->look.scale =
            strcmp(arg, attention_scales[i]) == 0 ? (enum attention_scale)i : s->look.scale;
    }
    return changed(panel);
}

static bool zoom(struct panel *panel, int by)
{
    struct attention_state *s = panel->state;
    int most = 0;

    for (size_t n = attention_tokens(panel->bench); n / 2 >= 8; n /= 2) {
        most++;
    }
    s->look.zoom += by;
    s->look.zoom = s->look.zoom < 0 ? 0 : s->look.zoom > most ? most : s->look.zoom;
    return changed(panel);
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct attention_state *s = panel->state;

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
        s->look.hide_first = !s->look.hide_first;
        return changed(panel);
    }
    if (strcmp(name, "on_text") == 0) {
        s->look.mode = (s->look.mode + 1) % ATTENTION_MODES;
        return changed(panel);
    }
    return attention_turn(panel->bench, name, arg) || move(panel, view_move_of_action(name));
}

const struct panel_ops panel_attention = {
    .name = "attention",
    .title = "Attention",
    .help = "where each head looks: the map, or the text coloured by it",
    .state_size = sizeof(struct attention_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
