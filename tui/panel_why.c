/* Why the head under the cursor looks where it looks, dimension by dimension, and what every head
 * adds to the logit of the token that follows. */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_turn.h"
#include "attention_view.h"
#include "view.h"

enum { HEAD_ROWS = 3 };

struct why_state {
    struct why_ask asked;
    uint64_t asked_for; /* answered revision */
    size_t asked_tokens;
    bool has_asked;
};

struct part { /* of a sum, to be listed by size */
    size_t at;
    double x;
};

static bool is_ready(const struct workbench *b)
{
    return b->model && b->read && b->refusal[0] == '\0' && attention_tokens(b) > 0;
}

/* Whose logit: the token that was taken, else the likeliest. */
static attune_token token_of(const struct workbench *b)
{
    if (b->shown_step >= 0 && (size_t)b->shown_step < b->n_steps) {
        return b->steps[b->shown_step].id;
    }
    return b->evaluated && b->trace.raw.n_top > 0 ? b->trace.raw.top[0].id : 0;
}

static bool same_ask(const struct why_ask *a, const struct why_ask *b)
{
    return a->kind == b->kind && a->layer == b->layer && a->head == b->head && a->q == b->q &&
           a->k == b->k && a->token == b->token;
}

static void ask(struct panel *panel)
{
    struct why_state *s = panel->state;
    struct workbench *b = panel->bench;
    size_t n_keys = bench_side(b, b->kind, false).n;
    struct why_ask now = {.kind = b->kind,
                          .layer = b->layer,
                          .head = b->head,
                          .q = attention_row(b, b->kind),
                          .k = b->key_cursor < n_keys ? b->key_cursor
                               : n_keys               ? n_keys - 1
                                                      : 0,
                          .token = token_of(b)};

    if (!b->worker || b->state == BENCH_GENERATING || bench_is_stale(b) ||
        (s->has_asked && s->asked_for == b->answered && s->asked_tokens == attention_tokens(b) &&
         same_ask(&s->asked, &now))) {
        return;
    }
    s->has_asked = true;
    s->asked = now;
    s->asked_for = b->answered;
    s->asked_tokens = attention_tokens(b);
    bench_request_why(b, &now);
}

static int by_size(const void *a, const void *b)
{
    const struct part *p = a, *q = b;
    double x = fabs(p->x), y = fabs(q->x);

    return x > y ? -1 : x < y ? 1 : (p->at > q->at) - (p->at < q->at);
}

/* "dim 12   +1.2345 ####" a row, the largest first, with what is left on the last. */
static void draw_parts(struct canvas *c, struct rect r, struct part *parts, size_t n,
                       const struct why_view *view, bool heads)
{
    double most = n > 0 ? fabs(parts[0].x) : 1, rest = 0;

    for (size_t i = 0; i < n; i++) {
        bool last = (int)i == r.rows - 1 && i + 1 < n;
        int x;

        if ((int)i >= r.rows || last) {
            for (size_t k = i; k < n; k++) {
                rest += parts[k].x;
            }
            canvas_print(c, r, r.rows - 1, 0, style_of(c, ROLE_DIM), "%zu more: %+.3f", n - i,
                         rest);
            return;
        }
        if (heads) {
            bool cross = parts[i].at >= view->n_self;
            size_t at = parts[i].at % (view->n_self ? view->n_self : 1);

            x = canvas_print(c, r, (int)i, 0, style_of(c, ROLE_DIM), "%sL%zuH%zu",
                             cross ? "cross " : "", at / (size_t)view->n_heads,
                             at % (size_t)view->n_heads);
        } else {
            x = canvas_print(c, r, (int)i, 0, style_of(c, ROLE_DIM), "dim %zu", parts[i].at);
        }
        x = x < 11 ? 11 : x + 1;
        canvas_print(c, r, (int)i, x, style_of(c, parts[i].x < 0 ? ROLE_WARN : ROLE_VALUE),
                     "%+9.3f", parts[i].x);
        if (r.cols > x + 12) {
            canvas_bar(c, r, (int)i, x + 10, r.cols - x - 10,
                       most > 0 ? fabs(parts[i].x) / most : 0,
                       style_of(c, parts[i].x < 0 ? ROLE_BAR_RAW : ROLE_BAR_FINAL));
        }
    }
}

