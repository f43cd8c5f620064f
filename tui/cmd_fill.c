/* fill: what stands at each mask of a text. An encoder says a distribution for every mask at once;
 * an encoder-decoder with sentinels writes a span for each. */
#include <config.h>

#include "cli_task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOP = 10, BAR_WIDTH = 24, TOKEN_WIDTH = 20, DEFAULT_TOKENS = 128 };

static const struct cli_option options[] = {
    {"top", 0, "N", "candidates for each mask (10)"},
    {"at", 0, "1,2,3", "tokens to say the distribution of, masked or not"},
    {"pll", 0, NULL, "the sentence's pseudo-log-likelihood: each token masked in turn"},
    {"mask-id", 0, "ID", "the mask token, for a model without a tokenizer"},
    {"max-tokens", 'n', "N", "tokens that an encoder-decoder writes at most (128)"},
    {"pair", 0, "TEXT|@FILE", "a second text after the first"},
    {NULL, 0, NULL, NULL},
};

struct given { /* on the command line */
    long top, max_tokens, mask_id;
};

struct filled {
    struct attune_task_fill *fills; /* [n_masks] */
    attune_token **order;           /* [n_masks] of [top] by falling p */
    double **p;                     /* the same */
    size_t n, top;
    double *logp; /* [T] of --pll, or NULL */
};

/* ---- asking ---- */

/* --mask-id and --at, for tokens as ids that no tokenizer explains. */
static int choose_masks(struct cli *cli, struct cli_task *task, const struct given *given,
                        struct attune_error *err)
{
    struct attune_task_tokens *tokens = &task->texts[0].tokens;
    const char *at = cli_value(cli, "at");
    attune_token *list = NULL;
    size_t n = 0;
    int status;

    if (given->mask_id >= 0) {
        tokens->mask_id = (attune_token)given->mask_id;
        tokens->n_masks = 0;
        for (size_t i = 0; i < tokens->tokens.n; i++) {
            if (tokens->tokens.ids[i] == tokens->mask_id) {
                tokens->masks[tokens->n_masks++] = i;
            }
        }
    }
    if (!at) {
        return ATTUNE_OK;
    }
    if (attune_model_info(task->model)->kind != ATTUNE_ENCODER) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "--at: an encoder-decoder fills its own masks alone");
    }
    status = cli_parse_ids(&list, &n, at, err);
    if (status == ATTUNE_OK && n > tokens->tokens.n) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "--at: more positions than tokens (%zu)",
                                  tokens->tokens.n);
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        if ((size_t)list[i] >= tokens->tokens.n) {
            status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "--at: there are tokens 0 to %zu",
                                      tokens->tokens.n - 1);
        }
        tokens->masks[i] = (size_t)list[i];
    }
    tokens->n_masks = n;
    free(list);
    return status;
}

/* More candidates than a distribution carries are read from the row itself. */
static int rank(struct cli_task *task, struct filled *f, size_t m, float *logits,
                attune_token *order, struct attune_error *err)
{
    const struct attune_task_fill *fill = &f->fills[m];
    size_t V = (size_t)attune_model_info(task->model)->n_vocab;
    size_t at = fill->first > 0 ? fill->first - 1 : fill->position;
    int status;

    if (fill->dist.n_vocab == 0) {
        return ATTUNE_OK; /* a sentinel without an answer */
    }
    f->order[m] = calloc(f->top + 1, sizeof *f->order[m]);
    f->p[m] = calloc(f->top + 1, sizeof *f->p[m]);
    status = f->order[m] && f->p[m] ? attune_context_logits(task->ctx, at, 1, logits, err)
                                    : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    if (status == ATTUNE_OK && attune_dist_order(order, logits, V) != ATTUNE_OK) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < f->top && status == ATTUNE_OK; i++) {
        f->order[m][i] = order[i];
        f->p[m][i] = attune_dist_p(&fill->dist, logits[order[i]]);
    }
    return status;
}

static int fill(struct cli *cli, struct cli_task *task, const struct given *given,
                struct filled *out, struct attune_error *err)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    size_t V = (size_t)attune_model_info(task->model)->n_vocab;
    float *logits = calloc(V + 1, sizeof *logits);
    attune_token *order = calloc(V + 1, sizeof *order);
    int status = ATTUNE_OK;

    out->top = (size_t)given->top < V ? (size_t)given->top : V;
    out->n = tokens->n_masks;
    out->fills = calloc(out->n + 1, sizeof *out->fills);
    out->order = calloc(out->n + 1, sizeof *out->order);
    out->p = calloc(out->n + 1, sizeof *out->p);
    if (!logits || !order || !out->fills || !out->order || !out->p) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK) {
        status = attune_task_fill(out->fills, task->ctx, tokens, (size_t)given->max_tokens,
                                  &cli->progress, err);
    }
    for (size_t m = 0; m < out->n && status == ATTUNE_OK; m++) {
        status = rank(task, out, m, logits, order, err);
    }
    free(logits);
    free(order);
    return status;
}

