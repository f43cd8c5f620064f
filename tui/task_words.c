/* What a task says: the text with its masks filled, the answer that was found, the text coloured by
 * its labels. A label always stands under its word, so colour only repeats it. */
#include <config.h>

#include "task_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"

enum { TEXT_MOST = 4096 };

/* ---- fill ---- */

struct run { /* bytes of one style */
    size_t start, end;
    bool filled;
};

/* The text with each mask replaced by the likeliest token. runs: [2 n_gaps + 1]. */
static char *filled_text(const struct workbench *b, struct run *runs, size_t *n_runs)
{
    const struct task_answer *a = &b->answer;
    size_t capacity = b->text.len + a->n_gaps * VIEW_BYTES + 1, len = 0, from = 0;
    char *out = malloc(capacity), bytes[VIEW_BYTES];
    bool special;

    *n_runs = 0;
    for (size_t i = 0; out && i <= a->n_gaps; i++) {
        size_t at = i < a->n_gaps ? a->gaps[i].position : 0;
        size_t to = i < a->n_gaps ? b->tokens.start[at] : b->text.len, n;
        const char *token = bytes;

        to = to < from ? from : to; /* an older answer over newer tokens: only until the next */

        runs[(*n_runs)++] = (struct run){len, len + to - from, false};
        memcpy(out + len, b->text.text + from, to - from);
        len += to - from;
        if (i == a->n_gaps) {
            break;
        }
        from = b->tokens.end[at] > from ? b->tokens.end[at] : from;
        n = a->gaps[i].n ? view_id_bytes(b, a->gaps[i].top[0].id, bytes, &special) : 0;
        if (n > 0 && bytes[0] == ' ' && (len == 0 || out[len - 1] == ' ')) {
            token++; /* the space is there already */
            n--;
        }
        runs[(*n_runs)++] = (struct run){len, len + n, true};
        memcpy(out + len, token, n);
        len += n;
    }
    if (out) {
        out[len] = '\0';
    }
    return out;
}

/* Text in runs, wrapped; returns the rows used. */
static int draw_runs(struct canvas *c, struct rect r, const char *text, const struct run *runs,
                     size_t n_runs)
{
    size_t n = edit_wrap(text, strlen(text), r.cols, NULL, 0);
    struct edit_line *lines = malloc((n + 1) * sizeof *lines);

    if (!lines) {
        return 0;
    }
    edit_wrap(text, strlen(text), r.cols, lines, n);
    for (size_t y = 0; y < n && (int)y < r.rows; y++) {
        int x = 0;
        for (size_t i = 0; i < n_runs; i++) {
            size_t from = runs[i].start > lines[y].start ? runs[i].start : lines[y].start;
            size_t to = runs[i].end < lines[y].end ? runs[i].end : lines[y].end;
            struct style s = style_of(c, runs[i].filled ? ROLE_OUTPUT : ROLE_TEXT);

            s.attrs |= runs[i].filled ? ATTR_UNDERLINE : 0;
            if (from < to) {
                x += canvas_text(c, r, (int)y, x, text + from, to - from, s);
            }
        }
    }
    free(lines);
    return (int)n;
}

/* "mask 1  child 0.41  boy 0.20  dog 0.07" */
static void draw_gap(const struct workbench *b, struct canvas *c, struct rect r, int y, size_t i)
{
    const struct task_gap *gap = &b->answer.gaps[i];
    bool here = gap->position == b->token_cursor;
    int x = canvas_print(c, r, y, 0, style_of(c, here ? ROLE_SELECT : ROLE_DIM), "mask %zu", i + 1);

    x++;
    for (size_t k = 0; k < gap->n; k++) {
        char bytes[VIEW_BYTES], number[VIEW_NUMBER];
        bool special;
        size_t len = view_id_bytes(b, gap->top[k].id, bytes, &special);
        const char *text = bytes + (len > 1 && bytes[0] == ' ');
        int columns;

        len -= (size_t)(text - bytes);
        columns = text_columns(text, len);
        if (x + columns + 8 > r.cols) {
            break;
        }
        x += canvas_text(c, r, y, x, text, len,
                         style_of(c, special  ? ROLE_SPECIAL
                                     : k == 0 ? ROLE_OUTPUT
                                              : ROLE_TEXT));
        x += canvas_print(c, r, y, x + 1, style_of(c, ROLE_VALUE), "%s",
                          view_p(number, gap->top[k].p)) +
             3;
    }
}

