/* The journal of what was written and opened (schema.sql, version 4).
 *
 * A prompt is taken apart: its JSON without the blocks' words is the frame, the words stand by
 * themselves in `text`. So a state costs a row for itself and one for each block, and words only
 * where they are new. */
#include <config.h>

#include <attune/journal.h>

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "store.h"

static const char run_track[] = "run";

/* ---- where one stands ---- */

static struct desk *desk_of(struct attune_store *store, const char *track)
{
    struct desk *desk = store->desks;

    while (desk < store->desks + STORE_DESKS - 1 && desk->track[0] &&
           strcmp(desk->track, track) != 0) {
        desk++;
    }
    if (strcmp(desk->track, track) != 0) {
        *desk = (struct desk){.state = -1};
        memcpy(desk->track, track, strlen(track) + 1);
    }
    return desk;
}

static int ask(struct attune_store *store, int64_t *out, const char *sql, const char *text,
               struct attune_error *err)
{
    struct query q;
    int got = -query_open(&q, store, sql, err);

    if (got == 0) {
        query_text(&q, text);
        got = query_step(&q, err);
        *out = got > 0 ? query_get_int(&q, 0) : 0;
    }
    query_close(&q);
    return got;
}

/* The state this connection stands at, 0: none. Another program may have removed it meanwhile. */
static int here(struct attune_store *store, const char *track, int64_t *out,
                struct attune_error *err)
{
    struct desk *desk = desk_of(store, track);
    int64_t state = desk->state;
    int got = state > 0
                  ? store_lookup(store, &state, "SELECT id FROM state WHERE id = ?", state, err)
                  : 0;

    if (got == 0 && desk->state != 0) {
        got = ask(store, &state, "SELECT state FROM track WHERE name = ?", track, err);
    }
    desk->state = *out = got > 0 ? state : 0;
    return got < 0 ? -got : ATTUNE_OK;
}

static int stand(struct attune_store *store, const char *track, int64_t state,
                 struct attune_error *err)
{
    struct query q;
    int status = query_open(&q, store,
                            "INSERT INTO track (name, state) VALUES (?, ?) ON CONFLICT (name) DO "
                            "UPDATE SET state = excluded.state",
                            err);

    if (status == ATTUNE_OK) {
        query_text(&q, track);
        query_int(&q, state);
        status = query_run(&q, err);
    }
    query_close(&q);
    if (status == ATTUNE_OK) {
        desk_of(store, track)->state = state;
    }
    return status;
}

static const char parent_of[] = "SELECT parent FROM state WHERE id = ? AND parent IS NOT NULL";
static const char newest_child_of[] =
    "SELECT id FROM state WHERE parent = ? ORDER BY id DESC LIMIT 1";

/* Where a move leads to, 0: nowhere. */
static int target(struct attune_store *store, const char *track, enum attune_journal_move move,
                  int64_t *out, struct attune_error *err)
{
    int64_t from;
    int status = here(store, track, &from, err), got;

    *out = from;
    if (status != ATTUNE_OK || move == ATTUNE_JOURNAL_STAY || from == 0) {
        return status;
    }
    got = store_lookup(store, out, move == ATTUNE_JOURNAL_UNDO ? parent_of : newest_child_of, from,
                       err);
    *out = got > 0 ? *out : 0;
    return got < 0 ? -got : ATTUNE_OK;
}

/* A new state below where one stands; one stands there then. */
static int add_state(struct attune_store *store, const char *track, int64_t run, int64_t frame,
                     int64_t *id, struct attune_error *err)
{
    struct query q = {0};
    char now[32];
    int64_t parent;
    int status = here(store, track, &parent, err);

    store_now(now);
    if (status == ATTUNE_OK) {
        status = query_open(&q, store,
                            "INSERT INTO state (track, parent, created, run, frame) VALUES (?, "
                            "nullif(?, 0), ?, nullif(?, 0), nullif(?, 0))",
                            err);
    }
    if (status == ATTUNE_OK) {
        query_text(&q, track);
        query_int(&q, parent);
        query_text(&q, now);
        query_int(&q, run);
        query_int(&q, frame);
        status = query_run(&q, err);
        *id = store_last_id(store);
    }
    query_close(&q);
    return status == ATTUNE_OK ? stand(store, track, *id, err) : status;
}

