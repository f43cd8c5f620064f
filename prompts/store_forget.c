/* What leaves the journal with a run that is removed.
 *
 * That the run was opened, of course; and of the composer every state with words of this run alone:
 * on the way to a prompt it stood there in pieces ("the sec", "the secret"), so whatever shares
 * eight bytes in a row with a text of the run, or is a part of one, goes. Blocks that another run
 * has too (a task, shots of the library) are no reason. What was undone leads past what is gone. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "store.h"

enum { SHARED = 8, BITS = 16 };

struct secret { /* a text of the run that goes */
    char *bytes;
    size_t len;
    unsigned char *grams; /* [1 << BITS] bits: which of its parts of SHARED bytes there may be */
};

struct secrets {
    struct secret *list;
    size_t n;
};

static uint32_t gram(const char *bytes)
{
    uint64_t x;

    memcpy(&x, bytes, sizeof x);
    return (uint32_t)(x * 0x9e3779b97f4a7c15u >> (64 - BITS));
}
_Static_assert(SHARED == sizeof(uint64_t), "a part is looked up as one number");

static int add_secret(struct secrets *s, const char *bytes, size_t len, struct attune_error *err)
{
    struct secret *more;

    if (len == 0) {
        return ATTUNE_OK;
    }
    more = realloc(s->list, (s->n + 1) * sizeof *more);
    if (!more) {
        return text_no_memory(err);
    }
    s->list = more;
    more += s->n++;
    *more = (struct secret){text_copy(bytes, len), len, calloc(1 << (BITS - 3), 1)};
    if (!more->bytes || !more->grams) {
        return text_no_memory(err);
    }
    for (size_t i = 0; i + SHARED <= len; i++) {
        uint32_t at = gram(bytes + i);

        more->grams[at >> 3] |= (unsigned char)(1u << (at & 7));
    }
    return ATTUNE_OK;
}

static void secrets_done(struct secrets *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->list[i].bytes);
        free(s->list[i].grams);
    }
    free(s->list);
}

static bool shares(const struct secret *s, const char *bytes, size_t len)
{
    if (len == 0) {
        return false;
    }
    if (len < SHARED || s->len < SHARED) {
        return memmem(s->bytes, s->len, bytes, len) || memmem(bytes, len, s->bytes, s->len);
    }
    for (size_t i = 0; i + SHARED <= len; i++) {
        uint32_t at = gram(bytes + i);

        if (s->grams[at >> 3] >> (at & 7) & 1 && memmem(s->bytes, s->len, bytes + i, SHARED)) {
            return true;
        }
    }
    return false;
}

static bool is_secret(const struct secrets *s, const char *bytes, size_t len)
{
    for (size_t i = 0; i < s->n; i++) {
        if (shares(&s->list[i], bytes, len)) {
            return true;
        }
    }
    return false;
}

/* Do the blocks of another run have these words as they stand? */
static int others_have(struct attune_store *store, int64_t run, const json_t *value,
                       struct attune_error *err)
{
    char *quoted = json_dumps(value, JSON_ENCODE_ANY);
    struct query q;
    int got = quoted ? -query_open(&q, store,
                                   "SELECT 1 WHERE EXISTS (SELECT 1 FROM text WHERE id IN (SELECT "
                                   "composed FROM run WHERE id <> ?1) AND instr(bytes, CAST(?2 AS "
                                   "BLOB)))",
                                   err)
                     : -text_no_memory(err);

    if (quoted && got == 0) {
        query_int(&q, run);
        query_text(&q, quoted);
        got = query_step(&q, err);
    }
    if (quoted) {
        query_close(&q);
    }
    free(quoted);
    return got;
}

/* A member of a block, or a variable's value. */
static int add_words(struct secrets *s, struct attune_store *store, int64_t run,
                     const json_t *object, const char *key, struct attune_error *err)
{
    const json_t *value = json_object_get(object, key);
    char *bytes = NULL;
    size_t len = 0;
    int got, status = ATTUNE_OK;

    if (!value) {
        return ATTUNE_OK;
    }
    got = others_have(store, run, value, err);
    if (got == 0) {
        status = json_get_bytes(&bytes, &len, object, key, "journal", err);
        if (status == ATTUNE_OK) {
            status = add_secret(s, bytes, len, err);
        }
    }
    free(bytes);
    return got < 0 ? -got : status;
}

static int add_composed(struct secrets *s, struct attune_store *store, int64_t run,
                        const json_t *root, struct attune_error *err)
{
    const json_t *blocks = json_object_get(root, "blocks");
    json_t *variables = json_object_get(root, "variables"), *value;
    const char *name;
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < json_array_size(blocks); i++) {
        const json_t *block = json_array_get(blocks, i);

        status = add_words(s, store, run, block, "text", err);
        if (status == ATTUNE_OK) {
            status = add_words(s, store, run, block, "answer", err);
        }
    }
    json_object_foreach(variables, name, value)
    {
        if (status == ATTUNE_OK) {
            status = add_words(s, store, run, variables, name, err);
        }
    }
    return status;
}

/* The texts of a run that may stand in the journal: its blocks, or the prompt as it was sent; and
 * what it said, which may have been written on from. */
static int find_secrets(struct secrets *s, struct attune_store *store, int64_t run,
                        struct attune_error *err)
{
    struct query q;
    json_t *root = NULL;
    int status = query_open(&q, store,
                            "SELECT composed.bytes, prompt.bytes, output.bytes FROM run JOIN text "
                            "AS prompt ON prompt.id = run.prompt LEFT JOIN text AS composed ON "
                            "composed.id = run.composed LEFT JOIN text AS output ON output.id = "
                            "run.output WHERE run.id = ?",
                            err);

