#include <config.h>

#include <attune/mark.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/prompts/made.h"

static const char path[] = "store-test.db";

static int fresh(void **state)
{
    remove_store(path);
    return 0;
}

static char *read_all(const char *name, size_t *len)
{
    FILE *f = fopen(name, "rb");
    char *bytes = calloc(1, 1 << 22);

    *len = f ? fread(bytes, 1, 1 << 22, f) : 0;
    if (f) {
        fclose(f);
    }
    return bytes;
}

static void write_all(const char *name, const void *bytes, size_t len)
{
    FILE *f = fopen(name, "wb");

    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

/* One value through the stock API, as a stranger would ask. */
static int64_t ask(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t answer;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    answer = sqlite3_column_type(statement, 0) == SQLITE_TEXT
                 ? strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0
                 : sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static void tell(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

/* Opening is refused with `status`, the reason says `why`, and no byte of the file changes. */
static void refused(enum attune_store_mode mode, int status, const char *why)
{
    struct attune_store *store;
    struct attune_error err;
    struct stat st;
    size_t before_len, after_len;
    char *before = read_all(path, &before_len), *after;

    assert_int_equal(attune_store_open(&store, path, mode, &err), status);
    assert_null(store);
    if (!strstr(err.text, why) || !strstr(err.text, path)) {
        fail_msg("'%s' is not in '%s'", why, err.text);
    }
    after = read_all(path, &after_len);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
    assert_true(stat("store-test.db-wal", &st) != 0 || st.st_size == 0);
    free(before);
    free(after);
}

static void files_of_others_are_refused_and_left_as_they_are(void **state)
{
    write_all(path,
              "this is a letter to my aunt, which is longer than the header of a database is, "
              "and therefore looked at.",
              103);
    refused(ATTUNE_STORE_WRITE, ATTUNE_FORMAT, "no database");
    refused(ATTUNE_STORE_READ, ATTUNE_FORMAT, "no database");
    write_all(path, "SQLite", 6);
    refused(ATTUNE_STORE_WRITE, ATTUNE_FORMAT, "no database");
    unlink(path);
    tell("CREATE TABLE run (id); PRAGMA user_version = 1");
    refused(ATTUNE_STORE_WRITE, ATTUNE_FORMAT, "another program");
    refused(ATTUNE_STORE_READ, ATTUNE_FORMAT, "another program");
}

static void a_newer_schema_is_refused(void **state)
{
    attune_store_close(made_store(path, ATTUNE_STORE_WRITE));
    tell("PRAGMA user_version = 99");
    refused(ATTUNE_STORE_WRITE, ATTUNE_UNSUPPORTED, "schema 99");
    refused(ATTUNE_STORE_READ, ATTUNE_UNSUPPORTED, "schema 99");
}

static void a_damaged_file_is_refused(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    size_t len;
    char *bytes;

    made_run(store, "s", "text", 1, 200, ATTUNE_STOP_LENGTH, "out");
    attune_store_close(store);
    bytes = read_all(path, &len);
    assert_true(len > 40960);
    write_all(path, bytes, len / 2);
    refused(ATTUNE_STORE_WRITE, ATTUNE_FORMAT, "damaged");
    memset(bytes + 4096, 0x55, len - 4096);
    write_all(path, bytes, len);
    refused(ATTUNE_STORE_READ, ATTUNE_FORMAT, "damaged");
    refused(ATTUNE_STORE_WRITE, ATTUNE_FORMAT, "damaged");
    free(bytes);
}

static void nothing_there_yet(void **state)
{
    struct attune_store *store;
    struct attune_error err;

    assert_int_equal(attune_store_open(&store, path, ATTUNE_STORE_READ, &err), ATTUNE_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(attune_store_open(&store, "no-such-folder/x.db", ATTUNE_STORE_WRITE, &err),
                     ATTUNE_IO);
    write_all(path, "", 0);
    attune_store_close(made_store(path, ATTUNE_STORE_WRITE));
    assert_int_equal(ask("SELECT count(*) FROM run"), 0);
    assert_int_equal(ask("PRAGMA application_id"), 0x6174746e);
    assert_true(ask("PRAGMA integrity_check"));
}

static void a_locked_database_says_so(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record record = made_record("s", "text");
    struct attune_error err;
    sqlite3 *other;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(attune_store_begin_run(store, &record, &err), ATTUNE_BUSY);
    assert_non_null(strstr(err.text, "is locked by another program"));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    sqlite3_close(other);
    attune_store_close(store);
}

static void reading_goes_on_while_another_writes_and_on_a_file_that_cannot_be_written(void **state)
{
    struct attune_store *writer = made_store(path, ATTUNE_STORE_WRITE), *reader;
    struct attune_run_record record;
    struct attune_error err;
    sqlite3 *other;
    int64_t run = made_run(writer, "s", "text", 1, 5, ATTUNE_STOP_LENGTH, "out");

    reader = made_store(path, ATTUNE_STORE_READ);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE; INSERT INTO session VALUES (9, 'x', '')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(attune_store_load_run(reader, run, &record, &err), 0);
    assert_int_equal(record.n_steps, 5);
    attune_run_record_done(&record);
    sqlite3_close(other);
    record = made_record("s", "text");
    assert_int_equal(attune_store_begin_run(reader, &record, &err), ATTUNE_IO);
    assert_non_null(strstr(err.text, "cannot be written"));
    free(record.created);
    attune_store_close(writer);
    attune_store_close(reader);
    assert_int_equal(chmod(path, 0400), 0);
    reader = made_store(path, ATTUNE_STORE_READ);
    assert_int_equal(attune_store_load_run(reader, run, &record, &err), 0);
    attune_run_record_done(&record);
    attune_store_close(reader);
}

/* Sixteen versions of a child that is killed while it writes: the file is whole, and every step
 * that the child had been told was stored is there. */
static void a_killed_program_loses_one_step_at_most(void **state)
{
    uint64_t seed = 1;

    attune_store_close(made_store(path, ATTUNE_STORE_WRITE));
    for (int round = 0; round < 20; round++) {
        int pipes[2];
        pid_t child;
        uint64_t told = 0, got;
        char sql[96];

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct attune_store *store;
            struct attune_run_record record = made_record("s", "text");
            struct attune_error err;

            record.seed = (uint64_t)round;
            if (attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err) ||
                attune_store_begin_run(store, &record, &err)) {
                _exit(1);
            }
            for (uint64_t i = 0;; i++) {
                struct attune_step step = made_step(100 + (uint64_t)round, i);

                if (attune_store_add_step(store, record.id, &step, &err) ||
                    write(pipes[1], &i, sizeof i) != sizeof i) {
                    _exit(1);
                }
            }
        }
        close(pipes[1]);
        assert_int_equal(read(pipes[0], &got, sizeof got), sizeof got);
        usleep((useconds_t)(attune_rng_uniform(9, seed++) * 20000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &got, sizeof got) == sizeof got) {
            told = got;
        }
        close(pipes[0]);
        assert_true(ask("PRAGMA integrity_check"));
        sprintf(sql,
                "SELECT count(*) FROM run_step WHERE run = (SELECT id FROM run WHERE seed = %d)",
                round);
        got = (uint64_t)ask(sql);
        assert_true(got == told + 1 || got == told + 2);
    }
}

/* A file as schema `version` made it; its dump is in the goldens. */
static void make_older(int version)
{
    char sql[1 << 16], name[1024];
    FILE *f;

    snprintf(name, sizeof name, "%s/store/schema-%d.sql", getenv("ATTUNE_GOLDEN"), version);
    f = fopen(name, "rb");
    assert_non_null(f);
    sql[fread(sql, 1, sizeof sql - 1, f)] = '\0';
    fclose(f);
    tell(sql);
    assert_int_equal(ask("PRAGMA user_version"), version);
}

static void brought_forward(int version, int n_runs)
{
    struct attune_run_query query = {.search = "wonderful"};
    struct attune_place place = {.run = 1};
    struct attune_run_record *found;
    struct attune_store *store;
    struct attune_error err;
    char backup[64];
    size_t n;

    make_older(version);
    store = made_store(path, ATTUNE_STORE_READ);
    assert_int_equal(attune_store_list(store, &query, &found, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(found[0].n_steps, 3);
    attune_run_records_free(found, n);
    attune_store_close(store);
    assert_int_equal(ask("PRAGMA user_version"), 4);
    assert_true(ask("PRAGMA integrity_check"));
    assert_int_equal(ask("SELECT count(*) FROM run"), n_runs);
    store = made_store(path, ATTUNE_STORE_WRITE);
    assert_int_equal(attune_store_mark(store, &place, ATTUNE_MARK_NOTE, "zebra", true, &err), 0);
    assert_int_equal(attune_store_remove_run(store, 1, &err), 0);
    attune_store_close(store);
    tell("INSERT INTO run_words (run_words, rank) VALUES ('integrity-check', 1)");
    snprintf(backup, sizeof backup, "store-test.db.backup-v%d", version);
    assert_int_equal(access(backup, F_OK), 0);
    remove(path);
    assert_int_equal(rename(backup, path), 0);
    assert_int_equal(ask("PRAGMA user_version"), version);
    assert_int_equal(ask("SELECT count(*) FROM run"), n_runs);
}

static void schema_1_is_brought_forward_after_a_backup(void **state)
{
    brought_forward(1, 1);
}

static void schema_2_is_brought_forward_after_a_backup(void **state)
{
    brought_forward(2, 2);
}

static void schema_3_is_brought_forward_after_a_backup(void **state)
{
    brought_forward(3, 2);
}

/* Where the file cannot be brought forward, it is not read as something it is not. */
static void an_older_schema_that_cannot_be_written_is_refused(void **state)
{
    if (geteuid() == 0) {
        return; /* nothing is unwritable then */
    }
    make_older(2);
    assert_int_equal(chmod(path, 0400), 0);
    refused(ATTUNE_STORE_READ, ATTUNE_UNSUPPORTED, "older schema 2");
    refused(ATTUNE_STORE_WRITE, ATTUNE_IO, "cannot be written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_of_others_are_refused_and_left_as_they_are, fresh,
                                        fresh),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_refused, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused, fresh, fresh),
        cmocka_unit_test_setup_teardown(nothing_there_yet, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_locked_database_says_so, fresh, fresh),
        cmocka_unit_test_setup_teardown(
            reading_goes_on_while_another_writes_and_on_a_file_that_cannot_be_written, fresh,
            fresh),
        cmocka_unit_test_setup_teardown(a_killed_program_loses_one_step_at_most, fresh, fresh),
        cmocka_unit_test_setup_teardown(schema_1_is_brought_forward_after_a_backup, fresh, fresh),
        cmocka_unit_test_setup_teardown(schema_2_is_brought_forward_after_a_backup, fresh, fresh),
        cmocka_unit_test_setup_teardown(schema_3_is_brought_forward_after_a_backup, fresh, fresh),
        cmocka_unit_test_setup_teardown(an_older_schema_that_cannot_be_written_is_refused, fresh,
                                        fresh),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
