/* Looking for runs and sessions.
 *
 * Words are one look into one index by run, which hands runs out newest first and can be left as
 * soon as there are enough; what else is asked narrows what comes. Values of a chain are read from
 * its text, once for every chain there is: a few for thousands of runs. */
#include <config.h>

#include "store.h"

#include <attune/sampler.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns of run that a range may name, as the file has them. */
static const struct {
    const char *name, *sql;
} columns[] = {
    {"seed", "run.seed"},
    {"max_tokens", "run.max_tokens"},
    {"first_step", "run.first_step"},
    {"tokens", "(SELECT count(*) FROM run_step WHERE run_step.run = run.id)"},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

struct search {
    struct text sql;
    struct text words;  /* what FTS5 is asked; empty: nothing */
    struct text chains; /* a JSON list of chains; empty: any */
};

/* Words, cut at white space, each as a quoted beginning in the language of FTS5: "wor"* */
static void add_words(struct text *out, const char *search)
{
    static const char space[] = " \t\r\n";

    for (search += strspn(search, space); *search; search += strspn(search, space)) {
        size_t len = strcspn(search, space);

        text_put(out, out->len ? " \"" : "\"");
        for (size_t i = 0; i < len; i++) {
            text_add(out, search[i] == '"' ? "\"\"" : search + i, search[i] == '"' ? 2 : 1);
        }
        text_put(out, "\"*");
        search += len;
    }
}

static int column_of(const char *name)
{
    int i = 0;

    while (i < COLUMN_COUNT && strcmp(columns[i].name, name) != 0) {
        i++;
    }
    return i;
}

static int check_ranges(const struct attune_run_query *query, size_t *n_chain,
                        struct attune_error *err)
{
    *n_chain = 0;
    for (size_t i = 0; i < query->n_ranges; i++) {
        const char *name = query->ranges[i].name;

        if (column_of(name) == COLUMN_COUNT && !attune_param_find(name)) {
            return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                    "runs have no number %s: a knob of the sampler (temperature, "
                                    "top_p, ...), seed, tokens, max_tokens or first_step",
                                    name);
        }
        *n_chain += column_of(name) == COLUMN_COUNT;
    }
    return ATTUNE_OK;
}

static bool chain_fits(const struct attune_run_query *query, const char *text)
{
    struct attune_chain *chain;
    bool fits = attune_chain_parse(&chain, text, NULL) == ATTUNE_OK;

    for (size_t i = 0; fits && i < query->n_ranges; i++) {
        const struct attune_run_range *r = &query->ranges[i];

        if (column_of(r->name) == COLUMN_COUNT) {
            double x = attune_chain_get(chain, r->name);

            fits = x >= r->low && x <= r->high;
        }
    }
    attune_chain_free(chain);
    return fits;
}

/* The chains whose values lie in the ranges, as a JSON list of their ids. */
static int find_chains(struct text *out, struct attune_store *store,
                       const struct attune_run_query *query, struct attune_error *err)
{
    struct query q;
    int status = query_open(
            &q, store, "SELECT id, bytes FROM text WHERE id IN (SELECT DISTINCT chain FROM run)",
            err),
        got = 0;

    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        char *text = query_get_text(&q, 1), number[32];

        if (!text) {
            status = text_no_memory(err);
        } else if (chain_fits(query, text)) {
            snprintf(number, sizeof number, "%s%lld", out->len ? "," : "[",
                     (long long)query_get_int(&q, 0));
            text_put(out, number);
        }
        free(text);
    }
    query_close(&q);
    text_put(out, out->len ? "]" : "[]");
    return status == ATTUNE_OK && got < 0 ? -got : status;
}

