/* logits: what the head says at every position, as numbers, as the likeliest tokens, or into a
 * file. */
#include <config.h>

#include "cli.h"

#include <attune/dist.h>
#include <attune/tensors.h>

#include <stdlib.h>

static int write_file(const char *path, const float *logits, size_t n, size_t n_vocab,
                      struct attune_error *err)
{
    const struct attune_tensor tensor = {
        .name = "logits",
        .dtype = "F32",
        .n_dims = 2,
        .shape = {n, n_vocab},
        .data = logits,
        .n_bytes = n * n_vocab * sizeof *logits,
    };

    return attune_tensors_write(path, &tensor, 1, err);
}

static json_t *describe(const float *logits, size_t n, size_t n_vocab, bool with_numbers)
{
    json_t *out = json_object(), *argmax = json_array(), *rows = json_array();

    json_object_set_new(out, "shape", json_pack("[I, I]", (json_int_t)n, (json_int_t)n_vocab));
    for (size_t t = 0; t < n; t++) {
        const float *row = logits + t * n_vocab;
        struct attune_dist dist;
        json_t *numbers = json_array();

        attune_dist_of(&dist, row, n_vocab);
        json_array_append_new(argmax, json_integer(dist.top[0].id));
        for (size_t i = 0; i < n_vocab && with_numbers; i++) {
            json_array_append_new(numbers, cli_json_real((double)row[i]));
        }
        json_array_append_new(rows, numbers);
    }
    json_object_set_new(out, "argmax", argmax);
    if (with_numbers) {
        json_object_set_new(out, "logits", rows);
    } else {
        json_decref(rows);
    }
    return out;
}

/* A line a position: the token there, and what the model expects after it. */
static void print_table(struct cli *cli, const struct cli_context *c, const float *logits,
                        size_t n_vocab)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(c->model);
    char shown[128];

    for (size_t t = 0; t < c->prompt.n; t++) {
        struct attune_dist dist;

        attune_dist_of(&dist, logits + t * n_vocab, n_vocab);
        cli_show_token(shown, sizeof shown, tk, c->prompt.ids[t], 14);
        fprintf(cli->out, "%4zu %s ->", t, shown);
        for (size_t i = 0; i < 4 && i < dist.n_top; i++) {
            cli_show_token(shown, sizeof shown, tk, dist.top[i].id, 12);
            fprintf(cli->out, "  %s %.3f", shown, dist.top[i].p);
        }
        fputc('\n', cli->out);
    }
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct cli_context c = {0};
    const char *path = cli_value(cli, "output");
    float *logits = NULL; /* [T, V] */
    size_t n_vocab = 0;
    int status = cli_open_context(cli, &c, (struct attune_context_options){.no_queries = true}, 0,
                                  true, &err);

    if (status == ATTUNE_OK) {
        n_vocab = (size_t)attune_model_info(c.model)->n_vocab;
        logits = calloc(c.prompt.n * n_vocab + 1, sizeof *logits);
        status = logits ? attune_context_logits(c.ctx, 0, c.prompt.n, logits, &err)
                        : attune_error_set(&err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK && path) {
        status = write_file(path, logits, c.prompt.n, n_vocab, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, describe(logits, c.prompt.n, n_vocab, !path));
    } else if (!path) {
        print_table(cli, &c, logits, n_vocab);
    }
    free(logits);
    cli_context_done(&c);
    return status;
}

const struct cmd_ops cmd_logits = {
    .name = "logits",
    .args = "",
    .help = "the raw scores of every token at every position",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_OUTPUT,
    .run = run,
};
