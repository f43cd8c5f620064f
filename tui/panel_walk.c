/* A walk through the model: from the text to the next token, one step a key, with the real numbers
 * of one token. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <string.h>

#include "walk_view.h"

struct walk_state {
    size_t step;
    bool has_asked;
    uint64_t asked_for; /* revision */
    size_t asked_tokens, asked_position;
};

static bool is_ready(const struct workbench *b)
{
    return b->model && (b->evaluated || (b->read && !task_generates(b->task))) &&
           walk_tokens(b) > 0;
}

static void ask(struct panel *panel)
{
    struct walk_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n = walk_tokens(b), position = walk_position(b);

    if (!b->worker || b->state == BENCH_GENERATING || bench_is_stale(b) ||
        (s->has_asked && s->asked_for == b->revision && s->asked_tokens == n &&
         s->asked_position == position)) {
        return;
    }
    s->has_asked = true;
    s->asked_for = b->revision;
    s->asked_tokens = n;
    s->asked_position = position;
    bench_request_walk(b, position);
}

/* "3 of 20  ·great (12 of 41)" and how far along it is. */
static void draw_foot(const struct panel *panel, struct canvas *c, struct rect r)
{
    const struct walk_state *s = panel->state;
    const struct workbench *b = panel->bench;
    size_t position = walk_followed(b, s->step), n = walk_n_steps(b);
    struct style dim = style_of(c, ROLE_DIM);
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_position_bytes(b, position, bytes, &special);
    int x = canvas_print(c, r, 0, 0, dim,
                         r.cols < 50 ? "token " : "left, right: step \u00b7 up, down: token ");

    x += view_token(c, r, 0, x, bytes, len, style_of(c, ROLE_SELECT)) + 1;
    if (r.cols - x > 20) {
        view_rule(c, r, 0, r.cols - 16, r.cols, style_of(c, ROLE_FRAME));
        canvas_bar(c, r, 0, r.cols - 16, 16, (double)(s->step + 1) / (double)n,
                   style_of(c, ROLE_ACCENT));
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct walk_state *s = panel->state;
    struct workbench *b = panel->bench;
    int foot = inside.rows >= 5;

    if (!is_ready(b)) {
        view_sentence(
            c, inside, 0, style_of(c, ROLE_DIM),
            "From a text to the next token, step by step: here as soon as a prompt is evaluated.");
        return;
    }
    s->step = s->step < walk_n_steps(b) ? s->step : walk_n_steps(b) - 1;
    ask(panel);
    walk_draw(b, s->step, walk_position(b), c, view_rows(inside, 0, inside.rows - 2 * foot));
    if (foot) {
        draw_foot(panel, c, view_rows(inside, inside.rows - 1, 1));
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct walk_state *s = panel->state;
    char name[64];

    if (!is_ready(panel->bench)) {
        snprintf(out, capacity, "Walk");
        return;
    }
    walk_name(panel->bench, s->step, name, sizeof name);
    snprintf(out, capacity, "Walk \u00b7 step %zu of %zu \u00b7 %s", s->step + 1,
             walk_n_steps(panel->bench), name);
}

static bool move(struct panel *panel, enum view_move move)
{
    struct walk_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t last = walk_n_steps(b) - 1, query = walk_position(b), n = walk_tokens(b);

    switch (move) {
    case VIEW_STAY: return false;
    case VIEW_LEFT: s->step -= s->step > 0; break;
    case VIEW_RIGHT: s->step += s->step < last; break;
    case VIEW_FIRST: s->step = 0; break;
    case VIEW_LAST: s->step = last; break;
    default:
        bench_move_cursor(b, (long)view_moved(move, query, n, 8) - (long)b->token_cursor);
        break;
    }
    b->frame++;
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    if ((key->kind == KEY_NAMED && key->code == NAMED_ENTER) ||
        (key->kind == KEY_CHAR && key->code == ' ')) {
        return move(panel, VIEW_RIGHT);
    }
    return move(panel, view_move_of_key(key));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_walk = {
    .name = "walk",
    .title = "Walk",
    .help = "from the text to the next token, step by step, with the real numbers",
    .state_size = sizeof(struct walk_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
