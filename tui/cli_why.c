/* Why, as text and as JSON: the products behind one weight, the heads behind one logit. */
#include <config.h>

#include "cli_why.h"

#include <attune/dist.h>
#include <attune/why.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 16, MOST_LINES = 24, TOKEN_WIDTH = 14 };

struct part { /* of a sum, to be listed by size */
    size_t at;
    double x;
};

static int by_size(const void *a, const void *b)
{
    const struct part *p = a, *q = b;
    double x = fabs(p->x), y = fabs(q->x);

    return x > y ? -1 : x < y ? 1 : (p->at > q->at) - (p->at < q->at);
}

static void print_part(FILE *out, double x, double most)
{
    char bar[3 * BAR_WIDTH + 1];

    cli_show_bar(bar, most > 0 ? fabs(x) / most : 0, BAR_WIDTH);
    fprintf(out, " %+10.4f  %s\n", x, bar);
}

/* ---- a pair ---- */

static int read_places(struct cli *cli, size_t *q, size_t *k, struct attune_error *err)
{
    attune_token *places = NULL;
    size_t n = 0;
    int status = cli_parse_ids(&places, &n, cli_value(cli, "why"), err);

    if (status != ATTUNE_OK || n != 2) {
        free(places);
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "--why %s: wants the places of a query and a key, from 0, such as "
                                "5,2",
                                cli_value(cli, "why"));
    }
    *q = (size_t)places[0];
    *k = (size_t)places[1];
    free(places);
    return ATTUNE_OK;
}

static int print_pair(struct cli *cli, const struct map *m, const struct attune_why_pair *pair,
                      const float *products, size_t n, size_t q, size_t k)
{
    struct part *parts = malloc((n + 1) * sizeof *parts);
    char query[128], key[128];
    double sum = 0;

    if (!parts) {
        return ATTUNE_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        parts[i] = (struct part){i, (double)products[i]};
    }
    qsort(parts, n, sizeof *parts, by_size);
    map_label(query, sizeof query, &m->queries.tokens[q], TOKEN_WIDTH);
    map_label(key, sizeof key, &m->keys.tokens[k], TOKEN_WIDTH);
    fprintf(cli->out, "layer %d head %d: %zu %s looks at %zu %s: weight %.4f, score %.4f\n",
            m->layer, m->head, q, query, k, key, pair->weight, pair->score);
    fprintf(
        cli->out,
        "products of q and k times %.4g sum to %.4f; position adds %.4f; the value adds at most "
        "%.4f (||O v||), here %.4f\n",
        pair->scale, pair->products, pair->added, pair->value_norm,
        pair->value_norm * pair->weight);
    for (size_t i = 0; i < n && i < MOST_LINES; i++) {
        sum += parts[i].x;
        fprintf(cli->out, "dimension %4zu", parts[i].at);
        print_part(cli->out, parts[i].x, fabs(parts[0].x));
    }
    if (n > MOST_LINES) {
        fprintf(cli->out, "%zu more sum to %.4f\n", n - MOST_LINES, pair->products - sum);
    }
    free(parts);
    return ATTUNE_OK;
}

static int print_pair_json(struct cli *cli, const struct map *m, const struct attune_why_pair *pair,
                           const float *products, size_t n, size_t q, size_t k)
{
    json_t *out =
               json_pack("{s:s, s:i, s:i, s:I, s:I}", "kind", attune_stack_text(m->kind), "layer",
                         m->layer, "head", m->head, "query", (json_int_t)q, "key", (json_int_t)k),
           *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, cli_json_real((double)products[i]));
    }
    json_object_set_new(out, "products", list);
    json_object_set_new(out, "scale", cli_json_real(pair->scale));
    json_object_set_new(out, "sum", cli_json_real(pair->products));
    json_object_set_new(out, "added", cli_json_real(pair->added));
    json_object_set_new(out, "score", cli_json_real(pair->score));
    json_object_set_new(out, "weight", cli_json_real(pair->weight));
    json_object_set_new(out, "value_norm", cli_json_real(pair->value_norm));
    json_object_set_new(out, "weighted_norm", cli_json_real(pair->value_norm * pair->weight));
    return cli_print_json(cli, out) == CLI_OK ? ATTUNE_OK : ATTUNE_IO;
}

