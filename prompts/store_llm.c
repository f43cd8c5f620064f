/* logs.db of the command line tool llm (github.com/simonw/llm), read as it stands and left as it
 * is.
 *
 * Its responses are text: there are no tokens, no draws and no logits, so they become runs of
 * origin "llm", which are listed, searched, shown and exported, and say by name that they cannot be
 * proved. A conversation becomes a session; what has none goes into the session "llm". Columns came
 * and went with the tool's versions, so each is asked for where the file has it. Fragments and
 * attachments are named in the details, not read. A response that is here already is passed over.
 */
#include <config.h>

#include <attune/llm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "store.h"

/* Columns of a response, in the order in which they are read; and what an older name was. */
enum column { ID, MODEL, PROMPT, SYSTEM, RESPONSE, DATE, CONVERSATION, FIRST_DETAIL };
static const char *const columns[][2] = {
    {"id", NULL},
    {"model", NULL},
    {"prompt", NULL},
    {"system", NULL},
    {"response", NULL},
    {"datetime_utc", "timestamp"},
    {"conversation_id", "chat_id"},
    /* the rest is kept as details */
    {"prompt_json", NULL},
    {"options_json", NULL},
    {"response_json", NULL},
    {"duration_ms", NULL},
    {"input_tokens", NULL},
    {"output_tokens", NULL},
    {"token_details", NULL},
    {"schema_id", NULL},
    {"resolved_model", NULL},
    {"provider", NULL},
    {"debug", NULL},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

/* What stands beside a response in other tables: named, not read. */
static const struct {
    const char *key, *table, *sql; /* ?1: the response's id */
} asides[] = {
    {"attachments", "prompt_attachments",
     "SELECT ifnull(attachments.path, ifnull(attachments.url, attachments.id)) FROM "
     "prompt_attachments JOIN attachments ON attachments.id = attachment_id WHERE response_id = ? "
     "ORDER BY \"order\""},
    {"fragments", "prompt_fragments",
     "SELECT ifnull(fragments.source, fragments.hash) FROM prompt_fragments JOIN fragments ON "
     "fragments.id = fragment_id WHERE response_id = ? ORDER BY \"order\""},
    {"system_fragments", "system_fragments",
     "SELECT ifnull(fragments.source, fragments.hash) FROM system_fragments JOIN fragments ON "
     "fragments.id = fragment_id WHERE response_id = ? ORDER BY \"order\""},
    {"tools", "tool_responses",
     "SELECT tools.name FROM tool_responses JOIN tools ON tools.id = tool_id WHERE response_id = "
     "?"},
};
enum { ASIDE_COUNT = sizeof asides / sizeof *asides };

struct llm {
    struct attune_store *from, *to;
    const char *table; /* "responses", or "log" of the first versions */
    bool has_conversations, has[ASIDE_COUNT];
    struct attune_llm_import *out;
};

static int has_table(struct attune_store *store, const char *name, struct attune_error *err)
{
    struct query q;
    int got = -query_open(&q, store,
                          "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", err);

    if (got == 0) {
        query_text(&q, name);
        got = query_step(&q, err);
    }
    query_close(&q);
    return got;
}

static int has_column(struct attune_store *store, const char *table, const char *name,
                      struct attune_error *err)
{
    struct query q;
    int got = -query_open(&q, store, "SELECT 1 FROM pragma_table_info(?) WHERE name = ?", err);

    if (got == 0) {
        query_text(&q, table);
        query_text(&q, name);
        got = query_step(&q, err);
    }
    query_close(&q);
    return got;
}

/* "SELECT id, model, ..., NULL, ... FROM responses ORDER BY ..." */
static int build(struct text *sql, const struct llm *llm, struct attune_error *err)
{
    int got = 0;

    text_put(sql, "SELECT ");
    for (int i = 0; i < COLUMN_COUNT; i++) {
        const char *name = NULL;

        for (int k = 0; k < 2 && !name && columns[i][k]; k++) {
            got = has_column(llm->from, llm->table, columns[i][k], err);
            if (got < 0) {
                return -got;
            }
            name = got ? columns[i][k] : NULL;
        }
        text_put(sql, i ? ", \"" : "\"");
        if (name) {
            text_put(sql, name);
            text_put(sql, "\"");
        } else if (i == PROMPT || i == RESPONSE) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "table %s has no column %s", llm->table,
                                    columns[i][0]);
        } else {
            sql->len--; /* the quote */
            text_put(sql, "NULL");
        }
    }
    text_put(sql, " FROM ");
    text_put(sql, llm->table);
    text_put(sql, " ORDER BY rowid");
    return sql->failed ? text_no_memory(err) : ATTUNE_OK;
}

