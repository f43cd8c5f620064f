/* shift by verb: its numbers against sums over `probs`, prompts, knobs, ablations, and models that
 * have nothing but bytes in common. */
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
#define LLAMA        "-m", "GOLDEN/gguf/llama-f32/model.gguf"

enum { V_MOST = 2000 };

/* p of every id, by the verb that prints one distribution. */
static size_t read_p(double p[V_MOST], const char *const *args, const char *key)
{
    struct verb_result r;
    const json_t *candidates;
    size_t n;

    verb_call(&r, args);
    assert_int_equal(r.status, CLI_OK);
    candidates = verb_list(r.json, "candidates");
    n = json_array_size(candidates);
    assert_true(n <= V_MOST);
    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_array_get(candidates, i);
        p[(size_t)verb_number(c, "id")] = verb_number(c, key);
    }
    verb_done(&r);
    return n;
}

static void expect_shift(const json_t *got, const double *p, const double *q, size_t n)
{
    double kl = 0, back = 0, js = 0, tv = 0;

    for (size_t i = 0; i < n; i++) {
        double m = (p[i] + q[i]) / 2;

        kl += p[i] > 0 ? p[i] * log2(p[i] / q[i]) : 0;
        back += q[i] > 0 ? q[i] * log2(q[i] / p[i]) : 0;
        js +=
            (p[i] > 0 ? p[i] * log2(p[i] / m) / 2 : 0) + (q[i] > 0 ? q[i] * log2(q[i] / m) / 2 : 0);
        tv += fabs(p[i] - q[i]) / 2;
    }
    if (isinf(kl)) { /* no number of JSON */
        assert_true(json_is_null(json_object_get(got, "kl_bits")));
    } else {
        assert_true(fabs(verb_number(got, "kl_bits") - kl) < 1e-6 * fmax(1, kl));
    }
    if (isinf(back)) {
        assert_true(json_is_null(json_object_get(got, "kl_back_bits")));
    } else {
        assert_true(fabs(verb_number(got, "kl_back_bits") - back) < 1e-6 * fmax(1, back));
    }
    assert_true(fabs(verb_number(got, "js_bits") - js) < 1e-6);
    assert_true(fabs(verb_number(got, "moved") - tv) < 1e-6);
}

static void two_prompts(void **state)
{
    static double p[V_MOST], q[V_MOST];
    struct verb_result r;
    const json_t *movers;
    size_t n;
    double before = 2;

    n = read_p(
        p, (const char *const[]){"probs", LLAMA, "-p", "the cat", "--json", "--top", "9999", NULL},
        "p_raw");
    read_p(
        q,
        (const char *const[]){"probs", LLAMA, "-p", "a dog sat", "--json", "--top", "9999", NULL},
        "p_raw");
    CALL(&r, "shift", LLAMA, "-p", "the cat", "--with-prompt", "a dog sat", "--json", "--top", "7");
    assert_int_equal(r.status, CLI_OK);
    assert_string_equal(verb_text(r.json, "on"), "tokens");
    expect_shift(json_object_get(r.json, "raw"), p, q, n);
    assert_null(json_object_get(r.json, "knobs"));
    movers = verb_list(r.json, "movers");
    assert_int_equal(json_array_size(movers), 7);
    for (size_t i = 0; i < 7; i++) {
        const json_t *m = json_array_get(movers, i);
        size_t id = (size_t)verb_number(m, "id");
        double size = fabs(verb_number(m, "is") - verb_number(m, "was"));

        assert_true(fabs(verb_number(m, "was") - p[id]) < 1e-7);
        assert_true(fabs(verb_number(m, "is") - q[id]) < 1e-7);
        assert_true(size <= before);
        before = size;
    }
    verb_done(&r);
    CALL(&r, "shift", LLAMA, "-p", "the cat", "--with-prompt", "the cat", "--json");
    assert_true(verb_number(json_object_get(r.json, "raw"), "moved") == 0);
    assert_int_equal(json_array_size(verb_list(r.json, "movers")), 0);
    verb_done(&r);
}

