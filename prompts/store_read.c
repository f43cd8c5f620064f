/* Reading runs back. */
#include <config.h>

#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void attune_run_record_done(struct attune_run_record *record)
{
    if (!record) {
        return;
    }
    free(record->session);
    free(record->created);
    free(record->model_path);
    free(record->model_name);
    free(record->model_family);
    free(record->engine);
    free(record->prompt_json);
    free(record->prompt_text);
    free(record->prompt_ids);
    free(record->decoder_ids);
    free(record->chain);
    for (size_t i = 0; i < record->n_stops; i++) {
        free(record->stops[i]);
    }
    free(record->stops);
    free(record->output);
    free(record->origin);
    free(record->details);
    free(record->bookmark);
    free(record->tags);
    free(record->note);
    memset(record, 0, sizeof *record);
}

void attune_run_records_free(struct attune_run_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        attune_run_record_done(&records[i]);
    }
    free(records);
}

/* Everything of the record that stands in the run's own row. */
static int read_row(struct attune_run_record *out, int64_t *base, struct text *prompt,
                    const struct query *q, struct attune_error *err)
{
    const struct {
        char **to;
        int column;
    } texts[] = {
        {&out->session, 0},      {&out->created, 1}, {&out->model_path, 2},  {&out->model_name, 3},
        {&out->model_family, 4}, {&out->engine, 5},  {&out->prompt_json, 6}, {&out->chain, 7},
        {&out->tags, 20},        {&out->note, 21},   {&out->origin, 22},     {&out->details, 23},
        {&out->bookmark, 24},
    };
    const char *bytes;
    char *stop;
    size_t len;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i].to = query_get_text(q, texts[i].column);
        if (!*texts[i].to) {
            return text_no_memory(err);
        }
    }
    bytes = query_get_bytes(q, 8, &len);
    text_add(prompt, bytes, len);
    *base = query_get_int(q, 9);
    out->model_digest = (uint64_t)query_get_int(q, 10);
    out->tokenizer_digest = (uint64_t)query_get_int(q, 11);
    out->fast = query_get_int(q, 12) != 0;
    out->seed = (uint64_t)query_get_int(q, 13);
    out->first_step = (uint64_t)query_get_int(q, 14);
    out->max_tokens = (size_t)query_get_int(q, 15);
    out->ignore_end = query_get_int(q, 16) != 0;
    stop = query_get_text(q, 17);
    if (!stop) {
        return text_no_memory(err);
    }
    out->stop = store_stop_of(stop);
    free(stop);
    if (!query_is_null(q, 18)) {
        bytes = query_get_bytes(q, 18, &out->output_len);
        out->output = text_copy(bytes, out->output_len);
    }
    out->n_steps = (size_t)query_get_int(q, 19);
    out->bookmarked = !query_is_null(q, 24);
    if (out->stop == ATTUNE_STOP_COUNT) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "database %s: run %lld ended in an unknown way", q->store->path,
                                (long long)out->id);
    }
    return ATTUNE_OK;
}

static int load_row(struct attune_store *store, struct attune_run_record *out, int64_t *base,
                    struct text *prompt, struct attune_error *err)
{
    static const char sql[] =
        "SELECT session.name, run.created, model.path, model.name, model.family, engine.bytes, "
        "composed.bytes, chain.bytes, prompt.bytes, run.base, model.digest, model.tokenizer, "
        "run.fast, "
        "run.seed, run.first_step, run.max_tokens, run.ignore_end, run.stop, output.bytes, "
        "ifnull((SELECT i + 1 FROM run_step WHERE run_step.run = run.id ORDER BY i DESC LIMIT 1), "
        "0), (SELECT group_concat(text, ' ') FROM (SELECT text FROM mark WHERE mark.run = run.id "
        "AND "
        "kind = 'tag' ORDER BY text)), (SELECT text FROM mark WHERE mark.run = run.id AND kind = "
        "'note'), run.origin, details.bytes, (SELECT text FROM mark WHERE mark.run = run.id AND "
        "kind = "
        "'bookmark') "
        "FROM run JOIN session ON session.id = run.session JOIN model ON model.id = run.model "
        "JOIN text AS engine ON engine.id = run.engine JOIN text AS chain ON chain.id = run.chain "
        "JOIN text AS prompt ON prompt.id = run.prompt "
        "LEFT JOIN text AS composed ON composed.id = run.composed "
        "LEFT JOIN text AS details ON details.id = run.details "
        "LEFT JOIN text AS output ON output.id = run.output WHERE run.id = ?";
    struct query q;
    int status = query_open(&q, store, sql, err), got;

