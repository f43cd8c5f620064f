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
        cmocka_unit_test(the_table_ends_with_the_perplexity),
        cmocka_unit_test(a_single_token_has_no_score),
    };
    return cmocka_run_group_tests_name("cmd_score", tests, NULL, NULL);
}
