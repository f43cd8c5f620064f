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

#include <sqlite3.h>

#include "tests/prompts/made.h"

static const char path[] = "store-mark-test.db";
static struct attune_store *store;

static int fill(void **state)
{
    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    made_run(store, "films", "The movie was wonderful.", 1, 5, ATTUNE_STOP_LENGTH, " Positive");
    made_run(store, "films", "The soup was cold.", 2, 5, ATTUNE_STOP_EOS, " Negative");
    made_run(store, "words", "hot -> cold", 3, 5, ATTUNE_STOP_LENGTH, " big");
    return 0;
}

static int empty(void **state)
{
    attune_store_close(store);
    remove_store(path);
    return 0;
}

/* The index of words says what the texts say. */
static void index_is_whole(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, "INSERT INTO run_words (run_words, rank) VALUES ('integrity-check', 1)",
                     NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

static void put(struct attune_place place, enum attune_mark_kind kind, const char *text)
{
    struct attune_error err;

    if (attune_store_mark(store, &place, kind, text, true, &err)) {
        fail_msg("%s", err.text);
    }
    index_is_whole();
}

static void take(struct attune_place place, enum attune_mark_kind kind, const char *text)
{
    struct attune_error err;

    if (attune_store_mark(store, &place, kind, text, false, &err)) {
        fail_msg("%s", err.text);
    }
    index_is_whole();
}

/* The marks at a place, as "films/1:3 note=text; ". */
static void has(struct attune_place place, const char *wanted)
{
    struct attune_mark *marks;
    struct attune_error err;
    char got[512] = "";
    size_t n;

    if (attune_store_marks(store, &place, &marks, &n, &err)) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < n; i++) {
        char step[32] = "";

        if (marks[i].at_step) {
            snprintf(step, sizeof step, ":%d", (int)marks[i].step);
        }
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s/%d%s %s=%s; ", marks[i].session,
                 (int)marks[i].run, step, attune_mark_kind_text(marks[i].kind), marks[i].text);
        assert_int_equal(strlen(marks[i].created), 24);
    }
    assert_string_equal(got, wanted);
    attune_marks_free(marks, n);
}

static void finds(const struct attune_run_query query, const char *runs)
{
    struct attune_run_record *found;
    struct attune_error err;
    char got[32] = "";
    size_t n;

    if (attune_store_list(store, &query, &found, &n, &err)) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%d ", (int)found[i].id);
    }
    assert_string_equal(got, runs);
    attune_run_records_free(found, n);
}

static const struct attune_place films = {.session = "films"}, one = {.run = 1}, two = {.run = 2},
                                 step = {.run = 1, .at_step = true, .step = 3};

static void marks_are_put_on_and_taken_off(void **state)
{
    put(films, ATTUNE_MARK_TAG, "paper");
    put(films, ATTUNE_MARK_NOTE, "for the appendix");
    put(one, ATTUNE_MARK_TAG, "good");
    put(one, ATTUNE_MARK_TAG, "best");
    put(one, ATTUNE_MARK_TAG, "good");
    put(one, ATTUNE_MARK_NOTE, "first");
    put(one, ATTUNE_MARK_NOTE, "second\nline");
    put(step, ATTUNE_MARK_BOOKMARK, "");
    put(step, ATTUNE_MARK_TAG, "turn");
    has(films, "films/0 tag=paper; films/0 note=for the appendix; films/1 tag=best; films/1 "
               "tag=good; films/1 note=second\nline; films/1:3 tag=turn; films/1:3 bookmark=; ");
    has(one, "films/1 tag=best; films/1 tag=good; films/1 note=second\nline; films/1:3 tag=turn; "
             "films/1:3 bookmark=; ");
    has(step, "films/1:3 tag=turn; films/1:3 bookmark=; ");
    has(two, "");
    take(one, ATTUNE_MARK_TAG, "good");
    take(one, ATTUNE_MARK_NOTE, NULL);
    take(step, ATTUNE_MARK_BOOKMARK, NULL);
    has((struct attune_place){0},
        "films/0 tag=paper; films/0 note=for the appendix; films/1 tag=best; films/1:3 tag=turn; ");
}

