/* attune versions: the versions of a saved prompt, and what changed between any two, by words and
 * by tokens. */
#include <config.h>

#include "cli.h"

#include <attune/version.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_option options[] = {
    {"tokens", 0, NULL, "compare what the model reads: tokens in place of words"},
    {NULL, 0, NULL, NULL},
};

struct side { /* a version as text, and as tokens where a model is there */
    const struct attune_version *version;
    struct attune_rendered text;
    struct attune_tokens tokens;
};

static const char *const change_names[] = {"same", "removed", "added"};

static json_t *list_json(const struct attune_version *v)
{
    return json_pack("{s:i, s:s, s:o, s:I}", "version", v->number, "saved", v->saved, "note",
                     cli_json_text(v->note, strlen(v->note)), "shots",
                     (json_int_t)attune_prompt_shots(&v->prompt));
}

static int list(struct cli *cli, const struct attune_version *versions, size_t n)
{
    json_t *rows = cli->json ? json_array() : NULL;

    for (size_t i = 0; i < n; i++) {
        const struct attune_version *v = &versions[i];
        char row[96];

        if (cli->json) {
            json_array_append_new(rows, list_json(v));
            continue;
        }
        snprintf(row, sizeof row, "%4d  %-20.20s  %2zu-shot  ", v->number,
                 *v->saved ? v->saved : "-", attune_prompt_shots(&v->prompt));
        cli_print_text(cli, row, strlen(row));
        cli_print_text(cli, v->note, strlen(v->note));
        fputc('\n', cli->out);
    }
    return cli->json ? cli_print_json(cli, rows) : CLI_OK;
}

static int find(struct cli *cli, const char *word, const struct attune_version *versions, size_t n,
                struct side *out)
{
    char *end;
    long number = strtol(word, &end, 10);

    for (size_t i = 0; !*end && i < n; i++) {
        if (versions[i].number == number) {
            out->version = &versions[i];
            return CLI_OK;
        }
    }
    return cli_wrong(cli, "versions: there is no version %s: there are 1 to %d", word,
                     versions[n - 1].number);
}

static int read_side(struct side *s, const struct attune_tokenizer *tk, struct attune_error *err)
{
    const struct attune_tokenize_options how = {.add_special = true};
    int status = attune_prompt_render(&s->text, &s->version->prompt, err);

    if (status == ATTUNE_OK && tk) {
        status = attune_tokenize(&s->tokens, tk, s->text.text, s->text.len, &how, err);
    }
    return status;
}

/* [-gone-] and {+new+}, in colours where there are some. */
static void print_change(struct cli *cli, enum attune_change change, const char *text, size_t len)
{
    static const char *const marks[2][3][2] = {
        {{"", ""}, {"[-", "-]"}, {"{+", "+}"}},
        {{"", ""}, {"\033[31m[-", "-]\033[0m"}, {"\033[32m{+", "+}\033[0m"}},
    };
    bool colours = isatty(fileno(cli->out)) && !getenv("NO_COLOR");

    fputs(marks[colours][change][0], cli->out);
    cli_print_text(cli, text, len);
    fputs(marks[colours][change][1], cli->out);
}

static void show_words(struct cli *cli, json_t *rows, const struct side side[2],
                       const struct attune_text_change *c)
{
    bool added = c->change == ATTUNE_CHANGE_ADDED;
    const char *text = side[added].text.text + (added ? c->b : c->a);
    size_t len = added ? c->b_end - c->b : c->a_end - c->a;

    if (rows) {
        json_array_append_new(rows, json_pack("{s:s, s:o}", "change", change_names[c->change],
                                              "text", cli_json_text(text, len)));
    } else {
        print_change(cli, c->change, text, len);
    }
}

