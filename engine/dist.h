/* Exponentials, sums and orders over a row of logits, shared by the distribution and the sampler.
 *
 * Every value is made by IEEE additions and multiplications in a fixed order, exp included (a C
 * library may give other last bits on another machine). Rows are [n], n >= 0. */
#ifndef ATTUNE_ENGINE_DIST_H
#define ATTUNE_ENGINE_DIST_H

#include <attune/dist.h>

/* e^x to about one unit in the last place; 0 below -708. x at most 700. */
double dist_exp(double x);

struct dist_sums { /* over weights w = exp(logit - max) */
    double sum;    /* of w */
    double moment; /* of w * (logit - max) */
};

/* weight[i] = exp(logits[i] - max), 0 for NaN and -inf; max is the largest logit. With max = +inf
 * the weights are 1 where the logit is +inf. weight may be NULL. */
void dist_weigh(double *weight /* [n] or NULL */, struct dist_sums *sums,
                const float *logits /* [n] */, size_t n, float max);
/* The sums alone, of weights that are already there. */
void dist_sum(struct dist_sums *sums, const double *weight /* [n] */, const float *logits /* [n] */,
              size_t n, float max);
/* Nats; 0 for an empty distribution. */
double dist_entropy(const struct dist_sums *sums);

/* The largest logit (-inf if there is none); NaN counts as -inf. n_nan may be NULL. */
float dist_max(const float *logits /* [n] */, size_t n, size_t *n_nan);

/* attune_dist_of that keeps the weights and their sums as well. */
void dist_measure(struct attune_dist *out, struct dist_sums *sums, double *weight /* [n] or NULL */,
                  const float *logits /* [n] */, size_t n);

/* A float as an integer of the same order: -inf < ... < -0 = 0 < ... < +inf; NaN as -inf. */
static inline uint32_t dist_key(float x)
{
    union {
        float value;
        uint32_t bits;
    } u = {.value = x != x ? -__builtin_inff() : x + 0.0f}; /* -0 + 0 is 0 */

    return u.bits ^ ((uint32_t) - (int32_t)(u.bits >> 31) | 0x80000000u);
}
float dist_unkey(uint32_t key);

/* Sorts pairs (key in the high half, payload in the low half) by falling key, stable. other is
 * scratch of the same length; the result is in pairs. */
void dist_sort(uint64_t *pairs /* [n] */, uint64_t *other /* [n] */, size_t n);

/* The k-th largest of the values, 1 <= k <= n, in linear time whatever they are. */
float dist_select(const float *values /* [n] */, size_t n, size_t k);

#endif
