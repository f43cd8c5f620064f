#include <config.h>

#include <attune/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void every_code_has_a_text(void **state)
{
    for (int i = 0; i < ATTUNE_STATUS_COUNT; i++) {
        assert_true(strlen(attune_status_text(i)) > 3);
    }
    assert_string_equal(attune_status_text(-1), "unknown error");
    assert_string_equal(attune_status_text(ATTUNE_STATUS_COUNT), "unknown error");
}

static void a_failure_is_one_statement(void **state)
{
    char long_path[400] = "";
    struct attune_error err;

    assert_int_equal(attune_error_set(&err, ATTUNE_IO, 7, "%s: gone", "x"), ATTUNE_IO);
    assert_int_equal(err.status, ATTUNE_IO);
    assert_int_equal(err.where, 7);
    assert_string_equal(err.text, "x: gone");
    attune_error_prefix(&err, "model");
    assert_string_equal(err.text, "model: x: gone");
    memset(long_path, 'p', sizeof long_path - 1);
    attune_error_prefix(&err, long_path);
    assert_non_null(strstr(err.text, "ppp: model: x: gone")); /* what is wrong is never cut off */
    assert_int_equal(memcmp(err.text, "...ppp", 6), 0);
    assert_int_equal(attune_error_set(NULL, ATTUNE_FORMAT, 0, "nobody listens"), ATTUNE_FORMAT);
}

static void control_bytes_and_broken_text_are_escaped(void **state)
{
    struct attune_error err;

    attune_error_set(&err, ATTUNE_FORMAT, 0, "a%sb", "\x1b[2J\n\xff\xe4\xb8 \xc2\x9b");
    assert_string_equal(err.text, "a\\x1B[2J\\x0A\\xFF\\xE4\\xB8 \\xC2\\x9Bb");
    attune_error_set(&err, ATTUNE_FORMAT, 0, "%s", "naïve 日本 \xe2\x80\xae");
    assert_string_equal(err.text, "naïve 日本 \\xE2\\x80\\xAE");
}

static void long_text_is_cut_at_a_character(void **state)
{
    struct attune_error err;
    char long_text[600];

    for (size_t i = 0; i + 2 < sizeof long_text; i += 2) {
        memcpy(long_text + i, "é", 2);
    }
    long_text[sizeof long_text - 2] = '\0';
    attune_error_set(&err, ATTUNE_FORMAT, 0, "%s", long_text);
    assert_true(strlen(err.text) < sizeof err.text);
    assert_int_equal(strlen(err.text) % 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_text),
        cmocka_unit_test(a_failure_is_one_statement),
        cmocka_unit_test(control_bytes_and_broken_text_are_escaped),
        cmocka_unit_test(long_text_is_cut_at_a_character),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
