/* score --choices A,B,...: the probability of each answer behind the prompt, by its sum, its mean a
 * token and a byte, and calibrated by prompts without content. */
#include <config.h>

#include "cli_labels.h"

#include "cli_task.h"

#include <attune/labels.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 16 };

struct labels {
    size_t n;
    char **answers;               /* [n] */
    struct attune_label *rows;    /* [n] */
    struct attune_tokens *tokens; /* [n] */
    struct cli_context source;
};

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for the answers");
}

/* A,B,C with \, for a comma and \\ for a backslash. */
static int split(struct labels *l, const char *list, struct attune_error *err)
{
    size_t most = 1;

    for (const char *c = list; *c; c++) {
        most += *c == ',';
    }
    l->answers = calloc(most, sizeof *l->answers);
    l->rows = calloc(most, sizeof *l->rows);
    l->tokens = calloc(most, sizeof *l->tokens);
    if (!l->answers || !l->rows || !l->tokens) {
        return no_memory(err);
    }
    for (;; list++) {
        char *to = malloc(strlen(list) + 1);

        if (!to) {
            return no_memory(err);
        }
        l->answers[l->n++] = to;
        for (; *list && *list != ','; list++) {
            list += *list == '\\' && (list[1] == ',' || list[1] == '\\');
            *to++ = *list;
        }
        *to = '\0';
        if (to == l->answers[l->n - 1]) {
            return attune_error_set(
                err, ATTUNE_ARGUMENT, 0,
                "--choices: answer %zu is empty; they are separated by commas, such "
                "as \" yes, no\"",
                l->n);
        }
        if (!*list) {
            return l->n > 1
                       ? ATTUNE_OK
                       : attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                          "--choices: one answer has nothing to be held against");
        }
    }
}

/* Tokens of the answers as they stand behind this text (NULL: behind ids). */
static int tokenize(struct labels *l, const char *text, size_t len, struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(l->source.model);
    bool two = attune_model_info(l->source.model)->kind == ATTUNE_SEQ2SEQ;
    int status =
        tk ? ATTUNE_OK
           : attune_error_set(err, ATTUNE_ARGUMENT, 0,
                              "the model has no tokenizer: answers cannot be given as text");

    for (size_t i = 0; status == ATTUNE_OK && i < l->n; i++) {
        status = attune_label_tokens(&l->tokens[i], tk, two || !text ? "" : text,
                                     two || !text ? 0 : len, l->answers[i], err);
        l->rows[i].n_bytes = strlen(l->answers[i]);
        l->rows[i].free_logprob = NAN;
    }
    return status;
}

