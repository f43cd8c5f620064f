/* lens: what the model would say after each of its layers. */
#include <config.h>

#include "cli.h"

#include <attune/dist.h>
#include <attune/lens.h>

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOP = 5, TOKEN_WIDTH = 14, GRID_WIDTH = 9 };

static const struct cli_option options[] = {
    {"at", 0, "N", "the position that is looked at, from 0 (the last one)"},
    {"top", 0, "N", "how many candidates of each layer (5)"},
    {"grid", 0, NULL, "every layer by every position: the likeliest token"},
    {NULL, 0, NULL, NULL},
};

struct lens {
    struct cli_context source;
    const struct attune_tokenizer *tk;
    const attune_token *ids; /* [n] what was read, or the decoder's */
    size_t n, n_vocab, at, top;
    int layers;
    struct attune_lens_cell *cells; /* [layers, n] with --grid, else NULL */
    float *logits;                  /* [n_vocab] */
    attune_token *order;            /* [n_vocab] */
    attune_token final;             /* the last layer's likeliest at `at` */
};

static int prepare(struct cli *cli, struct lens *l, long at, struct attune_error *err)
{
    const struct attune_context_options keep = {.no_queries = true, .keep_hidden = true};
    int status = cli_open_context(cli, &l->source, keep, 0, true, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    l->layers = attune_lens_count(l->source.model, err);
    if (l->layers == 0) {
        return ATTUNE_UNSUPPORTED;
    }
    l->tk = attune_model_tokenizer(l->source.model);
    l->n = attune_context_length(l->source.ctx);
    l->ids = attune_context_tokens(l->source.ctx);
    l->at = at < 0 ? l->n - 1 : (size_t)at;
    if (l->n == 0 || l->at >= l->n) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "--at %ld: there are the positions 0 to %zu", at, l->n - !!l->n);
    }
    l->n_vocab = (size_t)attune_model_output(l->source.model, ATTUNE_OUTPUT_TOKENS).width;
    l->top = l->top < l->n_vocab ? l->top : l->n_vocab;
    l->logits = malloc(l->n_vocab * sizeof *l->logits);
    l->order = malloc(l->n_vocab * sizeof *l->order);
    l->cells = cli_has(cli, "grid") ? calloc((size_t)l->layers * l->n, sizeof *l->cells) : NULL;
    return l->logits && l->order && (l->cells || !cli_has(cli, "grid"))
               ? ATTUNE_OK
               : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %d layers", l->layers);
}

/* The logits of a layer at `at`, and their order. */
static int read_layer(struct lens *l, int layer, struct attune_error *err)
{
    int status = attune_lens_logits(l->source.ctx, layer, l->at, 1, l->logits, err);

    if (status == ATTUNE_OK && attune_dist_order(l->order, l->logits, l->n_vocab) != ATTUNE_OK) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu tokens in order",
                                  l->n_vocab);
    }
    return status;
}

static json_t *token_json(const struct lens *l, attune_token id)
{
    json_t *token = json_pack("{s:I}", "id", (json_int_t)id);

    cli_json_set_token(token, l->tk, id);
    return token;
}

static json_t *layer_json(const struct lens *l, int layer)
{
    json_t *out = json_pack("{s:i}", "layer", layer), *candidates = json_array();
    struct attune_dist dist;

    attune_dist_of(&dist, l->logits, l->n_vocab);
    for (size_t i = 0; i < l->top; i++) {
        json_t *c = token_json(l, l->order[i]);
        float logit = l->logits[l->order[i]];

        json_object_set_new(c, "logit", cli_json_real((double)logit));
        json_object_set_new(c, "p", cli_json_real(attune_dist_p(&dist, logit)));
        json_array_append_new(candidates, c);
    }
    json_object_set_new(out, "entropy_bits", cli_json_real(attune_bits(dist.entropy)));
    json_object_set_new(out, "p_final", cli_json_real(attune_dist_p(&dist, l->logits[l->final])));
    json_object_set_new(
        out, "rank_final",
        json_integer((json_int_t)attune_dist_rank(l->logits, l->n_vocab, l->final)));
    json_object_set_new(out, "candidates", candidates);
    return out;
}

static json_t *grid_json(const struct lens *l)
{
    json_t *grid = json_array();

    for (int layer = 0; layer < l->layers; layer++) {
        json_t *row = json_array();

        for (size_t t = 0; t < l->n; t++) {
            const struct attune_lens_cell *c = &l->cells[(size_t)layer * l->n + t];
            json_t *cell = token_json(l, c->top[0].id);

            json_object_set_new(cell, "p", cli_json_real(c->top[0].p));
            json_object_set_new(cell, "entropy_bits", cli_json_real((double)c->entropy_bits));
            json_object_set_new(cell, "p_final", cli_json_real((double)c->p_final));
            json_object_set_new(cell, "rank_final", json_integer((json_int_t)c->rank_final));
            json_array_append_new(row, cell);
        }
        json_array_append_new(grid, row);
    }
    return grid;
}

