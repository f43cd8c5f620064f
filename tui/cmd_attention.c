/* attention: one head's map as text or JSON, or every head of a kind into a file. Heads are
 * computed one at a time. */
#include <config.h>

#include "cli.h"

#include <attune/attention.h>
#include <attune/tensors.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"layer", 0, "L", "layer, from 0 (0)"},
    {"head", 0, "H", "head, from 0 (0)"},
    {"kind", 0, "NAME", "self, encoder, decoder or cross (self)"},
    {"all", 0, NULL, "all layers and heads, with -o FILE.safetensors"},
    {NULL, 0, NULL, NULL},
};

struct map {
    enum attune_stack kind;
    int layer, head;
    size_t n_queries, n_keys;
    float *weights; /* [queries, keys], or [layers, heads, queries, keys] */
};

static int find_kind(const char *name, enum attune_stack *out, struct attune_error *err)
{
    for (int k = 0; name && k < ATTUNE_STACK_COUNT; k++) {
        if (strcmp(name, attune_stack_text((enum attune_stack)k)) == 0) {
            *out = (enum attune_stack)k;
            return ATTUNE_OK;
        }
    }
    *out = ATTUNE_STACK_SELF;
    return name ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                   "--kind %s: there are self, encoder, decoder and cross", name)
                : ATTUNE_OK;
}

static int fill(struct attune_context *ctx, const struct attune_attention_shape *shape,
                struct map *m, bool all, struct attune_error *err)
{
    size_t plane = shape->n_queries * shape->n_keys;
    int layers = all ? shape->n_layers : 1, heads = all ? shape->n_heads : 1, status = ATTUNE_OK;

    m->n_queries = shape->n_queries;
    m->n_keys = shape->n_keys;
    m->weights = calloc(plane * (size_t)layers * (size_t)heads + 1, sizeof *m->weights);
    if (!m->weights) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (int i = 0; i < layers * heads && status == ATTUNE_OK; i++) {
        status = attune_attention_slice(ctx, m->kind, all ? i / heads : m->layer,
                                        all ? i % heads : m->head, 0, m->n_queries, 0, m->n_keys,
                                        m->weights + (size_t)i * plane, err);
    }
    return status;
}

static int write_all(const char *path, const struct attune_attention_shape *shape,
                     const struct map *m, struct attune_error *err)
{
    struct attune_tensor tensor = {
        .name = "attention",
        .dtype = "F32",
        .n_dims = 4,
        .shape = {(uint64_t)shape->n_layers, (uint64_t)shape->n_heads, m->n_queries, m->n_keys},
        .data = m->weights,
    };

    tensor.n_bytes =
        tensor.shape[0] * tensor.shape[1] * tensor.shape[2] * tensor.shape[3] * sizeof(float);
    return attune_tensors_write(path, &tensor, 1, err);
}

static json_t *tokens_of(const struct cli_context *c)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(c->model);
    json_t *out = json_array();

    for (size_t i = 0; i < c->prompt.n; i++) {
        size_t len = 0;
        char *bytes = cli_token_bytes(tk, c->prompt.ids[i], &len);

        json_array_append_new(out, tk && bytes ? cli_json_text(bytes, len)
                                               : json_integer(c->prompt.ids[i]));
        free(bytes);
    }
    return out;
}

static json_t *describe(const struct cli_context *c, const struct map *m)
{
    json_t *out = json_object(), *rows = json_array();

    json_object_set_new(out, "kind", json_string(attune_stack_text(m->kind)));
    json_object_set_new(out, "layer", json_integer(m->layer));
    json_object_set_new(out, "head", json_integer(m->head));
    json_object_set_new(out, "rows", tokens_of(c));
    json_object_set_new(out, "cols", tokens_of(c));
    for (size_t q = 0; q < m->n_queries; q++) {
        json_t *row = json_array();

        for (size_t k = 0; k < m->n_keys; k++) {
            json_array_append_new(row, cli_json_real((double)m->weights[q * m->n_keys + k]));
        }
        json_array_append_new(rows, row);
    }
    json_object_set_new(out, "weights", rows);
    return out;
}

/* A file in the format its name asks for. */
static int write_json(struct cli *cli, const struct cli_context *c, const struct map *m, FILE *f)
{
    json_t *value = describe(c, m);
    int failed =
        json_dumpf(value, f, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0 || fputc('\n', f) == EOF;

    json_decref(value);
    return failed;
}

static void csv_field(FILE *f, const char *bytes, size_t len)
{
    fputc('"', f);
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '"') {
            fputc('"', f);
        }
        fputc(bytes[i], f);
    }
    fputc('"', f);
}

