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

static void the_answer_is_cut_from_the_context(void **state)
{
    struct folder f;
    struct verb_result r;
    const char *context = "The \xc3\xa9t\xc3\xa9 cat sat  on the Mat.";
    const json_t *tokens, *candidates;
    double start = 0, end = 0;

    spoken_make(&f, "hf/bert-qa", SPOKEN_BERT, NULL);
    CALL(&r, "qa", "-m", f.path, "--question", "where is the cat?", "--context", context, "--top",
         "7", "--longest", "3", "--json");
    assert_int_equal(r.status, CLI_OK);
    candidates = verb_list(r.json, "candidates");
    tokens = verb_list(r.json, "tokens");
    assert_int_equal(json_array_size(candidates), 7);
    assert_string_equal(verb_text(r.json, "answer"),
                        verb_text(json_array_get(candidates, 0), "answer"));
    for (size_t i = 0; i < 7; i++) {
        const json_t *c = json_array_get(candidates, i);
        int from = (int)verb_number(c, "start"), to = (int)verb_number(c, "end"), k = 0;
        char want[64] = {0};
        size_t first = (size_t)verb_number(c, "first"), last = (size_t)verb_number(c, "last");

        for (const char *s = context; *s; s++) { /* code points from .. to */
            k += ((unsigned char)*s & 0xc0) != 0x80;
            if (k > from && k <= to) {
                want[strlen(want)] = *s;
            }
        }
        assert_string_equal(verb_text(c, "answer"), want);
        assert_true(first <= last && last - first < 3);
        assert_true(fabs(verb_number(c, "score") -
                         verb_number(json_array_get(tokens, first), "p_start") *
                             verb_number(json_array_get(tokens, last), "p_end")) < 1e-9);
    }
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        start += verb_number(json_array_get(tokens, i), "p_start");
        end += verb_number(json_array_get(tokens, i), "p_end");
    }
    assert_true(fabs(start - 1) < 1e-7 && fabs(end - 1) < 1e-7);
    assert_true(fabs(verb_number(r.json, "no_answer") -
                     verb_number(json_array_get(tokens, 0), "p_start") *
                         verb_number(json_array_get(tokens, 0), "p_end")) < 1e-9);
    assert_true(verb_number(json_array_get(tokens, 1), "p_start") == 0); /* of the question */
    verb_done(&r);
    CALL(&r, "qa", "-m", f.path, "-q", "where is the cat?", "-c", context);
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "no answer"));
    assert_non_null(strstr(r.out, "[CLS]"));
    verb_done(&r);
    folder_remove(&f);
}

static void no_answer_wins_where_it_is_allowed(void **state)
{
    struct verb_result r;
    /* found by trying: the first token is likelier than any span */
    const char *ids[] = {"1,2,3", "4,5,6", "7,8,9", "10,20,30", "11,40,2", "90,80,70", "5,50,51"};
    bool seen = false;

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        double best;

        CALL(&r, "qa", "-m", "GOLDEN/hf/bert-qa", "--ids", ids[i], "--type-ids", "0,0,1",
             "--no-answer", "--json");
        assert_int_equal(r.status, CLI_OK);
        best = verb_number(json_array_get(verb_list(r.json, "candidates"), 0), "score");
        if (verb_number(r.json, "no_answer") > best) {
            seen = true;
            assert_string_equal(verb_text(r.json, "answer"), "");
            assert_true(verb_number(r.json, "score") == verb_number(r.json, "no_answer"));
        } else {
            assert_true(verb_number(r.json, "score") == best);
        }
        verb_done(&r);
    }
    assert_true(seen);
}

static void what_is_wrong_is_said_in_a_line(void **state)
{
    struct verb_result r;

    CALL(&r, "qa", "-m", "GOLDEN/hf/bert-qa", "-q", "who?");
    assert_int_equal(r.status, CLI_USAGE);
    assert_non_null(strstr(r.err, "--context"));
    verb_done(&r);
    CALL(&r, "qa", "-m", "GOLDEN/hf/bert-qa", "-q", "who?", "-c", "it");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "no tokenizer"));
    verb_done(&r);
    CALL(&r, "qa", "-m", "GOLDEN/hf/bert-qa", "--ids", "1,2,3");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "no text to find an answer in"));
    verb_done(&r);
    CALL(&r, "qa", "-m", "GOLDEN/hf/bert-pretraining", "--ids", "1,2,3");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "it answers fill, score, nsp, embed"));
    verb_done(&r);
    CALL(&r, "qa", "-m", "GOLDEN/hf/bert-qa", "-q", "@nothing-here", "-c", "it");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "nothing-here"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_cut_from_the_context),
        cmocka_unit_test(no_answer_wins_where_it_is_allowed),
        cmocka_unit_test(what_is_wrong_is_said_in_a_line),
    };
    return cmocka_run_group_tests_name("cmd_qa", tests, NULL, NULL);
}
