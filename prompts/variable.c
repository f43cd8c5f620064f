/* What a prompt holds besides its blocks: variables, and the record of what was done to it. */
#include <config.h>

#include <attune/prompt.h>

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"
#include "variable.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool variable_is_name(const char *name, size_t len)
{
    if (len == 0 || !is_letter(name[0])) {
        return false;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_letter(name[i]) && !(name[i] >= '0' && name[i] <= '9') && name[i] != '-' &&
            name[i] != '.') {
            return false;
        }
    }
    return true;
}

const char *variable_value(const struct attune_prompt *prompt, const char *name, size_t len)
{
    for (size_t i = 0; i < prompt->n_variables; i++) {
        if (strlen(prompt->variables[i].name) == len &&
            memcmp(prompt->variables[i].name, name, len) == 0) {
            return prompt->variables[i].value;
        }
    }
    return NULL;
}

const char *attune_prompt_variable(const struct attune_prompt *prompt, const char *name)
{
    return variable_value(prompt, name, strlen(name));
}

/* Where a name stands among the sorted ones, or would. */
static size_t place_of(const struct attune_prompt *prompt, const char *name, bool *there)
{
    size_t at = 0;

    while (at < prompt->n_variables && strcmp(prompt->variables[at].name, name) < 0) {
        at++;
    }
    *there = at < prompt->n_variables && strcmp(prompt->variables[at].name, name) == 0;
    return at;
}

static void take_away(struct attune_prompt *prompt, size_t at)
{
    free(prompt->variables[at].name);
    free(prompt->variables[at].value);
    prompt->n_variables--;
    memmove(prompt->variables + at, prompt->variables + at + 1,
            (prompt->n_variables - at) * sizeof *prompt->variables);
}

static int put_in(struct attune_prompt *prompt, size_t at, const char *name, const char *value,
                  struct attune_error *err)
{
    struct attune_variable fresh = {strdup(name), strdup(value)}, *more;

    more = realloc(prompt->variables, (prompt->n_variables + 1) * sizeof *more);
    if (more) {
        prompt->variables = more;
    }
    if (!more || !fresh.name || !fresh.value) {
        free(fresh.name);
        free(fresh.value);
        return text_no_memory(err);
    }
    memmove(more + at + 1, more + at, (prompt->n_variables - at) * sizeof *more);
    more[at] = fresh;
    prompt->n_variables++;
    return ATTUNE_OK;
}

int attune_prompt_set_variable(struct attune_prompt *prompt, const char *name, const char *value,
                               struct attune_error *err)
{
    bool there;
    size_t at = place_of(prompt, name, &there);
    char *copy;

    if (!variable_is_name(name, strlen(name)) || variable_is_slot(name, strlen(name))) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "\"%.60s\" cannot be the name of a variable: a letter, then letters, "
            "digits, _ - and . (and none of task, input, output, open)",
            name);
    }
    if (value && there) {
        copy = strdup(value);
        if (!copy) {
            return text_no_memory(err);
        }
        free(prompt->variables[at].value);
        prompt->variables[at].value = copy;
        return ATTUNE_OK;
    }
    if (there) {
        take_away(prompt, at);
    }
    return value ? put_in(prompt, at, name, value, err) : ATTUNE_OK;
}

int attune_prompt_note(struct attune_prompt *prompt, const char *kind, const char *json,
                       struct attune_error *err)
{
    json_t *record = prompt->record ? json_loads(prompt->record, 0, NULL) : json_object();
    json_t *value = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
    char *text = NULL;
    int status = ATTUNE_OK;

    if (json && !value) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "the record of %s is no JSON", kind);
    } else if (!record ||
               (json ? json_object_set(record, kind, value) : (json_object_del(record, kind), 0))) {
        status = text_no_memory(err);
    } else if (json_object_size(record) > 0) {
        status = json_write(&text, NULL, json_incref(record), err);
    }
    if (status == ATTUNE_OK) {
        free(prompt->record);
        prompt->record = text;
    }
    json_decref(value);
    json_decref(record);
    return status;
}

int attune_prompt_copy_rest(struct attune_prompt *to, const struct attune_prompt *from,
                            struct attune_error *err)
{
    struct attune_prompt fresh = {.fill = from->fill};
    int status = attune_template_copy(&fresh.form, &from->form, err);

    for (size_t i = 0; status == ATTUNE_OK && i < from->n_variables; i++) {
        status = put_in(&fresh, i, from->variables[i].name, from->variables[i].value, err);
    }
    if (status == ATTUNE_OK && from->record) {
        fresh.record = strdup(from->record);
        status = fresh.record ? ATTUNE_OK : text_no_memory(err);
    }
    if (status == ATTUNE_OK) { /* what the old rest was goes with fresh */
        struct attune_prompt old = *to;

        *to = fresh;
        to->blocks = old.blocks;
        to->n = old.n;
        to->capacity = old.capacity;
        fresh = old;
    }
    fresh.blocks = NULL;
    fresh.n = 0;
    attune_prompt_done(&fresh);
    return status;
}

bool attune_prompt_same_rest(const struct attune_prompt *a, const struct attune_prompt *b)
{
    bool same =
        strcmp(a->form.name, b->form.name) == 0 && strcmp(a->form.task, b->form.task) == 0 &&
        strcmp(a->form.shot, b->form.shot) == 0 && strcmp(a->form.query, b->form.query) == 0 &&
        a->fill == b->fill && a->n_variables == b->n_variables &&
        strcmp(a->record ? a->record : "", b->record ? b->record : "") == 0;

    for (size_t i = 0; same && i < a->n_variables; i++) {
        same = strcmp(a->variables[i].name, b->variables[i].name) == 0 &&
               strcmp(a->variables[i].value, b->variables[i].value) == 0;
    }
    return same;
}
