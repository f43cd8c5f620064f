/* embed: texts and words as vectors, how near they are to each other, and how that changes from
 * layer to layer. */
#include <config.h>

#include "cli_task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 24, TOKEN_WIDTH = 16, SHOWN = 6 };

static const struct cli_option options[] = {
    {"word", 0, "WORD", "the word's vector in place of the text's: the mean of its tokens"},
    {"nth", 0, "N", "which of the word's occurrences (1)"},
    {"pool", 0, "HOW", "pooler, cls, mean or max; the pooler where there is one, else mean"},
    {"layers", 0, NULL, "how near the texts (or words) are after every layer"},
    {NULL, 0, NULL, NULL},
};

struct embedded {
    float **pooled;        /* [n] of [width]: of the text, or of the word in it */
    float **vectors;       /* [n] of [T, d] */
    float **layers;        /* [n] of [n_layers, d_model], with --layers */
    size_t *first, *count; /* [n] tokens of the word, or all */
    size_t n, width, d, n_layers, d_model;
    enum attune_pooling pooling;
};

static int find_pooling(struct cli *cli, enum attune_pooling *out, struct attune_error *err)
{
    const char *name = cli_value(cli, "pool");

    *out = ATTUNE_POOL_DEFAULT;
    for (int i = 0; name && i < ATTUNE_POOL_COUNT; i++) {
        if (strcmp(name, attune_pooling_text((enum attune_pooling)i)) == 0) {
            *out = (enum attune_pooling)i;
            return ATTUNE_OK;
        }
    }
    return name ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                   "--pool %s: there are pooler, cls, mean and max", name)
                : ATTUNE_OK;
}

static int prepare(struct cli *cli, const struct cli_task *task, struct embedded *out,
                   struct attune_error *err)
{
    const char *word = cli_value(cli, "word");
    enum attune_stack encoder = attune_context_hidden_count(task->ctx, ATTUNE_STACK_ENCODER) > 0
                                    ? ATTUNE_STACK_ENCODER
                                    : ATTUNE_STACK_SELF;
    int status = find_pooling(cli, &out->pooling, err);

    if (status == ATTUNE_OK && out->pooling == ATTUNE_POOL_POOLER &&
        !attune_model_output(task->model, ATTUNE_OUTPUT_POOLED).there) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "--pool pooler: %.80s has none; cls, mean and max remain",
                                  attune_model_info(task->model)->name);
    }
    out->n = task->n;
    out->d = (size_t)attune_task_width(task->ctx);
    out->width = word ? out->d : (size_t)attune_task_pool_width(task->ctx, out->pooling);
    out->n_layers =
        cli_has(cli, "layers") ? (size_t)attune_context_hidden_count(task->ctx, encoder) : 0;
    out->d_model = (size_t)attune_model_info(task->model)->d_model;
    out->pooled = calloc(out->n, sizeof *out->pooled);
    out->vectors = calloc(out->n, sizeof *out->vectors);
    out->layers = calloc(out->n, sizeof *out->layers);
    out->first = calloc(out->n, sizeof *out->first);
    out->count = calloc(out->n, sizeof *out->count);
    if (status == ATTUNE_OK &&
        (!out->pooled || !out->vectors || !out->layers || !out->first || !out->count)) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    return status;
}

static void free_embedded(struct embedded *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->pooled ? e->pooled[i] : NULL);
        free(e->vectors ? e->vectors[i] : NULL);
        free(e->layers ? e->layers[i] : NULL);
    }
    free(e->pooled);
    free(e->vectors);
    free(e->layers);
    free(e->first);
    free(e->count);
}

/* The tokens of the word, or all of the text but padding at its end. */
static int find_tokens(struct cli *cli, const struct cli_task_text *t, size_t *first, size_t *n,
                       struct attune_error *err)
{
    const char *word = cli_value(cli, "word");
    long nth = 1;

    *first = 0;
    *n = t->tokens.tokens.n;
    while (t->tokens.mask && *n > 0 && !t->tokens.mask[*n - 1]) {
        --*n;
    }
    if (!word) {
        return ATTUNE_OK;
    }
    cli_long(cli, "nth", 1, INT32_MAX, &nth); /* looked at in run */
    return attune_task_word(first, n, &t->tokens, &t->given, word, (size_t)nth - 1, err);
}

