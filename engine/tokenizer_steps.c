/* Steps: found by the name tokenizer.json gives them, loaded, and run one after the other. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/regex.h"

enum { DEEPEST = 16, MOST = 256 }; /* Sequences in Sequences, steps in a stage */

void steps_done(struct steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        regex_free(steps->at[i].regex);
        free(steps->at[i].text);
        free(steps->at[i].content);
        free(steps->at[i].table);
    }
    free(steps->at);
    *steps = (struct steps){0};
}

struct step *steps_add(struct steps *steps, const struct step_type *type)
{
    struct step *more = realloc(steps->at, (steps->n + 1) * sizeof *more);

    if (!more) {
        return NULL;
    }
    steps->at = more;
    more[steps->n] = (struct step){.type = type};
    return &more[steps->n++];
}

const struct step_type *step_type_find(const struct step_type *types, const char *name)
{
    while (types->name && strcmp(types->name, name) != 0) {
        types++;
    }
    return types->name ? types : NULL;
}

/* Our own steps are called gguf.*, and no file may name them. */
static int load(struct steps *steps, const json_t *json, const struct step_type *types,
                const char *kind, const char *list, int depth, bool own, struct attune_error *err)
{
    const char *name = json_string_value(json_object_get(json, "type"));
    bool may = name && (own || strncmp(name, "gguf.", 5) != 0);
    const struct step_type *type = may ? step_type_find(types, name) : NULL;
    const json_t *inner = json_object_get(json, list);
    struct step *step;
    int status = ATTUNE_OK;

    if (!name) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: has no type", kind);
    }
    if (strcmp(name, "Sequence") == 0) {
        status = json_check_options(json, list, err);

        if (status) {
            attune_error_prefix(err, kind);
            return status;
        }
        if (!json_is_array(inner) || depth == DEEPEST) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: a Sequence %s", kind,
                                    depth == DEEPEST ? "is nested too deep"
                                                     : "has no list of steps");
        }
        for (size_t i = 0; i < json_array_size(inner) && status == ATTUNE_OK; i++) {
            status = load(steps, json_array_get(inner, i), types, kind, list, depth + 1, own, err);
        }
        return status;
    }
    if (!type) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "%s %s is not supported", kind, name);
    }
    step = steps->n < MOST ? steps_add(steps, type) : NULL;
    if (!step) {
        return steps->n < MOST
                   ? attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory")
                   : attune_error_set(err, ATTUNE_FORMAT, 0, "%s: more than %d steps", kind, MOST);
    }
    status = json_check_options(json, type->options, err);
    if (status == ATTUNE_OK && type->load) {
        status = type->load(step, json, err);
    }
    if (status) {
        char prefix[80];

        snprintf(prefix, sizeof prefix, "%s %s", kind, type->name);
        attune_error_prefix(err, prefix);
    }
    return status;
}

int steps_load(struct steps *steps, const json_t *json, const struct step_type *types,
               const char *kind, const char *list, struct attune_error *err)
{
    return !json || json_is_null(json) ? ATTUNE_OK
                                       : load(steps, json, types, kind, list, 0, false, err);
}

int steps_load_text(struct steps *steps, const char *json, const struct step_type *types,
                    const char *kind, const char *list, struct attune_error *err)
{
    json_t *value = json_loads(json, 0, NULL);
    int status = value ? load(steps, value, types, kind, list, 0, true, err)
                       : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    json_decref(value);
    return status;
}

int step_load_pattern(struct step *step, const json_t *json, struct attune_error *err)
{
    const json_t *pattern = json_object_get(json, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    int status;

    if (!json_is_string(regex)) {
        status = json_text_copy(pattern, "String", &step->text, &step->text_len, err);
        if (status == ATTUNE_OK && step->text_len == 0) {
            status = attune_error_set(err, ATTUNE_FORMAT, 0, "the pattern is empty");
        }
        return status;
    }
    return regex_compile(&step->regex, json_string_value(regex), json_string_length(regex), err);
}

/* Where options have key: the kind of value it takes; '\0': anything. NULL: not there. */
static const char *find_option(const char *options, const char *key)
{
    size_t len = strlen(key);

    for (const char *at = options ? options : ""; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ?#");

        if (n == len && memcmp(at, key, len) == 0) {
            return at + n;
        }
        at += strcspn(at, " ");
    }
    return NULL;
}

int json_check_options(const json_t *object, const char *options, struct attune_error *err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *kind = strcmp(key, "type") == 0 ? "" : find_option(options, key);

        if (!kind) {
            return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "%.60s is not supported", key);
        }
        if (*kind == '?' && !json_is_boolean(value) && !json_is_null(value)) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "%s is neither true nor false", key);
        }
        if (*kind == '#' && !json_is_null(value) &&
            (!json_is_integer(value) || json_integer_value(value) < 0)) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "%s is no number of 0 or more", key);
        }
    }
    return ATTUNE_OK;
}

bool json_flag(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_boolean_value(value) : otherwise;
}

int json_text_copy(const json_t *object, const char *key, char **out, size_t *len,
                   struct attune_error *err)
{
    const json_t *value = json_object_get(object, key);
    size_t n = json_string_length(value);

    if (!json_is_string(value)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s is missing or no string", key);
    }
    *out = malloc(n + 1);
    if (!*out) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    memcpy(*out, json_string_value(value), n + 1);
    *len = n;
    return ATTUNE_OK;
}

int normalizers_run(struct encoding *e, struct piece *p)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < e->tk->normalizers.n && status == ATTUNE_OK; i++) {
        const struct step *step = &e->tk->normalizers.at[i];

        status = step->type->normalize(e, step, p);
    }
    return status;
}

/* A byte-level piece spelled out, for steps that come after: one character a byte. */
static int spell(struct encoding *e, const struct piece *p, struct piece *out)
{
    struct builder b;

    builder_init(&b, e, p->len * 2);
    for (size_t i = 0; i < p->len; i++) {
        builder_add_char(&b, spelled_char((unsigned char)p->s[i]), piece_span(p, i, 1));
    }
    *out = *p;
    out->bytes = false;
    return builder_finish(&b, out);
}

int splitters_push(struct encoding *e, size_t index, const struct piece *p)
{
    const struct step *step = e->tk->splitters.at + index;
    struct piece spelled;

    if (p->len == 0) {
        return ATTUNE_OK;
    }
    if (index == e->tk->splitters.n && (!p->bytes || e->tk->ops->bytes)) {
        return e->tk->ops->encode(e, p);
    }
    if (p->bytes) {
        int status = spell(e, p, &spelled);

        if (status) {
            return status;
        }
        p = &spelled;
    }
    return index == e->tk->splitters.n ? e->tk->ops->encode(e, p)
                                       : step->type->split(e, index, step, p);
}

int posts_run(struct encoding *e)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < e->tk->posts.n && status == ATTUNE_OK; i++) {
        const struct step *step = &e->tk->posts.at[i];

        status = step->type->post(e, step);
    }
    return status;
}

int decoders_run(struct decoding *d)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < d->tk->decoders.n && status == ATTUNE_OK; i++) {
        const struct step *step = &d->tk->decoders.at[i];

        status = step->type->decode(d, step);
    }
    return status;
}
