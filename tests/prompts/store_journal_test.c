/* Undo and redo over closed connections, and what a removed run takes with it. */
#include <config.h>

#include <attune/journal.h>
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

#include "tests/prompts/made.h"

static const char path[] = "store-journal-test.db";

static int fresh(void **state)
{
    remove_store(path);
    return 0;
}

static void compose(struct attune_prompt *p, const char *query)
{
    struct attune_error err;

    assert_int_equal(attune_prompt_init(p, &err), 0);
    assert_int_equal(attune_prompt_set(p, 0, "Answer in one word.", "", &err), 0);
    assert_int_equal(attune_prompt_add_shot(p, 1, "two and two", "four", &err), 0);
    assert_int_equal(attune_prompt_set(p, 2, query, "", &err), 0);
}

static void put(struct attune_store *store, const char *track, const char *query)
{
    struct attune_prompt p;
    struct attune_error err;

    compose(&p, query);
    if (attune_journal_put_prompt(store, track, &p, &err)) {
        fail_msg("%s", err.text);
    }
    attune_prompt_done(&p);
}

/* A move leads to this query; NULL: nowhere. */
static void leads(struct attune_store *store, const char *track, enum attune_journal_move move,
                  const char *query)
{
    struct attune_prompt p, wanted;
    struct attune_error err;
    bool there;

    if (attune_journal_get_prompt(store, track, move, &p, &there, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(there, query != NULL);
    if (there) {
        compose(&wanted, query);
        assert_string_equal(p.blocks[p.n - 1].text, query);
        assert_true(attune_prompt_equal(&p, &wanted));
        attune_prompt_done(&p);
        attune_prompt_done(&wanted);
    }
}

static size_t states(struct attune_store *store, const char *track)
{
    struct attune_state_row *rows;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_journal_states(store, track, &rows, &n, &err), 0);
    attune_state_rows_free(rows, n);
    return n;
}

static void undo_goes_on_after_a_restart(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);

    leads(store, "a", ATTUNE_JOURNAL_STAY, NULL);
    leads(store, "a", ATTUNE_JOURNAL_UNDO, NULL);
    put(store, "a", "one");
    put(store, "a", "one two");
    put(store, "a", "one two three");
    put(store, "a", "one two three");
    put(store, "b", "another track");
    assert_int_equal(states(store, "a"), 3);
    attune_store_close(store);

    store = made_store(path, ATTUNE_STORE_WRITE);
    leads(store, "a", ATTUNE_JOURNAL_STAY, "one two three");
    leads(store, "a", ATTUNE_JOURNAL_UNDO, "one two");
    leads(store, "a", ATTUNE_JOURNAL_UNDO, "one");
    leads(store, "a", ATTUNE_JOURNAL_UNDO, NULL);
    leads(store, "a", ATTUNE_JOURNAL_STAY, "one");
    attune_store_close(store);

    store = made_store(path, ATTUNE_STORE_WRITE);
    leads(store, "a", ATTUNE_JOURNAL_REDO, "one two");
    put(store, "a", "one"); /* what undo in the composer writes is a move back */
    assert_int_equal(states(store, "a"), 3);
    put(store, "a", "one two");
    put(store, "a", "one 2"); /* another way: the old one stays */
    assert_int_equal(states(store, "a"), 4);
    leads(store, "a", ATTUNE_JOURNAL_REDO, NULL);
    leads(store, "a", ATTUNE_JOURNAL_UNDO, "one two");
    leads(store, "a", ATTUNE_JOURNAL_REDO, "one 2");
    leads(store, "b", ATTUNE_JOURNAL_STAY, "another track");
    attune_store_close(store);
}

static void two_programs_do_not_move_each_other(void **state)
{
    struct attune_store *one = made_store(path, ATTUNE_STORE_WRITE),
                        *two = made_store(path, ATTUNE_STORE_WRITE);

    put(one, "a", "common");
    leads(two, "a", ATTUNE_JOURNAL_STAY, "common");
    put(one, "a", "common, one");
    put(two, "a", "common, two");
    leads(one, "a", ATTUNE_JOURNAL_STAY, "common, one");
    leads(two, "a", ATTUNE_JOURNAL_STAY, "common, two");
    leads(one, "a", ATTUNE_JOURNAL_UNDO, "common");
    leads(two, "a", ATTUNE_JOURNAL_UNDO, "common");
    attune_store_close(one);
    attune_store_close(two);
}

static void equal_blocks_stand_once(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_store_stats before, after;
    struct attune_error err;

    put(store, "a", "x");
    assert_int_equal(attune_store_stats(&before, store, &err), 0);
    for (int i = 0; i < 50; i++) {
        char query[32];

        snprintf(query, sizeof query, "query %d", i);
        put(store, "a", query);
    }
    assert_int_equal(attune_store_stats(&after, store, &err), 0);
    assert_int_equal(after.texts - before.texts, 50);
    assert_int_equal(after.states - before.states, 50);
    attune_store_close(store);
}

