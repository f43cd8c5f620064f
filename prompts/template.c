/* Templates: how blocks become text, and where every byte of that text came from.
 *
 * A section is read in one pass: its own words are copied, a slot in double braces is replaced by
 * what the block or the variable holds, and what was put in is not looked at again, so a prompt may
 * talk about braces, and a variable's value never becomes a template. */
#include <config.h>

#include <attune/library.h>
#include <attune/prompt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "variable.h"

enum slot { SLOT_TASK, SLOT_INPUT, SLOT_OUTPUT, SLOT_OPEN, SLOT_VARIABLE, SLOT_COUNT };

static const struct {
    const char *name;
    unsigned kinds; /* bit k: allowed in the section of block kind k */
} slots[] = {
    [SLOT_TASK] = {"task", 1 << ATTUNE_BLOCK_TASK},
    [SLOT_INPUT] = {"input", 1 << ATTUNE_BLOCK_SHOT | 1 << ATTUNE_BLOCK_QUERY},
    [SLOT_OUTPUT] = {"output", 1 << ATTUNE_BLOCK_SHOT | 1 << ATTUNE_BLOCK_QUERY},
    [SLOT_OPEN] = {"open", ~0u},
    [SLOT_VARIABLE] = {"", 0},
};
_Static_assert(sizeof slots / sizeof *slots == SLOT_COUNT, "a row for every slot");

static const char *const section_names[] = {"task", "shot", "query"};
_Static_assert(sizeof section_names / sizeof *section_names == ATTUNE_BLOCK_KIND_COUNT,
               "a section for every kind of block");

/* A text that is read: where its braces stand is told by these. */
struct source {
    const char *text, *form;
    size_t block; /* its number, where it is a block's own text; the section else */
    bool own;
    enum attune_block_kind kind;
};