/* The conditions behind FROM; their parameters are bound by bind_search in the same order. */
static void add_conditions(struct search *s, const struct attune_run_query *query)
{
    struct text *sql = &s->sql;

    text_put(sql, s->words.len ? " FROM run_words CROSS JOIN run ON run.id = run_words.rowid WHERE "
                                 "run_words MATCH ?"
                               : " FROM run WHERE 1");
    if (query->session) {
        text_put(sql, " AND run.session = (SELECT id FROM session WHERE name = ?)");
    }
    if (query->tag) {
        text_put(sql,
                 " AND (run.id IN (SELECT run FROM mark WHERE kind = 'tag' AND text = ?) OR "
                 "run.session IN (SELECT session FROM mark WHERE kind = 'tag' AND text = ?) OR "
                 "run.id IN (SELECT run_step.run FROM mark JOIN run_step ON run_step.node = "
                 "mark.node WHERE kind = 'tag' AND text = ?))");
    }
    if (query->model) {
        text_put(sql,
                 " AND run.model IN (SELECT id FROM model WHERE instr(lower(name), lower(?)))");
    }
    if (query->stop) {
        text_put(sql, " AND run.stop = ?");
    }
    if (query->since) {
        text_put(sql, " AND run.created >= ?");
    }
    if (query->until) {
        text_put(sql, " AND substr(run.created, 1, length(?)) <= ?");
    }
    if (s->chains.len) {
        text_put(sql, " AND run.chain IN (SELECT value FROM json_each(?))");
    }
    for (size_t i = 0; i < query->n_ranges; i++) {
        int column = column_of(query->ranges[i].name);

        if (column < COLUMN_COUNT) {
            text_put(sql, " AND ");
            text_put(sql, columns[column].sql);
            text_put(sql, " BETWEEN ? AND ?");
        }
    }
    text_put(sql, s->words.len ? " ORDER BY run_words.rowid DESC" : " ORDER BY run.id DESC");
}

static void bind_search(struct query *q, const struct search *s,
                        const struct attune_run_query *query)
{
    const struct {
        const char *text;
        int times;
    } texts[] = {
        {s->words.len ? s->words.data : NULL, 1},
        {query->session, 1},
        {query->tag, 3},
        {query->model, 1},
        {query->stop && strcmp(query->stop, "none") == 0 ? "" : query->stop, 1},
        {query->since, 1},
        {query->until, 2},
        {s->chains.len ? s->chains.data : NULL, 1},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (int k = 0; texts[i].text && k < texts[i].times; k++) {
            query_text(q, texts[i].text);
        }
    }
    for (size_t i = 0; i < query->n_ranges; i++) {
        if (column_of(query->ranges[i].name) < COLUMN_COUNT) {
            query_real(q, query->ranges[i].low);
            query_real(q, query->ranges[i].high);
        }
    }
}

static int check_stop(const char *stop, struct attune_error *err)
{
    if (!stop || strcmp(stop, "none") == 0 || (*stop && store_stop_of(stop) != ATTUNE_STOP_COUNT)) {
        return ATTUNE_OK;
    }
    return attune_error_set(
        err, ATTUNE_ARGUMENT, 0,
        "no run stops by \"%s\": length, eos, stop, interrupted, error, or none (cut off)", stop);
}

/* Pairs of int64: the run and its session, newest first. */
static int find(struct attune_store *store, struct text *out, const struct attune_run_query *query,
                struct attune_error *err)
{
    struct search s = {{0}};
    struct query q = {0};
    size_t n_chain;
    int status = check_ranges(query, &n_chain, err), got = 0;

    if (status == ATTUNE_OK) {
        status = check_stop(query->stop, err);
    }
    if (status == ATTUNE_OK && n_chain) {
        status = find_chains(&s.chains, store, query, err);
    }
    if (status == ATTUNE_OK) {
        add_words(&s.words, query->search ? query->search : "");
        text_put(&s.sql, "SELECT run.id, run.session");
        add_conditions(&s, query);
        text_put(&s.sql, " LIMIT ? OFFSET ?");
        status = s.sql.failed || s.words.failed || s.chains.failed
                     ? text_no_memory(err)
                     : query_open(&q, store, s.sql.data, err);
    }
    if (status == ATTUNE_OK) {
        bind_search(&q, &s, query);
        query_int(&q, query->limit ? (int64_t)query->limit : -1);
        query_int(&q, (int64_t)query->offset);
        while ((got = query_step(&q, err)) > 0) {
            const int64_t pair[] = {query_get_int(&q, 0), query_get_int(&q, 1)};

            text_add(out, pair, sizeof pair);
        }
        status = got < 0 ? -got : out->failed ? text_no_memory(err) : ATTUNE_OK;
    }
    query_close(&q);
    text_done(&s.sql);
    text_done(&s.words);
    text_done(&s.chains);
    return status;
}

