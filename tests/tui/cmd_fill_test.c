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

static void every_mask_has_candidates_by_falling_p(void **state)
{
    struct folder f;
    struct verb_result r;
    const json_t *masks, *candidates;
    double sum = 0, before = 2;

    spoken_make(&f, "hf/bert-pretraining", SPOKEN_BERT, NULL);
    CALL(&r, "fill", "-m", f.path, "-p", "the <mask> sat on [MASK]", "--top", "131", "--json");
    assert_int_equal(r.status, CLI_OK);
    masks = verb_list(r.json, "masks");
    assert_int_equal(json_array_size(masks), 2);
    assert_int_equal(verb_number(json_array_get(masks, 0), "position"), 2);
    assert_int_equal(verb_number(json_array_get(masks, 1), "position"), 5);
    candidates = verb_list(json_array_get(masks, 1), "candidates");
    assert_int_equal(json_array_size(candidates), 131);
    for (size_t i = 0; i < 131; i++) {
        const json_t *c = json_array_get(candidates, i);

        assert_true(verb_number(c, "p") <= before);
        before = verb_number(c, "p");
        sum += before;
        assert_non_null(json_object_get(c, "token"));
    }
    assert_true(fabs(sum - 1) < 1e-9);
    verb_done(&r);
    folder_remove(&f);
}

/* What fill says of a mask is what score, masking each token in turn, says of the word there. */
static void the_pseudo_likelihood_agrees_with_the_masks(void **state)
{
    struct folder f;
    struct verb_result fill, pll, score;
    const json_t *candidates, *tokens;
    double p = -1, sum = 0;

    spoken_make(&f, "hf/bert-pretraining", SPOKEN_BERT, NULL);
    CALL(&fill, "fill", "-m", f.path, "-p", "the [MASK] sat", "--top", "131", "--json");
    CALL(&pll, "fill", "-m", f.path, "-p", "the cat sat", "--pll", "--json");
    CALL(&score, "score", "-m", f.path, "-p", "the cat sat", "--json");
    assert_int_equal(fill.status, CLI_OK);
    assert_int_equal(pll.status, CLI_OK);
    assert_int_equal(score.status, CLI_OK);
    tokens = verb_list(pll.json, "tokens");
    candidates = verb_list(json_array_get(verb_list(fill.json, "masks"), 0), "candidates");
    assert_int_equal(json_array_size(verb_list(pll.json, "masks")), 0);
    assert_int_equal(json_array_size(tokens), 5);
    assert_true(json_is_null(json_object_get(json_array_get(tokens, 0), "logprob")));
    for (size_t i = 0; i < 131; i++) {
        const json_t *c = json_array_get(candidates, i);

        if (strcmp(verb_text(c, "token"), " cat") == 0 ||
            strcmp(verb_text(c, "token"), "cat") == 0) {
            p = verb_number(c, "p");
        }
    }
    assert_true(fabs(log(p) - verb_number(json_array_get(tokens, 2), "logprob")) < 1e-7);
    for (size_t i = 1; i < 4; i++) {
        sum += verb_number(json_array_get(tokens, i), "logprob");
    }
    assert_true(fabs(sum - verb_number(pll.json, "pll")) < 1e-6);
    assert_true(fabs(sum - verb_number(score.json, "pll")) < 1e-6);
    assert_true(fabs(verb_number(score.json, "nll") + sum / 3) < 1e-6);
    assert_int_equal(verb_number(score.json, "n_scored"), 3);
    verb_done(&fill);
    verb_done(&pll);
    verb_done(&score);
    folder_remove(&f);
}

/* A mask is no word: it stands in the way of the others, and has no score of its own. */
static void a_mask_has_no_score(void **state)
{
    struct folder f;
    struct verb_result r;

    spoken_make(&f, "hf/bert-pretraining", SPOKEN_BERT, NULL);
    CALL(&r, "score", "-m", f.path, "-p", "the [MASK] sat", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal(verb_number(r.json, "n_scored"), 2);
    assert_true(
        json_is_null(json_object_get(json_array_get(verb_list(r.json, "tokens"), 2), "logprob")));
    verb_done(&r);
    CALL(&r, "score", "-m", f.path, "-p", "[MASK]");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "no token to score"));
    verb_done(&r);
    folder_remove(&f);
}

