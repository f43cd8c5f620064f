/* The bench verb: every figure is there and makes sense; which sizes it refuses. */
#include <config.h>

#include "tests/tui/verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define LLAMA        "bench", "-m", "GOLDEN/gguf/llama-f32/model.gguf", "-r", "3"

static void every_figure_is_there(void **state)
{
    static const char *const positive[] = {"prefill_tokens_per_s",
                                           "decode_tokens_per_s",
                                           "fast_prefill_tokens_per_s",
                                           "bandwidth_share",
                                           "arithmetic_share",
                                           "memory_bytes_per_s",
                                           "flops_per_s",
                                           "rss_share",
                                           "load_ms",
                                           "digest_ms",
                                           "knob_ms",
                                           "knob_128k_ms",
                                           "attention_map_ms",
                                           "attention_row_ms",
                                           "rss_bytes",
                                           "context_bytes"};
    struct verb_result r;

    setenv("ATTUNE_KERNEL", "plain", 1);
    CALL(&r, LLAMA, "-p", "40", "-n", "4", "-t", "2", "--json");
    unsetenv("ATTUNE_KERNEL");
    assert_int_equal(r.status, CLI_OK);
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++) {
        assert_true(verb_number(r.json, positive[i]) > 0);
    }
    assert_true(verb_number(r.json, "query_share") <= 1);
    assert_true(verb_number(r.json, "exact_share") > -1);
    assert_true(verb_number(r.json, "prefill_spread") >= 0);
    assert_true(verb_number(r.json, "int_ops_per_s") >= 0);
    assert_int_equal(verb_number(r.json, "threads"), 2);
    assert_int_equal(verb_number(r.json, "prompt_tokens"), 40);
    assert_int_equal(verb_number(r.json, "new_tokens"), 4);
    assert_int_equal(verb_number(r.json, "rounds"), 3);
    assert_string_equal(verb_text(r.json, "kernel"), "plain");
    verb_done(&r);
}

static void without_sizes_it_takes_what_fits(void **state)
{
    struct verb_result r;

    CALL(&r, LLAMA, "--json"); /* made for 128 positions */
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal(verb_number(r.json, "prompt_tokens"), 64);
    assert_int_equal(verb_number(r.json, "new_tokens"), 64);
    verb_done(&r);
    CALL(&r, LLAMA, "-p", "10", "-n", "2");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "tokens/s"));
    assert_non_null(strstr(r.out, "10 x 10"));
    verb_done(&r);
}

static void sizes_that_cannot_be(void **state)
{
    struct verb_result r;

    CALL(&r, LLAMA, "-n", "1000");
    assert_int_equal(r.status, CLI_USAGE);
    assert_non_null(strstr(r.err, "128"));
    verb_done(&r);
    CALL(&r, LLAMA, "-p", "20", "-n", "1", "-c", "20");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, LLAMA, "-p", "0");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, "bench", "-m", "GOLDEN/gguf/gpt2-f32/model.gguf", "-p", "1000", "--json");
    assert_int_equal(r.status, CLI_FAILED); /* more than there are learned positions */
    assert_non_null(strstr(r.err, "128"));
    assert_int_equal(r.out_len, 0);
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_there),
        cmocka_unit_test(without_sizes_it_takes_what_fits),
        cmocka_unit_test(sizes_that_cannot_be),
    };
    return cmocka_run_group_tests_name("cmd_bench", tests, NULL, NULL);
}
