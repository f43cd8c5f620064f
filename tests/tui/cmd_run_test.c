#include <config.h>

#include "tests/tui/verb.h"

#include <attune/rng.h>

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define RUN          "run", "-m", "GOLDEN/gguf/llama-f32/model.gguf", "-t", "1"
#define PROMPT       "-p", "the cat sat on the mat"

static void greedy_is_the_reference(void **state)
{
    static const int want[] = {253, 132, 149, 271, 149, 271, 240, 298};
    struct verb_result r;
    const json_t *steps;

    CALL(&r, RUN, PROMPT, "--greedy", "--ignore-eos", "-n", "8", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_string_equal(r.err, "");
    steps = verb_list(r.json, "steps");
    assert_int_equal(json_array_size(steps), 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal((int)verb_number(json_array_get(steps, i), "id"), want[i]);
    }
    assert_int_equal(json_array_size(verb_list(r.json, "prompt_ids")), 10);
    assert_string_equal(verb_text(r.json, "stop_reason"), "length");
    assert_true(json_is_null(json_object_get(r.json, "session")));
    assert_true(json_is_null(json_object_get(r.json, "run")));
    verb_done(&r);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    struct verb_result a, b;
    const json_t *steps;

    CALL(&a, RUN, PROMPT, "--seed", "17", "--top-p", "0.9", "-n", "12", "--ignore-eos", "--json");
    CALL(&b, RUN, PROMPT, "--seed", "17", "--top-p", "0.9", "-n", "12", "--ignore-eos", "--json",
         "-t", "2");
    assert_int_equal(a.status, CLI_OK);
    assert_string_equal(a.out, b.out);
    assert_int_equal((int)verb_number(a.json, "seed"), 17);
    steps = verb_list(a.json, "steps");
    for (size_t i = 0; i < 12; i++) {
        const json_t *step = json_array_get(steps, i);

        assert_true(fabs(verb_number(step, "draw") - attune_rng_uniform(17, i)) < 1e-8);
        assert_true(verb_number(step, "p") >= verb_number(step, "p_raw"));
    }
    verb_done(&a);
    verb_done(&b);
}

static void a_fresh_seed_is_told(void **state)
{
    struct verb_result r, again;
    char seed[40];

    CALL(&r, RUN, PROMPT, "-n", "5");
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal(sscanf(r.err, "attune: seed %39[0-9]", seed), 1);
    CALL(&again, RUN, PROMPT, "-n", "5", "--seed", seed);
    assert_string_equal(again.out, r.out);
    assert_string_equal(again.err, "");
    verb_done(&again);
    verb_done(&r);
}

static void a_stream_is_an_object_a_line(void **state)
{
    struct verb_result r;
    char *rest = NULL;
    size_t n = 0;

    CALL(&r, RUN, PROMPT, "-n", "4", "--seed", "3", "--ignore-eos", "--stream");
    assert_int_equal(r.status, CLI_OK);
    for (char *line = strtok_r(r.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), n++) {
        json_t *object = json_loads(line, 0, NULL);

        assert_non_null(object);
        if (n < 4) {
            assert_int_equal((int)verb_number(object, "index"), n);
        } else {
            assert_string_equal(verb_text(object, "stop_reason"), "length");
            assert_null(json_object_get(object, "steps"));
            assert_int_equal((int)verb_number(object, "n_steps"), 4);
        }
        json_decref(object);
    }
    assert_int_equal(n, 5);
    verb_done(&r);
}

static void samples_take_the_next_seeds(void **state)
{
    struct verb_result r, second;

    CALL(&r, RUN, PROMPT, "-n", "6", "--seed", "8", "--samples", "3", "--json");
    CALL(&second, RUN, PROMPT, "-n", "6", "--seed", "9", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal(json_array_size(r.json), 3);
    assert_true(json_equal(json_array_get(r.json, 1), second.json));
    verb_done(&second);
    verb_done(&r);
}

static void a_saved_run_has_a_number(void **state)
{
    static const char db[] = "cmd_run_test.db";
    struct verb_result r;

    unlink(db);
    CALL(&r, RUN, PROMPT, "-n", "3", "--save", "trial", "--db", db, "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_string_equal(verb_text(r.json, "session"), "trial");
    assert_true(verb_number(r.json, "run") >= 1);
    assert_int_equal(access(db, R_OK), 0);
    verb_done(&r);
    unlink(db);
}

static void a_stop_text_ends_it(void **state)
{
    struct verb_result whole, r;
    char stop[3] = {0};
    const char *text;

    CALL(&whole, RUN, PROMPT, "-n", "30", "--seed", "2", "--ignore-eos", "--json");
    text = verb_text(whole.json, "text");
    for (size_t i = 6; text[i] && text[i + 1] && !stop[0]; i++) {
        if (text[i] > ' ' && text[i] < 127 && text[i + 1] > ' ' && text[i + 1] < 127) {
            memcpy(stop, text + i, 2);
        }
    }
    assert_true(stop[0] != 0);
    CALL(&r, RUN, PROMPT, "-n", "30", "--seed", "2", "--ignore-eos", "--json", "--stop", stop);
    assert_string_equal(verb_text(r.json, "stop_reason"), "stop");
    assert_int_equal(strlen(verb_text(r.json, "text")), strstr(text, stop) - text);
    verb_done(&r);
    verb_done(&whole);
}

static void beams_are_a_tree_that_adds_up(void **state)
{
    struct verb_result r;
    const json_t *levels, *results;

    CALL(&r, RUN, PROMPT, "--beams", "4", "-n", "5", "--length-penalty", "0.5", "--json");
    assert_int_equal(r.status, CLI_OK);
    results = verb_list(r.json, "results");
    levels = verb_list(r.json, "levels");
    assert_true(json_array_size(results) > 0 && json_array_size(results) <= 4);
    assert_int_equal(json_array_size(levels), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *level = json_array_get(levels, i), *nodes = verb_list(level, "nodes");
        double here = 0;

        for (size_t k = 0; k < json_array_size(nodes); k++) {
            const json_t *node = json_array_get(nodes, k);

            here += json_is_true(json_object_get(node, "ended")) ? 0 : verb_number(node, "p_text");
        }
        assert_true(fabs(here - verb_number(level, "kept")) < 1e-6);
        assert_true(fabs(verb_number(level, "kept") + verb_number(level, "ended") +
                         verb_number(level, "rest") - 1) < 1e-6);
    }
    verb_done(&r);
    CALL(&r, RUN, PROMPT, "--beams", "2", "-n", "3");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "given up"));
    verb_done(&r);
    CALL(&r, RUN, PROMPT, "--beams", "2", "--save", "x");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, RUN, PROMPT, "--length-penalty", "2");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
}

