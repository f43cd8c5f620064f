/* The connection: opening without harm, schema versions, statements. The one file that includes
 * SQLite.
 *
 * WAL with synchronous=NORMAL: a commit is in the log, handed to the system, when it returns, so
 * the death of the program at any moment loses nothing that was committed; only a power cut can
 * take the last few commits, and never the consistency. A new file is built under another name and
 * linked into place, so a file at PATH is always whole. */
#include <config.h>

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x6174746e
#define BUSY_MS        5000
/* quick_check reads the whole file: done on opening where that costs a few milliseconds. */
#define CHECK_BYTES (4 << 20)
/* The longest text that is taken from a database of another program. */
#define FOREIGN_BYTES (64 << 20)

static const struct {
    int number;
    const char *sql;
} versions[] = {
#include "prompts/schema.inc"
};
enum { LATEST = sizeof versions / sizeof *versions };

static int fail(struct attune_store *store, int code, struct attune_error *err)
{
    const char *why = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return attune_error_set(err, ATTUNE_BUSY, 0,
                                "database %s is locked by another program: close that or try again",
                                store->path);
    case SQLITE_NOMEM: return text_no_memory(err);
    case SQLITE_FULL:
        return attune_error_set(err, ATTUNE_FULL, 0, "database %s: the disk is full", store->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return attune_error_set(
            err, ATTUNE_FORMAT, 0,
            "database %s is damaged (%s): left as it is; attune db check says where, "
            "attune export --salvage takes out what can be read",
            store->path, why);
    case SQLITE_READONLY:
        return attune_error_set(err, ATTUNE_IO, 0, "database %s cannot be written", store->path);
    default: return attune_error_set(err, ATTUNE_IO, 0, "database %s: %s", store->path, why);
    }
}

/* Statements are kept between uses: preparing one costs more than running it. */
int query_open(struct query *q, struct attune_store *store, const char *sql,
               struct attune_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_OK;

    for (int i = 0; i < STORE_KEPT && !statement; i++) {
        if (store->kept[i] && strcmp(sqlite3_sql(store->kept[i]), sql) == 0) {
            statement = store->kept[i];
            store->kept[i] = NULL;
        }
    }
    if (!statement) {
        code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    }
    *q = (struct query){store, statement, 0, SQLITE_OK};
    return code == SQLITE_OK ? ATTUNE_OK : fail(store, code, err);
}

void query_close(struct query *q)
{
    struct attune_store *store = q->store;

    if (q->statement) {
        query_rewind(q);
        sqlite3_finalize(store->kept[store->next_kept]);
        store->kept[store->next_kept] = q->statement;
        store->next_kept = (store->next_kept + 1) % STORE_KEPT;
        q->statement = NULL;
    }
}

static void note(struct query *q, int code)
{
    q->failed = q->failed ? q->failed : code;
}

void query_int(struct query *q, int64_t x)
{
    note(q, sqlite3_bind_int64(q->statement, ++q->bound, x));
}

void query_real(struct query *q, double x)
{
    note(q, isnan(x) ? sqlite3_bind_null(q->statement, ++q->bound)
                     : sqlite3_bind_double(q->statement, ++q->bound, x));
}

void query_text(struct query *q, const char *text)
{
    note(q, sqlite3_bind_text(q->statement, ++q->bound, text, -1, SQLITE_STATIC));
}

void query_bytes(struct query *q, const void *bytes, size_t len)
{
    note(q, sqlite3_bind_blob64(q->statement, ++q->bound, len ? bytes : "", len, SQLITE_STATIC));
}

void query_null(struct query *q)
{
    note(q, sqlite3_bind_null(q->statement, ++q->bound));
}

int query_step(struct query *q, struct attune_error *err)
{
    int code = q->failed ? q->failed : sqlite3_step(q->statement);

    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        return code == SQLITE_ROW;
    }
    return -fail(q->store, code, err);
}

int query_run(struct query *q, struct attune_error *err)
{
    int got;

    do {
        got = query_step(q, err);
    } while (got > 0);
    return -got;
}

void query_rewind(struct query *q)
{
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
    q->bound = 0;
    q->failed = SQLITE_OK;
}

bool query_is_null(const struct query *q, int column)
{
    return sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}

int64_t query_get_int(const struct query *q, int column)
{
    return sqlite3_column_int64(q->statement, column);
}

