/* A disk that fails: full at every single write, unreadable at every single read, and files with
 * flipped bits. A file system of SQLite's kind is put in between, which counts and then refuses. */
#include <config.h>

#include <attune/export.h>
#include <attune/mark.h>
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

#include "tests/prompts/made.h"

static const char path[] = "store-disk-test.db";

/* ---- the file system in between ---- */

enum operation { READS, WRITES };

static struct {
    sqlite3_vfs vfs, *real;
    struct {
        sqlite3_io_methods methods; /* of a real one, with two replaced */
        const sqlite3_io_methods *real;
    } kind[4]; /* files with locks and without have their own */
    enum operation counted;
    int code;  /* what a refused operation answers */
    long left; /* operations until then; negative: none is refused */
} disk;

static bool refuses(enum operation operation)
{
    return disk.counted == operation && disk.left >= 0 && disk.left-- <= 0 && (disk.left = 0, true);
}

static int read_some(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return refuses(READS) ? disk.code : disk.kind[0].real->xRead(file, to, n, at);
}

static int write_some(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    return refuses(WRITES) ? disk.code : disk.kind[0].real->xWrite(file, from, n, at);
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    int code = disk.real->xOpen(disk.real, name, file, flags, out);

    (void)vfs;
    if (code == SQLITE_OK && file->pMethods) {
        int i = 0;

        while (disk.kind[i].real && disk.kind[i].real != file->pMethods) {
            assert_true(++i < 4);
        }
        disk.kind[i].real = file->pMethods;
        disk.kind[i].methods = *file->pMethods;
        disk.kind[i].methods.iVersion = 2; /* without mapped reads: they pass us by */
        disk.kind[i].methods.xRead = read_some;
        disk.kind[i].methods.xWrite = write_some;
        file->pMethods = &disk.kind[i].methods;
    }
    return code;
}

static int put_in_between(void **state)
{
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "failing";
    disk.vfs.xOpen = open_file;
    disk.left = -1;
    return sqlite3_vfs_register(&disk.vfs, 1);
}

static void fail_after(enum operation operation, int code, long n)
{
    disk.counted = operation;
    disk.code = code;
    disk.left = n;
}

static int fresh(void **state)
{
    fail_after(WRITES, SQLITE_OK, -1);
    remove_store(path);
    return 0;
}

/* ---- a story in which every call may fail ---- */

struct story { /* what was promised */
    int64_t run;
    size_t n_steps;
    bool ended, noted, full;
};

static bool works(struct story *story, int status, const struct attune_error *err)
{
    if (status == ATTUNE_FULL) {
        story->full = true;
        assert_non_null(strstr(err->text, "the disk is full"));
        assert_non_null(strstr(err->text, path));
    }
    return status == ATTUNE_OK;
}

static void tell_story(struct story *story)
{
    struct attune_run_record record = made_record("s", "the text");
    const struct attune_place place = {.session = "s"};
    struct attune_store *store;
    struct attune_error err;

    if (!works(story, attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err), &err)) {
        return;
    }
    if (works(story, attune_store_begin_run(store, &record, &err), &err)) {
        story->run = record.id;
        for (uint64_t i = 0; i < 6; i++) {
            struct attune_step step = made_step(3, i);

            if (!works(story, attune_store_add_step(store, record.id, &step, &err), &err)) {
                break;
            }
            story->n_steps++;
        }
        story->ended = works(
            story, attune_store_end_run(store, record.id, ATTUNE_STOP_LENGTH, "said", 4, &err),
            &err);
        story->noted =
            works(story, attune_store_mark(store, &place, ATTUNE_MARK_NOTE, "n", true, &err), &err);
    }
    free(record.created);
    attune_store_close(store);
}