static int add_aside(json_t *details, const struct llm *llm, size_t i, const char *id,
                     struct attune_error *err)
{
    json_t *list = json_array();
    struct query q;
    int status = query_open(&q, llm->from, asides[i].sql, err), got = 0;

    if (status == ATTUNE_OK) {
        query_text(&q, id);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        size_t len;
        const char *bytes = query_get_bytes(&q, 0, &len);

        status = json_array_append_new(list, json_of_bytes(bytes, len)) ? text_no_memory(err)
                                                                        : ATTUNE_OK;
    }
    query_close(&q);
    if (status == ATTUNE_OK && got == 0 && json_array_size(list)) {
        json_object_set(details, asides[i].key, list);
    }
    json_decref(list);
    return status == ATTUNE_OK && got < 0 ? -got : status;
}

/* All that has no place in a run, as JSON; the id first, so that a response is known again. */
static int find_details(char **out, const struct llm *llm, const struct query *q, const char *id,
                        struct attune_error *err)
{
    json_t *details = json_pack("{s:o}", "id", json_of_bytes(id, strlen(id)));
    int status = details ? ATTUNE_OK : text_no_memory(err);

    for (int i = CONVERSATION; status == ATTUNE_OK && i < COLUMN_COUNT; i++) {
        size_t len;
        const char *bytes = query_get_bytes(q, i, &len);

        if (!query_is_null(q, i) &&
            json_object_set_new(details, columns[i][0], json_of_bytes(bytes, len))) {
            status = text_no_memory(err);
        }
    }
    for (size_t i = 0; status == ATTUNE_OK && i < ASIDE_COUNT; i++) {
        status = llm->has[i] ? add_aside(details, llm, i, id, err) : ATTUNE_OK;
    }
    if (status == ATTUNE_OK) {
        return json_write(out, NULL, details, err);
    }
    json_decref(details);
    return status;
}

/* 1: a run with these details is here. */
static int is_here(const struct llm *llm, const char *details, struct attune_error *err)
{
    uint8_t hash[STORE_HASH];
    struct query q;
    int got = -store_hash_text(hash, false, details, strlen(details), err);

    if (got == 0) {
        got =
            -query_open(&q, llm->to,
                        "SELECT 1 FROM run JOIN text ON text.id = run.details WHERE text.hash = ? "
                        "AND run.origin = 'llm'",
                        err);
        if (got == 0) {
            query_bytes(&q, hash, STORE_HASH);
            got = query_step(&q, err);
        }
        query_close(&q);
    }
    return got;
}

/* Control characters out, blanks at the end too; never digits alone. */
static void name_session(char out[200], const char *name, size_t len)
{
    size_t n = (size_t)snprintf(out, 200, "llm: ");

    for (size_t i = 0; i < len && n < 180; i++) {
        out[n++] = (unsigned char)name[i] < 0x20 || name[i] == 0x7f ? ' ' : name[i];
    }
    while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80 && len > 170) {
        n--; /* not in the middle of a character */
    }
    out[n] = '\0';
}

/* The conversation's name, else its id; "llm" for what stands alone. */
static int find_session(char out[200], const struct llm *llm, const char *conversation,
                        struct attune_error *err)
{
    struct query q;
    int got = 0;

    if (!*conversation) {
        strcpy(out, "llm");
        return ATTUNE_OK;
    }
    name_session(out, conversation, strlen(conversation));
    if (llm->has_conversations) {
        got = -query_open(&q, llm->from, "SELECT name FROM conversations WHERE id = ?", err);
        if (got == 0) {
            query_text(&q, conversation);
            got = query_step(&q, err);
        }
        if (got > 0 && !query_is_null(&q, 0)) {
            size_t len, used;
            const char *name = query_get_bytes(&q, 0, &len);

            name_session(out, name, len);
            used = strlen(out); /* conversations may have equal names */
            snprintf(out + used, 200 - used, " [%.12s]", conversation);
        }
        query_close(&q);
    }
    return got < 0 ? -got : ATTUNE_OK;
}

/* "2023-07-06 19:25:55.12+00:00" -> with a T; what is no date becomes the day of the first Unix. */
static void settle_date(char out[48], const char *date)
{
    size_t len = strlen(date);

    if (len < 10 || len > 40 || strspn(date, "0123456789-:.+TZ ") != len) {
        strcpy(out, "1970-01-01T00:00:00Z");
        return;
    }
    strcpy(out, date);
    for (char *c = out; *c; c++) {
        *c = *c == ' ' ? 'T' : *c;
    }
}

