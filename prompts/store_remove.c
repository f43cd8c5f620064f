/* Removal that is real.
 *
 * Nodes go from the leaf up, as far as nobody else follows or uses them; texts and models go when
 * nothing refers to them. The index of words only notes that a row is gone: its parts are merged
 * into one, which has no trace of it. Deleted cells are zeroed (secure_delete), but balancing pages
 * can leave copies of cells behind, so the file is then rewritten from what is left (VACUUM) and
 * the log emptied. */
#include <config.h>

#include "store.h"

#include <string.h>

static int forget_nodes(struct attune_store *store, int64_t node, struct attune_error *err)
{
    static const char is_used[] = "SELECT 1 WHERE EXISTS (SELECT 1 FROM node WHERE parent = ?1) OR "
                                  "EXISTS (SELECT 1 FROM run_step "
                                  "WHERE node = ?1) OR EXISTS (SELECT 1 FROM run WHERE base = ?1)";
    int64_t used, parent = 0;
    int status = ATTUNE_OK;

    while (status == ATTUNE_OK && node) {
        int got = store_lookup(store, &used, is_used, node, err);

        if (got) {
            return got < 0 ? -got : ATTUNE_OK;
        }
        got = store_lookup(store, &parent, "SELECT parent FROM node WHERE id = ?", node, err);
        if (got >= 0) {
            got = store_lookup(store, &used, "DELETE FROM node WHERE id = ?", node, err);
        }
        status = got < 0 ? -got : ATTUNE_OK;
        node = parent;
    }
    return status;
}

static int forget_run(struct attune_store *store, int64_t run, struct attune_error *err)
{
    int64_t leaf, gone;
    int got = store_lookup(
        store, &leaf,
        "SELECT ifnull((SELECT node FROM run_step WHERE run = ?1 ORDER BY i DESC LIMIT "
        "1), base) FROM run WHERE id = ?1",
        run, err);

    if (got == 0) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "database %s: no run %lld", store->path,
                                (long long)run);
    }
    if (got > 0) {
        int status = store_forget_states(store, run, err);

        got = status == ATTUNE_OK
                  ? store_lookup(store, &gone, "DELETE FROM run WHERE id = ?", run, err)
                  : -status;
    }
    return got < 0 ? -got : forget_nodes(store, leaf, err);
}

static int forget_loose_ends(struct attune_store *store, struct attune_error *err)
{
    return store_execute(
        store,
        "DELETE FROM session WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.session = session.id);"
        "DELETE FROM model WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.model = model.id);"
        "DELETE FROM text WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.prompt = text.id) AND NOT "
        "EXISTS "
        "(SELECT 1 FROM run WHERE run.output = text.id) AND NOT EXISTS (SELECT 1 FROM run WHERE "
        "run.composed = text.id) AND NOT EXISTS (SELECT 1 FROM run WHERE run.chain = text.id) AND "
        "NOT "
        "EXISTS (SELECT 1 FROM run WHERE run.engine = text.id) AND NOT EXISTS (SELECT 1 FROM node "
        "WHERE "
        "node.chain = text.id) AND NOT EXISTS (SELECT 1 FROM run WHERE run.details = text.id) AND "
        "NOT EXISTS (SELECT 1 FROM state WHERE state.frame = text.id) AND NOT EXISTS (SELECT 1 "
        "FROM "
        "state_block WHERE state_block.text = text.id) AND NOT EXISTS (SELECT 1 FROM state_block "
        "WHERE "
        "state_block.answer = text.id)",
        err);
}

int store_overwrite(struct attune_store *store, struct attune_error *err)
{
    struct query q;
    int64_t busy = 1;
    int status =
        store_execute(store, "INSERT INTO run_words (run_words) VALUES ('optimize'); VACUUM", err);

    if (status == ATTUNE_OK) {
        status = query_open(&q, store, "PRAGMA wal_checkpoint(TRUNCATE)", err);
        if (status == ATTUNE_OK) {
            int got = query_step(&q, err);

            status = got < 0 ? -got : ATTUNE_OK;
            busy = got > 0 ? query_get_int(&q, 0) : 0;
        }
        query_close(&q);
    }
    if (status == ATTUNE_BUSY || (status == ATTUNE_OK && busy)) {
        status =
            attune_error_set(err, ATTUNE_BUSY, 0,
                             "database %s: removed, but another program has it open, so the bytes "
                             "are not overwritten yet: close that and remove anything again",
                             store->path);
    }
    return status;
}

