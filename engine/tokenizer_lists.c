/* A JSON text as far as two lists in it: a skimmer that finds them, and readers of what they hold.
 */
#include <config.h>

#include "engine/tokenizer_lists.h"

#include <stdlib.h>
#include <string.h>

#include "engine/unicode.h"

/* ---- finding: strings and brackets are all that is looked at. The text ends in NUL, so that no
 * pointer leaves it. ---- */
static const char *skip_space(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') {
        at++;
    }
    return at;
}

/* Behind the string at at, NULL where it does not end. */
static const char *skip_text(const char *at)
{
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
        if (*at == '\0') {
            return NULL;
        }
    }
    return at + 1;
}

/* Counts the strings on the way, and their bytes. */
static const char *skip_value(const char *at, struct json_list *list)
{
    const char *start;
    size_t depth = 0;

    *list = (struct json_list){.s = at};
    do {
        switch (*at) {
        case '\0': return NULL;
        case '"':
            start = at + 1;
            at = skip_text(at);
            if (!at) {
                return NULL;
            }
            list->n_texts++;
            list->n_bytes += (size_t)(at - 1 - start);
            continue;
        case '[':
        case '{': depth++; break;
        case ']':
        case '}':
            if (depth == 0) {
                return at;
            }
            depth--;
            break;
        case ',':
            if (depth == 0) {
                return at;
            }
            break;
        default: break;
        }
        at++;
    } while (depth > 0 || (*at != ',' && *at != '}' && *at != ']'));
    return at;
}

struct member {
    const char *name;
    struct json_list value;
};

/* The values of some members of the object at at; false where one stands twice. */
static bool find_members(const char *at, struct member *members, size_t n)
{
    struct json_list list;

    if (*at != '{') {
        return false;
    }
    for (at = skip_space(at + 1); *at == '"'; at = skip_space(at + (*at == ','))) {
        const char *name = at + 1, *end = skip_text(at), *value;

        value = end ? skip_space(end) : "";
        if (*value != ':') {
            return false;
        }
        value = skip_space(value + 1);
        at = skip_value(value, &list);
        if (!at) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            size_t len = strlen(members[i].name);

            if ((size_t)(end - 1 - name) == len && memcmp(name, members[i].name, len) == 0) {
                if (members[i].value.s) {
                    return false;
                }
                members[i].value = list;
                members[i].value.len = (size_t)(at - value);
            }
        }
    }
    return *at == '}';
}

bool lists_cut(struct json_lists *out, const char *text, size_t len, char **rest, size_t *rest_len)
{
    static const char nothing[] = "null";
    struct member model = {.name = "model"}, lists[] = {{.name = "vocab"}, {.name = "merges"}};
    const struct json_list *first, *second;
    const char *end = text + len, *at = text;
    size_t n = 0;

    *rest = NULL;
    if (strlen(text) != len || unicode_valid(text, len) != len ||
        !find_members(skip_space(text), &model, 1) || !model.value.s ||
        !find_members(model.value.s, lists, 2) || !lists[0].value.s ||
        (*lists[0].value.s != '{' && *lists[0].value.s != '[') ||
        (lists[1].value.s && *lists[1].value.s != '[')) {
        return false;
    }
    *out = (struct json_lists){lists[0].value, lists[1].value};
    first = &lists[0].value;
    second = lists[1].value.s ? &lists[1].value : NULL;
    if (second && second->s < first->s) {
        first = &lists[1].value;
        second = &lists[0].value;
    }
    *rest = malloc(len + 2 * sizeof nothing);
    if (!*rest) {
        return false;
    }
    for (const struct json_list *list = first; list; list = list == first ? second : NULL) {
        memcpy(*rest + n, at, (size_t)(list->s - at));
        n += (size_t)(list->s - at);
        memcpy(*rest + n, nothing, sizeof nothing - 1);
        n += sizeof nothing - 1;
        at = list->s + list->len;
    }
    memcpy(*rest + n, at, (size_t)(end - at));
    *rest_len = n + (size_t)(end - at);
    return true;
}

/* ---- reading ---- */
void list_text_done(struct list_text *t)
{
    free(t->buffer);
    *t = (struct list_text){0};
}

bool list_ends(const struct json_list *list, const char *at)
{
    return skip_space(at) == list->s + list->len;
}

bool list_take(const char **at, char c)
{
    const char *s = skip_space(*at);

    if (*s != c) {
        return false;
    }
    *at = s + 1;
    return true;
}

