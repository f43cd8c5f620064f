/* Normalizers. Each rewrites a piece and says for every new byte which bytes of the text it stands
 * for, by the rule of the reference (NormalizedString of Hugging Face tokenizers): what replaces a
 * character covers that character, what is inserted covers the character before it. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/regex.h"
#include "engine/unicode.h"

static struct span start_of(const struct piece *p)
{
    return (struct span){(uint32_t)p->origin, (uint32_t)p->origin};
}

/* ---- Prepend ---- */
static int load_prepend(struct step *step, const json_t *json, struct attune_error *err)
{
    return json_text_copy(json, "prepend", &step->content, &step->content_len, err);
}

int normalizer_prepend(struct encoding *e, const char *s, size_t len, struct piece *p)
{
    struct builder b;
    uint32_t c;

    if (p->len == 0 || e->continued) {
        return ATTUNE_OK;
    }
    builder_init(&b, e, p->len + len);
    builder_add(&b, s, len, piece_span(p, 0, unicode_decode(p->s, p->len, &c)));
    builder_add_piece(&b, p, 0, p->len);
    return builder_finish(&b, p);
}

static int run_prepend(struct encoding *e, const struct step *step, struct piece *p)
{
    return normalizer_prepend(e, step->content, step->content_len, p);
}

/* ---- Replace ---- */
static int load_replace(struct step *step, const json_t *json, struct attune_error *err)
{
    int status = step_load_pattern(step, json, err);

    return status ? status
                  : json_text_copy(json, "content", &step->content, &step->content_len, err);
}

static int find(struct encoding *e, const struct step *step, const struct piece *p, size_t from,
                bool *found, size_t *start, size_t *end)
{
    const char *at;

    if (step->regex) {
        return encoding_find(e, step->regex, p, from, found, start, end);
    }
    at = from < p->len ? text_find(p->s + from, p->len - from, step->text, step->text_len) : NULL;
    *found = at != NULL;
    *start = at ? (size_t)(at - p->s) : p->len;
    *end = *start + (at ? step->text_len : 0);
    return ATTUNE_OK;
}

int normalizer_replace(struct encoding *e, const struct step *step, struct piece *p)
{
    struct builder b = {.e = e};
    size_t done = 0, start, end, from = 0;
    bool found = true;

    while (from <= p->len) {
        int status = find(e, step, p, from, &found, &start, &end);

        if (status || !found) {
            if (status) {
                return status;
            }
            break;
        }
        if (!b.s) {
            builder_init(&b, e, p->len + p->len / 4 + step->content_len);
        }
        builder_add_piece(&b, p, done, start);
        builder_add(&b, step->content, step->content_len,
                    end > 0 ? piece_span(p, end - 1, 1) : start_of(p));
        done = end;
        from = end > start ? end : end + 1;
        while (from < p->len && (p->s[from] & 0xc0) == 0x80) {
            from++;
        }
    }
    if (!b.s) {
        return ATTUNE_OK;
    }
    builder_add_piece(&b, p, done, p->len);
    return builder_finish(&b, p);
}

/* ---- normal forms ---- */
static int run_nfc(struct encoding *e, const struct step *step, struct piece *p)
{
    return normalizer_form(e, p, FORM_COMPOSE);
}

static int run_nfd(struct encoding *e, const struct step *step, struct piece *p)
{
    return normalizer_form(e, p, 0);
}

static int run_nfkc(struct encoding *e, const struct step *step, struct piece *p)
{
    return normalizer_form(e, p, FORM_COMPOSE | FORM_COMPATIBLE);
}

static int run_nfkd(struct encoding *e, const struct step *step, struct piece *p)
{
    return normalizer_form(e, p, FORM_COMPATIBLE);
}

/* ---- one character at a time ---- */
enum { DROP = 0x110000, GONE = 0xff };

/* Where map first changes something. ascii: what map makes of those; GONE: dropped. */
static size_t unchanged(const struct piece *p, uint32_t (*map)(uint32_t c),
                        const unsigned char *ascii)
{
    size_t i = 0, len;
    uint32_t c;

    for (; i < p->len; i += len) {
        unsigned char byte = (unsigned char)p->s[i];

        len = byte < 0x80 ? 1 : unicode_decode(p->s + i, p->len - i, &c);
        if (byte < 0x80 ? ascii[byte] != byte : map(c) != c) {
            break;
        }
    }
    return i;
}

/* Rewrites each character through map: DROP, another character, or itself; map keeps ASCII in
 * ASCII. */