static void draw_pair(const struct workbench *b, const struct why_view *view, struct canvas *c,
                      struct rect r)
{
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    struct part *parts = malloc((view->n + 1) * sizeof *parts);
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = attention_bytes(b, view->ask.kind, true, view->ask.q, bytes, &special);
    int x = canvas_print(c, r, 0, 0, dim, "L%dH%d ", view->ask.layer, view->ask.head);

    x += view_token(c, r, 0, x, bytes, len, style_of(c, ROLE_SELECT));
    x += canvas_print(c, r, 0, x, dim, " at ");
    len = attention_bytes(b, view->ask.kind, false, view->ask.k, bytes, &special);
    x += view_token(c, r, 0, x, bytes, len, style_of(c, ROLE_SELECT));
    if (view->n == 0) {
        view_sentence(c, view_rows(r, 1, r.rows - 1), 0, dim, "%s", view->no_pair);
        free(parts);
        return;
    }
    x += canvas_print(c, r, 0, x, dim, ": weight ");
    canvas_print(c, r, 0, x, value, "%.4f", view->pair.weight);
    x = canvas_print(c, r, 1, 0, dim, "score ");
    x += canvas_print(c, r, 1, x, value, "%.3f", view->pair.score);
    x += canvas_print(c, r, 1, x, dim, " = q k %.3f + position %.3f", view->pair.products,
                      view->pair.added);
    x = canvas_print(c, r, 2, 0, dim, "||O v|| ");
    x += canvas_print(c, r, 2, x, value, "%.3f", view->pair.value_norm);
    canvas_print(c, r, 2, x, dim, ", times the weight %.4f",
                 view->pair.value_norm * view->pair.weight);
    for (size_t i = 0; parts && i < view->n; i++) {
        parts[i] = (struct part){i, (double)view->products[i]};
    }
    if (parts) {
        qsort(parts, view->n, sizeof *parts, by_size);
        draw_parts(c, view_rows(r, HEAD_ROWS, r.rows - HEAD_ROWS), parts, view->n, view, false);
    }
    free(parts);
}

static void draw_logit(const struct workbench *b, const struct why_view *view, struct canvas *c,
                       struct rect r)
{
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    struct part *parts = malloc((view->n_parts + 1) * sizeof *parts);
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_id_bytes(b, view->ask.token, bytes, &special);
    int x = canvas_print(c, r, 0, 0, dim, "logit of ");

    x += view_token(c, r, 0, x, bytes, len, style_of(c, ROLE_SELECT));
    if (view->n_parts == 0) {
        view_sentence(c, view_rows(r, 1, r.rows - 1), 0, dim, "%s", view->no_parts);
        free(parts);
        return;
    }
    x += canvas_print(c, r, 0, x, dim, ": ");
    canvas_print(c, r, 0, x, value, "%.3f", view->total.logit);
    x = canvas_print(c, r, 1, 0, dim, "heads ");
    x += canvas_print(c, r, 1, x, value, "%+.3f", view->total.heads);
    canvas_print(c, r, 1, x, dim, ", biases %+.3f, rest %+.3f", view->total.biases,
                 view->total.rest);
    view_clip(c, r, 2, 0, dim, "straight to it, the last norm held");
    for (size_t i = 0; parts && i < view->n_parts; i++) {
        parts[i] = (struct part){i, view->parts[i]};
    }
    if (parts) {
        qsort(parts, view->n_parts, sizeof *parts, by_size);
        draw_parts(c, view_rows(r, HEAD_ROWS, r.rows - HEAD_ROWS), parts, view->n_parts, view,
                   true);
    }
    free(parts);
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct workbench *b = panel->bench;
    const struct why_view *view = &b->why;
    int upper = inside.rows / 2;

    if (!is_ready(b)) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      "Why a head looks where it looks appears here once the prompt is evaluated.");
        return;
    }
    attention_keep_in_range(b);
    ask(panel);
    if (!view->products || view->ask.q >= bench_side(b, view->ask.kind, true).n ||
        view->ask.k >= bench_side(b, view->ask.kind, false).n) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM), "It is being computed.");
        return;
    }
    draw_pair(b, view, c, view_rows(inside, 0, upper > 0 ? upper - 1 : 0));
    draw_logit(b, view, c, view_rows(inside, upper, inside.rows - upper));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    return attention_turn(panel->bench, name, arg);
}

const struct panel_ops panel_why = {
    .name = "why",
    .title = "Why",
    .help = "the products behind a weight, and what every head adds to the next token's logit",
    .state_size = sizeof(struct why_state),
    .draw = draw,
    .action = action,
};