/* "the sentence: -23.1 nats over 9 tokens, perplexity 13.0" */
static void draw_score(const struct workbench *b, struct canvas *c, struct rect r, int y)
{
    double sum = 0;
    size_t n = 0;

    if (b->score.revision != b->answered || b->score.n < b->tokens.n) {
        canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%s",
                     b->answer.n_gaps ? "" : "no mask in the text: Alt-k puts one in");
        view_right(c, view_rows(r, y, 1), 0, style_of(c, ROLE_DIM), "%s",
                   r.cols >= 70                       ? "F5: how likely is the sentence?"
                   : r.cols >= 30 && b->answer.n_gaps ? "F5: score the sentence"
                                                      : "");
        return;
    }
    for (size_t i = 0; i < b->score.n; i++) {
        if (!isnan(b->score.scores[i].p)) {
            sum += log((double)b->score.scores[i].p);
            n++;
        }
    }
    view_clip(c, r, y,
              canvas_print(c, r, y, 0, style_of(c, ROLE_DIM),
                           r.cols < 50 ? "PLL " : "pseudo-log-likelihood "),
              style_of(c, ROLE_VALUE), "");
    canvas_print(c, r, y, r.cols < 50 ? 4 : 22, style_of(c, ROLE_VALUE),
                 r.cols < 64 ? "%.2f / %zu tokens, ppl %.1f"
                             : "%.3f over %zu tokens, perplexity %.2f",
                 sum, n, n ? exp(-sum / (double)n) : 0);
}

static void say_fill(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct workbench *b = v->bench;
    size_t n_gaps = b->answer.n_gaps, n_runs;
    struct run *runs = calloc(2 * n_gaps + 1, sizeof *runs);
    char *text = runs ? filled_text(b, runs, &n_runs) : NULL;
    int y = 0, foot = r.rows >= 3;

    if (text && n_gaps > 0) {
        y = draw_runs(c, view_rows(r, 0, r.rows - foot), text, runs, n_runs);
        y += y + 2 + (int)n_gaps < r.rows; /* a blank row where there is room */
    }
    for (size_t i = 0; i < n_gaps && y < r.rows - foot; i++, y++) {
        draw_gap(b, c, r, y, i);
    }
    if (foot) {
        draw_score(b, c, r, r.rows - 1);
    }
    free(text);
    free(runs);
}

/* ---- two sentences, labels of the whole ---- */

static void say_follows(struct task_view *v, struct canvas *c, struct rect r)
{
    float yes = v->bench->answer.p[0];
    bool follows = yes >= 0.5f;
    char number[VIEW_NUMBER];
    int y = view_sentence(c, r, 0, style_of(c, follows ? ROLE_GOOD : ROLE_WARN),
                          follows ? "Yes: the second sentence may follow the first, p %s."
                                  : "No: the second sentence does not follow the first, p %s.",
                          view_p(number, follows ? (double)yes : 1 - (double)yes));

    view_sentence(c, view_rows(r, y + 1, r.rows), 0, style_of(c, ROLE_DIM),
                  "Read at the first token. It was trained with sentences that stood together and "
                  "with others taken from elsewhere.");
}

static void say_classify(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct task_answer *a = &v->bench->answer;
    size_t best = 0;
    const char *label;
    char number[VIEW_NUMBER];
    int x;

    for (size_t i = 1; i < a->width; i++) {
        best = a->p[i] > a->p[best] ? i : best;
    }
    label = attune_model_label(v->bench->model, (int)best);
    x = view_clip(c, r, 0, 0, style_of(c, ROLE_OUTPUT), label ? label : "");
    canvas_print(c, r, 0, x + 1, style_of(c, ROLE_VALUE), " p %s",
                 view_p(number, (double)a->p[best]));
    canvas_print(c, r, 1, 0, style_of(c, ROLE_DIM), "of %zu labels", a->width);
}

