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
#include <unistd.h>
#include <cmocka.h>

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define FROM_FILE    "probs", "--logits", "GOLDEN/sampling/sampling.safetensors", "--tensor"
#define FROM_MODEL   "probs", "-m", "GOLDEN/gguf/llama-f32/model.gguf"

static void candidates_come_by_falling_probability(void **state)
{
    struct verb_result r;
    double before = 1, kept = 0, mass = 0;
    size_t n_kept = 0;
    const json_t *list;

    CALL(&r, FROM_FILE, "row.normal", "--json", "--top", "97", "--temperature", "0.7", "--top-k",
         "9", "--top-p", "0.8");
    assert_int_equal(r.status, CLI_OK);
    assert_string_equal(r.err, "");
    list = verb_list(r.json, "candidates");
    assert_int_equal(json_array_size(list), 97);
    for (size_t i = 0; i < 97; i++) {
        const json_t *c = json_array_get(list, i), *by = json_object_get(c, "removed_by");
        double p = verb_number(c, "p");

        assert_int_equal((int)verb_number(c, "rank"), i);
        assert_true(verb_number(c, "p_raw") <= before);
        before = verb_number(c, "p_raw");
        if (json_is_true(json_object_get(c, "kept"))) {
            assert_true(json_is_null(by) && p > 0);
            kept += p;
            mass += before;
            n_kept++;
        } else {
            assert_true(p == 0);
            assert_string_equal(json_string_value(by), i < 9 ? "top_p" : "top_k");
        }
    }
    assert_true(fabs(kept - 1) < 1e-6);
    assert_true(fabs(mass - verb_number(r.json, "kept_mass")) < 1e-6);
    assert_int_equal((int)verb_number(r.json, "kept_count"), n_kept);
    list = verb_list(r.json, "stages");
    assert_int_equal(json_array_size(list), 7);
    assert_int_equal((int)verb_number(json_array_get(list, 3), "survivors"), 9);
    assert_string_equal(verb_text(json_array_get(list, 3), "stage"), "top_k");
    verb_done(&r);
}

static void p_goes_to_a_file(void **state)
{
    static const char file_name[] = "cmd_probs_test.safetensors";
    struct attune_tensors *file;
    const struct attune_tensor *p, *want;
    struct attune_tensors *golden;
    struct verb_result r;
    char path[4096];

    CALL(&r, FROM_FILE, "row.two", "-o", file_name, "--temperature", "0.1");
    assert_int_equal(r.status, CLI_OK);
    verb_done(&r);
    assert_int_equal(attune_tensors_open(&file, file_name, NULL), ATTUNE_OK);
    p = attune_tensors_find(file, "p");
    assert_non_null(p);
    assert_string_equal(p->dtype, "F32");
    assert_int_equal(p->n_bytes, 2 * sizeof(float));
    snprintf(path, sizeof path, "%s/sampling/sampling.safetensors", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(attune_tensors_open(&golden, path, NULL), ATTUNE_OK);
    want = attune_tensors_find(golden, "probs.two.00");
    for (int i = 0; i < 2; i++) {
        assert_true(fabsf(((const float *)p->data)[i] - ((const float *)want->data)[i]) < 1e-6f);
    }
    attune_tensors_close(golden);
    attune_tensors_close(file);
    unlink(file_name);
}

static void the_table_says_who_removed_whom(void **state)
{
    struct verb_result r;

    CALL(&r, FROM_FILE, "row.normal", "--top-k", "2", "--top", "3");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "top_k 2: 97 -> 2 kept 0.2636 of the mass, 0.99 bits\n"));
    assert_non_null(strstr(r.out, "-  top_k\n"));
    assert_non_null(strstr(r.out, "... 94 more hold"));
    assert_non_null(strstr(r.out, "████"));
    verb_done(&r);
}

static void a_model_and_its_tokens(void **state)
{
    struct verb_result r, again;
    const json_t *c;

    CALL(&r, FROM_MODEL, "-p", "the cat sat on the mat", "--json", "--top", "1");
    assert_int_equal(r.status, CLI_OK);
    c = json_array_get(verb_list(r.json, "candidates"), 0);
    assert_int_equal((int)verb_number(c, "id"), 253); /* golden.json: last_top10 */
    assert_true(fabs(verb_number(c, "p_raw") - 0.2736875) < 2e-5);
    assert_int_equal(json_array_size(verb_list(r.json, "context_ids")), 10);
    assert_non_null(verb_text(c, "token"));
    assert_non_null(strstr(verb_text(r.json, "context"), "the cat sat"));
    CALL(&again, FROM_MODEL, "--ids", "1,261,276,268,297,268,318,261,270,268", "--json", "--top",
         "1");
    assert_string_equal(again.out, r.out);
    verb_done(&again);
    verb_done(&r);
}

