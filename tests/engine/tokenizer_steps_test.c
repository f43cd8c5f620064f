/* The steps around a model, one by one: splitting, normal forms, added tokens, patterns. */
#include <config.h>

#include <attune/tokenizer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "made.h"

static void split_behaviors_differ(void **state)
{
    static const struct {
        const char *behavior, *want;
    } rows[] = {
        {"Isolated", "1:0-1 3:1-2 3:2-3 1:3-4"},     {"Removed", "1:0-1 1:3-4"},
        {"MergedWithPrevious", "8:0-2 3:2-3 1:3-4"}, {"MergedWithNext", "1:0-1 3:1-2 9:2-4"},
        {"Contiguous", "1:0-1 10:1-3 1:3-4"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[600];
        struct attune_tokenizer *tk;

        snprintf(text, sizeof text,
                 "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"-\"}, "
                 "\"behavior\": \"%s\"}, " MADE_CHARS "}",
                 rows[i].behavior);
        tk = made_tokenizer(text);
        made_check(tk, "a--a", rows[i].want);
        attune_tokenizer_close(tk);
    }
}

static void normal_forms_keep_the_offsets(void **state)
{
    struct attune_tokenizer *nfc =
        made_tokenizer("{\"normalizer\": {\"type\": \"NFC\"}, " MADE_CHARS "}");
    struct attune_tokenizer *nfd =
        made_tokenizer("{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": "
                       "\"NFD\"}, {\"type\": \"StripAccents\"},"
                       "{\"type\": \"Lowercase\"}]}, " MADE_CHARS "}");

    made_check(nfc,
               "ae\xcc\x81"
               "b",
               "1:0-1 5:1-2 2:4-5"); /* the composite stands where its base stood */
    made_check(nfd,
               "A\xc3\x89"
               "B",
               "1:0-1 6:1-3 2:3-4");
    attune_tokenizer_close(nfc);
    attune_tokenizer_close(nfd);
}

static void added_tokens_are_found_first(void **state)
{
    struct attune_tokenizer *tk =
        made_tokenizer("{\"added_tokens\": [{\"id\": 20, \"content\": \"<x>\", \"lstrip\": true, "
                       "\"rstrip\": true, \"normalized\": false},"
                       "{\"id\": 21, \"content\": \"<x>>\", \"normalized\": false}, {\"id\": 22, "
                       "\"content\": \"ba\", \"single_word\": true,"
                       "\"normalized\": false}], " MADE_CHARS "}");

    made_check(tk, "a <x> b", "1:0-1 20:1-6 2:6-7");
    made_check(tk, "<x>><x>", "21:0-4 20:4-7"); /* the longest wins */
    made_check(tk, "bab ba", "2:0-1 4:1-3 7:3-4 22:4-6");
    assert_int_equal(attune_token_kind(tk, 20), ATTUNE_TOKEN_ADDED);
    assert_int_equal(attune_token_kind(tk, 15), ATTUNE_TOKEN_UNUSED);
    attune_tokenizer_close(tk);
}

/* A class in a class is a union in these patterns. */
static void patterns_mean_what_their_author_meant(void **state)
{
    struct attune_tokenizer *tk =
        made_tokenizer("{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
                       "\"[^(\\\\s|[-])]+\"}, \"behavior\": \"Removed\","
                       "\"invert\": true}, " MADE_CHARS "}");

    made_check(tk, "ab-a b", "4:0-2 1:3-4 2:5-6");
    attune_tokenizer_close(tk);
    tk = made_tokenizer("{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
                        "\"\\\\p{L}|[^\\\\s\\\\p{N}]\"},"
                        "\"behavior\": \"Removed\"}, " MADE_CHARS "}");
    made_check(tk, "a\xf0\x91\x8e\x90", "");             /* U+11390 is a letter since Unicode 16 */
    made_check(tk, "\xf0\x90\xb5\x80", "0:0-4");         /* U+10D40 a digit */
    made_check(tk, "\xe1\xa0\x8e\xe2\x80\x83", "0:3-6"); /* U+180E is no space, U+2003 is */
    attune_tokenizer_close(tk);
}

static void a_pattern_that_explodes_is_an_error(void **state)
{
    struct attune_tokenizer *tk =
        made_tokenizer("{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
                       "\"^(a|a|aa)+$(?=x)\"}, \"behavior\": \"Isolated\"}, " MADE_CHARS "}");
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};

    assert_int_equal(attune_tokenize(&tokens, tk,
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 50,
                                     NULL, &err),
                     ATTUNE_UNSUPPORTED);
    assert_non_null(strstr(err.text, "pattern"));
    assert_int_equal(tokens.n, 0);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_behaviors_differ),
        cmocka_unit_test(normal_forms_keep_the_offsets),
        cmocka_unit_test(added_tokens_are_found_first),
        cmocka_unit_test(patterns_mean_what_their_author_meant),
        cmocka_unit_test(a_pattern_that_explodes_is_an_error),
    };
    return cmocka_run_group_tests_name("tokenizer steps", tests, made_begin, made_end);
}
