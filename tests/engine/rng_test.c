#include <config.h>

#include <attune/rng.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* kat_vectors of the Random123 distribution, philox4x32 with 10 rounds: counter, key, result. */
static const struct {
    uint32_t counter[4], key[2], result[4];
} vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void published_vectors(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const uint32_t *c = vectors[i].counter, *k = vectors[i].key;
        uint32_t out[4];

        attune_rng_block(out, (uint64_t)k[1] << 32 | k[0], (uint64_t)c[1] << 32 | c[0],
                         (uint64_t)c[3] << 32 | c[2]);
        assert_memory_equal(out, vectors[i].result, sizeof out);
    }
}

static void a_draw_is_the_top_bits_of_its_block(void **state)
{
    for (uint64_t step = 0; step < 100; step++) {
        uint32_t word[4];
        double u = attune_rng_uniform(42, step);

        attune_rng_block(word, 42, step, 0);
        assert_true(u >= 0 && u < 1);
        assert_true(u == attune_rng_uniform_stream(42, step, 0));
        assert_true(u != attune_rng_uniform_stream(42, step, 1));
        assert_true(u != attune_rng_uniform(43, step));
        assert_int_equal((uint32_t)(u * 4294967296.0), word[0]);
    }
}

static void draws_are_even(void **state)
{
    enum { CELLS = 64, DRAWS = 64 * 2000 };
    unsigned count[CELLS] = {0};
    double chi2 = 0;

    for (uint64_t step = 0; step < DRAWS; step++) {
        count[(int)(attune_rng_uniform(7, step) * CELLS)]++;
    }
    for (int i = 0; i < CELLS; i++) {
        double d = count[i] - (double)DRAWS / CELLS;

        chi2 += d * d / ((double)DRAWS / CELLS);
    }
    assert_true(chi2 > 30 &&
                chi2 < 110); /* 63 degrees of freedom: outside about once in 5000 seeds */
}

static void seeds_differ_and_fit(void **state)
{
    uint64_t a = attune_rng_seed(), b = attune_rng_seed();

    assert_true(a != b);
    assert_true(a >> 63 == 0 && b >> 63 == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(a_draw_is_the_top_bits_of_its_block),
        cmocka_unit_test(draws_are_even),
        cmocka_unit_test(seeds_differ_and_fit),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
