/* Bytes, 64-bit numbers and all doubles in JSON, and back with every member checked. */
#include <config.h>

#include "json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *base64(const char *bytes, size_t len)
{
    const unsigned char *s = (const unsigned char *)bytes;
    char *out = malloc((len + 2) / 3 * 4 + 1), *to = out;

    for (size_t i = 0; out && i < len; i += 3) {
        uint32_t x = (uint32_t)s[i] << 16 | (i + 1 < len ? (uint32_t)s[i + 1] << 8 : 0) |
                     (i + 2 < len ? s[i + 2] : 0);

        *to++ = digits[x >> 18];
        *to++ = digits[x >> 12 & 63];
        *to++ = i + 1 < len ? digits[x >> 6 & 63] : '=';
        *to++ = i + 2 < len ? digits[x & 63] : '=';
    }
    if (out) {
        *to = '\0';
    }
    return out;
}

static int base64_digit(char c)
{
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Canonical base64 alone: padded, no line breaks, unused bits zero. */
static bool unbase64(struct text *out, const char *s, size_t len)
{
    if (len % 4) {
        return false;
    }
    for (size_t i = 0; i < len; i += 4) {
        bool last = i + 4 == len;
        size_t pad = last ? (size_t)(s[i + 3] == '=') + (s[i + 3] == '=' && s[i + 2] == '=') : 0;
        uint32_t x = 0;
        unsigned char bytes[3];

        for (size_t k = 0; k < 4; k++) {
            int d = k >= 4 - pad ? 0 : base64_digit(s[i + k]);

            if (d < 0) {
                return false;
            }
            x = x << 6 | (uint32_t)d;
        }
        bytes[0] = (unsigned char)(x >> 16);
        bytes[1] = (unsigned char)(x >> 8);
        bytes[2] = (unsigned char)x;
        if ((pad >= 1 && bytes[2]) || (pad == 2 && bytes[1])) {
            return false;
        }
        text_add(out, bytes, 3 - pad);
    }
    return true;
}

json_t *json_of_bytes(const char *bytes, size_t len)
{
    json_t *whole = json_stringn(bytes ? bytes : "", len);
    char *coded;

    if (whole) {
        return whole;
    }
    coded = base64(bytes, len);
    whole = coded ? json_pack("{s:s}", "base64", coded) : NULL;
    free(coded);
    return whole;
}

json_t *json_of_u64(uint64_t x)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    return json_string(text);
}

json_t *json_of_real(double x)
{
    return isfinite(x) ? json_real(x) : json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

json_t *json_read(const char *text, size_t len, const char *what, struct attune_error *err)
{
    json_error_t error;
    json_t *value =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

    if (!value) {
        attune_error_set(err, ATTUNE_FORMAT, error.position > 0 ? (uint64_t)error.position : 0,
                         "%s: not JSON at line %d, column %d: %s", what, error.line, error.column,
                         error.text);
    }
    return value;
}

int json_write(char **out, size_t *len, json_t *value, struct attune_error *err)
{
    *out =
        value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    if (!*out) {
        return text_no_memory(err);
    }
    if (len) {
        *len = strlen(*out);
    }
    return ATTUNE_OK;
}

static int wrong(struct attune_error *err, const char *what, const char *key, const char *wanted)
{
    return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: \"%s\" wants %s", what, key, wanted);
}

int json_get_bytes(char **out, size_t *len, const json_t *object, const char *key, const char *what,
                   struct attune_error *err)
{
    const json_t *value = json_object_get(object, key);
    const json_t *coded = json_object_get(value, "base64");
    struct text bytes = {0};
    size_t n;
    int status;

    *out = NULL;
    if (json_is_string(value)) {
        text_add(&bytes, json_string_value(value), json_string_length(value));
    } else if (!json_is_string(coded) || json_object_size(value) != 1 ||
               !unbase64(&bytes, json_string_value(coded), json_string_length(coded))) {
        text_done(&bytes);
        return wrong(err, what, key, "a string or {\"base64\": \"...\"}");
    }
    status = text_take(&bytes, out, &n, err);
    if (status == ATTUNE_OK && !len && memchr(*out, '\0', n)) {
        free(*out);
        *out = NULL;
        return wrong(err, what, key, "text without NUL");
    }
    if (status == ATTUNE_OK && len) {
        *len = n;
    }
    return status;
}

int json_get_u64(uint64_t *out, const json_t *object, const char *key, uint64_t max,
                 const char *what, struct attune_error *err)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    unsigned long long x = 0;
    bool good = false;

    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        x = (unsigned long long)json_integer_value(value);
        good = true;
    } else if (text && text[0] >= '0' && text[0] <= '9' &&
               strspn(text, "0123456789") == json_string_length(value)) {
        errno = 0;
        x = strtoull(text, NULL, 10);
        good = errno == 0;
    }
    if (!good || x > max) {
        char wanted[64];

        snprintf(wanted, sizeof wanted, "a whole number from 0 to %llu", (unsigned long long)max);
        return wrong(err, what, key, wanted);
    }
    *out = x;
    return ATTUNE_OK;
}

int json_get_real(double *out, const json_t *object, const char *key, const char *what,
                  struct attune_error *err)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);

    if (json_is_number(value)) {
        *out = json_number_value(value);
    } else if (text && strcmp(text, "inf") == 0) {
        *out = INFINITY;
    } else if (text && strcmp(text, "-inf") == 0) {
        *out = -INFINITY;
    } else if (text && strcmp(text, "nan") == 0) {
        *out = NAN;
    } else {
        return wrong(err, what, key, "a number");
    }
    return ATTUNE_OK;
}

int json_get_bool(bool *out, const json_t *object, const char *key, const char *what,
                  struct attune_error *err)
{
    const json_t *value = json_object_get(object, key);

    if (value && !json_is_boolean(value)) {
        return wrong(err, what, key, "true or false");
    }
    *out = json_is_true(value);
    return ATTUNE_OK;
}

int json_get_array(const json_t **out, size_t *n, const json_t *object, const char *key, size_t max,
                   const char *what, struct attune_error *err)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_array(value) || json_array_size(value) > max) {
        char wanted[64];

        snprintf(wanted, sizeof wanted, "a list of at most %zu", max);
        return wrong(err, what, key, wanted);
    }
    *out = value;
    *n = json_array_size(value);
    return ATTUNE_OK;
}