static void what_is_marked_is_found(void **state)
{
    struct attune_run_record record;
    struct attune_error err;

    put(one, ATTUNE_MARK_TAG, "good");
    put(one, ATTUNE_MARK_TAG, "a");
    put(step, ATTUNE_MARK_TAG, "turn");
    put((struct attune_place){.session = "words"}, ATTUNE_MARK_TAG, "good");
    put(two, ATTUNE_MARK_NOTE, "the zebra crossing");
    put(step, ATTUNE_MARK_NOTE, "zebra at the turn");
    finds((struct attune_run_query){.tag = "good"}, "3 1 ");
    finds((struct attune_run_query){.tag = "turn"}, "1 ");
    finds((struct attune_run_query){.tag = "tur"}, "");
    finds((struct attune_run_query){.search = "zebra"}, "2 1 ");
    finds((struct attune_run_query){.search = "zebra cold negative"}, "2 ");
    finds((struct attune_run_query){.search = "zebra", .tag = "good"}, "1 ");
    assert_int_equal(attune_store_load_run(store, 1, &record, &err), 0);
    assert_string_equal(record.tags, "a good");
    assert_string_equal(record.note, "");
    attune_run_record_done(&record);
    take(two, ATTUNE_MARK_NOTE, NULL);
    finds((struct attune_run_query){.search = "zebra"}, "1 ");
}

/* A step that another run makes again brings its note along, also into the index. */
static void a_shared_step_shows_its_marks_in_every_run(void **state)
{
    int64_t again;

    put(step, ATTUNE_MARK_NOTE, "zebra");
    again = made_run(store, "films", "The movie was wonderful.", 1, 4, ATTUNE_STOP_LENGTH, " Pos");
    index_is_whole();
    finds((struct attune_run_query){.search = "zebra"}, "4 1 ");
    has((struct attune_place){.run = again}, "films/4:3 note=zebra; ");
    take((struct attune_place){.run = again, .at_step = true, .step = 3}, ATTUNE_MARK_NOTE, NULL);
    finds((struct attune_run_query){.search = "zebra"}, "");
}

static void marks_go_with_what_they_are_on(void **state)
{
    struct attune_error err;

    put(films, ATTUNE_MARK_NOTE, "a");
    put(one, ATTUNE_MARK_NOTE, "b zebra");
    put(step, ATTUNE_MARK_NOTE, "c zebra");
    put(two, ATTUNE_MARK_TAG, "d");
    assert_int_equal(attune_store_remove_run(store, 1, &err), 0);
    index_is_whole();
    has((struct attune_place){0}, "films/0 note=a; films/2 tag=d; ");
    finds((struct attune_run_query){.search = "zebra"}, "");
    assert_int_equal(attune_store_remove_session(store, "films", &err), 0);
    index_is_whole();
    has((struct attune_place){0}, "");
}

static void refused(struct attune_place place, enum attune_mark_kind kind, const char *text,
                    bool on, int status, const char *why)
{
    struct attune_error err;

    assert_int_equal(attune_store_mark(store, &place, kind, text, on, &err), status);
    if (!strstr(err.text, why)) {
        fail_msg("'%s' is not in '%s'", why, err.text);
    }
}

static void what_cannot_be_marked(void **state)
{
    struct attune_place lost = {.run = 1, .at_step = true, .step = 5};
    char text[70000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    refused(lost, ATTUNE_MARK_TAG, "t", true, ATTUNE_NOT_FOUND, "run 1 has no step 5");
    refused((struct attune_place){.run = 9}, ATTUNE_MARK_TAG, "t", true, ATTUNE_NOT_FOUND,
            "no run 9");
    refused((struct attune_place){.session = "x"}, ATTUNE_MARK_NOTE, "t", true, ATTUNE_NOT_FOUND,
            "no session x");
    refused(one, ATTUNE_MARK_TAG, "two words", true, ATTUNE_ARGUMENT, "one word");
    refused(one, ATTUNE_MARK_TAG, "", true, ATTUNE_ARGUMENT, "1 to 100 bytes");
    refused(one, ATTUNE_MARK_TAG, "-t", true, ATTUNE_ARGUMENT, "begin with");
    refused(one, ATTUNE_MARK_NOTE, "\033[2J", true, ATTUNE_ARGUMENT, "control");
    refused(one, ATTUNE_MARK_NOTE, text, true, ATTUNE_ARGUMENT, "65536");
    refused(one, ATTUNE_MARK_TAG, "none", false, ATTUNE_NOT_FOUND, "no tag none");
    refused(one, ATTUNE_MARK_NOTE, NULL, false, ATTUNE_NOT_FOUND, "no note");
    has((struct attune_place){0}, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(marks_are_put_on_and_taken_off, fill, empty),
        cmocka_unit_test_setup_teardown(what_is_marked_is_found, fill, empty),
        cmocka_unit_test_setup_teardown(a_shared_step_shows_its_marks_in_every_run, fill, empty),
        cmocka_unit_test_setup_teardown(marks_go_with_what_they_are_on, fill, empty),
        cmocka_unit_test_setup_teardown(what_cannot_be_marked, fill, empty),
    };
    return cmocka_run_group_tests_name("store_mark", tests, NULL, NULL);
}