/* ---- a question ---- */

static void say_question(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct workbench *b = v->bench;
    const struct task_answer *a = &b->answer;
    char number[VIEW_NUMBER];
    int y = 0;

    if (a->n_spans == 0) {
        view_sentence(c, r, 0, style_of(c, ROLE_WARN), "No span of the context can be the answer.");
        return;
    }
    for (size_t i = 0; i < a->n_spans && y < r.rows - (r.rows > 2); i++, y++) {
        size_t from = b->tokens.start[a->spans[i].first], to = b->tokens.end[a->spans[i].last];
        struct rect cell = view_cell(r, y, 9, r.cols - 9);
        char text[TEXT_MOST];

        snprintf(text, sizeof text, "%.*s", to > from ? (int)(to - from) : 0, b->text.text + from);
        canvas_print(c, r, y, 0, style_of(c, ROLE_VALUE), "%8s", view_p(number, a->spans[i].score));
        view_clip(c, cell, 0, 0, style_of(c, i == 0 ? ROLE_OUTPUT : ROLE_TEXT), text);
    }
    if (y < r.rows) {
        canvas_print(c, r, y, 0, style_of(c, ROLE_VALUE), "%8s", view_p(number, a->none));
        canvas_print(c, r, y, 9, style_of(c, a->none > a->spans[0].score ? ROLE_OUTPUT : ROLE_DIM),
                     "no answer");
    }
}

/* ---- labels of tokens ---- */

/* "B-PER" and "I-PER" are both PER. */
static const char *name_of(const char *label)
{
    return label[0] && label[1] == '-' ? label + 2 : label;
}

static bool is_outside(const char *label)
{
    return !label || strcmp(label, "O") == 0;
}

/* Looks go round in the order in which the model names its labels. */
static struct style label_style(const struct canvas *c, const struct attune_model *model,
                                const char *label)
{
    static const enum role looks[] = {ROLE_GOOD, ROLE_SPECIAL, ROLE_SHOT, ROLE_WARN, ROLE_ACCENT};
    const char *other, *last = "";
    size_t n = 0;

    if (is_outside(label)) {
        return style_of(c, ROLE_TEXT);
    }
    for (int i = 0; (other = attune_model_label(model, i)); i++) {
        if (strcmp(name_of(other), name_of(label)) == 0) {
            break;
        }
        n += !is_outside(other) && strcmp(name_of(other), last) != 0;
        last = name_of(other);
    }
    return style_of(c, looks[n % (sizeof looks / sizeof *looks)]);
}

static int best_label(const struct task_answer *a, size_t token)
{
    const float *p = a->p + token * a->width; /* [labels] */
    size_t best = 0;

    for (size_t i = 1; i < a->width; i++) {
        best = p[i] > p[best] ? i : best;
    }
    return (int)best;
}

/* "PER 2  LOC 1": how many words of each name there are. */
static void draw_legend(const struct workbench *b, struct canvas *c, struct rect r, int y)
{
    const char *label, *last = "";
    int x = 0;

    for (int i = 0; (label = attune_model_label(b->model, i)); i++) {
        size_t n = 0;

        if (is_outside(label) || strcmp(name_of(label), last) == 0) {
            continue;
        }
        last = name_of(label);
        for (size_t k = 0; k < b->answer.rows && k < b->tokens.n; k++) {
            const char *own = attune_model_label(b->model, best_label(&b->answer, k));
            n += !b->tokens.special[k] && own && strcmp(name_of(own), last) == 0;
        }
        x += canvas_print(c, r, y, x, label_style(c, b->model, label), "%s", last);
        x += canvas_print(c, r, y, x, style_of(c, ROLE_DIM), " %zu  ", n);
    }
}

