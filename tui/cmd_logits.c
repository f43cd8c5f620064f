/* logits: what the model's heads say, as numbers, as the likeliest tokens, or into a file. */
#include <config.h>

#include "cli.h"

#include <attune/dist.h>
#include <attune/tensors.h>

#include <stdlib.h>
#include <string.h>

/* One array that goes to the file; names as transformers has them. */
struct array {
    const char *name;
    float *x; /* [rows, width], [rows] where width is 1, [width] where rows is 0 */
    size_t rows, width;
};

enum { MAX_ARRAYS = 8 };

struct arrays {
    struct array list[MAX_ARRAYS];
    int n;
};

static float *add_array(struct arrays *out, const char *name, size_t rows, size_t width)
{
    struct array *a = &out->list[out->n];

    *a = (struct array){name, calloc((rows ? rows : 1) * width + 1, sizeof *a->x), rows, width};
    out->n += a->x != NULL;
    return a->x;
}

static void free_arrays(struct arrays *arrays)
{
    for (int i = 0; i < arrays->n; i++) {
        free(arrays->list[i].x);
    }
}

/* The two numbers of each token as two rows. */
static int split_span(struct arrays *out, const float *pairs, size_t n)
{
    float *start = add_array(out, "start_logits", n, 1), *end = add_array(out, "end_logits", n, 1);

    for (size_t t = 0; t < n && start && end; t++) {
        start[t] = pairs[2 * t];
        end[t] = pairs[2 * t + 1];
    }
    return start && end ? ATTUNE_OK : ATTUNE_MEMORY;
}

/* "logits", unless there are two of them or the output has a name of its own. */
static const char *name_of(const struct attune_model *model, enum attune_output output)
{
    bool two = attune_model_output(model, ATTUNE_OUTPUT_TOKENS).there &&
               attune_model_output(model, ATTUNE_OUTPUT_NEXT_SENTENCE).there;

    return output == ATTUNE_OUTPUT_POOLED          ? "pooler_output"
           : two && output == ATTUNE_OUTPUT_TOKENS ? "prediction_logits"
           : two                                   ? "seq_relationship_logits"
                                                   : "logits";
}

static int compute_output(struct cli_context *c, enum attune_output output, struct arrays *out,
                          struct attune_error *err)
{
    struct attune_output_shape shape = attune_model_output(c->model, output);
    size_t n = shape.every_token ? attune_context_length(c->ctx) : 0;
    bool span = output == ATTUNE_OUTPUT_SPAN;
    struct arrays pairs = {0};
    float *x = add_array(span ? &pairs : out, name_of(c->model, output), n, (size_t)shape.width);
    int status = x ? attune_context_output(c->ctx, output, 0, n ? n : 1, x, err) : ATTUNE_MEMORY;

    if (status == ATTUNE_OK && span) {
        status = split_span(out, x, n);
    }
    free_arrays(&pairs);
    return status;
}

static int compute(struct cli_context *c, struct arrays *out, struct attune_error *err)
{
    size_t n = attune_context_length(c->ctx);
    size_t width = (size_t)attune_context_states_width(c->ctx, ATTUNE_STACK_SELF);
    float *states;
    int status = ATTUNE_OK;

    for (int i = 0; i < ATTUNE_OUTPUT_COUNT && status == ATTUNE_OK; i++) {
        if (attune_model_output(c->model, (enum attune_output)i).there) {
            status = compute_output(c, (enum attune_output)i, out, err);
        }
    }
    if (status == ATTUNE_OK) {
        states = add_array(out, "last_hidden_state", n, width);
        status = states ? attune_context_states(c->ctx, ATTUNE_STACK_SELF, 0, n, states, err)
                        : ATTUNE_MEMORY;
    }
    return status == ATTUNE_MEMORY ? attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory")
                                   : status;
}

static int write_file(const char *path, const struct arrays *arrays, struct attune_error *err)
{
    struct attune_tensor tensors[MAX_ARRAYS] = {{0}};

    for (int i = 0; i < arrays->n; i++) {
        const struct array *a = &arrays->list[i];
        uint64_t shape[2] = {a->rows ? a->rows : a->width, a->width};

        tensors[i] = (struct attune_tensor){
            .name = a->name,
            .dtype = "F32",
            .n_dims = a->rows && a->width > 1 ? 2 : 1,
            .data = a->x,
            .n_bytes = (a->rows ? a->rows : 1) * a->width * sizeof *a->x,
        };
        memcpy(tensors[i].shape, shape, sizeof shape);
    }
    return attune_tensors_write(path, tensors, (size_t)arrays->n, err);
}

