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

static void labels_come_by_falling_p(void **state)
{
    struct folder f;
    struct verb_result r;
    const json_t *labels;
    double sum = 0, before = 2;

    spoken_make(&f, "hf/bert-seqcls", SPOKEN_BERT, NULL);
    CALL(&r, "classify", "-m", f.path, "-p", "the cat sat", "--json");
    assert_int_equal(r.status, CLI_OK);
    labels = verb_list(r.json, "labels");
    assert_int_equal(json_array_size(labels), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *label = json_array_get(labels, i);

        assert_non_null(strstr("negative neutral positive", verb_text(label, "label")));
        assert_true(verb_number(label, "p") <= before);
        before = verb_number(label, "p");
        sum += before;
    }
    assert_true(fabs(sum - 1) < 1e-7);
    verb_done(&r);
    CALL(&r, "classify", "-m", f.path, "-p", "the cat sat", "--pair", "it sat");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "neutral"));
    verb_done(&r);
    folder_remove(&f);
}

static void families_have_heads_of_their_own(void **state)
{
    static const char *const models[] = {"GOLDEN/hf/distilbert-seqcls",
                                         "GOLDEN/hf/albert-seqcls-groups"};

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct verb_result r;

        CALL(&r, "classify", "-m", models[i], "--ids", "5,6,7", "--json");
        assert_int_equal(r.status, CLI_OK);
        assert_true(json_array_size(verb_list(r.json, "labels")) >= 2);
        verb_done(&r);
    }
}

static void another_head_is_named(void **state)
{
    struct verb_result r;

    CALL(&r, "classify", "-m", "GOLDEN/hf/bert-tokcls", "--ids", "5,6,7", "--json");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "it answers tag, embed"));
    assert_int_equal(r.out_len, 0);
    verb_done(&r);
    CALL(&r, "classify", "-m", "GOLDEN/hf/gpt2", "--ids", "5,6,7");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "it answers run, probs, score, embed"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_come_by_falling_p),
        cmocka_unit_test(families_have_heads_of_their_own),
        cmocka_unit_test(another_head_is_named),
    };
    return cmocka_run_group_tests_name("cmd_classify", tests, NULL, NULL);
}
