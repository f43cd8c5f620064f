/* The lens by verb: its last layer against the logits of the same prompt, its grid against itself,
 * and who has no lens. */
#include <config.h>

#include "tests/tui/verb.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define LLAMA        "-m", "GOLDEN/gguf/llama-f32/model.gguf", "-p", "the cat sat on the mat"

static void the_last_layer_says_what_the_model_says(void **state)
{
    struct verb_result lens, logits;
    const json_t *layers, *last, *row;
    size_t n;

    CALL(&lens, "lens", LLAMA, "--at", "4", "--top", "12", "--json");
    CALL(&logits, "logits", LLAMA, "--json");
    assert_int_equal(lens.status, CLI_OK);
    layers = verb_list(lens.json, "lens");
    n = json_array_size(layers);
    assert_int_equal(n, (size_t)verb_number(lens.json, "layers"));
    last = json_array_get(layers, n - 1);
    row = json_array_get(verb_list(logits.json, "logits"), 4);
    assert_int_equal(json_array_size(verb_list(last, "candidates")), 12);
    for (size_t i = 0; i < 12; i++) {
        const json_t *c = json_array_get(verb_list(last, "candidates"), i);
        size_t id = (size_t)verb_number(c, "id");

        assert_true(verb_number(c, "logit") == json_number_value(json_array_get(row, id)));
    }
    assert_int_equal((int)verb_number(last, "rank_final"), 0);
    assert_int_equal((int)verb_number(json_object_get(lens.json, "final"), "id"),
                     (int)json_number_value(json_array_get(verb_list(logits.json, "argmax"), 4)));
    verb_done(&lens);
    verb_done(&logits);
}

static void the_grid_holds_every_layer_and_position(void **state)
{
    struct verb_result r;
    const json_t *grid, *layers;
    size_t at, n;

    CALL(&r, "lens", LLAMA, "--grid", "--json");
    assert_int_equal(r.status, CLI_OK);
    grid = verb_list(r.json, "grid");
    layers = verb_list(r.json, "lens");
    at = (size_t)verb_number(r.json, "position");
    n = json_array_size(verb_list(r.json, "tokens"));
    assert_int_equal(at, n - 1);
    assert_int_equal(json_array_size(grid), json_array_size(layers));
    for (size_t l = 0; l < json_array_size(grid); l++) {
        const json_t *row = json_array_get(grid, l), *layer = json_array_get(layers, l),
                     *first = json_array_get(verb_list(layer, "candidates"), 0);

        assert_int_equal(json_array_size(row), n);
        assert_true(verb_number(json_array_get(row, at), "id") == verb_number(first, "id"));
        assert_true(fabs(verb_number(json_array_get(row, at), "p") - verb_number(first, "p")) <
                    1e-6);
        assert_true(verb_number(json_array_get(row, at), "rank_final") ==
                    verb_number(layer, "rank_final"));
    }
    verb_done(&r);
    CALL(&r, "lens", LLAMA, "--grid");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, " read \"<s>\""));
    assert_non_null(strstr(r.out, "layer    bits   rank  candidates"));
    verb_done(&r);
}

static void encoders_and_decoders_of_two_stacks_have_one_too(void **state)
{
    struct verb_result r;

    CALL(&r, "lens", "-m", "GOLDEN/hf/marian", "--ids", "4,5,6", "--decoder-ids", "3,7,8",
         "--json");
    if (r.status != CLI_OK) {
        fail_msg("%s", r.err);
    }
    assert_int_equal(json_array_size(verb_list(r.json, "tokens")), 3);
    verb_done(&r);
    CALL(&r, "lens", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "4,5,6", "--json");
    assert_int_equal(r.status, CLI_OK);
    verb_done(&r);
}

static void who_has_none_says_so(void **state)
{
    struct verb_result r;

    CALL(&r, "lens", "-m", "GOLDEN/hf/bert-qa", "--ids", "4,5,6");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "no head over its vocabulary"));
    verb_done(&r);
    CALL(&r, "lens", LLAMA, "--at", "400");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "--at 400: there are the positions 0 to 9"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_layer_says_what_the_model_says),
        cmocka_unit_test(the_grid_holds_every_layer_and_position),
        cmocka_unit_test(encoders_and_decoders_of_two_stacks_have_one_too),
        cmocka_unit_test(who_has_none_says_so),
    };
    return cmocka_run_group_tests_name("cmd_lens", tests, NULL, NULL);
}
