/* score: how probable a text is to the model, token by token.
 *
 * A decoder says each token given those before it; an encoder-decoder those of a target given what
 * its encoder read; an encoder each token given all others, with it alone masked. */
#include <config.h>

#include "cli_labels.h"
#include "cli_task.h"

#include <attune/dist.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_WIDTH = 20, BAR_WIDTH = 16, MOST_LOGITS = 1 << 22 };

static const struct cli_option options[] = {
    {"target", 0, "TEXT|@FILE", "what an encoder-decoder answers the prompt"},
    {"choices", 0, "A,B,...", "how probable each of these answers is behind the prompt"},
    {"content-free", 0, "TEXT|@FILE",
     "with --choices: the prompt without its content, such as with N/A in its place; calibrates, "
     "may be repeated"},
    {"mask-id", 0, "ID", "the mask token, for an encoder without a tokenizer"},
    {NULL, 0, NULL, NULL},
};

struct scores {
    const struct attune_tokenizer *tk; /* or NULL */
    const attune_token *ids;           /* [n] */
    double *logprob;                   /* [n], NaN where nothing was to be said */
    double *entropy_bits;              /* [n], and the ranks: of decoders alone */
    size_t *rank;
    size_t n, n_scored;
    double sum; /* of logprob */
    bool pseudo;
};

/* logprob[i] of token i given those before it, NaN for the first: nothing predicts it. Rows are
 * taken a few at a time, so that a long text with a large vocabulary does not need all its logits
 * at once. */
static int measure(struct scores *s, struct attune_context *ctx, struct attune_error *err)
{
    const attune_token *ids = s->ids;
    size_t n = s->n;
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
    s->logprob[0] = NAN;
    for (size_t first = 0; status == ATTUNE_OK && first + 1 < n; first += rows) {
        size_t count = n - 1 - first < rows ? n - 1 - first : rows;

        status = attune_context_logits(ctx, first, count, logits, err);
        for (size_t i = 0; status == ATTUNE_OK && i < count; i++) {
            const float *row = logits + i * n_vocab;
            struct attune_dist dist;

            attune_dist_of(&dist, row, n_vocab);
            s->logprob[first + i + 1] = attune_dist_logp(&dist, row[ids[first + i + 1]]);
            s->entropy_bits[first + i + 1] = attune_bits(dist.entropy);
            s->rank[first + i + 1] = attune_dist_rank(row, n_vocab, ids[first + i + 1]);
        }
    }
    free(logits);
    return status;
}

/* ---- what is scored ---- */
static int allocate(struct scores *out, size_t n, struct attune_error *err)
{
    out->n = n;
    out->logprob = calloc(n + 1, sizeof *out->logprob);
    out->entropy_bits = calloc(n + 1, sizeof *out->entropy_bits);
    out->rank = calloc(n + 1, sizeof *out->rank);
    return out->logprob && out->entropy_bits && out->rank
               ? ATTUNE_OK
               : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu scores", n);
}

/* The target, tokenized as the model wants it, behind the decoder's start token. */
static int add_target(struct cli *cli, struct cli_context *source, const char *target,
                      struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(source->model);
    const struct attune_tokenize_options added = {.add_special = true};
    struct attune_tokens tokens = {0};
    char *text = NULL;
    size_t len;
    int status = cli_task_get(&text, &len, target, err);

    if (status == ATTUNE_OK && attune_model_info(source->model)->kind != ATTUNE_SEQ2SEQ) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "--target is for encoder-decoders: %.80s is of kind %s",
                                  attune_model_info(source->model)->name,
                                  attune_model_kind_text(attune_model_info(source->model)->kind));
    }
    if (status == ATTUNE_OK && !tk) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "the model has no tokenizer: give the target as --decoder-ids, "
                                  "start token first");
    }
    if (status == ATTUNE_OK) {
        status = attune_tokenize(&tokens, tk, text, len, &added, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_context_append(source->ctx, tokens.ids, tokens.n, &cli->progress, err);
    }
    attune_tokens_done(&tokens);
    free(text);
    return status;
}

