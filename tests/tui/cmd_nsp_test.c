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

static void a_pair_has_one_number(void **state)
{
    struct folder f;
    struct verb_result r, swapped;

    spoken_make(&f, "hf/bert-pretraining", SPOKEN_BERT, NULL);
    CALL(&r, "nsp", "-m", f.path, "-p", "the cat sat", "--pair", "it sat on the mat", "--json");
    CALL(&swapped, "nsp", "-m", f.path, "-p", "it sat on the mat", "--pair", "the cat sat",
         "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_true(verb_number(r.json, "is_next") > 0 && verb_number(r.json, "is_next") < 1);
    assert_true(verb_number(r.json, "is_next") != verb_number(swapped.json, "is_next"));
    verb_done(&r);
    verb_done(&swapped);
    CALL(&r, "nsp", "-m", f.path, "-p", "the cat", "--pair", "it sat");
    assert_non_null(strstr(r.out, "follows"));
    verb_done(&r);
    folder_remove(&f);
}

/* The same ids and types, from text and given: the same bits. */
static void text_and_ids_agree(void **state)
{
    struct folder f;
    struct verb_result text, ids;

    spoken_make(&f, "hf/bert-pretraining", SPOKEN_BERT, NULL);
    CALL(&text, "nsp", "-m", f.path, "-p", "the cat", "--pair", "dog", "--json");
    CALL(&ids, "nsp", "-m", "GOLDEN/hf/bert-pretraining", "--ids", "2,5,6,3,7,3", "--type-ids",
         "0,0,0,0,1,1", "--json");
    assert_int_equal(ids.status, CLI_OK);
    assert_string_equal(text.out, ids.out);
    verb_done(&text);
    verb_done(&ids);
    folder_remove(&f);
}

static void what_is_wrong_is_said_in_a_line(void **state)
{
    struct verb_result r;

    CALL(&r, "nsp", "-m", "GOLDEN/hf/bert-pretraining", "-p", "the cat");
    assert_int_equal(r.status, CLI_USAGE);
    assert_non_null(strstr(r.err, "--pair"));
    verb_done(&r);
    CALL(&r, "nsp", "-m", "GOLDEN/hf/bert-seqcls", "--ids", "1,2");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "it answers classify, embed"));
    verb_done(&r);
    CALL(&r, "nsp", "-m", "GOLDEN/hf/bert-pretraining", "--ids", "1,2", "--type-ids", "0,2");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "this model knows 0 to 1"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_has_one_number),
        cmocka_unit_test(text_and_ids_agree),
        cmocka_unit_test(what_is_wrong_is_said_in_a_line),
    };
    return cmocka_run_group_tests_name("cmd_nsp", tests, NULL, NULL);
}