static int ask(struct cli *cli, struct cli_task *task, const struct given *given,
               struct filled *out, struct attune_error *err)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    int status = choose_masks(cli, task, given, err);

    if (status == ATTUNE_OK && tokens->n_masks == 0 && !cli_has(cli, "pll")) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "there is no mask: write [MASK], <mask> or <extra_id_0> where a "
                                  "word is to be found");
    }
    if (status == ATTUNE_OK) {
        status = cli_task_sync(cli, task, 0, err);
    }
    if (status == ATTUNE_OK) {
        status = fill(cli, task, given, out, err);
    }
    if (status == ATTUNE_OK && cli_has(cli, "pll")) {
        out->logp = calloc(tokens->tokens.n + 1, sizeof *out->logp);
        status = out->logp ? attune_task_pll(out->logp, task->ctx, tokens, &cli->progress, err)
                           : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    return status;
}

static void free_filled(struct filled *f)
{
    for (size_t m = 0; m < f->n; m++) {
        free(f->order ? f->order[m] : NULL);
        free(f->p ? f->p[m] : NULL);
    }
    free(f->order);
    free(f->p);
    free(f->fills);
    free(f->logp);
}

static double sum(const double *logp, size_t n, size_t *counted)
{
    double total = 0;

    *counted = 0;
    for (size_t i = 0; i < n; i++) {
        total += isnan(logp[i]) ? 0 : logp[i];
        *counted += !isnan(logp[i]);
    }
    return total;
}

/* ---- printing ---- */

/* The tokens of a span, and its text in *text (freed by the caller; NULL without a tokenizer). */
static const attune_token *span_of(const struct cli_task *task, const struct attune_task_fill *fill,
                                   char **text, size_t *len)
{
    const attune_token *ids = attune_context_tokens(task->ctx) + fill->first;

    *text = NULL;
    *len = 0;
    if (task->tk &&
        attune_detokenize(text, len, task->tk, ids, fill->n, true, true, NULL) != ATTUNE_OK) {
        *text = NULL;
    }
    return ids;
}

static json_t *mask_json(const struct cli_task *task, const struct filled *f, size_t m)
{
    const struct attune_task_fill *fill = &f->fills[m];
    json_t *candidates = json_array(), *out = json_object(), *ids;

    json_object_set_new(out, "position", json_integer((json_int_t)fill->position));
    for (size_t i = 0; i < f->top && f->order[m]; i++) {
        json_t *c = json_pack("{s:I}", "id", (json_int_t)f->order[m][i]);

        cli_json_set_token(c, task->tk, f->order[m][i]);
        json_object_set_new(c, "p", cli_json_real(f->p[m][i]));
        json_array_append_new(candidates, c);
    }
    json_object_set_new(out, "candidates", candidates);
    if (fill->first > 0) {
        char *text;
        size_t len;
        const attune_token *span = span_of(task, fill, &text, &len);

        ids = json_array();
        for (size_t i = 0; i < fill->n; i++) {
            json_array_append_new(ids, json_integer(span[i]));
        }
        json_object_set_new(out, "ids", ids);
        json_object_set_new(out, "text", text ? cli_json_text(text, len) : json_null());
        free(text);
    }
    return out;
}

static json_t *describe(const struct cli_task *task, const struct filled *f)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    json_t *masks = json_array(), *scores = json_array(), *out;
    size_t counted;

    for (size_t m = 0; m < f->n; m++) {
        json_array_append_new(masks, mask_json(task, f, m));
    }
    out = json_pack("{s:o}", "masks", masks);
    for (size_t i = 0; i < tokens->tokens.n && f->logp; i++) {
        json_t *token = json_pack("{s:I}", "id", (json_int_t)tokens->tokens.ids[i]);

        cli_json_set_token(token, task->tk, tokens->tokens.ids[i]);
        json_object_set_new(token, "logprob", cli_json_real(f->logp[i]));
        json_array_append_new(scores, token);
    }
    if (f->logp) {
        json_object_set_new(out, "pll", cli_json_real(sum(f->logp, tokens->tokens.n, &counted)));
        json_object_set(out, "tokens", scores);
    }
    json_decref(scores);
    return out;
}

