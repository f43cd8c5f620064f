/* The whole prompt as JSON:
 *   {"template": {"name": ..., "task": ..., "shot": ..., "query": ...},
 *    "blocks": [{"kind": "task", "text": ...}, {"kind": "shot", "text": ..., "answer": ..., "off":
 * true},
 *               {"kind": "query", "text": ..., "answer": ...}],
 *    "variables": {"name": value, ...}, "fill": true, "record": {...}}   where there are any */
#include <config.h>

#include <attune/library.h>
#include <attune/prompt.h>
#include <attune/version.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

static const char *const kinds[] = {"task", "shot", "query"};
_Static_assert(sizeof kinds / sizeof *kinds == ATTUNE_BLOCK_KIND_COUNT, "a name for every kind");

static json_t *of_string(const char *string)
{
    return json_of_bytes(string, strlen(string));
}

static json_t *of_block(const struct attune_block *block)
{
    json_t *object =
        json_pack("{s:s, s:o}", "kind", kinds[block->kind], "text", of_string(block->text));
    int bad = !object;

    if (!bad && block->kind != ATTUNE_BLOCK_TASK) {
        bad = json_object_set_new(object, "answer", of_string(block->answer));
    }
    if (!bad && block->off) {
        bad = json_object_set_new(object, "off", json_true());
    }
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* What most prompts do not have. */
static int set_rest(json_t *root, const struct attune_prompt *prompt)
{
    json_t *variables = prompt->n_variables ? json_object() : NULL;
    int bad = prompt->n_variables && !variables;

    for (size_t i = 0; !bad && i < prompt->n_variables; i++) {
        bad = json_object_set_new(variables, prompt->variables[i].name,
                                  of_string(prompt->variables[i].value));
    }
    if (variables) {
        bad |= json_object_set_new(root, "variables", variables);
    }
    if (!bad && prompt->fill) {
        bad = json_object_set_new(root, "fill", json_true());
    }
    if (!bad && prompt->record) {
        bad = json_object_set_new(root, "record", json_loads(prompt->record, 0, NULL));
    }
    return bad;
}

int attune_prompt_to_json(char **out, const struct attune_prompt *prompt, struct attune_error *err)
{
    const struct attune_template *form = &prompt->form;
    json_t *blocks = json_array(), *root;
    int bad = !blocks;

    for (size_t i = 0; !bad && i < prompt->n; i++) {
        bad = json_array_append_new(blocks, of_block(&prompt->blocks[i]));
    }
    if (bad) {
        json_decref(blocks);
        return json_write(out, NULL, NULL, err);
    }
    root = json_pack("{s:{s:o, s:o, s:o, s:o}, s:o}", "template", "name", of_string(form->name),
                     "task", of_string(form->task), "shot", of_string(form->shot), "query",
                     of_string(form->query), "blocks", blocks);
    if (root && set_rest(root, prompt)) {
        json_decref(root);
        root = NULL;
    }
    return json_write(out, NULL, root, err);
}

static int read_rest(struct attune_prompt *prompt, const json_t *root, struct attune_error *err)
{
    json_t *variables = json_object_get(root, "variables"), *record;
    const char *name;
    json_t *value;
    char *text = NULL;
    int status = json_get_bool(&prompt->fill, root, "fill", "prompt", err);

    if (status == ATTUNE_OK && variables && !json_is_object(variables)) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "prompt: \"variables\" wants an object");
    }
    json_object_foreach(variables, name, value)
    {
        if (status == ATTUNE_OK) {
            status = json_get_bytes(&text, NULL, variables, name, "prompt: variable", err);
        }
        if (status == ATTUNE_OK) {
            status = attune_prompt_set_variable(prompt, name, text, err);
        }
        free(text);
        text = NULL;
    }
    record = json_object_get(root, "record");
    if (status == ATTUNE_OK && record && !json_is_object(record)) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "prompt: \"record\" wants an object");
    }
    if (status == ATTUNE_OK && record) {
        status = json_write(&prompt->record, NULL, json_incref(record), err);
    }
    return status;
}

static int read_form(struct attune_prompt *prompt, const json_t *object, struct attune_error *err)
{
    struct attune_template form = {0};
    const struct {
        const char *key;
        char **to;
    } fields[] = {
        {"name", &form.name}, {"task", &form.task}, {"shot", &form.shot}, {"query", &form.query}};
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < sizeof fields / sizeof *fields; i++) {
        status = json_get_bytes(fields[i].to, NULL, object, fields[i].key, "prompt: template", err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_use(prompt, &form, err);
    }
    attune_template_done(&form);
    return status;
}