struct place place_of_byte(const char *text, size_t at)
{
    struct place place = {1, 1};

    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

bool variable_is_slot(const char *name, size_t len)
{
    for (size_t i = 0; i < SLOT_VARIABLE; i++) {
        if (strlen(slots[i].name) == len && memcmp(slots[i].name, name, len) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse(const struct source *from, size_t at, struct attune_error *err, const char *what,
                  const char *name, size_t len, const char *advice)
{
    struct place place = place_of_byte(from->text, at);
    char where[160];

    if (!from->own) {
        snprintf(where, sizeof where, "template %.60s: section %s", from->form,
                 section_names[from->kind]);
    } else if (from->kind == ATTUNE_BLOCK_SHOT) {
        snprintf(where, sizeof where, "shot %zu", from->block);
    } else {
        snprintf(where, sizeof where, "%s", section_names[from->kind]);
    }
    return attune_error_set(err, from->own ? ATTUNE_ARGUMENT : ATTUNE_FORMAT, at,
                            "%s, line %zu, column %zu: %s{{%.*s%s%s", where, place.line,
                            place.column, what, len < 40 ? (int)len : 40, name,
                            name[0] ? "}} " : " ", advice);
}

/* The name between the braces at s ("{{name}}" or "{{ name }}"), and where it goes on behind them;
 * NULL where they do not close on their line. */
static const char *slot_name(const char *s, size_t *len, const char **behind)
{
    const char *end = strstr(s + 2, "}}");
    const char *name = s + 2 + strspn(s + 2, " ");

    if (!end || memchr(s, '\n', (size_t)(end - s))) {
        return NULL;
    }
    *behind = end + 2;
    while (end > name && end[-1] == ' ') {
        end--;
    }
    *len = end > name ? (size_t)(end - name) : 0;
    return name;
}

/* What the braces at `at` stand for. */
static int find_slot(enum slot *out, const char **name, size_t *len, const char **behind,
                     const struct source *from, const char *at, struct attune_error *err)
{
    size_t where = (size_t)(at - from->text);

    *name = slot_name(at, len, behind);
    if (!*name) {
        return refuse(from, where, err, "braces that do not close: ", "", 0,
                      "wants }} on its line, or {{open}} for the braces themselves");
    }
    for (size_t i = from->own ? SLOT_OPEN : 0; i < SLOT_VARIABLE; i++) {
        if (strlen(slots[i].name) == *len && memcmp(slots[i].name, *name, *len) == 0 &&
            (slots[i].kinds >> from->kind & 1)) {
            *out = (enum slot)i;
            return ATTUNE_OK;
        }
    }
    if (**name == '>') {
        return refuse(from, where, err, "", *name, *len,
                      "is a file fragment: those belong to a template's file");
    }
    if (!variable_is_name(*name, *len) || variable_is_slot(*name, *len)) {
        return refuse(from, where, err, "", *name, *len,
                      from->own || from->kind == ATTUNE_BLOCK_TASK
                          ? "means nothing here; there are {{task}} and {{open}} in the section "
                            "[task], and names of variables"
                          : "means nothing here; there are {{input}}, {{output}}, {{open}} and "
                            "names of variables");
    }
    *out = SLOT_VARIABLE;
    return ATTUNE_OK;
}

struct output {
    struct text text;
    struct attune_piece *pieces;
    size_t n, capacity;
    bool failed;
};

/* Adds bytes that came from a part of a block; neighbours of one origin are one piece. */
static void emit(struct output *out, const char *bytes, size_t len, size_t block,
                 enum attune_part part)
{
    struct attune_piece *last = out->n ? &out->pieces[out->n - 1] : NULL;

    if (len == 0) {
        return;
    }
    if (last && last->block == block && last->part == part && part == ATTUNE_PART_FORM) {
        last->end += len;
    } else {
        if (out->n == out->capacity) {
            size_t capacity = out->capacity ? out->capacity * 2 : 16;
            struct attune_piece *more = realloc(out->pieces, capacity * sizeof *more);

            if (!more) {
                out->failed = true;
                return;
            }
            out->pieces = more;
            out->capacity = capacity;
        }
        out->pieces[out->n++] =
            (struct attune_piece){out->text.len, out->text.len + len, block, part};
    }
    text_add(&out->text, bytes, len);
}

static int emit_variable(struct output *out, const struct attune_prompt *prompt, size_t index,
                         const struct source *from, const char *at, const char *name, size_t len,
                         struct attune_error *err)
{
    const char *value = variable_value(prompt, name, len);

    if (!value) {
        return refuse(from, (size_t)(at - from->text), err, "", name, len,
                      "has no value: give it one (--var NAME=VALUE; :variable NAME VALUE), or "
                      "write {{open}} for the braces themselves");
    }
    emit(out, value, strlen(value), index, ATTUNE_PART_VARIABLE);
    return ATTUNE_OK;
}

/* A block's own text; where the prompt says so, with its variables. */
static int emit_block(struct output *out, const struct attune_prompt *prompt, size_t index,
                      bool answer, struct attune_error *err)
{
    const struct attune_block *block = &prompt->blocks[index];
    const char *text = answer ? block->answer : block->text, *at = text;
    enum attune_part part = answer ? ATTUNE_PART_ANSWER : ATTUNE_PART_TEXT;
    struct source from = {text, prompt->form.name, index, true, block->kind};
    int status = ATTUNE_OK;

    while (status == ATTUNE_OK && *at) {
        const char *open = prompt->fill ? strstr(at, "{{") : NULL, *name;
        enum slot slot;
        size_t len;

        emit(out, at, open ? (size_t)(open - at) : strlen(at), index, part);
        if (!open) {
            break;
        }
        status = find_slot(&slot, &name, &len, &at, &from, open, err);
        if (status == ATTUNE_OK && slot == SLOT_OPEN) {
            emit(out, "{{", 2, index, part);
        } else if (status == ATTUNE_OK) {
            status = emit_variable(out, prompt, index, &from, open, name, len, err);
        }
    }
    return status;
}

/* Writes one section, with the slots filled from block `index`. out may be NULL: the section is
 * only checked. */
static int expand(struct output *out, const struct source *from, const struct attune_prompt *prompt,
                  size_t index, unsigned *seen, struct attune_error *err)
{
    const char *at = from->text;

    *seen = 0;
    while (*at) {
        const char *open = strstr(at, "{{"), *name;
        size_t own = open ? (size_t)(open - at) : strlen(at), len;
        enum slot slot = SLOT_OPEN;
        int status;

        if (out) {
            emit(out, at, own, index, ATTUNE_PART_FORM);
        }
        if (!open) {
            break;
        }
        status = find_slot(&slot, &name, &len, &at, from, open, err);
        *seen |= 1u << slot;
        if (status == ATTUNE_OK && out && slot == SLOT_OPEN) {
            emit(out, "{{", 2, index, ATTUNE_PART_FORM);
        } else if (status == ATTUNE_OK && out && slot == SLOT_VARIABLE) {
            status = emit_variable(out, prompt, index, from, open, name, len, err);
        } else if (status == ATTUNE_OK && out) {
            status = emit_block(out, prompt, index, slot == SLOT_OUTPUT, err);
        }
        if (status != ATTUNE_OK) {
            return status;
        }
    }
    return ATTUNE_OK;
}

static int render_block(struct output *out, const struct attune_prompt *prompt, size_t i,
                        struct attune_error *err)
{
    const struct attune_block *block = &prompt->blocks[i];
    const char *const sections[] = {prompt->form.task, prompt->form.shot, prompt->form.query};
    const char *form = prompt->form.name;
    struct source from = {sections[block->kind], form, i, false, block->kind};
    unsigned seen = 0, places = 1u << SLOT_TASK | 1u << SLOT_INPUT | 1u << SLOT_OUTPUT;
    bool empty = !*block->text && !*block->answer;
    int status = block->off ? ATTUNE_OK : expand(NULL, &from, prompt, i, &seen, err);

    if (status != ATTUNE_OK || block->off ||
        (empty && ((seen & places) || !(seen & 1u << SLOT_VARIABLE)))) {
        return status;
    }
    status = expand(out, &from, prompt, i, &seen, err);
    if (status != ATTUNE_OK) {
        return status;
    }
    if (*block->text && !(seen & (1u << SLOT_TASK | 1u << SLOT_INPUT))) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, i,
            "template %s: section %s has no place for the text of block %zu: add "
            "{{%s}} or switch the block off",
            form, section_names[block->kind], i,
            block->kind == ATTUNE_BLOCK_TASK ? "task" : "input");
    }
    if (*block->answer && !(seen & 1u << SLOT_OUTPUT)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, i,
                                "template %s: section %s has no place for the answer of block %zu: "
                                "add {{output}} or empty the answer",
                                form, section_names[block->kind], i);
    }
    return ATTUNE_OK;
}

int attune_prompt_render(struct attune_rendered *out, const struct attune_prompt *prompt,
                         struct attune_error *err)
{
    struct output made = {0};
    int status = ATTUNE_OK;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; status == ATTUNE_OK && i < prompt->n; i++) {
        status = render_block(&made, prompt, i, err);
    }
    if (status == ATTUNE_OK && made.failed) {
        status = text_no_memory(err);
    }
    if (status == ATTUNE_OK) {
        status = text_take(&made.text, &out->text, &out->len, err);
    }
    if (status != ATTUNE_OK) {
        text_done(&made.text);
        free(made.pieces);
        return status;
    }
    out->pieces = made.pieces;
    out->n_pieces = made.n;
    return ATTUNE_OK;
}