static void print_mask(struct cli *cli, const struct cli_task *task, const struct filled *f,
                       size_t m)
{
    const struct attune_task_fill *fill = &f->fills[m];
    char shown[4 * TOKEN_WIDTH + 16], bar[3 * BAR_WIDTH + 1], *text;
    size_t len;

    fprintf(cli->out, "%smask %zu, token %zu", m ? "\n" : "", m + 1, fill->position);
    if (fill->first > 0) {
        span_of(task, fill, &text, &len);
        fprintf(cli->out, ": %zu token%s: ", fill->n, fill->n == 1 ? "" : "s");
        cli_print_text(cli, text ? text : "", len);
        free(text);
    } else if (!f->order[m]) {
        fprintf(cli->out, ": not answered");
    }
    fputc('\n', cli->out);
    for (size_t i = 0; i < f->top && f->order[m]; i++) {
        cli_show_token(shown, sizeof shown, task->tk, f->order[m][i], TOKEN_WIDTH);
        cli_show_bar(bar, f->p[m][i], BAR_WIDTH);
        fprintf(cli->out, "%7ld  %s  %8.5f  %s\n", (long)f->order[m][i], shown, f->p[m][i], bar);
    }
}

/* The text with the likeliest at every mask. */
static void print_text(struct cli *cli, const struct cli_task *task, const struct filled *f)
{
    const struct cli_task_text *t = &task->texts[0];
    const struct attune_tokens *tokens = &t->tokens.tokens;
    size_t at = 0;

    if (t->given.len == 0 || t->pair || f->n == 0 || cli_has(cli, "at")) {
        return;
    }
    fputc('\n', cli->out);
    for (size_t m = 0; m < f->n; m++) {
        const struct attune_task_fill *fill = &f->fills[m];
        size_t start = tokens->start[fill->position], end = tokens->end[fill->position], len = 0,
               skip = 0;
        char *bytes = NULL;

        while (start < end && t->text[start] == ' ') {
            start++; /* RoBERTa's mask takes the space before it */
        }
        if (fill->first > 0) {
            span_of(task, fill, &bytes, &len);
        } else if (f->order[m]) {
            bytes = cli_token_bytes(task->tk, f->order[m][0], &len);
        }
        skip = len > 0 && bytes[0] == ' ' && (start == 0 || t->text[start - 1] == ' ');
        cli_print_text(cli, t->text + at, start - at);
        cli_print_text(cli, bytes ? bytes + skip : "", bytes ? len - skip : 0);
        free(bytes);
        at = end;
    }
    cli_print_text(cli, t->text + at, t->given.len - at);
    fputc('\n', cli->out);
}

static void print_pll(struct cli *cli, const struct cli_task *task, const double *logp, bool first)
{
    const struct attune_tokens *tokens = &task->texts[0].tokens.tokens;
    char shown[4 * TOKEN_WIDTH + 16];
    size_t counted;
    double total = sum(logp, tokens->n, &counted);

    for (size_t i = 0; i < tokens->n; i++) {
        if (!isnan(logp[i])) {
            cli_show_token(shown, sizeof shown, task->tk, tokens->ids[i], TOKEN_WIDTH);
            fprintf(cli->out, "%s%7ld  %s %9.4f %8.5f\n", first ? "" : "\n", (long)tokens->ids[i],
                    shown, logp[i], exp(logp[i]));
            first = true;
        }
    }
    fprintf(cli->out, "pseudo-log-likelihood %.4f nats over %zu tokens\n", total, counted);
}

static int run(struct cli *cli)
{
    struct cli_task task = {0};
    struct attune_error err = {0};
    struct filled filled = {0};
    struct given given = {DEFAULT_TOP, DEFAULT_TOKENS, ATTUNE_TOKEN_NONE};
    int status;

    if (cli_long(cli, "top", 1, INT32_MAX, &given.top) ||
        cli_long(cli, "max-tokens", 0, INT32_MAX, &given.max_tokens) ||
        cli_long(cli, "mask-id", 0, INT32_MAX, &given.mask_id)) {
        return CLI_USAGE;
    }
    status = cli_task_open(cli, &task, &err);
    if (status == ATTUNE_OK) {
        status = cli_task_check(cli, &task, ATTUNE_OUTPUT_TOKENS, &err);
    }
    if (status == ATTUNE_OK) {
        status = cli_task_add_prompts(cli, &task, (struct cli_task_options){.masks = true}, &err);
    }
    if (status == ATTUNE_OK) {
        status = cli_task_start(cli, &task, false, &err);
    }
    if (status == ATTUNE_OK) {
        status = ask(cli, &task, &given, &filled, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, describe(&task, &filled));
    } else {
        for (size_t m = 0; m < filled.n; m++) {
            print_mask(cli, &task, &filled, m);
        }
        print_text(cli, &task, &filled);
        if (filled.logp) {
            print_pll(cli, &task, filled.logp, filled.n == 0);
        }
    }
    free_filled(&filled);
    cli_task_done(&task);
    return status;
}

const struct cmd_ops cmd_fill = {
    .name = "fill",
    .args = "",
    .help = "what stands at each mask of a text: [MASK], <mask> or <extra_id_0>",
    .groups = CLI_MODEL | CLI_PROMPT,
    .options = options,
    .run = run,
};
