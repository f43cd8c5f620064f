#include <config.h>

#include <attune/dist.h>
#include <attune/rng.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/dist.h"

enum { V = 1003 };

static void fill(float *logits, size_t n, uint64_t seed, double scale)
{
    for (size_t i = 0; i < n; i++) {
        logits[i] = (float)((attune_rng_uniform(seed, i) - 0.5) * scale);
    }
}

static void exponentials_are_near_the_library(void **state)
{
    for (uint64_t i = 0; i < 200000; i++) {
        double x = attune_rng_uniform(1, i) * 1400 - 707, want = exp(x);

        assert_true(fabs(dist_exp(x) - want) <= 4e-16 * want);
        x /= 1000;
        assert_true(fabs(dist_exp(x) - exp(x)) <= 4e-16 * exp(x));
    }
    assert_true(dist_exp(0) == 1);
    assert_true(dist_exp(-709) == 0);
    assert_true(dist_exp(-INFINITY) == 0);
    assert_true(dist_exp(NAN) == 0);
}

static void measures_equal_the_naive_ones(void **state)
{
    float logits[V];

    for (size_t n = 1; n <= V; n = n < 40 ? n + 1 : n * 3 + 1) {
        struct attune_dist dist;
        double sum = 0, entropy = 0;

        fill(logits, n, n, 30);
        attune_dist_of(&dist, logits, n);
        for (size_t i = 0; i < n; i++) {
            sum += exp(logits[i]);
        }
        for (size_t i = 0; i < n; i++) {
            double p = exp(logits[i]) / sum;

            entropy -= p * log(p);
            assert_true(fabs(attune_dist_p(&dist, logits[i]) - p) < 1e-14);
            assert_true(fabs(attune_dist_logp(&dist, logits[i]) - log(p)) < 1e-12);
        }
        assert_true(fabs(dist.logsumexp - log(sum)) < 1e-13);
        assert_true(fabs(dist.entropy - entropy) < 1e-12);
        assert_int_equal(dist.n_top, n < ATTUNE_DIST_TOP ? n : ATTUNE_DIST_TOP);
        for (size_t i = 0; i < dist.n_top; i++) {
            assert_int_equal(attune_dist_rank(logits, n, dist.top[i].id), i);
            assert_true(dist.top[i].logit == logits[dist.top[i].id]);
        }
    }
}

static void nan_and_infinity(void **state)
{
    float logits[] = {NAN, 1, -INFINITY, 1, NAN, 0}, inf[] = {3, INFINITY, NAN, INFINITY},
          none[] = {-INFINITY, NAN};
    struct attune_dist dist;

    attune_dist_of(&dist, logits, 6);
    assert_int_equal(dist.n_nan, 2);
    assert_true(fabs(dist.logsumexp - log(2 * exp(1) + 1)) < 1e-14);
    assert_true(attune_dist_p(&dist, NAN) == 0 && attune_dist_p(&dist, -INFINITY) == 0);
    assert_int_equal(dist.top[0].id, 1);
    assert_int_equal(dist.top[1].id, 3);
    assert_int_equal(dist.top[2].id, 5);
    assert_int_equal(dist.top[3].id, 0); /* NaN as -inf: by id */
    assert_int_equal(attune_dist_rank(logits, 6, 2), 4);

    attune_dist_of(&dist, inf, 4);
    assert_true(fabs(attune_dist_p(&dist, INFINITY) - 0.5) < 1e-15);
    assert_true(attune_dist_p(&dist, 3) == 0);
    assert_true(fabs(attune_bits(dist.entropy) - 1) < 1e-15);

    attune_dist_of(&dist, none, 2);
    assert_true(dist.logsumexp == -INFINITY && dist.entropy == 0);
    assert_true(attune_dist_p(&dist, -INFINITY) == 0);
    assert_int_equal(attune_dist_rank(none, 2, 9), 2);
}

static const float *order_logits;

static int by_falling_logit(const void *a, const void *b)
{
    attune_token x = *(const attune_token *)a, y = *(const attune_token *)b;
    float p = order_logits[x], q = order_logits[y];

    p = p != p ? -INFINITY : p;
    q = q != q ? -INFINITY : q;
    return p != q ? (p < q ? 1 : -1) : x < y ? -1 : x > y;
}