    if (status == ATTUNE_OK) {
        query_int(&q, out->id);
        got = query_step(&q, err);
        status = got > 0    ? read_row(out, base, prompt, &q, err)
                 : got == 0 ? attune_error_set(err, ATTUNE_NOT_FOUND, 0, "database %s: no run %lld",
                                               store->path, (long long)out->id)
                            : -got;
    }
    query_close(&q);
    return status;
}

static int load_stops(struct attune_store *store, struct attune_run_record *out,
                      struct attune_error *err)
{
    struct query q;
    int status = query_open(&q, store, "SELECT bytes FROM run_stop WHERE run = ? ORDER BY i", err),
        got = 0;

    if (status == ATTUNE_OK) {
        query_int(&q, out->id);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        char **more = realloc(out->stops, (out->n_stops + 1) * sizeof *more);

        if (!more) {
            status = text_no_memory(err);
            break;
        }
        out->stops = more;
        more[out->n_stops] = query_get_text(&q, 0);
        status = more[out->n_stops++] ? ATTUNE_OK : text_no_memory(err);
    }
    query_close(&q);
    return status == ATTUNE_OK && got < 0 ? -got : status;
}

/* Joins the way to the run's base: ids on both sides, and behind the prompt's text that of a fork.
 */
static int load_read(struct attune_store *store, struct attune_run_record *out, int64_t base,
                     struct text *prompt, struct attune_error *err)
{
    struct path_part *path;
    struct text ids[2] = {{0}, {0}};
    size_t n, own = 0, side = 0;
    int status = store_load_path(store, base, &path, &n, err);

    for (size_t i = 0; i < n; i++) {
        const struct path_part *part = &path[i];

        side |= part->kind == NODE_DECODER;
        if (part->kind == NODE_STEP) {
            text_add(&ids[side], &part->step->id, sizeof part->step->id);
            text_add(prompt, part->step->bytes, side ? 0 : part->step->n_bytes);
        } else {
            text_add(&ids[side], part->ids, part->n * sizeof *part->ids);
            text_add(prompt, part->bytes, part->bytes && !side ? part->len : 0);
        }
        if (i == 0 || part->kind == NODE_DECODER) {
            own = ids[side].len;
        }
    }
    if (status == ATTUNE_OK) {
        size_t len;

        out->n_inherited = (ids[side].len - own) / sizeof(attune_token);
        out->n_prompt = ids[0].len / sizeof(attune_token);
        out->n_decoder = ids[1].len / sizeof(attune_token);
        status = text_take(&ids[0], (char **)&out->prompt_ids, &len, err);
        if (status == ATTUNE_OK && side) {
            status = text_take(&ids[1], (char **)&out->decoder_ids, &len, err);
        }
        if (status == ATTUNE_OK) {
            status = text_take(prompt, &out->prompt_text, &out->prompt_text_len, err);
        }
    }
    text_done(&ids[0]);
    text_done(&ids[1]);
    store_path_free(path, n);
    return status;
}

/* Whose steps, or else whose prompt, stand before what a fork added. */
static int load_origin(struct attune_store *store, struct attune_run_record *out, int64_t base,
                       struct attune_error *err)
{
    static const char sql[] =
        "WITH RECURSIVE up (id, d) AS (SELECT ?1, 0 UNION ALL SELECT node.parent, d + 1 FROM node "
        "JOIN up ON node.id = up.id WHERE node.parent IS NOT NULL) "
        "SELECT run_step.run, run_step.i + 1, d FROM up JOIN run_step ON run_step.node = up.id "
        "WHERE "
        "run_step.run <> ?2 UNION ALL SELECT run.id, 0, d FROM up JOIN run ON run.base = up.id "
        "WHERE "
        "d > 0 AND run.id <> ?2 ORDER BY 3, 1 LIMIT 1";
    struct query q;
    int status, got;

