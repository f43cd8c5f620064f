/* Is all of it right, how large is it, and the room of what was removed given back.
 *
 * What is found is a list of sentences: a damaged page ends the part that met it, not the whole. */
#include <config.h>

#include <attune/upkeep.h>

#include <attune/pin.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store.h"

enum { TOLD = 50 };

static int tell(struct attune_store_check *check, struct attune_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int tell(struct attune_store_check *check, struct attune_error *err, const char *format, ...)
{
    char text[400];
    va_list args;

    check->n_problems++;
    if (check->n_told == TOLD) {
        return ATTUNE_OK;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!check->problems) {
        check->problems = calloc(TOLD, sizeof *check->problems);
    }
    if (!check->problems || !(check->problems[check->n_told] = strdup(text))) {
        return text_no_memory(err);
    }
    check->n_told++;
    return ATTUNE_OK;
}

/* A part that could not go on: memory and locks end the check, all else is a finding. */
static int met(struct attune_store_check *check, const char *what, int status,
               struct attune_error *err)
{
    struct attune_error why = err ? *err : (struct attune_error){0};

    return status == ATTUNE_OK || status == ATTUNE_MEMORY || status == ATTUNE_BUSY ||
                   status == ATTUNE_CANCELLED
               ? status
               : tell(check, err, "%s: %s", what, why.text);
}

/* Rows of a statement that reports what is wrong; a first column "ok" is none. */
static int report(struct attune_store_check *check, struct attune_store *store, const char *what,
                  const char *sql, struct attune_error *err)
{
    struct query q;
    int status = query_open(&q, store, sql, err), got = 0;

    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        char *text = query_get_text(&q, 0);

        status = !text                     ? text_no_memory(err)
                 : strcmp(text, "ok") == 0 ? ATTUNE_OK
                                           : tell(check, err, "%s: %s", what, text);
        free(text);
    }
    query_close(&q);
    return met(check, what, status == ATTUNE_OK && got < 0 ? -got : status, err);
}

static bool cancelled(struct attune_progress *progress)
{
    if (progress) {
        atomic_fetch_add(&progress->done, 1);
    }
    return progress && atomic_load(&progress->cancel);
}

static int interrupted(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_CANCELLED, 0, "the check was interrupted");
}

/* Columns: id, hash, searched, bytes. */
static int check_text(struct attune_store_check *check, const struct query *q,
                      struct attune_error *err)
{
    uint8_t hash[STORE_HASH];
    size_t hash_len, len;
    const void *stored = query_get_bytes(q, 1, &hash_len);
    const char *bytes = query_get_bytes(q, 3, &len);
    int status = store_hash_text(hash, query_get_int(q, 2) != 0, bytes, len, err);

    check->texts++;
    return status != ATTUNE_OK ? status
           : hash_len == STORE_HASH && memcmp(stored, hash, STORE_HASH) == 0
               ? ATTUNE_OK
               : tell(check, err, "text %lld is not what its hash says",
                      (long long)query_get_int(q, 0));
}

enum {
    NODE_ID,
    NODE_HASH,
    NODE_PARENT,
    NODE_PARENT_HASH,
    NODE_CHAIN_HASH,
    NODE_KIND,
    NODE_TOKENS,
    NODE_BYTES,
    NODE_FIRST
};

static int hash_node(uint8_t hash[STORE_HASH], const struct query *q, struct attune_error *err)
{
    uint8_t parent[STORE_HASH] = {0}, chain[STORE_HASH] = {0};
    const enum node_kind kind = (enum node_kind)query_get_int(q, NODE_KIND);
    struct attune_step step;
    size_t len, n;
    const void *bytes = query_get_bytes(q, NODE_PARENT_HASH, &len), *tokens;
    int status;

    memcpy(parent, bytes, len < STORE_HASH ? len : STORE_HASH);
    bytes = query_get_bytes(q, NODE_CHAIN_HASH, &len);
    memcpy(chain, bytes, len < STORE_HASH ? len : STORE_HASH);
    if (kind == NODE_STEP) {
        status = store_read_step(&step, q, NODE_FIRST, err);
        return status == ATTUNE_OK ? store_hash_step(hash, parent, chain, &step, err) : status;
    }
    tokens = query_get_bytes(q, NODE_TOKENS, &n);
    bytes = query_get_bytes(q, NODE_BYTES, &len);
    return store_hash_given(hash, parent, kind, tokens, n / sizeof(attune_token), bytes, len, err);
}

