/* Nodes: what the model read and produced, addressed by content (store_hash.c). */
#include <config.h>

#include "store.h"

#include <stdlib.h>
#include <string.h>

static const char *const stop_names[] = {"", "length", "eos", "stop", "interrupted", "error"};
_Static_assert(sizeof stop_names / sizeof *stop_names == ATTUNE_STOP_COUNT,
               "a name for every stop");

enum { STAGE_BYTES = 12, TOP_BYTES = 16, TOKEN_BYTES = 4 };

const char *store_stop_name(enum attune_stop stop)
{
    return stop < ATTUNE_STOP_COUNT ? stop_names[stop] : "";
}

enum attune_stop store_stop_of(const char *name)
{
    int i = 0;

    while (i < ATTUNE_STOP_COUNT && strcmp(stop_names[i], name) != 0) {
        i++;
    }
    return (enum attune_stop)i;
}

int store_put_text(struct attune_store *store, int64_t *id, uint8_t hash[STORE_HASH], bool searched,
                   const char *bytes, size_t len, struct attune_error *err)
{
    struct query q = {0};
    int status = store_hash_text(hash, searched, bytes, len, err), got = 0;

    if (status == ATTUNE_OK) {
        status = query_open(&q, store, "SELECT id FROM text WHERE hash = ?", err);
    }
    if (status == ATTUNE_OK) {
        query_bytes(&q, hash, STORE_HASH);
        got = query_step(&q, err);
        *id = got > 0 ? query_get_int(&q, 0) : 0;
        status = got < 0 ? -got : ATTUNE_OK;
    }
    query_close(&q);
    if (status == ATTUNE_OK && got == 0) {
        status =
            query_open(&q, store, "INSERT INTO text (hash, searched, bytes) VALUES (?, ?, ?)", err);
        if (status == ATTUNE_OK) {
            query_bytes(&q, hash, STORE_HASH);
            query_int(&q, searched);
            query_bytes(&q, bytes, len);
            status = query_run(&q, err);
            *id = store_last_id(store);
        }
        query_close(&q);
    }
    return status;
}

/* Looks for the child of *at with this hash. 1: *at is now that child. */
static int find_child(struct attune_store *store, struct node_at *at,
                      const uint8_t hash[STORE_HASH], struct attune_error *err)
{
    const char *sql = at->id ? "SELECT id FROM node WHERE hash = ? AND parent = ?"
                             : "SELECT id FROM node WHERE hash = ? AND parent IS NULL";
    struct query q;
    int got = -query_open(&q, store, sql, err);

    if (got == 0) {
        query_bytes(&q, hash, STORE_HASH);
        if (at->id) {
            query_int(&q, at->id);
        }
        got = query_step(&q, err);
    }
    if (got > 0) {
        at->id = query_get_int(&q, 0);
        memcpy(at->hash, hash, STORE_HASH);
    }
    query_close(&q);
    return got;
}

static void bind_parent(struct query *q, const struct node_at *at)
{
    if (at->id) {
        query_int(q, at->id);
    } else {
        query_null(q);
    }
}

/* Runs an insert of a child and moves *at there. */
static int add_child(struct query *q, struct node_at *at, const uint8_t hash[STORE_HASH],
                     struct attune_error *err)
{
    int status = query_run(q, err);

    if (status == ATTUNE_OK) {
        at->id = store_last_id(q->store);
        memcpy(at->hash, hash, STORE_HASH);
    }
    return status;
}

int store_put_given(struct attune_store *store, struct node_at *at, enum node_kind kind,
                    const attune_token *ids, size_t n, const char *bytes, size_t len,
                    struct attune_error *err)
{
    struct query q = {0};
    uint8_t hash[STORE_HASH];
    int status = store_hash_given(hash, at->hash, kind, ids, n, bytes, len, err), got = 0;

    if (status == ATTUNE_OK) {
        got = find_child(store, at, hash, err);
        status = got < 0 ? -got : ATTUNE_OK;
    }
    if (status != ATTUNE_OK || got > 0) {
        return status;
    }
    status = query_open(
        &q, store, "INSERT INTO node (parent, hash, kind, tokens, bytes) VALUES (?, ?, ?, ?, ?)",
        err);
    if (status == ATTUNE_OK) {
        bind_parent(&q, at);
        query_bytes(&q, hash, STORE_HASH);
        query_int(&q, kind);
        query_bytes(&q, ids, n * TOKEN_BYTES);
        if (bytes) {
            query_bytes(&q, bytes, len);
        } else {
            query_null(&q);
        }
        status = add_child(&q, at, hash, err);
    }
    query_close(&q);
    return status;
}

