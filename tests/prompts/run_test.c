#include <config.h>

#include <attune/run.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/prompts/made.h"

#include "tests/prompts/live.h"

static const char path[] = "run-test.db", text[] = "Once upon a time";
static struct live live;
static struct attune_store *store;

static int begin(void **state)
{
    remove_store(path);
    live_init(&live, "llama-f32", "temperature=0.8 top_k=40", text);
    store = made_store(path, ATTUNE_STORE_WRITE);
    return 0;
}

static int end(void **state)
{
    attune_store_close(store);
    live_done(&live);
    remove_store(path);
    return 0;
}

static struct attune_run *start(size_t max_tokens, struct attune_store *where)
{
    const struct attune_run_options options = {
        .text = text,
        .text_len = strlen(text),
        .ids = live.tokens.ids,
        .n = live.tokens.n,
        .generate = {.max_tokens = max_tokens, .seed = 7, .ignore_end = true},
    };
    struct attune_run *run;
    struct attune_error err;

    if (attune_run_start(&run, live.ctx, live.chain, where, &options, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    return run;
}

/* Nobody calls anything meanwhile: the steps get there by themselves. */
static void wait_for(struct attune_store *reader, int64_t run, size_t wanted)
{
    struct attune_step *saved;
    struct attune_error err;
    size_t n = 0;

    for (int ms = 0; n < wanted && ms < 2000; ms += 5) { /* 100 would do on a quiet machine */
        nanosleep(&(struct timespec){0, 5000000}, NULL);
        assert_int_equal(attune_store_load_steps(reader, run, &saved, &n, &err), 0);
        free(saved);
    }
    assert_int_equal(n, wanted);
}

static void each_step_is_in_the_store_soon_after_it_was_handed_out(void **state)
{
    struct attune_store *reader = made_store(path, ATTUNE_STORE_READ);
    struct attune_run *run = start(10, store);
    struct attune_run_record record;
    struct attune_step step, *saved;
    struct attune_error err;
    size_t n;

    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(attune_run_next(run, &step, NULL, &err), 1);
        if (i % 2) {
            assert_int_equal(attune_run_flush(run, &err), 0);
        } else {
            wait_for(reader, attune_run_id(run), i + 1);
        }
        assert_int_equal(attune_store_load_steps(reader, attune_run_id(run), &saved, &n, &err), 0);
        assert_int_equal(n, i + 1);
        assert_memory_equal(&saved[i].draw, &step.draw, sizeof step.draw);
        assert_true(saved[i].digest == step.digest && saved[i].id == step.id);
        assert_int_equal(saved[i].n_stages, step.n_stages);
        free(saved);
    }
    assert_int_equal(attune_run_next(run, &step, NULL, &err), 0);
    assert_int_equal(attune_run_finish(run, &err), 0);
    assert_int_equal(attune_run_finish(run, &err), 0);
    assert_int_equal(attune_store_load_run(reader, attune_run_id(run), &record, &err), 0);
    assert_int_equal(record.stop, ATTUNE_STOP_LENGTH);
    assert_string_equal(record.session, "default");
    assert_string_equal(record.prompt_text, text);
    assert_int_equal(record.n_prompt, live.tokens.n);
    assert_true(record.model_digest == attune_model_digest(live.model));
    assert_string_equal(record.engine, attune_engine_fingerprint());
    assert_non_null(strstr(record.chain, "top_k=40"));
    assert_true(record.seed == 7 && record.max_tokens == 10);
    attune_run_record_done(&record);
    attune_run_free(run);
    attune_store_close(reader);
}

static enum attune_stop stop_of(int64_t id)
{
    struct attune_run_record record;
    struct attune_error err;
    enum attune_stop stop;

