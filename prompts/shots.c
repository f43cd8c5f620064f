/* Pools of shots: JSON Lines, or CSV as RFC 4180 writes it.
 *
 * Both become rows of (input, output) with the line each began on. A broken line ends the reading
 * with its number, or, where that is chosen, is listed while the rest is read. */
#include <config.h>

#include <attune/library.h>
#include <attune/pool.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

static const char *const names[][2] = {{"input", "text"}, {"output", "label"}};

struct reader {
    struct attune_pool *pool;
    long most; /* rows wanted; negative: all */
    bool skip; /* broken lines are listed */
};

static bool enough(const struct reader *r)
{
    return r->most >= 0 && r->pool->n >= (size_t)r->most;
}

/* Takes both strings over, also on failure. */
static int add_row(struct attune_pool *pool, char *input, char *output, size_t line,
                   struct attune_error *err)
{
    if (pool->n == pool->capacity) {
        size_t capacity = pool->capacity ? pool->capacity * 2 : 16;
        struct attune_pool_row *more = realloc(pool->rows, capacity * sizeof *more);

        if (!more) {
            free(input);
            free(output);
            return text_no_memory(err);
        }
        pool->rows = more;
        pool->capacity = capacity;
    }
    pool->rows[pool->n++] = (struct attune_pool_row){input, output, line};
    return ATTUNE_OK;
}

/* A line that failed with err: the status stays, or where lines may be skipped it is listed and
 * all is well. */
static int broken(struct reader *r, int status, size_t line, struct attune_error *err)
{
    struct attune_pool_broken *more;

    if (status != ATTUNE_FORMAT || !r->skip) {
        return status;
    }
    more = realloc(r->pool->broken, (r->pool->n_broken + 1) * sizeof *more);
    if (!more) {
        return text_no_memory(err);
    }
    r->pool->broken = more;
    more[r->pool->n_broken].line = line;
    snprintf(more[r->pool->n_broken++].text, sizeof more->text, "%.150s", err->text);
    return ATTUNE_OK;
}

static int refuse(struct attune_error *err, size_t line, const char *why)
{
    return attune_error_set(err, ATTUNE_FORMAT, line, "line %zu: %s", line, why);
}

static int json_row(struct reader *r, const char *text, size_t len, size_t line,
                    struct attune_error *err)
{
    char *cell[2] = {NULL, NULL}, what[32];
    json_t *object;
    int status = ATTUNE_OK;

    snprintf(what, sizeof what, "line %zu", line);
    object = json_read(text, len, what, err);
    if (!object) {
        return refuse(err, line, "not a JSON object");
    }
    for (int i = 0; status == ATTUNE_OK && i < 2; i++) {
        const char *key = json_object_get(object, names[i][0]) ? names[i][0] : names[i][1];

        if (!json_object_get(object, key)) {
            status =
                refuse(err, line,
                       "wants an object with \"input\" and \"output\" (or \"text\" and \"label\")");
        } else {
            status = json_get_bytes(&cell[i], NULL, object, key, what, err);
        }
    }
    json_decref(object);
    if (status == ATTUNE_OK) {
        return add_row(r->pool, cell[0], cell[1], line, err);
    }
    free(cell[0]);
    free(cell[1]);
    return status;
}

static int read_json_lines(struct reader *r, const char *text, size_t len, struct attune_error *err)
{
    size_t at = 0, line = 1;
    int status = ATTUNE_OK;

    for (; status == ATTUNE_OK && at < len && !enough(r); line++) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t end = newline ? (size_t)(newline - text) : len;

        if (strspn(text + at, " \t\r") < end - at) {
            status = broken(r, json_row(r, text + at, end - at, line, err), line, err);
        }
        at = end + 1;
    }
    return status;
}

struct csv {
    const char *at, *end;
    size_t line;
    struct text field;
    bool whole; /* the last record was read to its end, whatever was wrong with it */
};

/* Reads one field; *last is set where it ended the record. A quoted field may hold commas, line
 * breaks and doubled quotes. */
static int csv_field(struct csv *csv, bool *last, struct attune_error *err)
{
    size_t began = csv->line;
    bool quoted = csv->at < csv->end && *csv->at == '"', open = quoted;

    csv->field.len = 0;
    csv->at += quoted;
    while (csv->at < csv->end) {
        char c = *csv->at;

        if (open && c == '"' && csv->at + 1 < csv->end && csv->at[1] == '"') {
            csv->at++;
        } else if (open && c == '"') {
            open = false;
            csv->at++;
            continue;
        } else if (!open && (c == ',' || c == '\n' ||
                             (c == '\r' && csv->at + 1 < csv->end && csv->at[1] == '\n'))) {
            break;
        } else if (!open && (quoted || c == '"')) {
            return refuse(err, csv->line,
                          "a quote inside a field wants the whole field quoted and itself doubled");
        }
        csv->line += c == '\n';
        text_add(&csv->field, &c, 1);
        csv->at++;
    }
    if (open) {
        return refuse(err, began, "a quote opens here and never closes");
    }
    *last = csv->at == csv->end || *csv->at != ',';
    if (csv->at < csv->end) {
        csv->at += *csv->at == '\r' ? 2 : 1;
        csv->line += *last;
    }
    text_add(&csv->field, "", 0);
    return csv->field.failed ? text_no_memory(err) : ATTUNE_OK;
}

