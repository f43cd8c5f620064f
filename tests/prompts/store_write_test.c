#include <config.h>

#include <attune/store.h>

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

#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/prompts/made.h"

static const char path[] = "store-write-test.db";

static int fresh(void **state)
{
    remove_store(path);
    return 0;
}

static int64_t count(const char *what)
{
    char sql[128];
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t n;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", what);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    n = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return n;
}

static void what_was_written_is_read_back(void **state)
{
    static const char output[] = " out\xff\0put";
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record record = made_record("my session", "Review: \xff x\nSentiment:"), back;
    struct attune_step *steps;
    struct attune_error err;
    attune_token decoder[] = {0, 5};
    size_t n;

    record.decoder_ids = decoder;
    record.n_decoder = 2;
    record.first_step = 3;
    record.fast = true;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    assert_true(record.id > 0);
    for (uint64_t i = 0; i < 10; i++) {
        struct attune_step step = made_step(5, i);

        if (i == 4) {
            step.p = NAN;
            step.logit = -INFINITY;
            step.draw.id = step.id + 1;
        }
        assert_int_equal(attune_store_add_step(store, record.id, &step, &err), 0);
    }
    assert_int_equal(attune_store_load_run(store, record.id, &back, &err), 0);
    assert_int_equal(back.stop, ATTUNE_STOP_NONE);
    assert_memory_equal(back.output, made_step(5, 0).bytes, made_step(5, 0).n_bytes);
    attune_run_record_done(&back);
    assert_int_equal(attune_store_end_run(store, record.id, ATTUNE_STOP_TEXT, output, 9, &err), 0);
    attune_store_close(store);

    store = made_store(path, ATTUNE_STORE_READ);
    assert_int_equal(attune_store_load_run(store, record.id, &back, &err), 0);
    assert_string_equal(back.session, record.session);
    assert_string_equal(back.created, record.created);
    assert_string_equal(back.model_path, record.model_path);
    assert_string_equal(back.model_name, record.model_name);
    assert_string_equal(back.model_family, record.model_family);
    assert_true(back.model_digest == record.model_digest);
    assert_true(back.tokenizer_digest == record.tokenizer_digest);
    assert_string_equal(back.engine, record.engine);
    assert_true(back.fast && back.ignore_end);
    assert_string_equal(back.prompt_json, record.prompt_json);
    assert_int_equal(back.prompt_text_len, record.prompt_text_len);
    assert_string_equal(back.prompt_text, record.prompt_text);
    assert_int_equal(back.n_prompt, 4);
    assert_memory_equal(back.prompt_ids, record.prompt_ids, 4 * sizeof(attune_token));
    assert_int_equal(back.n_decoder, 2);
    assert_memory_equal(back.decoder_ids, decoder, sizeof decoder);
    assert_int_equal(back.n_inherited, 0);
    assert_string_equal(back.chain, record.chain);
    assert_true(back.seed == record.seed && back.first_step == 3);
    assert_int_equal(back.max_tokens, 128);
    assert_int_equal(back.n_stops, 2);
    assert_string_equal(back.stops[0], "\n\n");
    assert_string_equal(back.stops[1], "END");
    assert_int_equal(back.stop, ATTUNE_STOP_TEXT);
    assert_int_equal(back.output_len, 9);
    assert_memory_equal(back.output, output, 9);
    assert_int_equal(back.n_steps, 10);
    attune_run_record_done(&back);
    assert_int_equal(attune_store_load_steps(store, record.id, &steps, &n, &err), 0);
    assert_int_equal(n, 10);
    for (uint64_t i = 0; i < 10; i++) {
        struct attune_step step = made_step(5, i);

        if (i == 4) {
            assert_true(isnan(steps[i].p));
            step.p = steps[i].p;
            step.logit = -INFINITY;
            step.draw.id = step.id + 1;
        }
        assert_memory_equal(&steps[i], &step, sizeof step);
    }
    free(steps);
    free(record.created);
    attune_store_close(store);
}

