#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/forest.h"

static const char *const glyphs[] = {"| ", "  ", "|-", "`-"};

/* The forest of runs {id, fork_of}, a line each. */
static void grows(const int64_t (*pairs)[2], size_t n, const char *wanted)
{
    struct attune_run_record *runs = calloc(n + 1, sizeof *runs);
    struct forest forest;
    char got[512] = "";

    for (size_t i = 0; i < n; i++) {
        runs[i].id = pairs[i][0];
        runs[i].fork_of = pairs[i][1];
    }
    assert_true(forest_init(&forest, runs, n, false));
    for (size_t i = 0; i < n; i++) {
        char guides[2 * FOREST_DEEPEST + 1];

        forest_guides(guides, sizeof guides, &forest, forest.order[i], glyphs);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d\n", guides,
                 (int)runs[forest.order[i]].id);
    }
    assert_string_equal(got, wanted);
    forest_done(&forest);
    free(runs);
}

static void forks_stand_below_what_they_go_on_from(void **state)
{
    static const int64_t oldest_first[][2] = {{1, 0}, {2, 1}, {3, 0}, {4, 2}, {5, 1}, {6, 99}};
    static const int64_t newest_first[][2] = {{6, 99}, {5, 1}, {4, 2}, {3, 0}, {2, 1}, {1, 0}};

    grows(oldest_first, 6, "1\n|-2\n| `-4\n`-5\n3\n6\n");
    grows(newest_first, 6, "6\n3\n1\n|-5\n`-2\n  `-4\n");
    grows(newest_first, 0, "");
}

/* Nothing stands above or below itself, whatever a file says. */
static void circles_are_cut(void **state)
{
    static const int64_t circle[][2] = {{1, 2}, {2, 1}, {3, 3}};

    grows(circle, 3, "1\n`-2\n3\n");
}

static void a_deep_chain_ends_at_the_deepest(void **state)
{
    enum { N = 5000 };
    struct attune_run_record *runs = calloc(N, sizeof *runs);
    struct forest forest;
    char guides[2 * FOREST_DEEPEST + 1], small[6];

    for (int64_t i = 0; i < N; i++) {
        runs[i].id = i + 1;
        runs[i].fork_of = i;
    }
    assert_true(forest_init(&forest, runs, N, false));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(forest.order[i], i);
    }
    assert_int_equal(forest_guides(guides, sizeof guides, &forest, N - 1, glyphs), N - 1);
    assert_int_equal(strlen(guides), 2 * FOREST_DEEPEST);
    forest_guides(small, sizeof small, &forest, N - 1, glyphs);
    assert_int_equal(strlen(small), 4);
    forest_done(&forest);
    free(runs);
}

static void equal_prompts_stand_under_one_root(void **state)
{
    attune_token one[] = {1, 2, 3}, two[] = {1, 2, 4};
    struct attune_run_record runs[] = {{.id = 5, .n_prompt = 3, .prompt_ids = one},
                                       {.id = 4, .n_prompt = 3, .prompt_ids = two},
                                       {.id = 3, .n_prompt = 3, .prompt_ids = one},
                                       {.id = 2, .fork_of = 1, .n_prompt = 3, .prompt_ids = two},
                                       {.id = 1, .n_prompt = 3, .prompt_ids = one}};
    struct forest forest;
    char guides[2 * FOREST_DEEPEST + 1], got[64] = "";
    size_t first, n;

    assert_true(forest_init(&forest, runs, 5, true));
    for (size_t i = 0; i < 5; i++) {
        forest_guides(guides, sizeof guides, &forest, forest.order[i], glyphs);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d\n", guides,
                 (int)runs[forest.order[i]].id);
    }
    assert_string_equal(got, "4\n1\n|-5\n|-3\n`-2\n");
    forest_branch(&forest, 4, &first, &n);
    assert_int_equal(first, 1);
    assert_int_equal(n, 4);
    forest_branch(&forest, 1, &first, &n);
    assert_int_equal(first, 0);
    assert_int_equal(n, 1);
    assert_int_equal(forest_row(&forest, 3), 4);
    forest_done(&forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks_stand_below_what_they_go_on_from),
        cmocka_unit_test(circles_are_cut),
        cmocka_unit_test(equal_prompts_stand_under_one_root),
        cmocka_unit_test(a_deep_chain_ends_at_the_deepest),
    };
    return cmocka_run_group_tests_name("forest", tests, NULL, NULL);
}