double query_get_real(const struct query *q, int column)
{
    return query_is_null(q, column) ? NAN : sqlite3_column_double(q->statement, column);
}

const void *query_get_bytes(const struct query *q, int column, size_t *len)
{
    const void *bytes = sqlite3_column_blob(q->statement, column);

    *len = (size_t)sqlite3_column_bytes(q->statement, column);
    return bytes ? bytes : "";
}

char *query_get_text(const struct query *q, int column)
{
    size_t len;
    const char *bytes = query_get_bytes(q, column, &len);

    return text_copy(bytes, len);
}

int store_execute(struct attune_store *store, const char *sql, struct attune_error *err)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? ATTUNE_OK : fail(store, code, err);
}

int64_t store_last_id(const struct attune_store *store)
{
    return sqlite3_last_insert_rowid(store->db);
}

int store_begin(struct attune_store *store, struct attune_error *err)
{
    return store_execute(store, "BEGIN IMMEDIATE", err);
}

int store_end(struct attune_store *store, int status, struct attune_error *err)
{
    if (status == ATTUNE_OK) {
        status = store_execute(store, "COMMIT", err);
    }
    if (status != ATTUNE_OK) {
        store->leaf.run = 0;
        if (!sqlite3_get_autocommit(store->db)) {
            store_execute(store, "ROLLBACK", NULL);
        }
    }
    return status;
}

int store_lookup(struct attune_store *store, int64_t *out, const char *sql, int64_t parameter,
                 struct attune_error *err)
{
    struct query q;
    int got = -query_open(&q, store, sql, err);

    if (got == 0) {
        query_int(&q, parameter);
        got = query_step(&q, err);
        *out = got > 0 ? query_get_int(&q, 0) : 0;
    }
    query_close(&q);
    return got;
}

const char *attune_store_path(const struct attune_store *store)
{
    return store->path;
}

static int connect(struct attune_store *store, const char *name, int flags,
                   struct attune_error *err)
{
    int code = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL), status;

    if (code != SQLITE_OK) {
        status = fail(store, code, err);
        sqlite3_close(store->db);
        store->db = NULL;
        return status;
    }
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return store_execute(
        store, "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA synchronous = NORMAL",
        err);
}

static void disconnect(struct attune_store *store)
{
    for (int i = 0; i < STORE_KEPT; i++) {
        sqlite3_finalize(store->kept[i]);
        store->kept[i] = NULL;
    }
    sqlite3_close(store->db);
    store->db = NULL;
}

static int get_version(struct attune_store *store, int64_t *out, struct attune_error *err)
{
    struct query q;
    int status = query_open(&q, store, "PRAGMA user_version", err);

    if (status == ATTUNE_OK) {
        status = query_step(&q, err);
        status = status < 0 ? -status : ATTUNE_OK;
        *out = query_get_int(&q, 0);
    }
    query_close(&q);
    return status;
}

static int quick_check(struct attune_store *store, struct attune_error *err)
{
    struct query q;
    struct stat st;
    char *found = NULL;
    int status;

    if (store->salvage || stat(store->path, &st) != 0 || st.st_size > CHECK_BYTES) {
        return ATTUNE_OK;
    }
    status = query_open(&q, store, "PRAGMA quick_check(1)", err);
    if (status == ATTUNE_OK) {
        int got = query_step(&q, err);

        found = got > 0 ? query_get_text(&q, 0) : NULL;
        status = got < 0 ? -got : ATTUNE_OK;
    }
    if (status == ATTUNE_OK && (!found || strcmp(found, "ok") != 0)) {
        status = attune_error_set(
            err, ATTUNE_FORMAT, 0,
            "database %s is damaged (%s): left as it is; attune db check says where, attune export "
            "--salvage takes out what can be read",
            store->path, found ? found : "no answer");
    }
    free(found);
    query_close(&q);
    return status;
}

