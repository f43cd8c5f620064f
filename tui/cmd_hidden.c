/* hidden: the states between the layers, where the model does its thinking. */
#include <config.h>

#include "cli.h"

#include <attune/tensors.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"layer", 0, "L|all", "0 enters the first block, the last is after the final norm (all)"},
    {"stack", 0, "NAME", "encoder or decoder, for models that have both"},
    {NULL, 0, NULL, NULL},
};

struct states {
    float *x; /* [n_layers, T, d] */
    size_t n_layers, n, d;
    const attune_token *ids; /* [T], the context's */
    int first;               /* number of the first layer */
    bool all;
};

static int find_stack(struct cli *cli, enum attune_stack *out, struct attune_error *err)
{
    const char *name = cli_value(cli, "stack");

    *out = ATTUNE_STACK_SELF;
    for (int s = 0; name && s < ATTUNE_STACK_COUNT; s++) {
        if (strcmp(name, attune_stack_text((enum attune_stack)s)) == 0) {
            *out = (enum attune_stack)s;
            return ATTUNE_OK;
        }
    }
    return name ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                   "--stack %s: there are encoder and decoder", name)
                : ATTUNE_OK;
}

/* The tokens of that stack. */
static const attune_token *tokens_of(const struct cli_context *c, enum attune_stack stack,
                                     size_t *n)
{
    const attune_token *ids = attune_context_encoder_tokens(c->ctx, n);

    if (stack == ATTUNE_STACK_ENCODER && *n > 0) {
        return ids;
    }
    *n = attune_context_length(c->ctx);
    return attune_context_tokens(c->ctx);
}

static int fetch(struct cli *cli, struct cli_context *c, struct states *out,
                 struct attune_error *err)
{
    enum attune_stack stack;
    int status = find_stack(cli, &stack, err), count = 0;

    if (status == ATTUNE_OK) {
        count = attune_context_hidden_count(c->ctx, stack);
        status = count ? ATTUNE_OK : attune_context_hidden(c->ctx, stack, 0, 0, 0, NULL, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    out->ids = tokens_of(c, stack, &out->n);
    out->d = (size_t)attune_model_info(c->model)->d_model;
    out->n_layers = out->all ? (size_t)count : 1;
    out->x = calloc(out->n_layers * out->n * out->d + 1, sizeof *out->x);
    if (!out->x) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t l = 0; l < out->n_layers && status == ATTUNE_OK; l++) {
        status = attune_context_hidden(c->ctx, stack, out->first + (int)l, 0, out->n,
                                       out->x + l * out->n * out->d, err);
    }
    return status;
}

static int write_file(const char *path, const struct states *s, struct attune_error *err)
{
    struct attune_tensor tensor = {
        .name = s->all ? "hidden_states" : "hidden",
        .dtype = "F32",
        .n_dims = s->all ? 3 : 2,
        .data = s->x,
        .n_bytes = s->n_layers * s->n * s->d * sizeof *s->x,
    };

    memcpy(tensor.shape,
           s->all ? (uint64_t[]){s->n_layers, s->n, s->d} : (uint64_t[]){s->n, s->d, 0},
           3 * sizeof *tensor.shape);
    return attune_tensors_write(path, &tensor, 1, err);
}

static json_t *describe(const struct states *s, bool with_numbers)
{
    json_t *out = json_object(), *shape = json_array(), *layers = json_array();

    if (s->all) {
        json_array_append_new(shape, json_integer((json_int_t)s->n_layers));
    } else {
        json_object_set_new(out, "layer", json_integer(s->first));
    }
    json_array_append_new(shape, json_integer((json_int_t)s->n));
    json_array_append_new(shape, json_integer((json_int_t)s->d));
    json_object_set_new(out, "shape", shape);
    for (size_t l = 0; l < s->n_layers && with_numbers; l++) {
        json_t *rows = json_array();

        for (size_t t = 0; t < s->n; t++) {
            json_t *row = json_array();

            for (size_t i = 0; i < s->d; i++) {
                json_array_append_new(row, cli_json_real((double)s->x[(l * s->n + t) * s->d + i]));
            }
            json_array_append_new(rows, row);
        }
        json_array_append_new(layers, rows);
    }
    if (with_numbers) {
        json_object_set(out, s->all ? "hidden_states" : "hidden",
                        s->all ? layers : json_array_get(layers, 0));
    }
    json_decref(layers);
    return out;
}

/* How long each state is, and how far the layer turned it: what a glance can take in. */
static void print_table(struct cli *cli, const struct cli_context *c, const struct states *s)
{
    char shown[128];

    fprintf(cli->out, "length of each state%s\n", s->n_layers > 1 ? ", layer by layer" : "");
    for (size_t t = 0; t < s->n; t++) {
        cli_show_token(shown, sizeof shown, attune_model_tokenizer(c->model), s->ids[t], 14);
        fprintf(cli->out, "%4zu %s", t, shown);
        for (size_t l = 0; l < s->n_layers; l++) {
            const float *x = s->x + (l * s->n + t) * s->d;
            double square = 0;

            for (size_t i = 0; i < s->d; i++) {
                square += (double)x[i] * (double)x[i];
            }
            fprintf(cli->out, " %8.3f", sqrt(square));
        }
        fputc('\n', cli->out);
    }
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct cli_context c = {0};
    struct states states = {0};
    const char *path = cli_value(cli, "output"), *layer = cli_value(cli, "layer");
    long number = 0;
    int status;

    states.all = !layer || strcmp(layer, "all") == 0;
    if (!states.all && cli_long(cli, "layer", 0, INT_MAX, &number) != CLI_OK) {
        return CLI_USAGE;
    }
    states.first = (int)number;
    status = cli_open_context(
        cli, &c, (struct attune_context_options){.keep_hidden = true, .no_queries = true}, 0, true,
        &err);
    if (status == ATTUNE_OK) {
        status = fetch(cli, &c, &states, &err);
    }
    if (status == ATTUNE_OK && path) {
        status = write_file(path, &states, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, describe(&states, !path));
    } else if (!path) {
        print_table(cli, &c, &states);
    }
    free(states.x);
    cli_context_done(&c);
    return status;
}

const struct cmd_ops cmd_hidden = {
    .name = "hidden",
    .args = "",
    .help = "hidden states of one layer or all",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_OUTPUT | CLI_ABLATE,
    .options = options,
    .run = run,
};