    assert_int_equal(attune_store_load_run(store, id, &record, &err), 0);
    stop = record.stop;
    attune_run_record_done(&record);
    return stop;
}

static void a_run_left_alone_or_cancelled_was_interrupted(void **state)
{
    struct attune_progress progress = {0};
    struct attune_run *run = start(10, store);
    struct attune_step step;
    struct attune_error err;
    int64_t id = attune_run_id(run);

    assert_int_equal(attune_run_next(run, &step, NULL, &err), 1);
    assert_int_equal(attune_run_flush(run, &err), 0);
    assert_int_equal(stop_of(id), ATTUNE_STOP_NONE);
    attune_run_free(run);
    assert_int_equal(stop_of(id), ATTUNE_STOP_INTERRUPTED);

    run = start(10, store);
    id = attune_run_id(run);
    assert_int_equal(attune_run_next(run, &step, &progress, &err), 1);
    atomic_store(&progress.cancel, 1);
    assert_int_equal(attune_run_next(run, &step, &progress, &err), 0);
    assert_int_equal(attune_run_finish(run, &err), 0);
    assert_int_equal(stop_of(id), ATTUNE_STOP_INTERRUPTED);
    attune_run_free(run);
}

static void without_a_store_nothing_is_recorded(void **state)
{
    struct attune_run *run = start(3, NULL);
    struct attune_step step;
    struct attune_error err;

    assert_int_equal(attune_run_id(run), 0);
    assert_int_equal(attune_run_next(run, &step, NULL, &err), 1);
    assert_int_equal(attune_run_finish(run, &err), 0);
    attune_run_free(run);
    attune_run_free(NULL);
}

static void a_step_that_cannot_be_stored_ends_the_run(void **state)
{
    struct attune_run *run = start(10, store);
    struct attune_step step;
    struct attune_error err;

    assert_int_equal(attune_run_next(run, &step, NULL, &err), 1);
    assert_int_equal(attune_run_flush(run, &err), 0);
    assert_int_equal(attune_store_remove_run(store, attune_run_id(run), &err), 0);
    assert_int_equal(attune_run_next(run, &step, NULL, &err), 1);
    assert_int_equal(attune_run_flush(run, &err), ATTUNE_NOT_FOUND);
    assert_int_equal(attune_run_next(run, &step, NULL, &err), -ATTUNE_NOT_FOUND);
    assert_int_equal(attune_run_next(run, &step, NULL, &err), 0);
    assert_int_equal(attune_run_finish(run, &err), ATTUNE_NOT_FOUND);
    attune_run_free(run);
}

static void a_fork_goes_on_from_a_step_with_a_token_put_in(void **state)
{
    struct attune_run *run = start(5, store);
    struct attune_run_options options = {.fork_of = attune_run_id(run), .fork_steps = 2};
    struct attune_run_record record;
    struct attune_step step;
    struct attune_error err;
    attune_token ids[128];
    char whole[512], put_in[64];
    size_t n = live.tokens.n, len = strlen(text), put_len;

    memcpy(ids, live.tokens.ids, n * sizeof *ids);
    memcpy(whole, text, len);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(attune_run_next(run, &step, NULL, &err), 1);
        if (i < 2) {
            ids[n++] = step.id;
            memcpy(whole + len, step.bytes, step.n_bytes);
            len += step.n_bytes;
        }
    }
    attune_run_free(run);
    ids[n++] = 65;
    put_len = attune_token_bytes(attune_model_tokenizer(live.model), 65, put_in, sizeof put_in);
    memcpy(whole + len, put_in, put_len);
    len += put_len;
    options.ids = ids;
    options.n = n;
    options.generate.max_tokens = 4;
    options.generate.first_step = 3;
    assert_int_equal(
        attune_store_load_run(store, live_run(&live, store, options, NULL, true), &record, &err),
        0);
    assert_int_equal(record.n_prompt, n);
    assert_int_equal(record.n_inherited, 3);
    assert_memory_equal(record.prompt_ids, ids, n * sizeof *ids);
    assert_int_equal(record.prompt_text_len, len);
    assert_memory_equal(record.prompt_text, whole, len);
    assert_int_equal(record.n_steps, 4);
    attune_run_record_done(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_is_in_the_store_soon_after_it_was_handed_out),
        cmocka_unit_test(a_run_left_alone_or_cancelled_was_interrupted),
        cmocka_unit_test(without_a_store_nothing_is_recorded),
        cmocka_unit_test(a_step_that_cannot_be_stored_ends_the_run),
        cmocka_unit_test(a_fork_goes_on_from_a_step_with_a_token_put_in),
    };
    return cmocka_run_group_tests_name("run", tests, begin, end);
}
