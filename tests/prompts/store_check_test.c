#include <config.h>

#include <attune/upkeep.h>

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

static const char path[] = "store-check-test.db";

static int fill(void **state)
{
    struct attune_store *store;

    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    for (uint64_t i = 1; i <= 20; i++) {
        made_run(store, i % 2 ? "odd" : "even", "The movie was wonderful.", i, 30,
                 ATTUNE_STOP_LENGTH, "out");
    }
    attune_store_close(store);
    return 0;
}

static int empty(void **state)
{
    remove_store(path);
    return 0;
}

/* Damage that no rule of the file forbids: done behind the store's back. */
static void tell(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

/* How many problems there are; one of them has to say `why`. */
static uint64_t problems(enum attune_store_mode mode, const char *why)
{
    struct attune_store *store = made_store(path, mode);
    struct attune_store_check check;
    struct attune_error err;
    bool said = why == NULL;
    uint64_t n;

    if (attune_store_check(&check, store, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < check.n_told; i++) {
        said = said || strstr(check.problems[i], why);
    }
    if (!said) {
        fail_msg("nobody says '%s', but: %s", why, check.n_told ? check.problems[0] : "nothing");
    }
    n = check.n_problems;
    attune_store_check_done(&check);
    attune_store_close(store);
    return n;
}

static void a_sound_file_has_no_problem(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_progress progress = {0};
    struct attune_store_check check;
    struct attune_error err;

    assert_int_equal(attune_store_check(&check, store, &progress, &err), 0);
    assert_int_equal(check.n_problems, 0);
    assert_int_equal(check.nodes, 20 * 30 + 1);
    assert_int_equal(check.texts, 5);
    assert_int_equal(progress.done, 606);
    attune_store_check_done(&check);
    atomic_store(&progress.cancel, 1);
    assert_int_equal(attune_store_check(&check, store, &progress, &err), ATTUNE_CANCELLED);
    attune_store_close(store);
    assert_int_equal(problems(ATTUNE_STORE_READ, NULL), 0);
}

static void what_was_changed_is_found(void **state)
{
    tell("UPDATE node SET p = p / 2 WHERE id = 7");
    assert_int_equal(problems(ATTUNE_STORE_READ, "node 7 is not what its hash says"), 1);
    tell("UPDATE node SET token = token + 1 WHERE id = 9");
    assert_int_equal(problems(ATTUNE_STORE_READ, "node 9 is"), 2);
    tell("UPDATE text SET bytes = x'41' WHERE id = (SELECT min(id) FROM text WHERE NOT searched)");
    assert_int_equal(problems(ATTUNE_STORE_READ, "text 1 is not what its hash says"), 3);
}

static void what_is_missing_is_found(void **state)
{
    tell("DELETE FROM run_step WHERE run = 3 AND i = 5");
    assert_true(problems(ATTUNE_STORE_READ, "run 3 has a hole") >= 1);
    tell("PRAGMA foreign_keys = OFF; DELETE FROM node WHERE id = 100");
    assert_true(problems(ATTUNE_STORE_READ, "refers to nothing in node") >= 2);
}

static void an_index_that_does_not_fit_is_found(void **state)
{
    tell(
        "INSERT INTO run_words (run_words, rowid, prompt, output, notes) VALUES ('delete', 2, 'The "
        "movie was wonderful.', 'out', NULL)");
    assert_int_equal(problems(ATTUNE_STORE_WRITE, "index of words"), 1);
}

/* Pages full of nonsense: opening says so, and what the rest holds still comes out. */
static void a_damaged_file_is_read_as_far_as_it_goes(void **state)
{
    struct attune_store *store;
    struct attune_run_record record;
    struct attune_error err;
    struct stat st;
    char *bytes;
    size_t read_well = 0, len;
    FILE *f;

    assert_int_equal(stat(path, &st), 0);
    len = (size_t)st.st_size;
    bytes = malloc(len);
    f = fopen(path, "r+b");
    assert_int_equal(fread(bytes, 1, len, f), len);
    for (size_t at = len / 2; at < len / 2 + 40000; at++) {
        bytes[at] = (char)(at * 2654435761u >> 13);
    }
    rewind(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
    free(bytes);
    assert_int_equal(attune_store_open(&store, path, ATTUNE_STORE_READ, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "--salvage"));
    assert_true(problems(ATTUNE_STORE_SALVAGE, NULL) > 0);
    store = made_store(path, ATTUNE_STORE_SALVAGE);
    for (int64_t run = 1; run <= 20; run++) {
        struct attune_step *steps;
        size_t n;

        if (attune_store_load_run(store, run, &record, &err) == 0) {
            if (attune_store_load_steps(store, run, &steps, &n, &err) == 0) {
                read_well += n == 30;
                free(steps);
            }
            attune_run_record_done(&record);
        }
    }
    assert_true(read_well >= 5 && read_well < 20);
    attune_store_close(store);
}

static void size_is_told_and_room_given_back(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_store_stats before, after;
    struct attune_error err;

    assert_int_equal(attune_store_stats(&before, store, &err), 0);
    assert_int_equal(before.schema, 4);
    assert_int_equal(before.runs, 20);
    assert_int_equal(before.sessions, 2);
    assert_int_equal(before.steps, 600);
    assert_int_equal(before.nodes, 601);
    assert_true(before.bytes_per_step > 300 && before.bytes_per_step < 900);
    tell("PRAGMA foreign_keys = ON; DELETE FROM run WHERE id > 2");
    tell("DELETE FROM node WHERE id > 61");
    assert_int_equal(attune_store_stats(&after, store, &err), 0);
    assert_true(after.free_bytes > 100000);
    assert_int_equal(attune_store_vacuum(store, &err), 0);
    assert_int_equal(attune_store_stats(&after, store, &err), 0);
    assert_int_equal(after.free_bytes, 0);
    assert_int_equal(after.log_bytes, 0);
    assert_true(after.file_bytes + 100000 < before.file_bytes + before.log_bytes);
    attune_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_file_has_no_problem, fill, empty),
        cmocka_unit_test_setup_teardown(what_was_changed_is_found, fill, empty),
        cmocka_unit_test_setup_teardown(what_is_missing_is_found, fill, empty),
        cmocka_unit_test_setup_teardown(an_index_that_does_not_fit_is_found, fill, empty),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_read_as_far_as_it_goes, fill, empty),
        cmocka_unit_test_setup_teardown(size_is_told_and_room_given_back, fill, empty),
    };
    return cmocka_run_group_tests_name("store_check", tests, NULL, NULL);
}
