/* The workbench and its worker on a golden model, without a terminal: what each change answers. */
#include <config.h>

#include "tui/workbench.h"
#include "tui/workbench_event.h"
#include "tui/worker.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/attune-bench-XXXXXX";
static char db_path[64], model_path[512];

/* Until nothing is queued, running or untold; a limit keeps a lost event from hanging the test. */
static void settle(struct workbench *b)
{
    for (int turn = 0; bench_is_busy(b); turn++) {
        struct pollfd fd = {.fd = bench_wake_fd(b), .events = POLLIN};

        assert_true(turn < 100000);
        poll(&fd, 1, 50);
        bench_poll(b);
    }
    bench_poll(b);
}

static int open_bench(void **state)
{
    static struct workbench b;
    struct attune_error err = {0};
    const struct bench_options options = {
        .model_path = model_path,
        .db_path = db_path,
        .n_threads = 2,
    };

    assert_int_equal(bench_open(&b, &options, &err), ATTUNE_OK);
    settle(&b);
    assert_string_equal(b.message, "");
    assert_non_null(b.model);
    *state = &b;
    return 0;
}

static int close_bench(void **state)
{
    bench_close(*state);
    return 0;
}

static void write_query(struct workbench *b, const char *text)
{
    struct attune_error err = {0};

    assert_int_equal(attune_prompt_set(&b->prompt, b->prompt.n - 1, text, NULL, &err), ATTUNE_OK);
    bench_prompt_changed(b);
}

static void an_edit_is_answered(void **state)
{
    struct workbench *b = *state;

    write_query(b, "hello world");
    assert_true(bench_is_stale(b));
    settle(b);
    assert_false(bench_is_stale(b));
    assert_true(b->evaluated);
    assert_int_equal(b->text.len, strlen("hello world"));
    assert_true(b->tokens.n > 0);
    assert_int_equal(bench_n_tokens(b), b->tokens.n);
    assert_int_equal(b->trace.n_kept, b->trace.n_vocab);
    assert_true(fabs(b->trace.kept_mass - 1) < 1e-6);
}

static void the_newest_of_many_edits_wins(void **state)
{
    struct workbench *b = *state;
    char text[64];

    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof text, "edit number %d", i);
        write_query(b, text);
    }
    settle(b);
    assert_false(bench_is_stale(b));
    assert_string_equal(b->text.text, "edit number 59");
    assert_true(b->evaluated);
}

static void the_nearest_shots_are_measured_by_the_bundled_encoder(void **state)
{
    struct workbench *b = *state;

    write_query(b, "The soup was cold.");
    bench_pick_nearest(b, "reviews", 2, false);
    settle(b);
    assert_int_equal(attune_prompt_shots(&b->prompt), 2);
    assert_string_equal(b->prompt.blocks[2].text, "The soup was cold and the bread was stale.");
    assert_non_null(strstr(b->prompt.record, "\"encoder\":\"tiny-encoder\""));
    bench_pick_nearest(b, "reviews", 20, false);
    settle(b);
    assert_non_null(strstr(b->message, "has 16 shots, 20 were asked for"));
    bench_pick_nearest(b, "reviews", 1, false);
    write_query(b, "a newer text");
    settle(b);
    assert_int_equal(attune_prompt_shots(&b->prompt), 2);
    attune_prompt_remove_shot(&b->prompt, 1);
    attune_prompt_remove_shot(&b->prompt, 1);
    bench_prompt_changed(b);
    settle(b);
    b->message[0] = '\0';
}

static void a_knob_needs_no_forward_pass(void **state)
{
    struct workbench *b = *state;

    write_query(b, "one two three");
    settle(b);
    assert_int_equal(bench_set_param(b, "top_k", 3), ATTUNE_OK);
    assert_false(bench_is_busy(b)); /* nothing was asked of the worker */
    assert_int_equal(b->trace.n_kept, 3);
    assert_int_equal(bench_tick(b, "top_k", 1), ATTUNE_OK);
    assert_true(b->trace.n_kept > 3);
    assert_int_equal(bench_tick(b, "top_k", -1), ATTUNE_OK);
    assert_int_equal(b->trace.n_kept, 3);
    assert_int_not_equal(bench_set_param(b, "top_p", 7), ATTUNE_OK);
    assert_true(b->message_is_error);
    bench_reset_param(b, NULL);
    assert_int_equal(b->trace.n_kept, b->trace.n_vocab);
    b->message[0] = '\0';
    b->message_is_error = false;
}

/* The largest weight that falls on a cell, found the slow way; -1 where all is masked. */
static float pooled(const float *map, size_t n, size_t rows, size_t cols, size_t row, size_t col)
{
    float most = -1;

    for (size_t q = 0; q < n; q++) {
        for (size_t k = 0; k <= q; k++) {
            if (q * rows / n == row && k * cols / n == col && map[q * n + k] > most) {
                most = map[q * n + k];
            }
        }
    }
    return most;
}