static json_t *numbers_of(const struct array *a)
{
    json_t *rows = json_array();

    for (size_t t = 0; t < (a->rows ? a->rows : 1); t++) {
        json_t *row = json_array();

        for (size_t i = 0; i < a->width; i++) {
            json_array_append_new(row, cli_json_real((double)a->x[t * a->width + i]));
        }
        if (a->rows && a->width > 1) {
            json_array_append_new(rows, row);
        } else {
            json_array_extend(rows, row);
            json_decref(row);
        }
    }
    return rows;
}

/* Shape and argmax are those of the first array; with the numbers come all but the states. */
static json_t *describe(const struct arrays *arrays, bool with_numbers)
{
    const struct array *first = &arrays->list[0];
    json_t *out = json_object(), *argmax = json_array();

    json_object_set_new(out, "shape",
                        first->rows
                            ? json_pack("[I, I]", (json_int_t)first->rows, (json_int_t)first->width)
                            : json_pack("[I]", (json_int_t)first->width));
    for (size_t t = 0; t < (first->rows ? first->rows : 1); t++) {
        const float *row = first->x + t * first->width;
        size_t best = 0;

        for (size_t i = 1; i < first->width; i++) {
            best = row[i] > row[best] ? i : best;
        }
        json_array_append_new(argmax, json_integer((json_int_t)best));
    }
    json_object_set_new(out, "argmax", argmax);
    for (int i = 0; with_numbers && (i < arrays->n - 1 || i == 0); i++) {
        json_object_set_new(out, arrays->list[i].name, numbers_of(&arrays->list[i]));
    }
    return out;
}

/* A line a position: the token there, and what the model expects after it. */
static void print_table(struct cli *cli, const struct cli_context *c, const float *logits,
                        size_t n_vocab)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(c->model);
    const attune_token *ids = attune_context_tokens(c->ctx);
    size_t n = attune_context_length(c->ctx);
    char shown[128];

    for (size_t t = 0; t < n; t++) {
        struct attune_dist dist;

        attune_dist_of(&dist, logits + t * n_vocab, n_vocab);
        cli_show_token(shown, sizeof shown, tk, ids[t], 14);
        fprintf(cli->out, "%4zu %s ->", t, shown);
        for (size_t i = 0; i < 4 && i < dist.n_top; i++) {
            cli_show_token(shown, sizeof shown, tk, dist.top[i].id, 12);
            fprintf(cli->out, "  %s %.3f", shown, dist.top[i].p);
        }
        fputc('\n', cli->out);
    }
}

/* A line a row where the columns are no tokens: the numbers themselves. */
static void print_rows(struct cli *cli, const struct array *a)
{
    fprintf(cli->out, "%s\n", a->name);
    for (size_t t = 0; t < (a->rows ? a->rows : 1); t++) {
        for (size_t i = 0; i < a->width && i < 12; i++) {
            fprintf(cli->out, "%s%10.4f", i ? " " : "", (double)a->x[t * a->width + i]);
        }
        fprintf(cli->out, "%s\n", a->width > 12 ? " ..." : "");
    }
}

static void print(struct cli *cli, const struct cli_context *c, const struct arrays *arrays)
{
    bool tokens = attune_model_output(c->model, ATTUNE_OUTPUT_TOKENS).there;

    if (tokens) {
        print_table(cli, c, arrays->list[0].x, arrays->list[0].width);
    }
    for (int i = tokens; i < arrays->n - 1 || (i < arrays->n && arrays->n == 1); i++) {
        print_rows(cli, &arrays->list[i]);
    }
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct cli_context c = {0};
    struct arrays arrays = {0};
    const char *path = cli_value(cli, "output");
    int status = cli_open_context(cli, &c, (struct attune_context_options){.no_queries = true}, 0,
                                  true, &err);

    if (status == ATTUNE_OK) {
        status = compute(&c, &arrays, &err);
    }
    if (status == ATTUNE_OK && path) {
        status = write_file(path, &arrays, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, describe(&arrays, !path));
    } else if (!path) {
        print(cli, &c, &arrays);
    }
    free_arrays(&arrays);
    cli_context_done(&c);
    return status;
}

const struct cmd_ops cmd_logits = {
    .name = "logits",
    .args = "",
    .help = "the raw scores that the model's heads give",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_OUTPUT | CLI_ABLATE,
    .run = run,
};
