/* Blocks to rows. Reads a template the way prompts/ renders it, but keeps what is empty or switched
 * off, because here it is edited. */
#include <config.h>

#include "flow.h"

#include <attune/error.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"

static bool reserve(struct flow *f, size_t more)
{
    size_t capacity = f->capacity ? f->capacity : 256;
    char *text;

    while (capacity < f->len + more + 1) {
        capacity *= 2;
    }
    if (capacity != f->capacity) {
        text = realloc(f->text, capacity);
        if (!text) {
            return false;
        }
        f->text = text;
        f->capacity = capacity;
    }
    if (f->n_parts == f->parts_capacity) {
        size_t n = f->parts_capacity ? 2 * f->parts_capacity : 8;
        struct flow_part *parts = realloc(f->parts, n * sizeof *parts);
        if (!parts) {
            return false;
        }
        f->parts = parts;
        f->parts_capacity = n;
    }
    return true;
}

static bool add(struct flow *f, enum attune_part part, bool field, const char *text, size_t len)
{
    if (!reserve(f, len)) {
        return false;
    }
    memcpy(f->text + f->len, text, len);
    f->parts[f->n_parts++] = (struct flow_part){f->len, f->len + len, part, field};
    f->len += len;
    f->text[f->len] = '\0';
    return true;
}

/* What stands in double braces at `s`, and how long it is there. */
static const struct slot {
    const char *name;
    enum attune_part part;
} slots[] = {
    {"{{task}}", ATTUNE_PART_TEXT},
    {"{{input}}", ATTUNE_PART_TEXT},
    {"{{output}}", ATTUNE_PART_ANSWER},
    {"{{open}}", ATTUNE_PART_FORM},
};

static const struct slot *slot_at(const char *s)
{
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        if (strncmp(s, slots[i].name, strlen(slots[i].name)) == 0) {
            return &slots[i];
        }
    }
    return NULL;
}

static bool add_field(struct flow *f, enum attune_part part, const char *text, bool seen[3])
{
    bool first = !seen[part];

    seen[part] = true;
    return add(f, part, first, text, strlen(text));
}

/* Closing line breaks become a count: they are sent, but would only push the blocks apart here. */
static void close_form(struct flow *f)
{
    struct flow_part *last = f->n_parts ? &f->parts[f->n_parts - 1] : NULL;

    while (last && last->part == ATTUNE_PART_FORM && last->end > last->start &&
           f->text[f->len - 1] == '\n') {
        f->text[--f->len] = '\0';
        last->end--;
        f->closing++;
    }
}

/* A variable of the template, as its value; one without stays as it is written, and the warning
 * below the blocks says so. NULL: no variable is at s. */
static const char *variable_at(const struct attune_prompt *rest, const char *s, size_t *len)
{
    bool opens = strncmp(s, "{{", 2) == 0;
    const char *end = opens ? strstr(s, "}}") : NULL;
    size_t from = opens ? 2 + strspn(s + 2, " ") : 0, n;
    char name[128];

    if (!end || (size_t)(end - s) < from) {
        return NULL;
    }
    n = (size_t)(end - s) - from;
    while (n > 0 && s[from + n - 1] == ' ') {
        n--;
    }
    if (n >= sizeof name) {
        return NULL;
    }
    memcpy(name, s + from, n);
    name[n] = '\0';
    *len = (size_t)(end - s) + 2;
    return attune_prompt_variable(rest, name);
}

static bool make_flow(struct flow *f, const struct compose_block *block,
                      const struct attune_prompt *rest, enum task_name task)
{
    const struct attune_template *form = &rest->form;
    const char *section = block->kind == ATTUNE_BLOCK_TASK   ? form->task
                          : block->kind == ATTUNE_BLOCK_SHOT ? form->shot
                                                             : form->query;
    const char *texts[3] = {"{{", edit_text(block->text),
                            block->answer ? edit_text(block->answer) : ""};
    bool seen[3] = {false}, ok = true;

    memset(f, 0, sizeof *f);
    f->empty = !texts[1][0] && !texts[2][0];
    for (const char *s = section; ok && *s;) {
        const struct slot *slot = slot_at(s);
        size_t named = 0;
        const char *value = slot ? NULL : variable_at(rest, s, &named);
        const char *next = strstr(s + 1, "{{");
        if (slot && slot->part == ATTUNE_PART_FORM) {
            ok = add(f, ATTUNE_PART_FORM, false, "{{", 2);
        } else if (slot) {
            ok = add_field(f, slot->part, texts[slot->part], seen);
        } else if (value) {
            ok = add(f, ATTUNE_PART_FORM, false, value, strlen(value));
        } else {
            ok = add(f, ATTUNE_PART_FORM, false, s, next ? (size_t)(next - s) : strlen(s));
        }
        s = slot ? s + strlen(slot->name) : value ? s + named : next ? next : s + strlen(s);
    }
    close_form(f);
    for (int part = ATTUNE_PART_TEXT; ok && part <= ATTUNE_PART_ANSWER; part++) {
        if (!seen[part] && (part == ATTUNE_PART_TEXT || block->answer) &&
            task_shows(task, block->kind, part == ATTUNE_PART_ANSWER)) {
            f->unused |= texts[part][0] != '\0';
            ok = (f->len == 0 || add(f, ATTUNE_PART_FORM, false, "\n", 1)) &&
                 add_field(f, (enum attune_part)part, texts[part], seen);
        }
    }
    return ok;
}

