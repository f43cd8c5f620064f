/* Why a head looks where it looks, and what its look does to the next token. */
#ifndef ATTUNE_WHY_H
#define ATTUNE_WHY_H

#include <attune/attention.h>

/* One query and one key of a head: score = sum of products + added, weight = softmax of the scores
 * of the row. Products are q[i] * k[i] * scale, after rotary positions were turned in: of every
 * dimension of the head its part of the score. */
struct attune_why_pair { /* plain data */
    double scale;        /* 1 / sqrt(head_dim), or what the family has */
    double products;     /* their sum */
    double added;        /* what position adds besides: ALiBi's slope, T5's distance; else 0 */
    double score, weight;
    double value_norm; /* ||O v||: how long what the key's value adds would be at weight 1 */
};

/* How many dimensions a head of this kind has. 0: there is no such attention. */
size_t attune_why_width(const struct attune_context *ctx, enum attune_stack kind);

/* products [width]. A key that the query may not see is refused. */
int attune_why_pair(struct attune_why_pair *out, float *products, struct attune_context *ctx,
                    enum attune_stack kind, int layer, int head, size_t q, size_t k,
                    struct attune_error *err);

/* What every head adds to the logit of a token at a position, straight from the residual stream to
 * the head on top: u . (O z), z what the head says there, u the token's row of the output matrix
 * through the last norm, whose scale is held at what it was (Elhage et al., "A Mathematical
 * Framework for Transformer Circuits", 2021; the frozen scale as in TransformerLens,
 * `logit_attrs`). What it does through later layers is not in it. With `against` the difference of
 * two tokens' logits.
 *
 *   logit = sum of heads + biases of the attention + rest (embedding, MLPs, biases on top) */
struct attune_why_logit { /* plain data */
    double logit;         /* or the difference */
    double heads, biases, rest;
    double scale; /* of the last norm, 1 / sigma */
};

/* self, cross [n_layers, n_heads]; cross NULL where there is no encoder. Models whose stream is
 * normed after every block, and heads on top that are not linear, have no straight way:
 * ATTUNE_UNSUPPORTED. So has a context with an ablation. */
int attune_why_logit(struct attune_why_logit *out, double *self, double *cross,
                     struct attune_context *ctx, size_t position, attune_token token,
                     attune_token against /* or ATTUNE_TOKEN_NONE */,
                     struct attune_progress *progress, struct attune_error *err);

#endif
