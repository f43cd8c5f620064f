/* Marks on sessions, runs and nodes. A change takes the old row off and puts a new one on: the
 * index of words follows both (schema.sql). */
#include <config.h>

#include <attune/mark.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

static const char *const kind_names[] = {"tag", "note", "bookmark"};
_Static_assert(sizeof kind_names / sizeof *kind_names == ATTUNE_MARK_KIND_COUNT,
               "a name for every kind of mark");

const char *attune_mark_kind_text(enum attune_mark_kind kind)
{
    return kind < ATTUNE_MARK_KIND_COUNT ? kind_names[kind] : "";
}

enum attune_mark_kind store_mark_kind_of(const char *name)
{
    int i = 0;

    while (i < ATTUNE_MARK_KIND_COUNT && strcmp(kind_names[i], name) != 0) {
        i++;
    }
    return (enum attune_mark_kind)i;
}

int store_check_mark(enum attune_mark_kind kind, const char *text, struct attune_error *err)
{
    static const struct {
        size_t min, max;
        bool word; /* no white space */
    } rules[] = {{1, 100, true}, {1, 65536, false}, {0, 200, false}};
    size_t len = strlen(text);

    if (len < rules[kind].min || len > rules[kind].max) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "a %s has %zu to %zu bytes, not %zu",
                                kind_names[kind], rules[kind].min, rules[kind].max, len);
    }
    for (const char *c = text; *c; c++) {
        bool control = (unsigned char)*c < 0x20 || *c == 0x7f;

        if (rules[kind].word ? control || *c == ' ' || *c == ','
                             : control && *c != '\n' && *c != '\t') {
            return attune_error_set(err, ATTUNE_ARGUMENT, (uint64_t)(c - text),
                                    rules[kind].word ? "a %s is one word, without blanks and commas"
                                                     : "a %s has no control characters",
                                    kind_names[kind]);
        }
    }
    if (rules[kind].word && (*text == '+' || *text == '-')) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "a tag does not begin with + or -");
    }
    return ATTUNE_OK;
}

enum on { ON_SESSION, ON_RUN, ON_NODE };

struct target { /* what a place is in the file */
    enum on on;
    int64_t id;
};

static int lost(const struct attune_store *store, const struct attune_place *place,
                struct attune_error *err)
{
    return place->at_step ? attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                             "database %s: run %lld has no step %llu", store->path,
                                             (long long)place->run, (unsigned long long)place->step)
           : place->run   ? attune_error_set(err, ATTUNE_NOT_FOUND, 0, "database %s: no run %lld",
                                             store->path, (long long)place->run)
                          : attune_error_set(err, ATTUNE_NOT_FOUND, 0, "database %s: no session %s",
                                             store->path, place->session ? place->session : "");
}

static int resolve(struct target *out, struct attune_store *store, const struct attune_place *place,
                   struct attune_error *err)
{
    static const char *const sql[] = {
        [ON_SESSION] = "SELECT id FROM session WHERE name = ?",
        [ON_RUN] = "SELECT id FROM run WHERE id = ?",
        [ON_NODE] = "SELECT node FROM run_step JOIN node ON node.id = run_step.node WHERE "
                    "run_step.run = ? AND node.step = ?",
    };
    struct query q;
    int status, got;

    out->on = place->at_step ? ON_NODE : place->run ? ON_RUN : ON_SESSION;
    status = query_open(&q, store, sql[out->on], err);
    if (status == ATTUNE_OK) {
        if (out->on == ON_SESSION) {
            query_text(&q, place->session);
        } else {
            query_int(&q, place->run);
        }
        if (out->on == ON_NODE) {
            query_int(&q, (int64_t)place->step);
        }
        got = query_step(&q, err);
        out->id = got > 0 ? query_get_int(&q, 0) : 0;
        status = got > 0 ? ATTUNE_OK : got == 0 ? lost(store, place, err) : -got;
    }
    query_close(&q);
    return status;
}

/* Takes marks of a kind off; of a tag that of this text. */
static int take_off(struct attune_store *store, const struct target *target,
                    enum attune_mark_kind kind, const char *text, size_t *n,
                    struct attune_error *err)
{
    static const char *const sql[] = {
        [ON_SESSION] = "DELETE FROM mark WHERE session = ? AND kind = ? AND (kind <> 'tag' OR text "
                       "= ?) RETURNING 1",
        [ON_RUN] = "DELETE FROM mark WHERE run = ? AND kind = ? AND (kind <> 'tag' OR text = ?) "
                   "RETURNING 1",
        [ON_NODE] = "DELETE FROM mark WHERE node = ? AND kind = ? AND (kind <> 'tag' OR text = ?) "
                    "RETURNING 1",
    };
    struct query q;
    int status = query_open(&q, store, sql[target->on], err), got = 0;

    *n = 0;
    if (status == ATTUNE_OK) {
        query_int(&q, target->id);
        query_text(&q, kind_names[kind]);
        query_text(&q, text);
        while ((got = query_step(&q, err)) > 0) {
            ++*n;
        }
        status = got < 0 ? -got : ATTUNE_OK;
    }
    query_close(&q);
    return status;
}

static int put_on(struct attune_store *store, const struct target *target,
                  enum attune_mark_kind kind, const char *text, const char *created,
                  struct attune_error *err)
{
    static const char *const sql[] = {
        [ON_SESSION] = "INSERT INTO mark (session, kind, text, created) VALUES (?, ?, ?, ?)",
        [ON_RUN] = "INSERT INTO mark (run, kind, text, created) VALUES (?, ?, ?, ?)",
        [ON_NODE] = "INSERT INTO mark (node, kind, text, created) VALUES (?, ?, ?, ?)",
    };
    struct query q;
    int status = query_open(&q, store, sql[target->on], err);