static void the_map_is_the_head_pooled(void **state)
{
    struct workbench *b = *state;
    struct attune_context *ctx;
    struct attune_input input;
    struct attention_request request = {.layer = 1, .head = 2, .rows = 4, .cols = 3};
    float *map; /* [n, n] */
    size_t n;

    write_query(b, "a longer text so that cells hold several tokens each");
    settle(b);
    n = b->tokens.n;
    assert_true(n > 8);
    request.q1 = request.k1 = n;
    request.cursor = n - 2;
    bench_request_attention(b, &request);
    settle(b);
    assert_int_equal(b->attention.request.rows, 4);
    assert_int_equal(b->attention.n_keys, n);

    assert_int_equal(attune_context_new(&ctx, b->model, NULL, NULL), ATTUNE_OK);
    input = (struct attune_input){.ids = b->tokens.ids, .n = n};
    assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
    map = calloc(n * n, sizeof *map);
    assert_int_equal(
        attune_attention_slice(ctx, ATTUNE_STACK_SELF, 1, 2, 0, n, 0, n, map, NULL), ATTUNE_OK);
    for (size_t row = 0; row < 4; row++) {
        for (size_t col = 0; col < 3; col++) {
            float want = pooled(map, n, 4, 3, row, col);
            float got = b->attention.cells[row * 3 + col];

            assert_true(want < 0 ? isnan(got) : got == want);
        }
    }
    for (size_t k = 0; k < n; k++) {
        assert_true(b->attention.row[k] == map[(n - 2) * n + k]);
    }
    free(map);
    attune_context_free(ctx);
}

static void a_run_is_saved_replayed_proved_restored_removed(void **state)
{
    struct workbench *b = *state;
    int64_t run;
    size_t n;
    char *output;

    write_query(b, "tell me");
    settle(b);
    bench_set_param(b, "seed", 7);
    bench_set_param(b, "max_tokens", 12);
    bench_set_param(b, "temperature", 0.7);
    assert_int_equal(bench_run(b), ATTUNE_OK);
    settle(b);
    assert_false(b->message_is_error);
    assert_true(b->n_steps > 0 && b->n_steps <= 12);
    assert_true(b->run > 0);
    run = b->run;
    n = b->n_steps;
    output = strdup(b->output);

    write_query(b, "something else");
    settle(b);
    assert_int_equal(b->n_steps, 0);
    bench_replay(b, run, true);
    settle(b);
    assert_true(b->replayed);
    assert_int_equal(b->n_steps, n);
    assert_string_equal(b->output, output);
    assert_int_equal(b->verdict.steps, n);
    assert_int_equal(b->verdict.identical, n);
    assert_int_equal(b->verdict.first_difference, -1);

    assert_int_equal(bench_use_step(b, 0), ATTUNE_OK);
    settle(b);
    assert_true(b->evaluated);
    assert_true(b->trace.raw.logsumexp == b->steps[0].logsumexp);

    bench_restore(b, run);
    settle(b);
    assert_string_equal(b->text.text, "tell me");
    assert_int_equal(b->seed, 7);
    assert_int_equal(b->max_tokens, 12);
    bench_list_runs(b, NULL);
    settle(b);
    assert_int_equal(b->n_runs, 1);
    bench_remove_run(b, run);
    settle(b);
    assert_int_equal(b->n_runs, 0);
    bench_reset_param(b, NULL);
    free(output);
}

static void a_prompt_that_does_not_fit_is_refused_with_numbers(void **state)
{
    struct workbench *b = *state;
    size_t len = b->n_context * 8;
    char *text = malloc(len + 1);

    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(i % 7 ? 'a' + i % 23 : ' ');
    }
    text[len] = '\0';
    write_query(b, text);
    settle(b);
    assert_false(b->evaluated);
    assert_non_null(strstr(b->refusal, "context"));
    write_query(b, "short again");
    settle(b);
    assert_string_equal(b->refusal, "");
    assert_true(b->evaluated);
    free(text);
}

static void a_model_that_does_not_open_leaves_the_old_one(void **state)
{
    struct workbench *b = *state;
    const struct attune_model *before = b->model;

    bench_load_model(b, "/nowhere/at/all.gguf");
    settle(b);
    assert_ptr_equal(b->model, before);
    assert_true(b->message_is_error);
    write_query(b, "still there");
    settle(b);
    assert_true(b->evaluated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_answered),
        cmocka_unit_test(the_newest_of_many_edits_wins),
        cmocka_unit_test(the_nearest_shots_are_measured_by_the_bundled_encoder),
        cmocka_unit_test(a_knob_needs_no_forward_pass),
        cmocka_unit_test(the_map_is_the_head_pooled),
        cmocka_unit_test(a_run_is_saved_replayed_proved_restored_removed),
        cmocka_unit_test(a_prompt_that_does_not_fit_is_refused_with_numbers),
        cmocka_unit_test(a_model_that_does_not_open_leaves_the_old_one),
    };
    const char *golden = getenv("ATTUNE_GOLDEN");
    char command[128];
    int failed;

    setenv("ATTUNE_TEST", "1", 1);
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(db_path, sizeof db_path, "%s/attune.db", folder);
    snprintf(model_path, sizeof model_path, "%s/gguf/llama-f32/model.gguf",
             golden ? golden : "tests/golden");
    failed = cmocka_run_group_tests_name("workbench", tests, open_bench, close_bench);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0 || failed;
}
