/* Constraints: what they accept, held against jansson and against whole texts asked one by one. */
#include <config.h>

#include <attune/constraint.h>
#include <attune/generate.h>
#include <attune/rng.h>
#include <attune/tokenizer.h>
#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/constraint.h"

static struct attune_model *model;

static int open_all(void **state)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    return attune_model_open(&model, path, NULL, NULL, NULL) == ATTUNE_OK ? 0 : -1;
}

static int close_all(void **state)
{
    attune_model_close(model);
    return 0;
}

struct verdict {
    bool viable, complete;
};

/* One text asked from the kind itself. */
static struct verdict ask(const char *spec, const char *text, size_t len)
{
    const char *value;
    const struct constraint_ops *ops = constraint_find(spec, &value);
    struct constraint_state at = {{0}};
    struct verdict v = {true, false};
    void *self;

    assert_non_null(ops);
    assert_int_equal(ops->open(&self, value, NULL), ATTUNE_OK);
    if (ops->viable) {
        assert_int_equal(ops->viable(&v.viable, &v.complete, self, text, len, NULL), ATTUNE_OK);
    } else {
        ops->start(self, &at);
        for (size_t i = 0; i < len && v.viable; i++) {
            v.viable = ops->step(self, &at, (uint8_t)text[i]);
        }
        v.complete = v.viable && ops->complete(self, &at);
    }
    ops->close(self);
    return v;
}

static void json_is_what_jansson_reads(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "-0.5e+10",
        "12.25",
        "01",
        "-",
        "1.",
        "1e",
        "1e5",
        ".5",
        "+1",
        "\"\"",
        "\"a",
        "true",
        "tru",
        "truth",
        "null",
        "nul",
        "[]",
        "[1,2]",
        "[1,]",
        "[,1]",
        "{}",
        "{\"a\":1}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":{\"b\":[null,{}]},\"c\":-1}",
        "[[[[]]]]",
        "[[]",
        "]",
        "{]",
        "[}",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\x\"",
        "\"\\n\\\\\"",
        "\"\n\"",
        "\"\xc3\xa9\"",
        "\"\xc3\"",
        "\"\xe0\x80\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\xf5\x80\x80\x80\"",
        " 1",
        " [ 1 , 2 ] ",
        "{ \"a\" : [ ] }",
        "1 2",
        "nulltrue",
        "\"a\"b",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t len = strlen(texts[i]);
        json_t *value = json_loadb(texts[i], len, JSON_DECODE_ANY, NULL);
        bool trailing = len > 0 && texts[i][len - 1] == ' ';
        struct verdict v = ask("json", texts[i], len);

        if (v.complete != (value && !trailing)) {
            fail_msg("'%s' is %scomplete", texts[i], v.complete ? "" : "not ");
        }
        json_decref(value);
    }
}

/* Damaged texts: what is complete is read by jansson and the other way round; of what jansson reads
 * every prefix is viable. */
static void json_survives_damage(void **state)
{
    static const char seed_text[] = "{\"ab\": [1.5e-3, \"x\\u00e9\\\"\", {\"c\": null}, true], "
                                    "\"\": -0, \"\xc3\xa9\": [[], {}]}";
    static const char bytes[] = "{}[]\",:\\u0e1-+. tfn\n\xc3\xa9";
    size_t n_complete = 0;

    for (uint64_t round = 0; round < 20000; round++) {
        char text[sizeof seed_text + 4];
        size_t len = sizeof seed_text - 1;
        json_t *value;
        struct verdict v;

        memcpy(text, seed_text, len);
        for (uint64_t k = 0; k < 1 + round % 3; k++) {
            size_t at = (size_t)(attune_rng_uniform(7, round * 8 + 2 * k) * (double)len);
            char byte = bytes[(size_t)(attune_rng_uniform(7, round * 8 + 2 * k + 1) *
                                       (double)(sizeof bytes - 1))];

            if (round % 2) {
                text[at] = byte;
            } else {
                memmove(text + at, text + at + 1, --len - at);
            }
        }
        v = ask("json", text, len);
        value = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_true(v.complete == (value != NULL));
        for (size_t n = 0; value && n < len; n++) {
            assert_true(ask("json", text, n).viable);
        }
        n_complete += value != NULL;
        json_decref(value);
    }
    assert_true(n_complete > 500 && n_complete < 19000);
}