/* Opens for reading and looks whether this is a file to work on; stays open. */
static int probe(struct attune_store *store, int64_t *version, struct attune_error *err)
{
    char *uri;
    int status = connect(store, store->path, SQLITE_OPEN_READONLY, err);

    if (status == ATTUNE_OK) {
        status = get_version(store, version, err);
    }
    if (status == ATTUNE_IO) {
        disconnect(store);
        uri = store_immutable_uri(store->path);
        status = uri ? connect(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err)
                     : text_no_memory(err);
        free(uri);
        if (status == ATTUNE_OK) {
            status = get_version(store, version, err);
        }
    }
    if (status == ATTUNE_OK && *version > LATEST) {
        return attune_error_set(
            err, ATTUNE_UNSUPPORTED, 60,
            "database %s was written by a newer attune (schema %lld, this one knows "
            "%d): left as it is; update attune, or name another with --db",
            store->path, (long long)*version, LATEST);
    }
    if (status == ATTUNE_OK && *version < 1) {
        return attune_error_set(err, ATTUNE_FORMAT, 60, "database %s has no schema version",
                                store->path);
    }
    return status == ATTUNE_OK ? quick_check(store, err) : status;
}

/* Applies what is newer than `from`, in the caller's transaction. */
static int apply_versions(struct attune_store *store, int64_t from, struct attune_error *err)
{
    char pragma[64];
    int status = ATTUNE_OK;

    for (int i = 0; status == ATTUNE_OK && i < LATEST; i++) {
        if (versions[i].number > from) {
            status = store_execute(store, versions[i].sql, err);
        }
    }
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", LATEST);
    return status == ATTUNE_OK ? store_execute(store, pragma, err) : status;
}

/* A new file under a name of its own, complete. */
static int build(struct attune_store *store, const char *name, struct attune_error *err)
{
    char pragma[64];
    int fd = open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600), status;

    if (fd < 0) {
        return attune_error_set(err, ATTUNE_IO, 0, "database %s cannot be made: %s", store->path,
                                strerror(errno));
    }
    close(fd);
    status = connect(store, name, SQLITE_OPEN_READWRITE, err);
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d", APPLICATION_ID);
    if (status == ATTUNE_OK) {
        status = store_begin(store, err);
    }
    if (status == ATTUNE_OK) {
        status = store_execute(store, pragma, err);
        if (status == ATTUNE_OK) {
            status = apply_versions(store, 0, err);
        }
        status = store_end(store, status, err);
    }
    if (status == ATTUNE_OK) {
        status = store_execute(store, "PRAGMA journal_mode = WAL", err);
    }
    disconnect(store);
    return status;
}

/* Makes the file at store->path, unless another program was faster. */
static int create(struct attune_store *store, struct attune_error *err)
{
    struct stat st;
    char *name = malloc(strlen(store->path) + 32);
    int status;

    if (!name) {
        return text_no_memory(err);
    }
    sprintf(name, "%s.new-%ld", store->path, (long)getpid());
    unlink(name);
    status = build(store, name, err);
    if (status == ATTUNE_OK && link(name, store->path) != 0 &&
        (errno != EEXIST || (stat(store->path, &st) == 0 && st.st_size == 0)) &&
        rename(name, store->path) != 0) {
        status = attune_error_set(err, ATTUNE_IO, 0, "database %s cannot be made: %s", store->path,
                                  strerror(errno));
    }
    unlink(name);
    free(name);
    return status;
}

/* A copy of the file as it is, PATH.backup-vN, or with a number behind if that is taken. */
static int back_up(struct attune_store *store, int64_t version, struct attune_error *err)
{
    struct query q;
    char *name = malloc(strlen(store->path) + 48);
    int status = name ? ATTUNE_OK : text_no_memory(err), n = 1;

    if (status == ATTUNE_OK) {
        sprintf(name, "%s.backup-v%d", store->path, (int)version);
        while (access(name, F_OK) == 0 && n < 1000) {
            sprintf(name, "%s.backup-v%d-%d", store->path, (int)version, ++n);
        }
        status = query_open(&q, store, "VACUUM INTO ?", err);
        if (status == ATTUNE_OK) {
            query_text(&q, name);
            status = query_run(&q, err);
        }
        query_close(&q);
    }
    if (status == ATTUNE_OK && chmod(name, 0600) != 0) {
        status = attune_error_set(err, ATTUNE_IO, 0, "%s: %s", name, strerror(errno));
    }
    free(name);
    return status;
}