int cli_why_pair(struct cli *cli, const struct map *m, struct attune_error *err)
{
    struct attune_why_pair pair;
    size_t n = attune_why_width(m->ctx, m->kind), q = 0, k = 0;
    float *products = malloc((n + 1) * sizeof *products);
    int status = products ? read_places(cli, &q, &k, err)
                          : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    if (status == ATTUNE_OK) {
        status = attune_why_pair(&pair, products, m->ctx, m->kind, m->layer, m->head, q, k, err);
    }
    if (status == ATTUNE_OK) {
        status = (cli->json ? print_pair_json : print_pair)(cli, m, &pair, products, n, q, k);
        if (status != ATTUNE_OK) {
            attune_error_set(err, status, 0, "%s", attune_status_text(status));
        }
    }
    free(products);
    return status;
}

/* ---- a logit ---- */

struct asked {
    size_t position;
    attune_token token, against;
};

/* An id, or the text of one token. */
static int read_token(struct cli *cli, const char *option, const struct attune_tokenizer *tk,
                      attune_token *out, struct attune_error *err)
{
    const char *text = cli_value(cli, option);
    struct attune_tokens tokens = {0};
    char *end;
    long id = text ? strtol(text, &end, 10) : 0;
    int status;

    if (!text) {
        return ATTUNE_OK;
    }
    if (end != text && !*end && id >= 0 && id <= INT32_MAX) {
        *out = (attune_token)id;
        return ATTUNE_OK;
    }
    status = tk ? attune_tokenize(&tokens, tk, text, strlen(text), NULL, err)
                : attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                   "--%s %s: wants an id: the model has no "
                                   "tokenizer",
                                   option, text);
    if (status == ATTUNE_OK && tokens.n != 1) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "--%s '%s': is %zu tokens to this model: name one, or its id",
                                  option, text, tokens.n);
    }
    if (status == ATTUNE_OK) {
        *out = tokens.ids[0];
    }
    attune_tokens_done(&tokens);
    return status;
}

static int read_asked(struct cli *cli, const struct map *m, struct asked *out,
                      struct attune_error *err)
{
    const struct attune_model *model = attune_context_model(m->ctx);
    size_t n = attune_context_length(m->ctx), n_vocab = (size_t)attune_model_info(model)->n_vocab;
    long position = n > 0 ? (long)n - 1 : 0;
    struct attune_dist dist = {0};
    float *logits;
    int status;

    if (cli_long(cli, "position", 0, INT32_MAX, &position) != CLI_OK) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "--position: wants a place from 0");
    }
    *out = (struct asked){(size_t)position, ATTUNE_TOKEN_NONE, ATTUNE_TOKEN_NONE};
    logits = malloc((n_vocab + 1) * sizeof *logits);
    status = logits ? attune_context_logits(m->ctx, out->position, 1, logits, err)
                    : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    if (status == ATTUNE_OK) {
        attune_dist_of(&dist, logits, n_vocab);
        out->token = dist.n_top ? dist.top[0].id : 0;
        status = read_token(cli, "token", attune_model_tokenizer(model), &out->token, err);
    }
    if (status == ATTUNE_OK) {
        status = read_token(cli, "against", attune_model_tokenizer(model), &out->against, err);
    }
    free(logits);
    return status;
}

