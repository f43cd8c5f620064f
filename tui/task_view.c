/* Numbers of a task: labels by their probability, where an answer starts and ends, how near two
 * readings of a word are layer by layer. What it says is in task_words.c. */
#include <config.h>

#include "task_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_COLUMNS = 8, MOST_LABELS = 1024 };

bool task_has_words(const struct workbench *b)
{
    return b->model && !task_generates(b->task) && b->n_steps == 0 && !b->replayed &&
           b->state != BENCH_GENERATING;
}

bool task_has_numbers(const struct workbench *b)
{
    return task_has_words(b) && b->task != TASK_fill;
}

void task_bar(struct canvas *c, struct rect r, int y, int label_columns, const char *label,
              double p, enum role role, bool selected)
{
    char number[VIEW_NUMBER];
    int bar = r.cols - label_columns - 1 - NUMBER_COLUMNS;

    canvas_text(c, view_cell(r, y, 0, label_columns), 0, 0, label, strlen(label),
                style_of(c, selected ? ROLE_SELECT : role));
    if (bar > 0) {
        canvas_bar(c, r, y, label_columns + 1, bar, p, style_of(c, ROLE_BAR_FINAL));
    }
    view_right(c, view_rows(r, y, 1), 0, style_of(c, ROLE_VALUE), "%s", view_p(number, p));
}

static int widest(const struct workbench *b, size_t n, int most)
{
    int columns = 4;

    for (size_t i = 0; i < n; i++) {
        const char *label = attune_model_label(b->model, (int)i);
        int used = label ? text_columns(label, strlen(label)) : 0;

        columns = used > columns ? used : columns;
    }
    return columns < most ? columns : most;
}

/* ---- labels ---- */

struct ranked {
    float p;
    int label;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    return x->p < y->p ? 1 : x->p > y->p ? -1 : x->label - y->label;
}

/* A row of labels by falling probability, from row `top` on. */
static void draw_labels(struct task_view *v, struct canvas *c, struct rect r,
                        const float *p /* [n] */, size_t n)
{
    struct ranked *order = malloc((n + 1) * sizeof *order);
    int columns = widest(v->bench, n, r.cols / 2);

    for (size_t i = 0; order && i < n; i++) {
        order[i] = (struct ranked){p[i], (int)i};
    }
    if (order) {
        qsort(order, n, sizeof *order, by_p);
        v->top = view_scroll(v->top, v->selected < n ? v->selected : 0, n, r.rows);
    }
    for (size_t i = v->top; order && i < n && (int)(i - v->top) < r.rows; i++) {
        const char *label = attune_model_label(v->bench->model, order[i].label);

        task_bar(c, r, (int)(i - v->top), columns, label ? label : "", (double)order[i].p,
                 i == 0 ? ROLE_OUTPUT : ROLE_TEXT, n > (size_t)r.rows && i == v->selected);
    }
    free(order);
}

static void draw_classify(struct task_view *v, struct canvas *c, struct rect r)
{
    draw_labels(v, c, r, v->bench->answer.p, v->bench->answer.width);
}

static void draw_follows(struct task_view *v, struct canvas *c, struct rect r)
{
    const float *p = v->bench->answer.p; /* [2] */

    task_bar(c, r, 0, 8, "follows", (double)p[0], p[0] >= p[1] ? ROLE_OUTPUT : ROLE_TEXT, false);
    task_bar(c, r, 1, 8, "does not", (double)p[1], p[1] > p[0] ? ROLE_OUTPUT : ROLE_TEXT, false);
}

/* The labels of the token under the cursor. */
static void draw_tag(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct workbench *b = v->bench;
    size_t at = b->token_cursor < b->answer.rows ? b->token_cursor : b->answer.rows - 1;
    char bytes[VIEW_BYTES];
    bool special;
    size_t len = view_position_bytes(b, at, bytes, &special);
    int x = canvas_print(c, r, 0, 0, style_of(c, ROLE_DIM), "token %zu of %zu ", at + 1,
                         b->answer.rows);

    view_token(c, r, 0, x, bytes, len, style_of(c, ROLE_SELECT));
    draw_labels(v, c, view_rows(r, 1 + (r.rows > 4), r.rows), b->answer.p + at * b->answer.width,
                b->answer.width);
}

/* ---- a question ---- */

/* The largest probability of a start or an end: it fills its bar. */
static double most_of(const struct task_answer *a, bool end)
{
    const float *p = a->p + (end ? a->width : 0); /* [width] */
    double most = 0;

    for (size_t i = 0; i < a->width; i++) {
        most = (double)p[i] > most ? (double)p[i] : most;
    }
    return most;
}

/* A row a token of the context, and one for "no answer": where does the answer start, where does it
 * end? */
