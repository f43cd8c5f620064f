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
    made_run(store, "films", "Review: The soup was \"cold\".", 2, 3, ATTUNE_STOP_EOS, " Negative");
    made_run(store, "words", "hot -> cold", 3, 2, ATTUNE_STOP_NONE, "");
    made_run(store, "words", "日本 naïve", 4, 2, ATTUNE_STOP_TEXT, " été");
    return 0;
}

static int empty(void **state)
{
    attune_store_close(store);
    remove_store(path);
    return 0;
}

static void finds(const char *search, const char *session, const char *runs)
{
    struct attune_run_query query = {.search = search, .session = session};
    struct attune_run_record *found;
    struct attune_error err;
    char got[32] = "";
    size_t n;

    if (attune_store_list(store, &query, &found, &n, &err)) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%d ", (int)found[i].id);
    }
    assert_string_equal(got, runs);
    attune_run_records_free(found, n);
}

static void runs_are_found_by_words_of_prompt_and_output(void **state)
{
    finds(NULL, NULL, "4 3 2 1 ");
    finds("", NULL, "4 3 2 1 ");
    finds("review", NULL, "2 1 ");
    finds("Wonder positive", NULL, "1 ");
    finds("wonderful negative", NULL, "");
    finds("cold", NULL, "3 2 ");
    finds("cold", "words", "3 ");
    finds("\"cold\"", "films", "2 ");
    finds("日本", NULL, "4 ");
    finds("ete", NULL, "4 ");
    finds("a* OR \" ( NEAR", NULL, "");
    finds(NULL, "nobody", "");
}

static void a_page_of_the_list(void **state)
{
    struct attune_run_query query = {.limit = 2, .offset = 1};
    struct attune_run_record *found;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_store_list(store, &query, &found, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].id, 3);
    assert_int_equal(found[0].stop, ATTUNE_STOP_NONE);
    assert_int_equal(found[0].n_steps, 2);
    assert_int_equal(found[1].id, 2);
    attune_run_records_free(found, n);
}

static void session_names(const char *search, const char *wanted)
{
    struct attune_session_row *rows;
    struct attune_error err;
    char got[64] = "";
    size_t n;

    assert_int_equal(attune_store_sessions(store, search, &rows, &n, &err), 0);
    for (size_t i = 0; i < n; i++) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s:%zu ", rows[i].name,
                 rows[i].n_runs);
        assert_true(strcmp(rows[i].created, rows[i].updated) <= 0);
    }
    assert_string_equal(got, wanted);
    attune_session_rows_free(rows, n);
}

static void sessions_are_found_by_name_and_by_their_runs(void **state)
{
    session_names(NULL, "words:2 films:2 ");
    session_names("FILM", "films:2 ");
    session_names("cold", "words:2 films:2 ");
    session_names("wonderful", "films:2 ");
    session_names("nothing like it", "");
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
        cmocka_unit_test(runs_are_found_by_words_of_prompt_and_output),
        cmocka_unit_test(a_page_of_the_list),
        cmocka_unit_test(sessions_are_found_by_name_and_by_their_runs),
        cmocka_unit_test(a_run_that_is_not_there),
    };
    return cmocka_run_group_tests_name("store_read", tests, fill, empty);
}
