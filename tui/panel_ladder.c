/* The ladder of shots: the next token's distribution behind no shot, one, two, ..., side by side.
 *
 *   shots          0              1              2
 *   bits           6.33           2.10           0.41
 *   moved                         71.2%          20.3%     mass that stands elsewhere than a rung
 * before ·Positive      ████   0.3559  ██████ 0.8712  ███████ 0.9810 ·Negative      ▍      0.0326
 * ▊      0.0904  ▏       0.0121
 *
 * Shots that are off in the composer stand on their rungs all the same, so the way from zero shots
 * to few is seen at once. */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>

#include "view.h"

enum { LABEL = 14, CELL = 12, BAR = 40, HEAD = 5, FOOT = 2 };

/* Below, a bar would be longer than it should. */
static const double LEAST = 0.001;

struct ladder_state {
    size_t token, top;
    int rows; /* of the list, as last drawn */
};

static size_t rungs_in(struct rect r)
{
    int n = (r.cols - LABEL) / CELL;

    return n < 2 ? 2 : n < ATTUNE_LADDER_MOST ? (size_t)n : ATTUNE_LADDER_MOST;
}

/* Asks for the ladder of the prompt as it is; false while there is none at all. */
static bool have(struct panel *panel, struct rect r)
{
    struct workbench *b = panel->bench;
    size_t most = rungs_in(r);
    bool current = b->ladder.revision == b->revision && b->ladder.most == most;

    if (!current && b->model && b->worker && b->state != BENCH_GENERATING && !bench_is_stale(b) &&
        !bench_is_busy(b)) {
        bench_request_ladder(b, most);
    }
    return b->ladder.ladder.n > 0 || (current && b->ladder.refusal[0]);
}

/* Row y of rung k, without the gap to the next. */
static struct rect cell_of(struct rect r, const struct attune_ladder *l, size_t k, int y)
{
    int width = (r.cols - LABEL) / (int)l->n;

    return view_cell(r, y, LABEL + (int)k * width, width - 1);
}

static void put_shots(char out[VIEW_NUMBER], const struct attune_rung *rung)
{
    snprintf(out, VIEW_NUMBER, "%zu", rung->shots);
}

static void put_tokens(char out[VIEW_NUMBER], const struct attune_rung *rung)
{
    view_count(out, rung->n_tokens);
}

static void put_bits(char out[VIEW_NUMBER], const struct attune_rung *rung)
{
    snprintf(out, VIEW_NUMBER, "%.2f", rung->entropy_bits);
}

static void put_moved(char out[VIEW_NUMBER], const struct attune_rung *rung)
{
    snprintf(out, VIEW_NUMBER, "%.1f%%", 100 * rung->shift.moved);
}

static void put_kl(char out[VIEW_NUMBER], const struct attune_rung *rung)
{
    if (isinf(rung->shift.kl_bits)) {
        snprintf(out, VIEW_NUMBER, "inf");
    } else {
        snprintf(out, VIEW_NUMBER, "%.2f", rung->shift.kl_bits);
    }
}

static const struct {
    const char *name;
    void (*put)(char out[VIEW_NUMBER], const struct attune_rung *rung);
    bool between; /* two rungs: the first has none */
} heads[HEAD] = {
    {"shots", put_shots, false},       {"tokens", put_tokens, false},
    {"entropy bits", put_bits, false}, {"mass moved", put_moved, true},
    {"KL bits", put_kl, true},
};

static void draw_heads(struct canvas *c, struct rect r, const struct attune_ladder *l)
{
    char text[VIEW_NUMBER];

    for (int y = 0; y < HEAD; y++) {
        canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%s", heads[y].name);
        for (size_t k = 0; k < l->n; k++) {
            if (k > 0 || !heads[y].between) {
                heads[y].put(text, &l->rungs[k]);
                canvas_print(c, cell_of(r, l, k, y), 0, 0,
                             style_of(c, y == 0 ? ROLE_SHOT : ROLE_VALUE), "%s", text);
            }
        }
    }
}

