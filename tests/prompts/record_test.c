/* The thread that writes steps: nothing is lost, nobody waits, and the dead lose 100 ms at most. */
#include <config.h>

#include <attune/store.h>

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

#include <signal.h>
#include <sys/wait.h>

#include "prompts/record.h"
#include "prompts/store.h"
#include "tests/prompts/made.h"

static const char path[] = "record-test.db";

static int fresh(void **state)
{
    remove_store(path);
    return 0;
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void sleep_ms(double ms)
{
    nanosleep(&(struct timespec){0, (long)(ms * 1e6)}, NULL);
}

static int64_t begin(struct attune_store *store, uint64_t seed)
{
    struct attune_run_record record = made_record("s", "text");
    struct attune_error err;

    record.seed = seed;
    if (attune_store_begin_run(store, &record, &err)) {
        fail_msg("%s", err.text);
    }
    free(record.created);
    return record.id;
}

static size_t count(struct attune_store *store, int64_t run)
{
    struct attune_step *steps;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_store_load_steps(store, run, &steps, &n, &err), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(steps[i].index, i);
    }
    free(steps);
    return n;
}

static void all_steps_arrive_in_order(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct recorder *recorder;
    struct attune_error err;
    int64_t run = begin(store, 1);

    assert_int_equal(recorder_open(&recorder, store, run, &err), 0);
    for (uint64_t i = 0; i < 1000; i++) {
        const struct attune_step step = made_step(1, i);

        assert_int_equal(recorder_add(recorder, &step, &err), 0);
        if (i == 700) {
            assert_int_equal(recorder_flush(recorder, &err), 0);
        }
    }
    assert_int_equal(recorder_close(recorder, &err), 0);
    assert_int_equal(recorder_close(NULL, &err), 0);
    assert_int_equal(count(store, run), 1000);
    attune_store_close(store);
}

static void nobody_waits_for_another_writer(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE),
                        *other = made_store(path, ATTUNE_STORE_WRITE);
    struct recorder *recorder;
    struct attune_error err;
    int64_t run = begin(store, 1);
    double start;

    assert_int_equal(recorder_open(&recorder, store, run, &err), 0);
    assert_int_equal(store_begin(other, &err), 0);
    start = now_ms();
    for (uint64_t i = 0; i < 100; i++) {
        const struct attune_step step = made_step(1, i);

        assert_int_equal(recorder_add(recorder, &step, &err), 0);
    }
    assert_true(now_ms() - start < 1000); /* the other one has the right to write all the time */
    assert_int_equal(store_end(other, ATTUNE_OK, &err), 0);
    assert_int_equal(recorder_flush(recorder, &err), 0);
    assert_int_equal(count(store, run), 100);
    assert_int_equal(recorder_close(recorder, &err), 0);
    attune_store_close(other);
    attune_store_close(store);
}

static void what_failed_is_told(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_step step = made_step(1, 0);
    struct recorder *recorder;
    struct attune_error err;

    assert_int_equal(recorder_open(&recorder, store, 77, &err), 0);
    recorder_add(recorder, &step, &err);
    assert_int_equal(recorder_flush(recorder, &err), ATTUNE_NOT_FOUND);
    assert_non_null(strstr(err.text, "no run 77"));
    assert_int_equal(recorder_add(recorder, &step, &err), ATTUNE_NOT_FOUND);
    assert_int_equal(recorder_close(recorder, &err), ATTUNE_NOT_FOUND);
    attune_store_close(store);
}

struct told { /* by the one who will be killed: when a step was handed in, how late it ever woke */
    double ms, lag;
    uint64_t step;
};

static void write_until_killed(int out, uint64_t seed)
{
    struct attune_store *store;
    struct recorder *recorder;
    struct attune_error err;
    struct told told = {0};
    struct attune_run_record record = made_record("s", "text");
    const double pace = 1 + 30 * attune_rng_uniform(seed, 1);

    record.seed = seed;
    if (attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err) ||
        attune_store_begin_run(store, &record, &err) ||
        recorder_open(&recorder, store, record.id, &err)) {
        _exit(1);
    }
    for (;; told.step++) {
        const struct attune_step step = made_step(seed, told.step);
        double before;

        if (recorder_add(recorder, &step, &err)) {
            _exit(1);
        }
        told.ms = before = now_ms();
        if (write(out, &told, sizeof told) != sizeof told) {
            _exit(1);
        }
        sleep_ms(pace);
        told.lag = now_ms() - before - pace > told.lag ? now_ms() - before - pace : told.lag;
    }
}

static size_t recorded(uint64_t seed)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_READ);
    const struct attune_run_range range = {"seed", (double)seed, (double)seed};
    const struct attune_run_query query = {.ranges = &range, .n_ranges = 1};
    struct attune_run_record *runs;
    struct attune_error err;
    size_t n, steps;

    assert_int_equal(attune_store_list(store, &query, &runs, &n, &err), 0);
    assert_int_equal(n, 1);
    steps = count(store, runs[0].id);
    attune_run_records_free(runs, n);
    attune_store_close(store);
    return steps;
}

/* ATTUNE_KILLS=200 in `make crash`. */
static void the_dead_lose_100_ms_at_most(void **state)
{
    const char *wanted = getenv("ATTUNE_KILLS");
    uint64_t kills = wanted ? strtoull(wanted, NULL, 10) : 12;
    double worst = 0;

    attune_store_close(made_store(path, ATTUNE_STORE_WRITE));
    for (uint64_t seed = 1; seed <= kills; seed++) {
        struct told told, last = {0};
        double killed, lost = 0;
        size_t n;
        int pipes[2];
        pid_t child;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_until_killed(pipes[1], seed);
        }
        close(pipes[1]);
        assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
        sleep_ms(attune_rng_uniform(77, seed) * 250);
        killed = now_ms();
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        n = recorded(seed);
        do {
            last = told;
            lost = told.step >= n && lost == 0 ? killed - told.ms : lost;
        } while (read(pipes[0], &told, sizeof told) == sizeof told);
        close(pipes[0]);
        worst = lost > worst ? lost : worst;
        if (lost > 100 + 2 * last.lag) {
            fail_msg("a step handed in %.0f ms before the end was lost (woken %.0f ms late)", lost,
                     last.lag);
        }
    }
    print_message("# the oldest step lost was %.0f ms old\n", worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_steps_arrive_in_order, fresh, fresh),
        cmocka_unit_test_setup_teardown(nobody_waits_for_another_writer, fresh, fresh),
        cmocka_unit_test_setup_teardown(what_failed_is_told, fresh, fresh),
        cmocka_unit_test_setup_teardown(the_dead_lose_100_ms_at_most, fresh, fresh),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