static bool read_hex(const char *s, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t digit = s[i] >= '0' && s[i] <= '9'   ? (uint32_t)(s[i] - '0')
                         : s[i] >= 'a' && s[i] <= 'f' ? (uint32_t)(s[i] - 'a' + 10)
                         : s[i] >= 'A' && s[i] <= 'F' ? (uint32_t)(s[i] - 'A' + 10)
                                                      : 16;

        if (digit == 16) {
            return false;
        }
        *out = *out << 4 | digit;
    }
    return true;
}

/* The character that the escape at *at stands for; *at moves behind it. */
static bool read_escape(const char **at, uint32_t *c)
{
    static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    const char *s = *at + 1, *letter = *s ? strchr(letters, *s) : NULL;
    uint32_t low;

    if (letter) {
        *c = (unsigned char)means[letter - letters];
        *at = s + 1;
        return true;
    }
    if (*s != 'u' || !read_hex(s + 1, c) || *c == 0) {
        return false;
    }
    *at = s + 5;
    if (*c < 0xd800 || *c > 0xdfff) {
        return true;
    }
    if (*c > 0xdbff || (*at)[0] != '\\' || (*at)[1] != 'u' || !read_hex(*at + 2, &low) ||
        low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    *c = 0x10000 + ((*c - 0xd800) << 10 | (low - 0xdc00));
    *at += 6;
    return true;
}

/* The rest of a string whose first escape is at at, len bytes behind start. */
static bool read_escaped(const char **at, struct list_text *out, const char *start)
{
    const char *end = skip_text(start - 1), *s = start;
    size_t n = 0;
    uint32_t c;

    if (!end) {
        return false;
    }
    if (out->capacity <
        (size_t)(end - start)) { /* no escape is longer than what it is written as */
        char *more = realloc(out->buffer, (size_t)(end - start) * 2);

        if (!more) {
            return false;
        }
        out->buffer = more;
        out->capacity = (size_t)(end - start) * 2;
    }
    while (*s != '"') {
        if ((unsigned char)*s < 0x20) {
            return false;
        }
        if (*s != '\\') {
            out->buffer[n++] = *s++;
        } else if (read_escape(&s, &c)) {
            n += unicode_encode(out->buffer + n, c);
        } else {
            return false;
        }
    }
    out->s = out->buffer;
    out->len = n;
    *at = s + 1;
    return true;
}

bool list_text(const char **at, struct list_text *out)
{
    const char *start, *s;

    if (!list_take(at, '"')) {
        return false;
    }
    for (s = start = *at; *s != '"' && *s != '\\'; s++) {
        if ((unsigned char)*s < 0x20) {
            return false;
        }
    }
    if (*s == '\\') {
        return read_escaped(at, out, start);
    }
    out->s = start;
    out->len = (size_t)(s - start);
    *at = s + 1;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool list_whole(const char **at, int32_t *out)
{
    const char *s = skip_space(*at), *start = s;
    int64_t n = 0;

    for (; is_digit(*s); s++) {
        if (s - start == 10) {
            return false;
        }
        n = n * 10 + (*s - '0');
    }
    if (s == start || (*start == '0' && s - start > 1) || n > INT32_MAX || *s == '.' || *s == 'e' ||
        *s == 'E') {
        return false;
    }
    *out = (int32_t)n;
    *at = s;
    return true;
}

/* Digits at *at onto *digits; false where there is none, or more than 64 bits of them. */
static bool read_digits(const char **at, uint64_t *digits, int *n)
{
    for (*n = 0; is_digit(**at); ++*at, ++*n) {
        uint64_t digit = (uint64_t)(**at - '0');

        if (*digits > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *digits = *digits * 10 + digit;
    }
    return *n > 0;
}

bool list_decimal(const char **at, double *out)
{
    const char *s = skip_space(*at);
    bool minus = *s == '-', down;
    uint64_t digits = 0, given = 0;
    int whole, places = 0, n, exponent;
    double value, power = 1;

    s += minus;
    n = *s == '0';
    if (!read_digits(&s, &digits, &whole) || (n && whole > 1)) {
        return false;
    }
    if (*s == '.' && (s++, !read_digits(&s, &digits, &places))) {
        return false;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        down = *s == '-';
        s += *s == '-' || *s == '+';
        if (!read_digits(&s, &given, &n) || given > 300) {
            return false;
        }
        given = down ? -given : given;
    }
    exponent = (int)(int64_t)given - places;
    if (exponent < -22 || exponent > 22) {
        return false; /* powers beyond 10^22 are not exact */
    }
    for (int i = 0; i < abs(exponent); i++) {
        power *= 10;
    }
    value = exponent < 0 ? (double)digits / power : (double)digits * power;
    *out = minus ? -value : value;
    *at = s;
    return true;
}
