/* File fragments of templates: {{> name}} is the text of a file, put in as the template is read, so
 * that a prompt that was saved needs no file but its own.
 *
 * A fragment may hold others. The chain of names that led to it is kept: one that meets itself is
 * refused with the chain, and so is a text that grows past all reason without a circle. */
#include <config.h>

#include <attune/library.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "variable.h"

enum { MOST_DEPTH = 16, MOST_BYTES = 1 << 20 };

struct chain { /* who asked for whom */
    const char *name, *path;
    const struct chain *above;
    int depth;
};

struct expansion {
    struct text out;
    const char *form, *section;
};

static int put(struct expansion *x, const char *text, const char *folder, const struct chain *above,
               struct attune_error *err);

/* "a > b > a" */
static void chain_text(char *out, size_t capacity, const struct chain *c, const char *last)
{
    const struct chain *names[MOST_DEPTH + 1];
    size_t n = 0, at = 0;

    for (; c && n <= MOST_DEPTH; c = c->above) {
        names[n++] = c;
    }
    while (n > 0 && at < capacity) {
        at += (size_t)snprintf(out + at, capacity - at, "%.24s > ", names[--n]->name);
    }
    if (at < capacity) {
        snprintf(out + at, capacity - at, "%.24s", last);
    }
}

/* A file beside the one that asks, with or without .txt, else a fragment of the library. */
static int find(char **out, const char *name, const char *folder, struct attune_error *err)
{
    static const char *const suffixes[] = {"", ".txt"};
    size_t room = (folder ? strlen(folder) : 0) + strlen(name) + 8;
    char *path = malloc(room);

    for (size_t i = 0; path && folder && name[0] != '/' && i < 2; i++) {
        snprintf(path, room, "%s%s%s", folder, name, suffixes[i]);
        if (access(path, F_OK) == 0) {
            *out = path;
            return ATTUNE_OK;
        }
    }
    free(path);
    return path ? attune_library_find(out, "prompts/fragments", name, err) : text_no_memory(err);
}

static int refuse(const struct expansion *x, const char *text, const char *at,
                  const struct chain *above, int status, const char *why, struct attune_error *err)
{
    struct place place = place_of_byte(text, (size_t)(at - text));

    return attune_error_set(err, status, (uint64_t)(at - text),
                            above ? "template %.40s: fragment %.40s, line %zu, column %zu: %s"
                                  : "template %.40s: section %.40s, line %zu, column %zu: %s",
                            x->form, above ? above->name : x->section, place.line, place.column,
                            why);
}

/* One fragment; at is where its braces stand in text. */
static int put_file(struct expansion *x, const char *text, const char *at, const char *name,
                    const char *folder, const struct chain *above, struct attune_error *err)
{
    struct chain here = {name, NULL, above, above ? above->depth + 1 : 1};
    struct attune_error why = {0};
    char *path = NULL, *held = NULL, *beside = NULL, names[160];
    size_t len = 0;
    int status = find(&path, name, folder, &why);

    if (status == ATTUNE_OK) {
        status = text_read_file(&held, &len, path, MOST_BYTES, &why);
    }
    if (status != ATTUNE_OK) {
        status = refuse(x, text, at, above, status, why.text, err);
    } else if (strlen(held) != len) {
        status = refuse(x, text, at, above, ATTUNE_FORMAT, "the fragment holds a NUL byte", err);
    }
    here.path = path;
    for (const struct chain *c = above; status == ATTUNE_OK && c; c = c->above) {
        if (strcmp(c->path, path) == 0) {
            chain_text(names, sizeof names, above, name);
            status =
                attune_error_set(err, ATTUNE_FORMAT, 0,
                                 "template %.40s: fragments go in a circle: %s", x->form, names);
        }
    }
    if (status == ATTUNE_OK && (here.depth > MOST_DEPTH || x->out.len + len > MOST_BYTES)) {
        chain_text(names, sizeof names, above, name);
        status = attune_error_set(err, ATTUNE_FULL, 0,
                                  "template %.40s: its fragments are more than %d deep or %d bytes "
                                  "long: %s",
                                  x->form, MOST_DEPTH, MOST_BYTES, names);
    }
    if (status == ATTUNE_OK) {
        const char *slash = strrchr(path, '/');

        beside = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup("./");
        if (len > 0 && held[len - 1] == '\n') {
            held[len - 1] = '\0'; /* that ends the file's last line, and is none of its text */
        }
        status = beside ? put(x, held, beside, &here, err) : text_no_memory(err);
    }
    free(beside);
    free(held);
    free(path);
    return status;
}

static int put(struct expansion *x, const char *text, const char *folder, const struct chain *above,
               struct attune_error *err)
{
    const char *at = text, *open;
    int status = ATTUNE_OK;

    while (status == ATTUNE_OK && (open = strstr(at, "{{>"))) {
        const char *name = open + 3 + strspn(open + 3, " "), *end = strstr(name, "}}");
        size_t len = end ? (size_t)(end - name) : 0;
        char *copy;

        while (len > 0 && name[len - 1] == ' ') {
            len--;
        }
        if (len == 0 || memchr(name, '\n', len)) {
            return refuse(x, text, open, above, ATTUNE_FORMAT,
                          "{{> wants the name of a file and }} on its line", err);
        }
        text_add(&x->out, at, (size_t)(open - at));
        copy = text_copy(name, len);
        status = copy ? put_file(x, text, open, copy, folder, above, err) : text_no_memory(err);
        free(copy);
        at = end + 2;
    }
    text_put(&x->out, at);
    return status;
}

int fragment_expand(char **section, const char *form, const char *section_name, const char *folder,
                    struct attune_error *err)
{
    struct expansion x = {.form = form, .section = section_name};
    char *whole = NULL;
    int status;

    if (!strstr(*section, "{{>")) {
        return ATTUNE_OK;
    }
    status = put(&x, *section, folder, NULL, err);
    if (status == ATTUNE_OK) {
        status = text_take(&x.out, &whole, NULL, err);
    }
    if (status == ATTUNE_OK) {
        free(*section);
        *section = whole;
    }
    text_done(&x.out);
    return status;
}
