#include <config.h>

#include <attune/diff.h>

#include <math.h>
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

static const char path[] = "diff-test.db";

/* Steps whose tokens are the letters of a word. */
static struct attune_step *spell(const char *word)
{
    size_t n = strlen(word);
    struct attune_step *steps = calloc(n + 1, sizeof *steps);

    for (size_t i = 0; i < n; i++) {
        steps[i].index = i;
        steps[i].id = word[i];
        steps[i].digest = (uint64_t)word[i];
    }
    return steps;
}

/* The rows of two words, one above the other with dots where a side has nothing. */
static void aligned(const char *a, const char *b, const char *wanted_a, const char *wanted_b)
{
    struct attune_step *x = spell(a), *y = spell(b);
    struct attune_diff_row *rows;
    struct attune_error err;
    char got_a[64] = "", got_b[64] = "";
    size_t n;

    assert_int_equal(attune_diff_steps(&rows, &n, x, strlen(a), y, strlen(b), true, &err), 0);
    for (size_t i = 0; i < n; i++) {
        got_a[i] = rows[i].a >= 0 ? a[rows[i].a] : '.';
        got_b[i] = rows[i].b >= 0 ? b[rows[i].b] : '.';
        assert_int_equal(rows[i].same, got_a[i] == got_b[i]);
    }
    assert_string_equal(got_a, wanted_a);
    assert_string_equal(got_b, wanted_b);
    free(rows);
    free(x);
    free(y);
}

static void what_is_common_stands_together(void **state)
{
    aligned("", "", "", "");
    aligned("abc", "abc", "abc", "abc");
    aligned("abc", "", "abc", "...");
    aligned("", "abc", "...", "abc");
    aligned("abcdef", "abXdef", "abcdef", "abXdef");
    aligned("abcdef", "abdef", "abcdef", "ab.def");
    aligned("abdef", "abcdef", "ab.def", "abcdef");
    aligned("axxb", "ayb", "axxb", "ay.b");
}

/* As long as the table says for every pair of short words of two letters. */
static void the_common_part_is_the_longest(void **state)
{
    struct attune_error err;

    for (unsigned code = 0; code < 1u << 12; code++) {
        char a[7] = "", b[7] = "";
        int table[7][7] = {{0}};
        struct attune_step *x, *y;
        struct attune_diff_row *rows;
        size_t n, same = 0;

        for (int i = 0; i < 6; i++) {
            a[i] = code >> i & 1 ? 'a' : 'b';
            b[i] = code >> (i + 6) & 1 ? 'a' : 'b';
        }
        for (int i = 1; i <= 6; i++) {
            for (int k = 1; k <= 6; k++) {
                int skip = table[i - 1][k] > table[i][k - 1] ? table[i - 1][k] : table[i][k - 1];

                table[i][k] = a[i - 1] == b[k - 1] ? table[i - 1][k - 1] + 1 : skip;
            }
        }
        x = spell(a);
        y = spell(b);
        assert_int_equal(attune_diff_steps(&rows, &n, x, 6, y, 6, true, &err), 0);
        for (size_t i = 0, at_a = 0, at_b = 0; i < n; i++) {
            same += rows[i].same;
            at_a += rows[i].a >= 0;
            at_b += rows[i].b >= 0;
            assert_true(rows[i].a < 0 || rows[i].a == (int64_t)at_a - 1);
            assert_true(rows[i].b < 0 || rows[i].b == (int64_t)at_b - 1);
            assert_true(i + 1 < n || (at_a == 6 && at_b == 6));
        }
        assert_true(same >= (size_t)table[6][6]);
        free(rows);
        free(x);
        free(y);
    }
}

/* A distribution over 100 ids cut to its likeliest eight, as a step has it. */
static void spread(struct attune_step *step, double p[100], uint64_t seed)
{
    double sum = 0;

    memset(step, 0, sizeof *step);
    step->digest = seed;
    for (uint64_t i = 0; i < 100; i++) {
        p[i] = exp(8 * attune_rng_uniform(seed, i));
        sum += p[i];
    }
    for (int i = 0; i < 100; i++) {
        p[i] /= sum;
    }
    for (step->n_top = 0; step->n_top < ATTUNE_STEP_TOP; step->n_top++) {
        int best = -1;

        for (int i = 0; i < 100; i++) {
            bool taken = false;

            for (int k = 0; k < step->n_top; k++) {
                taken |= step->top[k].id == i;
            }
            best = !taken && (best < 0 || p[i] > p[best]) ? i : best;
        }
        step->top[step->n_top] = (struct attune_candidate){best, 0, p[best]};
    }
}

