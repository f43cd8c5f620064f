/* run --beams N: the texts by falling score, and the tree level by level: what was followed, what
 * ended, and how much was given up. */
#include <config.h>

#include "cli_beams.h"

#include <attune/beams.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BEAMS = 256, TOKEN_WIDTH = 16, BAR_WIDTH = 12 };

struct beams {
    struct attune_chain *chain;
    struct cli_context source;
    struct attune_beams tree;
    double length_penalty;
};

/* The text of the first n tokens of a result; freed by the caller. */
static char *text_of(const struct beams *b, const struct attune_beam_result *r, size_t *len)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(b->source.model);
    attune_token *ids = calloc(r->n + 1, sizeof *ids);
    char *text = NULL;

    *len = 0;
    if (ids && tk) {
        attune_beams_ids(ids, &b->tree, r);
        attune_detokenize(&text, len, tk, ids, r->n, true, false, NULL);
    }
    free(ids);
    return text;
}

/* ---- JSON ---- */

static json_t *result_json(const struct beams *b, const struct attune_beam_result *r)
{
    json_t *out = json_object(), *ids = json_array();
    attune_token *list = calloc(r->n + 1, sizeof *list);
    size_t len;
    char *text = text_of(b, r, &len);

    if (list) {
        attune_beams_ids(list, &b->tree, r);
    }
    for (size_t i = 0; list && i < r->n; i++) {
        json_array_append_new(ids, json_integer(list[i]));
    }
    json_object_set_new(out, "text", text ? cli_json_text(text, len) : json_null());
    json_object_set_new(out, "ids", ids);
    json_object_set_new(out, "logprob", cli_json_real(r->logprob));
    json_object_set_new(out, "p", cli_json_real(exp(r->logprob)));
    json_object_set_new(out, "score", cli_json_real(r->score));
    json_object_set_new(out, "stop_reason", json_string(r->ended ? "eos" : "length"));
    free(text);
    free(list);
    return out;
}

static json_t *level_json(const struct beams *b, const struct attune_beam_level *level)
{
    json_t *out = json_object(), *nodes = json_array();

    for (size_t i = level->first; i < level->first + level->n; i++) {
        const struct attune_beam *n = &b->tree.nodes[i];
        json_t *node = json_pack("{s:I,s:I,s:I}", "node", (json_int_t)i, "parent",
                                 (json_int_t)n->parent, "id", (json_int_t)n->id);

        cli_json_set_token(node, attune_model_tokenizer(b->source.model), n->id);
        json_object_set_new(node, "p", cli_json_real(n->p));
        json_object_set_new(node, "p_text", cli_json_real(exp(n->logprob)));
        json_object_set_new(node, "ended", json_boolean(n->state == ATTUNE_BEAM_ENDED));
        json_array_append_new(nodes, node);
    }
    json_object_set_new(out, "nodes", nodes);
    json_object_set_new(out, "kept", cli_json_real(level->kept));
    json_object_set_new(out, "ended", cli_json_real(level->ended));
    json_object_set_new(out, "rest", cli_json_real(level->rest));
    return out;
}

static json_t *to_json(const struct beams *b, long n_beams)
{
    json_t *results = json_array(), *levels = json_array(), *ids = json_array();
    size_t len = attune_chain_text(b->chain, NULL, 0);
    char *chain = malloc(len + 1);
    json_t *out;

    for (size_t i = 0; i < b->source.prompt.n; i++) {
        json_array_append_new(ids, json_integer(b->source.prompt.ids[i]));
    }
    for (size_t i = 0; i < b->tree.n_results; i++) {
        json_array_append_new(results, result_json(b, &b->tree.results[i]));
    }
    for (size_t i = 0; i < b->tree.n_levels; i++) {
        json_array_append_new(levels, level_json(b, &b->tree.levels[i]));
    }
    out = json_pack("{s:I,s:f,s:o,s:o,s:o,s:I}", "beams", (json_int_t)n_beams, "length_penalty",
                    b->length_penalty, "prompt_ids", ids, "results", results, "levels", levels,
                    "evaluated", (json_int_t)b->tree.n_evaluated);
    if (out && chain) {
        attune_chain_text(b->chain, chain, len + 1);
        json_object_set_new(out, "chain", json_string(chain));
    }
    free(chain);
    return out;
}

/* ---- the table and the tree ---- */

/* In one line: what breaks lines is escaped. */
static void print_line(struct cli *cli, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
            fputs(text[i] == '\n' ? "\\n" : text[i] == '\r' ? "\\r" : "\\t", cli->out);
        } else {
            size_t n = strcspn(text + i, "\n\r\t");

            n = n < len - i ? n : len - i;
            cli_print_text(cli, text + i, n);
            i += n - 1;
        }
    }
    fputc('\n', cli->out);
}

