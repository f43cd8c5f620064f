#include <config.h>

#include "tests/tui/verb.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/engine/spoken.h"

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})

static void every_word_has_a_label(void **state)
{
    struct folder f;
    struct verb_result r;
    const json_t *tokens, *entities;

    spoken_make(&f, "hf/bert-tokcls", SPOKEN_BERT, NULL);
    CALL(&r, "tag", "-m", f.path, "-p", "The \xc3\xa9t\xc3\xa9 cats in Paris", "--json");
    assert_int_equal(r.status, CLI_OK);
    tokens = verb_list(r.json, "tokens");
    entities = verb_list(r.json, "entities");
    assert_int_equal(json_array_size(tokens), 6); /* cat and ##s, no [CLS], no [SEP] */
    for (size_t i = 0; i < 6; i++) {
        const json_t *t = json_array_get(tokens, i);

        assert_int_equal(verb_number(t, "position"), i + 1);
        assert_non_null(strstr("O B-PER I-PER B-LOC I-LOC", verb_text(t, "label")));
        assert_true(verb_number(t, "p") > 0.2 && verb_number(t, "p") <= 1);
    }
    for (size_t i = 0; i < json_array_size(entities); i++) {
        const json_t *e = json_array_get(entities, i);

        assert_true(strcmp(verb_text(e, "name"), "PER") == 0 ||
                    strcmp(verb_text(e, "name"), "LOC") == 0);
        assert_true(strlen(verb_text(e, "text")) > 0);
        assert_true(verb_number(e, "end") > verb_number(e, "start") && verb_number(e, "end") <= 21);
    }
    verb_done(&r);
    CALL(&r, "tag", "-m", f.path, "-p", "The cats in Paris");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "paris"));
    assert_null(strstr(r.out, "[CLS]"));
    verb_done(&r);
    folder_remove(&f);
}

/* Labels joined by the rule, from what the verb says of its own tokens. */
static void entities_follow_from_the_tokens(void **state)
{
    struct verb_result r;
    const json_t *tokens, *entities;
    size_t at = 0;
    char before[8] = "";

    CALL(&r, "tag", "-m", "GOLDEN/hf/bert-tokcls", "--ids",
         "5,17,99,23,42,61,7,8,120,33,34,35,36,77,78,12,13", "--json");
    assert_int_equal(r.status, CLI_OK);
    tokens = verb_list(r.json, "tokens");
    entities = verb_list(r.json, "entities");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const char *label = verb_text(json_array_get(tokens, i), "label");
        const char *name = *label == 'O' ? "O" : label + 2;
        bool begins = strcmp(name, before) != 0 || *label == 'B';

        snprintf(before, sizeof before, "%s", name);
        if (*label == 'O') {
            continue;
        }
        if (begins) {
            const json_t *e = json_array_get(entities, at++);

            assert_string_equal(verb_text(e, "name"), name);
            assert_int_equal(verb_number(e, "first"), i);
        } else {
            assert_true(verb_number(json_array_get(entities, at - 1), "last") >= (double)i);
        }
    }
    assert_true(at > 0);
    assert_int_equal(json_array_size(entities), at);
    verb_done(&r);
}

static void another_head_is_named(void **state)
{
    struct verb_result r;

    CALL(&r, "tag", "-m", "GOLDEN/hf/bert-qa", "--ids", "5,6,7");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(
        strstr(r.err, "no output 'token-labels', which tag asks for: it answers qa, embed"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_has_a_label),
        cmocka_unit_test(entities_follow_from_the_tokens),
        cmocka_unit_test(another_head_is_named),
    };
    return cmocka_run_group_tests_name("cmd_tag", tests, NULL, NULL);
}
