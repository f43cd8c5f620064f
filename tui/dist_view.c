/* A row of a candidate carries two bars in one line of cells: the upper half is the softmax of the
 * untouched logits, the lower half what the chain made of it.
 *
 *      1 ·the        ████████▀▀▀▀▀▀     0.3112   0.2051
 *      2 ·a          ████▄▄▄▄▄▄         0.1224   0.2051
 *      3 ·movie      ▀▀▀                0.0610    top-k
 *
 * Where there is no colour the shape of the half block tells which is which; in ASCII: ' raw, .
 * final, : both. */
#include <config.h>

#include "dist_view.h"

#include <attune/rng.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NARROW_COLUMNS = 56, WIDE_COLUMNS = 76, BYTES_COLUMNS = 104, MOST_BAR = 48 };

struct columns { /* where things stand in a row, decided once a draw */
    int rank_columns, token, token_columns, bar, bar_columns;
    int raw_end, final_end, more;
    double scale; /* probability that fills the bar */
};

static double raw_p(const struct workbench *b, attune_token id)
{
    return attune_dist_p(&b->trace.raw, b->logits[id]);
}

/* A round number that the likeliest candidate still fits under, so that bars use their room. */
static double bar_scale(const struct dist_view *v)
{
    static const double steps[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5};
    double most = v->n > 0 ? raw_p(v->bench, v->order[0]) : 1;

    if (v->bench->trace.n_kept > 0 && v->bench->trace.p[v->bench->trace.kept[0]] > most) {
        most = v->bench->trace.p[v->bench->trace.kept[0]];
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (most <= steps[i]) {
            return steps[i];
        }
    }
    return 1;
}

static struct columns divide(const struct dist_view *v, int cols, int rows)
{
    struct columns k = {.rank_columns = 3, .scale = bar_scale(v)};
    int p_columns = cols < NARROW_COLUMNS ? 7 : 9;

    for (size_t last = v->top + (size_t)(rows > 0 ? rows : 0); last >= 1000; last /= 10) {
        k.rank_columns++;
    }
    k.token = k.rank_columns + 2;
    k.token_columns = cols < 36               ? cols / 4
                      : cols < NARROW_COLUMNS ? 9
                      : cols < WIDE_COLUMNS   ? 13
                                              : 16;
    k.more = cols >= BYTES_COLUMNS ? cols - 44 : cols >= WIDE_COLUMNS ? cols - 25 : cols;
    k.final_end = k.more;
    k.raw_end = k.final_end - p_columns;
    k.bar = k.token + k.token_columns + 1;
    k.bar_columns = k.raw_end - p_columns - k.bar + (cols < NARROW_COLUMNS ? 0 : 1);
    if (k.bar_columns > MOST_BAR) {
        k.bar_columns = MOST_BAR;
    }
    return k;
}

void dist_view_bars(struct canvas *c, struct rect r, int y, int x, int columns, double upper,
                    double lower)
{
    struct style only_raw = style_of(c, ROLE_BAR_RAW), only_final = style_of(c, ROLE_BAR_FINAL);
    struct style both = {.fg = only_raw.fg, .bg = only_final.fg, .attrs = only_raw.attrs};
    bool mono = c->tier == TIER_MONO;
    int n_raw = (int)(upper * columns + 0.5), n_final = (int)(lower * columns + 0.5);

    for (int i = 0; i < columns && (i < n_raw || i < n_final); i++) {
        const char *glyph;
        struct style s;
        if (i < n_raw && i < n_final) {
            glyph = c->ascii ? ":" : mono ? "\u2588" : "\u2580";
            s = mono || c->ascii ? only_raw : both;
        } else if (i < n_raw) {
            glyph = c->ascii ? "'" : "\u2580";
            s = only_raw;
        } else {
            glyph = c->ascii ? "." : "\u2584";
            s = only_final;
        }
        canvas_text(c, r, y, x + i, glyph, strlen(glyph), s);
    }
}