static void print_results(struct cli *cli, const struct beams *b)
{
    for (size_t i = 0; i < b->tree.n_results; i++) {
        const struct attune_beam_result *r = &b->tree.results[i];
        size_t len;
        char *text = text_of(b, r, &len);

        fprintf(cli->out, "%2zu  score %9.4f  log p %9.4f  %2zu tokens  %s  ", i + 1, r->score,
                r->logprob, r->n, r->ended ? "eos   " : "length");
        print_line(cli, text ? text : "", len);
        free(text);
    }
}

/* Children under their parents, as far in as they are deep; p is given all before it. */
static void print_children(struct cli *cli, const struct beams *b, int32_t parent, size_t level)
{
    const struct attune_beam_level *l = &b->tree.levels[level];

    if (level == b->tree.n_levels) {
        return;
    }
    for (size_t i = l->first; i < l->first + l->n; i++) {
        const struct attune_beam *n = &b->tree.nodes[i];
        char token[4 * TOKEN_WIDTH + 16], bar[3 * BAR_WIDTH + 1];

        if (n->parent != parent) {
            continue;
        }
        cli_show_token(token, sizeof token, attune_model_tokenizer(b->source.model), n->id,
                       TOKEN_WIDTH);
        cli_show_bar(bar, n->p, BAR_WIDTH);
        fprintf(cli->out, "%*s%s %8.5f %s  text %.3g%s\n", (int)(level < 40 ? 2 * level : 80), "",
                token, n->p, bar, exp(n->logprob), n->state == ATTUNE_BEAM_ENDED ? "  ends" : "");
        print_children(cli, b, (int32_t)i, level + 1);
    }
}

static void print_levels(struct cli *cli, const struct beams *b)
{
    fputs("\ntoken  followed      ended   given up        sum\n", cli->out);
    for (size_t i = 0; i < b->tree.n_levels; i++) {
        const struct attune_beam_level *l = &b->tree.levels[i];

        fprintf(cli->out, "%5zu  %8.6f   %8.6f   %8.6f   %8.6f\n", i + 1, l->kept, l->ended,
                l->rest, l->kept + l->ended + l->rest);
    }
}

static int print(struct cli *cli, const struct beams *b, long n_beams)
{
    if (cli->json) {
        return cli_print_json(cli, to_json(b, n_beams));
    }
    print_results(cli, b);
    fputc('\n', cli->out);
    print_children(cli, b, -1, 0);
    print_levels(cli, b);
    return CLI_OK;
}

/* ---- the verb ---- */

static int check(struct cli *cli)
{
    static const char *const others[] = {"save",  "samples", "stream",     "fork",
                                         "token", "stop",    "ignore-eos", "seed"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (cli_has(cli, others[i])) {
            return cli_wrong(
                cli, "run: --beams draws nothing and is not recorded: --%s does not go with it",
                others[i]);
        }
    }
    return CLI_OK;
}

int cli_beams(struct cli *cli)
{
    const struct attune_context_options lean = {.no_queries = true};
    struct attune_generate_options generate = {0};
    struct beams b = {.length_penalty = 1};
    struct attune_error err = {0};
    long n_beams = 0;
    int exit_status = check(cli), status;

    if (exit_status == CLI_OK) {
        exit_status = cli_long(cli, "beams", 1, MOST_BEAMS, &n_beams);
    }
    if (exit_status == CLI_OK) {
        exit_status = cli_double(cli, "length-penalty", -10, 10, &b.length_penalty);
    }
    if (exit_status == CLI_OK) {
        exit_status = cli_chain(cli, &b.chain);
    }
    if (exit_status == CLI_OK) {
        exit_status = cli_generate_options(cli, &generate);
    }
    if (exit_status == CLI_OK) {
        struct attune_beam_options options = {(size_t)n_beams, generate.max_tokens,
                                              b.length_penalty};

        status = cli_open_context(cli, &b.source, lean, generate.max_tokens, true, &err);
        if (status == ATTUNE_OK && attune_model_info(b.source.model)->kind == ATTUNE_ENCODER) {
            status = attune_error_set(&err, ATTUNE_ARGUMENT, 0, "an encoder does not generate");
        }
        if (status == ATTUNE_OK) {
            status =
                attune_beams_search(&b.tree, b.source.ctx, b.chain, &options, &cli->progress, &err);
        }
        exit_status = status == ATTUNE_OK ? print(cli, &b, n_beams) : cli_fail(cli, &err);
    }
    attune_beams_done(&b.tree);
    attune_chain_free(b.chain);
    cli_context_done(&b.source);
    cli_generate_options_done(&generate);
    return exit_status;
}
