/* Normal forms: what a text becomes stretch by stretch is what the library makes of the whole. */
#include <config.h>

#include <attune/tokenizer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include <cmocka.h>

#include "made.h"

/* Letters that take marks, marks in and out of order, Hangul whole and in parts, ligatures, a sign
 * that stands before what it belongs to, and what one character becomes eighteen of. */
static const char *const bits[] = {
    "a",
    "e",
    "S",
    " ",
    "plain text ",
    "7",
    "\r\n",
    "\t",
    "\xcc\x81",     /* U+0301, above */
    "\xcc\xa3",     /* U+0323, below */
    "\xcc\x88",     /* U+0308 */
    "\xcd\x84",     /* U+0344, two marks */
    "\xc3\xa9",     /* U+00E9 */
    "\xe1\xb9\xa9", /* U+1E69, s with dots below and above */
    "\xea\xb0\x81", /* U+AC01 */
    "\xe1\x84\x92", /* U+1112, U+1161, U+11AB */
    "\xe1\x85\xa1",
    "\xe1\x86\xab",
    "\xef\xac\x81",     /* U+FB01 */
    "\xe2\x84\xab",     /* U+212B */
    "\xd8\x80",         /* U+0600 */
    "\xf0\x9d\x85\x9e", /* U+1D15E */
    "\xef\xb7\xba",     /* U+FDFA */
    "\xe2\x80\x94",     /* U+2014 */
};

static uint64_t seed = 1;

static size_t below(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((seed >> 33) % n);
}

static struct attune_tokenizer *open_with(const char *normalizer)
{
    char *bytes = made_byte_level_json(), *text = malloc(strlen(bytes) + 100);
    struct attune_tokenizer *tk;

    assert_non_null(text);
    sprintf(text, "{\"normalizer\": {\"type\": \"%s\"}, %s", normalizer, bytes + 1);
    tk = made_tokenizer(text);
    free(text);
    free(bytes);
    return tk;
}

/* Tokens cover the text from left to right, whole characters each. */
static void check_spans(const struct attune_tokens *tokens, const char *text, size_t len)
{
    size_t before = 0;

    for (size_t i = 0; i < tokens->n; i++) {
        assert_true(tokens->start[i] >= before && tokens->start[i] < tokens->end[i]);
        assert_true(tokens->end[i] <= len);
        assert_true((text[tokens->start[i]] & 0xc0) != 0x80);
        assert_true(tokens->end[i] == len || (text[tokens->end[i]] & 0xc0) != 0x80);
        before = tokens->start[i];
    }
}

static void forms_are_those_of_the_whole_text(void **state)
{
    static const struct {
        const char *name;
        utf8proc_option_t options;
    } rows[] = {
        {"NFC", UTF8PROC_STABLE | UTF8PROC_COMPOSE},
        {"NFD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
        {"NFKC", UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
        {"NFKD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
    };

    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct attune_tokenizer *tk = open_with(rows[row].name);
        struct attune_tokens tokens = {0};

        for (int round = 0; round < 2000; round++) {
            char text[512] = "", *got;
            utf8proc_uint8_t *want;
            utf8proc_ssize_t want_len;
            size_t len = 0, got_len;

            for (size_t n = below(16); n > 0; n--) {
                len += (size_t)sprintf(text + len, "%s", bits[below(sizeof bits / sizeof *bits)]);
            }
            assert_int_equal(attune_tokenize(&tokens, tk, text, len, NULL, NULL), 0);
            assert_int_equal(
                attune_detokenize(&got, &got_len, tk, tokens.ids, tokens.n, false, false, NULL), 0);
            want_len = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &want,
                                    rows[row].options);
            if (want_len != (utf8proc_ssize_t)got_len || memcmp(got, want, got_len) != 0) {
                fail_msg("%s of '%s' is '%s', not '%s'", rows[row].name, text, got, (char *)want);
            }
            if (strcmp(rows[row].name, "NFC") == 0 || strcmp(rows[row].name, "NFD") == 0) {
                check_spans(&tokens, text, len);
            }
            free(got);
            free(want);
        }
        attune_tokens_done(&tokens);
        attune_tokenizer_close(tk);
    }
}

/* Marks behind a long plain text, at its very start, alone. */
static void ends_of_texts(void **state)
{
    struct attune_tokenizer *tk = open_with("NFC");

    made_check(tk, "e\xcc\x81", "195:0-1 169:0-1");
    made_check(tk, "\xcc\x81", "204:0-2 129:0-2");
    made_check(tk, "te\xcc\x81", "116:0-1 195:1-2 169:1-2");
    made_check(tk, "te\xcc\x81t", "116:0-1 195:1-2 169:1-2 116:4-5");
    attune_tokenizer_close(tk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_those_of_the_whole_text),
        cmocka_unit_test(ends_of_texts),
    };
    return cmocka_run_group_tests_name("tokenizer forms", tests, made_begin, made_end);
}
