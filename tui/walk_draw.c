/* The numbers of each step of the walk: a function a step. */
#include <config.h>

#include "walk_draw.h"

#include <attune/rng.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "task_view.h"

static int put_token(const struct walk_scene *s, struct rect r, int y, int x, size_t i,
                     enum role role)
{
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_position_bytes(s->bench, i, bytes, &special);

    return view_token(s->canvas, r, y, x, bytes, len,
                      style_of(s->canvas, special ? ROLE_SPECIAL : role));
}

static int put_id(const struct walk_scene *s, int y, int x, attune_token id, enum role role)
{
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_id_bytes(s->bench, id, bytes, &special);

    return view_token(s->canvas, s->r, y, x, bytes, len,
                      style_of(s->canvas, special ? ROLE_SPECIAL : role));
}

/* ---- vectors ---- */

static double length_of(const float *v, int n /* [n] */)
{
    double sum = 0;

    for (int i = 0; i < n; i++) {
        sum += (double)v[i] * v[i];
    }
    return sqrt(sum);
}

static double cosine(const float *a, const float *b, int n /* [n] both */)
{
    double sum = 0, lengths = length_of(a, n) * length_of(b, n);

    for (int i = 0; i < n; i++) {
        sum += (double)a[i] * b[i];
    }
    return lengths > 0 ? sum / lengths : 0;
}

static const float *hidden(const struct walk_scene *s, int layer)
{
    int last = s->stack->n_states - 1;

    return s->stack->hidden +
           (size_t)(layer < last ? layer : last) * (size_t)s->bench->walk.d_model; /* [d_model] */
}

/* Every number of a vector as a cell, by its size; several share a cell (the largest counts) where
 * room is short. Returns the rows used. */
static int draw_vector(const struct walk_scene *s, int y, const float *v)
{
    int n = s->bench->walk.d_model, cols = s->r.cols, rows = s->r.rows - y < 8 ? s->r.rows - y : 8;
    int cells = n < rows * cols ? n : rows * cols;
    float most = 0;

    for (int i = 0; i < n; i++) {
        most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
    }
    for (int i = 0; i < cells; i++) {
        long from = (long)i * n / cells, to = (long)(i + 1) * n / cells;
        float size = 0;
        for (long k = from; k < to; k++) {
            size = fabsf(v[k]) > size ? fabsf(v[k]) : size;
        }
        canvas_heat(s->canvas, s->r, y + i / cols, i % cols, 1, most > 0 ? size / most : 0,
                    s->canvas->ramp);
    }
    return cells > 0 ? (cells + cols - 1) / cols : 0;
}

static void draw_numbers(const struct walk_scene *s, int y, const float *v)
{
    struct style dim = style_of(s->canvas, ROLE_DIM), value = style_of(s->canvas, ROLE_VALUE);
    int x = canvas_print(s->canvas, s->r, y, 0, dim, "%d numbers: ", s->bench->walk.d_model);

    for (int i = 0; i < s->bench->walk.d_model && x + 10 < s->r.cols; i++) {
        x += canvas_print(s->canvas, s->r, y, x, value, "%.3f ", (double)v[i]);
    }
    canvas_print(s->canvas, s->r, y, x, dim, "..");
}

/* ---- the steps ---- */

void walk_draw_text(const struct walk_scene *s)
{
    const struct workbench *b = s->bench;
    struct rect r = s->r;
    const char *text = b->replayed ? b->record.prompt_text : b->text.text;
    size_t len = b->replayed ? b->record.prompt_text_len : b->text.len;

    for (int y = 0; y < r.rows && text; y++) {
        size_t n = strnlen(text, len) < len ? strnlen(text, len) : len, line = 0;
        while (line < n && text[line] != '\n') {
            line++;
        }
        canvas_text(s->canvas, r, y, 0, text, line, style_of(s->canvas, ROLE_QUERY));
        if (line >= n) {
            break;
        }
        canvas_text(s->canvas, r, y, text_columns(text, line), "\u21b5", 3,
                    style_of(s->canvas, ROLE_DIM));
        text += line + 1;
        len -= line + 1;
    }
}

