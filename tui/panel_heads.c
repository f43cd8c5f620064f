/* Every head at a glance. Small maps are asked for once the worker has nothing better to do, and
 * come a few at a time; the head that is selected here is the one that the large view shows. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <string.h>

#include "attention_turn.h"
#include "attention_view.h"
#include "heads_view.h"

struct heads_state {
    struct heads_look look;
    bool has_asked;
    uint64_t asked_for; /* answered revision */
    size_t asked_tokens;
    enum attune_stack asked_kind;
    struct heads_grid grid; /* as last drawn, without its list */
};

static int open(struct panel *panel)
{
    struct heads_state *s = panel->state;

    s->look.order = HEADS_BY_LAYER;
    s->look.pattern = -1;
    return ATTUNE_OK;
}

static bool is_ready(const struct workbench *b)
{
    return b->model && attention_tokens(b) > 0 && b->refusal[0] == '\0';
}

static void ask(struct panel *panel)
{
    struct heads_state *s = panel->state;
    struct workbench *b = panel->bench;
    bool same = s->has_asked && s->asked_for == b->answered &&
                s->asked_tokens == attention_tokens(b) && s->asked_kind == b->kind;

    if (!b->worker || !b->read || bench_is_stale(b) || b->state == BENCH_GENERATING ||
        (same && (!b->heads.ended || b->heads.failed || heads_is_complete(b)))) {
        return;
    }
    s->asked_for = b->answered;
    s->asked_tokens = attention_tokens(b);
    s->asked_kind = b->kind;
    s->has_asked = true;
    bench_request_heads(b, b->kind, same && b->heads.n_keys > 0 ? b->heads.n : 0);
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct heads_state *s = panel->state;
    struct workbench *b = panel->bench;

    if (!is_ready(b)) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      b->refusal[0] ? "No maps: the prompt was not evaluated."
                                    : "All heads appear here once the prompt is evaluated.");
        return;
    }
    attention_keep_in_range(b);
    ask(panel);
    s->grid = heads_layout(b, &s->look, inside);
    heads_draw(b, &s->look, &s->grid, c, inside, panel->focused);
    heads_grid_done(&s->grid);
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;

    if (is_ready(b) && b->kind != ATTUNE_STACK_SELF) {
        snprintf(out, capacity, "Heads \u00b7 %s", attune_stack_text(b->kind));
    } else {
        snprintf(out, capacity, "Heads");
    }
}

/* ---- actions ---- */

static bool changed(struct panel *panel)
{
    panel->bench->frame++;
    return true;
}

static bool select_at(struct panel *panel, const struct heads_grid *g, int at)
{
    struct workbench *b = panel->bench;

    if (at >= 0 && at < g->n && b->heads.n_heads > 0) {
        b->layer = g->list[at] / b->heads.n_heads;
        b->head = g->list[at] % b->heads.n_heads;
    }
    return changed(panel);
}

/* The grid as it was drawn. */
static struct heads_grid grid_again(struct panel *panel)
{
    struct heads_state *s = panel->state;

    return heads_layout(panel->bench, &s->look, panel->inside);
}

static bool move(struct panel *panel, enum view_move move)
{
    struct heads_grid g;
    int at, per_row;

    if (move == VIEW_STAY) {
        return false;
    }
    g = grid_again(panel);
    at = g.list ? heads_selected(panel->bench, &g) : -1;
    per_row = g.per_row > 0 ? g.per_row : 1;
    if (g.n > 0 && at < 0) {
        at = 0;
    } else if (g.n > 0) {
        int page = per_row * (g.rows > 1 ? g.rows - 1 : 1), last = g.n - 1;

        switch (move) {
        case VIEW_LEFT: at = at > 0 ? at - 1 : 0; break;
        case VIEW_RIGHT: at = at < last ? at + 1 : last; break;
        case VIEW_UP: at = at >= per_row ? at - per_row : at; break;
        case VIEW_DOWN: at = at + per_row <= last ? at + per_row : at; break;
        case VIEW_PAGE_UP: at = at >= page ? at - page : at % per_row; break;
        case VIEW_PAGE_DOWN: at = at + page <= last ? at + page : last; break;
        case VIEW_FIRST: at = 0; break;
        default: at = last; break;
        }
    }
    select_at(panel, &g, at);
    heads_grid_done(&g);
    return true;
}