static int print_all_json(struct cli *cli, struct lens *l, struct attune_error *err)
{
    json_t *out = json_pack("{s:i, s:I, s:o}", "layers", l->layers, "position", (json_int_t)l->at,
                            "final", token_json(l, l->final)),
           *tokens = json_array(), *lens = json_array();
    int status = ATTUNE_OK;

    for (size_t t = 0; t < l->n; t++) {
        json_array_append_new(tokens, token_json(l, l->ids[t]));
    }
    for (int layer = 0; layer < l->layers && status == ATTUNE_OK; layer++) {
        status = read_layer(l, layer, err);
        if (status == ATTUNE_OK) {
            json_array_append_new(lens, layer_json(l, layer));
        }
    }
    json_object_set_new(out, "tokens", tokens);
    json_object_set_new(out, "lens", lens);
    if (l->cells) {
        json_object_set_new(out, "grid", grid_json(l));
    }
    if (status != ATTUNE_OK) {
        json_decref(out);
        return cli_fail(cli, err);
    }
    return cli_print_json(cli, out);
}

/* "6 "·the" 0.3112 ...": the candidates of a layer, and where the final one stands in it. */
static void print_layer(struct cli *cli, const struct lens *l, int layer)
{
    struct attune_dist dist;
    char token[4 * TOKEN_WIDTH + 16];

    attune_dist_of(&dist, l->logits, l->n_vocab);
    fprintf(cli->out, "%5d %7.2f %6zu", layer, attune_bits(dist.entropy),
            attune_dist_rank(l->logits, l->n_vocab, l->final) + 1);
    for (size_t i = 0; i < l->top; i++) {
        cli_show_token(token, sizeof token, l->tk, l->order[i], TOKEN_WIDTH);
        fprintf(cli->out, "  %s %.4f", token, attune_dist_p(&dist, l->logits[l->order[i]]));
    }
    fputc('\n', cli->out);
}

static void print_grid(struct cli *cli, const struct lens *l)
{
    char token[4 * GRID_WIDTH + 16];

    for (int layer = l->layers - 1; layer >= 0; layer--) {
        fprintf(cli->out, "%5d", layer);
        for (size_t t = 0; t < l->n; t++) {
            cli_show_token(token, sizeof token, l->tk, l->cells[(size_t)layer * l->n + t].top[0].id,
                           GRID_WIDTH);
            fprintf(cli->out, " %s", token);
        }
        fputc('\n', cli->out);
    }
    fputs(" read", cli->out);
    for (size_t t = 0; t < l->n; t++) {
        cli_show_token(token, sizeof token, l->tk, l->ids[t], GRID_WIDTH);
        fprintf(cli->out, " %s", token);
    }
    fputs("\n\n", cli->out);
}

static int print_table(struct cli *cli, struct lens *l, struct attune_error *err)
{
    char token[4 * TOKEN_WIDTH + 16];
    int status = ATTUNE_OK;

    if (l->cells) {
        print_grid(cli, l);
    }
    cli_show_token(token, sizeof token, l->tk, l->final, TOKEN_WIDTH);
    fprintf(cli->out, "position %zu; rank: of what the last layer finds likeliest, %s\n", l->at,
            token);
    fprintf(cli->out, "%5s %7s %6s  candidates\n", "layer", "bits", "rank");
    for (int layer = l->layers - 1; layer >= 0 && status == ATTUNE_OK; layer--) {
        status = read_layer(l, layer, err);
        if (status == ATTUNE_OK) {
            print_layer(cli, l, layer);
        }
    }
    return status == ATTUNE_OK ? CLI_OK : cli_fail(cli, err);
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct lens l = {0};
    long at = -1, top = DEFAULT_TOP;
    int status;

    if (cli_long(cli, "at", 0, INT32_MAX, &at) != CLI_OK ||
        cli_long(cli, "top", 1, INT32_MAX, &top) != CLI_OK) {
        return CLI_USAGE;
    }
    l.top = (size_t)top;
    status = prepare(cli, &l, at, &err);
    if (status == ATTUNE_OK && l.cells) {
        status = attune_lens_grid(l.cells, l.source.ctx, 0, l.n, NULL, &cli->progress, &err);
    }
    if (status == ATTUNE_OK) {
        status = read_layer(&l, l.layers - 1, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else {
        l.final = l.order[0];
        status = cli->json ? print_all_json(cli, &l, &err) : print_table(cli, &l, &err);
    }
    cli_context_done(&l.source);
    free(l.logits);
    free(l.order);
    free(l.cells);
    return status;
}

const struct cmd_ops cmd_lens = {
    .name = "lens",
    .args = "",
    .help = "what each layer would say: the head on every layer's states (logit lens)",
    .groups = CLI_MODEL | CLI_PROMPT,
    .options = options,
    .run = run,
};
