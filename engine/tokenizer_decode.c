/* Decoders: a list of spellings that becomes text, step by step as in Hugging Face tokenizers. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/regex.h"
#include "engine/unicode.h"

enum { ORDINARY_ONLY = 1, NEVER_PREFIXED = 2, CLEANUP = 4 };
enum { GGUF_CLEANED = 9, ALL_CLEANED = 11 };

static int no_memory(const struct decoding *d)
{
    return arena_failed(&d->arena, d->err);
}

/* ---- ByteLevel ---- */
static int load_gguf_byte_level(struct step *step, const json_t *json, struct attune_error *err)
{
    step->flags = ORDINARY_ONLY;
    return ATTUNE_OK;
}

static size_t bytes_of(const char *s, size_t len, char *out)
{
    size_t n = 0, k;
    uint32_t c;

    for (size_t i = 0; i < len; i += k) {
        int byte = (k = unicode_decode(s + i, len - i, &c)) > 0 ? spelled_byte(c) : -1;

        if (byte < 0) { /* not byte-level: what it says is what it is */
            memcpy(out, s, len);
            return len;
        }
        out[n++] = (char)byte;
    }
    return n;
}

static int run_byte_level(struct decoding *d, const struct step *step)
{
    for (size_t i = 0; i < d->n; i++) {
        struct decoded *t = &d->at[i];
        char *s = arena_get(&d->arena, t->len + 1, 1);

        if (!s) {
            return no_memory(d);
        }
        if (!(step->flags & ORDINARY_ONLY) || d->tk->vocab.kind[t->id] == ATTUNE_TOKEN_NORMAL) {
            t->len = bytes_of(t->s, t->len, s);
            t->s = s;
        }
    }
    return ATTUNE_OK;
}

/* ---- ByteFallback ---- */
static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

int fallback_byte(const char *s, size_t len)
{
    if (len != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>' || hex(s[3]) < 0 || hex(s[4]) < 0) {
        return -1;
    }
    return hex(s[3]) * 16 + hex(s[4]);
}

/* Tokens first..end are bytes: one text, or where they form none and the reader is lossy, U+FFFD
 * each. */
static int join_bytes(struct decoding *d, size_t first, size_t end, struct decoded *out)
{
    size_t n = end - first;
    char *s = arena_get(&d->arena, n * 3, 1);

    if (!s) {
        return no_memory(d);
    }
    for (size_t i = 0; i < n; i++) {
        s[i] = (char)fallback_byte(d->at[first + i].s, d->at[first + i].len);
    }
    if (d->lossy && unicode_valid(s, n) < n) {
        for (size_t i = 0; i < n; i++) {
            memcpy(s + 3 * i, "\xef\xbf\xbd", 3);
        }
        n *= 3;
    }
    *out = (struct decoded){s, n, d->at[first].id};
    return ATTUNE_OK;
}

static int run_byte_fallback(struct decoding *d, const struct step *step)
{
    size_t n = 0;

    for (size_t i = 0, end; i < d->n; i = end) {
        for (end = i; end < d->n && fallback_byte(d->at[end].s, d->at[end].len) >= 0; end++) {
        }
        if (end == i) {
            d->at[n++] = d->at[end++];
        } else {
            struct decoded text;
            int status = join_bytes(d, i, end, &text);

            if (status) {
                return status;
            }
            d->at[n++] = text;
        }
    }
    d->n = n;
    return ATTUNE_OK;
}

/* ---- Fuse ---- */
int decoding_fuse(struct decoding *d, const char *between)
{
    size_t gap = strlen(between), len = 0;
    char *s;

    for (size_t i = 0; i < d->n; i++) {
        len += d->at[i].len + gap;
    }
    s = arena_get(&d->arena, len + 1, 1);
    if (!s) {
        return no_memory(d);
    }
    len = 0;
    for (size_t i = 0; i < d->n; i++) {
        memcpy(s + len, between, i ? gap : 0);
        len += i ? gap : 0;
        memcpy(s + len, d->at[i].s, d->at[i].len);
        len += d->at[i].len;
    }
    if (d->n > 0) {
        d->at[0] = (struct decoded){s, len, d->at[0].id};
        d->n = 1;
    }
    return ATTUNE_OK;
}