/* The name of the stage that took a token out, as the person who turned it knows it. */
static const char *remover(char out[VIEW_NUMBER], const struct workbench *b, attune_token id)
{
    uint8_t by = b->trace.removed_by[id];

    if (by == ATTUNE_IMPOSSIBLE || by > b->trace.n_stages) {
        return strcpy(out, "-inf");
    }
    if (strcmp(b->trace.stage[by - 1].stage, "bias") == 0) {
        return strcpy(out, "banned");
    }
    if (strcmp(b->trace.stage[by - 1].stage, "temperature") == 0) {
        return strcpy(out, "greedy");
    }
    return view_dashed(out, b->trace.stage[by - 1].stage);
}

static void put_right(struct canvas *c, struct rect r, int y, int end, const char *text,
                      struct style s)
{
    int columns = text_columns(text, strlen(text));

    canvas_text(c, r, y, end - columns, text, strlen(text), s);
}

static void draw_candidate(const struct dist_view *v, struct canvas *c, struct rect r, int y,
                           size_t rank, const struct columns *k, attune_token drawn)
{
    const struct workbench *b = v->bench;
    attune_token id = v->order[rank];
    bool kept = b->trace.removed_by[id] == ATTUNE_KEPT, special;
    double raw = raw_p(b, id), final = kept ? b->trace.p[id] : 0;
    struct style text = style_of(c, kept ? ROLE_TEXT : ROLE_REMOVED), name = text;
    struct rect cell = {r.y + y, r.x + k->token, 1, k->token_columns};
    char bytes[VIEW_BYTES], number[VIEW_NUMBER];
    size_t len = view_id_bytes(b, id, bytes, &special);

    if (y < 0 || y >= r.rows) {
        return;
    }
    if (rank == v->selected && v->focused) {
        name = style_of(c, ROLE_SELECT);
    } else if (special) {
        name = style_of(c, ROLE_SPECIAL);
    }
    if (id == drawn) {
        canvas_text(c, r, y, 0, "\u25b8", 3, style_of(c, ROLE_ACCENT));
    }
    snprintf(number, sizeof number, "%zu", rank + 1);
    put_right(c, r, y, 1 + k->rank_columns, number, style_of(c, ROLE_DIM));
    cell.cols = cell.cols < r.cols - k->token ? cell.cols : r.cols - k->token;
    if (special) {
        canvas_text(c, cell, 0, 0, bytes, len, name);
    } else {
        view_token(c, cell, 0, 0, bytes, len, name);
    }
    dist_view_bars(c, r, y, k->bar, k->bar_columns, raw / k->scale, final / k->scale);
    put_right(c, r, y, k->raw_end, view_p(number, raw), text);
    if (kept) {
        put_right(c, r, y, k->final_end, view_p(number, final), style_of(c, ROLE_VALUE));
    } else {
        char cut[VIEW_NUMBER];
        snprintf(cut, sizeof cut, "%.6s", remover(number, b, id));
        put_right(c, r, y, k->final_end, cut, text);
    }
    if (k->more < r.cols) {
        canvas_print(c, r, y, k->more, style_of(c, ROLE_DIM), "  %7d %7.2f %7.4f", (int)id,
                     attune_dist_logp(&b->trace.raw, b->logits[id]), v->sums[rank]);
    }
    if (r.cols >= BYTES_COLUMNS && !special) {
        canvas_print(c, r, y, r.cols - 17, style_of(c, ROLE_DIM), "%s",
                     view_hex(number, 18, bytes, len));
    }
}

