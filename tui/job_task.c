/* What a task reads and what it makes of that. The distribution of a position is not here: every
 * model with a vocabulary has one (job.c). Runs on the worker thread. */
#include <config.h>

#include "worker.h"

#include <attune/task.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_ANSWER = 30 };

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

/* ---- reading ---- */

/* Where a block's own words stand in the rendered text. */
static size_t start_of(const struct attune_rendered *text, size_t block)
{
    for (size_t i = 0; i < text->n_pieces; i++) {
        if (text->pieces[i].block == block && text->pieces[i].part == ATTUNE_PART_TEXT) {
            return text->pieces[i].start;
        }
    }
    return 0;
}

/* The texts of a task's fields; an error names the field that has to be written. */
static int find_texts(struct attune_task_text *out, const struct job *job, struct attune_error *err)
{
    const struct task *t = task_at(job->task);
    const char *first = job->prompt.blocks[0].text,
               *second = job->prompt.blocks[job->prompt.n - 1].text;
    bool optional = t->pair && t->second[strlen(t->second) - 1] == '?';
    const char *missing = t->first && !first[0]                               ? t->first
                          : (t->pair || !t->first) && !second[0] && !optional ? t->second
                                                                              : NULL;

    if (missing) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s: nothing is written there yet",
                                missing);
    }
    *out = (struct attune_task_text){.text = t->first ? first : second, .masks = true};
    out->len = strlen(out->text);
    if (t->pair && second[0]) {
        out->pair = second;
        out->pair_len = strlen(second);
    }
    return ATTUNE_OK;
}

static void place(struct attune_task_tokens *read, const struct job *job,
                  const struct attune_rendered *text)
{
    size_t first = start_of(text, task_at(job->task)->first ? 0 : job->prompt.n - 1),
           second = start_of(text, job->prompt.n - 1);

    for (size_t i = 0; i < read->tokens.n; i++) {
        size_t by = read->parts[i] == ATTUNE_TASK_PAIR ? second : first;

        read->tokens.start[i] += by;
        read->tokens.end[i] += by;
    }
}

int job_task_read(struct attune_task_tokens *out, const struct worker *w, const struct job *job,
                  const struct attune_rendered *text, struct attune_error *err)
{
    struct attune_task_text texts;
    int status;

    if (task_generates(job->task)) {
        const struct attune_tokenize_options options = {
            .add_special = true, .parse_special = !task_at(job->task)->shots};
        struct attune_rendered own = {0};

        status = text ? ATTUNE_OK : attune_prompt_render(&own, &job->prompt, err);
        if (status == ATTUNE_OK) {
            const struct attune_rendered *from = text ? text : &own;
            status = attune_tokenize(&out->tokens, attune_model_tokenizer(w->model), from->text,
                                     from->len, &options, err);
        }
        attune_rendered_done(&own);
        return status;
    }
    status = find_texts(&texts, job, err);
    if (status == ATTUNE_OK) {
        status = attune_task_read(out, w->model, &texts, err);
    }
    if (status == ATTUNE_OK && text) {
        place(out, job, text);
    }
    return status;
}

/* ---- answers ---- */

static int take_rows(struct task_answer *a, size_t rows, size_t width, struct attune_error *err)
{
    a->rows = rows;
    a->width = width;
    a->p = calloc(rows * width + 1, sizeof *a->p);
    return a->p ? ATTUNE_OK : no_memory(err);
}