static void equal_prompts_and_steps_stand_once(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);

    made_run(store, "s", "text", 1, 20, ATTUNE_STOP_LENGTH, "out");
    assert_int_equal(count("node"), 21);
    assert_int_equal(count("text WHERE searched"), 2);
    made_run(store, "s", "text", 1, 25, ATTUNE_STOP_LENGTH, "out");
    assert_int_equal(count("node"), 26);
    assert_int_equal(count("text WHERE searched"), 2);
    assert_int_equal(count("run_step"), 45);
    made_run(store, "s", "text", 2, 5, ATTUNE_STOP_LENGTH, "out");
    assert_int_equal(count("node"), 31);
    assert_int_equal(count("model"), 1);
    attune_store_close(store);
}

static void a_fork_adds_only_what_it_adds(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record record = made_record("s", "text"), back;
    struct attune_error err;
    attune_token ids[16];
    char text[256] = "text";
    size_t len = 4;
    int64_t run = made_run(store, "s", "text", 1, 20, ATTUNE_STOP_LENGTH, "out");

    memcpy(ids, record.prompt_ids, 4 * sizeof *ids);
    for (uint64_t i = 0; i < 6; i++) {
        struct attune_step step = made_step(1, i);

        ids[4 + i] = step.id;
        memcpy(text + len, step.bytes, step.n_bytes);
        len += step.n_bytes;
    }
    ids[10] = 555;
    memcpy(text + len, " forced", 7);
    len += 7;
    record.fork_of = run;
    record.fork_steps = 6;
    record.prompt_ids = ids;
    record.n_prompt = 11;
    record.prompt_text = text;
    record.prompt_text_len = len;
    record.first_step = 7;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    assert_int_equal(count("node"), 22);
    assert_int_equal(attune_store_load_run(store, record.id, &back, &err), 0);
    assert_int_equal(back.n_prompt, 11);
    assert_int_equal(back.n_inherited, 7);
    assert_memory_equal(back.prompt_ids, ids, 11 * sizeof *ids);
    assert_int_equal(back.prompt_text_len, len);
    assert_memory_equal(back.prompt_text, text, len);
    attune_run_record_done(&back);

    /* A fork of the fork, without new tokens; then what does not fit the way. */
    record.created = NULL;
    record.fork_of = record.id;
    record.fork_steps = 0;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    assert_int_equal(count("node"), 22);
    record.created = NULL;
    ids[5]++;
    assert_int_equal(attune_store_begin_run(store, &record, &err), ATTUNE_ARGUMENT);
    free(record.created);
    ids[5]--;
    record.created = NULL;
    record.fork_steps = 1;
    assert_int_equal(attune_store_begin_run(store, &record, &err), ATTUNE_NOT_FOUND);
    free(record.created);
    record.created = NULL;
    record.fork_of = 12345;
    assert_int_equal(attune_store_begin_run(store, &record, &err), ATTUNE_NOT_FOUND);
    free(record.created);
    assert_int_equal(count("run"), 3);
    attune_store_close(store);
}

static void names_that_could_be_numbers_are_refused(void **state)
{
    static const char *const bad[] = {"", "12", "a\nb"};
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_error err;

    for (size_t i = 0; i < 3; i++) {
        struct attune_run_record record = made_record(bad[i], "text");

        assert_int_equal(attune_store_begin_run(store, &record, &err), ATTUNE_ARGUMENT);
    }
    assert_int_equal(attune_store_add_step(store, 7, &(struct attune_step){0}, &err),
                     ATTUNE_NOT_FOUND);
    assert_int_equal(attune_store_end_run(store, 7, ATTUNE_STOP_EOS, "", 0, &err),
                     ATTUNE_NOT_FOUND);
    attune_store_close(store);
}

static void a_step_costs_600_bytes_at_most(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct stat before, after;

    attune_store_close(store);
    assert_int_equal(stat(path, &before), 0);
    store = made_store(path, ATTUNE_STORE_WRITE);
    made_run(store, "s", "text", 1, 2000, ATTUNE_STOP_LENGTH, "out");
    attune_store_close(store);
    assert_int_equal(stat(path, &after), 0);
    print_message("# %.0f bytes a step\n", (double)(after.st_size - before.st_size) / 2000);
    assert_true(after.st_size - before.st_size <= 600 * 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read_back, fresh, fresh),
        cmocka_unit_test_setup_teardown(equal_prompts_and_steps_stand_once, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_fork_adds_only_what_it_adds, fresh, fresh),
        cmocka_unit_test_setup_teardown(names_that_could_be_numbers_are_refused, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_step_costs_600_bytes_at_most, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_write", tests, NULL, NULL);
}