int attune_store_remove_run(struct attune_store *store, int64_t run, struct attune_error *err)
{
    int status = store_begin(store, err);

    if (status == ATTUNE_OK) {
        status = forget_run(store, run, err);
        if (status == ATTUNE_OK) {
            status = forget_loose_ends(store, err);
        }
        status = store_end(store, status, err);
    }
    store->leaf.run = 0;
    return status == ATTUNE_OK ? store_overwrite(store, err) : status;
}

/* Runs that go on from a node of this one, or of its prompt: not all of them from this run. */
static int find_below(struct text *ids, struct attune_store *store, int64_t run,
                      struct attune_error *err)
{
    struct query q;
    int status =
            query_open(&q, store,
                       "WITH RECURSIVE down (id) AS (SELECT base FROM run WHERE id = ?1 UNION "
                       "SELECT node FROM run_step WHERE run = ?1 UNION SELECT node.id FROM "
                       "node JOIN down ON node.parent = down.id) SELECT id FROM run WHERE base "
                       "IN (SELECT id FROM down) AND id > ?1 ORDER BY id",
                       err),
        got = 0;

    if (status == ATTUNE_OK) {
        query_int(&q, run);
        while ((got = query_step(&q, err)) > 0) {
            int64_t id = query_get_int(&q, 0);

            text_add(ids, &id, sizeof id);
        }
        status = got < 0 ? -got : ids->failed ? text_no_memory(err) : ATTUNE_OK;
    }
    query_close(&q);
    return status;
}

static bool holds(const struct text *ids, int64_t wanted)
{
    int64_t id;

    for (size_t at = 0; at < ids->len; at += sizeof id) {
        memcpy(&id, ids->data + at, sizeof id);
        if (id == wanted) {
            return true;
        }
    }
    return false;
}

/* The branch: runs are older than what goes on from them, so one pass finds all. */
static int find_branch(struct text *branch, struct attune_store *store, int64_t run,
                       struct attune_error *err)
{
    struct text ids = {0};
    int64_t id;
    int status = find_below(&ids, store, run, err);

    text_add(branch, &run, sizeof run);
    for (size_t at = 0; status == ATTUNE_OK && at < ids.len; at += sizeof id) {
        struct attune_run_record record;

        memcpy(&id, ids.data + at, sizeof id);
        status = attune_store_load_run(store, id, &record, err);
        if (status == ATTUNE_OK) {
            if (record.fork_of && holds(branch, record.fork_of)) {
                text_add(branch, &id, sizeof id);
            }
            attune_run_record_done(&record);
        }
    }
    text_done(&ids);
    return status == ATTUNE_OK && branch->failed ? text_no_memory(err) : status;
}

int attune_store_remove_branch(struct attune_store *store, int64_t run, size_t *n,
                               struct attune_error *err)
{
    struct text branch = {0};
    int64_t id;
    int status = store_begin(store, err);

    *n = 0;
    if (status == ATTUNE_OK) {
        status = find_branch(&branch, store, run, err);
        for (size_t at = branch.len; status == ATTUNE_OK && at > 0; at -= sizeof id) {
            memcpy(&id, branch.data + at - sizeof id, sizeof id);
            status = forget_run(store, id, err);
            ++*n;
        }
        if (status == ATTUNE_OK) {
            status = forget_loose_ends(store, err);
        }
        status = store_end(store, status, err);
    }
    text_done(&branch);
    store->leaf.run = 0;
    return status == ATTUNE_OK ? store_overwrite(store, err) : status;
}

/* 1: *out is a run of the session; 0: it has none left. */
static int any_run(struct attune_store *store, int64_t *out, const char *session,
                   struct attune_error *err)
{
    struct query q;
    int got = -query_open(&q, store,
                          "SELECT run.id FROM run JOIN session ON session.id = run.session WHERE "
                          "session.name = ? LIMIT 1",
                          err);

    if (got == 0) {
        query_text(&q, session);
        got = query_step(&q, err);
        *out = got > 0 ? query_get_int(&q, 0) : 0;
    }
    query_close(&q);
    return got;
}

int attune_store_remove_session(struct attune_store *store, const char *name,
                                struct attune_error *err)
{
    int64_t run = 0;
    size_t n = 0;
    int status = store_begin(store, err), got = 0;

    if (status != ATTUNE_OK) {
        return status;
    }
    while (status == ATTUNE_OK && (got = any_run(store, &run, name, err)) > 0) {
        status = forget_run(store, run, err);
        n++;
    }
    if (status == ATTUNE_OK) {
        status = got < 0  ? -got
                 : n == 0 ? attune_error_set(err, ATTUNE_NOT_FOUND, 0, "database %s: no session %s",
                                             store->path, name)
                          : forget_loose_ends(store, err);
    }
    status = store_end(store, status, err);
    store->leaf.run = 0;
    return status == ATTUNE_OK ? store_overwrite(store, err) : status;
}
