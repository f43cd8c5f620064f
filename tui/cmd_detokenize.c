/* attune detokenize: ids back to text, as the reference library decodes them. */
#include <config.h>

#include "cli.h"

#include <attune/tokenizer.h>

#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"skip-special", 0, NULL, "leave special tokens out"},
    {"batch", 0, NULL, "ids from standard input, one JSON object a line; one answer a line"},
    {NULL, 0, NULL, NULL},
};

static json_t *text_json(const struct attune_tokenizer *tk, const attune_token *ids, size_t n,
                         bool skip)
{
    struct attune_error err = {0};
    char *text = NULL;
    size_t len = 0;
    json_t *out;

    if (attune_detokenize(&text, &len, tk, ids, n, skip, true, &err)) {
        return json_pack("{ss}", "error", err.text);
    }
    out = json_pack("{so}", "text", cli_json_text(text, len));
    free(text);
    return out;
}

/* The answer to one line of --batch; never NULL but for want of memory. */
static json_t *answer(const struct attune_tokenizer *tk, const char *line, size_t len, bool skip)
{
    json_error_t problem;
    json_t *in = json_loadb(line, len, JSON_ALLOW_NUL, &problem), *out = NULL;
    const json_t *list = json_object_get(in, "ids");
    size_t n = json_array_size(list);
    attune_token *ids = calloc(n + 1, sizeof *ids);

    if (!in) {
        out = json_pack("{ss}", "error", problem.text);
    } else if (!ids || !json_is_array(list)) {
        out = json_pack("{ss}", "error", ids ? "wants {\"ids\": [...]}" : "out of memory");
    }
    for (size_t i = 0; i < n && !out; i++) {
        const json_t *id = json_array_get(list, i);
        json_int_t value = json_integer_value(id);

        if (!json_is_integer(id) || value < 0 || value > INT32_MAX) {
            out = json_pack("{ss}", "error", "ids are whole numbers from 0 up");
        }
        ids[i] = (attune_token)value;
    }
    if (!out) {
        out = text_json(tk, ids, n, skip);
    }
    free(ids);
    json_decref(in);
    return out;
}

/* ASCII only: U+0085 or U+2028 inside a text would end the line for some readers. */
static int print_line(struct cli *cli, json_t *value)
{
    int failed = !value || json_dumpf(value, cli->out, JSON_COMPACT | JSON_ENSURE_ASCII) != 0;

    json_decref(value);
    failed |= fputc('\n', cli->out) == EOF || fflush(cli->out) != 0;
    return failed ? cli_fail(cli, &(struct attune_error){ATTUNE_IO, 0,
                                                         "standard output: cannot be written"})
                  : CLI_OK;
}

static int run_batch(struct cli *cli, const struct attune_tokenizer *tk, bool skip)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    int status = CLI_OK;

    while (status == CLI_OK && (len = getline(&line, &capacity, stdin)) >= 0) {
        status = print_line(cli, answer(tk, line, (size_t)len, skip));
    }
    free(line);
    return status;
}

static int run_one(struct cli *cli, const struct attune_tokenizer *tk, bool skip)
{
    struct attune_error err = {0};
    attune_token *ids = NULL;
    char *text = NULL;
    size_t n = 0, len = 0;
    int status = cli_parse_ids(&ids, &n, cli_value(cli, "ids"), &err);

    if (status == ATTUNE_OK) {
        status = attune_detokenize(&text, &len, tk, ids, n, skip, true, &err);
    }
    if (status) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, json_pack("{so}", "text", cli_json_text(text, len)));
    } else {
        cli_print_text(cli, text, len);
        fputc('\n', cli->out);
    }
    free(ids);
    free(text);
    return status;
}

static int run(struct cli *cli)
{
    bool skip = cli_has(cli, "skip-special");
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};
    char *path = NULL;
    int status;

    if (cli_has(cli, "ids") + cli_has(cli, "batch") != 1 || cli_has(cli, "prompt") ||
        cli_has(cli, "file")) {
        return cli_wrong(cli, "detokenize: wants one of --ids 1,2,3 and --batch");
    }
    status = cli_model_path(cli, &path, &err);
    if (status == ATTUNE_OK) {
        status = attune_tokenizer_open(&tk, path, &err);
    }
    if (status) {
        status = cli_fail(cli, &err);
    } else {
        status = cli_has(cli, "batch") ? run_batch(cli, tk, skip) : run_one(cli, tk, skip);
    }
    attune_tokenizer_close(tk);
    free(path);
    return status;
}

const struct cmd_ops cmd_detokenize = {
    .name = "detokenize",
    .args = "",
    .help = "token ids to text",
    .groups = CLI_MODEL | CLI_PROMPT,
    .options = options,
    .run = run,
};