int attune_store_list(struct attune_store *store, const struct attune_run_query *query,
                      struct attune_run_record **out, size_t *n, struct attune_error *err)
{
    struct text found = {0};
    int64_t pair[2];
    size_t count;
    int status = find(store, &found, query, err);

    *out = NULL;
    *n = 0;
    count = found.len / sizeof pair;
    if (status == ATTUNE_OK) {
        *out = calloc(count + 1, sizeof **out);
        status = *out ? ATTUNE_OK : text_no_memory(err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < count; i++) {
        memcpy(pair, found.data + i * sizeof pair, sizeof pair);
        status = attune_store_load_run(store, pair[0], &(*out)[*n], err);
        *n += status == ATTUNE_OK;
    }
    text_done(&found);
    if (status != ATTUNE_OK) {
        attune_run_records_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}

struct pair {
    int64_t run, session;
};

static int by_session(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    return x->session != y->session ? (x->session > y->session) - (x->session < y->session)
                                    : (x->run < y->run) - (x->run > y->run);
}

/* Gives a row its runs out of the pairs [n], which are in order. */
static int take_matches(struct attune_session_row *row, const struct pair *pairs, size_t n,
                        struct attune_error *err)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (pairs[middle].session < row->id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (low + row->n_matches < n && pairs[low + row->n_matches].session == row->id) {
        row->n_matches++;
    }
    row->matches = malloc((row->n_matches + 1) * sizeof *row->matches);
    if (!row->matches) {
        return text_no_memory(err);
    }
    for (size_t i = 0; i < row->n_matches; i++) {
        row->matches[i] = pairs[low + i].run;
    }
    return ATTUNE_OK;
}

static bool has_filters(const struct attune_run_query *query)
{
    return query->session || query->tag || query->model || query->stop || query->since ||
           query->until || query->n_ranges;
}

static int newest_first(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x < *y) - (*x > *y);
}

/* Past so many runs it costs less to go over all of them once, in the index, than to fetch each. */
enum { FEW = 2000 };

/* Pairs for runs that words alone name: the index of words gives their numbers, and sessions come
 * from an index that has nothing but them. */
static int find_words(struct attune_store *store, struct text *out, const char *search,
                      struct attune_error *err)
{
    struct text words = {0}, ids = {0};
    struct query q = {0};
    struct pair pair;
    size_t n;
    int status, got = 0;

    add_words(&words, search);
    status = words.failed ? text_no_memory(err)
                          : query_open(&q, store,
                                       "SELECT rowid FROM run_words WHERE run_words MATCH ? ORDER "
                                       "BY rowid DESC",
                                       err);
    if (status == ATTUNE_OK) {
        query_text(&q, words.data);
        while ((got = query_step(&q, err)) > 0) {
            int64_t id = query_get_int(&q, 0);

            text_add(&ids, &id, sizeof id);
        }
        status = got < 0 ? -got : ids.failed ? text_no_memory(err) : ATTUNE_OK;
        query_close(&q);
    }
    n = ids.len / sizeof(int64_t);
    for (size_t i = 0; status == ATTUNE_OK && n <= FEW && i < n; i++) {
        memcpy(&pair.run, ids.data + i * sizeof pair.run, sizeof pair.run);
        got = store_lookup(store, &pair.session, "SELECT session FROM run WHERE id = ?", pair.run,
                           err);
        status = got < 0 ? -got : ATTUNE_OK;
        text_add(out, &pair, got > 0 ? sizeof pair : 0);
    }
    if (status == ATTUNE_OK && n > FEW) {
        status = query_open(&q, store, "SELECT id, session FROM run", err);
        while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
            pair = (struct pair){query_get_int(&q, 0), query_get_int(&q, 1)};
            if (bsearch(&pair.run, ids.data, n, sizeof pair.run, newest_first)) {
                text_add(out, &pair, sizeof pair);
            }
        }
        query_close(&q);
        status = status == ATTUNE_OK && got < 0 ? -got : status;
    }
    status = status == ATTUNE_OK && out->failed ? text_no_memory(err) : status;
    text_done(&words);
    text_done(&ids);
    return status;
}