static int run_fuse(struct decoding *d, const struct step *step)
{
    return decoding_fuse(d, "");
}

/* ---- Strip ---- */
static int load_strip(struct step *step, const json_t *json, struct attune_error *err)
{
    json_int_t start = json_integer_value(json_object_get(json, "start"));
    json_int_t stop = json_integer_value(json_object_get(json, "stop"));

    if (start < 0 || stop < 0 || start > INT32_MAX || stop > INT32_MAX) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "start and stop have to be counts");
    }
    step->start = (int)start;
    step->stop = (int)stop;
    return json_text_copy(json, "content", &step->content, &step->content_len, err);
}

static int run_strip(struct decoding *d, const struct step *step)
{
    size_t n = step->content_len;

    for (size_t i = 0; i < d->n && n > 0; i++) {
        struct decoded *t = &d->at[i];

        for (int k = 0;
             k < step->start && !d->inner && t->len >= n && memcmp(t->s, step->content, n) == 0;
             k++) {
            t->s += n;
            t->len -= n;
        }
        for (int k = 0;
             k < step->stop && t->len >= n && memcmp(t->s + t->len - n, step->content, n) == 0;
             k++) {
            t->len -= n;
        }
    }
    return ATTUNE_OK;
}

/* ---- Replace ---- */
/* t with every text replaced by content. */
static int replace(struct decoding *d, struct decoded *t, const char *text, size_t text_len,
                   const char *content, size_t content_len)
{
    size_t n = 0, done = 0;
    const char *at;
    char *s;

    for (at = t->s; (at = text_find(at, t->len - (size_t)(at - t->s), text, text_len));
         at += text_len) {
        n++;
    }
    if (n == 0) {
        return ATTUNE_OK;
    }
    s = arena_get(&d->arena, t->len + n * content_len, 1);
    if (!s) {
        return no_memory(d);
    }
    n = 0;
    while ((at = text_find(t->s + done, t->len - done, text, text_len))) {
        size_t start = (size_t)(at - t->s);

        memcpy(s + n, t->s + done, start - done);
        n += start - done;
        memcpy(s + n, content, content_len);
        n += content_len;
        done = start + text_len;
    }
    memcpy(s + n, t->s + done, t->len - done);
    t->s = s;
    t->len = n + t->len - done;
    return ATTUNE_OK;
}

static int load_replace(struct step *step, const json_t *json, struct attune_error *err)
{
    int status = step_load_pattern(step, json, err);

    if (status == ATTUNE_OK && step->regex) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "a regular expression is not supported here");
    }
    return status ? status
                  : json_text_copy(json, "content", &step->content, &step->content_len, err);
}

static int run_replace(struct decoding *d, const struct step *step)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < d->n && status == ATTUNE_OK; i++) {
        status =
            replace(d, &d->at[i], step->text, step->text_len, step->content, step->content_len);
    }
    return status;
}

/* ---- Metaspace: the mark is a space, but nothing in the first token ---- */
static int load_metaspace(struct step *step, const json_t *json, struct attune_error *err)
{
    const char *scheme = json_string_value(json_object_get(json, "prepend_scheme"));
    bool prefix = json_flag(json, "add_prefix_space", true);

    if (scheme && strcmp(scheme, "always") != 0 && strcmp(scheme, "first") != 0 &&
        strcmp(scheme, "never") != 0) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "prepend_scheme %.60s is not supported",
                                scheme);
    }

    step->flags = (scheme ? strcmp(scheme, "never") == 0 : !prefix) ? NEVER_PREFIXED : 0;
    return json_text_copy(json, "replacement", &step->text, &step->text_len, err);
}

