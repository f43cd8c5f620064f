/* The long lists of a tokenizer.json read where they stand: the same tokenizer, and the same line
 * where it is none, as the library's way gives. That way is taken when "model" is spelled with an
 * escape. */
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
#include <cmocka.h>

#include "engine/tokenizer_lists.h"
#include "made.h"

static uint64_t seed = 1;

static size_t below(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((seed >> 33) % n);
}

/* The same text with "model" spelled otherwise. */
static char *disguise(const char *text)
{
    const char *model = strstr(text, "\"model\"");
    char *out = malloc(strlen(text) + 8);

    assert_non_null(model);
    assert_non_null(out);
    sprintf(out, "%.*s\"mod\\u0065l\"%s", (int)(model - text), text, model + 7);
    return out;
}

static bool has_lists(const char *text)
{
    struct json_lists lists;
    char *rest;
    size_t len;
    bool found = lists_cut(&lists, text, strlen(text), &rest, &len);

    free(rest);
    return found;
}

static void check_same(const struct attune_tokenizer *a, const struct attune_tokenizer *b)
{
    assert_int_equal(attune_tokenizer_size(a), attune_tokenizer_size(b));
    assert_string_equal(attune_tokenizer_name(a), attune_tokenizer_name(b));
    for (size_t i = 0; i < attune_tokenizer_size(a); i++) {
        attune_token id = (attune_token)i;
        const char *x = attune_token_piece(a, id), *y = attune_token_piece(b, id);

        assert_int_equal(attune_token_kind(a, id), attune_token_kind(b, id));
        assert_true(!x == !y);
        if (x) {
            assert_string_equal(x, y);
            assert_int_equal(attune_token_find(a, x), attune_token_find(b, x));
        }
    }
}

static void check_texts(const struct attune_tokenizer *a, const struct attune_tokenizer *b,
                        int rounds)
{
    static const char *const bits[] = {"a",  "b",   "ab", "e",    "\xc3\xa9", "the ", " ", "##b",
                                       "\n", "ing", "x",  "Name", "\"",       "7",    "-", "\\"};
    struct attune_tokens x = {0}, y = {0};

    for (int round = 0; round < rounds; round++) {
        char text[256] = "";
        size_t len = 0;

        for (size_t n = below(30); n > 0; n--) {
            len += (size_t)sprintf(text + len, "%s", bits[below(sizeof bits / sizeof *bits)]);
        }
        assert_int_equal(attune_tokenize(&x, a, text, len, NULL, NULL), 0);
        assert_int_equal(attune_tokenize(&y, b, text, len, NULL, NULL), 0);
        assert_int_equal(x.n, y.n);
        assert_memory_equal(x.ids, y.ids, x.n * sizeof *x.ids);
    }
    attune_tokens_done(&x);
    attune_tokens_done(&y);
}

static struct attune_tokenizer *open_at(const char *path)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    if (attune_tokenizer_open(&tk, path, &err)) {
        fail_msg("%s", err.text);
    }
    return tk;
}

/* Both ways, by files of their own. */
static void check_both(const char *text, int rounds)
{
    char *other = disguise(text);
    struct attune_tokenizer *a, *b;

    assert_true(has_lists(text));
    assert_false(has_lists(other));
    made_text("tokenizer.json", text);
    a = open_at(made_path("tokenizer.json"));
    made_text("tokenizer.json", other);
    b = open_at(made_path("tokenizer.json"));
    check_same(a, b);
    check_texts(a, b, rounds);
    attune_tokenizer_close(a);
    attune_tokenizer_close(b);
    free(other);
}

static void both_ways_agree(void **state)
{
    static const char *const rows[] = {
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1 , \"ab\":2,\n\"\\u00e9\": "
        "3, "
        "\"e\" : 4, \"\\ud83d\\ude42\": 5, \"\\\"\": 6, \"\\\\\": 7, \"\\n\": 8, \"\\/\": 9, "
        "\"aba\": "
        "12}, \"merges\": [\"a b\", \"ab a\"]}}",
        "{\"model\": {\"merges\": [[\"a\", \"b\"] , [\"a\\u0062\",\"\\u0061\"]], \"vocab\": "
        "{\"a\": 0, "
        "\"b\": 1, \"ab\": 2, \"aba\": 3}, \"unk_token\": null}, \"added_tokens\": [{\"id\": 4, "
        "\"content\": \"Name\"}]}",
        " {\"version\": \"1.0\", \"model\": {\"vocab\": {\"a\": 0}, \"merges\": []}}",
        "{\"model\": {\"vocab\": {\"x\": 0, \"a\": 1, \"##b\": 2}, \"unk_token\": \"x\", "
        "\"continuing_subword_prefix\": \"##\"}}",
        "{\"model\": {\"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], [\"a\", -1.5], [\"b\", -2.25e0], "
        "[\"ab\", -2.0122928619384766],\t[\"e\", -3E-1], [\"\\u00e9\", 1e1], [\"a\", -7]]}}",
    };
    char *bytes = made_byte_level_json();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_both(rows[i], 200);
    }
    check_both(bytes, 200);
    free(bytes);
}

static int open_text(const char *text, struct attune_error *err)
{
    struct attune_tokenizer *tk;
    int status;

    made_text("tokenizer.json", text);
    status = attune_tokenizer_open(&tk, made_path("tokenizer.json"), err);
    attune_tokenizer_close(tk);
    return status;
}