static int each_char(struct encoding *e, struct piece *p, uint32_t (*map)(uint32_t c))
{
    unsigned char ascii[128];
    struct builder b;
    size_t at, len;
    uint32_t c;

    for (c = 0; c < 128; c++) {
        uint32_t to = map(c);

        ascii[c] = to < 0x80 ? (unsigned char)to : GONE;
    }
    at = unchanged(p, map, ascii);
    if (at == p->len) {
        return ATTUNE_OK;
    }
    builder_init(&b, e, p->len + p->len / 8);
    builder_add_piece(&b, p, 0, at);
    for (size_t i = at; i < p->len; i += len) {
        struct span span;
        uint32_t to;

        for (len = 0; i + len < p->len && (unsigned char)p->s[i + len] < 0x80 &&
                      ascii[(unsigned char)p->s[i + len]] != GONE;
             len++) {
        }
        if (len > 0) {
            builder_add_mapped(&b, p, i, i + len, ascii);
            continue;
        }
        len = unicode_decode(p->s + i, p->len - i, &c);
        to = map(c);
        span = piece_span(p, i, len);
        if (to != DROP) {
            builder_add_char(&b, to, span);
        }
        if (c == 0x130 && to == 'i') {
            builder_add_char(&b, 0x307,
                             span); /* the one letter whose lower case is two characters */
        }
    }
    return builder_finish(&b, p);
}

static uint32_t lower(uint32_t c)
{
    return c == 0x130 ? 'i' : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
}

static uint32_t without_mark(uint32_t c)
{
    return unicode_is_bert_mark(c) ? DROP : c;
}

/* SentencePiece's nmt rules, in the reference's reading. */
static uint32_t nmt(uint32_t c)
{
    if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
        c == 0x9f) {
        return DROP;
    }
    if (c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 || (c >= 0x200b && c <= 0x200f) ||
        c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd) {
        return ' ';
    }
    return c;
}

static int run_lowercase(struct encoding *e, const struct step *step, struct piece *p)
{
    return each_char(e, p, lower);
}

static int run_strip_accents(struct encoding *e, const struct step *step, struct piece *p)
{
    return each_char(e, p, without_mark);
}

static int run_nmt(struct encoding *e, const struct step *step, struct piece *p)
{
    return each_char(e, p, nmt);
}

/* ---- BertNormalizer ---- */
enum { CLEAN = 1, IDEOGRAPHS = 2, ACCENTS = 4, LOWER = 8 };

static int load_bert(struct step *step, const json_t *json, struct attune_error *err)
{
    bool lowercase = json_flag(json, "lowercase", true);

    step->flags = (json_flag(json, "clean_text", true) ? CLEAN : 0) |
                  (json_flag(json, "handle_chinese_chars", true) ? IDEOGRAPHS : 0) |
                  (json_flag(json, "strip_accents", lowercase) ? ACCENTS : 0) |
                  (lowercase ? LOWER : 0);
    return ATTUNE_OK;
}

static uint32_t clean(uint32_t c)
{
    return unicode_is_bert_removed(c) ? DROP : unicode_is_space(c) ? ' ' : c;
}

static uint32_t without_accent(uint32_t c)
{
    return unicode_is_bert_accent(c) ? DROP : c;
}

static int space_ideographs(struct encoding *e, struct piece *p)
{
    struct builder b;
    size_t len;
    uint32_t c;

    for (len = 0; len < p->len && (unsigned char)p->s[len] < 0xe3; len++) {
    }
    if (len == p->len) { /* the first is U+3400 */
        return ATTUNE_OK;
    }
    builder_init(&b, e, p->len + p->len / 8);
    for (size_t i = 0; i < p->len; i += len) {
        struct span span;
        bool alone;

        len = unicode_decode(p->s + i, p->len - i, &c);
        span = piece_span(p, i, len);
        alone = unicode_is_bert_ideograph(c);
        builder_add(&b, " ", alone, span);
        builder_add_char(&b, c, span);
        builder_add(&b, " ", alone, span);
    }
    return builder_finish(&b, p);
}

static int run_bert(struct encoding *e, const struct step *step, struct piece *p)
{
    int status = step->flags & CLEAN ? each_char(e, p, clean) : ATTUNE_OK;

    if (status == ATTUNE_OK && (step->flags & IDEOGRAPHS)) {
        status = space_ideographs(e, p);
    }
    if (status == ATTUNE_OK && (step->flags & ACCENTS)) {
        status = normalizer_form(e, p, 0);
        status = status ? status : each_char(e, p, without_accent);
    }
    if (status == ATTUNE_OK && (step->flags & LOWER)) {
        status = each_char(e, p, lower);
    }
    return status;
}

/* ---- BERT as llama.cpp normalizes it: words apart by spaces, each led by U+2581; of a decomposed
 * character the first part stays ---- */
static uint32_t base_of(uint32_t c)
{
    utf8proc_int32_t parts[32];
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, 32, UTF8PROC_DECOMPOSE, NULL);

    return (uint32_t)utf8proc_tolower(n > 0 && n <= 32 ? parts[0] : (utf8proc_int32_t)c);
}

static bool stands_alone(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    bool symbol = category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO;

    return (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) ||
           (c < 0x7f && symbol) || unicode_is_bert_ideograph(c);
}

static bool is_dropped(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);

    return c == 0 || c == 0xfffd || unicode_is_mark(c) ||
           (category >= UTF8PROC_CATEGORY_CC && category <= UTF8PROC_CATEGORY_CO);
}