static int run_metaspace(struct decoding *d, const struct step *step)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < d->n && step->text_len > 0 && status == ATTUNE_OK; i++) {
        bool gone = i == 0 && !d->inner && !(step->flags & NEVER_PREFIXED);

        status = replace(d, &d->at[i], step->text, step->text_len, " ", gone ? 0 : 1);
    }
    return status;
}

/* ---- WordPiece ---- */
static int load_wordpiece(struct step *step, const json_t *json, struct attune_error *err)
{
    step->flags = json_flag(json, "cleanup", true) ? CLEANUP : 0;
    return json_text_copy(json, "prefix", &step->text, &step->text_len, err);
}

/* Takes spaces away as the reference's WordPiece decoder does; GGUF texts get the first rows only.
 */
static int clean_up(struct decoding *d, struct decoded *t, size_t n)
{
    static const char *const pairs[][2] = {
        {" .", "."},     {" ?", "?"},     {" !", "!"},           {" ,", ","},
        {" ' ", "'"},    {" 'm", "'m"},   {" 's", "'s"},         {" 've", "'ve"},
        {" 're", "'re"}, {" n't", "n't"}, {" do not", " don't"},
    };
    int status = ATTUNE_OK;

    _Static_assert(sizeof pairs / sizeof *pairs == ALL_CLEANED, "rows");
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        status = replace(d, t, pairs[i][0], strlen(pairs[i][0]), pairs[i][1], strlen(pairs[i][1]));
    }
    return status;
}

/* llama.cpp's cleaning of a whole text. */
static int run_clean_up(struct decoding *d, const struct step *step)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < d->n && status == ATTUNE_OK; i++) {
        status = clean_up(d, &d->at[i], GGUF_CLEANED);
    }
    return status;
}

static int run_wordpiece(struct decoding *d, const struct step *step)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < d->n && status == ATTUNE_OK; i++) {
        struct decoded *t = &d->at[i];

        if (i == 0 && !d->inner) {
        } else if (t->len >= step->text_len && memcmp(t->s, step->text, step->text_len) == 0) {
            t->s += step->text_len;
            t->len -= step->text_len;
        } else {
            char *s = arena_get(&d->arena, t->len + 1, 1);

            if (!s) {
                return no_memory(d);
            }
            s[0] = ' ';
            memcpy(s + 1, t->s, t->len);
            *t = (struct decoded){s, t->len + 1, t->id};
        }
        status = step->flags & CLEANUP ? clean_up(d, t, ALL_CLEANED) : ATTUNE_OK;
    }
    return status;
}

/* ---- BPEDecoder: a suffix at the end of words ---- */
static int load_bpe(struct step *step, const json_t *json, struct attune_error *err)
{
    return json_text_copy(json, "suffix", &step->text, &step->text_len, err);
}

static int run_bpe(struct decoding *d, const struct step *step)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; i < d->n && step->text_len > 0 && status == ATTUNE_OK; i++) {
        bool last = i + 1 == d->n && !d->inner;

        status = replace(d, &d->at[i], step->text, step->text_len, " ", last ? 0 : 1);
    }
    return status;
}

const struct step_type decoder_types[] = {
    {"ByteLevel", NULL, .decode = run_byte_level,
     .options = "add_prefix_space? trim_offsets? use_regex?"},
    {"gguf.ByteLevel", load_gguf_byte_level, .decode = run_byte_level},
    {"ByteFallback", NULL, .decode = run_byte_fallback},
    {"Fuse", NULL, .decode = run_fuse},
    {"Strip", load_strip, .decode = run_strip, .options = "content start# stop#"},
    {"Replace", load_replace, .decode = run_replace, .options = "pattern content"},
    {"Metaspace", load_metaspace, .decode = run_metaspace,
     .options = "replacement str_rep add_prefix_space? prepend_scheme split?"},
    {"WordPiece", load_wordpiece, .decode = run_wordpiece, .options = "prefix cleanup?"},
    {"gguf.CleanUp", NULL, .decode = run_clean_up},
    {"BPEDecoder", load_bpe, .decode = run_bpe, .options = "suffix"},
    {NULL},
};