void walk_draw_tokens(const struct walk_scene *s)
{
    const struct workbench *b = s->bench;
    size_t n = s->n, top = view_scroll(0, s->position + (s->position + 1 < n), n, s->r.rows - 1);
    char bytes[VIEW_BYTES], hex[48];

    canvas_print(s->canvas, s->r, 0, 0, style_of(s->canvas, ROLE_DIM),
                 " place      id  token            bytes");
    for (int y = 1; y < s->r.rows && top + (size_t)y - 1 < n; y++) {
        size_t i = top + (size_t)y - 1;
        bool special;
        size_t len = view_position_bytes(b, s->first + i, bytes, &special);
        struct rect cell = {s->r.y + y, s->r.x + 16, 1, s->r.cols - 16 < 16 ? s->r.cols - 16 : 16};
        canvas_print(s->canvas, s->r, y, 0,
                     style_of(s->canvas, i == s->position ? ROLE_SELECT : ROLE_DIM), "%6zu", i + 1);
        canvas_print(s->canvas, s->r, y, 6, style_of(s->canvas, ROLE_VALUE), "%8d",
                     (int)bench_token_at(b, s->first + i));
        put_token(s, cell, 0, 0, s->first + i, i == s->position ? ROLE_SELECT : ROLE_TEXT);
        if (!special) {
            canvas_print(s->canvas, s->r, y, 33, style_of(s->canvas, ROLE_DIM), "%s",
                         view_hex(hex, sizeof hex, bytes, len));
        }
    }
}

void walk_draw_embedding(const struct walk_scene *s)
{
    const struct walk_look *near = &s->stack->near;
    const float *v = hidden(s, 0);
    int y = 0, x;

    draw_numbers(s, y++, v);
    y += draw_vector(s, y, v);
    canvas_print(s->canvas, s->r, y++, 0, style_of(s->canvas, ROLE_DIM), "length %.3f",
                 length_of(v, s->bench->walk.d_model));
    x = canvas_print(s->canvas, s->r, y, 0, style_of(s->canvas, ROLE_DIM),
                     "nearest in the vocabulary (cosine): ");
    for (size_t i = 0; i < s->stack->n_kin && x + 16 < s->r.cols; i++) {
        x += put_id(s, y, x, s->stack->kin[i].id, ROLE_TEXT);
        x += canvas_print(s->canvas, s->r, y, x, style_of(s->canvas, ROLE_VALUE), " %.2f  ",
                          (double)s->stack->kin[i].cosine);
    }
    y++;
    x = canvas_print(s->canvas, s->r, y, 0, style_of(s->canvas, ROLE_DIM),
                     "nearest in this text (cosine): ");
    for (int i = 0; i < WALK_MOST && near->weight[i] > 0; i++) {
        x += put_token(s, s->r, y, x, s->first + near->key[i], ROLE_TEXT);
        x += canvas_print(s->canvas, s->r, y, x, style_of(s->canvas, ROLE_VALUE), " %.2f  ",
                          (double)near->weight[i]);
    }
}

void walk_draw_position(const struct walk_scene *s)
{
    static const struct {
        const char *kind, *text;
    } kinds[] = {
        {"rotary",
         "Rotary: in every layer queries and keys are turned by angles that grow with the place, "
         "so that "
         "their product depends on how far apart two tokens are. Nothing is added to the vector."},
        {"learned", "Learned: the model has one more vector for every place, and adds it to the "
                    "token's vector. The "
                    "vector of the step before already holds it."},
        {"alibi", "ALiBi: no vector changes; attention scores lose an amount that grows with the "
                  "distance, with "
                  "another slope in every head."},
        {"relative", "Relative: attention scores get a learned amount that depends on the distance "
                     "of two tokens."},
        {"sinusoidal",
         "Sinusoidal: a vector for every place, computed from sines and cosines of growing wave "
         "lengths and added to the token's vector; nothing about places was learned."},
        {"none", "None: this model is not told the places of tokens."},
    };
    const struct attune_model_info *info = attune_model_info(s->bench->model);
    int y = canvas_print(s->canvas, s->r, 0, 0, style_of(s->canvas, ROLE_VALUE), "place %zu of %zu",
                         s->position + 1, s->n) > 0;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (info->position && strcmp(info->position, kinds[i].kind) == 0) {
            view_sentence(s->canvas, view_rows(s->r, y + 1, s->r.rows), 0,
                          style_of(s->canvas, ROLE_TEXT), "%s", kinds[i].text);
        }
    }
}

