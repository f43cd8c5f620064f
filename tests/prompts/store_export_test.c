#include <config.h>

#include <attune/store.h>

#include <jansson.h>
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

static const char path[] = "store-export-test.db", copy[] = "store-export-copy.db";

static int fresh(void **state)
{
    remove_store(path);
    remove_store(copy);
    return 0;
}

/* Two runs that share steps, one that was cut off, a fork with a token put in, an encoder-decoder,
 * odd bytes and odd numbers. */
static struct attune_store *filled(void)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_run_record record = made_record("all \xff kinds", "text \xff\n");
    attune_token ids[8], decoder[] = {0, 3};
    struct attune_step odd = made_step(9, 0);
    struct attune_error err;
    int64_t one =
        made_run(store, record.session, record.prompt_text, 1, 6, ATTUNE_STOP_EOS, "out \xfe");

    made_run(store, record.session, record.prompt_text, 1, 4, ATTUNE_STOP_NONE, "");
    memcpy(ids, record.prompt_ids, 4 * sizeof *ids);
    ids[4] = made_step(1, 0).id;
    ids[5] = made_step(1, 1).id;
    ids[6] = 77;
    record.fork_of = one;
    record.fork_steps = 2;
    record.prompt_ids = ids;
    record.n_prompt = 7;
    record.prompt_text = NULL;
    record.first_step = 3;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    odd.p = NAN;
    odd.logit = -INFINITY;
    odd.logsumexp = 5e-324;
    odd.draw.id++;
    odd.eval_ms = 1.0 / 3;
    assert_int_equal(attune_store_add_step(store, record.id, &odd, &err), 0);
    assert_int_equal(attune_store_end_run(store, record.id, ATTUNE_STOP_ERROR, "", 0, &err), 0);
    record = made_record(record.session, "x");
    record.decoder_ids = decoder;
    record.n_decoder = 2;
    record.fast = true;
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    return store;
}