static void bind_step(struct query *q, int64_t chain, const struct attune_step *step,
                      const struct text *stages, const struct text *top)
{
    query_bytes(q, step->bytes, step->n_bytes);
    query_int(q, step->id);
    if (step->draw.id == step->id) {
        query_null(q);
    } else {
        query_int(q, step->draw.id);
    }
    query_int(q, (int64_t)step->index);
    query_int(q, chain);
    query_real(q, step->draw.u);
    query_real(q, step->draw.low);
    query_real(q, step->draw.high);
    query_real(q, step->p);
    query_real(q, step->p_raw);
    query_real(q, step->logit);
    query_int(q, step->rank);
    query_real(q, step->entropy_bits);
    query_real(q, step->logsumexp);
    query_int(q, (int64_t)step->digest);
    query_int(q, step->n_kept);
    query_real(q, step->kept_mass);
    query_bytes(q, stages->data, stages->len);
    query_bytes(q, top->data, top->len);
}

static int add_step(struct attune_store *store, struct node_at *at, const uint8_t hash[STORE_HASH],
                    int64_t chain, const struct attune_step *step, const struct text *stages,
                    const struct text *top, struct attune_error *err)
{
    struct query q;
    int status = query_open(
        &q, store,
        "INSERT INTO node (parent, hash, kind, bytes, token, drawn, step, chain, u, low, high, p, "
        "p_raw, logit, rank, entropy_bits, logsumexp, digest, n_kept, kept_mass, stages, top) "
        "VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        err);

    if (status == ATTUNE_OK) {
        bind_parent(&q, at);
        query_bytes(&q, hash, STORE_HASH);
        bind_step(&q, chain, step, stages, top);
        status = add_child(&q, at, hash, err);
    }
    query_close(&q);
    return status;
}

int store_put_step(struct attune_store *store, struct node_at *at, int64_t chain,
                   const uint8_t chain_hash[STORE_HASH], const struct attune_step *step,
                   struct attune_error *err)
{
    struct text stages = {0}, top = {0};
    uint8_t hash[STORE_HASH];
    int status, got;

    if (step->n_bytes > ATTUNE_STEP_BYTES || step->n_top > ATTUNE_STEP_TOP ||
        step->n_stages > ATTUNE_MAX_STAGES) {
        return attune_error_set(err, ATTUNE_ARGUMENT, step->index,
                                "step %llu: its counts are too large",
                                (unsigned long long)step->index);
    }
    store_pack_step(&stages, &top, step);
    status = store_hash_step(hash, at->hash, chain_hash, step, err);
    if (status == ATTUNE_OK && (stages.failed || top.failed)) {
        status = text_no_memory(err);
    }
    if (status == ATTUNE_OK) {
        got = find_child(store, at, hash, err);
        status = got < 0    ? -got
                 : got == 0 ? add_step(store, at, hash, chain, step, &stages, &top, err)
                            : ATTUNE_OK;
    }
    text_done(&stages);
    text_done(&top);
    return status;
}

static int damaged(const struct query *q, const char *what, struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_FORMAT, 0, "database %s: %s has an impossible size",
                            q->store->path, what);
}

int store_read_step(struct attune_step *out, const struct query *q, int first,
                    struct attune_error *err)
{
    size_t n_bytes, n_stages, n_top;
    const char *bytes, *stages, *top;

