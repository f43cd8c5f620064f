/* Heads that answer with a choice: the next sentence, a span, a label, a label a token.
 *
 * Reference: the pipelines of transformers. A span's text is cut by token offsets; the pipeline
 * widens it to whole words. */
#include <config.h>

#include "engine/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int task_rows(float **out, struct attune_context *ctx, enum attune_output output, size_t n,
              struct attune_error *err)
{
    struct attune_output_shape shape = attune_model_output(attune_context_model(ctx), output);
    int status;

    *out = calloc(n * (size_t)shape.width + 1, sizeof **out);
    status = *out ? attune_context_output(ctx, output, 0, n, *out, err)
                  : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    if (status != ATTUNE_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

void task_softmax(double *p, const float *logits, size_t stride, const uint8_t *keep, size_t n)
{
    double max = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++) {
        if ((!keep || keep[i]) && logits[i * stride] > max) {
            max = (double)logits[i * stride];
        }
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = keep && !keep[i] ? 0 : exp((double)logits[i * stride] - max);
        sum += p[i];
    }
    for (size_t i = 0; i < n; i++) {
        p[i] /= sum;
    }
}

int attune_task_follows(double *is_next, struct attune_context *ctx, struct attune_error *err)
{
    double p[2];
    float *logits;
    int status = task_rows(&logits, ctx, ATTUNE_OUTPUT_NEXT_SENTENCE, 1, err);

    if (status == ATTUNE_OK) {
        task_softmax(p, logits, 1, NULL, 2);
        *is_next = p[0];
    }
    free(logits);
    return status;
}

/* ---- spans ---- */
int attune_task_span(double *p_start, double *p_end, struct attune_context *ctx,
                     const struct attune_task_tokens *tokens, struct attune_error *err)
{
    size_t n = tokens->tokens.n, inside = 0;
    uint8_t *keep = calloc(n + 1, 1);
    float *logits = NULL;
    int status = keep ? task_rows(&logits, ctx, ATTUNE_OUTPUT_SPAN, n, err)
                      : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        keep[i] = i == 0 || tokens->parts[i] == ATTUNE_TASK_PAIR;
        inside += tokens->parts[i] == ATTUNE_TASK_PAIR;
    }
    if (status == ATTUNE_OK && inside == 0) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "there is no text to find an answer in: it is the second of two "
                                  "texts, of segment 1");
    }
    if (status == ATTUNE_OK) {
        task_softmax(p_start, logits, 2, keep, n);
        task_softmax(p_end, logits + 1, 2, keep, n);
    }
    free(keep);
    free(logits);
    return status;
}

static bool is_better(const struct attune_task_answer *a, const struct attune_task_answer *b)
{
    return a->score != b->score   ? a->score > b->score
           : a->first != b->first ? a->first < b->first
                                  : a->last < b->last;
}

/* Keeps list [*n] sorted, the best first. */
static void offer(struct attune_task_answer *list, size_t capacity, size_t *n,
                  const struct attune_task_answer *a)
{
    size_t at = *n;

    if (capacity == 0 || (at == capacity && !is_better(a, &list[at - 1]))) {
        return;
    }
    at -= at == capacity;
    for (; at > 0 && is_better(a, &list[at - 1]); at--) {
        list[at] = list[at - 1];
    }
    list[at] = *a;
    *n += *n < capacity;
}

size_t attune_task_answers(struct attune_task_answer *out, size_t capacity, const double *p_start,
                           const double *p_end, const struct attune_task_tokens *tokens,
                           size_t longest)
{
    const struct attune_tokens *t = &tokens->tokens;
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        size_t stop = longest > 0 && longest < t->n - i ? i + longest : t->n;

        for (size_t k = i; k < stop && tokens->parts[i] == ATTUNE_TASK_PAIR; k++) {
            struct attune_task_answer a = {i, k, t->start[i], t->end[k], p_start[i] * p_end[k]};

            if (tokens->parts[k] == ATTUNE_TASK_PAIR) {
                offer(out, capacity, &n, &a);
            }
        }
    }
    return n;
}

double attune_task_no_answer(const double *p_start, const double *p_end)
{
    return p_start[0] * p_end[0];
}

/* ---- labels ---- */
int attune_task_labels(double *p, struct attune_context *ctx, struct attune_error *err)
{
    const struct attune_model *model = attune_context_model(ctx);
    size_t n = (size_t)attune_model_output(model, ATTUNE_OUTPUT_LABELS).width;
    float *logits;
    int status = task_rows(&logits, ctx, ATTUNE_OUTPUT_LABELS, 1, err);

    if (status == ATTUNE_OK && (n == 1 || attune_model_info(model)->many_labels)) {
        for (size_t i = 0; i < n; i++) {
            p[i] = 1 / (1 + exp(-(double)logits[i]));
        }
    } else if (status == ATTUNE_OK) {
        task_softmax(p, logits, 1, NULL, n);
    }
    free(logits);
    return status;
}

int attune_task_tags(struct attune_task_tag *out, struct attune_context *ctx,
                     struct attune_error *err)
{
    const struct attune_model *model = attune_context_model(ctx);
    size_t width = (size_t)attune_model_output(model, ATTUNE_OUTPUT_TOKEN_LABELS).width;
    size_t n = attune_context_length(ctx);
    double *p = calloc(width + 1, sizeof *p);
    float *logits = NULL;
    int status = p ? task_rows(&logits, ctx, ATTUNE_OUTPUT_TOKEN_LABELS, n, err)
                   : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    for (size_t t = 0; t < n && status == ATTUNE_OK; t++) {
        out[t] = (struct attune_task_tag){0};
        task_softmax(p, logits + t * width, 1, NULL, width);
        for (size_t i = 1; i < width; i++) {
            out[t].label = p[i] > p[out[t].label] ? (int)i : out[t].label;
        }
        out[t].p = p[out[t].label];
    }
    free(logits);
    free(p);
    return status;
}

/* "B-PER" is the name PER and begins an entity; a label without a prefix goes on. */
static const char *name_of(const struct attune_model *model, int label, bool *begins)
{
    const char *text = attune_model_label(model, label);

    text = text ? text : "";
    *begins = text[0] == 'B' && text[1] == '-';
    return *begins || (text[0] == 'I' && text[1] == '-') ? text + 2 : text;
}

size_t attune_task_entities(struct attune_task_entity *out, const struct attune_model *model,
                            const struct attune_task_tag *tags,
                            const struct attune_task_tokens *tokens)
{
    const struct attune_tokens *t = &tokens->tokens;
    const char *before = "";
    size_t n = 0, joined = 0, last = t->n; /* the token before that was not added */

    for (size_t i = 0; i < t->n; i++) {
        bool begins, joins;
        const char *name;

        if (tokens->parts[i] == ATTUNE_TASK_ADDED) {
            continue;
        }
        name = name_of(model, tags[i].label, &begins);
        joins = last < t->n && tokens->parts[last] == tokens->parts[i] && !begins &&
                strcmp(name, before) == 0;
        before = name;
        last = i;
        if (strcmp(name, "O") == 0) {
            continue;
        }
        if (joins) {
            out[n - 1].last = i;
            out[n - 1].end = t->end[i];
            out[n - 1].p += (tags[i].p - out[n - 1].p) / (double)++joined;
            continue;
        }
        out[n++] = (struct attune_task_entity){
            .name = name,
            .first = i,
            .last = i,
            .part = (enum attune_task_part)tokens->parts[i],
            .start = t->start[i],
            .end = t->end[i],
            .p = tags[i].p,
        };
        joined = 1;
    }
    return n;
}
