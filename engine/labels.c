/* Answers behind a prompt: the prompt is read once, each answer goes on from there. */
#include <config.h>

#include <attune/dist.h>
#include <attune/labels.h>
#include <attune/tokenizer.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int tokenize(struct attune_tokens *out, const struct attune_tokenizer *tk, const char *text,
                    size_t len, struct attune_error *err)
{
    return attune_tokenize(out, tk, text, len, NULL, err);
}

int attune_label_tokens(struct attune_tokens *out, const struct attune_tokenizer *tk,
                        const char *text, size_t text_len, const char *answer,
                        struct attune_error *err)
{
    struct attune_tokens alone = {0};
    size_t len = strlen(answer);
    char *joined = malloc(text_len + len + 1);
    int status = joined ? tokenize(&alone, tk, text, text_len, err)
                        : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for an answer");

    if (status != ATTUNE_OK) {
        goto done;
    }
    memcpy(joined, text, text_len);
    memcpy(joined + text_len, answer, len + 1);
    status = tokenize(out, tk, joined, text_len + len, err);
    if (status != ATTUNE_OK) {
        goto done;
    }
    if (out->n <= alone.n || memcmp(out->ids, alone.ids, alone.n * sizeof *alone.ids) != 0) {
        status = tokenize(out, tk, answer, len, err);
    } else {
        memmove(out->ids, out->ids + alone.n, (out->n - alone.n) * sizeof *out->ids);
        out->n -= alone.n;
    }
    if (status == ATTUNE_OK && out->n == 0) {
        status =
            attune_error_set(err, ATTUNE_ARGUMENT, 0, "the answer \"%.40s\" has no token", answer);
    }
done:
    attune_tokens_done(&alone);
    free(joined);
    return status;
}

/* The sum over the last n tokens of what the context holds, each given all before it. */
static int add_up(double *out, struct attune_context *ctx, size_t n, struct attune_error *err)
{
    size_t length = attune_context_length(ctx),
           n_vocab = (size_t)attune_model_info(attune_context_model(ctx))->n_vocab;
    const attune_token *ids = attune_context_tokens(ctx);
    float *logits = malloc(n_vocab * sizeof *logits);
    int status = logits
                     ? ATTUNE_OK
                     : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a row of logits");

    *out = 0;
    for (size_t i = length - n; status == ATTUNE_OK && i < length; i++) {
        struct attune_dist dist;

        status = attune_context_logits(ctx, i - 1, 1, logits, err);
        if (status == ATTUNE_OK) {
            attune_dist_of(&dist, logits, n_vocab);
            *out += attune_dist_logp(&dist, logits[ids[i]]);
        }
    }
    free(logits);
    return status;
}

int attune_labels_measure(struct attune_label *out, struct attune_context *ctx,
                          const struct attune_input *input, const struct attune_tokens *answers,
                          size_t n, struct attune_progress *progress, struct attune_error *err)
{
    size_t before;
    int status = attune_context_sync(ctx, input, progress, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    before = attune_context_length(ctx);
    if (before == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the prompt is empty: nothing says how likely an answer is");
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        attune_context_truncate(ctx, before);
        out[i].n_tokens = answers[i].n;
        status = attune_context_append(ctx, answers[i].ids, answers[i].n, progress, err);
        if (status == ATTUNE_OK) {
            status = add_up(&out[i].logprob, ctx, answers[i].n, err);
        }
    }
    return status;
}

/* ---- shares ---- */

static double by_all(const struct attune_label *l)
{
    return l->logprob;
}

static double by_token(const struct attune_label *l)
{
    return l->logprob / (double)(l->n_tokens ? l->n_tokens : 1);
}

static double by_byte(const struct attune_label *l)
{
    return l->logprob / (double)(l->n_bytes ? l->n_bytes : 1);
}

static double calibrated(const struct attune_label *l)
{
    return l->logprob - l->free_logprob;
}

void attune_labels_share(struct attune_label *labels, size_t n)
{
    static const struct {
        double (*score)(const struct attune_label *);
        size_t at; /* of the share */
    } columns[] = {
        {by_all, offsetof(struct attune_label, p)},
        {by_token, offsetof(struct attune_label, p_token)},
        {by_byte, offsetof(struct attune_label, p_byte)},
        {calibrated, offsetof(struct attune_label, p_calibrated)},
    };

    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        double most = -INFINITY, sum = 0;

        for (size_t i = 0; i < n; i++) {
            most = fmax(most, columns[c].score(&labels[i]));
        }
        for (size_t i = 0; i < n; i++) {
            sum += exp(columns[c].score(&labels[i]) - most);
        }
        for (size_t i = 0; i < n; i++) {
            double share = exp(columns[c].score(&labels[i]) - most) / sum;

            memcpy((char *)&labels[i] + columns[c].at, &share, sizeof share);
        }
    }
}
