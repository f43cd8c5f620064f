/* Draws from what a chain left: the interval each token has, and many of them against theory. */
#include <config.h>

#include <attune/rng.h>
#include <attune/sampler.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/engine/applied.h"

static void draws_cover_the_unit_interval(void **state)
{
    enum { N = 40, DRAWS = 100000 };
    float logits[N];
    struct attune_trace trace;
    struct attune_chain *chain;
    struct attune_draw draw;
    unsigned count[N] = {0};
    double chi2 = 0, edge = 0;

    for (int i = 0; i < N; i++) {
        logits[i] = (float)(attune_rng_uniform(5, (uint64_t)i) * 4);
    }
    logits[7] = -200; /* its p rounds to nothing */
    chain = apply(&trace, "top_k=30", logits, N);
    for (size_t i = 0; i < trace.n_kept; i++) {
        attune_trace_draw(&draw, &trace, edge);
        assert_int_equal(draw.id, trace.kept[i]);
        assert_true(draw.low == edge && draw.high > edge && draw.u == edge);
        assert_true(fabs(draw.high - draw.low - trace.p[draw.id]) < 1e-7);
        edge = draw.high;
    }
    assert_true(edge == 1);
    for (uint64_t step = 0; step < DRAWS; step++) {
        attune_trace_draw(&draw, &trace, attune_rng_uniform(1, step));
        assert_true(draw.low <= draw.u && draw.u < draw.high);
        count[draw.id]++;
    }
    for (int i = 0; i < N; i++) {
        double want = DRAWS * (double)trace.p[i];

        assert_true(want > 0 || count[i] == 0);
        chi2 += want > 0 ? (count[i] - want) * (count[i] - want) / want : 0;
    }
    assert_true(chi2 > 9 && chi2 < 65); /* 29 degrees of freedom */
    finish(&trace, chain);

    chain = apply(&trace, "", (const float[]){0, -1000, -1001}, 3);
    attune_trace_draw(&draw, &trace, 0x1.fffffffffffffp-1);
    assert_int_equal(draw.id, 0);
    assert_true(draw.high == 1);
    finish(&trace, chain);
}

/* Draw by draw the same tokens; chance lets them pass; another distribution's counts do not. */
static void previews_match_theory(void **state)
{
    enum { V = 500, MANY = 20000 };
    float logits[V];
    struct attune_trace trace;
    struct attune_chain *chain;
    size_t low = 0;

    for (size_t i = 0; i < V; i++) {
        logits[i] = (float)(3 * attune_rng_uniform(77, i) + (i % 50 == 0 ? 3 : 0));
    }
    chain = apply(&trace, "temperature=0.9 top_p=0.95", logits, V);
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct attune_draws draws;
        uint32_t count[V] = {0};
        size_t total = 0;

        assert_int_equal(attune_draws_make(&draws, &trace, seed, MANY, NULL), ATTUNE_OK);
        assert_int_equal(draws.n_kept, trace.n_kept);
        for (size_t i = 0; seed == 0 && i < MANY; i++) {
            struct attune_draw draw;

            attune_trace_draw(&draw, &trace, attune_rng_uniform(seed, i));
            count[draw.id]++;
        }
        for (size_t i = 0; i < draws.n_kept; i++) {
            assert_true(seed > 0 || count[trace.kept[i]] == draws.count[i]);
            total += draws.count[i];
        }
        assert_int_equal(total, MANY);
        assert_true(draws.freedom > 50 && draws.p_value > 1e-4);
        low += draws.p_value < 0.1;
        attune_draws_done(&draws);
    }
    assert_true(low < 12);                      /* one in ten is expected to */
    for (size_t i = 0; i < trace.n_kept; i++) { /* draws come from weights, the test looks at p */
        trace.p[trace.kept[i]] = 1 / (float)trace.n_kept;
    }
    {
        struct attune_draws draws;

        assert_int_equal(attune_draws_make(&draws, &trace, 1, MANY, NULL), ATTUNE_OK);
        assert_true(draws.p_value < 1e-12);
        attune_draws_done(&draws);
    }
    finish(&trace, chain);
    chain = apply(&trace, "temperature=0", logits, V);
    {
        struct attune_draws draws;

        assert_int_equal(attune_draws_make(&draws, &trace, 1, 100, NULL), ATTUNE_OK);
        assert_true(draws.count[0] == 100 && draws.freedom == 0 && draws.p_value == 1);
        attune_draws_done(&draws);
    }
    finish(&trace, chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_cover_the_unit_interval),
        cmocka_unit_test(previews_match_theory),
    };
    return cmocka_run_group_tests_name("draws", tests, NULL, NULL);
}
