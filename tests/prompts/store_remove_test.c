#include <config.h>

#include <attune/store.h>

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

#include "tests/prompts/made.h"

static const char path[] = "store-remove-test.db";

static int fresh(void **state)
{
    remove_store(path);
    return 0;
}

static bool holds(const char *name, const char *needle)
{
    FILE *f = fopen(name, "rb");
    size_t len = f ? 1 << 24 : 0, got = 0, n = strlen(needle);
    char *bytes = malloc(len + 1);
    bool found = false;

    if (f) {
        got = fread(bytes, 1, len, f);
        assert_true(got < len);
        fclose(f);
    }
    for (size_t i = 0; !found && i + n <= got; i++) {
        found = memcmp(bytes + i, needle, n) == 0;
    }
    free(bytes);
    return found;
}

static bool anywhere(const char *needle)
{
    return holds(path, needle) || holds("store-remove-test.db-wal", needle);
}

static void whole(void)
{
    sqlite3 *db;
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(
                         db, "SELECT * FROM pragma_integrity_check, pragma_foreign_key_list('run')",
                         -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* Many runs with long texts, so that pages were split and balanced before anything is removed. */
static void no_byte_of_a_removed_run_is_left(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_error err;
    char text[9000], mark[64], output[64];

    for (int i = 0; i < 60; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        text[(size_t)(i * 140) + 200] = '\0';
        snprintf(mark, sizeof mark, " marker%dmarker ", i);
        memcpy(text + 100, mark, strlen(mark));
        snprintf(output, sizeof output, "answer%danswer", i);
        assert_int_equal(made_run(store, i % 2 ? "odd" : "even", text, (uint64_t)i + 1, 30,
                                  ATTUNE_STOP_LENGTH, output),
                         i + 1);
    }
    assert_true(anywhere("marker10marker") && anywhere("answer10answer"));
    assert_int_equal(attune_store_remove_run(store, 11, &err), 0);
    assert_false(anywhere("marker10marker"));
    assert_false(anywhere("answer10answer"));
    assert_true(anywhere("marker12marker"));
    whole();
    assert_int_equal(attune_store_remove_session(store, "odd", &err), 0);
    for (int i = 0; i < 60; i++) {
        snprintf(mark, sizeof mark, "marker%dmarker", i);
        assert_int_equal(anywhere(mark), i % 2 == 0 && i != 10);
    }
    assert_int_equal(attune_store_remove_run(store, 11, &err), ATTUNE_NOT_FOUND);
    assert_int_equal(attune_store_remove_session(store, "odd", &err), ATTUNE_NOT_FOUND);
    whole();
    attune_store_close(store);
    whole();
}

static void what_others_need_stays(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record record = made_record("s", "shared prompt"), back;
    struct attune_step *steps;
    struct attune_error err;
    attune_token ids[6];
    size_t n;
    int64_t one = made_run(store, "s", "shared prompt", 1, 10, ATTUNE_STOP_LENGTH, "shared output"),
            two = made_run(store, "s", "shared prompt", 1, 7, ATTUNE_STOP_LENGTH, "shared output");

    memcpy(ids, record.prompt_ids, 4 * sizeof *ids);
    ids[4] = made_step(1, 0).id;
    ids[5] = 9;
    record.fork_of = one;
    record.fork_steps = 1;
    record.prompt_ids = ids;
    record.n_prompt = 6;
    record.prompt_text = NULL;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    assert_int_equal(attune_store_remove_run(store, one, &err), 0);
    assert_int_equal(attune_store_load_steps(store, two, &steps, &n, &err), 0);
    assert_int_equal(n, 7);
    free(steps);
    assert_int_equal(attune_store_remove_run(store, two, &err), 0);
    assert_true(anywhere("shared prompt"));
    assert_false(anywhere("shared output"));
    assert_int_equal(attune_store_load_run(store, record.id, &back, &err), 0);
    assert_int_equal(back.n_prompt, 6);
    assert_memory_equal(back.prompt_ids, ids, sizeof ids);
    attune_run_record_done(&back);
    assert_int_equal(attune_store_remove_run(store, record.id, &err), 0);
    assert_false(anywhere("shared prompt"));
    whole();
    made_run(store, "s", "again", 1, 2, ATTUNE_STOP_LENGTH, "");
    assert_int_equal(attune_store_load_run(store, record.id, &back, &err), ATTUNE_NOT_FOUND);
    attune_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_byte_of_a_removed_run_is_left, fresh, fresh),
        cmocka_unit_test_setup_teardown(what_others_need_stays, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_remove", tests, NULL, NULL);
}
