/* Looking at any position, and forks from the screen: against contexts that read from the start. */
#include <config.h>

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/workbench_event.h"

static char folder[] = "/tmp/attune-look-XXXXXX";
static char db_path[64];

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

static struct workbench *open_bench(const char *model)
{
    static struct workbench b;
    struct attune_error err = {0};
    const struct bench_options options = {.model_path = model, .db_path = db_path, .n_threads = 2};

    assert_int_equal(bench_open(&b, &options, &err), ATTUNE_OK);
    settle(&b);
    assert_non_null(b.model);
    bench_set_seed(&b, 5);
    return &b;
}

static struct workbench *open_decoder(void)
{
    const char *golden = getenv("ATTUNE_GOLDEN");
    char path[512];

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", golden ? golden : "tests/golden");
    return open_bench(path);
}

static void write_query(struct workbench *b, const char *text)
{
    assert_int_equal(attune_prompt_set(&b->prompt, b->prompt.n - 1, text, NULL, NULL), ATTUNE_OK);
    bench_prompt_changed(b);
    settle(b);
    assert_true(b->evaluated);
}

/* The logits behind these ids alone, by a context that has read nothing else. */
static void expect_logits_behind(const struct workbench *b, const struct attune_input *input)
{
    size_t n_vocab = (size_t)attune_model_info(b->model)->n_vocab;
    float *logits = malloc(n_vocab * sizeof *logits); /* [V] */
    struct attune_context *ctx;
    struct attune_error err = {0};

    assert_int_equal(attune_context_new(&ctx, b->model, NULL, &err), ATTUNE_OK);
    assert_int_equal(attune_context_sync(ctx, input, NULL, &err), ATTUNE_OK);
    assert_int_equal(attune_context_logits(ctx, attune_context_length(ctx) - 1, 1, logits, &err),
                     ATTUNE_OK);
    assert_memory_equal(logits, b->logits, n_vocab * sizeof *logits);
    attune_context_free(ctx);
    free(logits);
}

static void every_position_of_the_prompt_has_its_own(void **state)
{
    struct workbench *b = open_decoder();
    size_t n;

    write_query(b, "one two three four");
    n = b->tokens.n;
    assert_true(n > 4);
    for (size_t at = n - 1; at >= 1; at--) {
        bench_look_by(b, -1);
        settle(b);
        assert_true(b->evaluated);
        assert_int_equal(b->shown_prompt, at);
        assert_int_equal(b->token_cursor, at);
        expect_logits_behind(b, &(struct attune_input){.ids = b->tokens.ids, .n = at});
    }
    bench_look_by(b, -1);
    settle(b);
    assert_int_equal(b->shown_prompt, 1); /* nothing led to the first one */
    bench_look(b, n);
    settle(b);
    assert_int_equal(b->shown_prompt, 0);
    expect_logits_behind(b, &(struct attune_input){.ids = b->tokens.ids, .n = n});
    bench_look(b, 2);
    write_query(b, "one two three four five");
    assert_int_equal(b->shown_prompt, 0);
    bench_close(b);
}

static void run_to(struct workbench *b, size_t max_tokens)
{
    b->max_tokens = max_tokens;
    assert_int_equal(bench_run(b), ATTUNE_OK);
    settle(b);
    assert_true(b->n_steps > 0);
}

static attune_token other_than(const struct workbench *b, attune_token id)
{
    return b->trace.raw.top[0].id != id ? b->trace.raw.top[0].id : b->trace.raw.top[1].id;
}

static void expect_proved(struct workbench *b, int64_t run)
{
    bench_replay(b, run, true);
    settle(b);
    assert_true(b->n_steps > 0);
    assert_int_equal(b->verdict.steps, b->n_steps);
    assert_int_equal(b->verdict.identical, b->n_steps);
}

static void a_fork_keeps_what_stands_in_front(void **state)
{
    struct workbench *b = open_decoder();
    struct attune_step before[8];
    attune_token put;
    int64_t origin, fork;
    size_t n;

    write_query(b, "tell me");
    run_to(b, 8);
    n = b->n_steps;
    assert_int_equal(n, 8);
    memcpy(before, b->steps, sizeof before);
    origin = b->run;
    bench_look(b, b->tokens.n + 3);
    settle(b);
    assert_int_equal(b->shown_step, 3);
    put = other_than(b, b->steps[3].id);
    assert_int_equal(bench_fork(b, put), ATTUNE_OK);
    settle(b);
    fork = b->run;
    assert_true(b->forked && fork > origin);
    assert_int_equal(b->n_steps, 8);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b->steps[i].id, before[i].id);
    }
    assert_int_equal(b->steps[3].id, put);
    assert_true(isnan(b->steps[3].draw.u));
    assert_true(b->steps[3].p_raw > 0 && b->steps[3].entropy_bits == before[3].entropy_bits);
    for (size_t i = 4; i < 8; i++) { /* the numbers that are drawn go on where they were */
        assert_int_equal(b->steps[i].index, i);
        assert_true(b->steps[i].draw.u == before[i].draw.u);
    }
    assert_non_null(strstr(b->output, b->steps[3].bytes));
    bench_look(b, b->tokens.n + 3); /* the same place of the fork is the origin's */
    settle(b);
    assert_int_equal(bench_fork(b, before[3].id), ATTUNE_OK);
    settle(b);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(b->steps[i].id, before[i].id); /* the token that was drawn: the same run */
        assert_true(i == 3 || b->steps[i].digest == before[i].digest);
    }
    expect_proved(b, b->run);
    assert_int_equal(b->record.fork_of, origin);
    expect_proved(b, fork);
    assert_int_equal(b->record.fork_of, origin);
    assert_int_equal(b->record.first_step, 4);
    bench_close(b);
}

