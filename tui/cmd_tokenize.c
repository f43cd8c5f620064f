/* attune tokenize: what a text becomes, token by token. */
#include <config.h>

#include "cli.h"

#include <attune/tokenizer.h>

#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"special", 0, "auto|none",
     "begin, end and other template tokens: as the model wants (auto), or none"},
    {"parse-special", 0, NULL, "GGUF: special tokens written in the text are tokens"},
    {"pair", 0, "TEXT", "a second text after the first"},
    {"batch", 0, NULL, "texts from standard input, one JSON object a line; one answer a line"},
    {NULL, 0, NULL, NULL},
};

struct job {
    struct cli *cli;
    struct attune_tokenizer *tk;
    struct attune_tokenize_options options;
    struct attune_tokens tokens;
    const char *text;
    size_t len;
};

static size_t code_points(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    return n;
}

/* The text that token i lies in. */
static const char *text_of(const struct job *job, size_t i, size_t second)
{
    return i >= second && job->options.pair ? job->options.pair : job->text;
}

/* Where the second sequence begins: offsets start again, so it is told by the first token whose
 * place lies before the last one's, or whose type is 1. */
static size_t find_second(const struct job *job)
{
    size_t at = 0;

    for (size_t i = 0; i < job->tokens.n && job->options.pair; i++) {
        if (job->tokens.special[i]) {
            continue;
        }
        if (job->tokens.type_ids[i] == 1 || job->tokens.start[i] < at) {
            return i;
        }
        at = job->tokens.start[i];
    }
    return job->tokens.n;
}

/* An added token is shown as it stands in the text, any other as the vocabulary spells it. */
static json_t *piece_json(const struct job *job, size_t i, const char *text)
{
    const struct attune_tokens *t = &job->tokens;
    enum attune_token_kind kind = attune_token_kind(job->tk, t->ids[i]);
    const char *piece = attune_token_piece(job->tk, t->ids[i]);

    if (!t->special[i] && (kind == ATTUNE_TOKEN_SPECIAL || kind == ATTUNE_TOKEN_ADDED)) {
        return cli_json_text(text + t->start[i], t->end[i] - t->start[i]);
    }
    return cli_json_text(piece ? piece : "", piece ? strlen(piece) : 0);
}

static json_t *tokens_json(const struct job *job)
{
    const struct attune_tokens *t = &job->tokens;
    json_t *ids = json_array(), *pieces = json_array(), *offsets = json_array(),
           *types = json_array();
    size_t second = find_second(job), at = 0, points = 0;
    const char *before = NULL;

    for (size_t i = 0; i < t->n; i++) {
        const char *text = text_of(job, i, second);
        size_t start = 0, end = 0;

        if (!t->special[i]) {
            if (text != before || t->start[i] < at) {
                at = points = 0;
                before = text;
            }
            points += code_points(text + at, t->start[i] - at);
            at = t->start[i];
            start = points;
            end = points + code_points(text + at, t->end[i] - at);
        }
        json_array_append_new(ids, json_integer(t->ids[i]));
        json_array_append_new(pieces, piece_json(job, i, text));
        json_array_append_new(offsets, json_pack("[II]", (json_int_t)start, (json_int_t)end));
        json_array_append_new(types, json_integer(t->type_ids[i]));
    }
    return json_pack("{so so so so}", "ids", ids, "tokens", pieces, "offsets", offsets, "type_ids",
                     types);
}

static void print_escaped(FILE *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c < 0x7f && c != '\\') {
            fputc(c, out);
        } else {
            fprintf(out, c == '\\' ? "\\\\" : "\\x%02X", c);
        }
    }
}

static void print_table(const struct job *job)
{
    FILE *out = job->cli->out;

    for (size_t i = 0; i < job->tokens.n; i++) {
        attune_token id = job->tokens.ids[i];
        const char *piece = attune_token_piece(job->tk, id);
        char bytes[256];
        size_t n = attune_token_bytes(job->tk, id, bytes, sizeof bytes);

        fprintf(out, "%7ld  ", (long)id);
        cli_print_text(job->cli, piece ? piece : "", piece ? strlen(piece) : 0);
        fputs("\t", out);
        print_escaped(out, bytes, n < sizeof bytes ? n : sizeof bytes);
        fputs(n > sizeof bytes ? "...\n" : "\n", out);
    }
}