static void draw_question(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct workbench *b = v->bench;
    const struct task_answer *a = &b->answer;
    size_t n = a->n_pair + 1, cursor = 0;
    int token = r.cols >= 60 ? 16 : 11, bar = (r.cols - token) / 2 - 9;
    struct style dim = style_of(c, ROLE_DIM);
    double most[2];

    if (b->token_cursor >= a->pair_first && b->token_cursor < a->pair_first + a->n_pair) {
        cursor = b->token_cursor - a->pair_first + 1;
    }
    for (int end = 0; end < 2; end++) {
        most[end] = most_of(a, end != 0);
        canvas_print(c, r, 0, token + 1 + end * (bar + 9), dim,
                     bar < 12 ? "%s here" : "%s here, full %.2f", end ? "ends" : "starts",
                     most[end]);
    }
    v->top = view_scroll(v->top, cursor, n, r.rows - 1);
    for (size_t i = v->top; i < n && (int)(i - v->top) + 1 < r.rows; i++) {
        size_t at = i == 0 ? 0 : a->pair_first + i - 1;
        int y = (int)(i - v->top) + 1, x = token + 1;
        bool best = i > 0 && a->n_spans > 0 && at >= a->spans[0].first && at <= a->spans[0].last;
        struct style s = style_of(c, i == cursor && at == b->token_cursor ? ROLE_SELECT
                                     : best                               ? ROLE_OUTPUT
                                                                          : ROLE_TEXT);
        char bytes[VIEW_BYTES], number[VIEW_NUMBER];
        bool special;

        if (i == 0) {
            canvas_text(c, view_cell(r, y, 0, token), 0, 0, "(no answer)", 11, dim);
        } else {
            size_t len = view_position_bytes(b, at, bytes, &special);
            view_token(c, view_cell(r, y, best ? 2 : 0, token), 0, 0, bytes, len, s);
            canvas_print(c, r, y, 0, style_of(c, ROLE_ACCENT), best ? "\u25b8" : "");
        }
        for (int end = 0; end < 2; end++, x += bar + 9) {
            double p = (double)a->p[(size_t)end * a->width + at];

            canvas_bar(c, r, y, x, bar, most[end] > 0 ? p / most[end] : 0,
                       style_of(c, end ? ROLE_BAR_RAW : ROLE_BAR_FINAL));
            canvas_print(c, r, y, x + bar + 1, style_of(c, ROLE_VALUE), "%s", view_p(number, p));
        }
    }
}

/* ---- two texts ---- */

static void draw_cosine(struct canvas *c, struct rect r, int y, int x, int bar, double cosine)
{
    if (isnan(cosine)) {
        canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "-");
        return;
    }
    canvas_bar(c, r, y, x, bar, cosine > 0 ? cosine : 0, style_of(c, ROLE_BAR_FINAL));
    canvas_print(c, r, y, x + bar + 1, style_of(c, ROLE_VALUE), "%6.3f", cosine);
}

/* A row a layer: cosine of the word's two vectors, and of the two texts as a whole. */
static void draw_compare(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct task_answer *a = &v->bench->answer;
    const char *word = v->bench->prompt.blocks[v->bench->prompt.n - 1].answer;
    int head = 10, bar = (r.cols - head) / 2 - 9;

    if (a->has_word) {
        view_clip(c, view_cell(r, 0, head, bar + 7), 0, 0, style_of(c, ROLE_QUERY), word);
    } else {
        view_clip(c, view_cell(r, 0, head, bar + 7), 0, 0, style_of(c, ROLE_WARN),
                  word[0] ? "not in both" : "no word");
    }
    canvas_print(c, r, 0, head + bar + 9, style_of(c, ROLE_DIM), "whole text");
    v->top = view_scroll(v->top, v->selected, a->width, r.rows - 1);
    for (size_t i = v->top; i < a->width && (int)(i - v->top) + 1 < r.rows; i++) {
        int y = (int)(i - v->top) + 1;

        canvas_print(c, r, y, 0, style_of(c, i == v->selected ? ROLE_VALUE : ROLE_DIM),
                     i == 0 ? "embedding" : "layer %zu", i - 1);
        draw_cosine(c, r, y, head, bar, a->has_word ? (double)a->p[i] : NAN);
        draw_cosine(c, r, y, head + bar + 9, bar, (double)a->p[a->width + i]);
    }
}

static const struct {
    const char *title;
    void (*draw)(struct task_view *v, struct canvas *c, struct rect r);
} views[TASK_COUNT] = {
    [TASK_follows] = {"Does it follow?", draw_follows},
    [TASK_question] = {"Start and end of the answer", draw_question},
    [TASK_classify] = {"Labels", draw_classify},
    [TASK_tag] = {"Labels of the token", draw_tag},
    [TASK_compare] = {"Cosine, layer by layer", draw_compare},
};

void task_numbers_draw(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct workbench *b = v->bench;

    if (b->refusal[0]) {
        view_sentence(c, r, 0, style_of(c, ROLE_ERROR), "%s", b->refusal);
    } else if (b->answer.task != b->task || !b->answer.p || b->answer.width == 0 ||
               b->answer.n_tokens != b->tokens.n || b->answer.rows == 0) {
        view_sentence(c, r, 0, style_of(c, ROLE_DIM), "being computed");
    } else if (r.rows > 0 && r.cols > 8) {
        views[b->task].draw(v, c, r);
    }
}

size_t task_numbers_rows(const struct workbench *b)
{
    return b->task == TASK_classify || b->task == TASK_compare ? b->answer.width : 0;
}

void task_numbers_title(const struct workbench *b, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s%s", views[b->task].title ? views[b->task].title : "",
             bench_is_stale(b) ? " \u00b7 \u2026" : "");
}