static int migrate(struct attune_store *store, struct attune_error *err)
{
    int64_t version;
    int status = get_version(store, &version, err);

    if (status != ATTUNE_OK || version >= LATEST) {
        return status;
    }
    status = back_up(store, version, err);
    if (status == ATTUNE_OK) {
        status = store_begin(store, err);
    }
    if (status == ATTUNE_OK) {
        status = get_version(store, &version, err); /* another program may have been faster */
        if (status == ATTUNE_OK) {
            status = apply_versions(store, version, err);
        }
        status = store_end(store, status, err);
    }
    if (status != ATTUNE_OK) {
        attune_error_prefix(err, "bringing the database forward");
    }
    return status;
}

static int open_to_write(struct attune_store *store, struct attune_error *err)
{
    bool is_there;
    int64_t version;
    int status = store_look_at(&is_there, store->path, APPLICATION_ID, err);

    if (status == ATTUNE_OK && !is_there) {
        status = create(store, err);
    }
    if (status == ATTUNE_OK) {
        status = probe(store, &version, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    disconnect(store);
    status = connect(store, store->path, SQLITE_OPEN_READWRITE, err);
    if (status == ATTUNE_OK) {
        status = store_execute(store, "PRAGMA journal_mode = WAL", err);
    }
    if (status == ATTUNE_OK && sqlite3_db_readonly(store->db, "main") == 1) {
        status = fail(store, SQLITE_READONLY, err);
    }
    return status == ATTUNE_OK ? migrate(store, err) : status;
}

static int open_to_read(struct attune_store *store, struct attune_error *err)
{
    struct attune_error why;
    bool is_there;
    int64_t version = 0;
    int status = store_look_at(&is_there, store->path, APPLICATION_ID, err);

    if (status == ATTUNE_OK && !is_there) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                "database %s: nothing was saved there yet", store->path);
    }
    if (status == ATTUNE_OK) {
        status = probe(store, &version, err);
    }
    if (status != ATTUNE_OK || version == LATEST) {
        return status;
    }
    if (store->salvage) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 60,
                                "database %s has the older schema %lld: read it with the attune "
                                "that wrote it",
                                store->path, (long long)version);
    }
    disconnect(store);
    if (open_to_write(store, &why) != ATTUNE_OK) {
        return attune_error_set(
            err, ATTUNE_UNSUPPORTED, 60,
            "database %s has the older schema %lld and cannot be brought forward: %s", store->path,
            (long long)version, why.text);
    }
    disconnect(store);
    return probe(store, &version, err);
}

int attune_store_open(struct attune_store **out, const char *path, enum attune_store_mode mode,
                      struct attune_error *err)
{
    struct attune_store *store = calloc(1, sizeof *store);
    int status;

    *out = NULL;
    if (!store || !(store->path = malloc(strlen(path) + 3))) {
        free(store);
        return text_no_memory(err);
    }
    /* ":memory:" and "file:..." mean something else to SQLite; a path means a path here. */
    sprintf(store->path, "%s%s", *path == ':' || strncmp(path, "file:", 5) == 0 ? "./" : "", path);
    store->salvage = mode == ATTUNE_STORE_SALVAGE;
    status = mode == ATTUNE_STORE_WRITE ? open_to_write(store, err) : open_to_read(store, err);
    if (status != ATTUNE_OK) {
        attune_store_close(store);
        return status;
    }
    *out = store;
    return ATTUNE_OK;
}

int store_open_foreign(struct attune_store **out, const char *path, struct attune_error *err)
{
    struct attune_store *store = calloc(1, sizeof *store);
    char *uri;
    int status;

    *out = NULL;
    if (!store || !(store->path = strdup(path))) {
        free(store);
        return text_no_memory(err);
    }
    status = connect(store, path, SQLITE_OPEN_READONLY, err);
    if (status == ATTUNE_OK) { /* a log in a folder where no lock can be put, and the like */
        status = store_execute(store, "SELECT 1 FROM sqlite_schema LIMIT 1", err);
    }
    if (status == ATTUNE_IO) {
        disconnect(store);
        uri = store_immutable_uri(path);
        status = uri ? connect(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err)
                     : text_no_memory(err);
        free(uri);
    }
    if (status == ATTUNE_OK) {
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, FOREIGN_BYTES);
        status = store_execute(store, "PRAGMA query_only = ON", err);
    }
    if (status != ATTUNE_OK) {
        attune_store_close(store);
        return status;
    }
    *out = store;
    return ATTUNE_OK;
}

void attune_store_close(struct attune_store *store)
{
    if (store) {
        disconnect(store);
        free(store->path);
        free(store);
    }
}