/* The answer to one line of --batch; never NULL but for want of memory. */
static json_t *answer(struct job *job, const char *line, size_t len)
{
    struct attune_error err = {0};
    json_error_t problem;
    json_t *in = json_loadb(line, len, JSON_ALLOW_NUL, &problem), *out;
    const json_t *text = json_object_get(in, "text"), *pair = json_object_get(in, "pair");

    if (!in) {
        return json_pack("{ss}", "error", problem.text);
    }
    if (!json_is_string(text) || (pair && !json_is_string(pair) && !json_is_null(pair))) {
        json_decref(in);
        return json_pack("{ss}", "error",
                         "wants {\"text\": ...} and at most a \"pair\", both strings");
    }
    job->text = json_string_value(text);
    job->len = json_string_length(text);
    job->options.pair = json_string_value(pair);
    job->options.pair_len = json_string_length(pair);
    if (attune_tokenize(&job->tokens, job->tk, job->text, job->len, &job->options, &err) ==
        ATTUNE_OK) {
        out = tokens_json(job);
    } else {
        out = json_pack("{ss}", "error", err.text);
    }
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

static int run_batch(struct job *job)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    int status = CLI_OK;

    while (status == CLI_OK && (len = getline(&line, &capacity, stdin)) >= 0) {
        status = print_line(job->cli, answer(job, line, (size_t)len));
    }
    free(line);
    return status;
}

static int run_one(struct job *job)
{
    struct cli *cli = job->cli;
    const char *prompt = cli_value(cli, "prompt"), *file = cli_value(cli, "file");
    struct attune_error err = {0};
    char *content = NULL;
    int status = ATTUNE_OK;

    job->options.pair = cli_value(cli, "pair");
    job->options.pair_len = job->options.pair ? strlen(job->options.pair) : 0;
    job->text = prompt;
    job->len = prompt ? strlen(prompt) : 0;
    if (file) {
        status = cli_read_file(&content, &job->len, file, &err);
        job->text = content;
    }
    if (status == ATTUNE_OK) {
        status = attune_tokenize(&job->tokens, job->tk, job->text, job->len, &job->options, &err);
    }
    if (status) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, tokens_json(job));
    } else {
        print_table(job);
    }
    free(content);
    return status;
}

static int run(struct cli *cli)
{
    const char *special = cli_value(cli, "special");
    struct job job = {.cli = cli};
    struct attune_error err = {0};
    char *path = NULL;
    int status;

    if (cli_has(cli, "prompt") + cli_has(cli, "file") + cli_has(cli, "batch") != 1 ||
        cli_has(cli, "ids")) {
        return cli_wrong(cli, "tokenize: wants one of -p TEXT, -f FILE and --batch");
    }
    if (special && strcmp(special, "auto") != 0 && strcmp(special, "none") != 0) {
        return cli_wrong(cli, "tokenize: --special is auto or none");
    }
    job.options.add_special = !special || strcmp(special, "auto") == 0;
    job.options.parse_special = cli_has(cli, "parse-special");
    status = cli_model_path(cli, &path, &err);
    if (status == ATTUNE_OK) {
        status = attune_tokenizer_open(&job.tk, path, &err);
    }
    if (status) {
        status = cli_fail(cli, &err);
    } else {
        status = cli_has(cli, "batch") ? run_batch(&job) : run_one(&job);
    }
    attune_tokens_done(&job.tokens);
    attune_tokenizer_close(job.tk);
    free(path);
    return status;
}

const struct cmd_ops cmd_tokenize = {
    .name = "tokenize",
    .args = "",
    .help = "text to token ids",
    .groups = CLI_MODEL | CLI_PROMPT,
    .options = options,
    .run = run,
};