static void patterns_match_in_part(void **state)
{
    static const struct {
        const char *spec, *text;
        bool viable, complete;
    } cases[] = {
        {"regex:[0-9]{4}-[0-9]{2}", "", true, false},
        {"regex:[0-9]{4}-[0-9]{2}", "19", true, false},
        {"regex:[0-9]{4}-[0-9]{2}", "1984-06", true, true},
        {"regex:[0-9]{4}-[0-9]{2}", "1984-066", false, false},
        {"regex:[0-9]{4}-[0-9]{2}", "x", false, false},
        {"regex:a|ab", "a", true, true},
        {"regex:a|ab", "ab", true, true},
        {"regex:a|ab", "abc", false, false},
        {"regex:(foo)?", "", true, true},
        {"regex:[a-z]+", "ab\xc3", false, false},
        {"regex:[a-z\xc3\xa9]+", "ab\xc3", true, false},
        {"regex:[^x]*", "\xf0\x9f", true, false},
        {"regex:\xf0\x9f\x98\x80+", "\xf0\x9f\x98", true, false},
        {"regex:\xf0\x9f\x98\x80+", "\xf0\x9e", false, false},
        {"regex:.*", "\x80", false, false},
        {"regex:.*", "\xe0\x80", false, false},
        {"choices:yes,no,nothing", "no", true, true},
        {"choices:yes,no,nothing", "noth", true, false},
        {"choices:yes,no,nothing", "nox", false, false},
        {"choices:a\\,b,c\\\\", "a,b", true, true},
        {"choices:a\\,b,c\\\\", "c\\", true, true},
        {"prefix:The qui", "The", true, false},
        {"prefix:The qui", "The quick", true, true},
        {"prefix:The qui", "The qx", false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verdict v = ask(cases[i].spec, cases[i].text, strlen(cases[i].text));

        if (v.viable != cases[i].viable || v.complete != cases[i].complete) {
            fail_msg("%s on '%s': viable %d, complete %d", cases[i].spec, cases[i].text, v.viable,
                     v.complete);
        }
    }
}

/* Every token asked by itself, with all of the text in front of it. */
static void check_mask(struct attune_constraint *c, const char *spec)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    size_t n_vocab = (size_t)attune_model_info(model)->n_vocab, len, n, count = 0;
    const char *text = attune_constraint_text(c, &len);
    struct verdict here = ask(spec, text, len);
    const uint8_t *mask;
    char *longer = malloc(len + 256);

    assert_non_null(longer);
    memcpy(longer, text, len);
    assert_int_equal(attune_constraint_mask(&mask, &n, c, NULL), ATTUNE_OK);
    for (size_t id = 0; mask && id < n_vocab; id++) {
        size_t more = attune_token_bytes(tk, (attune_token)id, longer + len, 256);
        enum attune_token_kind kind = attune_token_kind(tk, (attune_token)id);
        bool want = attune_model_is_end(model, (attune_token)id) ? here.complete
                    : kind == ATTUNE_TOKEN_SPECIAL || kind == ATTUNE_TOKEN_UNUSED || more == 0
                        ? false
                        : ask(spec, longer, len + more).viable;

        if (mask[id] != want) {
            fail_msg("%s after '%s': token %zu '%.*s'", spec, text, id, (int)more, longer + len);
        }
        count += mask[id];
    }
    assert_true(!mask || count == n);
    free(longer);
}

/* A text of tokens drawn evenly from the mask, every mask held against the naive one. */
static void walk(const char *spec, uint64_t seed, size_t most)
{
    struct attune_constraint *c;
    size_t len, n, n_vocab = (size_t)attune_model_info(model)->n_vocab;
    bool finished = false;

    assert_int_equal(attune_constraint_new(&c, spec, model, false, NULL), ATTUNE_OK);
    for (size_t i = 0; i < most && !finished; i++) {
        const uint8_t *mask;
        size_t pick, id = 0;

        check_mask(c, spec);
        assert_int_equal(attune_constraint_mask(&mask, &n, c, NULL), ATTUNE_OK);
        if (!mask) {
            break;
        }
        assert_true(n > 0);
        pick = (size_t)(attune_rng_uniform(seed, i) * (double)n);
        for (; id < n_vocab && (!mask[id] || pick-- > 0); id++) {
        }
        assert_int_equal(attune_constraint_advance(c, (attune_token)id, NULL), ATTUNE_OK);
        assert_int_equal(attune_constraint_finished(&finished, c, NULL), ATTUNE_OK);
        finished = finished || attune_model_is_end(model, (attune_token)id);
    }
    if (finished) {
        const char *text = attune_constraint_text(c, &len);

        assert_true(ask(spec, text, len).complete);
    }
    attune_constraint_free(c);
}

