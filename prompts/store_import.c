/* What store_export.c writes, read back: every member checked, all of it taken or nothing. */
#include <config.h>

#include <attune/pin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pack.h"
#include "step_json.h"
#include "store.h"

static int wrong(struct attune_error *err, const char *what, const char *why)
{
    return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: %s", what, why);
}

static int check_date(const char *date, const char *what, struct attune_error *err)
{
    size_t len = strlen(date);

    return len >= 10 && len <= 40 && strspn(date, "0123456789-:.+TZ") == len
               ? ATTUNE_OK
               : wrong(err, what, "\"created\" wants a date like 2024-05-06T07:08:09Z");
}

/* The members of a run that are text. */
static int read_texts(struct attune_run_record *out, const json_t *run, const char *what,
                      struct attune_error *err)
{
    const json_t *model = json_object_get(run, "model");
    const struct {
        char **to;
        const json_t *from;
        const char *key;
    } texts[] = {
        {&out->created, run, "created"},   {&out->model_path, model, "path"},
        {&out->model_name, model, "name"}, {&out->model_family, model, "family"},
        {&out->engine, run, "engine"},     {&out->prompt_json, run, "composed"},
        {&out->chain, run, "chain"},
    };
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < sizeof texts / sizeof *texts; i++) {
        status = json_get_bytes(texts[i].to, NULL, texts[i].from, texts[i].key, what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bytes(&out->prompt_text, &out->prompt_text_len, run, "prompt", what, err);
    }
    return status == ATTUNE_OK ? check_date(out->created, what, err) : status;
}

static int read_numbers(struct attune_run_record *out, const json_t *run, const char *what,
                        struct attune_error *err)
{
    const json_t *model = json_object_get(run, "model");
    uint64_t max_tokens = 0;
    int status = json_get_u64(&out->model_digest, model, "digest", UINT64_MAX, what, err);