static void a_document_taken_back_is_the_same_session(void **state)
{
    struct attune_store *store = filled(), *other = made_store(copy, ATTUNE_STORE_WRITE);
    struct attune_error err;
    char *json, *again, *name;
    size_t len, again_len;

    if (attune_store_export(store, "all \xff kinds", 0, &json, &len, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(strlen(json), len);
    if (attune_store_import(other, json, len, &name, &err)) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(name, "all \xff kinds");
    assert_int_equal(attune_store_export(other, name, 0, &again, &again_len, &err), 0);
    assert_int_equal(len, again_len);
    assert_memory_equal(json, again, len);
    free(again);
    free(name);

    /* Taken a second time it stands beside the first, and shares every node with it. */
    assert_int_equal(attune_store_import(other, json, len, &name, &err), 0);
    assert_string_equal(name, "all \xff kinds (2)");
    free(name);
    free(json);
    attune_store_close(other);
    attune_store_close(store);
}

static void one_run_alone(void **state)
{
    struct attune_store *store = filled(), *other = made_store(copy, ATTUNE_STORE_WRITE);
    struct attune_run_record was, is;
    struct attune_step *steps, *back;
    struct attune_error err;
    char *json, *name;
    size_t len, n, m;

    assert_int_equal(attune_store_export(store, NULL, 3, &json, &len, &err), 0);
    assert_int_equal(attune_store_import(other, json, len, &name, &err), 0);
    free(name);
    assert_int_equal(attune_store_load_run(store, 3, &was, &err), 0);
    assert_int_equal(attune_store_load_run(other, 1, &is, &err), 0);
    assert_int_equal(was.n_prompt, is.n_prompt);
    assert_int_equal(was.n_inherited, is.n_inherited);
    assert_memory_equal(was.prompt_ids, is.prompt_ids, was.n_prompt * sizeof *was.prompt_ids);
    assert_int_equal(was.prompt_text_len, is.prompt_text_len);
    assert_memory_equal(was.prompt_text, is.prompt_text, was.prompt_text_len);
    assert_int_equal(attune_store_load_steps(store, 3, &steps, &n, &err), 0);
    assert_int_equal(attune_store_load_steps(other, 1, &back, &m, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(m, 1);
    assert_true(isnan(back[0].p));
    back[0].p = steps[0].p = 0;
    assert_memory_equal(steps, back, sizeof *steps);
    free(steps);
    free(back);
    attune_run_record_done(&was);
    attune_run_record_done(&is);
    assert_int_equal(attune_store_export(store, NULL, 99, &name, &len, &err), ATTUNE_NOT_FOUND);
    assert_int_equal(attune_store_export(store, "nobody", 0, &name, &len, &err), ATTUNE_NOT_FOUND);
    free(json);
    attune_store_close(other);
    attune_store_close(store);
}

/* Every member of the document in turn is taken out, and replaced by values of every other type:
 * the import is refused whole or is still a document, and the database stays consistent. */
struct mutation {
    json_t *root;
    struct attune_store *store;
    size_t tried, taken;
};

static void attempt(struct mutation *m)
{
    char *text = json_dumps(m->root, JSON_COMPACT | JSON_REAL_PRECISION(17)), *name;
    struct attune_session_row *rows;
    struct attune_error err;
    size_t before, after;

    assert_int_equal(attune_store_sessions(m->store, NULL, &rows, &before, &err), 0);
    attune_session_rows_free(rows, before);
    m->tried++;
    err.text[0] = '\0';
    if (attune_store_import(m->store, text, strlen(text), &name, &err) == 0) {
        m->taken++;
        assert_int_equal(attune_store_remove_session(m->store, name, &err), 0);
        free(name);
    } else {
        assert_null(name);
        assert_true(strlen(err.text) > 10);
    }
    assert_int_equal(attune_store_sessions(m->store, NULL, &rows, &after, &err), 0);
    attune_session_rows_free(rows, after);
    assert_int_equal(before, after);
    free(text);
}

static void mutate(struct mutation *m, json_t *value)
{
    static const char *const odd[] = {"null",         "-1", "1e300",   "\"\"",
                                      "\"x\\u0000\"", "[]", "[[1,2]]", "{\"base64\":\"AA\"}",
                                      "99999999999"};
    const char *key;
    json_t *child, *kept;
    void *next;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach_safe(value, next, key, child)
        {
            kept = json_incref(child);
            for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
                json_object_set_new(value, key,
                                    json_loads(odd[k], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
                attempt(m);
            }
            json_object_set_new(value, key, kept);
            mutate(m, kept);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, child)
        {
            if (i == 0) {
                kept = json_incref(child);
                json_array_set_new(value, i, json_string("odd"));
                attempt(m);
                json_array_set_new(value, i, kept);
                mutate(m, kept);
            }
        }
    }
}

static void hostile_documents_are_taken_whole_or_refused_whole(void **state)
{
    struct attune_store *store = filled();
    struct mutation m = {.store = made_store(copy, ATTUNE_STORE_WRITE)};
    struct attune_error err;
    char *json, *name;
    size_t len;

    assert_int_equal(attune_store_export(store, NULL, 3, &json, &len, &err), 0);
    m.root = json_loadb(json, len, 0, NULL);
    assert_int_equal(attune_store_import(m.store, json, len / 2, &name, &err), ATTUNE_FORMAT);
    mutate(&m, m.root);
    print_message("# %zu documents, %zu taken\n", m.tried, m.taken);
    assert_true(m.tried > 300 && m.taken < m.tried / 2);
    json_decref(m.root);
    free(json);
    attune_store_close(m.store);
    attune_store_close(store);
}

static void refused(struct attune_store *store, const char *json, size_t len)
{
    struct attune_session_row *rows;
    struct attune_error err;
    char *name;
    size_t n;

    assert_int_not_equal(attune_store_import(store, json, len, &name, &err), 0);
    assert_null(name);
    assert_true(strlen(err.text) > 10);
    assert_int_equal(attune_store_sessions(store, NULL, &rows, &n, &err), 0);
    assert_int_equal(n, 0);
    attune_session_rows_free(rows, n);
}

/* The addresses of all nodes that runs of a session end in, by run. */
static char *addresses(struct attune_store *store, const char *session)
{
    char *json, *at, *out = calloc(1, 1 << 14);
    struct attune_error err;
    size_t len;

    assert_int_equal(attune_store_export(store, session, 0, &json, &len, &err), 0);
    for (at = json; (at = strstr(at, "\"hash\":\"")); at++) {
        strncat(out, at + 8, 32);
    }
    free(json);
    return out;
}

/* Forests of forks, drawn at random: what comes back has every node at its address. */
static void a_tree_that_comes_back_is_the_same_tree(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE),
                            *other = made_store(copy, ATTUNE_STORE_WRITE);
        int64_t runs[12];
        uint64_t drawn[12];
        struct attune_error err;
        char *json, *name, *before, *after;
        size_t len;

        for (size_t i = 0; i < 12; i++) {
            size_t from = (size_t)(attune_rng_uniform(seed, 3 * i) * (double)i);

            if (i < 2 || attune_rng_uniform(seed, 3 * i + 1) < 0.3) {
                drawn[i] = seed + i % 3;
                runs[i] = made_run(store, "s", "text", drawn[i], 4, ATTUNE_STOP_EOS, "out");
            } else {
                attune_token put_in = (attune_token)(i + 1);

                drawn[i] = 50 + (uint64_t)put_in;
                runs[i] = made_fork(store, runs[from], drawn[from],
                                    (size_t)(attune_rng_uniform(seed, 3 * i + 2) * 4), put_in);
            }
        }
        assert_int_equal(attune_store_export(store, "s", 0, &json, &len, &err), 0);
        if (attune_store_import(other, json, len, &name, &err)) {
            fail_msg("%s", err.text);
        }
        before = addresses(store, "s");
        after = addresses(other, name);
        assert_int_equal(strlen(before), 12 * 32);
        assert_string_equal(before, after);
        free(before);
        free(after);
        free(json);
        free(name);
        attune_store_close(other);
        attune_store_close(store);
        remove_store(path);
        remove_store(copy);
    }
}

/* A digit of a step's number is another one: the address of the last node says so. */
static void what_was_changed_is_refused(void **state)
{
    struct attune_store *store = filled(), *other = made_store(copy, ATTUNE_STORE_WRITE);
    struct attune_error err;
    char *json, *at;
    size_t len;

    assert_int_equal(attune_store_export(store, NULL, 3, &json, &len, &err), 0);
    at = strstr(json, "\"entropy_bits\":");
    assert_non_null(at);
    at += strlen("\"entropy_bits\":") + 2;
    *at = *at == '5' ? '6' : '5';
    refused(other, json, len);
    free(json);
    attune_store_close(other);
    attune_store_close(store);
}

static void what_is_cut_or_never_ends_is_refused(void **state)
{
    enum { DEEP = 200000 };
    struct attune_store *store = filled(), *other = made_store(copy, ATTUNE_STORE_WRITE);
    struct attune_error err;
    char *json, *deep = malloc(DEEP);
    size_t len;

    assert_int_equal(attune_store_export(store, NULL, 3, &json, &len, &err), 0);
    for (size_t n = 0; n < len; n += len / 211 + 1) {
        refused(other, json, n);
    }
    memset(deep, '[', DEEP);
    refused(other, deep, DEEP);
    for (int i = 0; i + 5 < DEEP; i += 5) {
        memcpy(deep + i, "{\"a\":", 5);
    }
    refused(other, deep, DEEP);
    memset(deep, '9', DEEP);
    refused(other, deep, DEEP);
    free(deep);
    free(json);
    attune_store_close(other);
    attune_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_document_taken_back_is_the_same_session, fresh, fresh),
        cmocka_unit_test_setup_teardown(one_run_alone, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_tree_that_comes_back_is_the_same_tree, fresh, fresh),
        cmocka_unit_test_setup_teardown(what_was_changed_is_refused, fresh, fresh),
        cmocka_unit_test_setup_teardown(what_is_cut_or_never_ends_is_refused, fresh, fresh),
        cmocka_unit_test_setup_teardown(hostile_documents_are_taken_whole_or_refused_whole, fresh,
                                        fresh),
    };
    return cmocka_run_group_tests_name("store_export", tests, NULL, NULL);
}
