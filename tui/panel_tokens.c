/* The token strip: prompt and run as the model reads them, token by token, with the cursor that all
 * panels share.
 *
 *   <s>·The·film·was▸·great!↵
 *
 * Two alternating tints show the borders; how expected each token was can tint them instead. */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "strip.h"

struct tokens_state {
    enum measure colour;
    size_t top; /* first row of the strip shown */
    int columns, rows;
    uint64_t asked_for; /* revision whose scores were asked for */
};

static struct style token_style(const void *context, const struct canvas *c, size_t i, bool special)
{
    const struct panel *panel = context;
    const struct tokens_state *state = panel->state;
    const struct workbench *b = panel->bench;
    struct style s = style_of(c, special ? ROLE_SPECIAL : i % 2 ? ROLE_TOKEN_ODD : ROLE_TOKEN_EVEN);
    struct score score;

    if (i == b->token_cursor) {
        return style_of(c, ROLE_SELECT);
    }
    if (state->colour != MEASURE_PLAIN && measure_score(b, i, &score)) {
        return style_heat(c, measure_shade(b, &score, state->colour), c->ramp);
    }
    if (i < strip_prompt(b)) {
        return s;
    }
    s.fg = style_of(c, ROLE_OUTPUT).fg;
    s.attrs |= ATTR_BOLD;
    return s;
}

/* Which block a token of the composed prompt came from: "shot 2 answer", "template (query)". */
static const char *origin(char out[64], const struct workbench *b, size_t i)
{
    static const char *const parts[] = {"template", "", "answer", "variable"};
    const struct attune_rendered *text = &b->text;

    if (b->replayed) {
        return strcpy(out, "recorded prompt");
    }
    if (i >= b->tokens.n) {
        return strcpy(out, "the decoder begins with it");
    }
    if (b->tokens.special[i]) {
        return strcpy(out, "added by the tokenizer");
    }
    for (size_t k = 0; k < text->n_pieces; k++) {
        const struct attune_piece *p = &text->pieces[k];
        if (p->end > b->tokens.start[i]) {
            if (!task_at(b->task)->shots) {
                snprintf(out, 64, "%s", task_heading(b->task, b->prompt.blocks[p->block].kind));
                out[strcspn(out, "?")] = '\0';
            } else if (p->block == 0 || p->block + 1 >= b->prompt.n) {
                snprintf(out, 64, "%s %s", p->block == 0 ? "task" : "query", parts[p->part]);
            } else {
                snprintf(out, 64, "shot %zu %s", p->block, parts[p->part]);
            }
            return out;
        }
    }
    return strcpy(out, "");
}

static void draw_identity(const struct workbench *b, struct canvas *c, struct rect r, int y)
{
    size_t i = b->token_cursor, len;
    char bytes[VIEW_BYTES], hex[64], text[64];
    bool special;
    int x;

    len = view_position_bytes(b, i, bytes, &special);
    x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%zu/%zu ", i + 1, bench_n_tokens(b));
    x += view_token(c, r, y, x, bytes, len, style_of(c, special ? ROLE_SPECIAL : ROLE_SELECT)) + 1;
    snprintf(text, sizeof text, "%d", (int)bench_token_at(b, i));
    x += view_pair(c, r, y, x, "id", text);
    if (!special) {
        x += view_pair(c, r, y, x, "bytes", view_hex(hex, sizeof hex, bytes, len));
    }
    if (i < strip_prompt(b)) {
        if (!b->replayed && i < b->tokens.n && !b->tokens.special[i]) {
            snprintf(text, sizeof text, "%zu-%zu", b->tokens.start[i], b->tokens.end[i]);
            x += view_pair(c, r, y, x, "at", text);
        }
        view_clip(c, r, y, x, style_of(c, ROLE_DIM), origin(text, b, i));
    }
}

