#include <config.h>

#include <attune/run.h>

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

#include "tests/prompts/live.h"

static const char path[] = "replay-test.db", text[] = "Once upon a time";
static struct live live;
static struct attune_store *store;

static int begin(void **state)
{
    remove_store(path);
    live_init(&live, "llama-f32", "temperature=0.9 top_p=0.95 repeat_penalty=1.2", text);
    store = made_store(path, ATTUNE_STORE_WRITE);
    return 0;
}

static int end(void **state)
{
    attune_store_close(store);
    live_done(&live);
    remove_store(path);
    return 0;
}

static struct attune_verdict verified(int64_t run, const struct attune_model *model, int n_threads)
{
    struct attune_verdict verdict;
    struct attune_error err;

    if (attune_replay_verify(&verdict, store, run, model, n_threads, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    return verdict;
}

static void is_identical(struct attune_verdict verdict, size_t steps)
{
    if (verdict.identical != steps || verdict.steps != steps || verdict.first_difference != -1) {
        fail_msg("%s", verdict.what);
    }
    assert_true(verdict.max_logit_error == 0);
    assert_false(verdict.model_differs || verdict.tokenizer_differs || verdict.engine_differs);
    assert_non_null(strstr(verdict.what, "identical"));
}

static int64_t made(uint64_t seed, size_t n, bool ended)
{
    struct attune_run_options options = {.generate = {.max_tokens = n, .seed = seed}};

    return live_run(&live, store, options, text, ended);
}

/* Changes the record behind the store's back; ?1 is the run. */
static void tell(const char *sql, int64_t run)
{
    sqlite3_stmt *statement;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(statement, 1, run), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    assert_true(sqlite3_changes(db) > 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void what_was_recorded_is_computed_again_bit_for_bit(void **state)
{
    int64_t run = made(1, 24, true);

    is_identical(verified(run, live.model, 1), 24);
    is_identical(verified(run, live.model, 2), 24);
}

/* Rounded activations, which are the default of a quantised model, and floats: each is computed
 * again as it was made, which the engine's line says. */
static void activations_are_those_of_the_run(void **state)
{
    struct attune_context_options floats = {.n_threads = 1, .activations = ATTUNE_ACTIVATIONS_F32};
    struct attune_run_options options = {.generate = {.max_tokens = 12, .seed = 5}};
    struct live other;
    struct attune_verdict verdict;
    struct attune_error err;
    int64_t rounded, exact;

    live_init(&other, "llama-q8_0", "temperature=0.9 top_p=0.95", text);
    rounded = live_run(&other, store, options, text, true);
    assert_non_null(strstr(attune_context_engine(other.ctx), "activations q8"));
    attune_context_free(other.ctx);
    assert_int_equal(attune_context_new(&other.ctx, other.model, &floats, &err), 0);
    assert_null(strstr(attune_context_engine(other.ctx), "activations"));
    exact = live_run(&other, store, options, text, true);
    is_identical(verified(rounded, other.model, 2), 12);
    is_identical(verified(exact, other.model, 2), 12);
    tell("UPDATE run SET engine = (SELECT engine FROM run AS floats WHERE floats.id = ?1) "
         "WHERE id = ?1 - 1",
         exact);
    assert_int_equal(rounded, exact - 1);
    verdict = verified(rounded, other.model, 1);
    assert_true(verdict.first_difference == 0 && verdict.identical < 12);
    live_done(&other);
}

static void a_run_that_was_killed_is_proved_as_far_as_it_came(void **state)
{
    int64_t run = made(2, 9, true);

    tell("UPDATE run SET stop = '', output = NULL WHERE id = ?1", run);
    is_identical(verified(run, live.model, 1), 9);
    is_identical(verified(made(3, 0, true), live.model, 1), 0);
}

static void a_fork_is_proved_from_where_it_began(void **state)
{
    struct attune_run_options options = {.fork_of = made(4, 6, true), .fork_steps = 3};
    struct attune_step *steps;
    struct attune_error err;
    attune_token ids[128];
    size_t n;

    memcpy(ids, live.tokens.ids, live.tokens.n * sizeof *ids);
    assert_int_equal(attune_store_load_steps(store, options.fork_of, &steps, &n, &err), 0);
    for (size_t i = 0; i < 3; i++) {
        ids[live.tokens.n + i] = steps[i].id;
    }
    free(steps);
    ids[live.tokens.n + 3] = 70;
    options.ids = ids;
    options.n = live.tokens.n + 4;
    options.generate.seed = 4;
    options.generate.first_step = 4;
    options.generate.max_tokens = 8;
    is_identical(verified(live_run(&live, store, options, NULL, true), live.model, 1), 8);
}

static void one_changed_step_is_named_and_the_others_still_hold(void **state)
{
    struct attune_verdict verdict;
    int64_t run = made(5, 12, true);

    tell("UPDATE node SET digest = digest + 1 WHERE id = (SELECT node FROM run_step WHERE run = "
         "?1 AND i = 4)",
         run);
    verdict = verified(run, live.model, 1);
    assert_int_equal(verdict.steps, 12);
    assert_int_equal(verdict.identical, 11);
    assert_int_equal(verdict.first_difference, 4);
    assert_non_null(strstr(verdict.what, "step 4 differs in its logits"));
    assert_non_null(strstr(verdict.what, "the record was changed"));

    /* Another token: what follows is judged in front of it, so its logits differ from the record's
     * too. */
    run = made(6, 12, true);
    tell("UPDATE node SET token = (token + 1) % 256, drawn = token WHERE id = (SELECT node FROM "
         "run_step WHERE run = "
         "?1 AND i = 10)",
         run);
    verdict = verified(run, live.model, 1);
    assert_int_equal(verdict.first_difference, 11);
    assert_int_equal(verdict.identical, 11);
    assert_true(verdict.max_logit_error > 0);
}

static void another_model_explains_the_difference(void **state)
{
    struct attune_verdict verdict;
    struct live other;
    int64_t run = made(7, 5, true);

    live_init(&other, "llama-q8_0", "temperature=1", text);
    verdict = verified(run, other.model, 1);
    assert_true(verdict.model_differs);
    assert_int_equal(verdict.first_difference, 0);
    assert_true(verdict.max_logit_error > 0);
    assert_non_null(strstr(verdict.what, "the model is not the recorded one"));
    live_done(&other);
}

/* A record of another build: the parts of the fingerprint that differ are named, no others. */
static void another_build_is_named_part_by_part(void **state)
{
    struct attune_verdict verdict;
    int64_t run = made(7, 5, true);

    tell("UPDATE text SET bytes = CAST(replace(CAST(bytes AS TEXT), 'attune ', 'attune 0.0.9-') AS "
         "BLOB) WHERE id = (SELECT engine FROM run WHERE id = ?1)",
         run);
    verdict = verified(run, live.model, 1);
    assert_true(verdict.engine_differs && verdict.identical == verdict.steps);
    assert_non_null(strstr(verdict.what, "attune 0.0.9-"));
    assert_non_null(strstr(verdict.what, ", here attune "));
    assert_null(strstr(verdict.what, "sums"));
    tell("UPDATE node SET digest = digest + 1 WHERE id = (SELECT node FROM run_step WHERE run = "
         "?1 "
         "AND i = 2)",
         run);
    verdict = verified(run, live.model, 1);
    assert_int_equal(verdict.first_difference, 2);
    assert_non_null(strstr(verdict.what, "step 2 differs in its logits"));
    assert_non_null(strstr(verdict.what, "attune 0.0.9-"));
}

static void a_check_can_be_interrupted(void **state)
{
    struct attune_progress progress = {0};
    struct attune_verdict verdict;
    struct attune_error err;

    atomic_store(&progress.cancel, 1);
    assert_int_equal(
        attune_replay_verify(&verdict, store, made(8, 5, true), live.model, 1, &progress, &err),
        ATTUNE_CANCELLED);
    assert_int_equal(attune_replay_verify(&verdict, store, 12345, live.model, 1, NULL, &err),
                     ATTUNE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_recorded_is_computed_again_bit_for_bit),
        cmocka_unit_test(activations_are_those_of_the_run),
        cmocka_unit_test(a_run_that_was_killed_is_proved_as_far_as_it_came),
        cmocka_unit_test(a_fork_is_proved_from_where_it_began),
        cmocka_unit_test(one_changed_step_is_named_and_the_others_still_hold),
        cmocka_unit_test(another_model_explains_the_difference),
        cmocka_unit_test(another_build_is_named_part_by_part),
        cmocka_unit_test(a_check_can_be_interrupted),
    };
    return cmocka_run_group_tests_name("replay", tests, begin, end);
}
