/* Writing a run: it begins, a step follows another, it ends. Each call is one transaction. */
#include <config.h>

#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void store_now(char out[32])
{
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + strlen(out), 8, ".%03dZ", (int)(now.tv_nsec / 1000000 % 1000));
}

int store_check_session(const char *name, struct attune_error *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > 200) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a session's name has 1 to 200 bytes, not %zu", len);
    }
    if (strspn(name, "0123456789") == len) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "session %s: a name of digits alone would be taken for a run's number", name);
    }
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return attune_error_set(err, ATTUNE_ARGUMENT, (uint64_t)(c - name),
                                    "session %s: a name has no control characters", name);
        }
    }
    return ATTUNE_OK;
}

static int put_session(struct attune_store *store, int64_t *id, const char *name,
                       const char *created, struct attune_error *err)
{
    struct query q;
    int status =
        query_open(&q, store,
                   "INSERT INTO session (name, created) VALUES (?, ?) ON CONFLICT (name) DO "
                   "UPDATE SET name = name RETURNING id",
                   err);

    if (status == ATTUNE_OK) {
        query_text(&q, name);
        query_text(&q, created);
        status = query_step(&q, err);
        status = status < 0 ? -status : ATTUNE_OK;
        *id = status == ATTUNE_OK ? query_get_int(&q, 0) : 0;
    }
    if (status == ATTUNE_OK) {
        status = query_run(&q, err);
    }
    query_close(&q);
    return status;
}

static int put_model(struct attune_store *store, int64_t *id,
                     const struct attune_run_record *record, struct attune_error *err)
{
    struct query q;
    int status =
        query_open(&q, store,
                   "INSERT INTO model (digest, tokenizer, path, name, family) VALUES (?, ?, "
                   "?, ?, ?) ON CONFLICT DO UPDATE SET path = path RETURNING id",
                   err);

    if (status == ATTUNE_OK) {
        query_int(&q, (int64_t)record->model_digest);
        query_int(&q, (int64_t)record->tokenizer_digest);
        query_text(&q, record->model_path ? record->model_path : "");
        query_text(&q, record->model_name ? record->model_name : "");
        query_text(&q, record->model_family ? record->model_family : "");
        status = query_step(&q, err);
        status = status < 0 ? -status : ATTUNE_OK;
        *id = status == ATTUNE_OK ? query_get_int(&q, 0) : 0;
    }
    if (status == ATTUNE_OK) {
        status = query_run(&q, err);
    }
    query_close(&q);
    return status;
}

static int put_stops(struct attune_store *store, const struct attune_run_record *record,
                     struct attune_error *err)
{
    struct query q;
    int status =
        query_open(&q, store, "INSERT INTO run_stop (run, i, bytes) VALUES (?, ?, ?)", err);

    for (size_t i = 0; status == ATTUNE_OK && i < record->n_stops; i++) {
        query_rewind(&q);
        query_int(&q, record->id);
        query_int(&q, (int64_t)i);
        query_bytes(&q, record->stops[i], strlen(record->stops[i]));
        status = query_run(&q, err);
    }
    query_close(&q);
    return status;
}

struct texts { /* ids of what a run refers to; composed, details 0: none */
    int64_t session, model, engine, composed, prompt, chain, details;
    uint8_t chain_hash[STORE_HASH];
};

