#include <config.h>

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

/* A word has no common beginning with any other, so that an index that stores what words share once
 * has it whole, too. */
static void make_word(char out[16], int i)
{
    snprintf(out, 16, "%c%cqxj%dz", 'a' + i % 26, 'a' + i / 26 % 26, i);
}

/* Notes, tags and words of the index go like texts do, and so does a note that was replaced. */
static void no_word_is_left_in_an_index(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_error err;
    char prompt[16], note[16], tag[16], old[16], steps[16];

    for (int i = 0; i < 40; i++) {
        const struct attune_place place = {.run = i + 1},
                                  step = {.run = i + 1, .at_step = true, .step = 3};

        make_word(prompt, i * 5);
        make_word(note, i * 5 + 1);
        make_word(tag, i * 5 + 2);
        make_word(old, i * 5 + 3);
        make_word(steps, i * 5 + 4);
        made_run(store, "s", prompt, (uint64_t)i + 1, 5, ATTUNE_STOP_LENGTH, "x");
        assert_int_equal(attune_store_mark(store, &place, ATTUNE_MARK_NOTE, old, true, &err), 0);
        assert_int_equal(attune_store_mark(store, &place, ATTUNE_MARK_NOTE, note, true, &err), 0);
        assert_int_equal(attune_store_mark(store, &place, ATTUNE_MARK_TAG, tag, true, &err), 0);
        assert_int_equal(attune_store_mark(store, &step, ATTUNE_MARK_NOTE, steps, true, &err), 0);
    }
    assert_int_equal(attune_store_remove_run(store, 7, &err), 0);
    for (int i = 0; i < 200; i++) {
        char word[16];

        make_word(word, i);
        assert_int_equal(anywhere(word), i / 5 != 6 && i % 5 != 3);
    }
    attune_store_close(store);
}

static char *export_of(struct attune_store *store, int64_t run)
{
    struct attune_error err;
    char *json;
    size_t len;

    if (attune_store_export(store, NULL, run, &json, &len, &err)) {
        fail_msg("%s", err.text);
    }
    return json;
}

/* Runs that share beginnings, forks of forks, the same run twice: whatever goes, the others stay as
 * they were, and when all are gone nothing is left over. */
static void random_removals_leave_the_rest_as_it_was(void **state)
{
    enum { RUNS = 40 };
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_store_check check;
    struct attune_store_stats stats;
    struct attune_error err;
    char *before[RUNS + 1] = {NULL};
    int left = RUNS;

    for (int64_t run = 1; run <= RUNS; run++) {
        uint64_t n = (uint64_t)(attune_rng_uniform(5, (uint64_t)run) * 9) + 1;
        int64_t of =
            run > 4 ? (int64_t)(attune_rng_uniform(6, (uint64_t)run) * (double)(run - 1)) : 0;

        if (of) { /* the ids of the origin, some of its steps, two tokens put in */
            struct attune_run_record origin, fork = made_record("s", "");
            struct attune_step *steps;
            attune_token ids[512];
            size_t n_steps, len;
            char *prompt;

            assert_int_equal(attune_store_load_run(store, of, &origin, &err), 0);
            assert_int_equal(attune_store_load_steps(store, of, &steps, &n_steps, &err), 0);
            fork.fork_of = of;
            fork.fork_steps = n_steps / 2;
            memcpy(ids, origin.prompt_ids, origin.n_prompt * sizeof *ids);
            for (size_t i = 0; i < fork.fork_steps; i++) {
                ids[origin.n_prompt + i] = steps[i].id;
            }
            fork.n_prompt = origin.n_prompt + fork.fork_steps + 2;
            ids[fork.n_prompt - 2] = ids[fork.n_prompt - 1] = (attune_token)(run % 3);
            fork.prompt_ids = ids;
            prompt = malloc(origin.prompt_text_len + n_steps * ATTUNE_STEP_BYTES + 8);
            memcpy(prompt, origin.prompt_text, len = origin.prompt_text_len);
            for (size_t i = 0; i < fork.fork_steps; i++) {
                memcpy(prompt + len, steps[i].bytes, steps[i].n_bytes);
                len += steps[i].n_bytes;
            }
            memcpy(prompt + len, " put in", 7);
            fork.prompt_text = prompt;
            fork.prompt_text_len = len + 7;
            assert_int_equal(attune_store_begin_run(store, &fork, &err), 0);
            assert_int_equal(fork.id, run);
            for (uint64_t i = 0; i < n; i++) {
                const struct attune_step step = made_step((uint64_t)(run % 3), i);

                assert_int_equal(attune_store_add_step(store, run, &step, &err), 0);
            }
            assert_int_equal(attune_store_end_run(store, run, ATTUNE_STOP_LENGTH, "", 0, &err), 0);
            free(fork.created);
            free(prompt);
            free(steps);
            attune_run_record_done(&origin);
        } else {
            made_run(store, "s", "shared", (uint64_t)(run % 3), n, ATTUNE_STOP_LENGTH, "out");
        }
    }
    for (int64_t run = 1; run <= RUNS; run++) {
        before[run] = export_of(store, run);
    }
    for (uint64_t draw = 0; left > 0; draw++) {
        int64_t run = 1 + (int64_t)(attune_rng_uniform(7, draw) * RUNS);

        if (!before[run]) {
            continue;
        }
        assert_int_equal(attune_store_remove_run(store, run, &err), 0);
        free(before[run]);
        before[run] = NULL;
        left--;
        assert_int_equal(attune_store_check(&check, store, NULL, &err), 0);
        assert_int_equal(check.n_problems, 0);
        attune_store_check_done(&check);
        for (int64_t other = 1; other <= RUNS && left % 5 == 0; other++) {
            if (before[other]) {
                char *after = export_of(store, other);

                assert_string_equal(after, before[other]);
                free(after);
            }
        }
    }
    assert_int_equal(attune_store_stats(&stats, store, &err), 0);
    assert_int_equal(stats.nodes + stats.texts + stats.steps + stats.runs + stats.sessions, 0);
    attune_store_close(store);
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

static void a_branch_goes_with_all_that_goes_on_from_it(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record *left;
    struct attune_error err;
    int64_t root = made_run(store, "s", "text", 1, 8, ATTUNE_STOP_EOS, "out"),
            other = made_run(store, "s", "text", 2, 8, ATTUNE_STOP_EOS, "out"),
            twig = made_fork(store, root, 1, 3, 7), leaf, beside, kept;
    size_t n;

    leaf = made_fork(store, twig, 57, 2, 8);
    beside = made_fork(store, root, 1, 5, 9);
    kept = made_fork(store, other, 2, 3, 10);
    assert_int_equal(attune_store_remove_branch(store, twig, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(attune_store_list(store, &(struct attune_run_query){0}, &left, &n, &err), 0);
    assert_int_equal(n, 4);
    assert_int_equal(left[0].id, kept);
    assert_int_equal(left[1].id, beside);
    attune_run_records_free(left, n);
    assert_int_equal(attune_store_remove_branch(store, root, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(attune_store_remove_branch(store, leaf, &n, &err), ATTUNE_NOT_FOUND);
    attune_store_close(store);
    whole();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_byte_of_a_removed_run_is_left, fresh, fresh),
        cmocka_unit_test_setup_teardown(no_word_is_left_in_an_index, fresh, fresh),
        cmocka_unit_test_setup_teardown(random_removals_leave_the_rest_as_it_was, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_branch_goes_with_all_that_goes_on_from_it, fresh, fresh),
        cmocka_unit_test_setup_teardown(what_others_need_stays, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_remove", tests, NULL, NULL);
}