/* ---- prompts ---- */

struct parts { /* a prompt taken apart, by ids of texts; answer 0: none */
    int64_t frame;
    struct part {
        int64_t text, answer;
    } * blocks; /* [n] */
    size_t n;
};

/* The words of a member, out of the object and into the store; 0 where it has none. */
static int take_words(struct attune_store *store, int64_t *id, json_t *object, const char *key,
                      struct attune_error *err)
{
    uint8_t hash[STORE_HASH];
    char *bytes = NULL;
    size_t len = 0;
    int status = ATTUNE_OK;

    *id = 0;
    if (json_object_get(object, key)) {
        status = json_get_bytes(&bytes, &len, object, key, "journal", err);
        if (status == ATTUNE_OK) {
            status = store_put_text(store, id, hash, false, bytes, len, err);
        }
        json_object_del(object, key);
    }
    free(bytes);
    return status;
}

static int take_apart(struct attune_store *store, struct parts *out,
                      const struct attune_prompt *prompt, struct attune_error *err)
{
    uint8_t hash[STORE_HASH];
    char *json = NULL, *frame = NULL;
    size_t len = 0;
    json_t *root = NULL, *blocks;
    int status = attune_prompt_to_json(&json, prompt, err);

    if (status == ATTUNE_OK) {
        root = json_read(json, strlen(json), "journal", err);
        status = root ? ATTUNE_OK : ATTUNE_FORMAT;
    }
    blocks = json_object_get(root, "blocks");
    out->blocks = calloc(json_array_size(blocks) + 1, sizeof *out->blocks);
    if (status == ATTUNE_OK && !out->blocks) {
        status = text_no_memory(err);
    }
    for (; status == ATTUNE_OK && out->n < json_array_size(blocks); out->n++) {
        json_t *block = json_array_get(blocks, out->n);

        status = take_words(store, &out->blocks[out->n].text, block, "text", err);
        if (status == ATTUNE_OK) {
            status = take_words(store, &out->blocks[out->n].answer, block, "answer", err);
        }
    }
    if (status == ATTUNE_OK) {
        status = json_write(&frame, &len, json_incref(root), err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_text(store, &out->frame, hash, false, frame, len, err);
    }
    json_decref(root);
    free(json);
    free(frame);
    return status;
}

/* 1: the state is this prompt. */
static int is_state(struct attune_store *store, int64_t state, const struct parts *parts,
                    struct attune_error *err)
{
    struct query q;
    int64_t frame = 0;
    size_t i = 0;
    bool same;
    int got =
        state ? store_lookup(store, &frame, "SELECT frame FROM state WHERE id = ?", state, err) : 0;

    if (got <= 0 || frame != parts->frame) {
        return got < 0 ? got : 0;
    }
    got = -query_open(&q, store, "SELECT text, answer FROM state_block WHERE state = ? ORDER BY i",
                      err);
    same = got == 0;
    if (same) {
        query_int(&q, state);
    }
    while (same && (got = query_step(&q, err)) > 0) {
        same = i < parts->n && parts->blocks[i].text == query_get_int(&q, 0) &&
               parts->blocks[i].answer == query_get_int(&q, 1);
        i++;
    }
    query_close(&q);
    return got < 0 ? got : same && i == parts->n;
}

static int add_blocks(struct attune_store *store, int64_t state, const struct parts *parts,
                      struct attune_error *err)
{
    struct query q;
    int status = query_open(
        &q, store,
        "INSERT INTO state_block (state, i, text, answer) VALUES (?, ?, ?, nullif(?, 0))", err);

    for (size_t i = 0; status == ATTUNE_OK && i < parts->n; i++) {
        query_rewind(&q);
        query_int(&q, state);
        query_int(&q, (int64_t)i);
        query_int(&q, parts->blocks[i].text);
        query_int(&q, parts->blocks[i].answer);
        status = query_run(&q, err);
    }
    query_close(&q);
    return status;
}

/* Nothing to do, a move, or a new state. */
static int put_parts(struct attune_store *store, const char *track, const struct parts *parts,
                     struct attune_error *err)
{
    static const enum attune_journal_move moves[] = {ATTUNE_JOURNAL_STAY, ATTUNE_JOURNAL_UNDO,
                                                     ATTUNE_JOURNAL_REDO};
    int64_t state = 0;
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < sizeof moves / sizeof *moves; i++) {
        status = target(store, track, moves[i], &state, err);
        if (status == ATTUNE_OK) {
            int same = is_state(store, state, parts, err);

            if (same) {
                return same < 0                          ? -same
                       : moves[i] == ATTUNE_JOURNAL_STAY ? ATTUNE_OK
                                                         : stand(store, track, state, err);
            }
        }
    }
    if (status == ATTUNE_OK) {
        status = add_state(store, track, 0, parts->frame, &state, err);
    }
    return status == ATTUNE_OK ? add_blocks(store, state, parts, err) : status;
}