/* First line: the keys; then a line a query, its token first. */
static int write_csv(struct cli *cli, const struct cli_context *c, const struct map *m, FILE *f)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(c->model);

    for (size_t line = 0; line <= m->n_queries; line++) {
        if (line == 0) {
            fputs("query", f);
        }
        for (size_t k = 0; k <= m->n_keys; k++) {
            size_t at = line == 0 ? k - 1 : line - 1, len = 0;
            char *bytes =
                (line == 0) != (k == 0) ? cli_token_bytes(tk, c->prompt.ids[at], &len) : NULL;

            if (k > 0) {
                fputc(',', f);
            }
            if (bytes) {
                csv_field(f, bytes, len);
            } else if (line > 0 && k > 0) {
                fprintf(f, "%.9g", (double)m->weights[(line - 1) * m->n_keys + k - 1]);
            }
            free(bytes);
        }
        fputc('\n', f);
    }
    return ferror(f);
}

static int write_tensor(const char *path, const struct map *m, struct attune_error *err)
{
    const struct attune_tensor tensor = {
        .name = "attention",
        .dtype = "F32",
        .n_dims = 2,
        .shape = {m->n_queries, m->n_keys},
        .data = m->weights,
        .n_bytes = m->n_queries * m->n_keys * sizeof *m->weights,
    };

    return attune_tensors_write(path, &tensor, 1, err);
}

static int write_one(struct cli *cli, const struct cli_context *c, const struct map *m,
                     const char *path, struct attune_error *err)
{
    static const struct {
        const char *suffix;
        int (*write)(struct cli *, const struct cli_context *, const struct map *, FILE *);
    } formats[] = {{".json", write_json}, {".csv", write_csv}};
    const char *dot = strrchr(path, '.');

    if (dot && strcmp(dot, ".safetensors") == 0) {
        return write_tensor(path, m, err);
    }
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(dot, formats[i].suffix) == 0) {
            FILE *f = fopen(path, "wb");
            int failed = !f || formats[i].write(cli, c, m, f);

            failed = (f && fclose(f) != 0) || failed;
            return failed ? attune_error_set(err, ATTUNE_IO, 0, "%s: %s", path, strerror(errno))
                          : ATTUNE_OK;
        }
    }
    return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                            "%s: a map is written as .json, .csv or .safetensors", path);
}

/* A character a weight, so that a head's pattern shows in any terminal and any log. */
static void print_map(struct cli *cli, const struct cli_context *c, const struct map *m)
{
    static const char ramp[] = " .:-=+*#%@";
    char shown[128];

    fprintf(cli->out, "layer %d, head %d: a row a query, a column a key; '%s' from 0 to 1\n",
            m->layer, m->head, ramp);
    for (size_t q = 0; q < m->n_queries; q++) {
        const float *row = m->weights + q * m->n_keys;
        size_t top = 0;

        cli_show_token(shown, sizeof shown, attune_model_tokenizer(c->model), c->prompt.ids[q], 14);
        fprintf(cli->out, "%4zu %s |", q, shown);
        for (size_t k = 0; k < m->n_keys; k++) {
            int level = (int)(row[k] * 9.999f);

            top = row[k] > row[top] ? k : top;
            fputc(ramp[level < 0 ? 0 : level > 9 ? 9 : level], cli->out);
        }
        cli_show_token(shown, sizeof shown, attune_model_tokenizer(c->model), c->prompt.ids[top],
                       12);
        fprintf(cli->out, "| %.3f on %zu %s\n", (double)row[top], top, shown);
    }
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct cli_context c = {0};
    struct map m = {0};
    struct attune_attention_shape shape;
    const char *path = cli_value(cli, "output");
    bool all = cli_has(cli, "all");
    long layer = 0, head = 0;
    int status;

    if (cli_long(cli, "layer", 0, INT_MAX, &layer) || cli_long(cli, "head", 0, INT_MAX, &head)) {
        return CLI_USAGE;
    }
    if (all && (!path || !strstr(path, ".safetensors"))) {
        return cli_wrong(cli, "attention: --all wants -o FILE.safetensors");
    }
    m.layer = (int)layer;
    m.head = (int)head;
    status = find_kind(cli_value(cli, "kind"), &m.kind, &err);
    if (status == ATTUNE_OK) {
        status = cli_open_context(cli, &c, (struct attune_context_options){0}, 0, true, &err);
    }
    if (status == ATTUNE_OK) {
        status = attune_attention_shape(&shape, c.ctx, m.kind, &err);
    }
    if (status == ATTUNE_OK) {
        status = fill(c.ctx, &shape, &m, all, &err);
    }
    if (status == ATTUNE_OK && path) {
        status = all ? write_all(path, &shape, &m, &err) : write_one(cli, &c, &m, path, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json && !path) {
        status = cli_print_json(cli, describe(&c, &m));
    } else if (!path) {
        print_map(cli, &c, &m);
    }
    free(m.weights);
    cli_context_done(&c);
    return status;
}

const struct cmd_ops cmd_attention = {
    .name = "attention",
    .args = "",
    .help = "where a head looks: the weights of one map, or of all",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_OUTPUT,
    .options = options,
    .run = run,
};
