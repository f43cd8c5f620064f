/* Pre-tokenizers: each cuts a piece and pushes the parts to the next. What a part of the reference
 * calls "behavior" (what becomes of the text that matched) is one small machine for all of them. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/regex.h"
#include "engine/unicode.h"

enum behavior {
    REMOVED,
    ISOLATED,
    MERGED_WITH_PREVIOUS,
    MERGED_WITH_NEXT,
    CONTIGUOUS,
    BEHAVIOR_COUNT
};
static const char *const behavior_names[] = {
    "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous",
};
_Static_assert(sizeof behavior_names / sizeof *behavior_names == BEHAVIOR_COUNT, "a name each");

enum { INVERT = 1, PREFIX_SPACE = 2, PATTERN = 4, SPLIT = 8 };
enum { ALWAYS, FIRST, NEVER };

/* The parts found so far; one is held back because the next may join it. */
struct cutter {
    struct encoding *e;
    const struct piece *p;
    size_t index;
    enum behavior behavior;
    bool holds, held_match;
    size_t start, end;
};

static int flush(struct cutter *c)
{
    struct piece part = piece_part(c->p, c->start, c->end);

    if (!c->holds) {
        return ATTUNE_OK;
    }
    c->holds = false;
    return splitters_push(c->e, c->index + 1, &part);
}

static int hold(struct cutter *c, size_t start, size_t end, bool match)
{
    int status = flush(c);

    c->holds = true;
    c->held_match = match;
    c->start = start;
    c->end = end;
    return status;
}

static int cut(struct cutter *c, size_t start, size_t end, bool match)
{
    bool join = false;

    if (start == end) {
        return ATTUNE_OK;
    }
    switch (c->behavior) {
    case REMOVED:
        if (match) {
            return flush(c);
        }
        break;
    case MERGED_WITH_PREVIOUS: join = c->holds && match && !c->held_match; break;
    case MERGED_WITH_NEXT: join = c->holds && !match && c->held_match; break;
    case CONTIGUOUS: join = c->holds && match == c->held_match; break;
    case ISOLATED: /* the common case holds nothing back */
    case BEHAVIOR_COUNT: {
        struct piece part = piece_part(c->p, start, end);

        return splitters_push(c->e, c->index + 1, &part);
    }
    }
    if (join) {
        c->end = end;
        c->held_match =
            c->behavior == CONTIGUOUS || c->behavior == MERGED_WITH_PREVIOUS ? match : false;
        return ATTUNE_OK;
    }
    return hold(c, start, end, match);
}

static int cut_by_regex(struct cutter *c, const struct regex *re, bool invert)
{
    size_t done = 0, from = 0, start, end;
    bool found = true;
    int status = ATTUNE_OK;

    while (from < c->p->len && status == ATTUNE_OK) {
        status = encoding_find(c->e, re, c->p, from, &found, &start, &end);
        if (status || !found) {
            break;
        }
        if (start == end) { /* an empty match cuts nothing: go on behind the next character */
            for (from = end + 1; from < c->p->len && (c->p->s[from] & 0xc0) == 0x80; from++) {
            }
            continue;
        }
        status = cut(c, done, start, invert);
        if (status == ATTUNE_OK) {
            status = cut(c, start, end, !invert);
        }
        done = from = end;
    }
    if (status == ATTUNE_OK) {
        status = cut(c, done, c->p->len, invert);
    }
    return status ? status : flush(c);
}

static int cut_by_text(struct cutter *c, const char *text, size_t len, bool invert)
{
    const struct piece *p = c->p;
    size_t done = 0;
    const char *at;
    int status = ATTUNE_OK;

    while (status == ATTUNE_OK && (at = text_find(p->s + done, p->len - done, text, len))) {
        size_t start = (size_t)(at - p->s);

        status = cut(c, done, start, invert);
        if (status == ATTUNE_OK) {
            status = cut(c, start, start + len, !invert);
        }
        done = start + len;
    }
    if (status == ATTUNE_OK) {
        status = cut(c, done, p->len, invert);
    }
    return status ? status : flush(c);
}