static int answer_fill(struct task_answer *a, struct worker *w,
                       const struct attune_task_tokens *read, struct attune_error *err)
{
    struct attune_task_fill *fills = calloc(read->n_masks + 1, sizeof *fills);
    int status = fills ? ATTUNE_OK : no_memory(err);

    if (status == ATTUNE_OK) {
        a->gaps = calloc(read->n_masks + 1, sizeof *a->gaps);
        status =
            a->gaps ? attune_task_fill(fills, w->ctx, read, 0, &w->progress, err) : no_memory(err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < read->n_masks; i++) {
        struct task_gap *gap = &a->gaps[a->n_gaps++];

        gap->position = fills[i].position;
        gap->n = fills[i].dist.n_top < TASK_MOST ? fills[i].dist.n_top : TASK_MOST;
        memcpy(gap->top, fills[i].dist.top, gap->n * sizeof *gap->top);
    }
    free(fills);
    return status;
}

static int answer_follows(struct task_answer *a, struct worker *w,
                          const struct attune_task_tokens *read, struct attune_error *err)
{
    double yes = 0;
    int status = take_rows(a, 1, 2, err);

    if (status == ATTUNE_OK) {
        status = attune_task_follows(&yes, w->ctx, err);
        a->p[0] = (float)yes;
        a->p[1] = (float)(1 - yes);
    }
    return status;
}

static int answer_question(struct task_answer *a, struct worker *w,
                           const struct attune_task_tokens *read, struct attune_error *err)
{
    size_t n = read->tokens.n;
    double *p = calloc(2 * n + 1, sizeof *p); /* [2, n] */
    int status = p ? take_rows(a, 2, n, err) : no_memory(err);

    if (status == ATTUNE_OK) {
        status = attune_task_span(p, p + n, w->ctx, read, err);
    }
    if (status == ATTUNE_OK) {
        a->n_spans = attune_task_answers(a->spans, TASK_MOST, p, p + n, read, LONGEST_ANSWER);
        a->none = attune_task_no_answer(p, p + n);
        for (size_t i = 0; i < 2 * n; i++) {
            a->p[i] = (float)p[i];
        }
    }
    free(p);
    return status;
}

static int answer_classify(struct task_answer *a, struct worker *w,
                           const struct attune_task_tokens *read, struct attune_error *err)
{
    size_t n = (size_t)attune_model_info(w->model)->n_labels;
    double *p = calloc(n + 1, sizeof *p); /* [labels] */
    int status = p ? take_rows(a, 1, n, err) : no_memory(err);

    if (status == ATTUNE_OK) {
        status = attune_task_labels(p, w->ctx, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        a->p[i] = (float)p[i];
    }
    free(p);
    return status;
}

static void softmax(float *row /* [n] */, size_t n)
{
    double most = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++) {
        most = fmax(most, row[i]);
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp(row[i] - most);
    }
    for (size_t i = 0; i < n; i++) {
        row[i] = (float)(exp(row[i] - most) / sum);
    }
}

static int answer_tag(struct task_answer *a, struct worker *w,
                      const struct attune_task_tokens *read, struct attune_error *err)
{
    size_t n = read->tokens.n,
           width = (size_t)attune_model_output(w->model, ATTUNE_OUTPUT_TOKEN_LABELS).width;
    int status = take_rows(a, n, width, err);

    if (status == ATTUNE_OK) {
        status = attune_context_output(w->ctx, ATTUNE_OUTPUT_TOKEN_LABELS, 0, n, a->p, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        softmax(a->p + i * width, width);
    }
    return status;
}

static void find_pair(struct task_answer *a, const struct attune_task_tokens *read)
{
    for (size_t i = 0; i < read->tokens.n; i++) {
        if (read->parts[i] == ATTUNE_TASK_PAIR) {
            a->pair_first = a->n_pair++ == 0 ? i : a->pair_first;
        }
    }
}

/* ---- a word in two texts ---- */

struct reading { /* one text in a context that keeps what leaves every block */
    struct attune_task_text text;
    struct attune_task_tokens read;
    struct attune_context *ctx;
    size_t first, n; /* tokens of the word */
    bool has_word;
    float *word, *whole; /* [d_model] of a layer */
};

static void reading_done(struct reading *r)
{
    attune_context_free(r->ctx);
    attune_task_tokens_done(&r->read);
    free(r->word);
    free(r->whole);
}

static int read_text(struct reading *r, struct worker *w, const char *text, const char *word,
                     struct attune_error *err)
{
    size_t width = (size_t)attune_model_info(w->model)->d_model;
    struct attune_context_options options = {.n_threads = w->settings.n_threads,
                                             .activations = w->settings.activations,
                                             .kv_type = w->settings.kv_type,
                                             .keep_hidden = true};
    int status;

    r->text = (struct attune_task_text){.text = text, .len = strlen(text), .masks = true};
    status = attune_task_read(&r->read, w->model, &r->text, err);
    options.n_context = (int)r->read.tokens.n;
    if (status == ATTUNE_OK) {
        status = attune_context_new(&r->ctx, w->model, &options, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_task_sync(r->ctx, &r->read, &w->progress, err);
    }
    r->word = calloc(width, sizeof *r->word);
    r->whole = calloc(width, sizeof *r->whole);
    r->has_word =
        status == ATTUNE_OK && word[0] &&
        attune_task_word(&r->first, &r->n, &r->read, &r->text, word, 0, NULL) == ATTUNE_OK;
    return status == ATTUNE_OK && (!r->word || !r->whole) ? no_memory(err) : status;
}

/* The vectors of a layer, into word and whole. */
static int read_layer(struct reading *r, int layer, bool word, struct attune_error *err)
{
    int status = attune_task_vector(r->whole, r->ctx, layer, 0, r->read.tokens.n, err);

    return status == ATTUNE_OK && word
               ? attune_task_vector(r->word, r->ctx, layer, r->first, r->n, err)
               : status;
}

static double length_of(const float *v, size_t n /* [n] */)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)v[i] * v[i];
    }
    return sqrt(sum);
}