static void knobs_and_ablations(void **state)
{
    static double p[V_MOST], q[V_MOST];
    struct verb_result r;
    size_t n;

    n = read_p(
        p, (const char *const[]){"probs", LLAMA, "-p", "the cat", "--json", "--top", "9999", NULL},
        "p");
    read_p(q,
           (const char *const[]){"probs", LLAMA, "-p", "the cat", "--json", "--top", "9999",
                                 "--temperature", "0.5", "--top-k", "5", NULL},
           "p");
    CALL(&r, "shift", LLAMA, "-p", "the cat", "--with-chain", "temperature=0.5 top_k=5", "--json");
    assert_int_equal(r.status, CLI_OK);
    expect_shift(json_object_get(r.json, "knobs"), p, q, n);
    assert_true(verb_number(json_object_get(r.json, "raw"), "moved") == 0);
    verb_done(&r);
    CALL(&r, "shift", LLAMA, "-p", "the cat", "--with-ablate", "0.mlp", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_true(verb_number(json_object_get(r.json, "raw"), "moved") > 0);
    verb_done(&r);
}

static void every_position_has_its_row(void **state)
{
    struct verb_result r;
    const json_t *rows, *last, *mean;
    double js = 0;

    CALL(&r, "shift", "-m", "GOLDEN/gguf/llama-f32/model.gguf", "--with-model",
         "GOLDEN/gguf/llama-q8_0/model.gguf", "-p", "the cat sat on the mat", "--strip", "--json");
    if (r.status != CLI_OK) {
        fail_msg("%s", r.err);
    }
    assert_string_equal(verb_text(r.json, "on"), "tokens");
    rows = verb_list(r.json, "strip");
    assert_int_equal(json_array_size(rows), 10);
    last = json_array_get(rows, 9);
    assert_true(verb_number(last, "js_bits") ==
                verb_number(json_object_get(r.json, "raw"), "js_bits"));
    for (size_t i = 0; i < 10; i++) {
        js += verb_number(json_array_get(rows, i), "js_bits") / 10;
    }
    mean = json_object_get(r.json, "mean");
    assert_true(fabs(verb_number(mean, "js_bits") - js) < 1e-9);
    assert_true(verb_number(mean, "agreement") > 0.5);
    verb_done(&r);
}

static void other_vocabularies_share_their_bytes(void **state)
{
    struct verb_result r;
    const json_t *rows;
    const char *text = "the cat sat on the mat";

    CALL(&r, "shift", LLAMA, "--with-model", "tiny-decoder", "-p", text, "--strip", "--json",
         "--top", "300");
    if (r.status != CLI_OK) {
        fail_msg("%s", r.err);
    }
    assert_string_equal(verb_text(r.json, "on"), "bytes");
    rows = verb_list(r.json, "strip");
    assert_true(json_array_size(rows) >= 2);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        double byte = verb_number(json_array_get(rows, i), "byte");
        assert_true(byte > 0 && byte <= (double)strlen(text));
    }
    rows = verb_list(r.json, "movers");
    for (int side = 0; side < 2; side++) { /* what was and what is: both come near 1 */
        double sum = 0;
        for (size_t i = 0; i < json_array_size(rows); i++) {
            sum += verb_number(json_array_get(rows, i), side ? "is" : "was");
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
    verb_done(&r);
    CALL(&r, "shift", LLAMA, "--with-model", "tiny-decoder", "-p", text, "--strip");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "compared on the next byte"));
    verb_done(&r);
}

static void wrong_usage_is_said(void **state)
{
    struct verb_result r;

    CALL(&r, "shift", LLAMA, "-p", "the cat");
    assert_int_equal(r.status, CLI_USAGE);
    assert_non_null(strstr(r.err, "against what?"));
    verb_done(&r);
    CALL(&r, "shift", LLAMA, "-p", "the cat", "--with-model", "/nowhere.gguf");
    assert_int_equal(r.status, CLI_FAILED);
    verb_done(&r);
    CALL(&r, "shift", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "4,5", "--with-ids", "4,6");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "encoder"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_prompts),
        cmocka_unit_test(knobs_and_ablations),
        cmocka_unit_test(every_position_has_its_row),
        cmocka_unit_test(other_vocabularies_share_their_bytes),
        cmocka_unit_test(wrong_usage_is_said),
    };
    return cmocka_run_group_tests_name("cmd_shift", tests, NULL, NULL);
}