/* With a disk that works again: all that was promised is there, and nothing is broken. */
static void promises_hold(const struct story *story)
{
    struct attune_store *store;
    struct attune_run_record record;
    struct attune_store_check check;
    struct attune_mark *marks;
    struct attune_error err;
    size_t n;

    fail_after(WRITES, SQLITE_OK, -1);
    if (attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(attune_store_check(&check, store, NULL, &err), 0);
    if (check.n_problems) {
        fail_msg("%s", check.problems[0]);
    }
    attune_store_check_done(&check);
    if (story->run) {
        assert_int_equal(attune_store_load_run(store, story->run, &record, &err), 0);
        assert_true(record.n_steps >= story->n_steps && record.n_steps <= story->n_steps + 1);
        assert_true(!story->ended || record.stop == ATTUNE_STOP_LENGTH);
        attune_run_record_done(&record);
    }
    assert_int_equal(attune_store_marks(store, &(struct attune_place){0}, &marks, &n, &err), 0);
    assert_true(!story->noted || n == 1);
    attune_marks_free(marks, n);
    assert_true(made_run(store, "s", "after", 9, 2, ATTUNE_STOP_EOS, "x") > story->run);
    attune_store_close(store);
}

static void a_full_disk_breaks_no_promise(void **state)
{
    bool whole = false;
    int n_full = 0;

    for (long n = 0; !whole; n += n < 50 ? 1 : 7) {
        struct story story = {0};

        remove_store(path);
        fail_after(WRITES, SQLITE_FULL, n);
        tell_story(&story);
        whole = story.ended && story.noted && story.n_steps == 6 && disk.left > 0;
        n_full += story.full;
        promises_hold(&story);
        assert_true(n < 5000);
    }
    assert_true(n_full > 30);
}

static void a_disk_that_cannot_write_breaks_no_promise(void **state)
{
    for (long n = 0; n < 200; n += 13) {
        struct story story = {0};

        remove_store(path);
        fail_after(WRITES, SQLITE_IOERR_WRITE, n);
        tell_story(&story);
        promises_hold(&story);
    }
}

/* Reads that fail give an error or an answer, never half of one. */
static void a_disk_that_cannot_read_gives_an_error(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    size_t failed = 0, read = 0;

    made_run(store, "s", "text", 1, 50, ATTUNE_STOP_LENGTH, "out");
    attune_store_close(store);
    for (long n = 0; n < 120; n += 3) {
        struct attune_error err;
        char *json;
        size_t len;

        fail_after(READS, SQLITE_IOERR_READ, n);
        if (attune_store_open(&store, path, ATTUNE_STORE_READ, &err)) {
            failed++;
            continue;
        }
        if (attune_export(&json, &len, store, "s", 0, "json", NULL, &err)) {
            failed++;
        } else {
            assert_non_null(strstr(json, "\"stop_reason\":\"length\""));
            read++;
            free(json);
        }
        attune_store_close(store);
    }
    fail_after(READS, SQLITE_OK, -1);
    assert_true(failed > 3 && read > 3);
}

/* ---- flipped bits ---- */

static void look_at_all(enum attune_store_mode mode)
{
    static const struct attune_run_query search = {.search = "text"};
    struct attune_session_row *rows;
    struct attune_run_record *runs;
    struct attune_store_check check;
    struct attune_store *store;
    struct attune_error err;
    char *text;
    size_t n, lost;

    if (attune_store_open(&store, path, mode, &err)) {
        assert_true(strlen(err.text) > 10);
        return;
    }
    if (attune_store_list(store, &search, &runs, &n, &err) == 0) {
        attune_run_records_free(runs, n);
    }
    if (attune_store_sessions(store, NULL, &rows, &n, &err) == 0) {
        attune_session_rows_free(rows, n);
    }
    if (attune_export(&text, &n, store, "s", 0, "json", &lost, &err) == 0) {
        free(text);
    }
    assert_int_equal(attune_store_check(&check, store, NULL, &err), 0);
    attune_store_check_done(&check);
    attune_store_close(store);
}

static void flipped_bits_are_survived(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    char *bytes = malloc(1 << 20);
    size_t len;
    FILE *f;

    for (uint64_t i = 1; i < 6; i++) {
        made_run(store, "s", "text", i, 20, ATTUNE_STOP_LENGTH, "out");
    }
    attune_store_close(store);
    f = fopen(path, "rb");
    len = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    assert_true(len > 60000 && len < 1 << 20);
    for (uint64_t round = 0; round < 100; round++) {
        size_t at = (size_t)(attune_rng_uniform(11, round * 2) * (double)len);
        int bit = (int)(attune_rng_uniform(11, round * 2 + 1) * 8);

        bytes[at] = (char)(bytes[at] ^ 1 << bit);
        f = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, len, f), len);
        fclose(f);
        unlink("store-disk-test.db-wal");
        look_at_all(round % 2 ? ATTUNE_STORE_SALVAGE : ATTUNE_STORE_READ);
        if (round % 8) { /* some damage piles up */
            bytes[at] = (char)(bytes[at] ^ 1 << bit);
        }
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_breaks_no_promise, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_disk_that_cannot_write_breaks_no_promise, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_disk_that_cannot_read_gives_an_error, fresh, fresh),
        cmocka_unit_test_setup_teardown(flipped_bits_are_survived, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_disk", tests, put_in_between, NULL);
}