static void choices_bind_what_is_written(void **state)
{
    struct verb_result r;

    CALL(&r, RUN, PROMPT, "--choices", "alpha,beta", "--seed", "4", "--temperature", "2", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_true(strcmp(verb_text(r.json, "text"), "alpha") == 0 ||
                strcmp(verb_text(r.json, "text"), "beta") == 0);
    assert_non_null(strstr(verb_text(r.json, "chain"), "constraint=choices:alpha,beta"));
    verb_done(&r);
    CALL(&r, RUN, PROMPT, "--regex", "[a-", "--json");
    assert_int_equal(r.status, CLI_USAGE);
    assert_non_null(strstr(r.err, "--regex"));
    verb_done(&r);
}

static void what_cannot_run_says_why(void **state)
{
    static const struct {
        const char *args[14];
        int status;
        const char *says[2];
    } cases[] = {
        {{RUN, PROMPT, "-c", "5"}, CLI_FAILED, {"10", "5"}},
        {{RUN, PROMPT, "--samples", "0"}, CLI_USAGE, {"--samples", "whole number"}},
        {{RUN, PROMPT, "--seed", "-1"}, CLI_USAGE, {"--seed", "whole number"}},
        {{RUN, PROMPT, "-n", "x"}, CLI_USAGE, {"--max-tokens", "whole number"}},
        {{RUN, PROMPT, "--mask", "1"}, CLI_USAGE, {"--mask", "encoders"}},
        {{RUN, PROMPT, "--stop", ""}, CLI_FAILED, {"stop", "empty"}},
        {{RUN, PROMPT, "--logit-bias", "384=1"}, CLI_FAILED, {"384", "383"}},
        {{RUN, "--ids", "1,999"}, CLI_FAILED, {"999", "383"}},
        {{RUN}, CLI_FAILED, {"-p TEXT", "--ids"}},
        {{"run", "-m", "GOLDEN/none.gguf", PROMPT}, CLI_FAILED, {"none.gguf", ""}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verb_result r;

        verb_call(&r, cases[i].args);
        if (r.status != cases[i].status || !strstr(r.err, cases[i].says[0]) ||
            !strstr(r.err, cases[i].says[1])) {
            fail_msg("case %zu: %d, %s", i, r.status, r.err);
        }
        verb_done(&r);
    }
}

static ssize_t interrupting_write(void *cookie, const char *bytes, size_t len)
{
    ++*(int *)cookie;
    raise(SIGINT);
    return (ssize_t)len;
}

static void an_interrupt_ends_with_what_was_made(void **state)
{
    char model[4096];
    const char *const argv[] = {"run", "-m",  model,          "-p",       "the cat",
                                "-n",  "100", "--ignore-eos", "--stream", NULL};
    int writes = 0;
    FILE *out = fopencookie(&writes, "w", (cookie_io_functions_t){.write = interrupting_write});

    assert_non_null(out);
    snprintf(model, sizeof model, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(cli_run(cmd_find("run"), 9, (char **)argv, out, stderr), CLI_INTERRUPTED);
    assert_int_equal(writes, 2); /* the first step and the summary */
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_is_the_reference),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(a_fresh_seed_is_told),
        cmocka_unit_test(a_stream_is_an_object_a_line),
        cmocka_unit_test(samples_take_the_next_seeds),
        cmocka_unit_test(a_saved_run_has_a_number),
        cmocka_unit_test(a_stop_text_ends_it),
        cmocka_unit_test(beams_are_a_tree_that_adds_up),
        cmocka_unit_test(choices_bind_what_is_written),
        cmocka_unit_test(what_cannot_run_says_why),
        cmocka_unit_test(an_interrupt_ends_with_what_was_made),
    };
    return cmocka_run_group_tests_name("cmd_run", tests, NULL, NULL);
}