static int check_track(const char *track, struct attune_error *err)
{
    size_t len = strlen(track);

    return len > 0 && len < sizeof((struct desk *)0)->track && strcmp(track, run_track) != 0
               ? ATTUNE_OK
               : attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s is no track of prompts", track);
}

/* Ends the transaction; what did not happen is forgotten here too. */
static int end(struct attune_store *store, const char *track, int status, struct attune_error *err)
{
    status = store_end(store, status, err);
    if (status != ATTUNE_OK) {
        desk_of(store, track)->state = -1;
    }
    return status;
}

int attune_journal_put_prompt(struct attune_store *store, const char *track,
                              const struct attune_prompt *prompt, struct attune_error *err)
{
    struct parts parts = {0};
    int status = check_track(track, err);

    if (status == ATTUNE_OK) {
        status = store_begin(store, err);
    }
    if (status == ATTUNE_OK) {
        status = take_apart(store, &parts, prompt, err);
        if (status == ATTUNE_OK) {
            status = put_parts(store, track, &parts, err);
        }
        status = end(store, track, status, err);
    }
    free(parts.blocks);
    return status;
}

/* The words of the blocks back into the frame. */
static int put_words(struct attune_store *store, int64_t state, json_t *blocks,
                     struct attune_error *err)
{
    static const char *const keys[] = {"text", "answer"};
    struct query q;
    size_t i = 0;
    int status = query_open(&q, store,
                            "SELECT t.bytes, a.bytes FROM state_block JOIN text AS t ON t.id = "
                            "state_block.text LEFT JOIN text AS a ON a.id = state_block.answer "
                            "WHERE state = ? ORDER BY i",
                            err),
        got = 0;

    if (status == ATTUNE_OK) {
        query_int(&q, state);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        json_t *block = json_array_get(blocks, i++);

        for (int k = 0; block && k < 2; k++) {
            size_t len;
            const char *bytes = query_get_bytes(&q, k, &len);

            if (!query_is_null(&q, k) &&
                json_object_set_new(block, keys[k], json_of_bytes(bytes, len)) != 0) {
                status = text_no_memory(err);
            }
        }
    }
    query_close(&q);
    return status == ATTUNE_OK && got < 0 ? -got : status;
}

static int load_prompt(struct attune_store *store, int64_t state, struct attune_prompt *out,
                       struct attune_error *err)
{
    struct query q;
    json_t *root = NULL;
    char *json = NULL;
    size_t len = 0;
    int status = query_open(
            &q, store,
            "SELECT text.bytes FROM state JOIN text ON text.id = state.frame WHERE state.id = ?",
            err),
        got;

