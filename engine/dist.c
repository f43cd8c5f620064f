/* Distributions over the vocabulary: exponentials, sums, the likeliest candidates, orders.
 *
 * The one idea: a row is measured in blocks of 64 whose exponentials are computed side by side
 * (the compiler turns them into vector code) and then added one after the other in id order. */
#include <config.h>

#include "dist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64, LANES = 16, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, SMALL_SORT = 48 };

#define LOWEST (-708.0) /* exp of it is the smallest normal double, near enough */

/* e^x = 2^k * e^r with k = round(x / ln 2), |r| <= ln 2 / 2; e^r by its series to r^13, whose rest
 * is below 2^-57. Adding 1.5 * 2^52 rounds to a whole number and leaves it in the low bits. */
static inline double exponential(double x)
{
    const double round_up = 0x1.8p52;
    double shifted = x * 0x1.71547652b82fep+0 + round_up, k = shifted - round_up;
    double r = (x - k * 0x1.62e42fefa3800p-1) - k * 0x1.ef35793c76730p-45;
    double r2 = r * r, r4 = r2 * r2;
    double a = 0.5 + r * (1.0 / 6) + r2 * (1.0 / 24 + r * (1.0 / 120));
    double b = 1.0 / 720 + r * (1.0 / 5040) + r2 * (1.0 / 40320 + r * (1.0 / 362880));
    double c =
        1.0 / 3628800 + r * (1.0 / 39916800) + r2 * (1.0 / 479001600 + r * (1.0 / 6227020800.0));
    union {
        double value;
        uint64_t bits;
    } scale = {.value = shifted}, power = {.value = 1.0 + (r + r2 * (a + r4 * (b + r4 * c)))};

    power.bits += scale.bits << 52;
    return power.value;
}

double dist_exp(double x)
{
    return x > LOWEST ? exponential(x) : 0;
}

/* The same instructions in wider registers where the processor has them: the bits stay the same.
 * The choice is made while the program is linked, which is before a sanitizer can watch it. */
#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__OPTIMIZE__) && !SANITIZED
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

/* One block: weights and the clamped differences they came from. */
WIDE static void weigh_block(double *restrict weight, double *restrict x,
                             const float *restrict logits, double max)
{
    for (int i = 0; i < BLOCK; i++) {
        double difference = (double)logits[i] - max;

        x[i] = difference > LOWEST ? difference : LOWEST; /* NaN too */
    }
    for (int i = 0; i < BLOCK; i++) {
        weight[i] = exponential(x[i]);
    }
    /* apart: a branch in the loop above would keep it from vectors */
    for (int i = 0; i < BLOCK; i++) {
        weight[i] = x[i] > LOWEST ? weight[i] : 0;
    }
}

static void weigh_infinite(double *weight, struct dist_sums *sums, const float *logits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double w = logits[i] == INFINITY;

        sums->sum += w;
        if (weight) {
            weight[i] = w;
        }
    }
}

void dist_weigh(double *weight, struct dist_sums *sums, const float *logits, size_t n, float max)
{
    double sum = 0, moment = 0, w[BLOCK], x[BLOCK];

    *sums = (struct dist_sums){0, 0};
    if (max == INFINITY) {
        weigh_infinite(weight, sums, logits, n);
        return;
    }
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t count = n - i < BLOCK ? n - i : BLOCK;

        if (max == -INFINITY) {
            memset(w, 0, sizeof w);
            memset(x, 0, sizeof x);
        } else if (count == BLOCK) {
            weigh_block(w, x, logits + i, max);
        } else {
            float last[BLOCK] = {0};

            memcpy(last, logits + i, count * sizeof *last);
            weigh_block(w, x, last, max);
        }
        for (size_t j = 0; j < count; j++) {
            sum += w[j];
            moment += w[j] * x[j];
        }
        if (weight) {
            memcpy(weight + i, w, count * sizeof *w);
        }
    }
    *sums = (struct dist_sums){sum, moment};
}

void dist_sum(struct dist_sums *sums, const double *weight, const float *logits, size_t n,
              float max)
{
    double sum = 0, moment = 0;

    for (size_t i = 0; i < n; i++) {
        double x = (double)logits[i] - (double)max;

        sum += weight[i];
        moment += weight[i] * (x > LOWEST ? x : 0.0); /* 0 also for inf - inf */
    }
    *sums = (struct dist_sums){sum, moment};
}