static int compare_pooled(struct task_answer *a, struct reading r[2], struct worker *w,
                          struct attune_error *err)
{
    size_t width = (size_t)attune_model_output(w->model, ATTUNE_OUTPUT_POOLED).width;
    float *v = calloc(2 * width + 1, sizeof *v); /* [2, width] */
    int status = v ? ATTUNE_OK : no_memory(err);

    for (size_t i = 0; i < 2 && status == ATTUNE_OK; i++) {
        status = attune_context_output(r[i].ctx, ATTUNE_OUTPUT_POOLED, 0, 1, v + i * width, err);
        a->pooled_norm[i] = length_of(v + i * width, width);
    }
    a->pooled_cosine = v ? attune_task_cosine(v, v + width, width) : 0;
    a->has_pooled = status == ATTUNE_OK;
    free(v);
    return status;
}

static int compare(struct task_answer *a, struct reading r[2], struct worker *w,
                   struct attune_error *err)
{
    size_t width = (size_t)attune_model_info(w->model)->d_model;
    int n = attune_context_hidden_count(r[0].ctx, ATTUNE_STACK_SELF);
    int status = take_rows(a, 2, (size_t)n, err);

    a->has_word = r[0].has_word && r[1].has_word;
    for (int layer = 0; layer < n && status == ATTUNE_OK; layer++) {
        for (int i = 0; i < 2 && status == ATTUNE_OK; i++) {
            status = read_layer(&r[i], layer, a->has_word, err);
            a->norm[i] = length_of(r[i].whole, width);
        }
        a->p[layer] = (float)attune_task_cosine(r[0].word, r[1].word, width);
        a->p[n + layer] = (float)attune_task_cosine(r[0].whole, r[1].whole, width);
    }
    if (status == ATTUNE_OK && attune_model_output(w->model, ATTUNE_OUTPUT_POOLED).there) {
        status = compare_pooled(a, r, w, err);
    }
    return status;
}

static int answer_compare(struct task_answer *a, struct worker *w, const struct job *job,
                          struct attune_error *err)
{
    const struct attune_block *query = &job->prompt.blocks[job->prompt.n - 1];
    struct reading r[2] = {0};
    int status;

    if (!query->text[0]) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s: nothing is written there yet",
                                task_at(job->task)->second);
    }
    status = read_text(&r[0], w, job->prompt.blocks[0].text, query->answer, err);
    if (status == ATTUNE_OK) {
        status = read_text(&r[1], w, query->text, query->answer, err);
    }
    if (status == ATTUNE_OK) {
        status = compare(a, r, w, err);
    }
    reading_done(&r[0]);
    reading_done(&r[1]);
    return status;
}

void job_task_answer(struct worker *w, const struct job *job, const struct attune_task_tokens *read)
{
    static int (*const table[TASK_COUNT])(struct task_answer *, struct worker *,
                                          const struct attune_task_tokens *,
                                          struct attune_error *) = {
        [TASK_fill] = answer_fill,         [TASK_follows] = answer_follows,
        [TASK_question] = answer_question, [TASK_classify] = answer_classify,
        [TASK_tag] = answer_tag,
    };
    struct attune_error err = {0};
    struct event *event;
    int status;

    if (task_generates(job->task) || !(event = event_new(EVENT_answer))) {
        return;
    }
    event->revision = job->revision;
    event->answer.task = job->task;
    event->answer.n_tokens = read->tokens.n;
    find_pair(&event->answer, read);
    status = table[job->task] ? table[job->task](&event->answer, w, read, &err)
                              : answer_compare(&event->answer, w, job, &err);
    if (status == ATTUNE_OK) {
        worker_tell(w, event);
        return;
    }
    event_free(event);
    if (status != ATTUNE_CANCELLED) {
        worker_say(w, true, err.text);
    }
}