static void show_tokens(struct cli *cli, json_t *rows, const struct side side[2],
                        const struct attune_tokenizer *tk, const struct attune_text_change *c)
{
    bool added = c->change == ATTUNE_CHANGE_ADDED;
    const attune_token *ids = side[added].tokens.ids + (added ? c->b : c->a);
    size_t n = added ? c->b_end - c->b : c->a_end - c->a;
    json_t *list = json_array();
    char shown[160];

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_integer(ids[i]));
        cli_show_token(shown, sizeof shown, tk, ids[i], 0);
        if (!rows) {
            print_change(cli, c->change, shown, strlen(shown));
            fputc(' ', cli->out);
        }
    }
    if (rows) {
        json_array_append_new(
            rows, json_pack("{s:s, s:O}", "change", change_names[c->change], "ids", list));
    }
    json_decref(list);
}

static int compare(struct cli *cli, struct side side[2], struct attune_error *err)
{
    bool tokens = cli_has(cli, "tokens");
    struct attune_text_change *changes = NULL;
    struct attune_model *model = NULL;
    const struct attune_tokenizer *tk = NULL;
    json_t *rows = cli->json ? json_array() : NULL;
    size_t n = 0;
    int status = tokens ? cli_open_model(cli, &model, err) : ATTUNE_OK;

    if (status == ATTUNE_OK && tokens && !(tk = attune_model_tokenizer(model))) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "the model has no tokenizer: it cannot read a text");
    }
    for (int i = 0; status == ATTUNE_OK && i < 2; i++) {
        status = read_side(&side[i], tk, err);
    }
    if (status == ATTUNE_OK) {
        status = tokens ? attune_diff_tokens(&changes, &n, side[0].tokens.ids, side[0].tokens.n,
                                             side[1].tokens.ids, side[1].tokens.n, err)
                        : attune_diff_words(&changes, &n, side[0].text.text, side[0].text.len,
                                            side[1].text.text, side[1].text.len, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        if (tokens) {
            show_tokens(cli, rows, side, tk, &changes[i]);
        } else {
            show_words(cli, rows, side, &changes[i]);
        }
    }
    free(changes);
    attune_model_close(model);
    if (status != ATTUNE_OK) {
        json_decref(rows);
        return cli_fail(cli, err);
    }
    if (cli->json) {
        return cli_print_json(cli, json_pack("{s:i, s:i, s:s, s:o}", "a", side[0].version->number,
                                             "b", side[1].version->number, "by",
                                             tokens ? "tokens" : "words", "changes", rows));
    }
    fputc('\n', cli->out);
    return CLI_OK;
}

static int run(struct cli *cli)
{
    struct attune_version *versions;
    struct side side[2] = {{0}};
    struct attune_error err = {0};
    size_t n;
    int status = attune_prompt_versions(&versions, &n, cli->args[0], &err);

    if (status != ATTUNE_OK) {
        return cli_fail(cli, &err);
    }
    if (cli->n_args == 1 && !cli_has(cli, "tokens")) {
        status = list(cli, versions, n);
    } else {
        side[0].version = &versions[n > 1 ? n - 2 : 0];
        side[1].version = &versions[n - 1];
        status = cli->n_args > 1 ? find(cli, cli->args[1], versions, n, &side[0]) : CLI_OK;
        if (status == CLI_OK && cli->n_args > 2) {
            status = find(cli, cli->args[2], versions, n, &side[1]);
        }
        if (status == CLI_OK) {
            status = compare(cli, side, &err);
        }
    }
    for (int i = 0; i < 2; i++) {
        attune_rendered_done(&side[i].text);
        attune_tokens_done(&side[i].tokens);
    }
    attune_prompt_versions_free(versions, n);
    return status;
}

const struct cmd_ops cmd_versions = {
    .name = "versions",
    .args = "NAME [A [B]]",
    .help = "the versions of a saved prompt, or what changed from A to B (the newest)",
    .groups = CLI_MODEL,
    .options = options,
    .min_args = 1,
    .max_args = 3,
    .run = run,
};