static void a_fork_reads_one_token(void **state)
{
    struct workbench *b = open_decoder();
    struct attune_context_stats stats;
    size_t n;

    write_query(b, "a prompt that is somewhat longer than a word or two");
    n = b->tokens.n;
    b->max_tokens = 1; /* the step behind the token needs no further pass */
    bench_look(b, n / 2);
    settle(b);
    assert_int_equal(bench_fork(b, other_than(b, b->tokens.ids[n / 2])), ATTUNE_OK);
    settle(b);
    stats = attune_context_stats(b->worker->ctx);
    assert_int_equal(stats.evaluated, 1);
    assert_int_equal(stats.reused, n / 2);
    bench_close(b);
}

static void a_fork_inside_the_prompt_is_a_run_too(void **state)
{
    struct workbench *b = open_decoder();
    size_t n, before;
    int64_t run;
    char *text;

    write_query(b, "one two three four");
    before = b->tokens.end[2];
    bench_look(b, 3);
    settle(b);
    b->max_tokens = 5;
    assert_int_equal(bench_fork(b, b->trace.raw.top[4].id), ATTUNE_OK);
    settle(b);
    assert_int_equal(b->tokens.n, 3);
    assert_int_equal(b->text.len, before);
    n = b->n_steps;
    assert_int_equal(n, 5); /* the token put in is one of them */
    run = b->run;
    bench_look(b, 3); /* and from there once more */
    settle(b);
    assert_int_equal(b->shown_step, 0);
    assert_int_equal(bench_fork(b, b->trace.raw.top[5].id), ATTUNE_OK);
    settle(b);
    assert_int_equal(b->tokens.n, 3);
    assert_true(b->run > run);
    expect_proved(b, b->run);
    expect_proved(b, run);
    text = strndup(b->record.prompt_text, b->record.prompt_text_len);
    assert_int_equal(strncmp(text, "one two three four", before), 0);
    free(text);
    bench_look(b, 2); /* of a replayed one: its record knows the ids */
    settle(b);
    assert_true(b->evaluated);
    assert_int_equal(bench_fork(b, b->trace.raw.top[1].id), ATTUNE_OK);
    settle(b);
    assert_int_equal(b->record.n_prompt, 2);
    expect_proved(b, b->run);
    bench_close(b);
}

static void what_comes_next_can_be_chosen(void **state)
{
    struct workbench *b = open_decoder();
    attune_token put;

    write_query(b, "one two");
    put = b->trace.raw.top[2].id;
    b->max_tokens = 3;
    assert_int_equal(bench_fork(b, put), ATTUNE_OK);
    settle(b);
    assert_int_equal(b->steps[0].id, put);
    assert_int_equal(b->n_steps, 3);
    expect_proved(b, b->run);
    bench_close(b);
}

static void the_decoder_of_two_stacks_forks_too(void **state)
{
    struct attune_error err = {0};
    struct workbench *b;
    attune_token put, ids[8];
    char *path = NULL;
    size_t n = 0;

    assert_int_equal(attune_library_find(&path, "models", "tiny-seq2seq", &err), ATTUNE_OK);
    b = open_bench(path);
    free(path);
    write_query(b, "The dog sleeps.");
    bench_set_param(b, "temperature", 0);
    run_to(b, 6);
    assert_true(b->n_steps >= 2);
    bench_look(b, bench_n_prompt(b) + 1);
    settle(b);
    assert_int_equal(b->shown_step, 1);
    put = other_than(b, b->steps[1].id);
    ids[n++] = attune_model_info(b->model)->decoder_start;
    ids[n++] = b->steps[0].id;
    ids[n++] = put;
    b->max_tokens = 3; /* one of them behind the token */
    assert_int_equal(bench_fork(b, put), ATTUNE_OK);
    settle(b);
    assert_int_equal(b->n_steps, 3);
    bench_look(b, bench_n_prompt(b) + 2);
    settle(b);
    expect_logits_behind(
        b, &(struct attune_input){
               .ids = b->tokens.ids, .n = b->tokens.n, .decoder_ids = ids, .n_decoder = n});
    expect_proved(b, b->run);
    bench_close(b);
}

static void without_a_distribution_nothing_forks(void **state)
{
    struct workbench *b = open_decoder();

    write_query(b, "");
    assert_int_equal(b->tokens.n, 1); /* the begin token alone */
    b->evaluated = false;
    assert_int_equal(bench_fork(b, 3), ATTUNE_ARGUMENT);
    assert_true(b->message_is_error);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_position_of_the_prompt_has_its_own),
        cmocka_unit_test(a_fork_keeps_what_stands_in_front),
        cmocka_unit_test(a_fork_reads_one_token),
        cmocka_unit_test(a_fork_inside_the_prompt_is_a_run_too),
        cmocka_unit_test(what_comes_next_can_be_chosen),
        cmocka_unit_test(the_decoder_of_two_stacks_forks_too),
        cmocka_unit_test(without_a_distribution_nothing_forks),
    };
    char command[128];
    int failed;

    setenv("ATTUNE_TEST", "1", 1);
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(db_path, sizeof db_path, "%s/attune.db", folder);
    failed = cmocka_run_group_tests_name("workbench_look", tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0 || failed;
}