static int check_node(struct attune_store_check *check, const struct query *q,
                      struct attune_error *err)
{
    uint8_t hash[STORE_HASH];
    size_t len;
    const void *stored = query_get_bytes(q, NODE_HASH, &len);
    int status = hash_node(hash, q, err);

    check->nodes++;
    if (status == ATTUNE_MEMORY) {
        return status;
    }
    return status == ATTUNE_OK && len == STORE_HASH && memcmp(stored, hash, STORE_HASH) == 0
               ? ATTUNE_OK
               : tell(check, err, "node %lld is not what its hash says",
                      (long long)query_get_int(q, NODE_ID));
}

static int walk(struct attune_store_check *check, struct attune_store *store, const char *what,
                const char *sql,
                int (*look)(struct attune_store_check *, const struct query *,
                            struct attune_error *),
                struct attune_progress *progress, struct attune_error *err)
{
    struct query q;
    int status = query_open(&q, store, sql, err), got = 0;

    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        status = cancelled(progress) ? interrupted(err) : look(check, &q, err);
    }
    query_close(&q);
    return met(check, what, status == ATTUNE_OK && got < 0 ? -got : status, err);
}

/* Columns: run, step, kind. */
static int check_pin(struct attune_store_check *check, const struct query *q,
                     struct attune_error *err)
{
    struct attune_pin pin;
    int kind = (int)query_get_int(q, 2), status;

    if (kind < 0) {
        return tell(check, err, "a pin of run %lld has an unknown kind",
                    (long long)query_get_int(q, 0));
    }
    status = attune_store_load_pin(q->store, query_get_int(q, 0), (uint64_t)query_get_int(q, 1),
                                   (enum attune_pin_kind)kind, &pin, err);
    attune_pin_done(&pin);
    return status == ATTUNE_FORMAT
               ? tell(check, err, "a pin of run %lld, step %lld is damaged",
                      (long long)query_get_int(q, 0), (long long)query_get_int(q, 1))
               : status;
}

static int check_index(struct attune_store_check *check, struct attune_store *store,
                       struct attune_error *err)
{
    int status = store_execute(
        store, "INSERT INTO run_words (run_words, rank) VALUES ('integrity-check', 1)", err);

    if (status == ATTUNE_FORMAT) {
        return tell(check, err, "the index of words does not fit the texts");
    }
    return status == ATTUNE_IO ? ATTUNE_OK : status; /* open for reading: it cannot be asked */
}

int attune_store_check(struct attune_store_check *out, struct attune_store *store,
                       struct attune_progress *progress, struct attune_error *err)
{
    static const struct {
        const char *what, *sql;
    } reports[] = {
        {"file", "PRAGMA integrity_check(50)"},
        {"reference", "SELECT printf('row %s of %s refers to nothing in %s', \"rowid\", \"table\", "
                      "\"parent\") FROM pragma_foreign_key_check"},
        {"run", "SELECT printf('run %d has a hole in its steps', run) FROM run_step GROUP BY run "
                "HAVING count(*) <> max(i) + 1"},
        {"run",
         "SELECT printf('step %d of run %d does not follow the one before it', b.i, b.run) "
         "FROM run_step AS a JOIN run_step AS b ON b.run = a.run AND b.i = a.i + 1 JOIN node "
         "ON node.id = b.node WHERE node.parent IS NOT a.node"},
    };
    struct attune_error own;
    int status = ATTUNE_OK;