static int put_texts(struct attune_store *store, struct texts *ids,
                     const struct attune_run_record *record, struct attune_error *err)
{
    const char *engine = record->engine ? record->engine : "",
               *chain = record->chain ? record->chain : "";
    const char *composed = record->prompt_json ? record->prompt_json : "",
               *details = record->details ? record->details : "";
    uint8_t hash[STORE_HASH];
    int status = put_session(store, &ids->session, record->session, record->created, err);

    if (status == ATTUNE_OK) {
        status = put_model(store, &ids->model, record, err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_text(store, &ids->engine, hash, false, engine, strlen(engine), err);
    }
    if (status == ATTUNE_OK && *composed) {
        status =
            store_put_text(store, &ids->composed, hash, false, composed, strlen(composed), err);
    }
    if (status == ATTUNE_OK && *details) {
        status = store_put_text(store, &ids->details, hash, false, details, strlen(details), err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_text(store, &ids->prompt, hash, true, record->prompt_text,
                                record->prompt_text_len, err);
    }
    if (status == ATTUNE_OK) {
        status =
            store_put_text(store, &ids->chain, ids->chain_hash, false, chain, strlen(chain), err);
    }
    return status;
}

/* Within a transaction; record->prompt_text is here what run.prompt holds: the text before any
 * fork. */
int store_put_run(struct attune_store *store, struct attune_run_record *record,
                  const struct node_at *base, struct attune_error *err)
{
    struct texts ids = {0};
    struct query q = {0};
    int status = put_texts(store, &ids, record, err);

    if (status == ATTUNE_OK) {
        status =
            query_open(&q, store,
                       "INSERT INTO run (session, created, model, engine, fast, composed, prompt, "
                       "base, chain, seed, first_step, max_tokens, ignore_end, stop, origin, "
                       "details) VALUES (?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, '', ?, "
                       "nullif(?, 0))",
                       err);
    }
    if (status == ATTUNE_OK) {
        query_int(&q, ids.session);
        query_text(&q, record->created);
        query_int(&q, ids.model);
        query_int(&q, ids.engine);
        query_int(&q, record->fast);
        query_int(&q, ids.composed);
        query_int(&q, ids.prompt);
        query_int(&q, base->id);
        query_int(&q, ids.chain);
        query_int(&q, (int64_t)record->seed);
        query_int(&q, (int64_t)record->first_step);
        query_int(&q, (int64_t)record->max_tokens);
        query_int(&q, record->ignore_end);
        query_text(&q, record->origin ? record->origin : "");
        query_int(&q, ids.details);
        status = query_run(&q, err);
        record->id = store_last_id(store);
    }
    query_close(&q);
    if (status == ATTUNE_OK) {
        status = put_stops(store, record, err);
    }
    if (status == ATTUNE_OK) {
        store->leaf = (struct leaf){.run = record->id, .node = base->id, .chain = ids.chain};
        memcpy(store->leaf.node_hash, base->hash, STORE_HASH);
        memcpy(store->leaf.chain_hash, ids.chain_hash, STORE_HASH);
    }
    return status;
}

/* What a way through the tree reads, joined. `text` begins with the prompt's own. */
struct joined {
    struct text ids[2], text; /* ids: the prompt's side, the decoder's side */
    int side;
};

static void join(struct joined *joined, const struct path_part *part)
{
    joined->side |= part->kind == NODE_DECODER;
    if (part->kind == NODE_STEP) {
        text_add(&joined->ids[joined->side], &part->step->id, sizeof part->step->id);
        text_add(&joined->text, part->step->bytes, part->step->n_bytes);
    } else {
        text_add(&joined->ids[joined->side], part->ids, part->n * sizeof *part->ids);
        text_add(&joined->text, part->bytes, part->bytes ? part->len : 0);
    }
}

static int mismatch(const struct attune_run_record *record, struct attune_error *err)
{
    return attune_error_set(
        err, ATTUNE_ARGUMENT, 0,
        "a fork of run %lld after %zu steps has to begin with what was read there",
        (long long)record->fork_of, record->fork_steps);
}

/* Puts what the fork adds behind `path`; the texts and ids of the record have to begin with it. */
static int put_tail(struct attune_store *store, struct node_at *base, struct joined *joined,
                    const struct attune_run_record *record, struct attune_error *err)
{
    const attune_token *whole[] = {record->prompt_ids, record->decoder_ids};
    const size_t n[] = {record->n_prompt, record->n_decoder};
    const char *bytes = "";
    size_t len = 0, done;

    for (int side = 0; side < 2; side++) {
        size_t size = joined->ids[side].len, wanted = n[side] * sizeof **whole;

        if (size > wanted || (side != joined->side && size != wanted) ||
            (size && memcmp(whole[side], joined->ids[side].data, size) != 0)) {
            return mismatch(record, err);
        }
    }
    if (record->prompt_text && joined->side == 0) {
        if (joined->text.len > record->prompt_text_len ||
            (joined->text.len &&
             memcmp(record->prompt_text, joined->text.data, joined->text.len) != 0)) {
            return mismatch(record, err);
        }
        bytes = record->prompt_text + joined->text.len;
        len = record->prompt_text_len - joined->text.len;
    }
    done = joined->ids[joined->side].len / sizeof **whole;
    return done == n[joined->side]
               ? ATTUNE_OK
               : store_put_given(store, base, NODE_GIVEN, whole[joined->side] + done,
                                 n[joined->side] - done, bytes, len, err);
}

/* Columns of the run that is forked: the last node taken over, the prompt's text. */
static int put_fork(struct attune_store *store, struct node_at *base, struct text *prompt,
                    const struct attune_run_record *record, struct attune_error *err)
{
    struct path_part *path = NULL;
    struct joined joined = {0};
    struct query q;
    int64_t node = 0;
    size_t n = 0;
    int status =
        query_open(&q, store,
                   "SELECT iif(?2 = 0, base, (SELECT node FROM run_step WHERE run = ?1 AND i = ?2 "
                   "- 1)), text.bytes FROM run JOIN text ON text.id = run.prompt WHERE run.id = "
                   "?1",
                   err);

    if (status == ATTUNE_OK) {
        const char *bytes;
        size_t len;

        query_int(&q, record->fork_of);
        query_int(&q, (int64_t)record->fork_steps);
        status = query_step(&q, err);
        status = status < 0 ? -status : ATTUNE_OK;
        node = status == ATTUNE_OK ? query_get_int(&q, 0) : 0;
        bytes = query_get_bytes(&q, 1, &len);
        text_add(prompt, bytes, len);
        text_add(&joined.text, bytes, len);
    }
    query_close(&q);
    if (status == ATTUNE_OK && node == 0) {
        status =
            attune_error_set(err, ATTUNE_NOT_FOUND, 0, "run %lld has no %zu steps to go on from",
                             (long long)record->fork_of, record->fork_steps);
    }
    if (status == ATTUNE_OK) {
        status = store_load_path(store, node, &path, &n, err);
    }
    for (size_t i = 0; i < n; i++) {
        join(&joined, &path[i]);
        *base = path[i].at;
    }
    if (status == ATTUNE_OK) {
        status = joined.text.failed || joined.ids[0].failed || joined.ids[1].failed
                     ? text_no_memory(err)
                     : put_tail(store, base, &joined, record, err);
    }
    store_path_free(path, n);
    text_done(&joined.text);
    text_done(&joined.ids[0]);
    text_done(&joined.ids[1]);
    return status;
}

static int put_record(struct attune_store *store, struct attune_run_record *record,
                      struct attune_error *err)
{
    struct attune_run_record own = *record;
    struct node_at base = {0};
    struct text prompt = {0};
    int status;

    if (record->fork_of) {
        status = put_fork(store, &base, &prompt, record, err);
        own.prompt_text = prompt.data;
        own.prompt_text_len = prompt.len;
    } else {
        status = store_put_given(store, &base, NODE_GIVEN, record->prompt_ids, record->n_prompt,
                                 NULL, 0, err);
        if (status == ATTUNE_OK && record->n_decoder) {
            status = store_put_given(store, &base, NODE_DECODER, record->decoder_ids,
                                     record->n_decoder, NULL, 0, err);
        }
    }
    if (status == ATTUNE_OK) {
        status = store_put_run(store, &own, &base, err);
        record->id = own.id;
    }
    text_done(&prompt);
    return status;
}

int attune_store_begin_run(struct attune_store *store, struct attune_run_record *record,
                           struct attune_error *err)
{
    char now[32];
    int status = store_check_session(record->session ? record->session : "", err);

    if (status == ATTUNE_OK && !record->created) {
        store_now(now);
        record->created = strdup(now);
        status = record->created ? ATTUNE_OK : text_no_memory(err);
    }
    if (status == ATTUNE_OK && record->n_prompt == 0) {
        status =
            attune_error_set(err, ATTUNE_ARGUMENT, 0, "a run needs a prompt of one token at least");
    }
    if (status == ATTUNE_OK) {
        status = store_begin(store, err);
        if (status == ATTUNE_OK) {
            status = store_end(store, put_record(store, record, err), err);
        }
    }
    if (status != ATTUNE_OK) {
        record->id = 0;
    }
    return status;
}

/* Makes store->leaf that of `run`. */
static int find_leaf(struct attune_store *store, int64_t run, struct attune_error *err)
{
    struct leaf leaf = {.run = run};
    const void *hash;
    struct query q;
    size_t len;
    int status, got;

    if (store->leaf.run == run) {
        return ATTUNE_OK;
    }
    status = query_open(
        &q, store,
        "SELECT node.id, node.hash, run.chain, text.hash, (SELECT count(*) FROM run_step "
        "WHERE run = ?1) FROM run JOIN text ON text.id = run.chain JOIN node ON node.id = "
        "ifnull((SELECT node FROM run_step WHERE run = ?1 ORDER BY i DESC LIMIT 1), "
        "run.base) WHERE run.id = ?1",
        err);
    if (status == ATTUNE_OK) {
        query_int(&q, run);
        got = query_step(&q, err);
        status = got > 0 ? ATTUNE_OK
                 : got == 0
                     ? attune_error_set(err, ATTUNE_NOT_FOUND, 0, "no run %lld", (long long)run)
                     : -got;
    }
    if (status == ATTUNE_OK) {
        leaf.node = query_get_int(&q, 0);
        hash = query_get_bytes(&q, 1, &len);
        memcpy(leaf.node_hash, hash, len < STORE_HASH ? len : STORE_HASH);
        leaf.chain = query_get_int(&q, 2);
        hash = query_get_bytes(&q, 3, &len);
        memcpy(leaf.chain_hash, hash, len < STORE_HASH ? len : STORE_HASH);
        leaf.n_steps = (size_t)query_get_int(&q, 4);
        store->leaf = leaf;
    }
    query_close(&q);
    return status;
}

int store_put_run_step(struct attune_store *store, const struct attune_step *step,
                       struct attune_error *err)
{
    struct leaf *leaf = &store->leaf;
    struct node_at at = {.id = leaf->node};
    struct query q = {0};
    int status;

    memcpy(at.hash, leaf->node_hash, STORE_HASH);
    status = store_put_step(store, &at, leaf->chain, leaf->chain_hash, step, err);
    if (status == ATTUNE_OK) {
        status = query_open(
            &q, store,
            "INSERT INTO run_step (run, i, node, eval_ms, sample_ms, stop) VALUES (?, ?, "
            "?, ?, ?, ?)",
            err);
    }
    if (status == ATTUNE_OK) {
        query_int(&q, leaf->run);
        query_int(&q, (int64_t)leaf->n_steps);
        query_int(&q, at.id);
        query_real(&q, step->eval_ms);
        query_real(&q, step->sample_ms);
        query_text(&q, store_stop_name(step->stop));
        status = query_run(&q, err);
    }
    query_close(&q);
    if (status == ATTUNE_OK) {
        leaf->n_steps++;
        leaf->node = at.id;
        memcpy(leaf->node_hash, at.hash, STORE_HASH);
    }
    return status;
}

int attune_store_add_steps(struct attune_store *store, int64_t run, const struct attune_step *steps,
                           size_t n, struct attune_error *err)
{
    int status = store_begin(store, err);

    if (status == ATTUNE_OK) {
        status = find_leaf(store, run, err);
        for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
            status = store_put_run_step(store, &steps[i], err);
        }
        status = store_end(store, status, err);
    }
    return status;
}

int attune_store_add_step(struct attune_store *store, int64_t run, const struct attune_step *step,
                          struct attune_error *err)
{
    return attune_store_add_steps(store, run, step, 1, err);
}

int store_put_end(struct attune_store *store, int64_t run, enum attune_stop stop,
                  const char *output, size_t output_len, struct attune_error *err)
{
    uint8_t hash[STORE_HASH];
    struct query q = {0};
    int64_t text, changed = 0;
    int status = store_put_text(store, &text, hash, true, output, output_len, err);

    if (status == ATTUNE_OK) {
        status = query_open(&q, store,
                            "UPDATE run SET stop = ?, output = ? WHERE id = ? RETURNING id", err);
    }
    if (status == ATTUNE_OK) {
        int got;

        query_text(&q, store_stop_name(stop));
        query_int(&q, text);
        query_int(&q, run);
        while ((got = query_step(&q, err)) > 0) {
            changed++;
        }
        status = got < 0 ? -got : ATTUNE_OK;
    }
    query_close(&q);
    if (status == ATTUNE_OK && !changed) {
        status = attune_error_set(err, ATTUNE_NOT_FOUND, 0, "no run %lld", (long long)run);
    }
    return status;
}

int attune_store_end_run(struct attune_store *store, int64_t run, enum attune_stop stop,
                         const char *output, size_t output_len, struct attune_error *err)
{
    int status = store_begin(store, err);

    if (status == ATTUNE_OK) {
        status = store_end(store, store_put_end(store, run, stop, output, output_len, err), err);
    }
    return status;
}
