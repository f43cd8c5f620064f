/* card: what a model is, read from its header alone. */
#include <config.h>

#include "cli.h"

#include <attune/library.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct card {
    const struct attune_model *model;
    const struct attune_model_info *info;
    const char *tokenizer; /* its kind, or NULL */
    const char *why_not;   /* without one: what to say of it */
};

static json_t *text_of(const char *text)
{
    return cli_json_text(text, strlen(text));
}

/* A configuration may name labels that no head of the model gives. */
static bool has_labels(const struct attune_model *model)
{
    return attune_model_output(model, ATTUNE_OUTPUT_LABELS).there ||
           attune_model_output(model, ATTUNE_OUTPUT_TOKEN_LABELS).there;
}

/* What stands on top, and the names of the labels. */
static void describe_heads(json_t *out, const struct attune_model *model)
{
    json_t *outputs = json_array(), *labels = json_array();
    const char *label;

    for (int o = 0; o < ATTUNE_OUTPUT_COUNT; o++) {
        if (attune_model_output(model, (enum attune_output)o).there) {
            json_array_append_new(outputs, text_of(attune_output_text((enum attune_output)o)));
        }
    }
    for (int k = 0; has_labels(model) && (label = attune_model_label(model, k)); k++) {
        json_array_append_new(labels, text_of(label));
    }
    json_object_set_new(out, "outputs", outputs);
    json_object_set_new(out, "labels", labels);
}

static json_t *describe(const struct card *card)
{
    const struct attune_model_info *i = card->info;
    json_t *out = json_object();

    json_object_set_new(out, "name", text_of(i->name));
    json_object_set_new(out, "family", text_of(i->family));
    json_object_set_new(out, "kind", text_of(attune_model_kind_text(i->kind)));
    json_object_set_new(out, "architecture", text_of(i->architecture));
    json_object_set_new(out, "parameters", json_integer((json_int_t)i->n_parameters));
    json_object_set_new(out, "layers", json_integer(i->n_layers));
    if (i->kind == ATTUNE_SEQ2SEQ) {
        json_object_set_new(out, "encoder_layers", json_integer(i->n_encoder_layers));
        json_object_set_new(out, "encoder_heads", json_integer(i->n_encoder_heads));
        json_object_set_new(out, "encoder_d_ff", json_integer(i->encoder_d_ff));
    }
    json_object_set_new(out, "heads", json_integer(i->n_heads));
    json_object_set_new(out, "kv_heads", json_integer(i->n_kv_heads));
    json_object_set_new(out, "d_model", json_integer(i->d_model));
    json_object_set_new(out, "d_ff", json_integer(i->d_ff));
    json_object_set_new(out, "vocab", json_integer(i->n_vocab));
    json_object_set_new(out, "context", json_integer(i->n_context));
    json_object_set_new(out, "segments", json_integer(i->n_segments));
    describe_heads(out, card->model);
    json_object_set_new(out, "dtype", text_of(i->dtype));
    json_object_set_new(out, "bytes", json_integer((json_int_t)i->n_bytes));
    json_object_set_new(out, "tokenizer", card->tokenizer ? text_of(card->tokenizer) : json_null());
    json_object_set_new(out, "license", text_of(i->license));
    json_object_set_new(out, "description", text_of(i->description));
    json_object_set_new(out, "training", text_of(i->training));
    return out;
}