static int run_gguf_bert(struct encoding *e, const struct step *step, struct piece *p)
{
    static const char mark[] = "\xe2\x96\x81";
    bool inside = false;
    struct builder b;
    size_t n;
    uint32_t c;

    builder_init(&b, e, p->len + p->len);
    for (size_t i = 0; i < p->len; i += n) {
        struct span span;
        bool alone;

        n = unicode_decode(p->s + i, p->len - i, &c);
        c = base_of(c);
        span = piece_span(p, i, n);
        alone = stands_alone(c);
        if (unicode_is_space(c) || (alone && inside)) {
            builder_add(&b, " ", inside, span);
            inside = false;
        }
        if (unicode_is_space(c) || is_dropped(c)) {
            continue;
        }
        builder_add(&b, mark, inside ? 0 : 3, span);
        builder_add_char(&b, c, span);
        builder_add(&b, " ", alone, span);
        inside = !alone;
    }
    return builder_finish(&b, p);
}

/* ---- Spaces: llama.cpp's handling for Unigram. Each run of spaces is one U+2581 before what
 * follows (merge), or every space is one; the text begins with one (prefix). ---- */
enum { PREFIX = 1, MERGE = 2 };

static int load_spaces(struct step *step, const json_t *json, struct attune_error *err)
{
    step->flags = (json_flag(json, "prefix", true) ? PREFIX : 0) |
                  (json_flag(json, "merge", true) ? MERGE : 0);
    return ATTUNE_OK;
}

static int run_spaces(struct encoding *e, const struct step *step, struct piece *p)
{
    static const char mark[] = "\xe2\x96\x81";
    bool merge = step->flags & MERGE, prefix = (step->flags & PREFIX) && !e->continued,
         inside = false;
    struct builder b;
    size_t first = 0, n;
    uint32_t c;

    builder_init(&b, e, p->len * 2);
    for (size_t i = 0; i < p->len; i += n) {
        n = unicode_decode(p->s + i, p->len - i, &c);
        if (c == ' ') {
            first = inside ? i : first;
            inside = false;
            builder_add(&b, mark, merge ? 0 : 3, piece_span(p, i, n));
            continue;
        }
        if (!inside &&
            (merge || prefix)) { /* covers the first of the spaces, if any, and the character */
            struct span span = piece_span(p, i, n);

            builder_add(
                &b, mark, 3,
                (struct span){i > first ? piece_span(p, first, 1).start : span.start, span.end});
            prefix = false;
        }
        inside = true;
        builder_add_piece(&b, p, i, i + n);
    }
    return builder_finish(&b, p);
}

/* ---- Strip ---- */
static int load_strip(struct step *step, const json_t *json, struct attune_error *err)
{
    step->start = json_flag(json, "strip_left", true);
    step->stop = json_flag(json, "strip_right", true);
    return ATTUNE_OK;
}

static int run_strip(struct encoding *e, const struct step *step, struct piece *p)
{
    size_t start = 0, end = p->len, n;
    uint32_t c;

    while (step->start && (n = unicode_decode(p->s + start, p->len - start, &c)) > 0 &&
           unicode_is_space(c)) {
        start += n;
    }
    while (step->stop && end > start) {
        size_t at = end - 1;

        while (at > start && (p->s[at] & 0xc0) == 0x80) {
            at--;
        }
        if (unicode_decode(p->s + at, end - at, &c) == 0 || !unicode_is_space(c)) {
            break;
        }
        end = at;
    }
    *p = piece_part(p, start, end);
    return ATTUNE_OK;
}

const struct step_type normalizer_types[] = {
    {"Prepend", load_prepend, .normalize = run_prepend, .options = "prepend"},
    {"Replace", load_replace, .normalize = normalizer_replace, .options = "pattern content"},
    {"NFC", NULL, .normalize = run_nfc},
    {"NFD", NULL, .normalize = run_nfd},
    {"NFKC", NULL, .normalize = run_nfkc},
    {"NFKD", NULL, .normalize = run_nfkd},
    {"Lowercase", NULL, .normalize = run_lowercase},
    {"StripAccents", NULL, .normalize = run_strip_accents},
    {"Nmt", NULL, .normalize = run_nmt},
    {"BertNormalizer", load_bert, .normalize = run_bert,
     .options = "clean_text? handle_chinese_chars? strip_accents? lowercase?"},
    {"Precompiled", charsmap_load, .normalize = charsmap_run, .options = "precompiled_charsmap"},
    {"gguf.Precompiled", charsmap_load, .normalize = charsmap_run_longest}, /* llama.cpp's */
    {"gguf.Bert", NULL, .normalize = run_gguf_bert},
    {"gguf.Spaces", load_spaces, .normalize = run_spaces, .options = "prefix? merge?"},
    {"Strip", load_strip, .normalize = run_strip, .options = "strip_left? strip_right?"},
    {NULL},
};
