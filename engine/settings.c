/* Configuration values, from config.json or GGUF metadata. */
#include <config.h>

#include "engine/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gguf.h"
#include "engine/pool.h"

/* A value as found: text, or a number that may be whole, or a truth. */
struct found {
    enum { FOUND_TEXT, FOUND_WHOLE, FOUND_REAL, FOUND_BOOL, FOUND_OTHER } kind;
    const char *text;
    size_t text_len;
    double real;
    json_int_t whole;
    char key[96]; /* as the file spells it */
};

/* "a/b/0" below a JSON object; NULL if absent or null. */
static json_t *descend(json_t *at, const char *path, size_t len)
{
    while (at && len) {
        const char *slash = memchr(path, '/', len);
        size_t n = slash ? (size_t)(slash - path) : len;
        char step[64];

        if (n >= sizeof step) {
            return NULL;
        }
        memcpy(step, path, n);
        step[n] = '\0';
        at = json_is_array(at) ? json_array_get(at, strtoul(step, NULL, 10))
                               : json_object_get(at, step);
        path += n + !!slash;
        len -= n + !!slash;
    }
    return json_is_null(at) ? NULL : at;
}

static bool find_json(const struct settings *cfg, const char *key, size_t len, struct found *out)
{
    json_t *value = descend(cfg->json, key, len);

    if (!value || key[0] == '.') {
        return false;
    }
    snprintf(out->key, sizeof out->key, "%.*s", (int)len, key);
    out->kind = FOUND_OTHER;
    if (json_is_string(value)) {
        out->kind = FOUND_TEXT;
        out->text = json_string_value(value);
        out->text_len = json_string_length(value);
    } else if (json_is_integer(value)) {
        out->kind = FOUND_WHOLE;
        out->whole = json_integer_value(value);
        out->real = (double)out->whole;
    } else if (json_is_real(value)) {
        out->kind = FOUND_REAL;
        out->real = json_real_value(value);
    } else if (json_is_boolean(value)) {
        out->kind = FOUND_BOOL;
        out->whole = json_is_true(value);
    }
    return true;
}

static bool find_gguf(const struct settings *cfg, const char *key, size_t len, struct found *out)
{
    const struct gguf_value *value;
    struct gguf_text text;
    uint64_t whole;
    bool truth;

    if (key[0] != '.') {
        return false;
    }
    snprintf(out->key, sizeof out->key, "%s%.*s", cfg->architecture, (int)len, key);
    value = gguf_find(cfg->gguf, out->key);
    if (!value) {
        return false;
    }
    out->kind = FOUND_OTHER;
    if (gguf_get_text(cfg->gguf, out->key, &text)) {
        out->kind = FOUND_TEXT;
        out->text = text.s;
        out->text_len = text.len;
    } else if (gguf_get_u64(cfg->gguf, out->key, &whole)) {
        out->kind = FOUND_WHOLE;
        out->whole = whole > INT64_MAX ? INT64_MAX : (json_int_t)whole;
        out->real = (double)whole;
    } else if (gguf_get_bool(cfg->gguf, out->key, &truth)) {
        out->kind = FOUND_BOOL;
        out->whole = truth;
    } else if (gguf_get_f64(cfg->gguf, out->key, &out->real)) {
        out->kind = FOUND_REAL;
    }
    return true;
}

static bool find(const struct settings *cfg, const char *keys, struct found *out)
{
    for (const char *key = keys; *key;) {
        size_t len = strcspn(key, " ");

        if (cfg->gguf ? find_gguf(cfg, key, len, out) : find_json(cfg, key, len, out)) {
            return true;
        }
        key += len + strspn(key + len, " ");
    }
    return false;
}

bool settings_has(const struct settings *cfg, const char *keys)
{
    struct found found;

    return find(cfg, keys, &found);
}

/* The name to give in a message: the key that is there, else the first one of this format. */
static void name_field(const struct settings *cfg, const char *keys, char out[96])
{
    struct found found;

    if (find(cfg, keys, &found)) {
        memcpy(out, found.key, sizeof found.key);
        return;
    }
    for (const char *key = keys; *key;) {
        size_t len = strcspn(key, " ");

        if (!!cfg->gguf == (key[0] == '.')) {
            snprintf(out, 96, "%s%.*s", cfg->gguf ? cfg->architecture : "", (int)len, key);
            return;
        }
        key += len + strspn(key + len, " ");
    }
    snprintf(out, 96, "%s", keys);
}

void settings_fail(struct settings *cfg, int status, const char *keys, const char *reason)
{
    char field[96];

    if (cfg->status == ATTUNE_OK) {
        name_field(cfg, keys, field);
        cfg->status = attune_error_set(cfg->err, status, 0, "%s: %s %s", cfg->file, field, reason);
    }
}

int settings_int(struct settings *cfg, const char *keys, int absent, int min, int max)
{
    struct found found;
    char reason[96];

    if (!find(cfg, keys, &found)) {
        if (absent == SETTINGS_WANTED) {
            settings_fail(cfg, ATTUNE_FORMAT, keys, "is missing");
        }
        return absent == SETTINGS_WANTED ? min : absent;
    }
    if (found.kind != FOUND_WHOLE) {
        settings_fail(cfg, ATTUNE_FORMAT, keys, "is no whole number");
        return min;
    }
    if (found.whole < min || found.whole > max) {
        snprintf(reason, sizeof reason, "is %lld (%d to %d are possible)", (long long)found.whole,
                 min, max);
        settings_fail(cfg, ATTUNE_FORMAT, keys, reason);
        return min;
    }
    return (int)found.whole;
}

double settings_real(struct settings *cfg, const char *keys, double absent, double min, double max)
{
    struct found found;
    char reason[96];

    if (!find(cfg, keys, &found)) {
        return absent;
    }
    if (found.kind != FOUND_WHOLE && found.kind != FOUND_REAL) {
        settings_fail(cfg, ATTUNE_FORMAT, keys, "is no number");
        return absent;
    }
    if (!(found.real >= min && found.real <= max)) {
        snprintf(reason, sizeof reason, "is %g (%g to %g are possible)", found.real, min, max);
        settings_fail(cfg, ATTUNE_FORMAT, keys, reason);
        return absent;
    }
    return found.real;
}

bool settings_bool(struct settings *cfg, const char *keys, bool absent)
{
    struct found found;

    if (!find(cfg, keys, &found)) {
        return absent;
    }
    if (found.kind != FOUND_BOOL) {
        settings_fail(cfg, ATTUNE_FORMAT, keys, "is neither true nor false");
        return absent;
    }
    return found.whole != 0;
}

const char *settings_text(struct settings *cfg, const char *keys, const char *absent)
{
    struct found found;
    const char *copy;

    if (!find(cfg, keys, &found)) {
        return absent;
    }
    if (found.kind != FOUND_TEXT) {
        settings_fail(cfg, ATTUNE_FORMAT, keys, "is no text");
        return absent;
    }
    copy = pool_text(cfg->pool, found.text, found.text_len);
    if (!copy) {
        settings_fail(cfg, ATTUNE_MEMORY, keys, "does not fit into memory");
    }
    return copy ? copy : absent;
}