    if (status == ATTUNE_OK) {
        query_int(&q, target->id);
        query_text(&q, kind_names[kind]);
        query_text(&q, text);
        query_text(&q, created);
        status = query_run(&q, err);
    }
    query_close(&q);
    return status;
}

int store_put_mark(struct attune_store *store, const struct attune_place *place,
                   enum attune_mark_kind kind, const char *text, const char *created,
                   struct attune_error *err)
{
    struct target target;
    size_t n;
    int status = store_check_mark(kind, text, err);

    if (status == ATTUNE_OK) {
        status = resolve(&target, store, place, err);
    }
    if (status == ATTUNE_OK) {
        status = take_off(store, &target, kind, text, &n, err);
    }
    return status == ATTUNE_OK ? put_on(store, &target, kind, text, created, err) : status;
}

static int remove_mark(struct attune_store *store, const struct attune_place *place,
                       enum attune_mark_kind kind, const char *text, struct attune_error *err)
{
    struct target target;
    size_t n = 0;
    int status = resolve(&target, store, place, err);

    if (status == ATTUNE_OK) {
        status = take_off(store, &target, kind, text, &n, err);
    }
    if (status == ATTUNE_OK && n == 0) {
        status = attune_error_set(err, ATTUNE_NOT_FOUND, 0, "there is no %s%s%s to take off",
                                  kind_names[kind], text ? " " : "", text ? text : "");
    }
    return status;
}

int attune_store_mark(struct attune_store *store, const struct attune_place *place,
                      enum attune_mark_kind kind, const char *text, bool on,
                      struct attune_error *err)
{
    char now[32];
    int status = store_begin(store, err);

    store_now(now);
    if (status == ATTUNE_OK) {
        status = on ? store_put_mark(store, place, kind, text ? text : "", now, err)
                    : remove_mark(store, place, kind, text, err);
        status = store_end(store, status, err);
    }
    return status;
}

/* Columns: kind, session, run, step, text, created; NULL stands for what a mark is not on. */
static const char marks_of_sessions[] =
    "SELECT mark.kind, session.name, NULL, NULL, mark.text, mark.created FROM mark JOIN session ON "
    "session.id = mark.session";
static const char marks_of_runs[] = "SELECT mark.kind, session.name, run.id, NULL, mark.text, "
                                    "mark.created FROM mark JOIN run ON run.id = "
                                    "mark.run JOIN session ON session.id = run.session";
static const char marks_of_steps[] =
    "SELECT mark.kind, session.name, run.id, node.step, mark.text, mark.created FROM mark JOIN "
    "node ON "
    "node.id "
    "= mark.node JOIN run_step ON run_step.node = node.id JOIN run ON run.id = run_step.run JOIN "
    "session ON session.id = run.session";

/* Parameters: ?1 the session or NULL, ?2 the run or 0, ?3 the step. */
static void build(struct text *sql, const struct attune_place *place)
{
    const char *of_run = place->run ? " WHERE run.id = ?2" : " WHERE ifnull(session.name = ?1, 1)";

    text_put(sql, "WITH marks (kind, s, r, i, text, created) AS (");
    if (!place->run) {
        text_put(sql, marks_of_sessions);
        text_put(sql, of_run);
        text_put(sql, " UNION ALL ");
    }
    if (!place->at_step) {
        text_put(sql, marks_of_runs);
        text_put(sql, of_run);
        text_put(sql, " UNION ALL ");
    }
    text_put(sql, marks_of_steps);
    text_put(sql, of_run);
    text_put(sql, place->at_step ? " AND node.step = ?3" : "");
    text_put(sql, ") SELECT * FROM marks ORDER BY s, r, i, kind = 'tag' DESC, kind, text");
}

static int read_mark(struct attune_mark *out, const struct query *q, struct attune_error *err)
{
    char *kind = query_get_text(q, 0);

    *out = (struct attune_mark){
        .kind = kind ? store_mark_kind_of(kind) : ATTUNE_MARK_KIND_COUNT,
        .session = query_get_text(q, 1),
        .run = query_get_int(q, 2),
        .at_step = !query_is_null(q, 3),
        .step = (uint64_t)query_get_int(q, 3),
        .text = query_get_text(q, 4),
        .created = query_get_text(q, 5),
    };
    free(kind);
    return kind && out->session && out->text && out->created ? ATTUNE_OK : text_no_memory(err);
}

int attune_store_marks(struct attune_store *store, const struct attune_place *place,
                       struct attune_mark **out, size_t *n, struct attune_error *err)
{
    struct text sql = {0};
    struct query q = {0};
    int status, got = 0;

    *out = NULL;
    *n = 0;
    build(&sql, place);
    status = sql.failed ? text_no_memory(err) : query_open(&q, store, sql.data, err);
    text_done(&sql);
    if (status == ATTUNE_OK) {
        query_text(&q, place->session);
        if (place->run) {
            query_int(&q, place->run);
        }
        if (place->at_step) {
            query_int(&q, (int64_t)place->step);
        }
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        struct attune_mark *more = realloc(*out, (*n + 1) * sizeof *more);

        if (!more) {
            status = text_no_memory(err);
            break;
        }
        *out = more;
        status = read_mark(&more[(*n)++], &q, err);
    }
    query_close(&q);
    if (status == ATTUNE_OK && got < 0) {
        status = -got;
    }
    if (status != ATTUNE_OK) {
        attune_marks_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}

void attune_marks_free(struct attune_mark *marks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(marks[i].session);
        free(marks[i].text);
        free(marks[i].created);
    }
    free(marks);
}