    if (status == ATTUNE_OK) {
        status = json_get_u64(&out->tokenizer_digest, model, "tokenizer", UINT64_MAX, what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_u64(&out->seed, run, "seed", UINT64_MAX, what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_u64(&out->first_step, run, "first_step", UINT64_MAX, what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_u64(&max_tokens, run, "max_tokens", INT64_MAX, what, err);
        out->max_tokens = (size_t)max_tokens;
    }
    if (status == ATTUNE_OK) {
        status = json_get_bool(&out->fast, run, "fast", what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bool(&out->ignore_end, run, "ignore_end", what, err);
    }
    return status;
}

static int read_stops(struct attune_run_record *out, const json_t *run, const char *what,
                      struct attune_error *err)
{
    const json_t *list;
    size_t n = 0;
    int status = json_get_array(&list, &n, run, "stops", 1 << 16, what, err);

    if (status == ATTUNE_OK) {
        out->stops = calloc(n + 1, sizeof *out->stops);
        status = out->stops ? ATTUNE_OK : text_no_memory(err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        json_t *holder = json_pack("{s:O}", "stops", json_array_get(list, i));

        status = json_get_bytes(&out->stops[i], NULL, holder, "stops", what, err);
        out->n_stops += status == ATTUNE_OK;
        json_decref(holder);
    }
    return status;
}

static int put_inherited(struct attune_store *store, struct node_at *at, const json_t *part,
                         const char *what, struct attune_error *err)
{
    struct attune_step step;
    uint8_t hash[STORE_HASH];
    char *chain = NULL;
    size_t len = 0;
    int64_t id = 0;
    int status = step_from_json(&step, json_object_get(part, "step"), what, err);

    if (status == ATTUNE_OK) {
        status = json_get_bytes(&chain, &len, part, "chain", what, err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_text(store, &id, hash, false, chain, len, err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_step(store, at, id, hash, &step, err);
    }
    free(chain);
    return status;
}

/* One part of the way; the first is the prompt's ids, and the decoder's side begins right behind
 * it. */
static int put_part(struct attune_store *store, struct node_at *at, const json_t *part, size_t i,
                    const char *what, struct attune_error *err)
{
    attune_token *ids = NULL;
    char *bytes = NULL;
    size_t n = 0, len = 0;
    bool decoder = false;
    int status;

    if (json_object_get(part, "step")) {
        return i ? put_inherited(store, at, part, what, err)
                 : wrong(err, what, "\"path\" begins with the prompt's ids");
    }
    status = ids_from_json(&ids, &n, part, "ids", what, err);
    if (status == ATTUNE_OK) {
        status = json_get_bool(&decoder, part, "decoder", what, err);
    }
    if (status == ATTUNE_OK && json_object_get(part, "bytes")) {
        status = json_get_bytes(&bytes, &len, part, "bytes", what, err);
    }
    if (status == ATTUNE_OK && (n == 0 || (decoder && i != 1) || (bytes && i == 0))) {
        status = wrong(err, what, "\"path\" has a part that cannot stand where it does");
    }
    if (status == ATTUNE_OK) {
        status = store_put_given(store, at, decoder ? NODE_DECODER : NODE_GIVEN, ids, n, bytes, len,
                                 err);
    }
    free(ids);
    free(bytes);
    return status;
}

static int put_path(struct attune_store *store, struct node_at *base, const json_t *run,
                    const char *what, struct attune_error *err)
{
    const json_t *list;
    size_t n = 0;
    int status = json_get_array(&list, &n, run, "path", SIZE_MAX, what, err);

    if (status == ATTUNE_OK && json_object_get(run, "origin")) { /* text alone: nothing was read */
        return store_put_given(store, base, NODE_GIVEN, NULL, 0, NULL, 0, err);
    }
    if (status == ATTUNE_OK && n == 0) {
        status = wrong(err, what, "\"path\" is empty");
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = put_part(store, base, json_array_get(list, i), i, what, err);
    }
    return status;
}

static int put_steps(struct attune_store *store, const json_t *run, const char *what,
                     struct attune_error *err)
{
    const json_t *list;
    size_t n = 0;
    int status = json_get_array(&list, &n, run, "steps", SIZE_MAX, what, err);

    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        struct attune_step step;
        char place[96];

        snprintf(place, sizeof place, "%s, step %zu", what, i);
        status = step_from_json(&step, json_array_get(list, i), place, err);
        if (status == ATTUNE_OK) {
            status = store_put_run_step(store, &step, err);
        }
    }
    return status;
}

static int put_end(struct attune_store *store, int64_t id, const json_t *run, const char *what,
                   struct attune_error *err)
{
    char *name = NULL, *output = NULL;
    size_t len = 0;
    int status = json_get_bytes(&name, NULL, run, "stop_reason", what, err);

    if (status == ATTUNE_OK && store_stop_of(name) == ATTUNE_STOP_COUNT) {
        status = wrong(err, what, "unknown \"stop_reason\"");
    }
    if (status == ATTUNE_OK &&
        (store_stop_of(name) != ATTUNE_STOP_NONE || json_object_get(run, "origin"))) {
        status = json_get_bytes(&output, &len, run, "output", what, err);
        if (status == ATTUNE_OK) {
            status = store_put_end(store, id, store_stop_of(name), output, len, err);
        }
    }
    free(name);
    free(output);
    return status;
}

static int put_mark(struct attune_store *store, struct attune_place place, const json_t *mark,
                    const char *what, struct attune_error *err)
{
    char *kind = NULL, *text = NULL, *created = NULL;
    int status = json_get_bytes(&kind, NULL, mark, "kind", what, err);

    if (status == ATTUNE_OK && store_mark_kind_of(kind) == ATTUNE_MARK_KIND_COUNT) {
        status = wrong(err, what, "unknown \"kind\" of a mark");
    }
    if (status == ATTUNE_OK) {
        status = json_get_bytes(&text, NULL, mark, "text", what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bytes(&created, NULL, mark, "created", what, err);
    }
    if (status == ATTUNE_OK) {
        status = check_date(created, what, err);
    }
    if (status == ATTUNE_OK && json_object_get(mark, "step")) {
        place.at_step = true;
        status = json_get_u64(&place.step, mark, "step", INT64_MAX, what, err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_mark(store, &place, store_mark_kind_of(kind), text, created, err);
    }
    if (status == ATTUNE_NOT_FOUND) {
        status = wrong(err, what, "a mark on a step that is not there");
    }
    free(kind);
    free(text);
    free(created);
    return status;
}

static int put_pin(struct attune_store *store, int64_t run, const json_t *object, const char *what,
                   struct attune_error *err)
{
    struct attune_pin pin = {0};
    char *kind = NULL, *shape = NULL, *bytes = NULL;
    size_t len = 0;
    int status = json_get_u64(&pin.step, object, "step", INT64_MAX, what, err);

    if (status == ATTUNE_OK) {
        status = json_get_bytes(&kind, NULL, object, "kind", what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bytes(&shape, NULL, object, "shape", what, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bytes(&bytes, &len, object, "values", what, err);
    }
    if (status == ATTUNE_OK && !store_read_pin_head(&pin, kind, shape)) {
        status = wrong(err, what, "\"pins\" has an unknown \"kind\" or an impossible \"shape\"");
    }
    if (status == ATTUNE_OK) { /* what the bytes claim is looked at before room is made */
        status = unpack_floats(&pin.values, pin.n, bytes, len, err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_pin(store, run, &pin, err);
    }
    status =
        status == ATTUNE_NOT_FOUND ? wrong(err, what, "a pin on a step that is not there") : status;
    free(pin.values);
    free(kind);
    free(shape);
    free(bytes);
    return status;
}

static int put_pins(struct attune_store *store, int64_t run, const json_t *object, const char *what,
                    struct attune_error *err)
{
    const json_t *list = NULL;
    size_t n = 0;
    int status = json_object_get(object, "pins")
                     ? json_get_array(&list, &n, object, "pins", SIZE_MAX, what, err)
                     : ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = put_pin(store, run, json_array_get(list, i), what, err);
    }
    return status;
}

/* Is the last node what the document says it was? Older documents do not. */
static int check_hash(struct attune_store *store, const json_t *run, const char *what,
                      struct attune_error *err)
{
    const json_t *hash = json_object_get(run, "hash");
    char hex[2 * STORE_HASH + 1];

    for (size_t i = 0; i < STORE_HASH; i++) {
        snprintf(hex + 2 * i, 3, "%02x", store->leaf.node_hash[i]);
    }
    return !hash || (json_is_string(hash) && strcmp(json_string_value(hash), hex) == 0)
               ? ATTUNE_OK
               : wrong(err, what, "its content is not what its \"hash\" says: it was changed");
}

static int read_origin(struct attune_run_record *out, const json_t *run, const char *what,
                       struct attune_error *err)
{
    int status;

    if (!json_object_get(run, "origin")) {
        return ATTUNE_OK;
    }
    status = json_get_bytes(&out->origin, NULL, run, "origin", what, err);
    if (status == ATTUNE_OK && (!*out->origin || strlen(out->origin) > 40)) {
        status = wrong(err, what, "\"origin\" wants a name");
    }
    return status == ATTUNE_OK ? json_get_bytes(&out->details, NULL, run, "details", what, err)
                               : status;
}

/* The marks of a session or a run, if it has any. */
static int put_marks(struct attune_store *store, struct attune_place place, const json_t *object,
                     const char *what, struct attune_error *err)
{
    const json_t *list = NULL;
    size_t n = 0;
    int status = json_object_get(object, "marks")
                     ? json_get_array(&list, &n, object, "marks", SIZE_MAX, what, err)
                     : ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = put_mark(store, place, json_array_get(list, i), what, err);
    }
    return status;
}

static int put_run(struct attune_store *store, char *session, const json_t *run, size_t i,
                   struct attune_error *err)
{
    struct attune_run_record record = {0};
    struct node_at base = {0};
    char what[48];
    int status;

    snprintf(what, sizeof what, "run %zu of the document", i + 1);
    status = read_texts(&record, run, what, err);
    if (status == ATTUNE_OK) {
        status = read_numbers(&record, run, what, err);
    }
    if (status == ATTUNE_OK) {
        status = read_stops(&record, run, what, err);
    }
    if (status == ATTUNE_OK) {
        status = read_origin(&record, run, what, err);
    }
    if (status == ATTUNE_OK) {
        status = put_path(store, &base, run, what, err);
    }
    if (status == ATTUNE_OK) {
        record.session = session;
        status = store_put_run(store, &record, &base, err);
        record.session = NULL;
    }
    if (status == ATTUNE_OK) {
        status = put_steps(store, run, what, err);
    }
    if (status == ATTUNE_OK) {
        status = check_hash(store, run, what, err);
    }
    if (status == ATTUNE_OK) {
        status = put_end(store, record.id, run, what, err);
    }
    if (status == ATTUNE_OK) {
        status = put_pins(store, record.id, run, what, err);
    }
    if (status == ATTUNE_OK) {
        status = put_marks(store, (struct attune_place){.run = record.id}, run, what, err);
    }
    attune_run_record_done(&record);
    return status;
}

/* Makes the session under `name`, or the first of "name (2)", "name (3)", ... that is free. */
static int put_session(struct attune_store *store, char **out, const char *name,
                       const char *created, struct attune_error *err)
{
    struct query q;
    char tried[256];
    int64_t made = 0;
    int status = ATTUNE_OK;

    for (int i = 1; status == ATTUNE_OK && !made && i < 100000; i++) {
        snprintf(tried, sizeof tried, i > 1 ? "%.200s (%d)" : "%.200s", name, i);
        status =
            query_open(&q, store,
                       "INSERT INTO session (name, created) VALUES (?, ?) ON CONFLICT DO NOTHING "
                       "RETURNING id",
                       err);
        if (status == ATTUNE_OK) {
            int got;

            query_text(&q, tried);
            query_text(&q, created);
            while ((got = query_step(&q, err)) > 0) {
                made = query_get_int(&q, 0);
            }
            status = got < 0 ? -got : ATTUNE_OK;
        }
        query_close(&q);
    }
    if (status == ATTUNE_OK) {
        status = store_check_session(tried, err);
    }
    if (status == ATTUNE_OK) {
        *out = strdup(tried);
        status = *out ? ATTUNE_OK : text_no_memory(err);
    }
    return status;
}

static int check_head(const json_t *root, struct attune_error *err)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    const json_t *version = json_object_get(root, "version");

    if (!format || strcmp(format, "attune session") != 0) {
        return wrong(err, "import",
                     "\"format\" is not \"attune session\": this is no export of attune");
    }
    if (!json_is_integer(version) || json_integer_value(version) < 1 ||
        json_integer_value(version) > 2) {
        return attune_error_set(
            err, ATTUNE_UNSUPPORTED, 0,
            "import: the document has another \"version\" than 1 or 2: a newer attune wrote it");
    }
    return ATTUNE_OK;
}

static int put_document(struct attune_store *store, char **session, const json_t *root,
                        struct attune_error *err)
{
    const json_t *head = json_object_get(root, "session"), *runs = NULL;
    char *name = NULL, *created = NULL;
    size_t n = 0;
    int status = json_get_bytes(&name, NULL, head, "name", "session", err);

    if (status == ATTUNE_OK) {
        status = store_check_session(name, err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bytes(&created, NULL, head, "created", "session", err);
    }
    if (status == ATTUNE_OK) {
        status = check_date(created, "session", err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_array(&runs, &n, root, "runs", SIZE_MAX, "import", err);
    }
    if (status == ATTUNE_OK && n == 0) {
        status = wrong(err, "import", "\"runs\" is empty");
    }
    if (status == ATTUNE_OK) {
        status = put_session(store, session, name, created, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = put_run(store, *session, json_array_get(runs, i), i, err);
    }
    if (status == ATTUNE_OK) {
        status = put_marks(store, (struct attune_place){.session = *session}, head, "session", err);
    }
    free(name);
    free(created);
    return status;
}

int attune_store_import(struct attune_store *store, const char *json, size_t len, char **session,
                        struct attune_error *err)
{
    json_t *root = json_read(json, len, "import", err);
    int status;

    *session = NULL;
    if (!root) {
        return ATTUNE_FORMAT;
    }
    status = check_head(root, err);
    if (status == ATTUNE_OK) {
        status = store_begin(store, err);
        if (status == ATTUNE_OK) {
            status = store_end(store, put_document(store, session, root, err), err);
        }
    }
    store->leaf.run = 0;
    json_decref(root);
    if (status != ATTUNE_OK) {
        free(*session);
        *session = NULL;
    }
    return status;
}
