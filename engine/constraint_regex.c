/* A regular expression that the whole text has to match. PCRE2 says of a text that it matches, that
 * it ends before anything spoke against it (a partial match), or neither; the first two are
 * allowed.
 *
 * A token may end inside a character. PCRE2 does not look at halves, so the character is tried with
 * several endings: those that the pattern itself holds, and one of every few code points beside. */
#include <config.h>

#include "engine/constraint.h"
#include "engine/regex.h"
#include "engine/unicode.h"

#include <stdlib.h>
#include <string.h>

struct pattern {
    struct regex *re;
    struct regex_search *search;
    uint32_t *named; /* [n_named] code points past ASCII that stand in the pattern, and the next */
    size_t n_named;
    char *text; /* [capacity] a text with its last character finished */
    size_t capacity;
};

static void close_pattern(void *opaque)
{
    struct pattern *self = opaque;

    if (self) {
        regex_free(self->re);
        regex_search_free(self->search);
        free(self->named);
        free(self->text);
        free(self);
    }
}

/* How many bytes a character has by its first; 0: none begins so. */
static size_t length_of(uint8_t first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

static size_t encode(char out[4], uint32_t c)
{
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static uint32_t decode(const char *s, size_t len)
{
    uint32_t c = (uint8_t)s[0] & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        c = c << 6 | ((uint8_t)s[i] & 0x3f);
    }
    return c;
}

static int note_named(struct pattern *self, const char *value, struct attune_error *err)
{
    size_t len = strlen(value);

    self->named = calloc(2 * len + 1, sizeof *self->named);
    if (!self->named) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a pattern");
    }
    for (size_t i = 0; i < len;) {
        size_t n = length_of((uint8_t)value[i]);

        if (n > 1 && i + n <= len) {
            uint32_t c = decode(value + i, n);

            self->named[self->n_named++] = c;
            self->named[self->n_named++] = c + 1;
        }
        i += n ? n : 1;
    }
    return ATTUNE_OK;
}

static int open(void **out, const char *value, struct attune_error *err)
{
    struct pattern *self = calloc(1, sizeof *self);
    int status = self ? regex_compile_whole(&self->re, value, err)
                      : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a pattern");

    if (status == ATTUNE_OK) {
        status = regex_search_new(&self->search, err);
    }
    if (status == ATTUNE_OK) {
        status = note_named(self, value, err);
    }
    if (status != ATTUNE_OK) {
        close_pattern(self);
        self = NULL;
    }
    *out = self;
    return status;
}

/* Bytes at the end that begin a character, 0 to 3; *well_formed: the rest is UTF-8. Only the part
 * behind `from`, where a character begins, is looked at. */
static size_t unfinished(const char *s, size_t len, bool *well_formed)
{
    size_t i = 0;

    *well_formed = true;
    while (i < len) {
        size_t n = length_of((uint8_t)s[i]);

        for (size_t k = 1; k < n && i + k < len; k++) {
            uint8_t c = (uint8_t)s[i + k], first = (uint8_t)s[i];
            uint8_t low = k > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
            uint8_t high = k > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

            if (c < low || c > high) {
                n = 0;
                break;
            }
        }
        if (n == 0) {
            *well_formed = false;
            return 0;
        }
        if (i + n > len) {
            return len - i;
        }
        i += n;
    }
    return 0;
}

/* The character that begins with these bytes, finished as c, behind the text. */
static int try(bool *viable, struct pattern *self, size_t whole, const char *tail, size_t n_tail,
               uint32_t c, struct attune_error *err)
{
    char bytes[4];
    size_t n = encode(bytes, c);
    bool complete;

    *viable = false;
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || n <= n_tail || memcmp(bytes, tail, n_tail)) {
        return ATTUNE_OK;
    }
    memcpy(self->text + whole, bytes, n);
    return regex_whole(viable, &complete, self->re, self->search, self->text, whole + n, err);
}

static int try_endings(bool *viable, struct pattern *self, size_t whole, const char *tail,
                       size_t n_tail, struct attune_error *err)
{
    enum { STEP_3 = 16, STEP_4 = 256 };
    size_t n = length_of((uint8_t)tail[0]);
    uint32_t low = (uint32_t)((uint8_t)tail[0] & (0xffu >> (n + 1))), high, step;
    int status = ATTUNE_OK;

    for (size_t i = 1; i < n; i++) {
        low = low << 6 | (i < n_tail ? (uint8_t)tail[i] & 0x3fu : 0);
    }
    high = low + (1u << 6 * (n - n_tail)) - 1;
    step = n_tail + 1 == n ? 1 : n == 3 ? STEP_3 : STEP_4;
    for (size_t i = 0; status == ATTUNE_OK && !*viable && i < self->n_named; i++) {
        status = try(viable, self, whole, tail, n_tail, self->named[i], err);
    }
    for (uint32_t c = low; status == ATTUNE_OK && !*viable && c <= high; c += step) {
        status = try(viable, self, whole, tail, n_tail, c, err);
    }
    return status;
}

static int viable(bool *out, bool *complete, void *opaque, const char *text, size_t len,
                  struct attune_error *err)
{
    struct pattern *self = opaque;
    bool well_formed;
    size_t n_tail = unfinished(text, len, &well_formed), whole = len - n_tail;

    *out = *complete = false;
    if (!well_formed) {
        return ATTUNE_OK;
    }
    if (n_tail == 0) {
        return regex_whole(out, complete, self->re, self->search, text, len, err);
    }
    if (self->capacity < whole + 4) {
        char *more = realloc(self->text, 2 * whole + 64);

        if (!more) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a text of %zu bytes",
                                    len);
        }
        self->text = more;
        self->capacity = 2 * whole + 64;
    }
    memcpy(self->text, text, whole);
    return try_endings(out, self, whole, text + whole, n_tail, err);
}

const struct constraint_ops constraint_regex = {
    .name = "regex",
    .value = "PATTERN",
    .help = "a text that the pattern matches as a whole (PCRE2)",
    .open = open,
    .close = close_pattern,
    .viable = viable,
};