static bool click(struct panel *panel, const struct key *key)
{
    struct heads_grid g = grid_again(panel);
    int y = key->y - panel->inside.y - g.area.y, x = key->x - panel->inside.x - g.area.x;

    if (g.list && g.height > 0 && y >= 0 && x >= 0) {
        y /= g.height + g.caption;
        x /= g.width + 1;
        if (y < g.rows && x < g.cols) {
            select_at(panel, &g, (g.top + y) * g.per_row + g.left + x);
        }
    }
    heads_grid_done(&g);
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    if (key->kind == KEY_MOUSE && key->press && key->button == 0) {
        return click(panel, key);
    }
    return move(panel, view_move_of_key(key));
}

static bool set_order(struct panel *panel, const char *arg, int by)
{
    struct heads_state *s = panel->state;

    for (int i = 0; arg && *arg; i++) {
        if (i == HEADS_ORDERS) {
            bench_say(panel->bench, true, "sort: layer, or a score: entropy, distance, first, ...");
            return true;
        }
        if (strcmp(arg, heads_order_text(i)) == 0) {
            s->look.order = i;
            return changed(panel);
        }
    }
    do {
        s->look.order = (s->look.order + by + HEADS_ORDERS) % HEADS_ORDERS;
    } while (s->look.order != HEADS_BY_LAYER && !heads_can_tell(panel->bench, s->look.order));
    return changed(panel);
}

/* The next pattern that any head has, then all again. */
static bool next_pattern(struct panel *panel)
{
    struct heads_state *s = panel->state;
    const struct heads_view *v = &panel->bench->heads;

    for (int next = s->look.pattern + 1; next < ATTUNE_PATTERN_COUNT; next++) {
        for (size_t i = 0; i < v->n; i++) {
            if (v->heads[i].pattern == (unsigned)next) {
                s->look.pattern = next;
                return changed(panel);
            }
        }
    }
    s->look.pattern = -1;
    return changed(panel);
}

static bool write_all(struct panel *panel, const char *arg, const struct heads_look *look)
{
    struct workbench *b = panel->bench;
    char path[512];
    struct attention_file file = {.path = path,
                                  .all = true,
                                  .scale = look->scale,
                                  .ramp = look->ramp,
                                  .window.kind = b->kind};

    if (!arg || !*arg) {
        bench_say(b, true, "write: name a file: .png .svg .pdf .csv .json .npy .safetensors");
    } else if (strlen(arg) >= sizeof path) {
        bench_say(b, true, "write: that name is too long");
    } else if (b->model) {
        strcpy(path, arg);
        bench_write_attention(b, &file);
    }
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct heads_state *s = panel->state;

    if (strcmp(name, "sort") == 0 || strcmp(name, "sort_back") == 0) {
        return set_order(panel, arg, name[4] ? -1 : 1);
    }
    if (strcmp(name, "pattern") == 0) {
        return next_pattern(panel);
    }
    if (strcmp(name, "larger") == 0 || strcmp(name, "smaller") == 0) {
        s->look.size += name[0] == 'l' ? 1 : -1;
        s->look.size = s->look.size < -4 ? -4 : s->look.size > 8 ? 8 : s->look.size;
        return changed(panel);
    }
    if (strcmp(name, "scale") == 0) {
        enum attention_scale named = arg && *arg ? scale_find(arg) : SCALE_COUNT;

        s->look.scale =
            named < SCALE_COUNT ? named : (enum attention_scale)((s->look.scale + 1) % SCALE_COUNT);
        return changed(panel);
    }
    if (strcmp(name, "ramp") == 0) {
        s->look.ramp = (s->look.ramp + 1) % RAMP_COUNT;
        return changed(panel);
    }
    if (strcmp(name, "write") == 0) {
        return write_all(panel, arg, &s->look);
    }
    return attention_turn(panel->bench, name, arg) || move(panel, view_move_of_action(name));
}

const struct panel_ops panel_heads = {
    .name = "heads",
    .title = "Heads",
    .help = "every head as a small map: by layer, or by what it does",
    .state_size = sizeof(struct heads_state),
    .open = open,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
