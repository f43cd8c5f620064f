/* A session, or one run of it, as one JSON document:
 *
 *   {"format": "attune session", "version": 1, "session": {"name": ..., "created": ...},
 *    "runs": [{"run": 3, "created": ..., "model": {...}, "engine": ..., "fast": false, "composed":
 * ..., "prompt": ..., "path": [...], "chain": ..., "seed": "7", ..., "steps": [...]}, ...]}
 *
 * "path" is what the model read, in order: {"ids": [...]} for given tokens (with "decoder": true
 * where the decoder's side begins, with "bytes" inside a text) and {"step": {...}, "chain": ...}
 * for a step that a fork took over. "hash" is the address of the last node. A run that came from
 * elsewhere as text has "origin" and "details" and an empty path. "pins" is [{"step": "4", "kind":
 * "logits", "shape": "2432", "values": zstd of the floats as schema.sql has them}, ...]; a document
 * with either is of version 2. "marks" of the session or a run,
 * where there are any, is
 * [{"kind": "tag", "text": ..., "created": ..., "step": "4"}, ...]. Texts are as in json.h, 64-bit
 * numbers strings of digits, doubles 17 digits. */
#include <config.h>

#include <attune/export.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "step_json.h"
#include "store.h"

static json_t *of_string(const char *string)
{
    return json_of_bytes(string, strlen(string));
}