/* Finds the columns of input and output; *columns is how many there are. */
static int csv_header(struct csv *csv, size_t place[2], size_t *columns, struct attune_error *err)
{
    bool last = false;
    int status = ATTUNE_OK;

    place[0] = place[1] = SIZE_MAX;
    for (*columns = 0; status == ATTUNE_OK && !last; ++*columns) {
        status = csv_field(csv, &last, err);
        for (int i = 0; status == ATTUNE_OK && i < 2; i++) {
            if (strcmp(csv->field.data, names[i][0]) == 0 ||
                strcmp(csv->field.data, names[i][1]) == 0) {
                place[i] = *columns;
            }
        }
    }
    if (status == ATTUNE_OK && (place[0] == SIZE_MAX || place[1] == SIZE_MAX)) {
        status = refuse(err, 1, "the header wants columns input and output (or text and label)");
    }
    return status;
}

static int csv_record(struct csv *csv, struct reader *r, const size_t place[2], size_t columns,
                      struct attune_error *err)
{
    char *cell[2] = {NULL, NULL};
    size_t began = csv->line, n = 0;
    bool last = false;
    int status = ATTUNE_OK;

    for (; status == ATTUNE_OK && !last; n++) {
        status = csv_field(csv, &last, err);
        for (int i = 0; status == ATTUNE_OK && i < 2; i++) {
            if (n == place[i]) {
                cell[i] = text_copy(csv->field.data, csv->field.len);
                status = cell[i] ? ATTUNE_OK : text_no_memory(err);
            }
        }
    }
    csv->whole = status == ATTUNE_OK;
    if (status == ATTUNE_OK && n != columns) {
        status = attune_error_set(err, ATTUNE_FORMAT, began,
                                  "line %zu: has %zu fields, the header %zu", began, n, columns);
    }
    if (status == ATTUNE_OK) {
        return add_row(r->pool, cell[0], cell[1], began, err);
    }
    free(cell[0]);
    free(cell[1]);
    return status;
}

/* After a record that broke off: on with the next line. */
static void skip_line(struct csv *csv, const char *began, size_t line)
{
    const char *newline = memchr(began, '\n', (size_t)(csv->end - began));

    if (csv->whole) {
        return;
    }
    csv->at = newline ? newline + 1 : csv->end;
    csv->line = line + 1;
}

static int read_csv(struct reader *r, const char *text, size_t len, struct attune_error *err)
{
    struct csv csv = {.at = text, .end = text + len, .line = 1};
    size_t place[2], columns;
    int status = csv_header(&csv, place, &columns, err);

    while (status == ATTUNE_OK && csv.at < csv.end && !enough(r)) {
        const char *began = csv.at;
        size_t line = csv.line;

        status = csv_record(&csv, r, place, columns, err);
        if (status == ATTUNE_FORMAT && r->skip) {
            skip_line(&csv, began, line);
        }
        status = broken(r, status, line, err);
    }
    text_done(&csv.field);
    return status;
}

static int read_rows(struct reader *r, const char *path, const char *text, size_t len,
                     struct attune_error *err)
{
    const char *suffix = strrchr(path, '.');
    const char *nul = memchr(text, '\0', len);

    if (nul) {
        return attune_error_set(err, ATTUNE_FORMAT, (uint64_t)(nul - text), "holds a NUL byte");
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* the mark some editors begin a file with is no part of its text */
        len -= 3;
    }
    return suffix && strcmp(suffix, ".csv") == 0 ? read_csv(r, text, len, err)
                                                 : read_json_lines(r, text, len, err);
}

int attune_pool_load(struct attune_pool *out, const char *path_or_name, long most, bool skip_broken,
                     struct attune_error *err)
{
    struct reader r = {out, most, skip_broken};
    char *text = NULL;
    size_t len = 0;
    int status;

    memset(out, 0, sizeof *out);
    status = attune_library_find(&out->path, "prompts/shots", path_or_name, err);
    if (status == ATTUNE_OK) {
        out->name = strdup(path_or_name);
        status = out->name ? text_read_file(&text, &len, out->path, (size_t)1 << 28, err)
                           : text_no_memory(err);
        if (status == ATTUNE_OK) {
            status = read_rows(&r, out->path, text, len, err);
            if (status != ATTUNE_OK) {
                attune_error_prefix(err, out->path);
            }
        }
    }
    free(text);
    if (status != ATTUNE_OK) {
        attune_pool_done(out);
    }
    return status;
}

void attune_pool_done(struct attune_pool *pool)
{
    if (!pool) {
        return;
    }
    for (size_t i = 0; i < pool->n; i++) {
        free(pool->rows[i].input);
        free(pool->rows[i].output);
    }
    free(pool->rows);
    free(pool->broken);
    free(pool->name);
    free(pool->path);
    memset(pool, 0, sizeof *pool);
}

int attune_prompt_load_shots(struct attune_prompt *prompt, const char *path, long count,
                             struct attune_error *err)
{
    const struct attune_pick_options options = {.how = ATTUNE_PICK_FIRST, .count = count};
    struct attune_pool pool;
    int status = attune_pool_load(&pool, path, count, false, err);

    if (status == ATTUNE_OK) {
        status = attune_prompt_pick_shots(prompt, &pool, &options, NULL, err);
        attune_pool_done(&pool);
    }
    return status;
}
