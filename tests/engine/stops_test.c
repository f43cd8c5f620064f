#include <config.h>

#include <attune/rng.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine/stops.h"

static void a_stop_is_found_across_pieces(void **state)
{
    static const char *const stop[] = {"\nQ:", "END"};
    struct stops s;

    assert_int_equal(stops_init(&s, stop, 2, 100, 10, NULL), ATTUNE_OK);
    assert_false(stops_add(&s, "Yes.\nQ", 6));
    assert_string_equal(s.text, "Yes.");
    assert_false(stops_add(&s, "uiet E", 6));
    assert_string_equal(s.text, "Yes.\nQuiet ");
    assert_false(stops_add(&s, "", 0));
    assert_false(stops_add(&s, "N", 1));
    assert_string_equal(s.text, "Yes.\nQuiet ");
    assert_true(stops_add(&s, "D\nQ: more", 9));
    assert_string_equal(s.text, "Yes.\nQuiet ");
    stops_flush(&s);
    assert_string_equal(s.text, "Yes.\nQuiet ");
    assert_true(stops_has(&s, "END") && !stops_has(&s, "EN"));
    stops_done(&s);
}

static void what_is_held_back_comes_in_the_end(void **state)
{
    static const char *const stop[] = {"aab"};
    struct stops s;

    assert_int_equal(stops_init(&s, stop, 1, 100, 10, NULL), ATTUNE_OK);
    assert_false(stops_add(&s, "aaaa", 4)); /* the last two may be its beginning */
    assert_string_equal(s.text, "aa");
    stops_flush(&s);
    assert_string_equal(s.text, "aaaa");
    stops_done(&s);
}

static void an_empty_stop_is_refused(void **state)
{
    static const char *const stop[] = {"x", ""};
    struct attune_error err;
    struct stops s;

    assert_int_equal(stops_init(&s, stop, 2, 100, 10, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "empty"));
    assert_int_equal(stops_init(&s, stop, 1, SIZE_MAX - 5, 10, &err), ATTUNE_MEMORY);
}

/* Random text over two letters, cut into random pieces, against strstr over the whole. */
static void any_cutting_gives_the_same_text(void **state)
{
    static const char *const stop[] = {"abab", "bbba", "aaaab"};

    for (uint64_t seed = 0; seed < 3000; seed++) {
        char text[64] = "", want[64];
        size_t len = 1 + seed % 40, at = 0;
        const char *first = NULL;
        bool ended = false;
        struct stops s;

        for (size_t i = 0; i < len; i++) {
            text[i] = attune_rng_uniform(seed, i) < 0.5 ? 'a' : 'b';
        }
        text[len] = '\0';
        for (int i = 0; i < 3; i++) {
            const char *found = strstr(text, stop[i]);

            first = found && (!first || found < first) ? found : first;
        }
        snprintf(want, sizeof want, "%.*s", first ? (int)(first - text) : (int)len, text);
        assert_int_equal(stops_init(&s, stop, 3, sizeof text, 9, NULL), ATTUNE_OK);
        for (uint64_t k = 0; at < len && !ended; k++) {
            size_t n = (size_t)(attune_rng_uniform_stream(seed, k, 1) * 9);

            n = n < len - at ? n : len - at;
            ended = stops_add(&s, text + at, n);
            assert_memory_equal(s.text, text, s.len);
            assert_int_equal(strlen(s.text), s.len);
            at += n;
        }
        stops_flush(&s);
        assert_int_equal(ended, first != NULL);
        assert_string_equal(s.text, want);
        stops_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_is_found_across_pieces),
        cmocka_unit_test(what_is_held_back_comes_in_the_end),
        cmocka_unit_test(an_empty_stop_is_refused),
        cmocka_unit_test(any_cutting_gives_the_same_text),
    };
    return cmocka_run_group_tests_name("stops", tests, NULL, NULL);
}