static void draw_column_heads(const struct dist_view *v, struct canvas *c, struct rect r, int y,
                              const struct columns *k)
{
    struct style s = style_of(c, ROLE_DIM);
    struct rect bar = {r.y + y, r.x + k->bar, y >= 0 && y < r.rows, k->bar_columns};

    put_right(c, r, y, 1 + k->rank_columns, k->rank_columns < 4 ? "#" : "rank", s);
    canvas_print(c, r, y, k->token, s, "token");
    if (k->bar_columns >= 6) {
        int x = canvas_text(c, bar, 0, 0, c->ascii ? "'" : "\u2580", c->ascii ? 1 : 3,
                            style_of(c, ROLE_BAR_RAW));
        x += canvas_print(c, bar, 0, x, s, "raw ");
        if (k->bar_columns >= 12) {
            x += canvas_text(c, bar, 0, x, c->ascii ? "." : "\u2584", c->ascii ? 1 : 3,
                             style_of(c, ROLE_BAR_FINAL));
            x += canvas_print(c, bar, 0, x, s, "final");
        }
        if (k->bar_columns >= 24) {
            char full[VIEW_NUMBER];
            snprintf(full, sizeof full, "full = %g", k->scale);
            put_right(c, bar, 0, k->bar_columns - 1, full, s);
        }
    }
    put_right(c, r, y, k->raw_end, "raw", s);
    put_right(c, r, y, k->final_end, "final", s);
    if (k->more < r.cols) {
        canvas_print(c, r, y, k->more, s, "  %7s %7s %7s", "id", "log p", "sum");
    }
    if (r.cols >= BYTES_COLUMNS) {
        canvas_print(c, r, y, r.cols - 17, s, "bytes");
    }
}

/* The number that decides, and where it falls under the knobs as they stand. */
static uint64_t step_index(const struct workbench *b)
{
    return b->shown_step >= 0 ? b->steps[b->shown_step].index : 0;
}

static double drawn_number(const struct workbench *b)
{
    return b->shown_step >= 0 ? b->steps[b->shown_step].draw.u : attune_rng_uniform(b->seed, 0);
}

/* Is it the distribution of a token that stands there, read and not drawn? */
static bool is_seen(const struct workbench *b)
{
    return bench_has_places(b) || (b->shown_step < 0 && b->shown_prompt > 0);
}

static attune_token place_token(const struct workbench *b)
{
    return b->shown_prompt > 0            ? bench_token_at(b, b->shown_prompt)
           : b->shown_place < b->tokens.n ? b->tokens.ids[b->shown_place]
                                          : ATTUNE_TOKEN_NONE;
}

static void draw_summary(const struct dist_view *v, struct canvas *c, struct rect r, int y)
{
    const struct workbench *b = v->bench;
    char kept[VIEW_NUMBER], all[VIEW_NUMBER];
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    bool narrow = r.cols < NARROW_COLUMNS;
    int x = canvas_print(c, r, y, 0, dim, narrow ? "bits " : "entropy ");

    x += canvas_print(c, r, y, x, value, "%.2f", attune_bits(b->trace.raw.entropy));
    if (fabs(b->trace.entropy_bits - attune_bits(b->trace.raw.entropy)) >= 0.005) {
        x += canvas_print(c, r, y, x, value, "\u2192%.2f", b->trace.entropy_bits);
    }
    x += canvas_print(c, r, y, x, dim, narrow ? " kept " : " bits \u00b7 kept ");
    x += canvas_print(c, r, y, x, value, "%s", view_count(kept, b->trace.n_kept));
    x += canvas_print(c, r, y, x, dim, "/%s", view_count(all, b->trace.n_vocab));
    x += canvas_print(c, r, y, x, dim, narrow ? " " : " \u00b7 mass ");
    x += canvas_print(c, r, y, x, value, "%.1f%%", 100 * b->trace.kept_mass);
    if (b->trace.rescued) {
        canvas_print(c, r, y, x, style_of(c, ROLE_WARN), " all were removed: likeliest put back");
    }
}

