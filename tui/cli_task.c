/* What the verbs that ask a head start from: a model, texts as it reads them, a context. */
#include <config.h>

#include "cli_task.h"

#include <attune/library.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int cli_task_open(struct cli *cli, struct cli_task *task, struct attune_error *err)
{
    const char *name = cli_value(cli, "model"), *set = getenv("ATTUNE_MODEL");
    char *path = NULL;
    int status;

    memset(task, 0, sizeof *task);
    name = name ? name : set && *set ? set : "tiny-encoder";
    status = attune_library_find(&path, "models", name, err);
    if (status == ATTUNE_OK) {
        status = cli_open_path(cli, &task->model, path, NULL, err);
    }
    if (status == ATTUNE_OK) {
        task->tk = attune_model_tokenizer(task->model);
    }
    free(path);
    return status;
}

void cli_task_done(struct cli_task *task)
{
    for (size_t i = 0; i < task->n; i++) {
        attune_task_tokens_done(&task->texts[i].tokens);
        free(task->texts[i].text);
        free(task->texts[i].pair);
    }
    free(task->texts);
    attune_context_free(task->ctx);
    attune_model_close(task->model);
    memset(task, 0, sizeof *task);
}

int cli_task_get(char **out, size_t *len, const char *value, struct attune_error *err)
{
    if (value[0] == '@') {
        return cli_read_file(out, len, value + 1, err);
    }
    *out = strdup(value);
    *len = strlen(value);
    return *out ? ATTUNE_OK : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

/* A place for one more text, or NULL. */
static struct cli_task_text *grow(struct cli_task *task, struct attune_error *err)
{
    struct cli_task_text *more = realloc(task->texts, (task->n + 1) * sizeof *more);

    if (!more) {
        attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        return NULL;
    }
    task->texts = more;
    memset(&more[task->n], 0, sizeof *more);
    return &more[task->n++];
}

/* --type-ids and --mask change what the tokenizer says. */
static int override(struct cli *cli, struct attune_task_tokens *tokens, struct attune_error *err)
{
    uint8_t *types = NULL, *mask = NULL;
    size_t n = tokens->tokens.n;
    int status = cli_get_list(cli, "type-ids", n, UINT8_MAX, &types, err);

    if (status == ATTUNE_OK) {
        status = cli_get_list(cli, "mask", n, 1, &mask, err);
    }
    if (status == ATTUNE_OK && types) {
        memcpy(tokens->tokens.type_ids, types, n);
        tokens->typed = true;
    }
    for (size_t i = 0; i < n && mask; i++) {
        tokens->parts[i] = mask[i] ? tokens->parts[i] : ATTUNE_TASK_ADDED;
    }
    if (mask) {
        free(tokens->mask);
        tokens->mask = mask;
    }
    free(types);
    return status;
}

int cli_task_add(struct cli *cli, struct cli_task *task, char *text, size_t len, char *pair,
                 size_t pair_len, bool masks, struct attune_error *err)
{
    struct cli_task_text *t = grow(task, err);
    int status;

    if (!t) {
        free(text);
        free(pair);
        return ATTUNE_MEMORY;
    }
    t->text = text;
    t->pair = pair;
    t->given = (struct attune_task_text){text, len, pair, pair_len, masks};
    status = attune_task_read(&t->tokens, task->model, &t->given, err);
    return status == ATTUNE_OK ? override(cli, &t->tokens, err) : status;
}

static int add_ids(struct cli *cli, struct cli_task *task, const char *list,
                   struct attune_error *err)
{
    struct cli_task_text *t = grow(task, err);
    attune_token *ids = NULL;
    uint8_t *types = NULL, *mask = NULL;
    size_t n = 0;
    int status = t ? cli_parse_ids(&ids, &n, list, err) : ATTUNE_MEMORY;

    if (status == ATTUNE_OK) {
        status = cli_get_list(cli, "type-ids", n, UINT8_MAX, &types, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_get_list(cli, "mask", n, 1, &mask, err);
    }
    if (status == ATTUNE_OK) {
        t->text = calloc(1, 1);
        t->given.text = t->text;
        status = t->text ? attune_task_read_ids(&t->tokens, task->model, ids, types, mask, n, err)
                         : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    free(ids);
    free(types);
    free(mask);
    return status;
}

/* One text, with the pair of --pair if there is one; takes it over. */
static int add_paired(struct cli *cli, struct cli_task *task, char *text, size_t len, bool masks,
                      struct attune_error *err)
{
    const char *pair = cli_value(cli, "pair");
    char *second = NULL;
    size_t second_len = 0;
    int status = pair ? cli_task_get(&second, &second_len, pair, err) : ATTUNE_OK;

    if (status != ATTUNE_OK) {
        free(text);
        return status;
    }
    return cli_task_add(cli, task, text, len, second, second_len, masks, err);
}

/* Each line that holds something. */
static int add_lines(struct cli *cli, struct cli_task *task, const char *text, bool masks,
                     struct attune_error *err)
{
    int status = ATTUNE_OK;

    for (const char *line = text; *line && status == ATTUNE_OK;) {
        size_t len = strcspn(line, "\n"), used = len > 0 && line[len - 1] == '\r' ? len - 1 : len;
        char *copy = used > 0 ? strndup(line, used) : NULL;

        if (copy) {
            status = add_paired(cli, task, copy, strlen(copy), masks, err);
        } else if (used > 0) {
            status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
        line += len + (line[len] == '\n');
    }
    return status;
}

int cli_task_add_prompts(struct cli *cli, struct cli_task *task, struct cli_task_options options,
                         struct attune_error *err)
{
    const char *file = cli_value(cli, "file"), *ids = cli_value(cli, "ids"), *text;
    size_t n = cli_count(cli, "prompt"), len;
    char *copy;
    int status = ATTUNE_OK;

    if ((n > 0) + !!file + !!ids != 1 || (n > 1 && !options.several)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "wants one of -p TEXT, -f FILE and --ids 1,2,3");
    }
    if (ids) {
        return add_ids(cli, task, ids, err);
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        text = cli_value_at(cli, "prompt", i);
        copy = strdup(text);
        status = copy ? add_paired(cli, task, copy, strlen(text), options.masks, err)
                      : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (!file) {
        return status;
    }
    status = cli_read_file(&copy, &len, file, err);
    if (status == ATTUNE_OK && options.lines) {
        status = add_lines(cli, task, copy, options.masks, err);
        free(copy);
    } else if (status == ATTUNE_OK) {
        status = add_paired(cli, task, copy, len, options.masks, err);
    }
    return status == ATTUNE_OK && task->n == 0
               ? attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s holds no text", file)
               : status;
}

/* The longest text decides; an encoder-decoder has two sides, each with its own count. */
static int positions(struct cli *cli, const struct cli_task *task)
{
    const struct attune_model_info *info = attune_model_info(task->model);
    size_t most = 1;
    long given = 0;

    if (cli_has(cli, "context") && cli->cmd->groups & CLI_MODEL) {
        return cli_long(cli, "context", 1, INT_MAX, &given) == CLI_OK ? (int)given : -1;
    }
    for (size_t i = 0; i < task->n; i++) {
        most = task->texts[i].tokens.tokens.n > most ? task->texts[i].tokens.tokens.n : most;
    }
    return info->kind == ATTUNE_SEQ2SEQ || info->n_context <= 0 || most > (size_t)info->n_context
               ? 0
               : (int)most;
}

int cli_task_start(struct cli *cli, struct cli_task *task, bool keep_hidden,
                   struct attune_error *err)
{
    struct attune_context_options options = {.no_queries = true, .keep_hidden = keep_hidden};
    int status = cli_context_options(cli, &options, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    options.n_context = positions(cli, task);
    return options.n_context < 0 ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                                    "the number of positions is out of range")
                                 : attune_context_new(&task->ctx, task->model, &options, err);
}

int cli_task_sync(struct cli *cli, struct cli_task *task, size_t i, struct attune_error *err)
{
    int status;

    cli_begin(cli, "reading the text");
    status = attune_task_sync(task->ctx, &task->texts[i].tokens, &cli->progress, err);
    cli_end(cli);
    return status;
}

/* "fill, nsp, embed": what this model answers. */
static void list_verbs(const struct attune_model *model, char *out, size_t capacity)
{
    static const struct {
        enum attune_output output;
        const char *encoder, *writer; /* writer: of a model that goes on from a text */
    } verbs[] = {
        {ATTUNE_OUTPUT_TOKENS, "fill, score", "run, probs, score"},
        {ATTUNE_OUTPUT_NEXT_SENTENCE, "nsp", "nsp"},
        {ATTUNE_OUTPUT_SPAN, "qa", "qa"},
        {ATTUNE_OUTPUT_LABELS, "classify", "classify"},
        {ATTUNE_OUTPUT_TOKEN_LABELS, "tag", "tag"},
    };
    bool encoder = attune_model_info(model)->kind == ATTUNE_ENCODER;
    size_t at = 0;

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs && at < capacity; i++) {
        if (attune_model_output(model, verbs[i].output).there) {
            at += (size_t)snprintf(out + at, capacity - at, "%s, ",
                                   encoder ? verbs[i].encoder : verbs[i].writer);
        }
    }
    snprintf(out + (at < capacity ? at : capacity - 1), at < capacity ? capacity - at : 1, "embed");
}

int cli_task_check(const struct cli *cli, const struct cli_task *task, enum attune_output output,
                   struct attune_error *err)
{
    char verbs[80];

    if (attune_model_output(task->model, output).there) {
        return ATTUNE_OK;
    }
    list_verbs(task->model, verbs, sizeof verbs);
    return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                            "%.60s has no output '%s', which %s asks for: it answers %s; -m names "
                            "another model",
                            attune_model_info(task->model)->name, attune_output_text(output),
                            cli->cmd->name, verbs);
}

int cli_task_ask(struct cli *cli, struct cli_task *task, enum attune_output output,
                 struct cli_task_options options, struct attune_error *err)
{
    int status = cli_task_open(cli, task, err);

    if (status == ATTUNE_OK) {
        status = cli_task_check(cli, task, output, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_task_add_prompts(cli, task, options, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_task_start(cli, task, false, err);
    }
    return status == ATTUNE_OK ? cli_task_sync(cli, task, 0, err) : status;
}

/* How the vocabulary spells a special token, NULL for others. */
static const char *spelling(const struct attune_tokenizer *tk, attune_token id)
{
    return tk && attune_token_kind(tk, id) == ATTUNE_TOKEN_SPECIAL ? attune_token_piece(tk, id)
                                                                   : NULL;
}

void cli_task_show(char *out, size_t capacity, const struct attune_tokenizer *tk, attune_token id,
                   int width)
{
    const char *special = spelling(tk, id);
    struct attune_error shown = {0};

    if (!special) {
        cli_show_token(out, capacity, tk, id, width);
        return;
    }
    attune_error_set(&shown, 0, 0, "%s", special); /* escapes */
    snprintf(out, capacity, "%-*.*s", width, width, shown.text);
}

json_t *cli_task_token(const struct attune_tokenizer *tk, attune_token id)
{
    const char *special = spelling(tk, id);
    json_t *object = json_object(), *token;

    if (special) {
        json_decref(object);
        return cli_json_text(special, strlen(special));
    }
    cli_json_set_token(object, tk, id);
    token = json_incref(json_object_get(object, "token"));
    json_decref(object);
    return token;
}

size_t cli_task_points(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    return n;
}