    if (status == ATTUNE_OK) {
        query_int(&q, state);
        got = query_step(&q, err);
        if (got > 0) {
            const char *bytes = query_get_bytes(&q, 0, &len);

            root = json_read(bytes, len, "journal", err);
        }
        status = got < 0 ? -got : root ? ATTUNE_OK : ATTUNE_FORMAT;
    }
    query_close(&q);
    if (status == ATTUNE_OK) {
        status = put_words(store, state, json_object_get(root, "blocks"), err);
    }
    if (status == ATTUNE_OK) {
        status = json_write(&json, &len, json_incref(root), err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_from_json(out, json, len, err);
    }
    json_decref(root);
    free(json);
    return status;
}

/* Moves, in a transaction of its own where it is a move. */
static int move_to(struct attune_store *store, const char *track, enum attune_journal_move move,
                   int64_t *state, struct attune_error *err)
{
    int status;

    if (move == ATTUNE_JOURNAL_STAY) {
        return target(store, track, move, state, err);
    }
    status = store_begin(store, err);
    if (status == ATTUNE_OK) {
        status = target(store, track, move, state, err);
        if (status == ATTUNE_OK && *state) {
            status = stand(store, track, *state, err);
        }
        status = end(store, track, status, err);
    }
    return status;
}

int attune_journal_get_prompt(struct attune_store *store, const char *track,
                              enum attune_journal_move move, struct attune_prompt *out, bool *there,
                              struct attune_error *err)
{
    int64_t state = 0;
    int status = check_track(track, err);

    *there = false;
    memset(out, 0, sizeof *out);
    if (status == ATTUNE_OK) {
        status = move_to(store, track, move, &state, err);
    }
    if (status == ATTUNE_OK && state) {
        status = load_prompt(store, state, out, err);
        *there = status == ATTUNE_OK;
    }
    return status;
}

/* ---- runs ---- */

static int run_of(struct attune_store *store, int64_t state, int64_t *run, struct attune_error *err)
{
    int got = store_lookup(store, run, "SELECT ifnull(run, 0) FROM state WHERE id = ?", state, err);

    return got < 0 ? -got : ATTUNE_OK;
}

int attune_journal_put_run(struct attune_store *store, int64_t run, struct attune_error *err)
{
    int64_t state, open = 0;
    int status = store_begin(store, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    status = here(store, run_track, &state, err);
    if (status == ATTUNE_OK && state) {
        status = run_of(store, state, &open, err);
    }
    if (status == ATTUNE_OK && (!state || open != run)) {
        status = add_state(store, run_track, run, 0, &state, err);
    }
    return end(store, run_track, status, err);
}

int attune_journal_get_run(struct attune_store *store, enum attune_journal_move move, int64_t *out,
                           bool *there, struct attune_error *err)
{
    int64_t state = 0;
    int status = move_to(store, run_track, move, &state, err);

    *out = 0;
    *there = status == ATTUNE_OK && state;
    return *there ? run_of(store, state, out, err) : status;
}

int attune_journal_states(struct attune_store *store, const char *track,
                          struct attune_state_row **out, size_t *n, struct attune_error *err)
{
    struct query q;
    int status =
            query_open(&q, store,
                       "SELECT id, ifnull(parent, 0), state.track, created, ifnull(run, 0), id "
                       "IN (SELECT state FROM track) FROM state WHERE ?1 IS NULL OR "
                       "state.track = ?1 ORDER BY id",
                       err),
        got = 0;

    *out = NULL;
    *n = 0;
    if (status == ATTUNE_OK) {
        query_text(&q, track);
    }
    while (status == ATTUNE_OK && (got = query_step(&q, err)) > 0) {
        struct attune_state_row *more = realloc(*out, (*n + 1) * sizeof *more);

        if (!more) {
            status = text_no_memory(err);
            break;
        }
        *out = more;
        more += (*n)++;
        *more = (struct attune_state_row){.id = query_get_int(&q, 0),
                                          .parent = query_get_int(&q, 1),
                                          .track = query_get_text(&q, 2),
                                          .created = query_get_text(&q, 3),
                                          .run = query_get_int(&q, 4),
                                          .here = query_get_int(&q, 5) != 0};
        status = more->track && more->created ? ATTUNE_OK : text_no_memory(err);
    }
    query_close(&q);
    status = status == ATTUNE_OK && got < 0 ? -got : status;
    if (status != ATTUNE_OK) {
        attune_state_rows_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}

void attune_state_rows_free(struct attune_state_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(rows[i].track);
        free(rows[i].created);
    }
    free(rows);
}