static void draw_seed(const struct dist_view *v, struct canvas *c, struct rect r, int y,
                      const struct attune_draw *draw)
{
    const struct workbench *b = v->bench;
    struct style dim = style_of(c, ROLE_DIM), value = style_of(c, ROLE_VALUE);
    char bytes[VIEW_BYTES], text[VIEW_NUMBER];
    bool special;
    size_t len = view_id_bytes(b, draw->id, bytes, &special);
    int x;

    if (isnan(draw->u)) {
        x = canvas_print(c, r, y, 0, dim, "put in by hand: ");
    } else {
        x = canvas_print(c, r, y, 0, dim, "u ");
        x += canvas_print(c, r, y, x, value, "%.4f", draw->u);
        x += canvas_print(c, r, y, x, dim, " draws ");
    }
    x += special ? canvas_text(c, r, y, x, bytes, len, style_of(c, ROLE_SPECIAL))
                 : view_token(c, r, y, x, bytes, len, style_of(c, ROLE_ACCENT));
    x++;
    snprintf(text, sizeof text, "%llu", (unsigned long long)step_index(b));
    x += view_pair(c, r, y, x, "step", text);
    snprintf(text, sizeof text, "%llu",
             (unsigned long long)(b->replayed ? b->record.seed : b->seed));
    x += view_pair(c, r, y, x, "seed", text);
    if (b->shown_step < 0 && !b->seed_is_fixed && r.cols >= x + 27) {
        canvas_print(c, r, y, x, dim, "(each run takes a new one)");
    }
}

/* Where a token stands already nothing is drawn: it is what counts. */
static void draw_place(const struct dist_view *v, struct canvas *c, struct rect r, int y)
{
    const struct workbench *b = v->bench;
    attune_token id = place_token(b);
    char bytes[VIEW_BYTES], text[VIEW_NUMBER];
    bool special, mask = task_is_mask(b->model, id);
    size_t len = view_id_bytes(b, id, bytes, &special);
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "token %zu ",
                         (b->shown_prompt ? b->shown_prompt : b->shown_place) + 1);

    x += special ? canvas_text(c, r, y, x, bytes, len, style_of(c, ROLE_SPECIAL))
                 : view_token(c, r, y, x, bytes, len, style_of(c, ROLE_ACCENT));
    x++;
    if (mask) {
        view_clip(c, r, y, x, style_of(c, ROLE_DIM), "what would stand there?");
        return;
    }
    if (id < 0 || (size_t)id >= b->trace.n_vocab) {
        return;
    }
    x += view_pair(c, r, y, x, "p", view_p(text, raw_p(b, id)));
    if (b->shown_prompt || r.cols >= NARROW_COLUMNS) {
        snprintf(text, sizeof text, "%zu", attune_dist_rank(b->logits, b->trace.n_vocab, id) + 1);
        x += view_pair(c, r, y, x, "rank", text);
    }
    view_clip(c, r, y, x, style_of(c, ROLE_DIM),
              b->shown_prompt ? "Enter forks here" : "seen, not masked");
}

/* The kept candidates side by side, as wide as they are likely, and u among them. */
static void draw_cumulative(const struct dist_view *v, struct canvas *c, struct rect r, int y,
                            double u)
{
    const struct attune_trace *t = &v->bench->trace;
    double low = 0;
    int at = isnan(u) ? -1 : (int)(u * r.cols);

    view_rule(c, r, y, 0, r.cols, style_of(c, ROLE_FRAME));
    for (size_t i = 0; i < t->n_kept; i++) {
        double high = low + (double)t->p[t->kept[i]];
        int from = (int)(low * r.cols + 0.5), to = (int)(high * r.cols + 0.5);
        struct style s = style_of(c, i % 2 ? ROLE_TOKEN_ODD : ROLE_TOKEN_EVEN);
        struct rect cell = {r.y + y, r.x + from, 1, to - from};
        char bytes[VIEW_BYTES];
        bool special;
        low = high;
        if (to <= from || y >= r.rows) {
            continue;
        }
        canvas_fill(c, cell, ' ', s);
        view_token(c, cell, 0, 0, bytes, view_id_bytes(v->bench, t->kept[i], bytes, &special), s);
        if (c->tier == TIER_MONO && to < r.cols) {
            canvas_text(c, r, y, to - 1, "\u2502", 3, s);
        }
    }
    if (!is_seen(v->bench) && at >= 0) {
        canvas_text(c, r, y, at, "\u25bc", 3, style_of(c, ROLE_ACCENT));
    }
}

static size_t active_stages(const struct attune_trace *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_stages; i++) {
        n += t->stage[i].active;
    }
    return n;
}

