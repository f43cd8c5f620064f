/* What an ablation does to the next token: the distribution of the model as it is beside the
 * changed one. */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

enum { HEAD_ROWS = 4, MOST_ROWS = 64 };

/* The ids that either distribution holds most of, the greatest of both first. */
static size_t find_rows(const struct workbench *b, attune_token out[MOST_ROWS], size_t most)
{
    const struct attune_dist *is = &b->trace.raw;
    double key[MOST_ROWS];
    size_t n = 0;

    most = most < MOST_ROWS ? most : MOST_ROWS;
    for (size_t id = 0; id < b->trace.n_vocab && most > 0; id++) {
        double p = fmax(attune_dist_p(&b->was, b->before[id]), attune_dist_p(is, b->logits[id]));
        size_t at = n;

        if (n == most && p <= key[n - 1]) {
            continue;
        }
        n += n < most;
        for (at = n - 1; at > 0 && key[at - 1] < p; at--) {
            key[at] = key[at - 1];
            out[at] = out[at - 1];
        }
        key[at] = p;
        out[at] = (attune_token)id;
    }
    return n;
}

static void draw_row(const struct workbench *b, struct canvas *c, struct rect r, int y,
                     attune_token id, double most)
{
    double was = attune_dist_p(&b->was, b->before[id]),
           is = attune_dist_p(&b->trace.raw, b->logits[id]);
    int token = r.cols >= 50 ? 14 : 9, bar = (r.cols - token - 24) / 2, x = token + 1;
    char bytes[VIEW_BYTES], number[VIEW_NUMBER];
    bool special;
    size_t len = view_id_bytes(b, id, bytes, &special);

    view_token(c, view_cell(r, y, 0, token), 0, 0, bytes, len,
               style_of(c, special ? ROLE_SPECIAL : ROLE_TEXT));
    canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "%s", view_p(number, was));
    x += 7;
    if (bar > 1) {
        canvas_bar(c, r, y, x, bar, was / most, style_of(c, ROLE_BAR_RAW));
        x += bar + 1;
    }
    canvas_print(c, r, y, x, style_of(c, ROLE_VALUE), "%s", view_p(number, is));
    x += 7;
    if (bar > 1) {
        canvas_bar(c, r, y, x, bar, is / most, style_of(c, ROLE_BAR_FINAL));
        x += bar + 1;
    }
    canvas_print(c, r, y, x, style_of(c, is > was ? ROLE_GOOD : ROLE_WARN), "%+.3f", is - was);
}

static void draw_table(const struct workbench *b, struct canvas *c, struct rect r)
{
    attune_token ids[MOST_ROWS];
    size_t n = r.rows > 0 ? find_rows(b, ids, (size_t)r.rows) : 0;
    double most = 0;

    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fmax(attune_dist_p(&b->was, b->before[ids[i]]),
                               attune_dist_p(&b->trace.raw, b->logits[ids[i]])));
    }
    for (size_t i = 0; i < n; i++) {
        draw_row(b, c, r, (int)i, ids[i], most > 0 ? most : 1);
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    const struct workbench *b = panel->bench;
    const char *set = attune_chain_ablation(b->chain);
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    int token = inside.cols >= 50 ? 14 : 9, x;

    if (!*set) {
        view_sentence(c, inside, 0, dim,
                      "Nothing is ablated. d on a head (screens attention and heads) silences it, "
                      "puts it at its mean, lets it speak again; D does so with the layer; "
                      ":ablate 2.1,3.*:mean,4.mlp takes any set, :ablate alone ends it.");
        return;
    }
    x = canvas_print(c, inside, 0, 0, dim, "ablated ");
    view_clip(c, inside, 0, x, style_of(c, ROLE_WARN), set);
    if (!b->before || !b->evaluated) {
        view_sentence(c, view_rows(inside, 1, inside.rows - 1), 0, dim,
                      b->state == BENCH_EVALUATING
                          ? "It is being computed."
                          : "The model as it is was not computed for this place.");
        return;
    }
    x = canvas_print(c, inside, 1, 0, dim, "KL ");
    x += canvas_print(c, inside, 1, x, value, "%.4f", b->shift.kl_bits);
    x += canvas_print(c, inside, 1, x, dim, " bits, JS ");
    x += canvas_print(c, inside, 1, x, value, "%.4f", b->shift.js_bits);
    x += canvas_print(c, inside, 1, x, dim, ", moved ");
    x += canvas_print(c, inside, 1, x, value, "%.1f %%", 100 * b->shift.moved);
    view_clip(c, inside, 2, 0, style_of(c, b->shift.same_top ? ROLE_DIM : ROLE_WARN),
              b->shift.same_top ? "the likeliest token is still the same"
                                : "another token is the likeliest now");
    canvas_print(c, inside, 3, token + 1, dim, "was");
    canvas_print(c, inside, 3,
                 token + 8 +
                     ((inside.cols - token - 24) / 2 > 1 ? (inside.cols - token - 24) / 2 + 1 : 0),
                 dim, "is");
    draw_table(b, c, view_rows(inside, HEAD_ROWS, inside.rows - HEAD_ROWS));
}

const struct panel_ops panel_ablation = {
    .name = "ablation",
    .title = "Ablation",
    .help = "what silent heads and layers do to the next token: before and after",
    .draw = draw,
};