static void the_distance_lies_within_its_bounds(void **state)
{
    struct attune_error err;

    for (uint64_t seed = 1; seed < 200; seed += 2) {
        struct attune_step a, b;
        struct attune_diff_row *rows;
        double p[100], q[100], distance = 0;
        size_t n;

        spread(&a, p, seed);
        spread(&b, q, seed + 1);
        for (int i = 0; i < 100; i++) {
            distance += fabs(p[i] - q[i]) / 2;
        }
        assert_int_equal(attune_diff_steps(&rows, &n, &a, 1, &b, 1, true, &err), 0);
        assert_int_equal(n, 1);
        assert_true(rows[0].low <= distance + 1e-12 && distance <= rows[0].high + 1e-12);
        assert_true(rows[0].low > 0 && rows[0].high <= 1);
        free(rows);
        assert_int_equal(attune_diff_steps(&rows, &n, &a, 1, &a, 1, true, &err), 0);
        assert_true(rows[0].same_bits && rows[0].low == 0 && rows[0].high == 0);
        free(rows);
    }
}

static const char *field(const struct attune_diff *diff, const char *name, bool second)
{
    for (size_t i = 0; i < diff->n_fields; i++) {
        if (strcmp(diff->fields[i].name, name) == 0) {
            return second ? diff->fields[i].b : diff->fields[i].a;
        }
    }
    return NULL;
}

static void what_made_two_runs_is_told_where_it_differs(void **state)
{
    struct attune_store *store;
    struct attune_run_record record = made_record("s", "text");
    struct attune_diff diff;
    struct attune_error err;
    int64_t one, same, other;

    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    one = made_run(store, "s", "text", 1, 6, ATTUNE_STOP_LENGTH, "out");
    same = made_run(store, "t", "text", 1, 6, ATTUNE_STOP_LENGTH, "out");
    other = made_run(store, "s", "text", 2, 4, ATTUNE_STOP_EOS, "out");
    record.chain = (char *)"order=hf temperature=0.9 top_k=40";
    record.prompt_ids = &(attune_token){5};
    record.n_prompt = 1;
    record.n_stops = 1;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);

    assert_int_equal(attune_diff_runs(&diff, store, one, same, &err), 0);
    assert_true(diff.equal && diff.same_prompt);
    assert_int_equal(diff.n_fields, 0);
    assert_int_equal(diff.n_same, 6);
    attune_diff_done(&diff);

    assert_int_equal(attune_diff_runs(&diff, store, one, other, &err), 0);
    assert_false(diff.equal);
    assert_true(diff.same_prompt && diff.rows[0].same_context);
    assert_false(diff.rows[1].same_context);
    assert_string_equal(field(&diff, "seed", false), "1");
    assert_string_equal(field(&diff, "seed", true), "2");
    assert_string_equal(field(&diff, "stop_reason", true), "eos");
    assert_null(field(&diff, "temperature", false));
    attune_diff_done(&diff);

    assert_int_equal(attune_diff_runs(&diff, store, one, record.id, &err), 0);
    assert_false(diff.same_prompt);
    assert_string_equal(field(&diff, "temperature", false), "0.7");
    assert_string_equal(field(&diff, "temperature", true), "0.9");
    assert_string_equal(field(&diff, "top_k", true), "40");
    assert_string_equal(field(&diff, "stops", true), "\n\n");
    assert_int_equal(diff.n_rows, 6);
    assert_true(isnan(diff.rows[0].low));
    attune_diff_done(&diff);

    assert_int_equal(attune_diff_runs(&diff, store, one, 99, &err), ATTUNE_NOT_FOUND);
    attune_store_close(store);
    remove_store(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_common_stands_together),
        cmocka_unit_test(the_common_part_is_the_longest),
        cmocka_unit_test(the_distance_lies_within_its_bounds),
        cmocka_unit_test(what_made_two_runs_is_told_where_it_differs),
    };
    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