static void draw_token(const struct panel *panel, struct canvas *c, struct rect r, int y, size_t i)
{
    const struct ladder_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const struct attune_ladder *l = &b->ladder.ladder;
    bool selected = i == s->token, special;
    struct style style = style_of(c, selected ? ROLE_SELECT : ROLE_TEXT);
    char bytes[VIEW_BYTES], number[VIEW_NUMBER];
    size_t len = view_id_bytes(b, l->ids[i], bytes, &special);
    struct rect label = view_cell(r, y, 0, LABEL - 1);

    if (special) {
        canvas_text(c, label, 0, 0, bytes, len, style);
    } else {
        view_token(c, label, 0, 0, bytes, len, style);
    }
    for (size_t k = 0; k < l->n; k++) {
        struct rect cell = cell_of(r, l, k, y);
        double p = l->p[i * l->n + k];
        int bar = cell.cols - 7 < BAR ? cell.cols - 7 : BAR;

        if (bar > 0) {
            canvas_bar(c, cell, 0, 0, bar, p < LEAST ? 0 : p, style_of(c, ROLE_BAR_FINAL));
        }
        canvas_print(c, cell, 0, bar > 0 ? bar + 1 : 0,
                     style_of(c, selected ? ROLE_ACCENT : ROLE_VALUE), "%s", view_p(number, p));
    }
}

/* What the selected token does on the way, in a sentence: nothing is told by bars alone. */
static void draw_foot(const struct panel *panel, struct canvas *c, struct rect r, int y)
{
    const struct ladder_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const struct attune_ladder *l = &b->ladder.ladder;
    char bytes[VIEW_BYTES], number[VIEW_NUMBER];
    bool special;
    size_t len = view_id_bytes(b, l->ids[s->token], bytes, &special);
    int x = special ? canvas_text(c, r, y, 0, bytes, len, style_of(c, ROLE_SPECIAL))
                    : view_token(c, r, y, 0, bytes, len, style_of(c, ROLE_ACCENT));

    x += canvas_print(c, r, y, x, style_of(c, ROLE_DIM), " id %d: p ", l->ids[s->token]);
    for (size_t k = 0; k < l->n; k++) {
        x += canvas_print(c, r, y, x, style_of(c, ROLE_VALUE), "%s%s", k > 0 ? " > " : "",
                          view_p(number, l->p[s->token * l->n + k]));
    }
    canvas_print(c, r, y + 1, 0, style_of(c, ROLE_DIM), "%s",
                 l->n > 1
                     ? "raw p before the sampler; the first shots of the composer, on or off"
                     : "no shots yet: Alt-a in the composer is a new one, Alt-l takes a file's");
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct ladder_state *s = panel->state;
    struct workbench *b = panel->bench;
    const struct attune_ladder *l = &b->ladder.ladder;
    int foot = inside.rows >= HEAD + 6 ? FOOT : 0, rows = inside.rows - HEAD - foot;
    bool there = have(panel, inside);

    if (!there || l->n == 0) {
        view_sentence(c, inside, 0, style_of(c, b->ladder.refusal[0] ? ROLE_WARN : ROLE_DIM), "%s",
                      b->ladder.refusal[0]
                          ? b->ladder.refusal
                          : "The same query behind no shot, one, two, ...: here as "
                            "soon as a model has read them.");
        return;
    }
    draw_heads(c, inside, l);
    s->token = s->token < l->n_ids ? s->token : 0;
    s->rows = rows;
    s->top = view_scroll(s->top, s->token, l->n_ids, rows);
    for (int y = 0; y < rows && s->top + (size_t)y < l->n_ids; y++) {
        draw_token(panel, c, inside, HEAD + y, s->top + (size_t)y);
    }
    if (foot && l->n_ids > 0) {
        draw_foot(panel, c, inside, inside.rows - foot);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;
    const struct attune_ladder *l = &b->ladder.ladder;

    if (l->n == 0) {
        snprintf(out, capacity, "Ladder");
    } else {
        snprintf(out, capacity, "Ladder \u00b7 %zu to %zu shots%s", l->rungs[0].shots,
                 l->rungs[l->n - 1].shots,
                 b->ladder.revision == b->revision ? "" : " \u00b7 \u2026");
    }
}

static bool move(struct panel *panel, enum view_move move)
{
    struct ladder_state *s = panel->state;
    size_t n = panel->bench->ladder.ladder.n_ids;

    if (move == VIEW_STAY || move == VIEW_LEFT || move == VIEW_RIGHT || n == 0) {
        return false;
    }
    s->token = view_moved(move, s->token, n, s->rows);
    panel->bench->frame++;
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    return move(panel, view_move_of_key(key));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_ladder = {
    .name = "ladder",
    .title = "Ladder",
    .help = "the next token behind no shot, one, two, ...: distributions side by side",
    .state_size = sizeof(struct ladder_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
