/* tree: what could follow, several tokens ahead. */
#include <config.h>

#include "cli.h"

#include <attune/lookahead.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 12, TOKEN_WIDTH = 16 };

static const struct cli_option options[] = {
    {"breadth", 0, "N", "candidates behind every token (3)"},
    {"depth", 0, "N", "tokens of a path (3)"},
    {"least", 0, "P", "paths less probable than this are not followed (0)"},
    {"raw", 0, NULL, "the model's own probabilities, whatever the knobs say"},
    {NULL, 0, NULL, NULL},
};

struct tree {
    struct cli_context source;
    const struct attune_tokenizer *tk;
    struct attune_chain *chain;
    struct attune_lookahead *look;
    const struct attune_lookahead_node *nodes; /* [n] */
    size_t n;
};

static json_t *node_json(const struct tree *t, size_t i)
{
    const struct attune_lookahead_node *node = &t->nodes[i];
    json_t *out = json_pack("{s:I}", "id", (json_int_t)node->id), *children = json_array();

    cli_json_set_token(out, t->tk, node->id);
    json_object_set_new(out, "rank", json_integer((json_int_t)node->rank));
    json_object_set_new(out, "p", cli_json_real(node->p));
    json_object_set_new(out, "joint", cli_json_real(node->joint));
    json_object_set_new(out, "entropy_bits", cli_json_real(node->entropy_bits));
    json_object_set_new(out, "is_end", json_boolean(node->is_end));
    for (size_t k = i + 1; k < t->n && t->nodes[k].depth > node->depth; k++) {
        if (t->nodes[k].parent == (int)i) {
            json_array_append_new(children, node_json(t, k));
        }
    }
    json_object_set_new(out, "children", children);
    return out;
}

static int print_json(struct cli *cli, const struct tree *t)
{
    json_t *out = json_object(), *roots = json_array(), *ids = json_array();
    const attune_token *tokens = attune_context_tokens(t->source.ctx);

    for (size_t i = 0; i < attune_context_length(t->source.ctx); i++) {
        json_array_append_new(ids, json_integer(tokens[i]));
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->nodes[i].parent < 0) {
            json_array_append_new(roots, node_json(t, i));
        }
    }
    json_object_set_new(out, "context_ids", ids);
    json_object_set_new(out, "nodes", json_integer((json_int_t)t->n));
    json_object_set_new(out, "evaluated",
                        json_integer((json_int_t)attune_lookahead_evaluated(t->look)));
    json_object_set_new(out, "tree", roots);
    return cli_print_json(cli, out);
}

static void print_table(struct cli *cli, const struct tree *t)
{
    fprintf(cli->out, "%8s %8s  %-*s tokens\n", "joint", "p", BAR_WIDTH, "");
    for (size_t i = 0; i < t->n; i++) {
        const struct attune_lookahead_node *node = &t->nodes[i];
        char token[4 * TOKEN_WIDTH + 16], bar[3 * BAR_WIDTH + 1];
        int columns;

        cli_show_token(token, sizeof token, t->tk, node->id, TOKEN_WIDTH);
        for (columns = (int)strlen(token); columns > 0 && token[columns - 1] == ' '; columns--) {
        }
        cli_show_bar(bar, node->joint, BAR_WIDTH);
        fprintf(cli->out, "%8.5f %8.5f  %s %*s%.*s%s\n", node->joint, node->p, bar,
                4 * (node->depth - 1), "", columns, token, node->is_end ? " (end)" : "");
    }
    fprintf(cli->out, "%zu nodes, %zu tokens read for them\n", t->n,
            attune_lookahead_evaluated(t->look));
}

static int grow(struct tree *t, struct cli *cli, const struct attune_lookahead_options *wanted,
                struct attune_error *err)
{
    const struct attune_context_options lean = {.no_queries = true};
    int more = 1,
        status = cli_open_context(cli, &t->source, lean, (size_t)wanted->depth, true, err);

    if (status == ATTUNE_OK) {
        t->tk = attune_model_tokenizer(t->source.model);
        status = attune_lookahead_start(&t->look, t->source.ctx, t->chain, wanted, err);
    }
    while (status == ATTUNE_OK && more > 0) {
        more = attune_lookahead_next(t->look, &cli->progress, err);
        status = more < 0 ? -more : ATTUNE_OK;
    }
    if (t->look) {
        t->nodes = attune_lookahead_nodes(t->look, &t->n);
    }
    return status;
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct attune_lookahead_options wanted = {0};
    struct tree t = {0};
    long breadth = 3, depth = 3;
    int status;

    if (cli_long(cli, "breadth", 1, ATTUNE_DIST_TOP, &breadth) != CLI_OK ||
        cli_long(cli, "depth", 1, ATTUNE_LOOKAHEAD_DEPTH, &depth) != CLI_OK ||
        cli_double(cli, "least", 0, 1, &wanted.least) != CLI_OK ||
        (!cli_has(cli, "raw") && cli_chain(cli, &t.chain) != CLI_OK)) {
        return CLI_USAGE;
    }
    wanted.breadth = (int)breadth;
    wanted.depth = (int)depth;
    status = grow(&t, cli, &wanted, &err);
    if (status == ATTUNE_OK || (status == ATTUNE_CANCELLED && t.n > 0 && !cli->json)) {
        status = cli->json ? print_json(cli, &t) : (print_table(cli, &t), status);
    }
    status = status == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
    attune_lookahead_free(t.look);
    attune_chain_free(t.chain);
    cli_context_done(&t.source);
    return status;
}

const struct cmd_ops cmd_tree = {
    .name = "tree",
    .args = "",
    .help = "look ahead: the likeliest tokens, behind each the likeliest again, with joint p",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_SAMPLING | CLI_ABLATE,
    .options = options,
    .run = run,
};
