#include <config.h>

#include <attune/store.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void range(const char *text, double low, double high)
{
    struct attune_run_range got;
    struct attune_error err;

    if (attune_run_range_parse(&got, text, &err)) {
        fail_msg("%s", err.text);
    }
    assert_true(got.low == low && got.high == high);
}

static void ranges_are_read(void **state)
{
    static const char *const wrong[] = {"",   "..",   "x",   "1..x",   "x..1",
                                        "1x", "1...", "nan", "0..nan", "1.. 2x"};
    struct attune_run_range got;
    struct attune_error err;

    range("0.5..1", 0.5, 1);
    range("0.5..", 0.5, INFINITY);
    range("..1", -INFINITY, 1);
    range("0..0.7", 0, 0.7);
    range("1..", 1, INFINITY);
    range("7", 7, 7);
    range("-1e3..-.5", -1000, -0.5);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (attune_run_range_parse(&got, wrong[i], &err) == 0) {
            fail_msg("'%s' is taken for %g to %g", wrong[i], got.low, got.high);
        }
    }
}

static void same(const char *got, const char *wanted)
{
    assert_true(!got == !wanted);
    if (wanted) {
        assert_string_equal(got, wanted);
    }
}

static void filters_stand_among_words(void **state)
{
    struct attune_run_search s;
    struct attune_error err;

    assert_int_equal(attune_run_search_init(&s,
                                            "  soup tag:good  temperature:0.5..1 was since:2026-11 "
                                            "http://x tag: top_k:40 heat:3 model:tiny seed:x ",
                                            &err),
                     0);
    same(s.query.search, "soup was http://x tag: heat:3 seed:x");
    same(s.query.tag, "good");
    same(s.query.since, "2026-11");
    same(s.query.model, "tiny");
    same(s.query.stop, NULL);
    assert_int_equal(s.query.n_ranges, 2);
    same(s.query.ranges[0].name, "temperature");
    assert_true(s.query.ranges[0].low == 0.5 && s.query.ranges[0].high == 1);
    same(s.query.ranges[1].name, "top_k");
    attune_run_search_done(&s);
    assert_int_equal(attune_run_search_init(&s, "", &err), 0);
    same(s.query.search, NULL);
    attune_run_search_done(&s);
    assert_int_equal(attune_run_search_init(&s, "tag:x", &err), 0);
    same(s.query.search, NULL);
    attune_run_search_done(&s);
}

static void too_many_ranges_stay_words(void **state)
{
    struct attune_run_search s;
    struct attune_error err;
    char line[400] = "";

    for (int i = 0; i < ATTUNE_SEARCH_RANGES + 2; i++) {
        strcat(line, "seed:1 ");
    }
    assert_int_equal(attune_run_search_init(&s, line, &err), 0);
    assert_int_equal(s.query.n_ranges, ATTUNE_SEARCH_RANGES);
    same(s.query.search, "seed:1 seed:1");
    attune_run_search_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read),
        cmocka_unit_test(filters_stand_among_words),
        cmocka_unit_test(too_many_ranges_stay_words),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