/* Behind one more prompt; its probabilities are added to sums [n]. */
static int measure_free(struct cli *cli, struct labels *l, const char *value, double *sums,
                        struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(l->source.model);
    const struct attune_tokenize_options added = {.add_special = true};
    struct attune_label *rows = calloc(l->n, sizeof *rows);
    struct attune_tokens prompt = {0};
    struct attune_input input = {.decoder_ids = l->source.decoder_ids,
                                 .n_decoder = l->source.n_decoder};
    char *text = NULL;
    size_t len;
    int status = rows ? cli_task_get(&text, &len, value, err) : no_memory(err);

    if (status == ATTUNE_OK) {
        status = attune_tokenize(&prompt, tk, text, len, &added, err);
    }
    if (status == ATTUNE_OK) {
        status = tokenize(l, text, len, err);
    }
    if (status == ATTUNE_OK) {
        input.ids = prompt.ids;
        input.n = prompt.n;
        status = attune_labels_measure(rows, l->source.ctx, &input, l->tokens, l->n, &cli->progress,
                                       err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < l->n; i++) {
        sums[i] += exp(rows[i].logprob);
    }
    attune_tokens_done(&prompt);
    free(text);
    free(rows);
    return status;
}

/* Zhao et al. take the mean probability over several prompts without content. */
static int calibrate(struct cli *cli, struct labels *l, struct attune_error *err)
{
    size_t n = cli_count(cli, "content-free");
    double *sums = calloc(l->n, sizeof *sums);
    int status = sums ? ATTUNE_OK : no_memory(err);

    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = measure_free(cli, l, cli_value_at(cli, "content-free", i), sums, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && n > 0 && i < l->n; i++) {
        l->rows[i].free_logprob = log(sums[i] / (double)n);
    }
    free(sums);
    return status;
}

/* Positions behind the prompt that are enough: no answer and no other prompt has more tokens than
 * bytes, but for a few in front. */
static size_t room_of(const struct cli *cli, const struct labels *l)
{
    enum { SPECIAL = 8, A_FILE = 4096 };
    size_t answer = 0, prompt = 0;

    for (size_t i = 0; i < l->n; i++) {
        size_t len = strlen(l->answers[i]);

        answer = len > answer ? len : answer;
    }
    for (size_t i = 0; i < cli_count(cli, "content-free"); i++) {
        const char *value = cli_value_at(cli, "content-free", i);
        size_t len = value[0] == '@' ? A_FILE : strlen(value);

        prompt = len > prompt ? len : prompt;
    }
    return answer + prompt + SPECIAL;
}

static int measure(struct cli *cli, struct labels *l, struct attune_error *err)
{
    const struct attune_context_options lean = {.no_queries = true};
    int status = split(l, cli_value(cli, "choices"), err);
    struct attune_input input;

    if (status == ATTUNE_OK) {
        status = cli_open_context(cli, &l->source, lean, room_of(cli, l), true, err);
    }
    if (status == ATTUNE_OK && attune_model_info(l->source.model)->kind == ATTUNE_ENCODER) {
        status = attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "an encoder does not answer behind a prompt: --choices wants a decoder or "
            "an encoder-decoder (see fill)");
    }
    if (status == ATTUNE_OK) {
        status = tokenize(l, cli_has(cli, "ids") ? NULL : l->source.prompt.text,
                          l->source.prompt.text_len, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    input = (struct attune_input){.ids = l->source.prompt.ids,
                                  .n = l->source.prompt.n,
                                  .decoder_ids = l->source.decoder_ids,
                                  .n_decoder = l->source.n_decoder};
    status =
        attune_labels_measure(l->rows, l->source.ctx, &input, l->tokens, l->n, &cli->progress, err);
    if (status == ATTUNE_OK) {
        status = calibrate(cli, l, err);
    }
    attune_labels_share(l->rows, l->n);
    return status;
}

/* ---- printing ---- */

static size_t best(const struct labels *l, size_t share /* offset */)
{
    size_t at = 0;

    for (size_t i = 1; i < l->n; i++) {
        const double *a = (const double *)((const char *)&l->rows[i] + share),
                     *b = (const double *)((const char *)&l->rows[at] + share);

        at = *a > *b ? i : at;
    }
    return at;
}

static json_t *to_json(const struct labels *l)
{
    static const struct {
        const char *name;
        size_t at;
    } columns[] = {{"sum", offsetof(struct attune_label, p)},
                   {"token", offsetof(struct attune_label, p_token)},
                   {"byte", offsetof(struct attune_label, p_byte)},
                   {"calibrated", offsetof(struct attune_label, p_calibrated)}};
    json_t *rows = json_array(), *chosen = json_object();

    for (size_t i = 0; i < l->n; i++) {
        const struct attune_label *r = &l->rows[i];
        json_t *row = json_object(), *ids = json_array();

        for (size_t k = 0; k < l->tokens[i].n; k++) {
            json_array_append_new(ids, json_integer(l->tokens[i].ids[k]));
        }
        json_object_set_new(row, "text", cli_json_text(l->answers[i], strlen(l->answers[i])));
        json_object_set_new(row, "ids", ids);
        json_object_set_new(row, "logprob", cli_json_real(r->logprob));
        json_object_set_new(row, "logprob_token", cli_json_real(r->logprob / (double)r->n_tokens));
        json_object_set_new(row, "logprob_byte", cli_json_real(r->logprob / (double)r->n_bytes));
        json_object_set_new(row, "logprob_free", cli_json_real(r->free_logprob));
        json_object_set_new(row, "p", cli_json_real(r->p));
        json_object_set_new(row, "p_token", cli_json_real(r->p_token));
        json_object_set_new(row, "p_byte", cli_json_real(r->p_byte));
        json_object_set_new(row, "p_calibrated", cli_json_real(r->p_calibrated));
        json_array_append_new(rows, row);
    }
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        bool there = c < 3 || !isnan(l->rows[0].free_logprob);

        json_object_set_new(chosen, columns[c].name,
                            there ? json_string(l->answers[best(l, columns[c].at)]) : json_null());
    }
    return json_pack("{s:o,s:o}", "choices", rows, "best", chosen);
}

static void print_table(FILE *out, const struct labels *l)
{
    bool free_too = !isnan(l->rows[0].free_logprob);
    int width = 6;

    for (size_t i = 0; i < l->n; i++) {
        int len = (int)strlen(l->answers[i]) + 2;

        width = len > width && len < 40 ? len : width;
    }
    fprintf(out, "%-*s %6s %10s  %-*s %8s %8s %8s%s\n", width, "answer", "tokens", "logprob",
            BAR_WIDTH, "", "p", "a token", "a byte", free_too ? "  no content calibrated" : "");
    for (size_t i = 0; i < l->n; i++) {
        const struct attune_label *r = &l->rows[i];
        char bar[3 * BAR_WIDTH + 1], quoted[80];

        cli_show_bar(bar, free_too ? r->p_calibrated : r->p, BAR_WIDTH);
        snprintf(quoted, sizeof quoted, "\"%.76s\"", l->answers[i]);
        fprintf(out, "%-*s %6zu %10.4f  %s %8.5f %8.5f %8.5f", width, quoted, r->n_tokens,
                r->logprob, bar, r->p, r->p_token, r->p_byte);
        if (free_too) {
            fprintf(out, "  %10.5f %10.5f", exp(r->free_logprob), r->p_calibrated);
        }
        fputc('\n', out);
    }
}

static void labels_done(struct labels *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->answers[i]);
        attune_tokens_done(&l->tokens[i]);
    }
    free(l->answers);
    free(l->rows);
    free(l->tokens);
    cli_context_done(&l->source);
}

int cli_labels(struct cli *cli)
{
    struct labels l = {0};
    struct attune_error err = {0};
    int status = measure(cli, &l, &err);

    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, to_json(&l));
    } else {
        print_table(cli->out, &l);
        status = CLI_OK;
    }
    labels_done(&l);
    return status;
}
