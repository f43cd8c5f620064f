/* Divergences against sums written out by hand. */
#include <config.h>

#include <attune/shift.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void known_values(void **state)
{
    const float was[] = {logf(0.5f), logf(0.25f), logf(0.25f)},
                is[] = {logf(0.25f), logf(0.25f), logf(0.5f)};
    struct attune_shift s;

    attune_shift_of(&s, was, is, 3); /* 0.5 log2 2 + 0 - 0.25 log2 2 */
    assert_true(fabs(s.kl_bits - 0.25) < 1e-6);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(edges),
    };

    return cmocka_run_group_tests_name("shift", tests, NULL, NULL);
}