static int read_block(struct attune_prompt *prompt, const json_t *object, size_t i, size_t n,
                      struct attune_error *err)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *wanted = kinds[i == 0       ? ATTUNE_BLOCK_TASK
                               : i == n - 1 ? ATTUNE_BLOCK_QUERY
                                            : ATTUNE_BLOCK_SHOT];
    char *text = NULL, *answer = NULL;
    bool off = false;
    int status;

    if (!kind || strcmp(kind, wanted) != 0) {
        return attune_error_set(err, ATTUNE_FORMAT, i,
                                "prompt: block %zu of %zu has to be the %s: a task first, then "
                                "shots, the query last",
                                i, n, wanted);
    }
    status = json_get_bytes(&text, NULL, object, "text", "prompt: block", err);
    if (status == ATTUNE_OK && i > 0) {
        status = json_get_bytes(&answer, NULL, object, "answer", "prompt: block", err);
    }
    if (status == ATTUNE_OK) {
        status = json_get_bool(&off, object, "off", "prompt: block", err);
    }
    if (status == ATTUNE_OK && i > 0 && i < n - 1) {
        status = attune_prompt_add_shot(prompt, i, text, answer, err);
    } else if (status == ATTUNE_OK) {
        status = attune_prompt_set(prompt, i ? prompt->n - 1 : 0, text, answer, err);
    }
    if (status == ATTUNE_OK) {
        attune_prompt_switch(prompt, i, !off);
    }
    free(text);
    free(answer);
    return status;
}

int attune_prompt_from_json(struct attune_prompt *out, const char *json, size_t len,
                            struct attune_error *err)
{
    json_t *root = NULL;
    const json_t *blocks = NULL;
    size_t n = 0;
    int status = attune_prompt_init(out, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    root = json_read(json, len, "prompt", err);
    status = root ? read_form(out, json_object_get(root, "template"), err) : ATTUNE_FORMAT;
    if (status == ATTUNE_OK) {
        status = json_get_array(&blocks, &n, root, "blocks", 1 << 20, "prompt", err);
    }
    if (status == ATTUNE_OK && n < 2) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0,
                                  "prompt: \"blocks\" wants a task and a query at least");
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = read_block(out, json_array_get(blocks, i), i, n, err);
    }
    if (status == ATTUNE_OK) {
        status = read_rest(out, root, err);
    }
    json_decref(root);
    if (status != ATTUNE_OK) {
        attune_prompt_done(out);
    }
    return status;
}

/* NAME@2: the second version of NAME. */
static int load_version(struct attune_prompt *out, const char *name, const char *sign,
                        struct attune_error *err)
{
    char *base = strndup(name, (size_t)(sign - name));
    struct attune_version *versions = NULL;
    size_t n = 0;
    int status = base ? attune_prompt_versions(&versions, &n, base, err) : text_no_memory(err);

    if (status == ATTUNE_OK) {
        status = attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: %.80s has %zu version%s", name,
                                  base, n, n == 1 ? "" : "s");
    }
    for (size_t i = 0; i < n; i++) {
        if (versions[i].number == atoi(sign + 1)) {
            status = attune_prompt_copy(out, &versions[i].prompt, err);
        }
    }
    attune_prompt_versions_free(versions, n);
    free(base);
    return status;
}

int attune_prompt_load(struct attune_prompt *out, const char *path_or_name,
                       struct attune_error *err)
{
    const char *sign = strrchr(path_or_name, '@');
    char *path = NULL, *json = NULL;
    size_t len;
    int status = attune_library_find(&path, "prompts/examples", path_or_name, err);

    memset(out, 0, sizeof *out);
    if (status != ATTUNE_OK && sign && sign > path_or_name && sign[1] &&
        strspn(sign + 1, "0123456789") == strlen(sign + 1)) {
        return load_version(out, path_or_name, sign, err);
    }
    if (status == ATTUNE_OK) {
        status = text_read_file(&json, &len, path, 64 << 20, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_from_json(out, json, len, err);
        if (status != ATTUNE_OK) {
            attune_error_prefix(err, path);
        }
    }
    free(json);
    free(path);
    return status;
}