void attune_rendered_done(struct attune_rendered *rendered)
{
    if (rendered) {
        free(rendered->text);
        free(rendered->pieces);
        memset(rendered, 0, sizeof *rendered);
    }
}

/* Which section a line of the file opens, or -1. */
static int section_of(const char *line, size_t len)
{
    for (int i = 0; i < ATTUNE_BLOCK_KIND_COUNT; i++) {
        size_t n = strlen(section_names[i]);

        if (len == n + 2 && line[0] == '[' && line[n + 1] == ']' &&
            memcmp(line + 1, section_names[i], n) == 0) {
            return i;
        }
    }
    return -1;
}

static int take_section(char **out, struct text *text, struct attune_error *err)
{
    size_t len = text->len;

    if (len >= 2 && text->data[len - 1] == '\n' && text->data[len - 2] == '\\') {
        text->len = len - 2;
    } else if (len >= 1 && text->data[len - 1] == '\\') {
        text->len = len - 1;
    }
    return text_take(text, out, NULL, err);
}

/* The lines of the file into one buffer a section. */
static int split_sections(struct text parts[], const char *name, const char *text, size_t len,
                          struct attune_error *err)
{
    bool met[ATTUNE_BLOCK_KIND_COUNT] = {false};
    size_t at = 0, line = 1;
    int current = -1;

    for (; at < len; line++) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t end = newline ? (size_t)(newline - text) : len;
        int opens = section_of(text + at, end - at);