static void draw_stage(struct canvas *c, struct rect r, int y, const char *stage, size_t survivors,
                       double mass, double bits, bool result)
{
    struct style s = style_of(c, result ? ROLE_VALUE : ROLE_TEXT);
    char name[VIEW_NUMBER], n[VIEW_NUMBER];
    int x = canvas_print(c, r, y, 0, s, "%-12s%9s %7.2f%%", view_dashed(name, stage),
                         view_count(n, survivors), 100 * mass);

    if (r.cols >= x + 8) {
        x += canvas_print(c, r, y, x, s, " %6.2f", bits);
    }
    if (r.cols >= x + 14) {
        canvas_bar(c, r, y, x + 2, r.cols - x - 3 < 40 ? r.cols - x - 3 : 40, mass,
                   style_of(c, ROLE_BAR_RAW));
    }
}

static void draw_waterfall(const struct dist_view *v, struct canvas *c, struct rect r, int y)
{
    const struct attune_trace *t = &v->bench->trace;
    size_t left = active_stages(t);

    canvas_print(c, r, y++, 0, style_of(c, ROLE_DIM), "%-12s%9s %8s %6s",
                 left ? "after stage" : "no stage is on", "tokens", "mass",
                 r.cols >= 38 ? "bits" : "");
    draw_stage(c, r, y++, "logits", t->n_vocab, 1, attune_bits(t->raw.entropy), left == 0);
    for (size_t i = 0; i < t->n_stages; i++) {
        if (t->stage[i].active) {
            left--;
            draw_stage(c, r, y++, t->stage[i].stage, t->stage[i].survivors, t->stage[i].mass,
                       t->stage[i].entropy_bits, left == 0);
        }
    }
}

static void draw_selected(const struct dist_view *v, struct canvas *c, struct rect r, int y)
{
    const struct workbench *b = v->bench;
    attune_token id = v->order[v->selected];
    char bytes[VIEW_BYTES], text[VIEW_BYTES];
    bool special;
    size_t len = view_id_bytes(b, id, bytes, &special);
    int x = view_token(c, r, y, 0, bytes, len, style_of(c, ROLE_SELECT)) + 1;

    snprintf(text, sizeof text, "%d", (int)id);
    x += view_pair(c, r, y, x, "id", text);
    if (!special) {
        x += view_pair(c, r, y, x, "bytes", view_hex(text, 40, bytes, len));
    }
    snprintf(text, sizeof text, "%.3f", (double)b->logits[id]);
    x += view_pair(c, r, y, x, "logit", text);
    snprintf(text, sizeof text, "%.2f bits",
             -attune_bits(attune_dist_logp(&b->trace.raw, b->logits[id])));
    x += view_pair(c, r, y, x, "surprisal", text);
    snprintf(text, sizeof text, "%.4f", v->sums[v->selected]);
    view_pair(c, r, y, x, "sum", text);
}

/* How many candidates hold a share of the mass: the sums stand in order. */
static size_t nucleus(const struct dist_view *v, double share)
{
    size_t low = 0, high = v->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (v->sums[middle] < share) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < v->n ? low + 1 : v->n;
}

/* What the entropy means in candidates, and how long the tail is. */
static void draw_spread(const struct dist_view *v, struct canvas *c, struct rect r, int y)
{
    static const double shares[] = {0.5, 0.9, 0.99};
    char text[VIEW_NUMBER], name[VIEW_NUMBER];
    int x;

    snprintf(text, sizeof text, "%.2f", exp(v->bench->trace.raw.entropy));
    x = view_pair(c, r, y, 0, "perplexity", text);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        snprintf(name, sizeof name, "%s%g:", i ? "" : "nucleus ", shares[i]);
        x += view_pair(c, r, y, x, name, view_count(text, nucleus(v, shares[i])));
    }
    for (size_t k = 10; k <= 100 && k < v->n; k *= 10) {
        double tail = 1 - v->sums[k - 1];

        snprintf(name, sizeof name, "%s%zu:", k == 10 ? "tail behind " : "", k);
        x += view_pair(c, r, y, x, name, view_p(text, tail > 0 ? tail : 0));
    }
}