    memset(out, 0, sizeof *out);
    err = err ? err : &own;
    for (size_t i = 0; status == ATTUNE_OK && i < sizeof reports / sizeof *reports; i++) {
        status = report(out, store, reports[i].what, reports[i].sql, err);
    }
    if (status == ATTUNE_OK) {
        status = walk(out, store, "texts", "SELECT id, hash, searched, bytes FROM text", check_text,
                      progress, err);
    }
    if (status == ATTUNE_OK) {
        status = walk(out, store, "nodes",
                      "SELECT node.id, node.hash, node.parent, up.hash, text.hash, node.kind, "
                      "node.tokens, node.bytes, " STEP_COLUMNS
                      " FROM node LEFT JOIN node AS up ON up.id = node.parent LEFT JOIN text ON "
                      "text.id = node.chain",
                      check_node, progress, err);
    }
    if (status == ATTUNE_OK) {
        status = walk(out, store, "pins",
                      "SELECT (SELECT run FROM run_step WHERE node = pin.node LIMIT 1), node.step, "
                      "CASE pin.kind WHEN 'logits' THEN 0 WHEN 'hidden' THEN 1 WHEN 'attention' "
                      "THEN 2 ELSE -1 END FROM pin JOIN node ON node.id = pin.node",
                      check_pin, progress, err);
    }
    if (status == ATTUNE_OK) {
        status = check_index(out, store, err);
    }
    if (status != ATTUNE_OK) {
        attune_store_check_done(out);
    }
    return status;
}

void attune_store_check_done(struct attune_store_check *check)
{
    if (check) {
        for (size_t i = 0; i < check->n_told; i++) {
            free(check->problems[i]);
        }
        free(check->problems);
        memset(check, 0, sizeof *check);
    }
}

static uint64_t bytes_of(const char *path, const char *suffix)
{
    char name[4096];
    struct stat st;

    return snprintf(name, sizeof name, "%s%s", path, suffix) < (int)sizeof name &&
                   stat(name, &st) == 0
               ? (uint64_t)st.st_size
               : 0;
}

int attune_store_stats(struct attune_store_stats *out, struct attune_store *store,
                       struct attune_error *err)
{
    static const char sql[] =
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT page_size FROM "
        "pragma_page_size), (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_count "
        "FROM pragma_page_count), (SELECT count(*) FROM session), (SELECT count(*) FROM run), "
        "(SELECT count(*) FROM run_step), (SELECT count(*) FROM node), (SELECT count(*) FROM "
        "text), "
        "(SELECT count(*) FROM mark), (SELECT count(*) FROM state), (SELECT count(*) FROM pin), "
        "(SELECT ifnull(sum(length(bytes)), 0) FROM pin)";
    struct query q;
    int status = query_open(&q, store, sql, err);

    memset(out, 0, sizeof *out);
    if (status == ATTUNE_OK) {
        int got = query_step(&q, err);
        uint64_t page = (uint64_t)query_get_int(&q, 1), used;

        status = got < 0 ? -got : ATTUNE_OK;
        out->schema = (int)query_get_int(&q, 0);
        out->free_bytes = page * (uint64_t)query_get_int(&q, 2);
        used = page * (uint64_t)query_get_int(&q, 3) - out->free_bytes;
        out->sessions = (uint64_t)query_get_int(&q, 4);
        out->runs = (uint64_t)query_get_int(&q, 5);
        out->steps = (uint64_t)query_get_int(&q, 6);
        out->nodes = (uint64_t)query_get_int(&q, 7);
        out->texts = (uint64_t)query_get_int(&q, 8);
        out->marks = (uint64_t)query_get_int(&q, 9);
        out->states = (uint64_t)query_get_int(&q, 10);
        out->pins = (uint64_t)query_get_int(&q, 11);
        out->pin_bytes = (uint64_t)query_get_int(&q, 12);
        out->bytes_per_step = out->steps ? (double)used / (double)out->steps : 0;
    }
    query_close(&q);
    out->file_bytes = bytes_of(store->path, "");
    out->log_bytes = bytes_of(store->path, "-wal");
    return status;
}

int attune_store_vacuum(struct attune_store *store, struct attune_error *err)
{
    int status = store_overwrite(store, err);

    if (status == ATTUNE_BUSY) {
        attune_error_set(err, status, 0,
                         "database %s: another program has it open: close that and try again",
                         store->path);
    }
    return status;
}