/* Every character of the class is a match of its own. */
static int cut_by_class(struct cutter *c, bool (*is)(uint32_t c))
{
    size_t done = 0, n;
    uint32_t ch;
    int status = ATTUNE_OK;

    for (size_t i = 0; i < c->p->len && status == ATTUNE_OK; i += n) {
        n = unicode_decode(c->p->s + i, c->p->len - i, &ch);
        if (is(ch)) {
            status = cut(c, done, i, false);
            if (status == ATTUNE_OK) {
                status = cut(c, i, i + n, true);
            }
            done = i + n;
        }
    }
    if (status == ATTUNE_OK) {
        status = cut(c, done, c->p->len, false);
    }
    return status ? status : flush(c);
}

static struct cutter cutter_of(struct encoding *e, size_t index, const struct piece *p,
                               int behavior)
{
    return (struct cutter){.e = e, .p = p, .index = index, .behavior = (enum behavior)behavior};
}

/* ---- Split ---- */
static int load_behavior(struct step *step, const json_t *json, enum behavior otherwise,
                         struct attune_error *err)
{
    const json_t *value = json_object_get(json, "behavior");
    const char *name = json_string_value(value);

    step->behavior = otherwise;
    if (value && !name) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "behavior is no string");
    }
    for (int i = 0; name && i < BEHAVIOR_COUNT; i++) {
        if (strcmp(name, behavior_names[i]) == 0) {
            step->behavior = i;
            return ATTUNE_OK;
        }
    }
    return name ? attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "behavior %s is not supported", name)
                : ATTUNE_OK;
}

static int load_split(struct step *step, const json_t *json, struct attune_error *err)
{
    int status = load_behavior(step, json, ISOLATED, err);

    step->flags = json_flag(json, "invert", false) ? INVERT : 0;
    return status ? status : step_load_pattern(step, json, err);
}

static int run_split(struct encoding *e, size_t index, const struct step *step,
                     const struct piece *p)
{
    struct cutter c = cutter_of(e, index, p, step->behavior);

    return step->regex ? cut_by_regex(&c, step->regex, step->flags & INVERT)
                       : cut_by_text(&c, step->text, step->text_len, step->flags & INVERT);
}

/* ---- ByteLevel ---- */
#define GPT2_PATTERN                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

static int load_byte_level(struct step *step, const json_t *json, struct attune_error *err)
{
    step->flags = json_flag(json, "add_prefix_space", true) ? PREFIX_SPACE : 0;
    step->behavior = ISOLATED;
    return json_flag(json, "use_regex", true)
               ? regex_compile(&step->regex, GPT2_PATTERN, sizeof GPT2_PATTERN - 1, err)
               : ATTUNE_OK;
}

static int run_byte_level(struct encoding *e, size_t index, const struct step *step,
                          const struct piece *p)
{
    struct piece mine = *p;
    struct cutter c = cutter_of(e, index, &mine, step->behavior);

    if ((step->flags & PREFIX_SPACE) && p->s[0] != ' ') {
        int status = normalizer_prepend(e, " ", 1, &mine);

        if (status) {
            return status;
        }
    }
    mine.bytes = true;
    return step->regex ? cut_by_regex(&c, step->regex, false) : splitters_push(e, index + 1, &mine);
}

/* ---- Metaspace ---- */
static int load_metaspace(struct step *step, const json_t *json, struct attune_error *err)
{
    static const char *const schemes[] = {"always", "first", "never"};
    const char *scheme = json_string_value(json_object_get(json, "prepend_scheme"));
    bool known = !scheme;
    int status = json_text_copy(json, "replacement", &step->content, &step->content_len, err);

    step->behavior = json_flag(json, "add_prefix_space", true) ? ALWAYS : NEVER;
    step->flags = json_flag(json, "split", true) ? SPLIT : 0;
    for (int i = 0; scheme && i < 3; i++) {
        step->behavior = strcmp(scheme, schemes[i]) == 0 ? i : step->behavior;
        known = known || strcmp(scheme, schemes[i]) == 0;
    }
    if (status == ATTUNE_OK && !known) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "prepend_scheme %.60s is not supported",
                                scheme);
    }
    step->text = status == ATTUNE_OK ? strdup(" ") : NULL;
    step->text_len = 1;
    if (status == ATTUNE_OK && !step->text) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK && step->content_len == 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "the replacement is empty");
    }
    return status;
}