static void orders_and_selections(void **state)
{
    float logits[V];
    attune_token got[V], want[V];

    for (size_t n = 0; n <= V; n = n < 70 ? n + 1 : n * 2) {
        fill(logits, n, n + 5, 1e3);
        for (size_t i = 0; i < n; i++) {
            logits[i] = i % 3 ? floorf(logits[i] / 50) : logits[i];
            logits[i] = i % 17 == 5   ? NAN
                        : i % 19 == 5 ? -INFINITY
                        : i % 23 == 5 ? INFINITY
                                      : logits[i];
            logits[i] = i % 7 == 1 ? 0.0f : i % 7 == 2 ? -0.0f : logits[i];
            want[i] = (attune_token)i;
        }
        order_logits = logits;
        qsort(want, n, sizeof *want, by_falling_logit);
        assert_int_equal(attune_dist_order(got, logits, n), ATTUNE_OK);
        assert_memory_equal(got, want, n * sizeof *got);
        for (size_t k = 1; k <= n; k += 1 + n / 9) {
            float kth = logits[want[k - 1]];

            assert_true(dist_select(logits, n, k) == (kth != kth ? -INFINITY : kth));
        }
    }
}

/* Against sums in long double, straight from the logits: the largest vocabulary in use, and odd
 * ones. */
static void spread_equals_the_reference(void **state)
{
    static const size_t sizes[] = {1, 2, 50, V, 128256};
    static const double shares[] = {0, 0.1, 0.5, 0.9, 0.95, 0.999, 1};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        float *logits = calloc(n, sizeof *logits);
        attune_token *order = calloc(n, sizeof *order);
        long double *p = calloc(n, sizeof *p), sum = 0, entropy = 0;
        struct attune_dist dist;

        fill(logits, n, n, 25);
        attune_dist_of(&dist, logits, n);
        assert_int_equal(attune_dist_order(order, logits, n), ATTUNE_OK);
        for (size_t i = 0; i < n; i++) {
            sum += expl((long double)logits[i]);
        }
        for (size_t i = 0; i < n; i++) {
            p[i] = expl((long double)logits[order[i]]) / sum;
            entropy -= p[i] * logl(p[i]);
        }
        assert_true(fabsl((long double)dist.entropy - entropy) < 1e-6L);
        assert_true(fabsl((long double)exp(dist.entropy) - expl(entropy)) < 1e-6L * expl(entropy));
        for (size_t k = 0; k <= n; k += 1 + n / 7) {
            long double tail = 0;

            for (size_t i = n; i > k; i--) {
                tail += p[i - 1];
            }
            assert_true(fabsl((long double)attune_dist_tail(&dist, logits, order, n, k) - tail) <
                        1e-12L);
            if (k < n) { /* surprisal, rank */
                attune_token id = order[k];
                assert_true(fabsl((long double)-attune_dist_logp(&dist, logits[id]) + logl(p[k])) <
                            1e-10L);
                assert_int_equal(attune_dist_rank(logits, n, id), k);
            }
        }
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
            long double held = 0;
            size_t want = 0, got;
            double mass;

            while (want < n && held < (long double)shares[i]) {
                held += p[want++];
            }
            got = attune_dist_nucleus(&mass, &dist, logits, order, n, shares[i]);
            if (shares[i] < 1) { /* of all mass it is rounding that decides */
                assert_int_equal(got, want);
                assert_true(fabsl((long double)mass - held) < 1e-6L);
            }
            assert_true(got <= n);
        }
        free(logits);
        free(order);
        free(p);
    }
}

static void spread_of_odd_logits(void **state)
{
    const float odd[] = {NAN, -INFINITY, 2, INFINITY, INFINITY}, none[] = {NAN, -INFINITY};
    attune_token order[5];
    struct attune_dist dist;
    double mass;

    attune_dist_of(&dist, odd, 5);
    assert_int_equal(attune_dist_order(order, odd, 5), ATTUNE_OK);
    assert_int_equal(attune_dist_nucleus(&mass, &dist, odd, order, 5, 0.9), 2);
    assert_true(fabs(mass - 1) < 1e-12);
    assert_true(attune_dist_tail(&dist, odd, order, 5, 2) == 0);
    attune_dist_of(&dist, none, 2);
    assert_int_equal(attune_dist_order(order, none, 2), ATTUNE_OK);
    assert_int_equal(attune_dist_nucleus(&mass, &dist, none, order, 2, 0.9), 0);
    assert_true(mass == 0 && attune_dist_tail(&dist, none, order, 2, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponentials_are_near_the_library),
        cmocka_unit_test(measures_equal_the_naive_ones),
        cmocka_unit_test(nan_and_infinity),
        cmocka_unit_test(orders_and_selections),
        cmocka_unit_test(spread_equals_the_reference),
        cmocka_unit_test(spread_of_odd_logits),
    };
    return cmocka_run_group_tests_name("dist", tests, NULL, NULL);
}
