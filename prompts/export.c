/* The formats as a table, and what they share. */
#include <config.h>

#include <attune/export.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "store.h"

#define EXPORT(name) extern const struct export_ops export_##name;
#include "prompts/tables.inc"
#undef EXPORT

static const struct export_ops *const formats[] = {
#define EXPORT(name) &export_##name,
#include "prompts/tables.inc"
#undef EXPORT
};

size_t attune_export_count(void)
{
    return sizeof formats / sizeof *formats;
}

const char *attune_export_name(size_t i)
{
    return formats[i]->name;
}

const char *attune_export_suffix(size_t i)
{
    return formats[i]->suffix;
}

const char *attune_export_help(size_t i)
{
    return formats[i]->help;
}

/* Bytes of the character that begins here, or 0 where none does (Unicode 16, table 3-7). */
static size_t character(const unsigned char *s, size_t len)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

    if (n == 0 || n > len || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

void export_text(struct text *out, const char *bytes, size_t len, const char *special,
                 void (*escape)(struct text *out, char c))
{
    for (size_t i = 0; i < len;) {
        const unsigned char *c = (const unsigned char *)bytes + i;
        size_t n = character(c, len - i);
        bool c1 = n == 2 && c[0] == 0xc2 && c[1] < 0xa0;

        if (n == 0 || c1) {
            text_put(out, "\xef\xbf\xbd");
            n = c1 ? 2 : 1;
        } else if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f) {
            const char shown[] = {'^', (char)(*c ^ 0x40)};

            text_add(out, shown, 2);
        } else if (escape && strchr(special, *c)) {
            escape(out, (char)*c);
        } else {
            text_add(out, c, n);
        }
        i += n;
    }
}

void export_format(struct text *out, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    text_put(out, line);
}

size_t export_shown(const struct attune_run_record *record, const struct attune_step *step,
                    size_t *at)
{
    size_t left = record->output_len - *at, n = step->n_bytes < left ? step->n_bytes : left;

    if (n && memcmp(step->bytes, record->output + *at, n) == 0) {
        *at += n;
        return n;
    }
    return 0;
}

static int write_run(struct text *out, const struct export_ops *format, struct attune_store *store,
                     int64_t id, const struct export_head *head, size_t i, struct attune_error *err)
{
    const struct attune_place place = {.run = id};
    struct attune_run_record record;
    struct attune_step *steps = NULL;
    struct attune_mark *marks = NULL;
    struct export_run run = {.record = &record};
    int status = attune_store_load_run(store, id, &record, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    status = attune_store_load_steps(store, id, &steps, &run.n_steps, err);
    if (status == ATTUNE_OK) {
        status = attune_store_marks(store, &place, &marks, &run.n_marks, err);
    }
    if (status == ATTUNE_OK) {
        run.steps = steps;
        run.marks = marks;
        if (i == 0) {
            format->begin(out, head, &run);
        }
        format->run(out, &run, i);
    }
    attune_marks_free(marks, run.n_marks);
    free(steps);
    attune_run_record_done(&record);
    return status;
}

static int write_runs(struct text *out, const struct export_ops *format, struct attune_store *store,
                      const struct text *ids, struct export_head *head, size_t *lost,
                      struct attune_error *err)
{
    const struct attune_place place = {.session = head->session};
    struct attune_mark *marks = NULL;
    size_t written = 0, n_marks;
    int64_t id;
    int status = attune_store_marks(store, &place, &marks, &n_marks, err);

    head->marks = marks;
    while (head->n_marks < n_marks && marks[head->n_marks].run == 0) {
        head->n_marks++; /* those of the session itself come first */
    }
    for (size_t at = 0; status == ATTUNE_OK && at < ids->len; at += sizeof id) {
        memcpy(&id, ids->data + at, sizeof id);
        status = write_run(out, format, store, id, head, written, err);
        written += status == ATTUNE_OK;
        if (store_may_pass(store, status)) {
            ++*lost;
            status = ATTUNE_OK;
        }
    }
    attune_marks_free(marks, n_marks);
    if (status == ATTUNE_OK && written == 0) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "database %s: no run of it can be read",
                                  store->path);
    }
    return status;
}

/* Reports, in one state of the file. */
static int write_report(char **out, size_t *len, struct attune_store *store, const char *session,
                        int64_t run, const struct export_ops *format, size_t *lost,
                        struct attune_error *err)
{
    struct export_head head = {0};
    struct text ids = {0}, text = {0};
    char *name = NULL, *created = NULL;
    int status = store_find_session(store, &ids, &name, &created, session, run, err);

    if (status == ATTUNE_OK) {
        head.session = name;
        head.n_runs = ids.len / sizeof run;
        status = write_runs(&text, format, store, &ids, &head, lost, err);
    }
    if (status == ATTUNE_OK) {
        format->end(&text);
        status = text_take(&text, out, len, err);
    }
    text_done(&text);
    text_done(&ids);
    free(name);
    free(created);
    return status;
}

static const struct export_ops *find(const char *name)
{
    for (size_t i = 0; i < attune_export_count(); i++) {
        if (strcmp(formats[i]->name, name) == 0) {
            return formats[i];
        }
    }
    return NULL;
}

int attune_export(char **out, size_t *len, struct attune_store *store, const char *session,
                  int64_t run, const char *format, size_t *lost, struct attune_error *err)
{
    const struct export_ops *ops = find(format);
    struct attune_error own = {0};
    size_t none;
    int status;

    *out = NULL;
    *len = 0;
    lost = lost ? lost : &none;
    *lost = 0;
    if (!ops) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "there is no format %s to export", format);
    }
    status = store_execute(store, "BEGIN", err);
    if (status != ATTUNE_OK) {
        return status;
    }
    status = ops->whole ? ops->whole(store, session, run, out, len, lost, &own)
                        : write_report(out, len, store, session, run, ops, lost, &own);
    if (err && status != ATTUNE_OK) {
        *err = own;
    }
    store_execute(store, "ROLLBACK", NULL);
    return status;
}
