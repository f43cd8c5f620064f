/* logs.db of the tool llm, made here by its documented schema: of today and of its first versions.
 */
#include <config.h>

#include <attune/llm.h>
#include <attune/run.h>
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

#include <sqlite3.h>

#include "tests/prompts/made.h"

static const char path[] = "store-llm-test.db", logs[] = "store-llm-logs.db";

static int fresh(void **state)
{
    remove_store(path);
    remove_store(logs);
    return 0;
}

static void tell(const char *sql)
{
    sqlite3 *db;
    char *why = NULL;

    assert_int_equal(sqlite3_open(logs, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s", why);
    }
    sqlite3_close(db);
}

static const char today[] =
    "CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);"
    "CREATE TABLE schemas (id TEXT PRIMARY KEY, content TEXT);"
    "CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, "
    "prompt_json "
    "TEXT, options_json TEXT, response TEXT, response_json TEXT, conversation_id TEXT REFERENCES "
    "conversations (id), duration_ms INTEGER, datetime_utc TEXT, input_tokens INTEGER, "
    "output_tokens INTEGER, token_details TEXT, schema_id TEXT REFERENCES schemas (id), "
    "resolved_model TEXT);"
    "CREATE VIRTUAL TABLE responses_fts USING fts5 (prompt, response, content = responses);"
    "CREATE TABLE attachments (id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);"
    "CREATE TABLE prompt_attachments (response_id TEXT REFERENCES responses (id), attachment_id "
    "TEXT REFERENCES attachments (id), \"order\" INTEGER, PRIMARY KEY (response_id, "
    "attachment_id));"
    "CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT, datetime_utc TEXT, "
    "source TEXT);"
    "CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, \"order\" INTEGER, "
    "PRIMARY KEY (response_id, fragment_id));"
    "CREATE TABLE system_fragments (response_id TEXT, fragment_id INTEGER, \"order\" INTEGER, "
    "PRIMARY KEY (response_id, fragment_id));"
    "INSERT INTO conversations VALUES ('01h7conv', 'Names for a' || char(10) || 'pelican', "
    "'gpt-x');"
    "INSERT INTO responses VALUES ('01h7a', 'gpt-x', 'Two names for a pelican', 'Be brief', NULL, "
    "'{\"temperature\":0.5}', 'Percy, Penelope', '{\"id\":1}', '01h7conv', 812, "
    "'2025-05-01T10:11:12.345678+00:00', 12, 7, NULL, NULL, 'gpt-x-0501');"
    "INSERT INTO responses VALUES ('01h7b', 'gpt-x', 'One more', NULL, NULL, '{}', 'Peppa', NULL, "
    "'01h7conv', 400, '2025-05-01T10:12:00+00:00', 5, 2, NULL, NULL, NULL);"
    "INSERT INTO responses VALUES ('01h7c', 'other', 'What is in it?', NULL, NULL, '{}', 'A "
    "lighthouse', NULL, NULL, 90, '2025-05-02T00:00:00+00:00', NULL, NULL, NULL, NULL, NULL);"
    "INSERT INTO attachments VALUES ('att', 'image/png', '/pictures/sea.png', NULL, NULL);"
    "INSERT INTO prompt_attachments VALUES ('01h7c', 'att', 0);"
    "INSERT INTO fragments VALUES (1, 'aabb', 'words of the fragment', NULL, 'notes.txt');"
    "INSERT INTO prompt_fragments VALUES ('01h7c', 1, 0);";

static const char first_versions[] =
    "CREATE TABLE log (provider TEXT, system TEXT, prompt TEXT, chat_id INTEGER, response TEXT, "
    "model TEXT, timestamp TEXT);"
    "INSERT INTO log VALUES ('openai', '', 'An old question', NULL, 'An old answer', 'gpt-old', "
    "'2023-04-01 20:21:22.5');";

static void import(struct attune_store *store, size_t n_runs, size_t n_known)
{
    struct attune_llm_import done;
    struct attune_error err;

    if (attune_store_import_llm(&done, store, logs, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(done.n_runs, n_runs);
    assert_int_equal(done.n_known, n_known);
}

/* The only run with these words. */
static struct attune_run_record *find(struct attune_store *store, const char *words)
{
    const struct attune_run_query query = {.search = words};
    struct attune_run_record *found;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_store_list(store, &query, &found, &n, &err), 0);
    assert_int_equal(n, 1);
    return found;
}

static void responses_become_runs_of_text(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record *run;
    struct attune_store_check check;
    struct attune_prompt prompt;
    struct attune_verdict verdict;
    struct attune_error err;

    tell(today);
    import(store, 3, 0);
    run = find(store, "Penelope");
    assert_string_equal(run->origin, "llm");
    assert_string_equal(run->session, "llm: Names for a pelican [01h7conv]");
    assert_string_equal(run->created, "2025-05-01T10:11:12.345678+00:00");
    assert_string_equal(run->model_name, "gpt-x");
    assert_string_equal(run->prompt_text, "Two names for a pelican");
    assert_int_equal(run->output_len, strlen("Percy, Penelope"));
    assert_int_equal(run->n_prompt, 0);
    assert_int_equal(run->n_steps, 0);
    assert_non_null(strstr(run->details, "\"resolved_model\":\"gpt-x-0501\""));
    assert_non_null(strstr(run->details, "temperature"));
    assert_int_equal(
        attune_prompt_from_json(&prompt, run->prompt_json, strlen(run->prompt_json), &err), 0);
    assert_string_equal(prompt.blocks[0].text, "Be brief");
    assert_string_equal(prompt.blocks[prompt.n - 1].text, "Two names for a pelican");
    attune_prompt_done(&prompt);
    assert_int_equal(attune_replay_verify(&verdict, store, run->id, NULL, 1, NULL, &err),
                     ATTUNE_UNSUPPORTED);
    assert_non_null(strstr(err.text, "came from llm as text"));
    attune_run_records_free(run, 1);
    run = find(store, "lighthouse");
    assert_string_equal(run->session, "llm");
    assert_non_null(strstr(run->details, "/pictures/sea.png"));
    assert_non_null(strstr(run->details, "notes.txt"));
    assert_null(strstr(run->details, "words of the fragment"));
    attune_run_records_free(run, 1);
    assert_int_equal(attune_store_check(&check, store, NULL, &err), 0);
    if (check.n_problems) {
        fail_msg("%s", check.problems[0]);
    }
    attune_store_check_done(&check);
    attune_store_close(store);
}

static void what_is_here_already_is_passed_over(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);

    tell(today);
    import(store, 3, 0);
    tell("INSERT INTO responses (id, model, prompt, response, datetime_utc) VALUES ('01h7d', 'm', "
         "'new', 'newer', '2025-05-03T00:00:00+00:00')");
    import(store, 1, 3);
    import(store, 0, 4);
    attune_store_close(store);
}

static void the_first_versions_are_read_too(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record *run;

    tell(first_versions);
    import(store, 1, 0);
    run = find(store, "old answer");
    assert_string_equal(run->created, "2023-04-01T20:21:22.5");
    assert_string_equal(run->model_name, "gpt-old");
    assert_non_null(strstr(run->details, "openai"));
    attune_run_records_free(run, 1);
    attune_store_close(store);
}

static void text_runs_leave_and_come_back_whole(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record *run, *back;
    struct attune_error err;
    char *json, *again, *session;
    size_t len, again_len, n;
    const struct attune_run_query query = {.search = "Penelope"};

    tell(today);
    import(store, 3, 0);
    run = find(store, "Penelope");
    assert_int_equal(attune_store_export(store, run->session, 0, &json, &len, &err), 0);
    if (attune_store_import(store, json, len, &session, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(attune_store_list(store, &query, &back, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(back[0].details, run->details);
    assert_string_equal(back[0].origin, "llm");
    assert_memory_equal(back[0].output, run->output, run->output_len);
    assert_string_equal(back[0].prompt_json, run->prompt_json);
    assert_int_equal(attune_store_export(store, session, 0, &again, &again_len, &err), 0);
    assert_true(again_len > 0);
    attune_run_records_free(run, 1);
    attune_run_records_free(back, n);
    free(json);
    free(again);
    free(session);
    attune_store_close(store);
}

static void refused(struct attune_store *store, const char *why)
{
    struct attune_llm_import done;
    struct attune_error err = {0};
    struct attune_run_record *runs;
    size_t n;

    assert_int_not_equal(attune_store_import_llm(&done, store, logs, &err), 0);
    if (!strstr(err.text, why)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(attune_store_list(store, &(struct attune_run_query){0}, &runs, &n, &err), 0);
    assert_int_equal(n, 0);
    attune_run_records_free(runs, n);
}

static void what_is_no_log_of_llm_is_refused_whole(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);

    tell("CREATE TABLE other (x)");
    refused(store, "no logs.db of llm");
    tell("CREATE TABLE responses (id TEXT, model TEXT)");
    refused(store, "no column prompt");
    tell("DROP TABLE responses; CREATE TABLE responses (id TEXT, prompt TEXT, response TEXT); "
         "INSERT "
         "INTO responses VALUES ('a', 'fine', 'fine'), ('b', 'x', zeroblob(100000000))");
    refused(store, "string or blob too big");
    remove(logs);
    refused(store, logs);
    attune_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(responses_become_runs_of_text, fresh, fresh),
        cmocka_unit_test_setup_teardown(what_is_here_already_is_passed_over, fresh, fresh),
        cmocka_unit_test_setup_teardown(the_first_versions_are_read_too, fresh, fresh),
        cmocka_unit_test_setup_teardown(text_runs_leave_and_come_back_whole, fresh, fresh),
        cmocka_unit_test_setup_teardown(what_is_no_log_of_llm_is_refused_whole, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_llm", tests, NULL, NULL);
}
