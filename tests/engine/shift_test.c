/* Divergences against sums written out by hand. */
#include <config.h>

#include <attune/rng.h>
#include <attune/shift.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void known_values(void **state)
{
    const float was[] = {logf(0.5f), logf(0.25f), logf(0.25f)},
                is[] = {logf(0.25f), logf(0.25f), logf(0.5f)};
    struct attune_shift s;

    attune_shift_of(&s, was, is, 3); /* 0.5 log2 2 + 0 - 0.25 log2 2 */
    assert_true(fabs(s.kl_bits - 0.25) < 1e-6);
    assert_true(fabs(s.kl_back_bits - 0.25) < 1e-6);
    assert_true(fabs(s.moved - 0.25) < 1e-6);
    /* the middle is 3/8, 1/4, 3/8 */
    assert_true(fabs(s.js_bits - (0.5 * log2(4 / 3.0) + 0.25 * log2(2 / 3.0))) < 1e-6);
    assert_false(s.same_top);
    attune_shift_of(&s, was, was, 3);
    assert_true(s.kl_bits == 0 && s.js_bits < 1e-12 && s.moved == 0 && s.same_top);
}

/* A constant added to all logits moves nothing; what became impossible costs without end. */
static void edges(void **state)
{
    const float was[] = {1, 2, -INFINITY}, same[] = {101, 102, -INFINITY},
                gone[] = {1, -INFINITY, 0};
    struct attune_shift s;

    attune_shift_of(&s, was, same, 3);
    assert_true(s.kl_bits < 1e-5 && s.moved < 1e-5 && s.same_top);
    attune_shift_of(&s, was, gone, 3);
    assert_true(isinf(s.kl_bits) && s.js_bits > 0 && s.js_bits <= 1 && s.moved <= 1);
    attune_shift_of(&s, gone, was, 3);
    assert_true(isinf(s.kl_bits));
}

/* Ways of reading that agree: logits, probabilities, a long double sum; both directions. */
static void probabilities_say_the_same(void **state)
{
    enum { N = 2000 };
    static float was[N], is[N];
    static double p[N], q[N];
    struct attune_dist a, b;
    struct attune_shift of_logits, of_p;
    long double kl = 0, back = 0, js = 0, tv = 0;

    for (size_t i = 0; i < N; i++) {
        was[i] = (float)(20 * attune_rng_uniform(1, i));
        is[i] = (float)(20 * attune_rng_uniform(2, i)) + was[i] / 2;
    }
    was[7] = is[7] = -INFINITY;
    was[9] = is[9] = NAN;
    attune_dist_of(&a, was, N);
    attune_dist_of(&b, is, N);
    for (size_t i = 0; i < N; i++) {
        p[i] = attune_dist_p(&a, was[i]);
        q[i] = attune_dist_p(&b, is[i]);
        if (p[i] > 0) {
            long double x = p[i], y = q[i], m = (x + y) / 2;
            kl += x * log2l(x / y);
            back += y * log2l(y / x);
            js += (x * log2l(x / m) + y * log2l(y / m)) / 2;
            tv += fabsl(x - y) / 2;
        }
    }
    attune_shift_of(&of_logits, was, is, N);
    attune_shift_of_p(&of_p, p, q, N);
    assert_true(fabsl((long double)of_logits.kl_bits - kl) < 1e-6L);
    assert_true(fabsl((long double)of_logits.kl_back_bits - back) < 1e-6L);
    assert_true(fabsl((long double)of_logits.js_bits - js) < 1e-6L);
    assert_true(fabsl((long double)of_logits.moved - tv) < 1e-6L);
    assert_true(fabsl((long double)of_p.kl_bits - kl) < 1e-6L);
    assert_true(fabsl((long double)of_p.kl_back_bits - back) < 1e-6L);
    assert_true(fabsl((long double)of_p.js_bits - js) < 1e-6L);
    assert_true(fabsl((long double)of_p.moved - tv) < 1e-6L);
    assert_true(of_logits.same_top == of_p.same_top);
}

/* The next byte of a model: nothing is lost, and each token counts where its text begins. */
static void bytes_hold_all_mass(void **state)
{
    struct attune_tokenizer *tk;
    struct attune_error err = {0};
    double mass[ATTUNE_SHIFT_BYTES], *p, sum = 0;
    char path[4096], bytes[8];
    size_t n;

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(attune_tokenizer_open(&tk, path, &err), ATTUNE_OK);
    n = attune_tokenizer_size(tk);
    p = calloc(n, sizeof *p);
    for (size_t i = 0; i < n; i++) {
        p[i] = 1.0 / (double)n;
    }
    attune_shift_bytes(mass, tk, p, n);
    for (int i = 0; i < ATTUNE_SHIFT_BYTES; i++) {
        sum += mass[i];
    }
    assert_true(fabs(sum - 1) < 1e-12);
    assert_true(mass[' '] > 0 && mass['t'] > 0 && mass[ATTUNE_SHIFT_BYTES - 1] > 0);
    for (size_t i = 0; i < n; i++) {
        p[i] = i == 268;
    }
    attune_shift_bytes(mass, tk, p, n);
    assert_true(attune_token_bytes(tk, 268, bytes, sizeof bytes) > 0);
    assert_true(mass[(unsigned char)bytes[0]] == 1);
    free(p);
    attune_tokenizer_close(tk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(edges),
        cmocka_unit_test(probabilities_say_the_same),
        cmocka_unit_test(bytes_hold_all_mass),
    };

    return cmocka_run_group_tests_name("shift", tests, NULL, NULL);
}