static void any_token_is_found_with_its_rank(void **state)
{
    struct verb_result r, all;
    const json_t *found, *row, *tail;
    double sum = 0;
    size_t rank;

    CALL(&all, FROM_MODEL, "-p", "the cat sat", "--json", "--top", "100000");
    CALL(&r, FROM_MODEL, "-p", "the cat sat", "--json", "--find", "300", "--find", " the");
    assert_int_equal(r.status, CLI_OK);
    found = verb_list(r.json, "found");
    assert_int_equal(json_array_size(found), 2);
    row = json_array_get(found, 0);
    assert_int_equal((int)verb_number(row, "id"), 300);
    rank = (size_t)verb_number(row, "rank");
    for (size_t i = 0; i <= rank; i++) {
        sum += verb_number(json_array_get(verb_list(all.json, "candidates"), i), "p_raw");
    }
    assert_int_equal(
        (int)verb_number(json_array_get(verb_list(all.json, "candidates"), rank), "id"), 300);
    assert_true(fabs(verb_number(row, "cumulative") - sum) < 1e-6);
    assert_true(fabs(exp(verb_number(row, "logp_raw")) - verb_number(row, "p_raw")) < 1e-6);
    assert_string_equal(verb_text(json_array_get(found, 1), "token"), " the");
    assert_true(
        fabs(log2(verb_number(r.json, "perplexity")) - verb_number(r.json, "entropy_bits")) < 1e-6);
    tail = json_array_get(verb_list(r.json, "tail"), 1);
    assert_int_equal((int)verb_number(tail, "behind"), 10);
    sum = 0;
    for (size_t i = 0; i < 10; i++) {
        sum += verb_number(json_array_get(verb_list(all.json, "candidates"), i), "p_raw");
    }
    assert_true(fabs(verb_number(tail, "mass") - (1 - sum)) < 1e-6);
    verb_done(&r);
    CALL(&r, FROM_MODEL, "-p", "the cat sat", "--find", "no token holds this");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "no token holds it"));
    verb_done(&r);
    CALL(&r, FROM_MODEL, "-p", "the cat sat", "--find", "the");
    assert_non_null(strstr(r.out, "found: "));
    assert_non_null(strstr(r.out, "spread: perplexity"));
    verb_done(&r);
    verb_done(&all);
}

static void penalties_see_the_history(void **state)
{
    struct verb_result r;

    CALL(&r, FROM_FILE, "row.normal", "--history", "36,36,39", "--presence-penalty", "2", "--json",
         "--top", "1");
    assert_int_equal(r.status, CLI_OK);
    assert_true(verb_number(json_array_get(verb_list(r.json, "candidates"), 0), "p") <
                verb_number(json_array_get(verb_list(r.json, "candidates"), 0), "p_raw") / 2);
    verb_done(&r);
}

static void wrong_usage_is_said_in_a_line(void **state)
{
    static const struct {
        const char *args[12];
        int status;
        const char *says;
    } cases[] = {
        {{FROM_FILE, "row.normal", "--top-p", "3"}, CLI_USAGE, "from 0 to 1"},
        {{FROM_FILE, "row.normal", "--top-k", "1.5"}, CLI_USAGE, "whole number"},
        {{FROM_FILE, "row.normal", "--order", "heat"}, CLI_USAGE, "no stage"},
        {{FROM_FILE, "row.normal", "--order", "ollama", "--typical", "0.5"},
         CLI_USAGE,
         "does nothing"},
        {{FROM_FILE, "row.normal", "--logit-bias", "5"}, CLI_USAGE, "ID=B"},
        {{FROM_FILE, "row.normal", "-p", "x"}, CLI_USAGE, "takes the place"},
        {{"probs", "--history", "1"}, CLI_USAGE, "--logits"},
        {{FROM_FILE, "row.none"}, CLI_FAILED, "no tensor row.none"},
        {{FROM_FILE, "history.normal"}, CLI_FAILED, "F32"},
        {{FROM_FILE, "row.normal", "--logit-bias", "97=1"}, CLI_FAILED, "0 to 96"},
        {{"probs", "--logits", "GOLDEN/none"}, CLI_FAILED, "none"},
        {{FROM_MODEL}, CLI_FAILED, "-p TEXT"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verb_result r;

        verb_call(&r, cases[i].args);
        if (r.status != cases[i].status || !strstr(r.err, cases[i].says) || r.out_len != 0) {
            fail_msg("case %zu: %d, %s", i, r.status, r.err);
        }
        assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
        verb_done(&r);
    }
}

static void draws_stand_beside_p(void **state)
{
    struct verb_result r;
    const json_t *list, *draws;
    double drawn = 0;

    CALL(&r, "probs", "-m", "GOLDEN/gguf/llama-f32/model.gguf", "-p", "the cat", "--top-k", "5",
         "--top", "5", "--draws", "1000", "--seed", "3", "--json");
    assert_int_equal(r.status, CLI_OK);
    list = verb_list(r.json, "candidates");
    draws = json_object_get(r.json, "draws");
    for (size_t i = 0; i < 5; i++) {
        drawn += verb_number(json_array_get(list, i), "drawn");
    }
    assert_true(drawn == 1000 && verb_number(draws, "n") == 1000);
    assert_true(verb_number(draws, "freedom") == 4);
    assert_true(verb_number(draws, "p_value") > 1e-6 && verb_number(draws, "p_value") <= 1);
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_come_by_falling_probability),
        cmocka_unit_test(p_goes_to_a_file),
        cmocka_unit_test(the_table_says_who_removed_whom),
        cmocka_unit_test(a_model_and_its_tokens),
        cmocka_unit_test(any_token_is_found_with_its_rank),
        cmocka_unit_test(penalties_see_the_history),
        cmocka_unit_test(wrong_usage_is_said_in_a_line),
        cmocka_unit_test(draws_stand_beside_p),
    };
    return cmocka_run_group_tests_name("cmd_probs", tests, NULL, NULL);
}