double dist_entropy(const struct dist_sums *sums)
{
    double entropy = sums->sum > 0 ? log(sums->sum) - sums->moment / sums->sum : 0;

    return entropy > 0 ? entropy : 0;
}

WIDE float dist_max(const float *logits, size_t n, size_t *n_nan)
{
    float lane[LANES], max = -INFINITY;
    uint32_t nan[LANES] = {0};
    size_t whole = n - n % LANES, nans = 0;

    for (int j = 0; j < LANES; j++) {
        lane[j] = -INFINITY;
    }
    for (size_t i = 0; i < whole; i += LANES) {
        for (int j = 0; j < LANES; j++) {
            float x = logits[i + (size_t)j];

            lane[j] = x > lane[j] ? x : lane[j];
            nan[j] += x != x;
        }
    }
    for (int j = 0; j < LANES; j++) {
        max = lane[j] > max ? lane[j] : max;
        nans += nan[j];
    }
    for (size_t i = whole; i < n; i++) {
        max = logits[i] > max ? logits[i] : max;
        nans += logits[i] != logits[i];
    }
    if (n_nan) {
        *n_nan = nans;
    }
    return max;
}

static void offer_top(struct attune_dist *dist, attune_token id, float x)
{
    size_t at = dist->n_top;

    if (at == ATTUNE_DIST_TOP && !(x > dist->top[at - 1].logit)) {
        return;
    }
    at -= at == ATTUNE_DIST_TOP;
    while (at > 0 && x > dist->top[at - 1].logit) {
        dist->top[at] = dist->top[at - 1];
        at--;
    }
    dist->top[at] = (struct attune_candidate){id, x, 0};
    dist->n_top += dist->n_top < ATTUNE_DIST_TOP;
}

/* Fills dist->top, sorted as it grows. Most blocks have nothing for it: their largest says so. */
static void find_top(struct attune_dist *dist, const float *logits, size_t n)
{
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t count = n - i < BLOCK ? n - i : BLOCK;

        if (dist->n_top == ATTUNE_DIST_TOP &&
            !(dist_max(logits + i, count, NULL) > dist->top[ATTUNE_DIST_TOP - 1].logit)) {
            continue;
        }
        for (size_t j = i; j < i + count; j++) {
            offer_top(dist, (attune_token)j, logits[j] != logits[j] ? -INFINITY : logits[j]);
        }
    }
}

void dist_measure(struct attune_dist *out, struct dist_sums *sums, double *weight,
                  const float *logits, size_t n)
{
    memset(out, 0, sizeof *out);
    out->n_vocab = n;
    out->max_logit = dist_max(logits, n, &out->n_nan);
    dist_weigh(weight, sums, logits, n, out->max_logit);
    out->logsumexp = isinf(out->max_logit) ? out->max_logit : out->max_logit + log(sums->sum);
    out->entropy = dist_entropy(sums);
    find_top(out, logits, n);
    for (size_t i = 0; i < out->n_top; i++) {
        out->top[i].p = attune_dist_p(out, out->top[i].logit);
    }
}

void attune_dist_of(struct attune_dist *out, const float *logits, size_t n)
{
    struct dist_sums sums;

    dist_measure(out, &sums, NULL, logits, n);
}

double attune_dist_logp(const struct attune_dist *dist, float logit)
{
    if (!(logit > -INFINITY)) {
        return -INFINITY;
    }
    if (dist->max_logit == INFINITY) { /* log of how many share the mass is the entropy */
        return logit == INFINITY ? -dist->entropy : -INFINITY;
    }
    return (double)logit - dist->logsumexp;
}

double attune_dist_p(const struct attune_dist *dist, float logit)
{
    return dist_exp(attune_dist_logp(dist, logit));
}

size_t attune_dist_rank(const float *logits, size_t n, attune_token id)
{
    uint32_t own;
    size_t rank = 0;

    if (id < 0 || (size_t)id >= n) {
        return n;
    }
    own = dist_key(logits[id]);
    for (size_t i = 0; i < n; i++) {
        uint32_t key = dist_key(logits[i]);

        rank += key > own || (key == own && i < (size_t)id);
    }
    return rank;
}

