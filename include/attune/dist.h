/* A distribution over the vocabulary, measured: log-sum-exp, entropy, the likeliest candidates.
 *
 * All sums are in double, over float32 logits, in id order: equal bits for equal logits.
 * -inf logits have probability 0; NaN counts as -inf and is reported in n_nan; +inf shares all mass
 * among its kind. Order everywhere: falling logit, ties by lower id. */
#ifndef ATTUNE_DIST_H
#define ATTUNE_DIST_H

#include <attune/tokenizer.h>

#define ATTUNE_DIST_TOP 32

struct attune_candidate {
    attune_token id;
    float logit;
    double p;
};

struct attune_dist { /* plain data: copied freely, may cross threads */
    size_t n_vocab, n_nan;
    float max_logit;
    double logsumexp; /* natural log of the sum of exp(logit) */
    double entropy;   /* nats */
    size_t n_top;
    struct attune_candidate top[ATTUNE_DIST_TOP]; /* by falling p */
};

void attune_dist_of(struct attune_dist *out, const float *logits /* [n] */, size_t n);

/* p and log p of one token of these logits. */
double attune_dist_p(const struct attune_dist *dist, float logit);
double attune_dist_logp(const struct attune_dist *dist, float logit);

/* Rank of an id, 0 for the likeliest. */
size_t attune_dist_rank(const float *logits, size_t n, attune_token id);

/* All ids by falling logit into out [n]. Returns ATTUNE_MEMORY if scratch cannot be had. */
int attune_dist_order(attune_token *out, const float *logits, size_t n);

/* How many of the likeliest hold this share of the mass (the nucleus); *mass, if not NULL: what they hold.
 * order [n] as attune_dist_order has it. 0 where there is no mass. */
size_t attune_dist_nucleus(double *mass, const struct attune_dist *dist, const float *logits,
                           const attune_token *order, size_t n, double share);
/* The mass behind the k likeliest, summed from the far end so that a small tail keeps its digits. */
double attune_dist_tail(const struct attune_dist *dist, const float *logits, const attune_token *order,
                        size_t n, size_t k);

double attune_bits(double nats);

#endif