    memset(out, 0, sizeof *out);
    out->index = (uint64_t)query_get_int(q, first);
    out->id = (attune_token)query_get_int(q, first + 1);
    bytes = query_get_bytes(q, first + 2, &n_bytes);
    out->draw.id =
        query_is_null(q, first + 3) ? out->id : (attune_token)query_get_int(q, first + 3);
    out->draw.u = query_get_real(q, first + 4);
    out->draw.low = query_get_real(q, first + 5);
    out->draw.high = query_get_real(q, first + 6);
    out->p = query_get_real(q, first + 7);
    out->p_raw = query_get_real(q, first + 8);
    out->logit = (float)query_get_real(q, first + 9);
    out->rank = (uint32_t)query_get_int(q, first + 10);
    out->entropy_bits = query_get_real(q, first + 11);
    out->logsumexp = query_get_real(q, first + 12);
    out->digest = (uint64_t)query_get_int(q, first + 13);
    out->n_kept = (uint32_t)query_get_int(q, first + 14);
    out->kept_mass = query_get_real(q, first + 15);
    stages = query_get_bytes(q, first + 16, &n_stages);
    top = query_get_bytes(q, first + 17, &n_top);
    if (n_bytes > ATTUNE_STEP_BYTES || n_stages % STAGE_BYTES ||
        n_stages / STAGE_BYTES > ATTUNE_MAX_STAGES || n_top % TOP_BYTES ||
        n_top / TOP_BYTES > ATTUNE_STEP_TOP) {
        return damaged(q, "a step", err);
    }
    memcpy(out->bytes, bytes, n_bytes);
    out->n_bytes = (uint8_t)n_bytes;
    out->n_stages = (uint8_t)(n_stages / STAGE_BYTES);
    for (size_t i = 0; i < out->n_stages; i++) {
        memcpy(&out->stage[i].survivors, stages + i * STAGE_BYTES, 4);
        memcpy(&out->stage[i].mass, stages + i * STAGE_BYTES + 4, 4);
        memcpy(&out->stage[i].entropy_bits, stages + i * STAGE_BYTES + 8, 4);
    }
    out->n_top = (uint8_t)(n_top / TOP_BYTES);
    for (size_t i = 0; i < out->n_top; i++) {
        memcpy(&out->top[i].id, top + i * TOP_BYTES, 4);
        memcpy(&out->top[i].logit, top + i * TOP_BYTES + 4, 4);
        memcpy(&out->top[i].p, top + i * TOP_BYTES + 8, 8);
    }
    return ATTUNE_OK;
}

/* Columns: id, hash, kind, tokens, bytes, chain's bytes, then STEP_COLUMNS. */
static int read_part(struct path_part *part, const struct query *q, struct attune_error *err)
{
    size_t len;
    const void *hash = query_get_bytes(q, 1, &len), *tokens;

    part->kind = (enum node_kind)query_get_int(q, 2);
    part->at.id = query_get_int(q, 0);
    if (len != STORE_HASH) {
        return damaged(q, "a node's hash", err);
    }
    memcpy(part->at.hash, hash, STORE_HASH);
    if (part->kind == NODE_STEP) {
        const char *chain = query_get_bytes(q, 5, &part->chain_len);

        part->chain = text_copy(chain, part->chain_len);
        part->step = malloc(sizeof *part->step);
        return part->chain && part->step ? store_read_step(part->step, q, 6, err)
                                         : text_no_memory(err);
    }
    tokens = query_get_bytes(q, 3, &len);
    if (len % TOKEN_BYTES) {
        return damaged(q, "a node's list of tokens", err);
    }
    part->n = len / TOKEN_BYTES;
    part->ids = malloc(len + 1);
    if (part->ids) {
        memcpy(part->ids, tokens, len);
    }
    if (!query_is_null(q, 4)) {
        const char *bytes = query_get_bytes(q, 4, &part->len);

        part->bytes = text_copy(bytes, part->len);
    }
    return part->ids && (part->bytes || query_is_null(q, 4)) ? ATTUNE_OK : text_no_memory(err);
}

int store_load_path(struct attune_store *store, int64_t node, struct path_part **out, size_t *n,
                    struct attune_error *err)
{
    static const char sql[] =
        "WITH RECURSIVE up (id, parent, d) AS (SELECT id, parent, 0 FROM node WHERE id = ? UNION "
        "ALL "
        "SELECT node.id, node.parent, d + 1 FROM node JOIN up ON node.id = up.parent) "
        "SELECT node.id, node.hash, node.kind, node.tokens, node.bytes, text.bytes, " STEP_COLUMNS
        " FROM up JOIN node ON node.id = up.id LEFT JOIN text ON text.id = node.chain ORDER BY d "
        "DESC";
    struct query q;
    size_t capacity = 0;
    int status = query_open(&q, store, sql, err), got;

    *out = NULL;
    *n = 0;
    if (status == ATTUNE_OK) {
        query_int(&q, node);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) != 0) {
        if (got > 0 && *n == capacity) {
            struct path_part *more = realloc(*out, (capacity = capacity * 2 + 2) * sizeof *more);

            if (!more) {
                status = text_no_memory(err);
                break;
            }
            *out = more;
        }
        if (got > 0) {
            memset(*out + *n, 0, sizeof **out);
        }
        status = got < 0 ? -got : read_part(*out + (*n)++, &q, err);
    }
    query_close(&q);
    if (status != ATTUNE_OK) {
        store_path_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}

void store_path_free(struct path_part *path, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(path[i].ids);
        free(path[i].bytes);
        free(path[i].step);
        free(path[i].chain);
    }
    free(path);
}
