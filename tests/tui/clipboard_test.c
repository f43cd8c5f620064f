#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/clipboard.h"

/* The vectors of RFC 4648, section 10. */
static void text_is_coded_in_base64(void **state)
{
    static const struct {
        const char *text, *coded;
    } rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe", "//4="},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[64] = "\033]52;c;";
        size_t len;
        char *got = clipboard_sequence(rows[i].text, strlen(rows[i].text), false, &len);

        strcat(strcat(expected, rows[i].coded), "\a");
        assert_int_equal(len, strlen(expected));
        assert_memory_equal(got, expected, len);
        free(got);
    }
}

static void tmux_gets_both_forms(void **state)
{
    static const char expected[] = "\033]52;c;Zm9v\a\033Ptmux;\033\033]52;c;Zm9v\a\033\\";
    size_t len;
    char *got = clipboard_sequence("foo", 3, true, &len);

    assert_int_equal(len, sizeof expected - 1);
    assert_memory_equal(got, expected, len);
    free(got);
}

static void the_longest_text_fits(void **state)
{
    char *text = calloc(CLIPBOARD_MOST, 1), *got;
    size_t len;

    assert_non_null(text);
    got = clipboard_sequence(text, CLIPBOARD_MOST, true, &len);
    assert_non_null(got);
    assert_true(len > 2 * (size_t)CLIPBOARD_MOST / 3 * 4);
    free(got);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_coded_in_base64),
        cmocka_unit_test(tmux_gets_both_forms),
        cmocka_unit_test(the_longest_text_fits),
    };
    return cmocka_run_group_tests_name("clipboard", tests, NULL, NULL);
}