static void runs_that_were_opened(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_error err;
    int64_t a = made_run(store, "s", "first", 1, 2, ATTUNE_STOP_EOS, "out"),
            b = made_run(store, "s", "second", 2, 2, ATTUNE_STOP_EOS, "out"), run;
    bool there;

    assert_int_equal(attune_journal_put_run(store, a, &err), 0);
    assert_int_equal(attune_journal_put_run(store, b, &err), 0);
    assert_int_equal(attune_journal_put_run(store, b, &err), 0);
    assert_int_equal(attune_journal_put_run(store, a, &err), 0);
    assert_int_equal(states(store, "run"), 3);
    attune_store_close(store);
    store = made_store(path, ATTUNE_STORE_WRITE);
    assert_int_equal(attune_journal_get_run(store, ATTUNE_JOURNAL_UNDO, &run, &there, &err), 0);
    assert_true(there && run == b);
    assert_int_equal(attune_store_remove_run(store, b, &err), 0);
    assert_int_equal(attune_journal_get_run(store, ATTUNE_JOURNAL_STAY, &run, &there, &err), 0);
    assert_true(there && run == a);
    assert_int_equal(attune_store_remove_run(store, a, &err), 0);
    assert_int_equal(states(store, NULL), 0);
    assert_int_equal(attune_journal_get_run(store, ATTUNE_JOURNAL_UNDO, &run, &there, &err), 0);
    assert_false(there);
    attune_store_close(store);
}

static bool is_in(const char *name, const char *text)
{
    static char bytes[8 << 20];
    FILE *f = fopen(name, "rb");
    size_t len = f ? fread(bytes, 1, sizeof bytes, f) : 0;

    if (f) {
        fclose(f);
    }
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

static void no_byte_of_a_removed_run_is_left_in_the_journal(void **state)
{
    static const char *const steps[] = {"my s",
                                        "my secret",
                                        "my secretive plan",
                                        "my secretive plan: gold",
                                        "my PLAN: secretive gold",
                                        "harmless"};
    static const char *const words[] = {"secret", "secretive", "gold"};
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record record = made_record("s", "x");
    struct attune_store_check check;
    struct attune_prompt p;
    struct attune_error err;
    char wal[64];

    /* another run has task and shot too: they stay */
    compose(&p, "kept words");
    assert_int_equal(attune_prompt_to_json(&record.prompt_json, &p, &err), 0);
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    free(record.prompt_json);
    attune_prompt_done(&p);
    put(store, "a", "kept words");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        put(store, "a", steps[i]);
    }
    compose(&p, "my secretive plan: gold");
    record = made_record("s", "my secretive plan: gold");
    assert_int_equal(attune_prompt_to_json(&record.prompt_json, &p, &err), 0);
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    free(record.prompt_json);
    attune_prompt_done(&p);
    assert_int_equal(attune_journal_put_run(store, record.id, &err), 0);
    assert_int_equal(attune_store_remove_run(store, record.id, &err), 0);
    leads(store, "a", ATTUNE_JOURNAL_STAY, "harmless");
    leads(store, "a", ATTUNE_JOURNAL_UNDO, "kept words");
    assert_int_equal(states(store, "run"), 0);
    assert_int_equal(attune_store_check(&check, store, NULL, &err), 0);
    assert_int_equal(check.n_problems, 0);
    attune_store_check_done(&check);
    snprintf(wal, sizeof wal, "%s-wal", path);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_false(is_in(path, words[i]));
        assert_false(is_in(wal, words[i]));
    }
    assert_true(is_in(path, "kept words"));
    attune_store_close(store);
}

static void what_is_no_track(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_prompt p;
    struct attune_error err;
    bool there;

    compose(&p, "x");
    assert_int_equal(attune_journal_put_prompt(store, "run", &p, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_journal_put_prompt(store, "", &p, &err), ATTUNE_ARGUMENT);
    assert_int_equal(
        attune_journal_put_prompt(store, "a name that is longer than thirty-one bytes", &p, &err),
        ATTUNE_ARGUMENT);
    attune_prompt_done(&p);
    assert_int_equal(attune_journal_get_prompt(store, "run", ATTUNE_JOURNAL_STAY, &p, &there, &err),
                     ATTUNE_ARGUMENT);
    attune_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(undo_goes_on_after_a_restart, fresh, fresh),
        cmocka_unit_test_setup_teardown(two_programs_do_not_move_each_other, fresh, fresh),
        cmocka_unit_test_setup_teardown(equal_blocks_stand_once, fresh, fresh),
        cmocka_unit_test_setup_teardown(runs_that_were_opened, fresh, fresh),
        cmocka_unit_test_setup_teardown(no_byte_of_a_removed_run_is_left_in_the_journal, fresh,
                                        fresh),
        cmocka_unit_test_setup_teardown(what_is_no_track, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_journal", tests, NULL, NULL);
}