    if (out->n_inherited == 0) {
        return ATTUNE_OK;
    }
    status = query_open(&q, store, sql, err);
    if (status == ATTUNE_OK) {
        query_int(&q, base);
        query_int(&q, out->id);
        got = query_step(&q, err);
        out->fork_of = got > 0 ? query_get_int(&q, 0) : 0;
        out->fork_steps = got > 0 ? (size_t)query_get_int(&q, 1) : 0;
        status = got < 0 ? -got : ATTUNE_OK;
    }
    query_close(&q);
    return status;
}

/* What a run that was cut off had said so far. */
static int load_unfinished(struct attune_store *store, struct attune_run_record *out,
                           struct attune_error *err)
{
    struct text output = {0};
    struct query q;
    int status, got = 0;

    if (out->output) {
        return ATTUNE_OK;
    }
    status =
        query_open(&q, store,
                   "SELECT node.bytes FROM run_step JOIN node ON node.id = run_step.node WHERE "
                   "run_step.run = ? ORDER BY run_step.i",
                   err);
    if (status == ATTUNE_OK) {
        query_int(&q, out->id);
        while ((got = query_step(&q, err)) > 0) {
            size_t len;
            const char *bytes = query_get_bytes(&q, 0, &len);

            text_add(&output, bytes, len);
        }
        status = got < 0 ? -got : text_take(&output, &out->output, &out->output_len, err);
    }
    query_close(&q);
    text_done(&output);
    return status;
}

int attune_store_load_run(struct attune_store *store, int64_t run, struct attune_run_record *out,
                          struct attune_error *err)
{
    struct text prompt = {0};
    int64_t base = 0;
    int status;

    memset(out, 0, sizeof *out);
    out->id = run;
    status = load_row(store, out, &base, &prompt, err);
    if (status == ATTUNE_OK) {
        status = load_read(store, out, base, &prompt, err);
    }
    if (status == ATTUNE_OK) {
        status = load_origin(store, out, base, err);
    }
    if (status == ATTUNE_OK) {
        status = load_stops(store, out, err);
    }
    if (status == ATTUNE_OK) {
        status = load_unfinished(store, out, err);
    }
    text_done(&prompt);
    if (status != ATTUNE_OK) {
        attune_run_record_done(out);
    }
    return status;
}

int attune_store_load_steps(struct attune_store *store, int64_t run, struct attune_step **out,
                            size_t *n, struct attune_error *err)
{
    struct query q;
    char *stop;
    size_t capacity = 0;
    int status =
            query_open(&q, store,
                       "SELECT run_step.eval_ms, run_step.sample_ms, run_step.stop, " STEP_COLUMNS
                       " FROM run_step JOIN node ON node.id = run_step.node WHERE run_step.run = ? "
                       "ORDER BY run_step.i",
                       err),
        got = 0;

    *out = NULL;
    *n = 0;
    if (status == ATTUNE_OK) {
        query_int(&q, run);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        if (*n == capacity) {
            struct attune_step *more = realloc(*out, (capacity = capacity * 2 + 64) * sizeof *more);

            if (!more) {
                status = text_no_memory(err);
                break;
            }
            *out = more;
        }
        status = store_read_step(&(*out)[*n], &q, 3, err);
        (*out)[*n].eval_ms = query_get_real(&q, 0);
        (*out)[*n].sample_ms = query_get_real(&q, 1);
        stop = query_get_text(&q, 2);
        (*out)[*n].stop = stop ? store_stop_of(stop) : ATTUNE_STOP_NONE;
        free(stop);
        ++*n;
    }
    query_close(&q);
    if (status == ATTUNE_OK && got < 0) {
        status = -got;
    }
    if (status != ATTUNE_OK) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return status;
}