static json_t *of_part(const struct path_part *part)
{
    json_t *object;
    int bad = 0;

    if (part->kind == NODE_STEP) {
        return json_pack("{s:o, s:o}", "step", step_to_json(part->step), "chain",
                         json_of_bytes(part->chain, part->chain_len));
    }
    object = json_pack("{s:o}", "ids", ids_to_json(part->ids, part->n));
    if (object && part->kind == NODE_DECODER) {
        bad = json_object_set_new(object, "decoder", json_true());
    }
    if (object && part->bytes) {
        bad = bad || json_object_set_new(object, "bytes", json_of_bytes(part->bytes, part->len));
    }
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* The way to a run's base as a list; NULL with err set. */
static json_t *of_path(struct attune_store *store, int64_t run, struct attune_error *err)
{
    struct path_part *path = NULL;
    json_t *list = NULL;
    int64_t base;
    size_t n = 0;
    int got = store_lookup(store, &base, "SELECT base FROM run WHERE id = ?", run, err);
    int bad = got < 0 || store_load_path(store, base, &path, &n, err) != ATTUNE_OK;

    if (!bad) {
        list = json_array();
        for (size_t i = 0; list && i < n; i++) {
            if (json_array_append_new(list, of_part(&path[i]))) {
                json_decref(list);
                list = NULL;
            }
        }
        if (!list) {
            text_no_memory(err);
        }
    }
    store_path_free(path, n);
    return list;
}

static json_t *of_steps(struct attune_store *store, int64_t run, struct attune_error *err)
{
    struct attune_step *steps;
    json_t *list;
    size_t n;

    if (attune_store_load_steps(store, run, &steps, &n, err) != ATTUNE_OK) {
        return NULL;
    }
    list = json_array();
    for (size_t i = 0; list && i < n; i++) {
        if (json_array_append_new(list, step_to_json(&steps[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    free(steps);
    if (!list) {
        text_no_memory(err);
    }
    return list;
}

/* The prompt before any fork, as the run's row has it. */
static json_t *of_prompt(struct attune_store *store, int64_t run, struct attune_error *err)
{
    struct query q;
    json_t *value = NULL;
    const char *bytes;
    size_t len;

    if (query_open(&q, store,
                   "SELECT text.bytes FROM run JOIN text ON text.id = run.prompt WHERE run.id = ?",
                   err) == ATTUNE_OK) {
        query_int(&q, run);
        if (query_step(&q, err) > 0) {
            bytes = query_get_bytes(&q, 0, &len);
            value = json_of_bytes(bytes, len);
        }
    }
    query_close(&q);
    return value;
}

static json_t *of_stops(const struct attune_run_record *record)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < record->n_stops; i++) {
        if (json_array_append_new(list, of_string(record->stops[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Adds the marks that stand on the place itself, and where it is a run on its steps. */
static int add_marks(json_t *object, struct attune_store *store, const struct attune_place *place,
                     struct attune_error *err)
{
    struct attune_mark *marks;
    json_t *list = json_array();
    size_t n;
    int status = list ? attune_store_marks(store, place, &marks, &n, err) : text_no_memory(err);

    if (status != ATTUNE_OK) {
        json_decref(list);
        return status;
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        json_t *mark;

        if (marks[i].run != place->run) {
            continue;
        }
        mark = json_pack("{s:s, s:o, s:o}", "kind", attune_mark_kind_text(marks[i].kind), "text",
                         of_string(marks[i].text), "created", of_string(marks[i].created));
        if (!mark ||
            (marks[i].at_step &&
             json_object_set_new(mark, "step", json_of_u64(marks[i].step)) != 0) ||
            json_array_append(list, mark) != 0) {
            status = text_no_memory(err);
        }
        json_decref(mark);
    }
    attune_marks_free(marks, n);
    if (status == ATTUNE_OK && json_array_size(list) &&
        json_object_set(object, "marks", list) != 0) {
        status = text_no_memory(err);
    }
    json_decref(list);
    return status;
}

static json_t *of_record(const struct attune_run_record *r)
{
    return json_pack(
        "{s:I, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:s, "
        "s:o}",
        "run", (json_int_t)r->id, "created", of_string(r->created), "model", "path",
        of_string(r->model_path), "name", of_string(r->model_name), "family",
        of_string(r->model_family), "digest", json_of_u64(r->model_digest), "tokenizer",
        json_of_u64(r->tokenizer_digest), "engine", of_string(r->engine), "fast", r->fast,
        "composed", of_string(r->prompt_json), "chain", of_string(r->chain), "seed",
        json_of_u64(r->seed), "first_step", json_of_u64(r->first_step), "max_tokens",
        json_of_u64(r->max_tokens), "ignore_end", r->ignore_end, "stops", of_stops(r),
        "stop_reason", store_stop_name(r->stop), "output",
        r->stop == ATTUNE_STOP_NONE && !*r->origin ? json_null()
                                                   : json_of_bytes(r->output, r->output_len));
}

/* What most runs do not have. */
static int add_origin(json_t *object, const struct attune_run_record *r)
{
    return *r->origin ? json_object_set_new(object, "origin", of_string(r->origin)) ||
                            json_object_set_new(object, "details", of_string(r->details))
                      : 0;
}

/* What is pinned of the run's steps, where anything is. */
static int add_pins(json_t *object, struct attune_store *store, int64_t run,
                    struct attune_error *err)
{
    json_t *list = json_array();
    struct query q;
    int status = query_open(&q, store,
                            "SELECT node.step, pin.kind, pin.shape, pin.bytes FROM run_step JOIN "
                            "node ON node.id = run_step.node JOIN pin ON pin.node = node.id WHERE "
                            "run_step.run = ? ORDER BY run_step.i, pin.kind",
                            err),
        got = 0;

    if (status == ATTUNE_OK) {
        query_int(&q, run);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        char *kind = query_get_text(&q, 1), *shape = query_get_text(&q, 2);
        size_t len;
        const char *bytes = query_get_bytes(&q, 3, &len);
        json_t *pin = kind && shape
                          ? json_pack("{s:o, s:s, s:s, s:o}", "step",
                                      json_of_u64((uint64_t)query_get_int(&q, 0)), "kind", kind,
                                      "shape", shape, "values", json_of_bytes(bytes, len))
                          : NULL;

        status = pin && json_array_append_new(list, pin) == 0 ? ATTUNE_OK : text_no_memory(err);
        free(kind);
        free(shape);
    }
    query_close(&q);
    status = status == ATTUNE_OK && got < 0 ? -got : status;
    if (status == ATTUNE_OK && json_array_size(list) && json_object_set(object, "pins", list)) {
        status = text_no_memory(err);
    }
    json_decref(list);
    return status;
}

/* 2 where there is what the first version did not know and must not lose. */
static int version_of(const json_t *runs)
{
    int version = 1;

    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);

        version = json_object_get(run, "pins") || json_object_get(run, "origin") ? 2 : version;
    }
    return version;
}

/* The address of the last node: with it an import knows whether every step is what it was. */
static int add_hash(json_t *object, struct attune_store *store, int64_t run,
                    struct attune_error *err)
{
    struct query q;
    char hex[2 * STORE_HASH + 1] = "";
    int status =
            query_open(&q, store,
                       "SELECT lower(hex(hash)) FROM node WHERE id = (SELECT ifnull((SELECT node "
                       "FROM run_step "
                       "WHERE run = ?1 ORDER BY i DESC LIMIT 1), base) FROM run WHERE id = ?1)",
                       err),
        got = 0;

    if (status == ATTUNE_OK) {
        query_int(&q, run);
        got = query_step(&q, err);
        if (got > 0) {
            size_t len;
            const char *bytes = query_get_bytes(&q, 0, &len);

            snprintf(hex, sizeof hex, "%.*s", (int)len, bytes);
        }
        status = got < 0 ? -got : ATTUNE_OK;
    }
    query_close(&q);
    return status == ATTUNE_OK && json_object_set_new(object, "hash", json_string(hex))
               ? text_no_memory(err)
               : status;
}

static json_t *of_run(struct attune_store *store, int64_t run, struct attune_error *err)
{
    struct attune_run_record record;
    json_t *object, *prompt = NULL, *path = NULL, *steps = NULL;
    int bad;

    if (attune_store_load_run(store, run, &record, err) != ATTUNE_OK) {
        return NULL;
    }
    object = of_record(&record);
    bad = !object || add_origin(object, &record) != 0;
    if (bad) {
        text_no_memory(err);
    }
    bad = bad || !(prompt = of_prompt(store, run, err)) || !(path = of_path(store, run, err)) ||
          !(steps = of_steps(store, run, err));
    if (!bad &&
        (json_object_set(object, "prompt", prompt) || json_object_set(object, "path", path) ||
         json_object_set(object, "steps", steps))) {
        text_no_memory(err);
        bad = 1;
    }
    bad = bad || add_hash(object, store, run, err) != ATTUNE_OK ||
          add_pins(object, store, run, err) != ATTUNE_OK;
    bad = bad || add_marks(object, store, &(struct attune_place){.run = run}, err) != ATTUNE_OK;
    json_decref(prompt);
    json_decref(path);
    json_decref(steps);
    attune_run_record_done(&record);
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

bool store_may_pass(const struct attune_store *store, int status)
{
    return store->salvage &&
           (status == ATTUNE_FORMAT || status == ATTUNE_IO || status == ATTUNE_NOT_FOUND);
}

int store_find_session(struct attune_store *store, struct text *ids, char **name, char **created,
                       const char *session, int64_t run, struct attune_error *err)
{
    struct query q;
    int got = 0, status = query_open(
                     &q, store,
                     "SELECT run.id, session.name, session.created FROM run JOIN session ON "
                     "session.id = run.session WHERE iif(?1, run.id = ?1, session.name = ?2) ORDER "
                     "BY run.id",
                     err);

    if (status == ATTUNE_OK) {
        query_int(&q, run);
        query_text(&q, session);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        int64_t id = query_get_int(&q, 0);

        text_add(ids, &id, sizeof id);
        if (!*name) {
            *name = query_get_text(&q, 1);
            *created = query_get_text(&q, 2);
            status = *name && *created ? ATTUNE_OK : text_no_memory(err);
        }
    }
    query_close(&q);
    if (status == ATTUNE_OK && got < 0 && !(ids->len && store_may_pass(store, -got))) {
        return -got;
    }
    if (status == ATTUNE_OK && ids->len == 0) {
        return run ? attune_error_set(err, ATTUNE_NOT_FOUND, 0, "database %s: no run %lld",
                                      store->path, (long long)run)
                   : attune_error_set(err, ATTUNE_NOT_FOUND, 0, "database %s: no session %s",
                                      store->path, session ? session : "");
    }
    return status == ATTUNE_OK && ids->failed ? text_no_memory(err) : status;
}

int store_export_json(struct attune_store *store, const char *session, int64_t run, char **out,
                      size_t *len, size_t *lost, struct attune_error *err)
{
    const bool whole = run == 0;
    json_t *head = NULL, *runs = json_array();
    char *name = NULL, *created = NULL;
    struct text ids = {0};
    int status = runs ? store_find_session(store, &ids, &name, &created, session, run, err)
                      : text_no_memory(err);

    if (status == ATTUNE_OK) {
        head = json_pack("{s:o, s:o}", "name", of_string(name), "created", of_string(created));
        status = head ? ATTUNE_OK : text_no_memory(err);
    }
    for (size_t at = 0; status == ATTUNE_OK && at < ids.len; at += sizeof run) {
        json_t *one;

        memcpy(&run, ids.data + at, sizeof run);
        one = of_run(store, run, err);
        if (one) {
            status = json_array_append_new(runs, one) ? text_no_memory(err) : ATTUNE_OK;
        } else if (store_may_pass(store, err->status)) {
            ++*lost;
        } else {
            status = err->status;
        }
    }
    if (status == ATTUNE_OK && json_array_size(runs) == 0) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "database %s: no run of it can be read",
                                  store->path);
    }
    if (status == ATTUNE_OK && whole) {
        status = add_marks(head, store, &(struct attune_place){.session = session}, err);
        status = store_may_pass(store, status) ? ATTUNE_OK : status;
    }
    text_done(&ids);
    free(name);
    free(created);
    if (status == ATTUNE_OK) {
        return json_write(out, len,
                          json_pack("{s:s, s:i, s:o, s:o}", "format", "attune session", "version",
                                    version_of(runs), "session", head, "runs", runs),
                          err);
    }
    json_decref(head);
    json_decref(runs);
    return status;
}

int attune_store_export(struct attune_store *store, const char *session, int64_t run, char **out,
                        size_t *len, struct attune_error *err)
{
    return attune_export(out, len, store, session, run, "json", NULL, err);
}