/* Two rows a line: the words, and under each what it is. */
static void say_tag(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct workbench *b = v->bench;
    int y = 0, x = 0, foot = r.rows >= 5;

    for (size_t i = 0; i < b->answer.rows && i < b->tokens.n && y + 1 < r.rows - foot; i++) {
        const char *label = attune_model_label(b->model, best_label(&b->answer, i));
        size_t from = b->tokens.start[i], len = b->tokens.end[i] - from;
        bool is_other = is_outside(label);
        bool apart = i > 0 && from > b->tokens.end[i - 1];
        int columns, word;
        struct style s;

        if (b->tokens.special[i] || len == 0) {
            continue;
        }
        word = text_columns(b->text.text + from, len);
        columns = is_other ? word : text_columns(label, strlen(label)) + 1;
        columns = columns > word ? columns : word;
        x += apart && x > 0;
        if (x + columns > r.cols && x > 0) {
            y += 2 + (r.rows > 8);
            x = 0;
        }
        s = label_style(c, b->model, label);
        s.attrs |= is_other ? 0 : ATTR_BOLD;
        canvas_text(c, r, y, x, b->text.text + from, len,
                    i == b->token_cursor ? style_of(c, ROLE_SELECT) : s);
        if (!is_other) {
            canvas_text(c, r, y + 1, x, label, strlen(label), label_style(c, b->model, label));
        }
        x += columns;
    }
    if (foot) {
        draw_legend(b, c, r, r.rows - 1);
    }
}

/* ---- two texts ---- */

static void say_compare(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct task_answer *a = &v->bench->answer;
    const char *word = v->bench->prompt.blocks[v->bench->prompt.n - 1].answer;
    int y = 0;

    if (a->has_word) {
        y += view_sentence(c, r, y, style_of(c, ROLE_TEXT),
                           "\"%.60s\": cosine %.3f where it enters, %.3f where it leaves.", word,
                           (double)a->p[0], (double)a->p[a->width - 1]);
    } else {
        y += view_sentence(c, r, y, style_of(c, ROLE_WARN),
                           word[0] ? "\"%.60s\" does not stand in both texts."
                                   : "%sWrite a word that stands in both texts.",
                           word);
    }
    y += y + 3 < r.rows;
    canvas_print(c, r, y++, 0, style_of(c, ROLE_DIM), "mean vector   length %.3f and %.3f",
                 a->norm[0], a->norm[1]);
    if (a->has_pooled) {
        view_sentence(c, view_rows(r, y, r.rows), 0, style_of(c, ROLE_DIM),
                      "pooled vector length %.3f and %.3f, cosine %.3f", a->pooled_norm[0],
                      a->pooled_norm[1], a->pooled_cosine);
    }
}

static void (*const says[TASK_COUNT])(struct task_view *v, struct canvas *c, struct rect r) = {
    [TASK_fill] = say_fill,         [TASK_follows] = say_follows, [TASK_question] = say_question,
    [TASK_classify] = say_classify, [TASK_tag] = say_tag,         [TASK_compare] = say_compare,
};

void task_words_draw(struct task_view *v, struct canvas *c, struct rect r)
{
    const struct workbench *b = v->bench;

    if (b->refusal[0]) {
        view_sentence(c, r, 0, style_of(c, ROLE_DIM), "No answer: the text was not read.");
    } else if (b->answer.task != b->task || b->answer.n_tokens == 0 ||
               b->answer.n_tokens != b->tokens.n || (b->task != TASK_fill && !b->answer.p)) {
        view_sentence(c, r, 0, style_of(c, ROLE_DIM), "being computed");
    } else if (r.rows > 0 && r.cols > 0) {
        says[b->task](v, c, r);
    }
}

void task_words_title(const struct workbench *b, char *out, size_t capacity)
{
    snprintf(out, capacity, "Answer \u00b7 %s%s", task_at(b->task)->title,
             bench_is_stale(b) ? " \u00b7 \u2026" : "");
}
