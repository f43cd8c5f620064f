#include <config.h>

#include "tests/tui/verb.h"

#include <attune/tensors.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define SCORE        "score", "-m", "GOLDEN/gguf/llama-f32/model.gguf"

static void scores_equal_the_reference_logits(void **state)
{
    struct attune_tensors *file;
    const struct attune_tensor *logits;
    struct verb_result r;
    char path[4096];
    const json_t *tokens;
    double nll = 0;

    snprintf(path, sizeof path, "%s/gguf/llama-f32/golden.safetensors", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(attune_tensors_open(&file, path, NULL), ATTUNE_OK);
    logits = attune_tensors_find(file, "logits_ref");
    CALL(&r, SCORE, "-p", "the cat sat on the mat", "--json");
    assert_int_equal(r.status, CLI_OK);
    tokens = verb_list(r.json, "tokens");
    assert_int_equal(json_array_size(tokens), 10);
    assert_true(json_is_null(json_object_get(json_array_get(tokens, 0), "logprob")));
    for (size_t i = 1; i < 10; i++) {
        const float *row = (const float *)logits->data + (i - 1) * (size_t)logits->shape[1];
        const json_t *token = json_array_get(tokens, i);
        double sum = 0, want;

        for (size_t k = 0; k < logits->shape[1]; k++) {
            sum += exp(row[k]);
        }
        want = row[(int)verb_number(token, "id")] - log(sum);
        assert_true(fabs(verb_number(token, "logprob") - want) < 2e-4);
        nll -= want / 9;
    }
    assert_true(fabs(verb_number(r.json, "nll") - nll) < 2e-4);
    assert_true(fabs(verb_number(r.json, "perplexity") - exp(nll)) < 2e-4 * exp(nll));
    attune_tensors_close(file);
    verb_done(&r);
}

static double share_sum(const json_t *rows, const char *key)
{
    double sum = 0;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        sum += verb_number(json_array_get(rows, i), key);
    }
    return sum;
}

/* An answer has what the whole text has behind the prompt; a prompt without content that is the
 * prompt itself leaves nothing to choose by. */
static void answers_are_the_tail_of_the_text(void **state)
{
    struct verb_result whole, r;
    const json_t *rows, *tokens, *row;
    size_t n;
    double sum = 0;

    CALL(&whole, SCORE, "-p", "the cat sat on the mat", "--json");
    CALL(&r, SCORE, "-p", "the cat sat on the", "--choices", " mat, dog is\\, not", "--json");
    assert_int_equal(r.status, CLI_OK);
    rows = verb_list(r.json, "choices");
    assert_int_equal(json_array_size(rows), 2);
    row = json_array_get(rows, 0);
    tokens = verb_list(whole.json, "tokens");
    n = json_array_size(verb_list(row, "ids"));
    assert_true(n > 0 && n < json_array_size(tokens));
    for (size_t i = json_array_size(tokens) - n; i < json_array_size(tokens); i++) {
        sum += verb_number(json_array_get(tokens, i), "logprob");
    }
    assert_true(fabs(verb_number(row, "logprob") - sum) < 1e-6);
    assert_true(fabs(verb_number(row, "logprob_token") - sum / (double)n) < 1e-6);
    assert_string_equal(verb_text(json_array_get(rows, 1), "text"), " dog is, not");
    assert_true(fabs(share_sum(rows, "p") - 1) < 1e-6);
    assert_true(fabs(share_sum(rows, "p_token") - 1) < 1e-6);
    assert_true(fabs(share_sum(rows, "p_byte") - 1) < 1e-6);
    assert_true(json_is_null(json_object_get(row, "p_calibrated")));
    verb_done(&r);
    CALL(&r, SCORE, "-p", "the cat sat on the", "--choices", " mat, dog", "--content-free",
         "the cat sat on the", "--json");
    assert_int_equal(r.status, CLI_OK);
    row = json_array_get(verb_list(r.json, "choices"), 1);
    assert_true(fabs(verb_number(row, "p_calibrated") - 0.5) < 1e-6);
    assert_true(fabs(verb_number(row, "logprob_free") - verb_number(row, "logprob")) < 1e-6);
    verb_done(&r);
    verb_done(&whole);
}

static void answers_that_are_none_are_refused(void **state)
{
    struct verb_result r;

    CALL(&r, SCORE, "-p", "the cat", "--choices", "yes,,no");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "answer 2 is empty"));
    verb_done(&r);
    CALL(&r, SCORE, "-p", "the cat", "--choices", "yes");
    assert_int_equal(r.status, CLI_FAILED);
    verb_done(&r);
    CALL(&r, SCORE, "-p", "the cat", "--content-free", "N/A");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
}

static void the_table_ends_with_the_perplexity(void **state)
{
    struct verb_result r;

    CALL(&r, SCORE, "-p", "the cat sat on the mat");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "9 of 10 tokens scored"));
    assert_non_null(strstr(r.out, "perplexity"));
    verb_done(&r);
}

static void a_single_token_has_no_score(void **state)
{
    struct verb_result r;

    CALL(&r, SCORE, "--ids", "1", "--json");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "two or more"));
    assert_int_equal(r.out_len, 0);
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_equal_the_reference_logits),
        cmocka_unit_test(answers_are_the_tail_of_the_text),
        cmocka_unit_test(answers_that_are_none_are_refused),
        cmocka_unit_test(the_table_ends_with_the_perplexity),
        cmocka_unit_test(a_single_token_has_no_score),
    };
    return cmocka_run_group_tests_name("cmd_score", tests, NULL, NULL);
}