/* Every session with its numbers; the last column says whether its name or note has the words as
 * they stand. */
static const char all_sessions[] =
    "SELECT session.id, session.name, session.created, many.updated, many.n, (SELECT "
    "group_concat(text, ' ') FROM (SELECT text FROM mark WHERE mark.session = session.id AND kind "
    "= "
    "'tag' ORDER BY text)), (SELECT text FROM mark WHERE mark.session = session.id AND kind = "
    "'note') AS note, ?1 IS NOT NULL AND (instr(lower(session.name), lower(?1)) OR "
    "instr(lower(ifnull((SELECT text FROM mark WHERE mark.session = session.id AND kind = 'note'), "
    "'')), lower(?1))) "
    "FROM session JOIN (SELECT session, count(*) AS n, max(id) AS newest, max(created) AS updated "
    "FROM run GROUP BY session) AS many ON many.session = session.id ORDER BY many.newest DESC";

static int read_session(struct attune_session_row *out, const struct query *q,
                        struct attune_error *err)
{
    *out = (struct attune_session_row){.id = query_get_int(q, 0),
                                       .name = query_get_text(q, 1),
                                       .created = query_get_text(q, 2),
                                       .updated = query_get_text(q, 3),
                                       .n_runs = (size_t)query_get_int(q, 4),
                                       .tags = query_get_text(q, 5),
                                       .note = query_get_text(q, 6)};
    return out->name && out->created && out->updated && out->tags && out->note
               ? ATTUNE_OK
               : text_no_memory(err);
}

static void session_row_done(struct attune_session_row *row)
{
    free(row->name);
    free(row->created);
    free(row->updated);
    free(row->tags);
    free(row->note);
    free(row->matches);
}

int attune_store_sessions(struct attune_store *store, const struct attune_run_query *query,
                          struct attune_session_row **out, size_t *n, struct attune_error *err)
{
    static const struct attune_run_query all;
    struct attune_run_query own = query ? *query : all;
    struct text found = {0};
    struct query q = {0};
    size_t n_pairs;
    bool everything;
    int status, got = 0;

    *out = NULL;
    *n = 0;
    own.limit = own.offset = 0;
    own.search = own.search && own.search[strspn(own.search, " \t\r\n")] ? own.search : NULL;
    everything = !own.search && !has_filters(&own);
    status = everything          ? ATTUNE_OK
             : has_filters(&own) ? find(store, &found, &own, err)
                                 : find_words(store, &found, own.search, err);
    n_pairs = found.len / sizeof(struct pair);
    if (n_pairs) {
        qsort(found.data, n_pairs, sizeof(struct pair), by_session);
    }
    if (status == ATTUNE_OK) {
        status = query_open(&q, store, all_sessions, err);
    }
    if (status == ATTUNE_OK) {
        query_text(&q, has_filters(&own) ? NULL : own.search);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        struct attune_session_row *more = realloc(*out, (*n + 1) * sizeof *more);

        if (!more) {
            status = text_no_memory(err);
            break;
        }
        *out = more;
        status = read_session(&more[*n], &q, err);
        if (status == ATTUNE_OK) {
            status = take_matches(&more[*n], (const struct pair *)(void *)found.data, n_pairs, err);
        }
        if (status == ATTUNE_OK && !everything && !more[*n].n_matches && !query_get_int(&q, 7)) {
            session_row_done(&more[*n]);
        } else {
            ++*n;
        }
    }
    query_close(&q);
    text_done(&found);
    if (status == ATTUNE_OK && got < 0) {
        status = -got;
    }
    if (status != ATTUNE_OK) {
        attune_session_rows_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}

void attune_session_rows_free(struct attune_session_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        session_row_done(&rows[i]);
    }
    free(rows);
}
