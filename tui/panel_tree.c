/* The look-ahead tree: what could follow, several tokens deep, with the probability of every path.
 *
 *   joint                     p
 *   0.3824  ####   ·girl       0.3824
 *   0.3511  ####   ├ ·named    0.9182
 *   0.0312  #      └ ·who      0.0817
 *
 * It grows while one looks at it and stops for anything else that is asked of the model. */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

enum { FIRST_BREADTH = 3, FIRST_DEPTH = 3, BAR = 10 };

struct tree_state {
    int breadth, depth; /* 0: the first ones */
    bool raw;
    size_t selected, top;
    int rows;
};

static struct tree_request wanted(const struct panel *panel)
{
    const struct tree_state *s = panel->state;
    const struct workbench *b = panel->bench;

    return (struct tree_request){.breadth = s->breadth ? s->breadth : FIRST_BREADTH,
                                 .depth = s->depth ? s->depth : FIRST_DEPTH,
                                 .raw = s->raw,
                                 .position = bench_looked_at(b),
                                 .applied = s->raw ? 0 : b->applied};
}

static bool same(const struct tree_request *a, const struct tree_request *b)
{
    return a->breadth == b->breadth && a->depth == b->depth && a->raw == b->raw &&
           a->position == b->position && a->applied == b->applied;
}

static bool is_current(const struct panel *panel)
{
    const struct workbench *b = panel->bench;
    struct tree_request want = wanted(panel);

    return b->tree.nodes && b->tree.revision == b->answered && same(&b->tree.request, &want);
}

static void ask(const struct panel *panel)
{
    struct workbench *b = panel->bench;
    struct tree_request want = wanted(panel);

    if ((!is_current(panel) || !b->tree.ended) && b->worker && b->evaluated &&
        b->state != BENCH_GENERATING && !bench_is_stale(b) && !bench_is_busy(b)) {
        bench_request_tree(b, &want);
    }
}

/* Does the node have a sibling further down? */
static bool has_next(const struct tree_view *t, size_t i)
{
    for (size_t k = i + 1; k < t->n && t->nodes[k].depth >= t->nodes[i].depth; k++) {
        if (t->nodes[k].depth == t->nodes[i].depth) {
            return true;
        }
    }
    return false;
}

/* The lines that join it to its parent; returns the column behind them. */
static int draw_guides(const struct tree_view *t, struct canvas *c, struct rect r, int y, int x,
                       size_t i)
{
    int depth = t->nodes[i].depth, above = t->nodes[i].parent;
    struct style s = style_of(c, ROLE_FRAME);

    for (int d = depth - 1; d >= 1; d--) { /* from the node's own line back to the first */
        bool more = d == depth - 1 ? has_next(t, i) : has_next(t, (size_t)above);
        const char *glyph = d == depth - 1 ? (more ? "\u251c" : "\u2514") : more ? "\u2502" : " ";

        canvas_text(c, r, y, x + 2 * (d - 1), glyph, strlen(glyph), s);
        if (d < depth - 1) {
            above = t->nodes[above].parent;
        }
    }
    return x + 2 * (depth - 1);
}

static void draw_node(const struct panel *panel, struct canvas *c, struct rect r, int y, size_t i)
{
    const struct tree_state *s = panel->state;
    const struct tree_view *t = &panel->bench->tree;
    const struct attune_lookahead_node *node = &t->nodes[i];
    struct style style = style_of(c, i == s->selected && panel->focused ? ROLE_SELECT : ROLE_TEXT);
    char number[VIEW_NUMBER], bytes[VIEW_BYTES];
    bool special, bar = r.cols >= 50;
    size_t len = view_id_bytes(panel->bench, node->id, bytes, &special);
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_VALUE), "%7s ", view_p(number, node->joint));

    if (bar) {
        canvas_bar(c, r, y, x, BAR, node->joint, style_of(c, ROLE_BAR_RAW));
        x += BAR + 1;
    }
    x = draw_guides(t, c, r, y, x, i);
    x += special ? canvas_text(c, r, y, x, bytes, len, style_of(c, ROLE_SPECIAL))
                 : view_token(c, r, y, x, bytes, len, style);
    x += canvas_print(c, r, y, x + 1, style_of(c, ROLE_DIM), "%s", view_p(number, node->p)) + 2;
    if (node->is_end) {
        view_clip(c, r, y, x, style_of(c, ROLE_DIM), "the end");
    }
}