static void draw_looks(const struct walk_scene *s, const struct walk_look *looks /* [heads] */,
                       size_t first)
{
    struct style dim = style_of(s->canvas, ROLE_DIM);

    for (int head = 0; head < s->stack->n_heads && head < s->r.rows; head++) {
        const struct walk_look *look = &looks[head];
        int x = canvas_print(s->canvas, s->r, head, 0, dim, "head %2d ", head);
        if (head + 1 == s->r.rows && head + 1 < s->stack->n_heads) {
            canvas_print(s->canvas, s->r, head, x, dim, ".. %d heads in all", s->stack->n_heads);
            return;
        }
        if (s->r.cols >= 50) {
            canvas_bar(s->canvas, s->r, head, x, 12, (double)look->weight[0],
                       style_of(s->canvas, ROLE_BAR_RAW));
            x += 13;
        }
        for (int i = 0; i < WALK_MOST && look->weight[i] > 0; i++) {
            x += put_token(s, s->r, head, x, first + look->key[i], i == 0 ? ROLE_TEXT : ROLE_DIM);
            x += canvas_print(s->canvas, s->r, head, x,
                              style_of(s->canvas, i == 0 ? ROLE_VALUE : ROLE_DIM), " %.2f  ",
                              (double)look->weight[i]);
        }
    }
}

void walk_draw_attention(const struct walk_scene *s)
{
    draw_looks(s, s->stack->looks + s->layer * s->stack->n_heads, s->first);
}

void walk_draw_cross(const struct walk_scene *s)
{
    draw_looks(s, s->stack->cross + s->layer * s->stack->n_heads, 0);
}

/* What the encoder hands over: the last vector of the followed token, one of n. */
void walk_draw_memory(const struct walk_scene *s)
{
    const float *v = hidden(s, s->stack->n_states - 1);
    int x = canvas_print(s->canvas, s->r, 0, 0, style_of(s->canvas, ROLE_DIM),
                         "%zu vectors; that of ", s->n);

    put_token(s, s->r, 0, x, s->first + s->position, ROLE_SELECT);
    draw_numbers(s, 1, v);
    draw_vector(s, 2, v);
}

/* How far two vectors are apart: the length of what was added. */
static double moved(const float *from, const float *to, int n /* [n] both */)
{
    double sum = 0;

    for (int i = 0; i < n; i++) {
        sum += ((double)to[i] - from[i]) * ((double)to[i] - from[i]);
    }
    return sqrt(sum);
}

static int draw_move(const struct walk_scene *s, int y, const float *before, const float *after,
                     const char *by)
{
    struct style dim = style_of(s->canvas, ROLE_DIM);
    int n = s->bench->walk.d_model;

    draw_numbers(s, y++, after);
    y += draw_vector(s, y, after);
    canvas_print(s->canvas, s->r, y++, 0, dim, "%s moved it by %.3f: length %.3f, it was %.3f", by,
                 moved(before, after, n), length_of(after, n), length_of(before, n));
    canvas_print(s->canvas, s->r, y++, 0, dim,
                 "cosine to what it was: %.3f; to the token's first "
                 "vector: %.3f",
                 cosine(before, after, n), cosine(hidden(s, 0), after, n));
    return y;
}

static const float *middle(const struct walk_scene *s)
{
    return s->stack->middle + (size_t)s->layer * (size_t)s->bench->walk.d_model; /* [d_model] */
}

void walk_draw_residual(const struct walk_scene *s)
{
    draw_move(s, 0, hidden(s, s->layer), middle(s), "attention");
}

/* What the model would say if it ended here: where there is a head. */
static void draw_says(const struct walk_scene *s, int y)
{
    const struct attune_lens_cell *cell;
    char number[VIEW_NUMBER];
    int x;

    if (!s->stack->says || s->layer + 1 >= s->stack->n_says) {
        return;
    }
    cell = &s->stack->says[s->layer + 1];
    x = canvas_print(s->canvas, s->r, y, 0, style_of(s->canvas, ROLE_DIM),
                     "if the model ended here: ");
    for (int i = 0; i < 3 && cell->top[i].id >= 0 && x + 16 < s->r.cols; i++) {
        x += put_id(s, y, x, cell->top[i].id, ROLE_TEXT);
        x += canvas_print(s->canvas, s->r, y, x, style_of(s->canvas, ROLE_VALUE), " %s  ",
                          view_p(number, cell->top[i].p));
    }
}