/* 12345678 as 12 345 678. */
static const char *grouped(char out[32], uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) {
            out[at++] = ' ';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static void print_line(struct cli *cli, const char *what, const char *value)
{
    if (value && *value) {
        fprintf(cli->out, "  %-12s ", what);
        cli_print_text(cli, value, strlen(value));
        fputc('\n', cli->out);
    }
}

/* A line that is joined from parts, "..." where it would grow too long. */
static void join(char *line, size_t capacity, const char *part)
{
    size_t len = strlen(line);

    if (len + strlen(part) + 8 < capacity) {
        snprintf(line + len, capacity - len, "%s%s", len ? ", " : "", part);
    } else if (len < 4 || strcmp(line + len - 3, "...") != 0) {
        snprintf(line + len, capacity - len, ", ...");
    }
}

static void print_heads(struct cli *cli, const struct attune_model *model)
{
    char line[256] = "";
    const char *label;

    for (int o = 0; o < ATTUNE_OUTPUT_COUNT; o++) {
        if (attune_model_output(model, (enum attune_output)o).there) {
            join(line, sizeof line, attune_output_text((enum attune_output)o));
        }
    }
    print_line(cli, "outputs", *line ? line : "none: hidden states alone");
    *line = '\0';
    for (int k = 0; has_labels(model) && (label = attune_model_label(model, k)); k++) {
        join(line, sizeof line, label);
    }
    print_line(cli, "labels", line);
}

/* Both stacks of an encoder-decoder where they differ. */
static void print_sizes(struct cli *cli, const struct attune_model_info *i)
{
    bool two = i->kind == ATTUNE_SEQ2SEQ;
    char line[256];

    snprintf(line, sizeof line, "%d", i->n_layers);
    if (two) {
        snprintf(line, sizeof line, "%d in the encoder, %d in the decoder", i->n_encoder_layers,
                 i->n_layers);
    }
    print_line(cli, "layers", line);
    snprintf(line, sizeof line, "%d of %d dimensions, %d of keys and values", i->n_heads,
             i->head_dim, i->n_kv_heads);
    if (two && i->n_encoder_heads != i->n_heads) {
        snprintf(line, sizeof line, "%d in the encoder, %d of %d dimensions in the decoder",
                 i->n_encoder_heads, i->n_heads, i->head_dim);
    }
    print_line(cli, "heads", line);
    snprintf(line, sizeof line, "%d, inside the MLP %d", i->d_model, i->d_ff);
    if (two && i->encoder_d_ff != i->d_ff) {
        snprintf(line, sizeof line, "%d, inside the MLP %d in the encoder, %d in the decoder",
                 i->d_model, i->encoder_d_ff, i->d_ff);
    }
    print_line(cli, "width", line);
}

static void print_card(struct cli *cli, const struct card *card)
{
    const struct attune_model_info *i = card->info;
    char line[256], number[32], bytes[32];

    cli_print_text(cli, i->name, strlen(i->name));
    fputc('\n', cli->out);
    snprintf(line, sizeof line, "%s (%s, %s)", i->family, attune_model_kind_text(i->kind),
             i->architecture);
    print_line(cli, "family", line);
    snprintf(line, sizeof line, "%s in %s bytes, %s", grouped(number, i->n_parameters),
             grouped(bytes, i->n_bytes), i->dtype);
    print_line(cli, "parameters", line);
    print_sizes(cli, i);
    print_line(cli, "vocabulary", grouped(number, (uint64_t)i->n_vocab));
    snprintf(line, sizeof line, "%s tokens", grouped(number, (uint64_t)i->n_context));
    print_line(cli, "context", line);
    print_heads(cli, card->model);
    print_line(cli, "tokenizer", card->tokenizer ? card->tokenizer : card->why_not);
    print_line(cli, "license", i->license);
    print_line(cli, "about", i->description);
    print_line(cli, "training", i->training);
    print_line(cli, "path", i->path);
}

/* NAME.md beside NAME.gguf, if it is there. */
static int print_notes(struct cli *cli, const char *path, struct attune_error *err)
{
    size_t len = strlen(path), text_len;
    char *notes, *text;
    int status = ATTUNE_OK;

    if (len < 5 || strcmp(path + len - 5, ".gguf") != 0) {
        return ATTUNE_OK;
    }
    notes = strdup(path);
    if (!notes) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    strcpy(notes + len - 5, ".md");
    if (access(notes, R_OK) == 0) {
        status = cli_read_file(&text, &text_len, notes, err);
        if (status == ATTUNE_OK) {
            fputc('\n', cli->out);
            cli_print_text(cli, text, text_len);
            free(text);
        }
    }
    free(notes);
    return status;
}

static int run(struct cli *cli)
{
    const struct attune_model_options options = {.header_only = true};
    struct attune_tokenizer *tokenizer = NULL;
    struct attune_model *model = NULL;
    struct attune_error err = {0};
    char *path = NULL;
    int status = attune_library_find(&path, "models", cli->args[0], &err);

    if (status == ATTUNE_OK) {
        status = cli_open_path(cli, &model, path, &options, &err);
    }
    if (status == ATTUNE_OK) {
        struct card card = {model, attune_model_info(model), NULL, "none: prompts are token ids"};
        struct attune_error why = {0};

        if (attune_tokenizer_open(&tokenizer, path, &why) == ATTUNE_OK) {
            card.tokenizer = attune_tokenizer_name(tokenizer);
        } else if (why.status != ATTUNE_NOT_FOUND) {
            card.why_not = why.text;
        }
        if (cli->json) {
            status = cli_print_json(cli, describe(&card));
            goto done;
        }
        print_card(cli, &card);
        status = print_notes(cli, path, &err);
    }
    status = status ? cli_fail(cli, &err) : CLI_OK;
done:
    attune_tokenizer_close(tokenizer);
    attune_model_close(model);
    free(path);
    return status;
}

const struct cmd_ops cmd_card = {
    .name = "card",
    .args = "MODEL",
    .help = "what a model is: family, sizes, license, training",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
