/* Teams: every part of every call is done exactly once, whoever slept or spun before it. */
#include <config.h>

#include "engine/team.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

enum { MOST = 5 };

struct tally {
    _Atomic(int) done[MOST];
    _Atomic(int) wrong; /* parts that do not belong to this team */
    int n_parts;
};

static void count_part(void *arg, int part, int n_parts)
{
    struct tally *tally = arg;

    if (n_parts != tally->n_parts || part < 0 || part >= n_parts) {
        atomic_fetch_add(&tally->wrong, 1);
        return;
    }
    atomic_fetch_add(&tally->done[part], 1);
}

static void check_tally(const struct tally *tally, int runs)
{
    assert_int_equal(tally->wrong, 0);
    for (int part = 0; part < tally->n_parts; part++) {
        assert_int_equal(tally->done[part], runs);
    }
}

static void rest(long microseconds)
{
    struct timespec t = {0, microseconds * 1000};

    nanosleep(&t, NULL);
}

static struct team *make(int n_threads)
{
    struct attune_error err;
    struct team *team;

    assert_int_equal(team_new(&team, n_threads, &err), ATTUNE_OK);
    assert_int_equal(team_threads(team), n_threads);
    return team;
}

static void many_small_calls(void **state)
{
    for (int n = 1; n <= MOST; n++) {
        struct team *team = make(n);
        struct tally tally = {.n_parts = n};
        int runs = n <= 2 ? 5000 : 500;

        for (int i = 0; i < runs; i++) {
            team_run(team, count_part, &tally);
            for (int part = 0; part < n; part++) { /* done means done when it returns */
                assert_int_equal(tally.done[part], i + 1);
            }
        }
        check_tally(&tally, runs);
        team_free(team);
    }
}

/* Pauses around the time after which a thread falls asleep: the window in which a call could be
 * missed. */
static void no_call_is_slept_through(void **state)
{
    for (int n = 2; n <= 3; n++) {
        struct team *team = make(n);
        struct tally tally = {.n_parts = n};

        for (int i = 0; i < 300; i++) {
            rest(i % 30 * 8);
            team_run(team, count_part, &tally);
        }
        check_tally(&tally, 300);
        team_free(team);
    }
}

struct pair {
    struct team *inner;
    struct tally *tally;
};

static void run_inner(void *arg, int part, int n_parts)
{
    struct pair *pair = arg;

    if (part == 0) {
        team_run(pair->inner, count_part, pair->tally);
    }
}

static void teams_inside_teams(void **state)
{
    struct team *outer = make(2);

    for (int i = 0; i < 100; i++) { /* each starts and stops while the other lives */
        struct tally tally = {.n_parts = 1 + i % 3};
        struct pair pair = {make(tally.n_parts), &tally};

        team_run(outer, run_inner, &pair);
        team_run(outer, run_inner, &pair);
        check_tally(&tally, 2);
        team_free(pair.inner);
    }
    team_free(outer);
}

static void starting_and_stopping(void **state)
{
    for (int i = 0; i < 200; i++) { /* threads that never saw work, or only one piece */
        int n = 1 + i % MOST;
        struct team *team = make(n);
        struct tally tally = {.n_parts = n};

        if (i & 1) {
            team_run(team, count_part, &tally);
            check_tally(&tally, 1);
        }
        team_free(team);
    }
    team_free(NULL);
}

static void shares_cover_everything_once(void **state)
{
    static const size_t counts[] = {0, 1, 5, 15, 16, 17, 100, 50257};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (int n_parts = 1; n_parts <= 7; n_parts++) {
            for (size_t unit = 1; unit <= 16; unit *= 4) {
                size_t at = 0, first, last;

                for (int part = 0; part < n_parts; part++) {
                    team_share(counts[i], unit, part, n_parts, &first, &last);
                    assert_int_equal(first, at);
                    assert_true(last >= first && (last % unit == 0 || last == counts[i]));
                    assert_true(last - first <=
                                (counts[i] / unit / (size_t)n_parts + 2) * unit); /* fair */
                    at = last;
                }
                assert_int_equal(at, counts[i]);
            }
        }
    }
}

static void absurd_numbers_of_threads(void **state)
{
    struct attune_error err;
    struct team *team;

    assert_int_equal(team_new(&team, -3, &err), ATTUNE_OK);
    assert_int_equal(team_threads(team), 1);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_small_calls),
        cmocka_unit_test(no_call_is_slept_through),
        cmocka_unit_test(teams_inside_teams),
        cmocka_unit_test(starting_and_stopping),
        cmocka_unit_test(shares_cover_everything_once),
        cmocka_unit_test(absurd_numbers_of_threads),
    };
    return cmocka_run_group_tests_name("team", tests, NULL, NULL);
}