static void sentinels_are_answered_with_spans(void **state)
{
    struct folder f;
    struct verb_result r;
    const json_t *masks;

    spoken_make(&f, "hf/t5-gated-untied", SPOKEN_T5, NULL);
    CALL(&r, "fill", "-m", f.path, "-p", "the [MASK] sat on <extra_id_1>", "-n", "6", "--json");
    assert_int_equal(r.status, CLI_OK);
    masks = verb_list(r.json, "masks");
    assert_int_equal(json_array_size(masks), 2);
    for (size_t m = 0; m < 2; m++) { /* random weights: a sentinel may be left out */
        const json_t *mask = json_array_get(masks, m);
        bool answered = json_object_get(mask, "ids") != NULL;

        assert_int_equal(verb_number(mask, "position"), m ? 4 : 1);
        assert_int_equal(json_array_size(verb_list(mask, "candidates")), answered ? 10 : 0);
    }
    verb_done(&r);
    CALL(&r, "fill", "-m", f.path, "-p", "the [MASK] sat", "-n", "6");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "mask 1, token 1"));
    verb_done(&r);
    folder_remove(&f);
}

static void the_table_ends_with_the_sentence(void **state)
{
    struct folder f;
    struct verb_result json, r;
    char want[200];
    const char *token;

    spoken_make(&f, "hf/bert-pretraining", SPOKEN_BERT, NULL);
    CALL(&json, "fill", "-m", f.path, "-p", "the [MASK] sat", "--top", "1", "--json");
    CALL(&r, "fill", "-m", f.path, "-p", "the [MASK] sat", "--top", "3");
    assert_int_equal(r.status, CLI_OK);
    token =
        verb_text(json_array_get(
                      verb_list(json_array_get(verb_list(json.json, "masks"), 0), "candidates"), 0),
                  "token");
    snprintf(want, sizeof want, "\nthe %s sat\n", token + (*token == ' '));
    assert_non_null(strstr(r.out, want));
    assert_non_null(strstr(r.out, "mask 1, token 2"));
    verb_done(&r);
    verb_done(&json);
    folder_remove(&f);
}

static void ids_name_their_own_places(void **state)
{
    struct verb_result r;
    const json_t *masks;

    CALL(&r, "fill", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "0,9,5,9,2", "--mask-id", "9",
         "--json");
    assert_int_equal(r.status, CLI_OK);
    masks = verb_list(r.json, "masks");
    assert_int_equal(json_array_size(masks), 2);
    assert_int_equal(verb_number(json_array_get(masks, 1), "position"), 3);
    verb_done(&r);
    CALL(&r, "fill", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "0,9,5,9,2", "--at", "2", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal(verb_number(json_array_get(verb_list(r.json, "masks"), 0), "position"), 2);
    verb_done(&r);
}

static void what_is_wrong_is_said_in_a_line(void **state)
{
    static const struct {
        const char *model, *option, *value, *words;
    } cases[] = {
        {"GOLDEN/hf/bert-qa", "--at", "1", "it answers qa, embed"},
        {"GOLDEN/hf/bert-model", "--at", "1", "it answers embed"},
        {"GOLDEN/hf/roberta-mlm", "--top", "3", "there is no mask"},
        {"GOLDEN/hf/roberta-mlm", "--at", "3", "there are tokens 0 to 2"},
        {"GOLDEN/hf/roberta-mlm", "--pll", "--json", "no mask token"},
        {"GOLDEN/hf/marian", "--at", "1", "an encoder-decoder fills its own masks"},
        {"GOLDEN/hf/roberta-mlm", "--top", "0", "--top"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verb_result r;

        CALL(&r, "fill", "-m", cases[i].model, "--ids", "4,5,6", cases[i].option, cases[i].value);
        assert_true(r.status == CLI_FAILED || r.status == CLI_USAGE);
        if (!strstr(r.err, cases[i].words)) {
            fail_msg("%zu: %s", i, r.err);
        }
        assert_int_equal(r.out_len, 0);
        verb_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mask_has_candidates_by_falling_p),
        cmocka_unit_test(the_pseudo_likelihood_agrees_with_the_masks),
        cmocka_unit_test(a_mask_has_no_score),
        cmocka_unit_test(sentinels_are_answered_with_spans),
        cmocka_unit_test(the_table_ends_with_the_sentence),
        cmocka_unit_test(ids_name_their_own_places),
        cmocka_unit_test(what_is_wrong_is_said_in_a_line),
    };
    return cmocka_run_group_tests_name("cmd_fill", tests, NULL, NULL);
}
