/* Several programs on one database: all write, one reads, none loses a step; one is killed again
 * and again in whatever it does. */
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

#include <signal.h>
#include <sys/wait.h>

#include <attune/mark.h>

#include "tests/prompts/made.h"

static const char path[] = "store-two-test.db";

static int fresh(void **state)
{
    remove_store(path);
    return 0;
}

static void whole(void)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_store_check check;
    struct attune_error err;

    assert_int_equal(attune_store_check(&check, store, NULL, &err), 0);
    if (check.n_problems) {
        fail_msg("%s", check.problems[0]);
    }
    attune_store_check_done(&check);
    attune_store_close(store);
}

enum { WRITERS = 3, RUNS = 5, STEPS = 60 };

/* A program that saves runs of its own session, and runs that share all nodes with the others'. */
static int write_runs(int writer)
{
    struct attune_store *store;
    struct attune_error err;
    char session[32];

    snprintf(session, sizeof session, "writer %d", writer);
    if (attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int run = 0; run < RUNS; run++) {
        struct attune_run_record record = made_record(session, "the same text");

        if (attune_store_begin_run(store, &record, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 2;
        }
        free(record.created);
        for (uint64_t i = 0; i < STEPS; i++) {
            struct attune_step step = made_step(run % 2 ? 1 : (uint64_t)(writer * 100 + run), i);

            if (attune_store_add_step(store, record.id, &step, &err)) {
                fprintf(stderr, "%s\n", err.text);
                return 3;
            }
        }
        if (attune_store_end_run(store, record.id, ATTUNE_STOP_LENGTH, "out", 3, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 4;
        }
    }
    attune_store_close(store);
    return 0;
}

static void none_of_several_writers_loses_a_step(void **state)
{
    struct attune_store *reader;
    struct attune_store_stats stats = {0};
    struct attune_error err;
    pid_t child[WRITERS];
    uint64_t seen = 0;
    int running = WRITERS, looks = 0;

    for (int i = 0; i < WRITERS; i++) { /* they race for making the file, too */
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0) {
            _exit(write_runs(i));
        }
    }
    while (running) { /* what a reader sees only grows, and no writer waits for it */
        int status;

        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
            running--;
        }
        if (attune_store_open(&reader, path, ATTUNE_STORE_READ, &err) == 0) {
            assert_int_equal(attune_store_stats(&stats, reader, &err), 0);
            assert_true(stats.steps >= seen);
            seen = stats.steps;
            looks++;
            attune_store_close(reader);
        } else {
            assert_int_equal(err.status, ATTUNE_NOT_FOUND);
        }
    }
    assert_true(looks > 0);
    reader = made_store(path, ATTUNE_STORE_READ);
    assert_int_equal(attune_store_stats(&stats, reader, &err), 0);
    assert_int_equal(stats.runs, WRITERS * RUNS);
    assert_int_equal(stats.steps, WRITERS * RUNS * STEPS);
    /* the runs with the same draws stand once, whoever wrote them first */
    assert_int_equal(stats.nodes, 1 + STEPS + WRITERS * (RUNS - RUNS / 2) * STEPS);
    attune_store_close(reader);
    whole();
}

/* What a child says of itself: the run and how many of its steps are stored. */
struct said {
    int64_t run;
    uint64_t n_steps;
};

/* Everything that writes, on and on, until the kill comes. */
static void work_until_killed(int out, uint64_t seed)
{
    struct attune_store *store;
    struct attune_error err;
    uint64_t draw = 0;

    if (attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err)) {
        _exit(1);
    }
    for (;;) {
        struct attune_run_record record = made_record("s", "text of a run");
        struct said said = {0};
        const uint64_t n = (uint64_t)(attune_rng_uniform(seed, draw++) * 30);
        struct attune_place place;

        record.seed = seed;
        if (attune_store_begin_run(store, &record, &err)) {
            _exit(2);
        }
        free(record.created);
        said.run = record.id;
        place = (struct attune_place){.run = record.id};
        for (said.n_steps = 0; said.n_steps < n;) {
            struct attune_step step = made_step(seed, said.n_steps);

            if (attune_store_add_step(store, record.id, &step, &err)) {
                _exit(3);
            }
            said.n_steps++;
            if (write(out, &said, sizeof said) != sizeof said) {
                _exit(4);
            }
        }
        if (attune_store_end_run(store, record.id, ATTUNE_STOP_LENGTH, "some output", 11, &err) ||
            attune_store_mark(store, &place, ATTUNE_MARK_NOTE, "a note", true, &err) ||
            attune_store_mark(store, &place, ATTUNE_MARK_TAG, "tag", true, &err)) {
            _exit(5);
        }
        if (attune_rng_uniform(seed, draw++) < 0.3) {
            said.n_steps = 0; /* from now on it may be gone */
            if (write(out, &said, sizeof said) != sizeof said ||
                attune_store_remove_run(store, record.id, &err)) {
                _exit(6);
            }
        }
    }
}

static void killed_at_200_moments(void **state)
{
    attune_store_close(made_store(path, ATTUNE_STORE_WRITE));
    for (uint64_t round = 0; round < 200; round++) {
        struct said said, last = {0};
        struct attune_store *store;
        struct attune_step *steps;
        struct attune_error err;
        int pipes[2];
        pid_t child;
        size_t n;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            work_until_killed(pipes[1], round + 1);
        }
        close(pipes[1]);
        usleep((useconds_t)(attune_rng_uniform(9, round) * 25000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &said, sizeof said) == sizeof said) {
            last = said;
        }
        close(pipes[0]);
        store = made_store(path, ATTUNE_STORE_READ);
        assert_int_equal(attune_store_load_steps(store, last.run, &steps, &n, &err), 0);
        assert_true(last.n_steps == 0 || n == last.n_steps || n == last.n_steps + 1);
        free(steps);
        attune_store_close(store);
        if (round % 20 == 19) {
            whole();
            store = made_store(path, ATTUNE_STORE_WRITE);
            attune_store_remove_session(store, "s", &err); /* so that it stays small */
            attune_store_close(store);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(none_of_several_writers_loses_a_step, fresh, fresh),
        cmocka_unit_test_setup_teardown(killed_at_200_moments, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_two", tests, NULL, NULL);
}