static void draw_measure(const struct workbench *b, struct canvas *c, struct rect r, int y)
{
    const struct attune_step *step =
        b->token_cursor < strip_prompt(b) ? NULL : &b->steps[b->token_cursor - strip_prompt(b)];
    char number[VIEW_NUMBER], text[64];
    struct score score;
    int x = 0;

    if (!measure_score(b, b->token_cursor, &score)) {
        return;
    }
    if (step) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)step->index);
        x += view_pair(c, r, y, x, "step", text);
        x += view_pair(c, r, y, x, "p", view_p(number, step->p));
    }
    x += view_pair(c, r, y, x, step ? "raw" : "p", view_p(number, (double)score.p));
    snprintf(text, sizeof text, "%u", score.rank + 1);
    x += view_pair(c, r, y, x, "rank", text);
    snprintf(text, sizeof text, "%.2f bits", score.p > 0 ? -log2((double)score.p) : INFINITY);
    x += view_pair(c, r, y, x, "surprisal", text);
    snprintf(text, sizeof text, "%.2f bits", (double)score.entropy_bits);
    x += view_pair(c, r, y, x, "entropy", text);
    if (step) {
        snprintf(text, sizeof text, "%.4f", step->draw.u);
        view_pair(c, r, y, x, "u", text);
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct tokens_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n = bench_n_tokens(b), n_rows;
    bool legend = s->colour != MEASURE_PLAIN && inside.rows >= 5;
    struct score score;
    struct spot *spots;
    struct rect r;
    int foot;

    if (n == 0) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      b->model
                          ? "Type a prompt: its tokens appear here, as the model reads them."
                          : "The model is being opened; the tokens of the prompt appear here.");
        return;
    }
    if (s->colour != MEASURE_PLAIN) {
        measure_ask(b, &s->asked_for);
    }
    b->token_cursor = b->token_cursor < n ? b->token_cursor : n - 1;
    foot = inside.rows < 3
               ? 0
               : 1 + legend + (measure_score(b, b->token_cursor, &score) && inside.rows >= 4);
    r = view_rows(inside, 0, inside.rows - foot);
    s->columns = inside.cols;
    s->rows = r.rows;
    spots = strip_place(b, inside.cols, &n_rows);
    if (!spots) {
        return;
    }
    s->top = view_scroll(s->top, spots[b->token_cursor].row, n_rows, r.rows);
    strip_draw(b, c, r, spots, s->top, token_style, panel);
    free(spots);
    if (legend) {
        measure_legend(b, c, inside, inside.rows - foot, 0, s->colour);
    }
    if (foot > 0) {
        draw_identity(b, c, inside, inside.rows - foot + legend);
    }
    if (foot - legend > 1) {
        draw_measure(b, c, inside, inside.rows - 1);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;

    if (bench_n_encoder(b) > 0) {
        snprintf(out, capacity, "Tokens \u00b7 %zu encoder, %zu decoder%s", bench_n_encoder(b),
                 bench_n_tokens(b) - bench_n_encoder(b), b->replayed ? " (replayed)" : "");
        return;
    }
    if (b->n_steps == 0) {
        snprintf(out, capacity, "Tokens \u00b7 %zu", strip_prompt(b));
        return;
    }
    snprintf(out, capacity, "Tokens \u00b7 %zu prompt + %zu run%s", strip_prompt(b), b->n_steps,
             b->replayed ? " (replayed)" : "");
}

/* A token brings with it the distribution that led to it. */
static void go(struct panel *panel, size_t to)
{
    bench_look(panel->bench, to);
}

static bool move(struct panel *panel, enum view_move move)
{
    struct tokens_state *s = panel->state;

    if (move == VIEW_STAY) {
        return false;
    }
    if (move == VIEW_RIGHT && panel->bench->token_cursor + 1 == bench_n_tokens(panel->bench)) {
        go(panel, bench_n_tokens(panel->bench)); /* what comes next */
        return true;
    }
    go(panel, strip_moved(panel->bench, move, panel->bench->token_cursor, s->columns, s->rows));
    return true;
}

static bool click(struct panel *panel, const struct key *key)
{
    struct tokens_state *s = panel->state;
    size_t at = strip_at(panel->bench, s->columns, s->top + (size_t)(key->y - panel->inside.y),
                         key->x - panel->inside.x);

    if (at != SIZE_MAX) {
        go(panel, at);
    }
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    if (key->kind == KEY_MOUSE && key->press && key->button == 0 && key->y >= panel->inside.y) {
        return click(panel, key);
    }
    return move(panel, view_move_of_key(key));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct tokens_state *s = panel->state;

    if (strcmp(name, "colour") == 0) {
        s->colour = (s->colour + 1) % MEASURE_COUNT;
        for (int i = 0; arg && i < MEASURE_COUNT; i++) {
            if (strcmp(measure_name((enum measure)i), arg) == 0) {
                s->colour = (enum measure)i;
            }
        }
        panel->bench->frame++;
        return true;
    }
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_tokens = {
    .name = "tokens",
    .title = "Tokens",
    .help = "prompt and run as the model reads them; the cursor is shared",
    .state_size = sizeof(struct tokens_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