        if (opens >= 0 && met[opens]) {
            return attune_error_set(err, ATTUNE_FORMAT, at,
                                    "template %s: line %zu: section [%s] stands there twice", name,
                                    line, section_names[opens]);
        }
        if (opens < 0 && current < 0 && end > at && text[at] != '#') {
            return attune_error_set(err, ATTUNE_FORMAT, at,
                                    "template %s: line %zu: text before the first of [task], "
                                    "[shot], [query]; remarks begin with #",
                                    name, line);
        }
        if (opens >= 0) {
            met[current = opens] = true;
        } else if (current >= 0) {
            text_add(&parts[current], text + at, (newline ? end + 1 : end) - at);
        }
        at = newline ? end + 1 : end;
    }
    if (!met[ATTUNE_BLOCK_QUERY]) {
        return attune_error_set(err, ATTUNE_FORMAT, len, "template %s: there is no section [query]",
                                name);
    }
    return ATTUNE_OK;
}

static int check_sections(const struct attune_template *form, struct attune_error *err)
{
    const char *const sections[] = {form->task, form->shot, form->query};
    unsigned seen;
    int status = ATTUNE_OK;

    for (int i = 0; status == ATTUNE_OK && i < ATTUNE_BLOCK_KIND_COUNT; i++) {
        struct source from = {sections[i], form->name, 0, false, (enum attune_block_kind)i};

        status = expand(NULL, &from, NULL, 0, &seen, err);
    }
    return status;
}

static int parse(struct attune_template *out, const char *name, const char *folder,
                 const char *text, size_t len, struct attune_error *err)
{
    struct text parts[ATTUNE_BLOCK_KIND_COUNT] = {{0}};
    char **const fields[] = {&out->task, &out->shot, &out->query};
    int status;

    memset(out, 0, sizeof *out);
    if (memchr(text, '\0', len)) {
        return attune_error_set(err, ATTUNE_FORMAT, strlen(text), "template %s: holds a NUL byte",
                                name);
    }
    status = split_sections(parts, name, text, len, err);
    if (status == ATTUNE_OK) {
        out->name = strdup(name);
        status = out->name ? ATTUNE_OK : text_no_memory(err);
    }
    for (int i = 0; status == ATTUNE_OK && i < ATTUNE_BLOCK_KIND_COUNT; i++) {
        status = take_section(fields[i], &parts[i], err);
        if (status == ATTUNE_OK) {
            status = fragment_expand(fields[i], name, section_names[i], folder, err);
        }
    }
    if (status == ATTUNE_OK) {
        status = check_sections(out, err);
    }
    for (int i = 0; i < ATTUNE_BLOCK_KIND_COUNT; i++) {
        text_done(&parts[i]);
    }
    if (status != ATTUNE_OK) {
        attune_template_done(out);
    }
    return status;
}

int attune_template_parse(struct attune_template *out, const char *name, const char *text,
                          size_t len, struct attune_error *err)
{
    return parse(out, name, NULL, text, len, err);
}

int attune_template_load(struct attune_template *out, const char *path_or_name,
                         struct attune_error *err)
{
    char *path = NULL, *text = NULL, *name = NULL, *folder = NULL;
    const char *base;
    size_t len;
    int status = attune_library_find(&path, "prompts/templates", path_or_name, err);

    memset(out, 0, sizeof *out);
    if (status == ATTUNE_OK) {
        status = text_read_file(&text, &len, path, 1 << 20, err);
    }
    if (status == ATTUNE_OK) {
        base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        name = strndup(base, strcspn(base, "."));
        folder = base > path ? strndup(path, (size_t)(base - path)) : strdup("./");
        status = name && folder ? parse(out, *name ? name : base, folder, text, len, err)
                                : text_no_memory(err);
    }
    free(folder);
    free(name);
    free(text);
    free(path);
    return status;
}

int attune_template_copy(struct attune_template *to, const struct attune_template *from,
                         struct attune_error *err)
{
    *to = (struct attune_template){strdup(from->name), strdup(from->task), strdup(from->shot),
                                   strdup(from->query)};
    if (!to->name || !to->task || !to->shot || !to->query) {
        attune_template_done(to);
        return text_no_memory(err);
    }
    return ATTUNE_OK;
}

void attune_template_done(struct attune_template *form)
{
    if (form) {
        free(form->name);
        free(form->task);
        free(form->shot);
        free(form->query);
        memset(form, 0, sizeof *form);
    }
}
