/* Patterns through PCRE2. What means something else there is written anew first:
 *
 *   \s \S   the 25 code points with White_Space (PCRE2 also takes U+180E)
 *   \w \d   by general category, \h a hexadecimal digit, \uHHHH a code point
 *   [a[bc]] a class in a class is a union: [abc]
 *
 * so that the classes do not depend on the library's idea of them. */
#include <config.h>

#include "engine/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps of one search. A sane pattern needs a few for each byte it looks at. */
enum {
    MATCH_LIMIT = 20000000,
    DEPTH_LIMIT = 100000,
    HEAP_LIMIT_KIB = 64 << 10,
    JIT_STACK = 1 << 22
};

struct regex {
    pcre2_code *code;
};

struct regex_search {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

struct writer {
    char *text;
    size_t n, capacity;
    bool failed;
};

static void put(struct writer *w, const char *s, size_t len)
{
    if (w->capacity - w->n <= len) {
        size_t capacity = (w->capacity + len) * 2 + 64;
        char *more = realloc(w->text, capacity);

        if (!more) {
            w->failed = true;
            return;
        }
        w->text = more;
        w->capacity = capacity;
    }
    memcpy(w->text + w->n, s, len);
    w->n += len;
}

/* Escapes that are written anew: alone, and as members of a class. */
#define SPACES                                                                                     \
    "\\t-\\r\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"   \
    "\\x{3000}"
#define NO_SPACES                                                                                  \
    "\\x00-\\x08\\x0e-\\x1f!-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"           \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"                 \
    "\\x{3001}-\\x{10ffff}"
/* Letters and numbers of Unicode 16, whatever version the library has: the reference knows them. */
#define LETTERS                                                                                    \
    "\\p{L}\\x{1c89}-\\x{1c8a}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}\\x{105c0}-\\x{105f3}"         \
    "\\x{10d4a}-\\x{10d65}\\x{10d6f}-\\x{10d85}\\x{10ec2}-\\x{10ec4}\\x{1123f}-\\x{11240}"         \
    "\\x{11380}-\\x{11389}\\x{1138b}\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}\\x{113d1}"           \
    "\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11f02}\\x{11f04}-\\x{11f10}\\x{11f12}-\\x{11f33}"          \
    "\\x{1342f}\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}\\x{16100}-\\x{1611d}"                    \
    "\\x{16d40}-\\x{16d6c}\\x{18cff}\\x{1b132}\\x{1b155}\\x{1df25}-\\x{1df2a}"                     \
    "\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{2b739}"          \
    "\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"
#define NUMBERS                                                                                    \
    "\\p{N}\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}"                        \
    "\\x{11f50}-\\x{11f59}\\x{16130}-\\x{16139}\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}"         \
    "\\x{1d2c0}-\\x{1d2d3}\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}"
static const struct {
    char letter;
    const char *alone, *member; /* member NULL: cannot stand in a class */
} escapes[] = {
    {'s', "[" SPACES "]", SPACES},
    {'S', "[^" SPACES "]", NO_SPACES},
    {'w', "[\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}]", "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}"},
    {'W', "[^\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}]", NULL},
    {'d', "\\p{Nd}", "\\p{Nd}"},
    {'D', "\\P{Nd}", "\\P{Nd}"},
    {'h', "[0-9A-Fa-f]", "0-9A-Fa-f"},
    {'H', "[^0-9A-Fa-f]", NULL},
};

static const struct {
    const char *name, *alone, *member;
} properties[] = {
    {"\\p{L}", "[" LETTERS "]", LETTERS},
    {"\\p{N}", "[" NUMBERS "]", NUMBERS},
    {"\\P{L}", "[^" LETTERS "]", NULL},
    {"\\P{N}", "[^" NUMBERS "]", NULL},
};

/* One escape at p[0] == '\\'; returns how far to go, 0 where it cannot be written. */
static size_t put_escape(struct writer *w, const char *p, size_t len, bool member)
{
    if (len < 2) {
        put(w, p, len);
        return len;
    }
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        if (escapes[i].letter == p[1]) {
            const char *text = member ? escapes[i].member : escapes[i].alone;

            if (text) {
                put(w, text, strlen(text));
            }
            return text ? 2 : 0;
        }
    }
    for (size_t i = 0; len >= 5 && i < sizeof properties / sizeof *properties; i++) {
        if (memcmp(p, properties[i].name, 5) == 0) {
            const char *text = member ? properties[i].member : properties[i].alone;

            if (!text) { /* a complement in a class: as the library has it */
                break;
            }
            put(w, text, strlen(text));
            return 5;
        }
    }
    if (p[1] == 'u' && len >= 6) {
        put(w, "\\x{", 3);
        put(w, p + 2, 4);
        put(w, "}", 1);
        return 6;
    }
    put(w, p, 2);
    return 2;
}

