#include <config.h>

#include "tests/tui/verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define LLAMA        "-m", "GOLDEN/gguf/llama-f32/model.gguf"
#define GPT2         "-m", "GOLDEN/gguf/gpt2-f32/model.gguf"

static json_int_t at(const json_t *list, size_t i)
{
    return json_integer_value(json_array_get(list, i));
}

/* What the next verb reads from standard input. */
static void feed(const char *text)
{
    FILE *f = tmpfile();

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    rewind(f);
    assert_true(dup2(fileno(f), STDIN_FILENO) >= 0);
    fclose(f);
    clearerr(stdin);
    fseek(stdin, 0, SEEK_SET);
}

/* Line i of the answers. */
static json_t *line(const struct verb_result *r, size_t i)
{
    const char *s = r->out;

    while (i--) {
        s = strchr(s, '\n');
        assert_non_null(s);
        s++;
    }
    return json_loadb(s, strcspn(s, "\n"), 0, NULL);
}

static void one_text_gives_four_lists(void **state)
{
    struct verb_result r;
    const json_t *ids, *offsets;

    CALL(&r, "tokenize", LLAMA, "-p", "the caf\xc3\xa9", "--json");
    assert_int_equal(r.status, CLI_OK);
    ids = verb_list(r.json, "ids");
    offsets = verb_list(r.json, "offsets");
    assert_int_equal(at(ids, 0), 1); /* the begin token covers nothing */
    assert_int_equal(at(json_array_get(offsets, 0), 1), 0);
    assert_int_equal(json_array_size(verb_list(r.json, "tokens")), json_array_size(ids));
    assert_int_equal(json_array_size(verb_list(r.json, "type_ids")), json_array_size(ids));
    assert_int_equal(json_array_size(offsets), json_array_size(ids));
    assert_int_equal(at(json_array_get(offsets, json_array_size(ids) - 1), 1),
                     8); /* code points, not bytes */
    verb_done(&r);
    CALL(&r, "tokenize", LLAMA, "-p", "the caf\xc3\xa9", "--json", "--special", "none");
    assert_int_not_equal(at(verb_list(r.json, "ids"), 0), 1);
    verb_done(&r);
}

static void special_tokens_are_parsed_on_request(void **state)
{
    struct verb_result r;

    CALL(&r, "tokenize", LLAMA, "-p", "</s>", "--json", "--special", "none", "--parse-special");
    assert_int_equal(json_array_size(verb_list(r.json, "ids")), 1);
    assert_int_equal(at(verb_list(r.json, "ids"), 0), 2);
    assert_string_equal(json_string_value(json_array_get(verb_list(r.json, "tokens"), 0)), "</s>");
    verb_done(&r);
    CALL(&r, "tokenize", LLAMA, "-p", "</s>", "--json", "--special", "none");
    assert_true(json_array_size(verb_list(r.json, "ids")) > 1);
    verb_done(&r);
}

static void pairs_have_two_types(void **state)
{
    struct verb_result r;
    const json_t *types;

    CALL(&r, "tokenize", GPT2, "-p", "the", "--pair", "cat", "--json");
    types = verb_list(r.json, "type_ids");
    assert_int_equal(at(types, 0), 0);
    assert_int_equal(at(types, json_array_size(types) - 1), 1);
    assert_int_equal(
        at(json_array_get(verb_list(r.json, "offsets"), json_array_size(types) - 1), 1), 3);
    verb_done(&r);
}

static void a_bad_line_spoils_no_other(void **state)
{
    struct verb_result r;
    json_t *first, *second, *third, *fourth;

    feed("{\"text\": \"the cat\"}\nnonsense\n{\"text\": 7}\n{\"text\": \"the\\u2028cat\", "
         "\"pair\": \"a\"}\n");
    CALL(&r, "tokenize", GPT2, "--batch");
    assert_int_equal(r.status, CLI_OK);
    first = line(&r, 0);
    second = line(&r, 1);
    third = line(&r, 2);
    fourth = line(&r, 3);
    assert_true(json_array_size(verb_list(first, "ids")) >= 2);
    assert_true(strlen(verb_text(second, "error")) > 5);
    assert_true(strlen(verb_text(third, "error")) > 5);
    assert_true(json_array_size(verb_list(fourth, "ids")) > 3);
    assert_null(strstr(r.out, "\xe2\x80\xa8")); /* a line is a line for everybody */
    json_decref(first);
    json_decref(second);
    json_decref(third);
    json_decref(fourth);
    verb_done(&r);
}

static void ids_become_text_again(void **state)
{
    struct verb_result r;
    char list[400] = "";
    json_t *answer;

    CALL(&r, "tokenize", LLAMA, "-p", "na\xc3\xafve <0x41> \xf0\x9f\x98\x80", "--json");
    for (size_t i = 0; i < json_array_size(verb_list(r.json, "ids")); i++) {
        sprintf(list + strlen(list), "%s%d", i ? "," : "", (int)at(verb_list(r.json, "ids"), i));
    }
    verb_done(&r);
    CALL(&r, "detokenize", LLAMA, "--ids", list, "--skip-special", "--json");
    assert_string_equal(verb_text(r.json, "text"), "na\xc3\xafve <0x41> \xf0\x9f\x98\x80");
    verb_done(&r);
    feed("{\"ids\": [1, 2]}\n{\"ids\": [99999]}\n{\"ids\": [-1]}\n{}\n");
    CALL(&r, "detokenize", LLAMA, "--batch");
    answer = line(&r, 0);
    assert_string_equal(verb_text(answer, "text"), "<s></s>");
    json_decref(answer);
    for (size_t i = 1; i < 4; i++) {
        answer = line(&r, i);
        assert_true(strlen(verb_text(answer, "error")) > 5);
        json_decref(answer);
    }
    verb_done(&r);
}

static void wrong_usage_is_told(void **state)
{
    struct verb_result r;

    CALL(&r, "tokenize", GPT2);
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, "tokenize", GPT2, "-p", "a", "--special", "some");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, "detokenize", GPT2, "--ids", "1", "--batch");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, "detokenize", GPT2, "--ids", "1,x");
    assert_int_equal(r.status, CLI_FAILED);
    verb_done(&r);
    CALL(&r, "tokenize", "-m", "/no/such/file", "-p", "a");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "/no/such/file"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_text_gives_four_lists),
        cmocka_unit_test(special_tokens_are_parsed_on_request),
        cmocka_unit_test(pairs_have_two_types),
        cmocka_unit_test(a_bad_line_spoils_no_other),
        cmocka_unit_test(ids_become_text_again),
        cmocka_unit_test(wrong_usage_is_told),
    };
    return cmocka_run_group_tests_name("cmd_tokenize", tests, NULL, NULL);
}