/* The prompt as blocks where there is a system prompt, so that it comes back into the composer. */
static int compose(char **out, const char *system, const char *prompt, struct attune_error *err)
{
    struct attune_prompt p;
    int status = attune_prompt_init(&p, err);

    *out = NULL;
    if (status != ATTUNE_OK) {
        return status;
    }
    status = attune_prompt_set(&p, 0, system, "", err);
    if (status == ATTUNE_OK) {
        status = attune_prompt_set(&p, p.n - 1, prompt, "", err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_to_json(out, &p, err);
    }
    attune_prompt_done(&p);
    return status;
}

static int put_text_run(const struct llm *llm, const struct query *q, char *details, char *session,
                        struct attune_error *err)
{
    char *texts[FIRST_DETAIL] = {NULL}, *composed = NULL, date[48];
    struct attune_run_record record = {.origin = (char *)"llm", .details = details};
    struct node_at base = {0};
    size_t len = 0;
    const char *response = query_get_bytes(q, RESPONSE, &len);
    int status = ATTUNE_OK;

    for (int i = 0; status == ATTUNE_OK && i < FIRST_DETAIL; i++) {
        texts[i] = query_get_text(q, i);
        status = texts[i] ? ATTUNE_OK : text_no_memory(err);
    }
    if (status == ATTUNE_OK && *texts[SYSTEM]) {
        status = compose(&composed, texts[SYSTEM], texts[PROMPT], err);
    }
    if (status == ATTUNE_OK) {
        settle_date(date, texts[DATE]);
        record.session = session;
        record.created = date;
        record.model_name = texts[MODEL];
        record.prompt_json = composed;
        record.prompt_text = texts[PROMPT];
        record.prompt_text_len = strlen(texts[PROMPT]);
        status = store_put_given(llm->to, &base, NODE_GIVEN, NULL, 0, NULL, 0, err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_run(llm->to, &record, &base, err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_end(llm->to, record.id, ATTUNE_STOP_NONE, response, len, err);
    }
    for (int i = 0; i < FIRST_DETAIL; i++) {
        free(texts[i]);
    }
    free(composed);
    return status;
}

static int put_response(const struct llm *llm, const struct query *q, struct attune_error *err)
{
    char *id = query_get_text(q, ID), *conversation = query_get_text(q, CONVERSATION),
         *details = NULL, session[200];
    int status = id && conversation ? find_details(&details, llm, q, id, err) : text_no_memory(err),
        here = 0;

    if (status == ATTUNE_OK) {
        here = is_here(llm, details, err);
        status = here < 0 ? -here : ATTUNE_OK;
    }
    if (status == ATTUNE_OK && !here) {
        status = find_session(session, llm, conversation, err);
        if (status == ATTUNE_OK) {
            status = put_text_run(llm, q, details, session, err);
        }
    }
    if (status == ATTUNE_OK) {
        llm->out->n_runs += !here;
        llm->out->n_known += here;
    }
    free(id);
    free(conversation);
    free(details);
    return status;
}

static int put_all(const struct llm *llm, struct attune_error *err)
{
    struct text sql = {0};
    struct query q = {0};
    int status = build(&sql, llm, err), got = 0;

    if (status == ATTUNE_OK) {
        status = query_open(&q, llm->from, sql.data, err);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        status = put_response(llm, &q, err);
    }
    if (q.store) {
        query_close(&q);
    }
    text_done(&sql);
    return status == ATTUNE_OK && got < 0 ? -got : status;
}

/* Which tables there are. */
static int look_round(struct llm *llm, struct attune_error *err)
{
    int got = has_table(llm->from, "responses", err);

    llm->table = "responses";
    if (got == 0) {
        llm->table = "log";
        got = has_table(llm->from, "log", err);
    }
    if (got == 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s: a database, but no logs.db of llm: it has no table responses",
                                llm->from->path);
    }
    if (got > 0) {
        got = has_table(llm->from, "conversations", err);
        llm->has_conversations = got > 0;
    }
    for (size_t i = 0; got >= 0 && i < ASIDE_COUNT; i++) {
        got = has_table(llm->from, asides[i].table, err);
        llm->has[i] = got > 0;
    }
    return got < 0 ? -got : ATTUNE_OK;
}

int attune_store_import_llm(struct attune_llm_import *out, struct attune_store *store,
                            const char *path, struct attune_error *err)
{
    struct llm llm = {.to = store, .out = out};
    int status = store_open_foreign(&llm.from, path, err);

    memset(out, 0, sizeof *out);
    if (status != ATTUNE_OK) {
        return status;
    }
    status = look_round(&llm, err);
    if (status == ATTUNE_OK) {
        status = store_begin(store, err);
        if (status == ATTUNE_OK) {
            status = store_end(store, put_all(&llm, err), err);
        }
        store->leaf.run = 0;
    }
    attune_store_close(llm.from);
    if (status != ATTUNE_OK) {
        memset(out, 0, sizeof *out);
    }
    return status;
}
