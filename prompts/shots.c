/* Shots from files: JSON Lines, or CSV as RFC 4180 writes it.
 *
 * Both become rows of (input, output) with the line each began on; only when all asked-for rows are
 * good does the prompt change. */
#include <config.h>

#include <attune/library.h>
#include <attune/prompt.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

static const char *const names[][2] = {{"input", "text"}, {"output", "label"}};

struct rows {
    char *(*cell)[2];
    size_t n, capacity;
    long limit; /* rows asked for; negative: all */
};

static bool enough(const struct rows *rows)
{
    return rows->limit >= 0 && rows->n >= (size_t)rows->limit;
}

/* Takes both strings over, also on failure. */
static int add_row(struct rows *rows, char *input, char *output, struct attune_error *err)
{
    if (rows->n == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 16;
        char *(*more)[2] = realloc(rows->cell, capacity * sizeof *more);

        if (!more) {
            free(input);
            free(output);
            return text_no_memory(err);
        }
        rows->cell = more;
        rows->capacity = capacity;
    }
    rows->cell[rows->n][0] = input;
    rows->cell[rows->n++][1] = output;
    return ATTUNE_OK;
}

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->cell[i][0]);
        free(rows->cell[i][1]);
    }
    free(rows->cell);
}

static int refuse(struct attune_error *err, size_t line, const char *why)
{
    return attune_error_set(err, ATTUNE_FORMAT, line, "line %zu: %s", line, why);
}

static int json_row(struct rows *rows, const char *text, size_t len, size_t line,
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
        return add_row(rows, cell[0], cell[1], err);
    }
    free(cell[0]);
    free(cell[1]);
    return status;
}

static int read_json_lines(struct rows *rows, const char *text, size_t len,
                           struct attune_error *err)
{
    size_t at = 0, line = 1;
    int status = ATTUNE_OK;

    for (; status == ATTUNE_OK && at < len && !enough(rows); line++) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t end = newline ? (size_t)(newline - text) : len;

        if (strspn(text + at, " \t\r") < end - at) {
            status = json_row(rows, text + at, end - at, line, err);
        }
        at = end + 1;
    }
    return status;
}

struct csv {
    const char *at, *end;
    size_t line;
    struct text field;
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

static int csv_record(struct csv *csv, struct rows *rows, const size_t place[2], size_t columns,
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
    if (status == ATTUNE_OK && n != columns) {
        status = attune_error_set(err, ATTUNE_FORMAT, began,
                                  "line %zu: has %zu fields, the header %zu", began, n, columns);
    }
    if (status == ATTUNE_OK) {
        return add_row(rows, cell[0], cell[1], err);
    }
    free(cell[0]);
    free(cell[1]);
    return status;
}

static int read_csv(struct rows *rows, const char *text, size_t len, struct attune_error *err)
{
    struct csv csv = {text, text + len, 1, {0}};
    size_t place[2], columns;
    int status = csv_header(&csv, place, &columns, err);

    while (status == ATTUNE_OK && csv.at < csv.end && !enough(rows)) {
        status = csv_record(&csv, rows, place, columns, err);
    }
    text_done(&csv.field);
    return status;
}

/* Adds all rows or none. */
static int put_in(struct attune_prompt *prompt, const struct rows *rows, struct attune_error *err)
{
    size_t before = prompt->n;
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < rows->n; i++) {
        status =
            attune_prompt_add_shot(prompt, prompt->n - 1, rows->cell[i][0], rows->cell[i][1], err);
    }
    while (status != ATTUNE_OK && prompt->n > before) {
        attune_prompt_remove_shot(prompt, prompt->n - 2);
    }
    return status;
}

static int read_rows(struct rows *rows, const char *path, const char *text, size_t len,
                     struct attune_error *err)
{
    const char *suffix = strrchr(path, '.');
    const char *nul = memchr(text, '\0', len);
    int status;

    if (nul) {
        return attune_error_set(err, ATTUNE_FORMAT, (uint64_t)(nul - text), "holds a NUL byte");
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* the mark some editors begin a file with is no part of its text */
        len -= 3;
    }
    if (suffix && strcmp(suffix, ".csv") == 0) {
        status = read_csv(rows, text, len, err);
    } else {
        status = read_json_lines(rows, text, len, err);
    }
    if (status == ATTUNE_OK && rows->limit >= 0 && !enough(rows)) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "has %zu shots, %ld were asked for",
                                  rows->n, rows->limit);
    }
    return status;
}

int attune_prompt_load_shots(struct attune_prompt *prompt, const char *path, long count,
                             struct attune_error *err)
{
    struct rows rows = {.limit = count};
    char *found = NULL, *text = NULL;
    size_t len = 0;
    int status = attune_library_find(&found, "prompts/shots", path, err);

    if (status == ATTUNE_OK) {
        status = text_read_file(&text, &len, found, (size_t)1 << 28, err);
    }
    if (status == ATTUNE_OK) {
        status = read_rows(&rows, found, text, len, err);
        if (status == ATTUNE_OK) {
            status = put_in(prompt, &rows, err);
        } else {
            attune_error_prefix(err, found);
        }
    }
    free_rows(&rows);
    free(text);
    free(found);
    return status;
}
