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

static const char path[] = "store-find-test.db";
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

    const struct attune_run_query query = {.search = search};

    assert_int_equal(attune_store_sessions(store, &query, &rows, &n, &err), 0);
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

/* The runs that a query names, as "4 2 ". */
static void query_finds(const struct attune_run_query *query, const char *runs)
{
    struct attune_run_record *found;
    struct attune_error err;
    char got[64] = "";
    size_t n;

    if (attune_store_list(store, query, &found, &n, &err)) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%d ", (int)found[i].id);
    }
    assert_string_equal(got, runs);
    attune_run_records_free(found, n);
}

static void runs_are_found_by_what_made_them(void **state)
{
    static const struct attune_run_range warm = {"temperature", 0.6, 0.8},
                                         hot = {"temperature", 0.8, 2}, off = {"top_p", 1, 1},
                                         seed = {"seed", 2, 3}, tokens = {"tokens", 3, 9},
                                         wrong = {"warmth", 0, 1};
    const struct attune_run_range both[] = {warm, tokens};
    struct attune_run_query unknown = {.ranges = &wrong, .n_ranges = 1};
    struct attune_run_record *found;
    struct attune_error err;
    size_t n;

    query_finds(&(struct attune_run_query){.ranges = &warm, .n_ranges = 1}, "4 3 2 1 ");
    query_finds(&(struct attune_run_query){.ranges = &hot, .n_ranges = 1}, "");
    query_finds(&(struct attune_run_query){.ranges = &off, .n_ranges = 1}, "4 3 2 1 ");
    query_finds(&(struct attune_run_query){.ranges = &seed, .n_ranges = 1}, "3 2 ");
    query_finds(&(struct attune_run_query){.ranges = both, .n_ranges = 2}, "2 1 ");
    query_finds(&(struct attune_run_query){.ranges = both, .n_ranges = 2, .search = "soup"}, "2 ");
    query_finds(&(struct attune_run_query){.stop = "eos"}, "2 ");
    query_finds(&(struct attune_run_query){.stop = "none"}, "3 ");
    query_finds(&(struct attune_run_query){.stop = "none", .search = "review"}, "");
    query_finds(&(struct attune_run_query){.model = "TIN"}, "4 3 2 1 ");
    query_finds(&(struct attune_run_query){.model = "gpt"}, "");
    query_finds(&(struct attune_run_query){.since = "2020", .until = "2999-01"}, "4 3 2 1 ");
    query_finds(&(struct attune_run_query){.since = "2999"}, "");
    query_finds(&(struct attune_run_query){.until = "2020-12-31"}, "");
    assert_int_equal(attune_store_list(store, &unknown, &found, &n, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "no number warmth"));
    unknown = (struct attune_run_query){.stop = "later"};
    assert_int_equal(attune_store_list(store, &unknown, &found, &n, &err), ATTUNE_ARGUMENT);
}

static void a_session_names_its_runs_that_were_found(void **state)
{
    const struct attune_run_query query = {.search = "cold"};
    struct attune_session_row *rows;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_store_sessions(store, &query, &rows, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].name, "words");
    assert_int_equal(rows[0].n_matches, 1);
    assert_int_equal(rows[0].matches[0], 3);
    assert_int_equal(rows[1].n_matches, 1);
    assert_int_equal(rows[1].matches[0], 2);
    attune_session_rows_free(rows, n);
}

/* A clock that jumps back: what came last is still the newest. */
static void the_newest_is_what_came_last(void **state)
{
    struct attune_run_record record = made_record("words", "later");
    struct attune_session_row *rows;
    struct attune_error err;
    size_t n;

    record.created = strdup("1999-01-01T00:00:00.000Z");
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    query_finds(&(struct attune_run_query){.limit = 2}, "5 4 ");
    query_finds(&(struct attune_run_query){.search = "later"}, "5 ");
    query_finds(&(struct attune_run_query){.until = "1999"}, "5 ");
    assert_int_equal(attune_store_sessions(store, NULL, &rows, &n, &err), 0);
    assert_string_equal(rows[0].name, "words");
    assert_true(strcmp(rows[0].updated, "2000") > 0);
    attune_session_rows_free(rows, n);
    assert_int_equal(attune_store_remove_run(store, 5, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_found_by_words_of_prompt_and_output),
        cmocka_unit_test(a_page_of_the_list),
        cmocka_unit_test(sessions_are_found_by_name_and_by_their_runs),
        cmocka_unit_test(runs_are_found_by_what_made_them),
        cmocka_unit_test(a_session_names_its_runs_that_were_found),
        cmocka_unit_test(the_newest_is_what_came_last),
    };
    return cmocka_run_group_tests_name("store_find", tests, fill, empty);
}