static void print_logit(struct cli *cli, const struct map *m, const struct asked *asked,
                        const struct attune_why_logit *total, const double *parts /* [n] */,
                        size_t n, size_t n_self)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(attune_context_model(m->ctx));
    int heads = attune_model_info(attune_context_model(m->ctx))->n_heads;
    struct part *list = malloc((n + 1) * sizeof *list);
    char token[96], against[96];
    double sum = 0;

    cli_show_token(token, sizeof token, tk, asked->token, 0);
    cli_show_token(against, sizeof against, tk, asked->against, 0);
    fprintf(cli->out,
            "%s of %s%s%s behind position %zu: %.4f = heads %.4f + attention's biases %.4f "
            "+ the rest %.4f\n",
            asked->against == ATTUNE_TOKEN_NONE ? "logit" : "logit", token,
            asked->against == ATTUNE_TOKEN_NONE ? "" : " less that of ",
            asked->against == ATTUNE_TOKEN_NONE ? "" : against, asked->position, total->logit,
            total->heads, total->biases, total->rest);
    fprintf(cli->out, "straight to the logit, the last norm's scale held at %.4g (1 / sigma)\n",
            total->scale);
    for (size_t i = 0; list && i < n; i++) {
        list[i] = (struct part){i, parts[i]};
    }
    if (list) {
        qsort(list, n, sizeof *list, by_size);
    }
    for (size_t i = 0; list && i < n && i < MOST_LINES; i++) {
        size_t at = list[i].at % n_self;

        sum += list[i].x;
        fprintf(cli->out, "%slayer %2d head %2d", list[i].at >= n_self ? "cross " : "",
                (int)at / heads, (int)at % heads);
        print_part(cli->out, list[i].x, fabs(list[0].x));
    }
    if (n > MOST_LINES) {
        fprintf(cli->out, "%zu more heads sum to %.4f\n", n - MOST_LINES, total->heads - sum);
    }
    free(list);
}

static json_t *logit_json(const struct map *m, const struct asked *asked,
                          const struct attune_why_logit *total, const double *parts, size_t n,
                          size_t n_self)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(attune_context_model(m->ctx));
    bool two = attune_model_info(attune_context_model(m->ctx))->kind == ATTUNE_SEQ2SEQ;
    int heads = attune_model_info(attune_context_model(m->ctx))->n_heads;
    json_t *out = json_pack("{s:I, s:I}", "position", (json_int_t)asked->position, "id",
                            (json_int_t)asked->token),
           *list = json_array();

    cli_json_set_token(out, tk, asked->token);
    json_object_set_new(out, "against",
                        asked->against == ATTUNE_TOKEN_NONE ? json_null()
                                                            : json_integer(asked->against));
    json_object_set_new(out, "logit", cli_json_real(total->logit));
    json_object_set_new(out, "heads_sum", cli_json_real(total->heads));
    json_object_set_new(out, "biases", cli_json_real(total->biases));
    json_object_set_new(out, "rest", cli_json_real(total->rest));
    json_object_set_new(out, "norm_scale", cli_json_real(total->scale));
    for (size_t i = 0; i < n; i++) {
        size_t at = i % n_self;
        json_t *head = json_pack("{s:s, s:i, s:i}", "kind",
                                 i >= n_self ? "cross"
                                 : two       ? "decoder"
                                             : "self",
                                 "layer", (int)at / heads, "head", (int)at % heads);

        json_object_set_new(head, "contribution", cli_json_real(parts[i]));
        json_array_append_new(list, head);
    }
    json_object_set_new(out, "heads", list);
    return out;
}

int cli_why_logit(struct cli *cli, const struct map *m, struct attune_error *err)
{
    const struct attune_model_info *info = attune_model_info(attune_context_model(m->ctx));
    size_t n_self = (size_t)info->n_layers * (size_t)info->n_heads,
           n = info->kind == ATTUNE_SEQ2SEQ ? 2 * n_self : n_self;
    double *parts = calloc(n + 1, sizeof *parts);
    struct attune_why_logit total;
    struct asked asked;
    int status = parts ? read_asked(cli, m, &asked, err)
                       : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    if (status == ATTUNE_OK) {
        status = attune_why_logit(&total, parts, n > n_self ? parts + n_self : NULL, m->ctx,
                                  asked.position, asked.token, asked.against, &cli->progress, err);
    }
    if (status == ATTUNE_OK && cli->json) {
        status = cli_print_json(cli, logit_json(m, &asked, &total, parts, n, n_self)) == CLI_OK
                     ? ATTUNE_OK
                     : attune_error_set(err, ATTUNE_IO, 0, "the answer cannot be written");
    } else if (status == ATTUNE_OK) {
        print_logit(cli, m, &asked, &total, parts, n, n_self);
    }
    free(parts);
    return status;
}