/* The class at p[0] == '['. Inner classes are opened up; negated ones and intersections are
 * refused. */
static size_t put_class(struct writer *w, const char *p, size_t len)
{
    size_t i = 1, depth = 1, step;

    put(w, "[", 1);
    if (i < len && p[i] == '^') {
        put(w, "^", 1);
        i++;
    }
    for (; i < len && depth; i += step) {
        step = 1;
        if (p[i] == '\\') {
            step = put_escape(w, p + i, len - i, true);
            if (step == 0) {
                return 0;
            }
        } else if (p[i] == '[' && i + 1 < len && p[i + 1] == ':') {
            const char *end = memchr(p + i, ']', len - i);

            step = end ? (size_t)(end - (p + i)) + 1 : len - i;
            put(w, p + i, step);
        } else if (p[i] == '[') {
            depth++;
            if (i + 1 < len && p[i + 1] == '^') {
                return 0;
            }
        } else if (p[i] == ']') {
            depth--;
        } else if (p[i] == '&' && i + 1 < len && p[i + 1] == '&') {
            return 0;
        } else if (p[i] == '-' && (p[i - 1] == '[' || (i + 1 < len && p[i + 1] == ']'))) {
            put(w, "\\-",
                2); /* first or last in its class: itself, whatever stands beside it then */
        } else {
            put(w, p + i, 1);
        }
    }
    put(w, "]", depth == 0);
    return i;
}

/* The pattern for PCRE2; NULL where memory is short (w.failed) or a part has no counterpart. */
static char *translate(const char *p, size_t len, size_t *out_len, size_t *bad)
{
    struct writer w = {0};

    for (size_t i = 0, step; i < len; i += step) {
        step = 1;
        if (p[i] == '\\') {
            step = put_escape(&w, p + i, len - i, false);
        } else if (p[i] == '[') {
            step = put_class(&w, p + i, len - i);
        } else {
            put(&w, p + i, 1);
        }
        if (step == 0 || w.failed) {
            *bad = w.failed ? len : i;
            free(w.text);
            return NULL;
        }
    }
    put(&w, "", 1);
    *out_len = w.n - 1;
    *bad = len;
    if (w.failed) {
        free(w.text);
        return NULL;
    }
    return w.text;
}

