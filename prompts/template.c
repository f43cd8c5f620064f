/* Templates: how blocks become text, and where every byte of that text came from.
 *
 * A section is read in one pass: its own words are copied, a slot in double braces is replaced by
 * what the block holds, and what was put in is not looked at again, so a prompt may talk about
 * braces. */
#include <config.h>

#include <attune/library.h>
#include <attune/prompt.h>

#include <stdlib.h>
#include <string.h>

#include "text.h"

enum slot { SLOT_TASK, SLOT_INPUT, SLOT_OUTPUT, SLOT_OPEN, SLOT_COUNT };

static const struct {
    const char *name;
    unsigned kinds; /* bit k: allowed in the section of block kind k */
} slots[] = {
    [SLOT_TASK] = {"task", 1 << ATTUNE_BLOCK_TASK},
    [SLOT_INPUT] = {"input", 1 << ATTUNE_BLOCK_SHOT | 1 << ATTUNE_BLOCK_QUERY},
    [SLOT_OUTPUT] = {"output", 1 << ATTUNE_BLOCK_SHOT | 1 << ATTUNE_BLOCK_QUERY},
    [SLOT_OPEN] = {"open", ~0u},
};
_Static_assert(sizeof slots / sizeof *slots == SLOT_COUNT, "a row for every slot");

static const char *const section_names[] = {"task", "shot", "query"};
_Static_assert(sizeof section_names / sizeof *section_names == ATTUNE_BLOCK_KIND_COUNT,
               "a section for every kind of block");

/* The name between the braces at s ("{{name}}"), or NULL where they do not close. */
static const char *slot_name(const char *s, size_t *len)
{
    const char *end = strstr(s + 2, "}}");

    *len = end ? (size_t)(end - s - 2) : 0;
    return end ? s + 2 : NULL;
}

static int find_slot(enum slot *out, const char *section, const char *at,
                     enum attune_block_kind kind, const char *form, struct attune_error *err)
{
    size_t len;
    const char *name = slot_name(at, &len);
    uint64_t where = (uint64_t)(at - section);

    for (size_t i = 0; name && i < SLOT_COUNT; i++) {
        if (strlen(slots[i].name) == len && memcmp(slots[i].name, name, len) == 0 &&
            (slots[i].kinds >> kind & 1)) {
            *out = (enum slot)i;
            return ATTUNE_OK;
        }
    }
    if (!name) {
        return attune_error_set(err, ATTUNE_FORMAT, where,
                                "template %s: section %s: braces opened at byte %llu do not close",
                                form, section_names[kind], (unsigned long long)where);
    }
    return attune_error_set(
        err, ATTUNE_FORMAT, where,
        "template %s: section %s: {{%.*s}} at byte %llu means nothing here; there are %s", form,
        section_names[kind], len < 40 ? (int)len : 40, name, (unsigned long long)where,
        kind == ATTUNE_BLOCK_TASK ? "{{task}} and {{open}}" : "{{input}}, {{output}} and {{open}}");
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

/* Writes one section, with the slots filled from `block`. out may be NULL: the section is only
 * checked. */
static int expand(struct output *out, const char *section, const struct attune_block *block,
                  size_t index, enum attune_block_kind kind, const char *form, unsigned *seen,
                  struct attune_error *err)
{
    const char *at = section;

    *seen = 0;
    while (*at) {
        const char *open = strstr(at, "{{");
        size_t own = open ? (size_t)(open - at) : strlen(at), len;
        enum slot slot = SLOT_OPEN;
        int status;

        if (out) {
            emit(out, at, own, index, ATTUNE_PART_FORM);
        }
        if (!open) {
            break;
        }
        status = find_slot(&slot, section, open, kind, form, err);
        if (status != ATTUNE_OK) {
            return status;
        }
        *seen |= 1u << slot;
        if (out && slot == SLOT_OPEN) {
            emit(out, "{{", 2, index, ATTUNE_PART_FORM);
        } else if (out && slot == SLOT_OUTPUT) {
            emit(out, block->answer, strlen(block->answer), index, ATTUNE_PART_ANSWER);
        } else if (out) {
            emit(out, block->text, strlen(block->text), index, ATTUNE_PART_TEXT);
        }
        at = slot_name(open, &len) + len + 2;
    }
    return ATTUNE_OK;
}

static int render_block(struct output *out, const struct attune_prompt *prompt, size_t i,
                        struct attune_error *err)
{
    const struct attune_block *block = &prompt->blocks[i];
    const char *const sections[] = {prompt->form.task, prompt->form.shot, prompt->form.query};
    const char *form = prompt->form.name;
    unsigned seen;
    int status;

    if (block->off || (!*block->text && !*block->answer)) {
        return ATTUNE_OK;
    }
    status = expand(out, sections[block->kind], block, i, block->kind, form, &seen, err);
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
        status =
            expand(NULL, sections[i], NULL, 0, (enum attune_block_kind)i, form->name, &seen, err);
    }
    return status;
}

int attune_template_parse(struct attune_template *out, const char *name, const char *text,
                          size_t len, struct attune_error *err)
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

int attune_template_load(struct attune_template *out, const char *path_or_name,
                         struct attune_error *err)
{
    char *path = NULL, *text = NULL, *name = NULL;
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
        status = name ? attune_template_parse(out, *name ? name : base, text, len, err)
                      : text_no_memory(err);
    }
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