static int embed_one(struct cli *cli, struct cli_task *task, struct embedded *e, size_t i,
                     struct attune_error *err)
{
    const struct cli_task_text *t = &task->texts[i];
    int status = find_tokens(cli, t, &e->first[i], &e->count[i], err);

    if (status == ATTUNE_OK) {
        status = cli_task_sync(cli, task, i, err);
    }
    e->pooled[i] = calloc(e->width + 1, sizeof *e->pooled[i]);
    e->vectors[i] = calloc(t->tokens.tokens.n * e->d + 1, sizeof *e->vectors[i]);
    e->layers[i] = calloc(e->n_layers * e->d_model + 1, sizeof *e->layers[i]);
    if (status == ATTUNE_OK && (!e->pooled[i] || !e->vectors[i] || !e->layers[i])) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t k = 0; k < t->tokens.tokens.n && status == ATTUNE_OK; k++) {
        status = attune_task_vector(e->vectors[i] + k * e->d, task->ctx, -1, k, 1, err);
    }
    if (status == ATTUNE_OK) {
        status =
            cli_has(cli, "word")
                ? attune_task_vector(e->pooled[i], task->ctx, -1, e->first[i], e->count[i], err)
                : attune_task_pool(e->pooled[i], task->ctx, &t->tokens, e->pooling, err);
    }
    for (size_t l = 0; l < e->n_layers && status == ATTUNE_OK; l++) {
        status = attune_task_vector(e->layers[i] + l * e->d_model, task->ctx, (int)l, e->first[i],
                                    e->count[i], err);
    }
    return status;
}

/* ---- printing ---- */
static json_t *row_json(const float *x, size_t n)
{
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(out, cli_json_real((double)x[i]));
    }
    return out;
}

static json_t *text_json(struct cli *cli, const struct cli_task *task, const struct embedded *e,
                         size_t i)
{
    const struct cli_task_text *t = &task->texts[i];
    size_t n = t->tokens.tokens.n;
    json_t *out = json_object(), *tokens = json_array(), *vectors = json_array();

    for (size_t k = 0; k < n; k++) {
        json_array_append_new(tokens, cli_task_token(task->tk, t->tokens.tokens.ids[k]));
        json_array_append_new(vectors, row_json(e->vectors[i] + k * e->d, e->d));
    }
    json_object_set_new(out, "text", cli_json_text(t->text, t->given.len));
    json_object_set_new(out, "shape", json_pack("[I,I]", (json_int_t)n, (json_int_t)e->d));
    json_object_set_new(out, "pooled", row_json(e->pooled[i], e->width));
    json_object_set_new(out, "tokens", tokens);
    json_object_set_new(out, "vectors", vectors);
    if (cli_has(cli, "word")) {
        json_object_set_new(
            out, "word",
            json_pack("{s:o,s:I,s:I}", "text",
                      cli_json_text(cli_value(cli, "word"), strlen(cli_value(cli, "word"))),
                      "first", (json_int_t)e->first[i], "n", (json_int_t)e->count[i]));
    }
    return out;
}

static json_t *matrix_json(float *const *rows, size_t offset, size_t n, size_t width)
{
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array();

        for (size_t k = 0; k < n; k++) {
            json_array_append_new(
                row, cli_json_real(attune_task_cosine(rows[i] + offset, rows[k] + offset, width)));
        }
        json_array_append_new(out, row);
    }
    return out;
}

/* One text stands at the top, several are a list. */
static json_t *describe(struct cli *cli, const struct cli_task *task, const struct embedded *e)
{
    json_t *out = e->n == 1 ? text_json(cli, task, e, 0) : json_object();
    json_t *texts = json_array(), *layers = json_array();

    for (size_t i = 0; i < e->n && e->n > 1; i++) {
        json_array_append_new(texts, text_json(cli, task, e, i));
    }
    if (e->n > 1) {
        json_object_set(out, "texts", texts);
        json_object_set_new(out, "cosine", matrix_json(e->pooled, 0, e->n, e->width));
    }
    for (size_t l = 0; l < e->n_layers; l++) {
        json_array_append_new(layers,
                              json_pack("{s:I,s:o}", "layer", (json_int_t)l, "cosine",
                                        matrix_json(e->layers, l * e->d_model, e->n, e->d_model)));
    }
    if (e->n_layers > 0) {
        json_object_set(out, "layers", layers);
    }
    json_decref(texts);
    json_decref(layers);
    return out;
}

