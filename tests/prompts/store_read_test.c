#include <config.h>

#include <attune/store.h>

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

static const char path[] = "store-read-test.db";
static struct attune_store *store;

static int fill(void **state)
{
    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    made_run(store, "films", "Review: The movie was wonderful.", 1, 3, ATTUNE_STOP_LENGTH,
             " Positive");
    made_run(store, "words", "hot -> cold", 3, 2, ATTUNE_STOP_NONE, "");
    return 0;
}

static int empty(void **state)
{
    attune_store_close(store);
    remove_store(path);
    return 0;
}

static void a_run_comes_back_as_it_was(void **state)
{
    struct attune_run_record record;
    struct attune_error err;

    assert_int_equal(attune_store_load_run(store, 1, &record, &err), 0);
    assert_string_equal(record.session, "films");
    assert_string_equal(record.chain, "order=hf temperature=0.7");
    assert_string_equal(record.output, " Positive");
    assert_int_equal(record.stop, ATTUNE_STOP_LENGTH);
    assert_int_equal(record.n_steps, 3);
    assert_int_equal(record.n_stops, 2);
    assert_string_equal(record.tags, "");
    assert_string_equal(record.note, "");
    attune_run_record_done(&record);
    assert_int_equal(attune_store_load_run(store, 2, &record, &err), 0);
    assert_int_equal(record.stop, ATTUNE_STOP_NONE);
    assert_true(record.output_len > 0);
    attune_run_record_done(&record);
}

static void a_run_that_is_not_there(void **state)
{
    struct attune_run_record record;
    struct attune_step *steps;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_store_load_run(store, 99, &record, &err), ATTUNE_NOT_FOUND);
    assert_non_null(strstr(err.text, "no run 99"));
    assert_int_equal(attune_store_load_steps(store, 99, &steps, &n, &err), 0);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_comes_back_as_it_was),
        cmocka_unit_test(a_run_that_is_not_there),
    };
    return cmocka_run_group_tests_name("store_read", tests, fill, empty);
}