/* Each token given those before it; source holds them afterwards. */
static int score_forward(struct cli *cli, struct scores *out, struct cli_context *source,
                         struct attune_error *err)
{
    struct attune_context_options lean = {.no_queries = true};
    const char *target = cli_value(cli, "target");
    int status = cli_open_context(cli, source, lean, 0, true, err);
    size_t n;

    if (status == ATTUNE_OK && target) {
        status = add_target(cli, source, target, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    n = attune_context_length(source->ctx);
    if (n < 2) {
        bool two = attune_model_info(source->model)->kind == ATTUNE_SEQ2SEQ;

        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "%zu token%s%s: the first token has nothing "
                                "before it, so score wants two or more%s",
                                n, n == 1 ? "" : "s", two ? " in the decoder" : "",
                                two ? ": --target TEXT" : "");
    }
    status = allocate(out, n, err);
    out->tk = attune_model_tokenizer(source->model);
    out->ids = attune_context_tokens(source->ctx);
    return status == ATTUNE_OK ? measure(out, source->ctx, err) : status;
}

/* Each token given all others. */
static int score_masked(struct cli *cli, long mask_id, struct scores *out, struct cli_task *task,
                        struct attune_error *err)
{
    struct attune_task_tokens *tokens;
    int status = cli_task_open(cli, task, err);