    if (status == ATTUNE_OK) {
        const char *bytes;
        size_t len;
        int got;

        query_int(&q, run);
        got = query_step(&q, err);
        status = got < 0 ? -got : ATTUNE_OK;
        bytes = query_get_bytes(&q, 0, &len);
        root = got > 0 && len ? json_read(bytes, len, "journal", NULL) : NULL;
        if (got > 0 && !json_object_get(root, "blocks")) {
            bytes = query_get_bytes(&q, 1, &len);
            status = add_secret(s, bytes, len, err);
        }
        if (got > 0 && status == ATTUNE_OK) {
            bytes = query_get_bytes(&q, 2, &len);
            status = len >= 2 * SHARED ? add_secret(s, bytes, len, err) : ATTUNE_OK;
        }
    }
    query_close(&q);
    if (status == ATTUNE_OK && root) {
        status = add_composed(s, store, run, root, err);
    }
    json_decref(root);
    return status;
}

/* Runs a statement with the parameter ?1. */
static int change(struct attune_store *store, const char *sql, int64_t id, struct attune_error *err)
{
    int64_t none;
    int got = store_lookup(store, &none, sql, id, err);

    return got < 0 ? -got : ATTUNE_OK;
}

static int forget_state(struct attune_store *store, int64_t id, struct attune_error *err)
{
    static const char *const sql[] = {
        "UPDATE track SET state = (SELECT coalesce(parent, (SELECT max(id) FROM state WHERE parent "
        "= ?1), ?1) FROM state WHERE id = ?1) WHERE state = ?1",
        "DELETE FROM track WHERE state = ?1",
        "UPDATE state SET parent = (SELECT parent FROM state WHERE id = ?1) WHERE parent = ?1",
        "DELETE FROM state WHERE id = ?1",
    };
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < sizeof sql / sizeof *sql; i++) {
        status = change(store, sql[i], id, err);
    }
    return status;
}

static int forget_all(struct attune_store *store, const struct text *ids, struct attune_error *err)
{
    int status = ids->failed ? text_no_memory(err) : ATTUNE_OK;
    int64_t id;

    for (size_t at = 0; status == ATTUNE_OK && at < ids->len; at += sizeof id) {
        memcpy(&id, ids->data + at, sizeof id);
        status = forget_state(store, id, err);
    }
    return status;
}

/* States by a statement with one parameter. */
static int find_states(struct text *ids, struct attune_store *store, const char *sql,
                       int64_t parameter, struct attune_error *err)
{
    struct query q;
    int status = query_open(&q, store, sql, err), got = 0;

    if (status == ATTUNE_OK) {
        query_int(&q, parameter);
        while ((got = query_step(&q, err)) > 0) {
            int64_t id = query_get_int(&q, 0);

            text_add(ids, &id, sizeof id);
        }
        status = got < 0 ? -got : ATTUNE_OK;
    }
    query_close(&q);
    return status;
}

/* A frame has words of its own in the values of variables. */
static bool frame_has(const struct secrets *s, const char *bytes, size_t len)
{
    json_t *root = json_read(bytes, len, "journal", NULL), *value;
    const char *name;
    bool found = false;

    json_object_foreach(json_object_get(root, "variables"), name, value)
    {
        const char *text = json_string_value(value);

        found = found || (text && is_secret(s, text, strlen(text)));
    }
    json_decref(root);
    return found;
}

/* The states whose words or frames have a secret in them. */
static int find_drafts(struct text *ids, struct attune_store *store, const struct secrets *s,
                       struct attune_error *err)
{
    static const struct {
        const char *texts, *states;
        bool frame;
    } kinds[] = {
        {"SELECT id, bytes FROM text WHERE id IN (SELECT text FROM state_block UNION SELECT answer "
         "FROM state_block)",
         "SELECT DISTINCT state FROM state_block WHERE text = ?1 OR answer = ?1", false},
        {"SELECT id, bytes FROM text WHERE id IN (SELECT frame FROM state)",
         "SELECT id FROM state WHERE frame = ?1", true},
    };
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < 2; i++) {
        struct query q;
        int got = 0;

        status = query_open(&q, store, kinds[i].texts, err);
        while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
            size_t len;
            const char *bytes = query_get_bytes(&q, 1, &len);

            if (kinds[i].frame ? frame_has(s, bytes, len) : is_secret(s, bytes, len)) {
                status = find_states(ids, store, kinds[i].states, query_get_int(&q, 0), err);
            }
        }
        query_close(&q);
        status = status == ATTUNE_OK && got < 0 ? -got : status;
    }
    return status;
}

int store_forget_states(struct attune_store *store, int64_t run, struct attune_error *err)
{
    struct secrets secrets = {0};
    struct text ids = {0};
    int status = find_states(&ids, store, "SELECT id FROM state WHERE run = ?", run, err);

    if (status == ATTUNE_OK) {
        status = find_secrets(&secrets, store, run, err);
    }
    if (status == ATTUNE_OK && secrets.n) {
        status = find_drafts(&ids, store, &secrets, err);
    }
    if (status == ATTUNE_OK) {
        status = forget_all(store, &ids, err);
    }
    secrets_done(&secrets);
    text_done(&ids);
    for (int i = 0; i < STORE_DESKS; i++) {
        store->desks[i].state = -1; /* looked up again */
    }
    return status;
}