void walk_draw_block(const struct walk_scene *s)
{
    bool last = s->layer + 2 >= s->stack->n_states; /* its state is kept behind the norm */

    draw_says(s, draw_move(s, 0, middle(s), hidden(s, s->layer + 1),
                           last ? "feed-forward and last norm" : "feed-forward"));
}

static void draw_candidates(const struct walk_scene *s, bool as_p)
{
    const struct attune_dist *raw = &s->bench->trace.raw;
    char number[VIEW_NUMBER];

    for (size_t i = 0; i < raw->n_top && (int)i < s->r.rows; i++) {
        int x =
            canvas_print(s->canvas, s->r, (int)i, 0, style_of(s->canvas, ROLE_DIM), "%3zu ", i + 1);
        x += canvas_print(s->canvas, s->r, (int)i, x, style_of(s->canvas, ROLE_VALUE), "%8s ",
                          as_p ? view_p(number, raw->top[i].p) : "");
        if (!as_p) {
            canvas_print(s->canvas, s->r, (int)i, x - 9, style_of(s->canvas, ROLE_VALUE), "%8.3f",
                         (double)raw->top[i].logit);
        }
        put_id(s, (int)i, x, raw->top[i].id, ROLE_TEXT);
        if (as_p && s->r.cols >= 44) {
            canvas_bar(s->canvas, s->r, (int)i, 30, s->r.cols - 31 < 40 ? s->r.cols - 31 : 40,
                       raw->top[i].p, style_of(s->canvas, ROLE_BAR_RAW));
        }
    }
}

void walk_draw_logits(const struct walk_scene *s)
{
    draw_candidates(s, false);
}

void walk_draw_softmax(const struct walk_scene *s)
{
    draw_candidates(s, true);
}

void walk_draw_sampler(const struct walk_scene *s)
{
    const struct attune_trace *t = &s->bench->trace;
    char name[VIEW_NUMBER], n[VIEW_NUMBER];
    int y = 0;

    canvas_print(s->canvas, s->r, y++, 0, style_of(s->canvas, ROLE_DIM), "%-12s%9s %8s %6s",
                 "stage", "tokens", "mass", "bits");
    for (size_t i = 0; i < t->n_stages; i++, y++) {
        const struct attune_stage_trace *stage = &t->stage[i];
        if (stage->active) {
            canvas_print(s->canvas, s->r, y, 0, style_of(s->canvas, ROLE_VALUE),
                         "%-12s%9s %7.2f%% %6.2f", view_dashed(name, stage->stage),
                         view_count(n, stage->survivors), 100 * stage->mass, stage->entropy_bits);
        } else {
            canvas_print(s->canvas, s->r, y, 0, style_of(s->canvas, ROLE_DIM), "%-12s%9s",
                         view_dashed(name, stage->stage), "off");
        }
    }
}

void walk_draw_choice(const struct walk_scene *s)
{
    const struct workbench *b = s->bench;
    double u = b->shown_step >= 0 ? b->steps[b->shown_step].draw.u : attune_rng_uniform(b->seed, 0);
    struct attune_draw draw;
    char p[VIEW_NUMBER];
    int x;

    attune_trace_draw(&draw, &b->trace, u);
    canvas_print(s->canvas, s->r, 0, 0, style_of(s->canvas, ROLE_TEXT), "u = %.6f", draw.u);
    canvas_print(s->canvas, s->r, 1, 0, style_of(s->canvas, ROLE_TEXT),
                 "falls between %.6f and %.6f", draw.low, draw.high);
    x = canvas_print(s->canvas, s->r, 3, 0, style_of(s->canvas, ROLE_DIM), "the next token: ");
    x += put_id(s, 3, x, draw.id, ROLE_ACCENT);
    canvas_print(s->canvas, s->r, 3, x, style_of(s->canvas, ROLE_DIM), "  id %d, p %s",
                 (int)draw.id, view_p(p, (double)b->trace.p[draw.id]));
}

/* ---- the last steps of an encoder ---- */

void walk_draw_numbers(const struct walk_scene *s)
{
    struct task_view v = {.bench = s->bench};

    task_numbers_draw(&v, s->canvas, s->r);
}

void walk_draw_words(const struct walk_scene *s)
{
    struct task_view v = {.bench = s->bench};

    task_words_draw(&v, s->canvas, s->r);
}