int regex_compile(struct regex **out, const char *pattern, size_t len, struct attune_error *err)
{
    struct regex *re = calloc(1, sizeof *re);
    char *text = NULL;
    size_t n = 0, bad = len;
    PCRE2_SIZE where = 0;
    int code = 0, status = ATTUNE_OK;

    text = re ? translate(pattern, len, &n, &bad) : NULL;
    if (!text) {
        free(re);
        return bad < len ? attune_error_set(err, ATTUNE_UNSUPPORTED, bad,
                                            "pattern %.60s: the class at byte %zu is not supported",
                                            pattern, bad)
                         : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    re->code = pcre2_compile((PCRE2_SPTR)text, n, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &code,
                             &where, NULL);
    if (!re->code) {
        PCRE2_UCHAR message[128] = "";

        pcre2_get_error_message(code, message, sizeof message);
        status = attune_error_set(err, ATTUNE_FORMAT, where, "pattern %.60s: %s at byte %zu", text,
                                  (const char *)message, (size_t)where);
        regex_free(re);
        re = NULL;
    } else {
        pcre2_jit_compile(re->code,
                          PCRE2_JIT_COMPLETE); /* where there is none, the matcher does it */
    }
    free(text);
    *out = re;
    return status;
}

void regex_free(struct regex *re)
{
    if (re) {
        pcre2_code_free(re->code);
        free(re);
    }
}

int regex_search_new(struct regex_search **out, struct attune_error *err)
{
    struct regex_search *search = calloc(1, sizeof *search);

    *out = search;
    if (search) {
        search->data = pcre2_match_data_create(1, NULL);
        search->context = pcre2_match_context_create(NULL);
    }
    if (!search || !search->data || !search->context) {
        regex_search_free(search);
        *out = NULL;
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    pcre2_set_match_limit(search->context, MATCH_LIMIT);
    pcre2_set_depth_limit(search->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(search->context, HEAP_LIMIT_KIB);
    return ATTUNE_OK;
}

void regex_search_free(struct regex_search *search)
{
    if (search) {
        pcre2_match_data_free(search->data);
        pcre2_match_context_free(search->context);
        pcre2_jit_stack_free(search->stack);
        free(search);
    }
}

/* A match, with a larger stack once the small one did not do. */
static int match(const struct regex *re, struct regex_search *search, const char *s, size_t len,
                 size_t from, uint32_t options)
{
    int rc = pcre2_match(re->code, (PCRE2_SPTR)s, len, from, PCRE2_NO_UTF_CHECK | options,
                         search->data, search->context);

    if (rc == PCRE2_ERROR_JIT_STACKLIMIT && !search->stack) {
        search->stack = pcre2_jit_stack_create(1 << 15, JIT_STACK, NULL);
        if (search->stack) {
            pcre2_jit_stack_assign(search->context, NULL, search->stack);
            return match(re, search, s, len, from, options);
        }
    }
    return rc;
}

int regex_find(const struct regex *re, struct regex_search *search, const char *s, size_t len,
               size_t from, bool *found, size_t *start, size_t *end, struct attune_error *err)
{
    int rc = match(re, search, s, len, from, 0);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(search->data);

    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
        PCRE2_UCHAR message[128] = "";

        pcre2_get_error_message(rc, message, sizeof message);
        return attune_error_set(err, ATTUNE_UNSUPPORTED, from,
                                "the tokenizer's pattern gives up at byte %zu of the text: %s",
                                from, (const char *)message);
    }
    if (rc >= 0 && (at[0] < from || at[1] < at[0])) { /* \K in a lookaround */
        return attune_error_set(err, ATTUNE_UNSUPPORTED, from,
                                "the tokenizer's pattern matches backwards at byte %zu", from);
    }
    *found = rc >= 0;
    *start = *found ? at[0] : len;
    *end = *found ? at[1] : len;
    return ATTUNE_OK;
}

int regex_compile_whole(struct regex **out, const char *pattern, struct attune_error *err)
{
    struct regex *re = calloc(1, sizeof *re);
    size_t len = strlen(pattern);
    char *text = re ? malloc(len + sizeof "(?:\n)\\z") : NULL;
    PCRE2_SIZE where = 0;
    int code = 0, status = ATTUNE_OK;

    *out = NULL;
    if (!text) {
        free(re);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a pattern");
    }
    /* alone first: what is wrong with it is said of what was written; \C would cut characters */
    re->code = pcre2_compile((PCRE2_SPTR)pattern, len,
                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &where, NULL);
    if (re->code) {
        pcre2_code_free(re->code);
        snprintf(text, len + sizeof "(?:\n)\\z", "(?:%s)\\z", pattern);
        re->code = pcre2_compile((PCRE2_SPTR)text, strlen(text),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &where, NULL);
    }
    if (!re->code) {
        PCRE2_UCHAR message[128] = "";

        pcre2_get_error_message(code, message, sizeof message);
        status = attune_error_set(err, ATTUNE_ARGUMENT, where, "regex %.80s: %s at byte %zu",
                                  pattern, (const char *)message, (size_t)where);
        regex_free(re);
        re = NULL;
    } else {
        pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_SOFT);
    }
    free(text);
    *out = re;
    return status;
}

int regex_whole(bool *viable, bool *complete, const struct regex *re, struct regex_search *search,
                const char *s, size_t len, struct attune_error *err)
{
    int rc = match(re, search, s, len, 0, PCRE2_PARTIAL_SOFT);

    *complete = rc >= 0;
    *viable = rc >= 0 || rc == PCRE2_ERROR_PARTIAL || (rc == PCRE2_ERROR_NOMATCH && len == 0);
    if (rc < 0 && rc != PCRE2_ERROR_PARTIAL && rc != PCRE2_ERROR_NOMATCH) {
        PCRE2_UCHAR message[128] = "";

        pcre2_get_error_message(rc, message, sizeof message);
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "regex: the pattern gives up on a text of %zu bytes: %s; write it "
                                "with fewer ways to match the same text",
                                len, (const char *)message);
    }
    return ATTUNE_OK;
}
