#include <config.h>

#include <attune/compare.h>

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

#include "tests/prompts/live.h"
#include "tests/prompts/made.h"

static const char path[] = "compare-test.db";

/* A run whose tokens are the letters of a word. */
static int64_t spell(struct attune_store *store, const char *word, double temperature)
{
    struct attune_run_record record = made_record("s", "text");
    struct attune_error err;
    char chain[64];

    snprintf(chain, sizeof chain, "order=hf temperature=%g", temperature);
    record.chain = chain;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    for (size_t i = 0; word[i]; i++) {
        struct attune_step step = made_step(1, i);

        step.id = step.draw.id = word[i];
        step.digest = (uint64_t)word[i];
        step.eval_ms = 9;
        step.sample_ms = 1;
        assert_int_equal(attune_store_add_step(store, record.id, &step, &err), 0);
    }
    assert_int_equal(
        attune_store_end_run(store, record.id, ATTUNE_STOP_LENGTH, word, strlen(word), &err), 0);
    return record.id;
}

/* The columns of a comparison, dots where a run has nothing. */
static void aligned(const char *const words[], size_t n, const char *const wanted[])
{
    struct attune_store *store;
    struct attune_compare c;
    struct attune_error err;
    int64_t runs[ATTUNE_COMPARE_MOST];

    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    for (size_t k = 0; k < n; k++) {
        runs[k] = spell(store, words[k], 0.7);
    }
    assert_int_equal(attune_compare_runs(&c, store, runs, n, &err), 0);
    for (size_t k = 0; k < n; k++) {
        char column[64] = "";

        for (size_t i = 0; i < c.n_rows; i++) {
            const struct attune_compare_cell *cell = &c.rows[i].cells[k];

            column[i] = cell->at >= 0 ? (char)c.sides[k].steps[cell->at].id : '.';
            if (cell->at >= 0 && c.rows[i].cells[0].at >= 0) {
                assert_int_equal(cell->same, column[i] == words[0][c.rows[i].cells[0].at]);
            }
        }
        assert_string_equal(column, wanted[k]);
    }
    attune_compare_done(&c);
    attune_store_close(store);
    remove_store(path);
}

static void all_are_aligned_with_the_first(void **state)
{
    aligned((const char *const[]){"abc", "axc", "abyc"}, 3,
            (const char *const[]){"ab.c", "ax.c", "abyc"});
    aligned((const char *const[]){"abc", "abc"}, 2, (const char *const[]){"abc", "abc"});
    aligned((const char *const[]){"", "ab", "c", ""}, 4,
            (const char *const[]){"..", "ab", "c.", ".."});
    aligned((const char *const[]){"abcd", "bcd", "abc", "zabcdq"}, 4,
            (const char *const[]){".abcd.", "..bcd.", ".abc..", "zabcdq"});
}

static void fields_and_speed_have_a_column_each(void **state)
{
    struct attune_store *store;
    struct attune_compare c;
    struct attune_error err;
    int64_t runs[3];

    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    runs[0] = spell(store, "abc", 0.5);
    runs[1] = spell(store, "abc", 0.5);
    runs[2] = spell(store, "abd", 0.9);
    assert_int_equal(attune_compare_runs(&c, store, runs, 3, &err), 0);
    assert_int_equal(c.n_fields, 1);
    assert_string_equal(c.fields[0].name, "temperature");
    assert_string_equal(c.fields[0].values[0], "0.5");
    assert_string_equal(c.fields[0].values[1], "0.5");
    assert_string_equal(c.fields[0].values[2], "0.9");
    assert_true(fabs(c.tokens_per_s[1] - 100) < 1e-9);
    assert_true(c.same_prompt[2]);
    attune_compare_done(&c);
    assert_int_equal(attune_compare_runs(&c, store, runs, 1, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_compare_runs(&c, store, runs, 5, &err), ATTUNE_ARGUMENT);
    runs[2] = 99;
    assert_int_equal(attune_compare_runs(&c, store, runs, 3, &err), ATTUNE_NOT_FOUND);
    attune_store_close(store);
    remove_store(path);
}

/* What a model gives lies between the bounds that the saved candidates gave. */
static void with_the_model_distances_are_exact(void **state)
{
    struct live live;
    struct attune_store *store;
    struct attune_compare bounds, exact;
    struct attune_error err;
    int64_t runs[2];
    size_t apart = 0;

    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    live_init(&live, "llama-f32", "order=hf temperature=1", "Once upon a time");
    for (size_t k = 0; k < 2; k++) {
        runs[k] =
            live_run(&live, store,
                     (struct attune_run_options){.generate = {.max_tokens = 12, .seed = 5 + 6 * k}},
                     "Once upon a time", true);
    }
    assert_int_equal(attune_compare_runs(&bounds, store, runs, 2, &err), 0);
    assert_int_equal(attune_compare_runs(&exact, store, runs, 2, &err), 0);
    assert_int_equal(attune_compare_exactly(&exact, live.model, 1, NULL, &err), 0);
    assert_int_equal(exact.n_not_measured, 0);
    assert_int_equal(exact.n_rows, bounds.n_rows);
    for (size_t i = 0; i < exact.n_rows; i++) {
        const struct attune_compare_cell *a = &bounds.rows[i].cells[1],
                                         *b = &exact.rows[i].cells[1];

        if (a->at >= 0 && !isnan(a->low)) {
            assert_true(b->low == b->high);
            assert_true(a->low <= b->low + 1e-9 && b->low <= a->high + 1e-9);
            apart += b->low > 0;
        }
    }
    assert_true(exact.n_exact > 0 && apart == exact.n_exact);
    /* a record that was changed keeps its bounds */
    exact.sides[1].steps[3].digest++;
    assert_int_equal(attune_compare_exactly(&exact, live.model, 1, NULL, &err), 0);
    assert_int_equal(exact.n_not_measured, 1);
    /* and of another model nothing is computed */
    bounds.sides[0].record.model_digest++;
    assert_int_equal(attune_compare_exactly(&bounds, live.model, 1, NULL, &err), 0);
    assert_int_equal(bounds.n_exact, 0);
    attune_compare_done(&bounds);
    attune_compare_done(&exact);
    live_done(&live);
    attune_store_close(store);
    remove_store(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_aligned_with_the_first),
        cmocka_unit_test(fields_and_speed_have_a_column_each),
        cmocka_unit_test(with_the_model_distances_are_exact),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