static bool add_row(struct flows *l, struct flow_row row)
{
    if (l->n_rows == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        struct flow_row *rows = realloc(l->rows, capacity * sizeof *rows);
        if (!rows) {
            return false;
        }
        l->rows = rows;
        l->capacity = capacity;
    }
    l->rows[l->n_rows++] = row;
    return true;
}

static bool add_rows(struct flows *l, size_t block, int columns)
{
    const struct flow *f = &l->flows[block];
    size_t n = edit_wrap(f->text, f->len, columns, NULL, 0);
    struct edit_line *lines = malloc(n * sizeof *lines);
    bool ok = lines && add_row(l, (struct flow_row){.block = block, .head = true});

    if (ok) {
        edit_wrap(f->text, f->len, columns, lines, n);
    }
    for (size_t i = 0; ok && i < n; i++) {
        ok = add_row(l, (struct flow_row){.block = block,
                                          .start = lines[i].start,
                                          .end = lines[i].end,
                                          .soft = i + 1 < n && !lines[i].hard,
                                          .last = i + 1 == n});
    }
    free(lines);
    return ok;
}

int flows_init(struct flows *l, const struct compose *c, enum task_name task, int columns)
{
    memset(l, 0, sizeof *l);
    l->flows = calloc(c->now->n, sizeof *l->flows);
    if (!l->flows) {
        return ATTUNE_MEMORY;
    }
    for (size_t i = 0; i < c->now->n; i++) {
        l->n_flows = i + 1;
        if (!make_flow(&l->flows[i], &c->now->blocks[i], &c->now->rest, task) ||
            (task_shows(task, c->now->blocks[i].kind, false) && !add_rows(l, i, columns))) {
            flows_done(l);
            return ATTUNE_MEMORY;
        }
    }
    return ATTUNE_OK;
}

void flows_done(struct flows *l)
{
    for (size_t i = 0; i < l->n_flows; i++) {
        free(l->flows[i].text);
        free(l->flows[i].parts);
    }
    free(l->flows);
    free(l->rows);
    memset(l, 0, sizeof *l);
}

size_t flow_offset(const struct flow *f, bool answer, size_t cursor)
{
    enum attune_part part = answer ? ATTUNE_PART_ANSWER : ATTUNE_PART_TEXT;

    for (size_t i = 0; i < f->n_parts; i++) {
        if (f->parts[i].field && f->parts[i].part == part) {
            return f->parts[i].start + cursor;
        }
    }
    return 0;
}

bool flow_nearest(const struct flow *f, const struct flow_row *row, size_t offset, bool *answer,
                  size_t *cursor)
{
    size_t best = (size_t)-1;

    for (size_t i = 0; i < f->n_parts; i++) {
        const struct flow_part *p = &f->parts[i];
        size_t from = p->start > row->start ? p->start : row->start;
        size_t to = p->end < row->end ? p->end : row->end;
        size_t at, distance;
        if (!p->field || from > to || (row->soft && from == row->end)) {
            continue;
        }
        at = offset < from ? from : offset > to ? to : offset;
        distance = at > offset ? at - offset : offset - at;
        if (distance < best) {
            best = distance;
            *answer = p->part == ATTUNE_PART_ANSWER;
            *cursor = at - p->start;
        }
    }
    return best != (size_t)-1;
}

size_t flows_row(const struct flows *l, size_t block, size_t offset)
{
    size_t found = 0;

    for (size_t i = 0; i < l->n_rows; i++) {
        if (l->rows[i].block == block && !l->rows[i].head && l->rows[i].start <= offset) {
            found = i;
        }
    }
    return found;
}
