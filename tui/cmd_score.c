/* score: how probable a text is to the model, token by token. */
#include <config.h>

#include "cli.h"

#include <attune/dist.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_WIDTH = 20, BAR_WIDTH = 16, MOST_LOGITS = 1 << 22 };

/* logprob[i] of token i given those before it, NaN for the first: nothing predicts it. Rows are
 * taken a few at a time, so that a long text with a large vocabulary does not need all its logits
 * at once. */
static int measure(struct attune_context *ctx, const attune_token *ids, size_t n,
                   double *logprob /* [n] */, struct attune_error *err)
{
    size_t n_vocab = (size_t)attune_model_info(attune_context_model(ctx))->n_vocab;
    size_t rows = MOST_LOGITS / n_vocab > 0 ? MOST_LOGITS / n_vocab : 1;
    float *logits;
    int status = ATTUNE_OK;

    rows = rows < n ? rows : n;
    logits = malloc(rows * n_vocab * sizeof *logits);
    if (!logits) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu rows of logits",
                                rows);
    }
    logprob[0] = NAN;
    for (size_t first = 0; status == ATTUNE_OK && first + 1 < n; first += rows) {
        size_t count = n - 1 - first < rows ? n - 1 - first : rows;

        status = attune_context_logits(ctx, first, count, logits, err);
        for (size_t i = 0; status == ATTUNE_OK && i < count; i++) {
            const float *row = logits + i * n_vocab;
            struct attune_dist dist;

            attune_dist_of(&dist, row, n_vocab);
            logprob[first + i + 1] = attune_dist_logp(&dist, row[ids[first + i + 1]]);
        }
    }
    free(logits);
    return status;
}

static int print_json(struct cli *cli, const struct attune_tokenizer *tk, const attune_token *ids,
                      const double *logprob, size_t n, double nll)
{
    json_t *tokens = json_array(), *out;

    for (size_t i = 0; i < n; i++) {
        json_t *token = json_pack("{s:I}", "id", (json_int_t)ids[i]);

        cli_json_set_token(token, tk, ids[i]);
        json_object_set_new(token, "logprob", cli_json_real(logprob[i]));
        json_array_append_new(tokens, token);
    }
    out = json_pack("{s:o,s:I}", "tokens", tokens, "n_scored", (json_int_t)(n - 1));
    json_object_set_new(out, "nll", cli_json_real(nll));
    json_object_set_new(out, "perplexity", cli_json_real(exp(nll)));
    return cli_print_json(cli, out);
}

static void print_table(FILE *out, const struct attune_tokenizer *tk, const attune_token *ids,
                        const double *logprob, size_t n, double nll)
{
    fprintf(out, "%7s  %-*s %9s %8s\n", "id", TOKEN_WIDTH, "token", "logprob", "p");
    for (size_t i = 0; i < n; i++) {
        char token[4 * TOKEN_WIDTH + 16], bar[3 * BAR_WIDTH + 1];

        cli_show_token(token, sizeof token, tk, ids[i], TOKEN_WIDTH);
        if (isnan(logprob[i])) {
            fprintf(out, "%7ld  %s %9s %8s\n", (long)ids[i], token, "-", "-");
            continue;
        }
        cli_show_bar(bar, exp(logprob[i]), BAR_WIDTH);
        fprintf(out, "%7ld  %s %9.4f %8.5f  %s\n", (long)ids[i], token, logprob[i], exp(logprob[i]),
                bar);
    }
    fprintf(out, "%zu of %zu tokens scored: mean nll %.4f nats, perplexity %.4f\n", n - 1, n, nll,
            exp(nll));
}

static int run(struct cli *cli)
{
    struct attune_context_options options = {.no_queries = true};
    struct cli_context source = {0};
    struct attune_error err = {0};
    const attune_token *ids;
    double *logprob = NULL, sum = 0;
    size_t n = 0;
    int status = cli_open_context(cli, &source, options, 0, true, &err), exit_status = CLI_OK;

    if (status == ATTUNE_OK && attune_model_info(source.model)->kind == ATTUNE_ENCODER) {
        status = attune_error_set(&err, ATTUNE_ARGUMENT, 0,
                                  "an encoder predicts no next token: score wants a decoder or "
                                  "an encoder-decoder");
    }
    if (status == ATTUNE_OK) {
        n = attune_context_length(source.ctx);
        status = n >= 2 ? ATTUNE_OK
                        : attune_error_set(&err, ATTUNE_ARGUMENT, 0,
                                           "%zu token%s: the first token has "
                                           "nothing before it, so score wants two or more",
                                           n, n == 1 ? "" : "s");
    }
    if (status == ATTUNE_OK) {
        logprob = malloc(n * sizeof *logprob);
        ids = attune_context_tokens(source.ctx);
        status = logprob
                     ? measure(source.ctx, ids, n, logprob, &err)
                     : attune_error_set(&err, ATTUNE_MEMORY, 0, "out of memory for %zu scores", n);
    }
    if (status == ATTUNE_OK) {
        const struct attune_tokenizer *tk = attune_model_tokenizer(source.model);

        for (size_t i = 1; i < n; i++) {
            sum += logprob[i];
        }
        if (cli->json) {
            exit_status = print_json(cli, tk, ids, logprob, n, -sum / (double)(n - 1));
        } else {
            print_table(cli->out, tk, ids, logprob, n, -sum / (double)(n - 1));
        }
    } else {
        exit_status = cli_fail(cli, &err);
    }
    free(logprob);
    cli_context_done(&source);
    return exit_status;
}

const struct cmd_ops cmd_score = {
    .name = "score",
    .args = "",
    .help = "score a text: log probability of each token, mean nll, perplexity",
    .groups = CLI_MODEL | CLI_PROMPT,
    .run = run,
};