static void print_row(FILE *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        fprintf(out, " %8.4f", (double)x[i]);
    }
    fprintf(out, "%s\n", n > SHOWN ? " ..." : "");
}

static void print_text(struct cli *cli, const struct cli_task *task, const struct embedded *e,
                       size_t i)
{
    const struct cli_task_text *t = &task->texts[i];
    char shown[4 * TOKEN_WIDTH + 16];

    fprintf(cli->out, "%s%zu tokens of %zu dimensions, %s %zu\n", i ? "\n" : "", t->tokens.tokens.n,
            e->d, cli_has(cli, "word") ? "a word of" : "pooled to", e->width);
    for (size_t k = 0; k < t->tokens.tokens.n; k++) {
        bool of_word = cli_has(cli, "word") && k >= e->first[i] && k < e->first[i] + e->count[i];

        cli_task_show(shown, sizeof shown, task->tk, t->tokens.tokens.ids[k], TOKEN_WIDTH);
        fprintf(cli->out, "%c%4zu  %s", of_word ? '*' : ' ', k, shown);
        print_row(cli->out, e->vectors[i] + k * e->d, e->d);
    }
    fprintf(cli->out, "       %-*s", TOKEN_WIDTH, cli_has(cli, "word") ? "the word" : "the text");
    print_row(cli->out, e->pooled[i], e->width);
}

static void print_cosines(FILE *out, const struct embedded *e)
{
    fprintf(out, "\ncosine");
    for (size_t k = 0; k < e->n; k++) {
        fprintf(out, " %8zu", k + 1);
    }
    fputc('\n', out);
    for (size_t i = 0; i < e->n; i++) {
        fprintf(out, "%6zu", i + 1);
        for (size_t k = 0; k < e->n; k++) {
            fprintf(out, " %8.4f", attune_task_cosine(e->pooled[i], e->pooled[k], e->width));
        }
        fputc('\n', out);
    }
}

/* A line a layer and a pair of texts. */
static void print_layers(FILE *out, const struct embedded *e)
{
    char bar[3 * BAR_WIDTH + 1];

    fputc('\n', out);
    for (size_t l = 0; l < e->n_layers; l++) {
        for (size_t i = 0; i < e->n; i++) {
            for (size_t k = i + 1; k < e->n; k++) {
                double c = attune_task_cosine(e->layers[i] + l * e->d_model,
                                              e->layers[k] + l * e->d_model, e->d_model);

                cli_show_bar(bar, c, BAR_WIDTH);
                fprintf(out, "layer %2zu  %zu-%zu  %8.4f  %s\n", l, i + 1, k + 1, c, bar);
            }
        }
    }
}

static int embed(struct cli *cli, struct cli_task *task, struct embedded *out,
                 struct attune_error *err)
{
    const struct cli_task_options several = {.lines = true, .several = true};
    int status = cli_task_open(cli, task, err);

    if (status == ATTUNE_OK) {
        status = cli_task_add_prompts(cli, task, several, err);
    }
    if (status == ATTUNE_OK && cli_has(cli, "layers") && task->n < 2) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "--layers compares texts: give -p twice or more");
    }
    if (status == ATTUNE_OK) {
        status = cli_task_start(cli, task, cli_has(cli, "layers"), err);
    }
    if (status == ATTUNE_OK) {
        status = prepare(cli, task, out, err);
    }
    for (size_t i = 0; i < task->n && status == ATTUNE_OK; i++) {
        status = embed_one(cli, task, out, i, err);
    }
    return status;
}

static int run(struct cli *cli)
{
    struct cli_task task = {0};
    struct attune_error err = {0};
    struct embedded e = {0};
    long nth = 1;
    int status;

    if (cli_long(cli, "nth", 1, INT32_MAX, &nth)) {
        return CLI_USAGE;
    }
    status = embed(cli, &task, &e, &err);
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, describe(cli, &task, &e));
    } else {
        for (size_t i = 0; i < e.n; i++) {
            print_text(cli, &task, &e, i);
        }
        if (e.n > 1) {
            print_cosines(cli->out, &e);
        }
        if (e.n_layers > 0) {
            print_layers(cli->out, &e);
        }
    }
    free_embedded(&e);
    cli_task_done(&task);
    return status;
}

const struct cmd_ops cmd_embed = {
    .name = "embed",
    .args = "",
    .help = "texts and words as vectors, and how near they are to each other",
    .groups = CLI_MODEL | CLI_PROMPT,
    .options = options,
    .run = run,
};