float dist_unkey(uint32_t key)
{
    union {
        uint32_t bits;
        float value;
    } u = {.bits = key & 0x80000000u ? key & 0x7fffffffu : ~key};

    return u.value;
}

static size_t digit_of(uint64_t pair, int pass)
{
    return DIGITS - 1 - (size_t)(pair >> (32 + pass * DIGIT_BITS) & (DIGITS - 1));
}

static void sort_small(uint64_t *pairs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t pair = pairs[i];
        size_t at = i;

        for (; at > 0 && pairs[at - 1] >> 32 < pair >> 32; at--) {
            pairs[at] = pairs[at - 1];
        }
        pairs[at] = pair;
    }
}

void dist_sort(uint64_t *pairs, uint64_t *other, size_t n)
{
    uint32_t count[3][DIGITS];
    uint64_t *from = pairs, *to = other;

    if (n <= SMALL_SORT) {
        sort_small(pairs, n);
        return;
    }
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < n; i++) {
        count[0][digit_of(pairs[i], 0)]++;
        count[1][digit_of(pairs[i], 1)]++;
        count[2][digit_of(pairs[i], 2)]++;
    }
    for (int pass = 0; pass < 3; pass++) {
        uint32_t at = 0;
        uint64_t *swap = from;

        if (count[pass][digit_of(from[0], pass)] == n) {
            continue; /* they all share this digit */
        }
        for (size_t d = 0; d < DIGITS; d++) {
            uint32_t here = count[pass][d];

            count[pass][d] = at;
            at += here;
        }
        for (size_t i = 0; i < n; i++) {
            to[count[pass][digit_of(from[i], pass)]++] = from[i];
        }
        from = to;
        to = swap;
    }
    if (from != pairs) {
        memcpy(pairs, from, n * sizeof *pairs);
    }
}

/* Digit by digit from the top: the digit in which the k-th falls, then on among those that share
 * it. */
float dist_select(const float *values, size_t n, size_t k)
{
    static const struct {
        int shift, bits;
    } digits[] = {{21, 11}, {10, 11}, {0, 10}};
    uint32_t prefix = 0, mask = 0, count[DIGITS];

    for (size_t pass = 0; pass < sizeof digits / sizeof *digits; pass++) {
        int shift = digits[pass].shift;
        uint32_t digit_mask = (1u << digits[pass].bits) - 1, d = digit_mask;

        memset(count, 0, sizeof count);
        for (size_t i = 0; i < n; i++) {
            uint32_t key = dist_key(values[i]);

            if ((key & mask) == prefix) {
                count[key >> shift & digit_mask]++;
            }
        }
        while (count[d] < k) {
            k -= count[d--];
        }
        prefix |= d << shift;
        mask |= digit_mask << shift;
    }
    return dist_unkey(prefix);
}

int attune_dist_order(attune_token *out, const float *logits, size_t n)
{
    uint64_t *pairs = calloc(n ? n : 1, 2 * sizeof *pairs);

    if (!pairs) {
        return ATTUNE_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        pairs[i] = (uint64_t)dist_key(logits[i]) << 32 | i;
    }
    dist_sort(pairs, pairs + n, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = (attune_token)(pairs[i] & 0xffffffffu);
    }
    free(pairs);
    return ATTUNE_OK;
}

size_t attune_dist_nucleus(double *mass, const struct attune_dist *dist, const float *logits,
                           const attune_token *order, size_t n, double share)
{
    double sum = 0;
    size_t k = 0;

    while (k < n && sum < share) {
        double p = attune_dist_p(dist, logits[order[k]]);

        if (p == 0) {
            break; /* rounding keeps the sum below the share: nothing more can come */
        }
        sum += p;
        k++;
    }
    if (mass) {
        *mass = sum;
    }
    return k;
}

double attune_dist_tail(const struct attune_dist *dist, const float *logits,
                        const attune_token *order, size_t n, size_t k)
{
    double sum = 0;

    for (size_t i = n; i > k; i--) {
        sum += attune_dist_p(dist, logits[order[i - 1]]);
    }
    return sum;
}

double attune_bits(double nats)
{
    return nats * 1.4426950408889634; /* 1 / ln 2 */
}