/* The words of the path under the cursor, and how probable they are together. */
static void draw_path(const struct panel *panel, struct canvas *c, struct rect r, int y)
{
    const struct tree_state *s = panel->state;
    const struct tree_view *t = &panel->bench->tree;
    const struct attune_lookahead_node *node = &t->nodes[s->selected];
    int path[ATTUNE_LOOKAHEAD_DEPTH], n = 0,
                                      x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "path ");
    char bytes[VIEW_BYTES], text[VIEW_NUMBER];
    bool special;

    for (int at = (int)s->selected; at >= 0 && n < ATTUNE_LOOKAHEAD_DEPTH;
         at = t->nodes[at].parent) {
        path[n++] = at;
    }
    while (n > 0) {
        size_t len = view_id_bytes(panel->bench, t->nodes[path[--n]].id, bytes, &special);
        x += view_token(c, r, y, x, bytes, len, style_of(c, special ? ROLE_SPECIAL : ROLE_TEXT));
    }
    x++;
    x += view_pair(c, r, y, x, "joint", view_p(text, node->joint));
    snprintf(text, sizeof text, "%.2f bits", -log2(node->joint));
    x += view_pair(c, r, y, x, "or", text);
    if (!isnan(node->entropy_bits)) {
        snprintf(text, sizeof text, "%.2f bits", node->entropy_bits);
        view_pair(c, r, y, x, "then entropy", text);
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct tree_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const struct tree_view *t = &b->tree;
    int foot = inside.rows >= 4;

    if (!b->evaluated || !task_generates(b->task)) {
        view_sentence(
            c, inside, 0, style_of(c, ROLE_DIM),
            "What could follow, several tokens ahead: here as soon as a model that writes "
            "has read a prompt.");
        return;
    }
    ask(panel);
    if (!is_current(panel) || t->n == 0) {
        view_sentence(c, inside, 0, style_of(c, t->refusal[0] ? ROLE_WARN : ROLE_DIM), "%s",
                      is_current(panel) && t->refusal[0] ? t->refusal : "being computed");
        return;
    }
    s->selected = s->selected < t->n ? s->selected : t->n - 1;
    s->rows = inside.rows - 1 - foot;
    s->top = view_scroll(s->top, s->selected, t->n, s->rows);
    canvas_print(c, inside, 0, 0, style_of(c, ROLE_DIM), "  joint%s token p%s",
                 inside.cols >= 50 ? "           " : "", t->ended ? "" : "   \u2026 growing");
    for (int y = 0; y < s->rows && s->top + (size_t)y < t->n; y++) {
        draw_node(panel, c, inside, y + 1, s->top + (size_t)y);
    }
    if (foot) {
        draw_path(panel, c, inside, inside.rows - 1);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;
    struct tree_request want = wanted(panel);

    snprintf(out, capacity, "Tree \u00b7 breadth %d, depth %d%s", want.breadth, want.depth,
             want.raw ? ", before the knobs" : "");
    if (is_current(panel) && b->tree.n > 0) {
        size_t len = strlen(out);
        snprintf(out + len, capacity - len, " \u00b7 %zu nodes, %zu read", b->tree.n,
                 b->tree.evaluated);
    }
}

static bool key(struct panel *panel, const struct key *key)
{
    struct tree_state *s = panel->state;
    enum view_move move = view_move_of_key(key);

    if (move == VIEW_STAY || move == VIEW_LEFT || move == VIEW_RIGHT) {
        return false;
    }
    s->selected = view_moved(move, s->selected, panel->bench->tree.n, s->rows);
    panel->bench->frame++;
    return true;
}

static void turn(int *value, int first, int by, int most)
{
    int now = (*value ? *value : first) + by;

    *value = now < 1 ? 1 : now > most ? most : now;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct tree_state *s = panel->state;
    struct workbench *b = panel->bench;

    if (strcmp(name, "breadth") == 0) {
        turn(&s->breadth, FIRST_BREADTH, (int)view_long(arg, 1), ATTUNE_DIST_TOP);
    } else if (strcmp(name, "depth") == 0) {
        turn(&s->depth, FIRST_DEPTH, (int)view_long(arg, 1), ATTUNE_LOOKAHEAD_DEPTH);
    } else if (strcmp(name, "face") == 0) {
        s->raw = !s->raw;
    } else if (strcmp(name, "fork") == 0 && is_current(panel) && s->selected < b->tree.n) {
        size_t at = s->selected;
        while (b->tree.nodes[at].parent >= 0) {
            at = (size_t)b->tree.nodes[at].parent;
        }
        bench_fork(b, b->tree.nodes[at].id); /* the first token of the path */
    } else {
        return false;
    }
    b->frame++;
    return true;
}

const struct panel_ops panel_tree = {
    .name = "tree",
    .title = "Tree",
    .help = "what could follow, several tokens ahead, with the probability of every path",
    .state_size = sizeof(struct tree_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