/* What the knobs as they stand would draw; what stands there where that is known. */
static void find_draw(struct attune_draw *out, const struct workbench *b)
{
    double u = drawn_number(b);

    if (is_seen(b)) {
        *out = (struct attune_draw){.id = place_token(b), .u = NAN};
    } else if (isnan(u)) {
        *out = b->steps[b->shown_step].draw;
    } else {
        attune_trace_draw(out, &b->trace, u);
    }
}

/* Rows above the candidates: summary, seed, cumulative bar, column heads, as many as there is room
 * for. */
int dist_view_head_rows(const struct dist_view *v, struct rect inside)
{
    return inside.rows >= 9   ? 4
           : inside.rows >= 6 ? 3
           : inside.rows >= 4 ? 2
           : inside.rows >= 3 ? 1
                              : 0;
}

void dist_view_draw(struct dist_view *v, struct canvas *c, struct rect inside)
{
    struct columns k;
    struct attune_draw draw;
    int head = dist_view_head_rows(v, inside), y = 0, detail = inside.rows >= 7;
    int fall = (int)active_stages(&v->bench->trace) + 2, spread = inside.rows >= 14;
    struct rect list;

    if (v->no_waterfall || inside.rows < head + detail + spread + fall + 5) {
        fall = 0;
    }
    list = view_rows(inside, head, inside.rows - head - detail - spread - fall);
    v->rows = list.rows;
    v->top = view_scroll(v->top, v->selected, v->n, list.rows);
    k = divide(v, inside.cols, list.rows);
    find_draw(&draw, v->bench);
    if (head >= 1) {
        draw_summary(v, c, inside, y++);
    }
    if (head >= 3 && is_seen(v->bench)) {
        draw_place(v, c, inside, y++);
    } else if (head >= 3) {
        draw_seed(v, c, inside, y++, &draw);
    }
    if (head >= 4) {
        draw_cumulative(v, c, inside, y++, draw.u);
    }
    if (head >= 2) {
        draw_column_heads(v, c, inside, y++, &k);
    }
    for (int i = 0; i < list.rows && v->top + (size_t)i < v->n; i++) {
        draw_candidate(v, c, list, i, v->top + (size_t)i, &k, draw.id);
    }
    if (fall) {
        draw_waterfall(v, c, inside, head + list.rows);
    }
    if (spread) {
        draw_spread(v, c, inside, inside.rows - 2);
    }
    if (detail) {
        draw_selected(v, c, inside, inside.rows - 1);
    }
}

void dist_view_record(const struct workbench *b, struct canvas *c, struct rect inside)
{
    const struct attune_step *step = &b->steps[b->shown_step];
    char bytes[VIEW_BYTES], p[VIEW_NUMBER];
    bool special;
    size_t len;
    int y = view_sentence(
        c, inside, 0, style_of(c, ROLE_DIM),
        "From the record of step %llu: entropy %.2f bits, kept %u with %.1f%% of the mass, "
        "u %.4f.",
        (unsigned long long)step->index, step->entropy_bits, step->n_kept, 100 * step->kept_mass,
        step->draw.u);

    for (int i = 0; i < step->n_top; i++, y++) {
        attune_token id = step->top[i].id;
        int x = canvas_print(c, inside, y, 0, style_of(c, ROLE_ACCENT), "%s",
                             id == step->id ? "\u25b8" : " ");
        x += canvas_print(c, inside, y, x, style_of(c, ROLE_DIM), "%3d ", i + 1);
        canvas_print(c, inside, y, x, style_of(c, ROLE_TEXT), "%s ", view_p(p, step->top[i].p));
        len = view_id_bytes(b, id, bytes, &special);
        view_token(c, inside, y, x + 8, bytes, len,
                   style_of(c, special ? ROLE_SPECIAL : ROLE_TEXT));
    }
    view_sentence(c, inside, y, style_of(c, ROLE_DIM),
                  "The record keeps the likeliest %d; with the run's model "
                  "open, all are computed again.",
                  step->n_top);
}