/* What no reader here takes is what the library says it is. */
static void errors_are_the_library_s(void **state)
{
    static const char *const models[] = {
        "{\"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []}",
        "{\"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}",
        "{\"vocab\": {\"a\": 01}, \"merges\": []}",
        "{\"vocab\": {\"a\": -1}, \"merges\": []}",
        "{\"vocab\": {\"a\": 1.0}, \"merges\": []}",
        "{\"vocab\": {\"a\": 3000000000}, \"merges\": []}",
        "{\"vocab\": {\"a\": \"0\"}, \"merges\": []}",
        "{\"vocab\": {\"\\ud800\": 0}, \"merges\": []}",
        "{\"vocab\": {\"\\u0000\": 0}, \"merges\": []}",
        "{\"vocab\": {\"\\x\": 0}, \"merges\": []}",
        "{\"vocab\": {\"a\tb\": 0}, \"merges\": []}",
        "{\"vocab\": {\"a\": 0,}, \"merges\": []}",
        "{\"vocab\": {\"a\": 0 \"b\": 1}, \"merges\": []}",
        "{\"vocab\": {\"a\": 0} x, \"merges\": []}",
        "{\"vocab\": {\"a\": 0}}, \"merges\": []}",
        "{\"vocab\": {\"a\": 0], \"merges\": []}",
        "{\"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}",
        "{\"vocab\": {\"a\": 0}, \"merges\": [\"a\"]}",
        "{\"vocab\": {\"a\": 0}, \"merges\": [\"a b c\"]}",
        "{\"vocab\": {\"a\": 0}, \"merges\": [[\"a\"]]}",
        "{\"vocab\": {\"a\": 0}, \"merges\": [[\"a\", \"a\", \"a\"]]}",
        "{\"vocab\": {\"a\": 0}, \"merges\": [\"a a\",]}",
        "{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [[\"a\", \"a\"], \"a a\", \"a a\"]}",
        "{\"vocab\": {\"a\": 0}, \"merges\": null}",
        "{\"vocab\": {\"a\": 0}, \"vocab\": {\"a\": 0}, \"merges\": []}",
        "{\"vocab\": {\"a\": 0}, \"voc\\u0061b\": {\"b\": 0}, \"merges\": []}",
        "{\"vocab\": {}, \"merges\": []}",
        "{\"vocab\": [], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", 0, 1]], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", -.5]], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", 1.]], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", 00]], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", 1e]], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", NaN]], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", 0]], \"unk_id\": 1}",
        "{\"vocab\": [[\"a\", 0], \"b\"], \"unk_id\": 0}",
        "{\"vocab\": [[\"a\", 0]",
        "{\"vocab\": \"a\", \"merges\": []}",
    };

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct attune_error a = {0}, b = {0};
        char text[512], other[512];

        /* The escape is longer: white space in front keeps the columns of messages. */
        snprintf(text, sizeof text, "{\"model\"     : %s}", models[i]);
        snprintf(other, sizeof other, "{\"mod\\u0065l\": %s}", models[i]);
        open_text(text, &a);
        open_text(other, &b);
        if (a.status != b.status || strcmp(a.text, b.text) != 0) {
            fail_msg("%s: '%s', not '%s'", models[i], a.text, b.text);
        }
    }
}

static void broken_bytes_end_the_same_way(void **state)
{
    char *bytes = made_byte_level_json();
    size_t len = strlen(bytes);

    for (int round = 0; round < 300; round++) {
        size_t at = below(len), model = (size_t)(strstr(bytes, "\"model\"") - bytes);
        char before = bytes[at], *other;
        int a, b;

        if (at >= model && at < model + 7) {
            continue;
        }
        bytes[at] = (char)(1 + below(127));
        other = disguise(bytes);
        a = open_text(bytes, NULL);
        b = open_text(other, NULL);
        assert_int_equal(a, b);
        free(other);
        bytes[at] = before;
    }
    free(bytes);
}

/* Real vocabularies, where they lie beside the project. */
static void real_vocabularies_agree(void **state)
{
    static const char *const names[] = {"gpt2", "t5-small", "bert-base-uncased"};
    const char *top = getenv("top_srcdir");
    enum { MOST = 1 << 22 };
    char *text = malloc(MOST);

    assert_non_null(text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[4096];
        FILE *f;
        size_t n;

        snprintf(path, sizeof path, "%s/../shared/goldens/tokenizers/%s/tokenizer.json",
                 top ? top : ".", names[i]);
        f = fopen(path, "rb");
        if (f) {
            n = fread(text, 1, MOST - 1, f);
            fclose(f);
            text[n] = '\0';
            check_both(text, 20);
        }
    }
    free(text);
}

static void decimals_are_read_as_the_reference_does(void **state)
{
    static const struct {
        const char *text;
        bool good;
        double value;
    } rows[] = {
        {"0]", true, 0.0},
        {" -1.5,", true, -1.5},
        {"12e3", true, 12000.0},
        {"5E-1", true, 0.5},
        {"18446744073709551615", true, 18446744073709551615.0},
        {"18446744073709551616", false, 0},
        {"1e-23", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {"01", false, 0},
        {".5", false, 0},
        {"1.", false, 0},
        {"1e", false, 0},
        {"1e999999999999999999999", false, 0},
        {"", false, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *at = rows[i].text;
        double value = 0;

        assert_int_equal(list_decimal(&at, &value), rows[i].good);
        assert_true(!rows[i].good || value == rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(errors_are_the_library_s),
        cmocka_unit_test(broken_bytes_end_the_same_way),
        cmocka_unit_test(real_vocabularies_agree),
        cmocka_unit_test(decimals_are_read_as_the_reference_does),
    };
    return cmocka_run_group_tests_name("tokenizer lists", tests, made_begin, made_end);
}