static int run_metaspace(struct encoding *e, size_t index, const struct step *step,
                         const struct piece *p)
{
    struct piece mine = *p;
    struct cutter c = cutter_of(e, index, &mine, MERGED_WITH_NEXT);
    int status = normalizer_replace(e, step, &mine);
    bool marked =
        mine.len >= step->content_len && memcmp(mine.s, step->content, step->content_len) == 0;

    if (status == ATTUNE_OK && !marked &&
        (step->behavior == ALWAYS || (step->behavior == FIRST && p->origin == 0))) {
        status = normalizer_prepend(e, step->content, step->content_len, &mine);
    }
    if (status) {
        return status;
    }
    return step->flags & SPLIT ? cut_by_text(&c, step->content, step->content_len, false)
                               : splitters_push(e, index + 1, &mine);
}

/* ---- by class of character ---- */
static int load_whitespace(struct step *step, const json_t *json, struct attune_error *err)
{
    static const char pattern[] = "[\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-"
                                  "\\x{24e9}\\x{1f130}-\\x{1f149}"
                                  "\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}]+|"
                                  "[^\\s\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{"
                                  "24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}"
                                  "\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}]+";

    step->flags = INVERT;
    step->behavior = REMOVED;
    return regex_compile(&step->regex, pattern, sizeof pattern - 1, err);
}

static int run_whitespace_split(struct encoding *e, size_t index, const struct step *step,
                                const struct piece *p)
{
    struct cutter c = cutter_of(e, index, p, REMOVED);

    return cut_by_class(&c, unicode_is_space);
}

static int load_digits(struct step *step, const json_t *json, struct attune_error *err)
{
    step->behavior = json_flag(json, "individual_digits", false) ? ISOLATED : CONTIGUOUS;
    return ATTUNE_OK;
}

static int run_digits(struct encoding *e, size_t index, const struct step *step,
                      const struct piece *p)
{
    struct cutter c = cutter_of(e, index, p, step->behavior);

    return cut_by_class(&c, unicode_is_number);
}

static int load_punctuation(struct step *step, const json_t *json, struct attune_error *err)
{
    return load_behavior(step, json, ISOLATED, err);
}

static int run_punctuation(struct encoding *e, size_t index, const struct step *step,
                           const struct piece *p)
{
    struct cutter c = cutter_of(e, index, p, step->behavior);

    return cut_by_class(&c, unicode_is_bert_punctuation);
}

/* White space goes, then every punctuation mark stands alone. */
static int run_bert(struct encoding *e, size_t index, const struct step *step,
                    const struct piece *p)
{
    size_t done = 0, n;
    uint32_t c;
    int status = ATTUNE_OK;

    for (size_t i = 0; i <= p->len && status == ATTUNE_OK; i += n) {
        bool space = i == p->len, mark;
        struct piece part = piece_part(p, done, i);

        n = unicode_decode(p->s + i, p->len - i, &c);
        space = space || unicode_is_space(c);
        mark = !space && unicode_is_bert_punctuation(c);
        if (!space && !mark) {
            continue;
        }
        status = splitters_push(e, index + 1, &part);
        if (mark && status == ATTUNE_OK) {
            part = piece_part(p, i, i + n);
            status = splitters_push(e, index + 1, &part);
        }
        done = i + n;
        n = n ? n : 1;
    }
    return status;
}

static int load_delimiter(struct step *step, const json_t *json, struct attune_error *err)
{
    int status = json_text_copy(json, "delimiter", &step->text, &step->text_len, err);

    step->behavior = REMOVED;
    return status == ATTUNE_OK && step->text_len == 0
               ? attune_error_set(err, ATTUNE_FORMAT, 0, "the delimiter is empty")
               : status;
}

const struct step_type splitter_types[] = {
    {"Split", load_split, .split = run_split, .options = "pattern behavior invert?"},
    {"ByteLevel", load_byte_level, .split = run_byte_level,
     .options = "add_prefix_space? trim_offsets? use_regex?"},
    {"Metaspace", load_metaspace, .split = run_metaspace,
     .options = "replacement str_rep add_prefix_space? prepend_scheme split?"},
    {"Whitespace", load_whitespace, .split = run_split},
    {"WhitespaceSplit", NULL, .split = run_whitespace_split},
    {"Digits", load_digits, .split = run_digits, .options = "individual_digits?"},
    {"Punctuation", load_punctuation, .split = run_punctuation, .options = "behavior"},
    {"BertPreTokenizer", NULL, .split = run_bert},
    {"CharDelimiterSplit", load_delimiter, .split = run_split, .options = "delimiter"},
    {NULL},
};