static void masks_equal_the_naive_ones(void **state)
{
    static const char *const specs[] = {
        "json",
        "regex:[a-z ]+\\.",
        "regex:.*",
        "regex:(\xc3\xa9|ab|[0-9]{2})*",
        "regex:\\p{L}{1,4}",
        "choices:yes,no,not sure, maybe,y",
        "prefix:The qui",
    };

    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        for (uint64_t seed = 0; seed < 2; seed++) {
            walk(specs[i], seed, 12);
        }
    }
}

static void what_was_not_allowed_allows_nothing(void **state)
{
    struct attune_constraint *c;
    const uint8_t *mask;
    attune_token id = ATTUNE_TOKEN_NONE;
    size_t n, len;

    assert_int_equal(attune_constraint_new(&c, "choices:yes,no", model, false, NULL), ATTUNE_OK);
    assert_int_equal(attune_constraint_mask(&mask, &n, c, NULL), ATTUNE_OK);
    for (id = 0;
         mask[id] || attune_token_kind(attune_model_tokenizer(model), id) != ATTUNE_TOKEN_NORMAL;
         id++) {
    }
    assert_int_equal(attune_constraint_advance(c, id, NULL), ATTUNE_OK);
    assert_int_equal(attune_constraint_mask(&mask, &n, c, NULL), ATTUNE_OK);
    assert_int_equal(n, 0);
    assert_false(attune_constraint_complete(c));
    attune_constraint_reset(c);
    assert_int_equal(attune_constraint_mask(&mask, &n, c, NULL), ATTUNE_OK);
    assert_true(n > 0);
    attune_constraint_text(c, &len);
    assert_int_equal(len, 0);
    attune_constraint_free(c);
}

static void wrong_ones_are_refused(void **state)
{
    static const struct {
        const char *spec, *part;
        uint64_t where;
    } cases[] = {
        {"", "wants choices", 0},    {"jsn", "wants choices", 0},   {"json:x", "wants choices", 0},
        {"choices:", "empty", 8},    {"choices:a,,b", "empty", 10}, {"regex:a(b", "parenthes", 9},
        {"regex:[z-a]", "range", 9}, {"regex:\\Ca", "\\C", 8},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attune_error err = {0};

        assert_int_equal(attune_constraint_check(cases[i].spec, &err), ATTUNE_ARGUMENT);
        if (!strstr(err.text, cases[i].part) || err.where != cases[i].where) {
            fail_msg("%s: %s at %llu", cases[i].spec, err.text, (unsigned long long)err.where);
        }
    }
}

static void a_pattern_that_explodes_gives_up(void **state)
{
    struct attune_constraint *c;
    struct attune_error err = {0};
    const uint8_t *mask;
    size_t n;
    int status = ATTUNE_OK;

    assert_int_equal(
        attune_constraint_new(&c, "regex:((a?)*)*((a?)*)*((a?)*)*b", model, false, NULL),
        ATTUNE_OK);
    for (int i = 0; i < 40 && status == ATTUNE_OK; i++) {
        attune_token a = attune_token_find(attune_model_tokenizer(model), "a");

        assert_true(a != ATTUNE_TOKEN_NONE);
        assert_int_equal(attune_constraint_advance(c, a, NULL), ATTUNE_OK);
        status = attune_constraint_mask(&mask, &n, c, &err);
    }
    assert_true(status == ATTUNE_OK ||
                (status == ATTUNE_UNSUPPORTED && strstr(err.text, "gives up")));
    attune_constraint_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_what_jansson_reads),
        cmocka_unit_test(json_survives_damage),
        cmocka_unit_test(patterns_match_in_part),
        cmocka_unit_test(masks_equal_the_naive_ones),
        cmocka_unit_test(what_was_not_allowed_allows_nothing),
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(a_pattern_that_explodes_gives_up),
    };
    return cmocka_run_group_tests_name("constraint", tests, open_all, close_all);
}