    if (status == ATTUNE_OK) {
        status = cli_task_check(cli, task, ATTUNE_OUTPUT_TOKENS, err);
    }
    if (status == ATTUNE_OK && cli_has(cli, "target")) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "--target is for encoder-decoders: %.80s is an encoder",
                                  attune_model_info(task->model)->name);
    }
    if (status == ATTUNE_OK) {
        status = cli_task_add_prompts(cli, task, (struct cli_task_options){0}, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_task_start(cli, task, false, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    tokens = &task->texts[0].tokens;
    tokens->mask_id = mask_id >= 0 ? (attune_token)mask_id : tokens->mask_id;
    status = allocate(out, tokens->tokens.n, err);
    out->tk = task->tk;
    out->ids = tokens->tokens.ids;
    out->pseudo = true;
    return status == ATTUNE_OK
               ? attune_task_pll(out->logprob, task->ctx, tokens, &cli->progress, err)
               : status;
}

/* ---- printing ---- */
static int print_json(struct cli *cli, const struct scores *s, double nll)
{
    json_t *tokens = json_array(), *out;

    for (size_t i = 0; i < s->n; i++) {
        json_t *token = json_pack("{s:I}", "id", (json_int_t)s->ids[i]);

        cli_json_set_token(token, s->tk, s->ids[i]);
        json_object_set_new(token, "logprob", cli_json_real(s->logprob[i]));
        if (!s->pseudo && !isnan(s->logprob[i])) {
            json_object_set_new(token, "surprisal_bits",
                                cli_json_real(-attune_bits(s->logprob[i])));
            json_object_set_new(token, "rank", json_integer((json_int_t)s->rank[i]));
            json_object_set_new(token, "entropy_bits", cli_json_real(s->entropy_bits[i]));
        }
        json_array_append_new(tokens, token);
    }
    out = json_pack("{s:o,s:I}", "tokens", tokens, "n_scored", (json_int_t)s->n_scored);
    json_object_set_new(out, "nll", cli_json_real(nll));
    json_object_set_new(out, "perplexity", cli_json_real(exp(nll)));
    if (s->pseudo) {
        json_object_set_new(out, "pll", cli_json_real(s->sum));
    }
    return cli_print_json(cli, out);
}

static void print_table(FILE *out, const struct scores *s, double nll)
{
    fprintf(out, "%7s  %-*s %9s %8s\n", "id", TOKEN_WIDTH, "token", "logprob", "p");
    for (size_t i = 0; i < s->n; i++) {
        char token[4 * TOKEN_WIDTH + 16], bar[3 * BAR_WIDTH + 1];
        double logprob = s->logprob[i];

        cli_task_show(token, sizeof token, s->tk, s->ids[i], TOKEN_WIDTH);
        if (isnan(logprob)) {
            fprintf(out, "%7ld  %s %9s %8s\n", (long)s->ids[i], token, "-", "-");
            continue;
        }
        cli_show_bar(bar, exp(logprob), BAR_WIDTH);
        fprintf(out, "%7ld  %s %9.4f %8.5f  %s\n", (long)s->ids[i], token, logprob, exp(logprob),
                bar);
    }
    fprintf(out, "%zu of %zu tokens scored: mean nll %.4f nats, perplexity %.4f\n", s->n_scored,
            s->n, nll, exp(nll));
    if (s->pseudo) {
        fprintf(out, "each token masked in turn: pseudo-log-likelihood %.4f nats\n", s->sum);
    }
}

static int print(struct cli *cli, struct scores *s)
{
    double nll;

    for (size_t i = 0; i < s->n; i++) {
        s->sum += isnan(s->logprob[i]) ? 0 : s->logprob[i];
        s->n_scored += !isnan(s->logprob[i]);
    }
    if (s->n_scored == 0) {
        return cli_fail(
            cli, &(struct attune_error){ATTUNE_ARGUMENT, 0, "the text holds no token to score"});
    }
    nll = -s->sum / (double)s->n_scored;
    if (cli->json) {
        return print_json(cli, s, nll);
    }
    print_table(cli->out, s, nll);
    return CLI_OK;
}

static int find_kind(struct cli *cli, enum attune_model_kind *out, struct attune_error *err)
{
    const struct attune_model_options header = {.header_only = true};
    struct attune_model *model = NULL;
    char *path = NULL;
    int status = cli_model_path(cli, &path, err);

    if (status == ATTUNE_OK) {
        status = attune_model_open(&model, path, &header, NULL, err);
    }
    if (status == ATTUNE_OK) {
        *out = attune_model_info(model)->kind;
    }
    attune_model_close(model);
    free(path);
    return status;
}

static int run(struct cli *cli)
{
    struct cli_context source = {0};
    struct cli_task task = {0};
    struct attune_error err = {0};
    struct scores scores = {0};
    enum attune_model_kind kind;
    long mask_id = ATTUNE_TOKEN_NONE;
    int status;

    if (cli_has(cli, "content-free") && !cli_has(cli, "choices")) {
        return cli_wrong(cli, "score: --content-free goes with --choices");
    }
    if (cli_has(cli, "choices") && (cli_has(cli, "target") || cli_has(cli, "mask-id"))) {
        return cli_wrong(cli,
                         "score: --choices are the answers: no --target or --mask-id beside them");
    }
    if (cli_has(cli, "choices")) {
        return cli_labels(cli);
    }
    if (cli_long(cli, "mask-id", 0, INT32_MAX, &mask_id)) {
        return CLI_USAGE;
    }
    status = find_kind(cli, &kind, &err);
    if (status == ATTUNE_OK) {
        status = kind == ATTUNE_ENCODER ? score_masked(cli, mask_id, &scores, &task, &err)
                                        : score_forward(cli, &scores, &source, &err);
    }
    status = status == ATTUNE_OK ? print(cli, &scores) : cli_fail(cli, &err);
    free(scores.logprob);
    free(scores.entropy_bits);
    free(scores.rank);
    cli_context_done(&source);
    cli_task_done(&task);
    return status;
}

const struct cmd_ops cmd_score = {
    .name = "score",
    .args = "",
    .help = "score a text: log probability of each token, mean nll, perplexity",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_ABLATE,
    .options = options,
    .run = run,
};
