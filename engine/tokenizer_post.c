/* Post-processors: the tokens a model wants around a text or a pair, the types of both, and offsets
 * that leave out the spaces at the ends of a token. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/unicode.h"

enum { TRIM = 1, PREFIX_SPACE = 2 };
enum { MOST_ITEMS = 64 };

/* ---- ByteLevel: trimming ---- */
static bool is_blank(uint32_t c)
{
    return c == 0x120 || unicode_is_space(c); /* U+0120 spells a space */
}

static size_t blanks_ahead(const char *s, size_t len)
{
    size_t n = 0, k;
    uint32_t c;

    for (size_t i = 0; (k = unicode_decode(s + i, len - i, &c)) > 0 && is_blank(c); i += k) {
        n++;
    }
    return n;
}

static size_t blanks_behind(const char *s, size_t len)
{
    size_t n = 0;
    uint32_t c;

    while (len > 0) {
        size_t at = len - 1;

        while (at > 0 && (s[at] & 0xc0) == 0x80) {
            at--;
        }
        if (unicode_decode(s + at, len - at, &c) == 0 || !is_blank(c)) {
            break;
        }
        n++;
        len = at;
    }
    return n;
}

/* n characters of text from at towards stop. */
static size_t move(const char *text, size_t at, size_t stop, size_t n)
{
    for (; n > 0 && at != stop; n--) {
        if (at < stop) {
            for (at++; at < stop && (text[at] & 0xc0) == 0x80; at++) {
            }
        } else {
            for (at--; at > stop && (text[at] & 0xc0) == 0x80; at--) {
            }
        }
    }
    return at;
}

static int run_trim(struct encoding *e, const struct step *step)
{
    struct attune_tokens *out = e->out;

    for (size_t i = 0; i < out->n && (step->flags & TRIM); i++) {
        bool second = i >= e->second;
        const char *text = second ? e->options->pair : e->first_text;
        const char *s = text + out->start[i];
        size_t len = out->end[i] - out->start[i], ahead, behind;

        if (out->special[i]) {
            continue;
        }
        if (!e->tk->vocab.added[out->ids[i]]) {
            s = vocab_piece(&e->tk->vocab, out->ids[i], &len);
        }
        ahead = blanks_ahead(s, len);
        behind = blanks_behind(s, len);
        if (ahead > 0 && (step->flags & PREFIX_SPACE) &&
            (i == 0 || i == e->second || out->start[i] == 0)) {
            ahead--;
        }
        out->start[i] = move(text, out->start[i], out->end[i], ahead);
        out->end[i] = move(text, out->end[i], out->start[i], behind);
    }
    return ATTUNE_OK;
}

static int load_trim(struct step *step, const json_t *json, struct attune_error *err)
{
    step->flags = (json_flag(json, "trim_offsets", true) ? TRIM : 0) |
                  (json_flag(json, "add_prefix_space", true) ? PREFIX_SPACE : 0);
    return ATTUNE_OK;
}

/* ---- templates ---- */
int post_add_template(struct steps *steps, const struct template_item *single, size_t n_single,
                      const struct template_item *pair, size_t n_pair, struct attune_error *err)
{
    struct step *step = steps_add(steps, step_type_find(post_types, "TemplateProcessing"));

    if (step) {
        step->table = malloc((n_single + n_pair + 1) * sizeof *single);
    }
    if (!step || !step->table) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    memcpy(step->table, single, n_single * sizeof *single);
    memcpy((struct template_item *)step->table + n_single, pair, n_pair * sizeof *pair);
    step->start = (int)n_single;
    step->stop = (int)n_pair;
    return ATTUNE_OK;
}

static void copy_token(struct attune_tokens *to, size_t i, const struct attune_tokens *from,
                       size_t k)
{
    to->ids[i] = from->ids[k];
    to->start[i] = from->start[k];
    to->end[i] = from->end[k];
    to->type_ids[i] = from->type_ids[k];
    to->special[i] = from->special[k];
}

/* Lays the sequences out as items say. */
static int lay_out(struct encoding *e, const struct template_item *items, size_t n_items)
{
    bool special = e->options && e->options->add_special;
    struct attune_tokens *out = e->out, old = {0};
    size_t n = 0, second = e->second;
    int status;

    old.n = out->n;
    status = tokens_reserve(&old, out->n, e->err);
    for (size_t i = 0; i < out->n && status == ATTUNE_OK; i++) {
        copy_token(&old, i, out, i);
    }
    for (size_t i = 0; i < n_items && status == ATTUNE_OK; i++) {
        bool first = items[i].id == TEMPLATE_FIRST;
        size_t from = first ? 0 : second, to = first ? second : old.n;

        if (items[i].id >= 0) {
            from = to = 0;
        }
        status = tokens_reserve(out, n + (to - from) + 1, e->err);
        if (status == ATTUNE_OK && items[i].id >= 0 && special) {
            out->ids[n] = items[i].id;
            out->start[n] = out->end[n] = 0;
            out->type_ids[n] = items[i].type;
            out->special[n++] = 1;
        }
        if (items[i].id == TEMPLATE_SECOND) {
            e->second = n;
        }
        for (size_t k = from; k < to && status == ATTUNE_OK; k++, n++) {
            copy_token(out, n, &old, k);
            out->type_ids[n] = items[i].type;
        }
    }
    out->n = n;
    attune_tokens_done(&old);
    return status;
}

static int run_template(struct encoding *e, const struct step *step)
{
    const struct template_item *items = step->table;
    bool pair = e->options && e->options->pair;

    return lay_out(e, pair ? items + step->start : items,
                   (size_t)(pair ? step->stop : step->start));
}

/* Token ids of a special token of the template, one item each. */
static int add_special(const json_t *json, const char *name, uint8_t type,
                       struct template_item *items, size_t *n, struct attune_error *err)
{
    const json_t *ids = json_object_get(
        json_object_get(json_object_get(json, "special_tokens"), name ? name : ""), "ids");

    if (!json_is_array(ids)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "the special token %s has no ids",
                                name ? name : "without a name");
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        json_int_t id = json_integer_value(json_array_get(ids, i));

        if (*n == MOST_ITEMS || id < 0 || id > INT32_MAX) {
            return attune_error_set(err, ATTUNE_FORMAT, 0,
                                    "the ids of the special token %s are not valid", name);
        }
        items[(*n)++] = (struct template_item){(attune_token)id, type};
    }
    return ATTUNE_OK;
}

static int load_items(const json_t *json, const char *key, struct template_item *items, size_t *n,
                      struct attune_error *err)
{
    const json_t *list = json_object_get(json, key);
    bool laid[2] = {false, false}; /* each sequence once: templates in a row would multiply it */
    int status = ATTUNE_OK;

    for (size_t i = 0; i < json_array_size(list) && status == ATTUNE_OK; i++) {
        const json_t *piece = json_array_get(list, i),
                     *special = json_object_get(piece, "SpecialToken"),
                     *sequence = json_object_get(piece, "Sequence");
        const json_t *part = special ? special : sequence;
        const char *id = json_string_value(json_object_get(part, "id"));
        json_int_t type = json_integer_value(json_object_get(part, "type_id"));

        if (!id || type < 0 || type > 255 ||
            (!special && strcmp(id, "A") != 0 && strcmp(id, "B") != 0) ||
            (!special && laid[*id == 'B']) || *n == MOST_ITEMS) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "entry %zu of %s is not valid", i, key);
        }
        if (special) {
            status = add_special(json, id, (uint8_t)type, items, n, err);
        } else {
            items[(*n)++] = (struct template_item){*id == 'A' ? TEMPLATE_FIRST : TEMPLATE_SECOND,
                                                   (uint8_t)type};
            laid[*id == 'B'] = true;
        }
    }
    return status;
}

static int load_template(struct step *step, const json_t *json, struct attune_error *err)
{
    struct template_item items[2 * MOST_ITEMS];
    size_t n = 0, n_pair = 0;
    int status = load_items(json, "single", items, &n, err);

    if (status == ATTUNE_OK) {
        status = load_items(json, "pair", items + n, &n_pair, err);
    }
    if (status) {
        return status;
    }
    step->table = malloc((n + n_pair + 1) * sizeof *items);
    if (!step->table) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    memcpy(step->table, items, (n + n_pair) * sizeof *items);
    step->start = (int)n;
    step->stop = (int)n_pair;
    return ATTUNE_OK;
}

/* ---- BertProcessing, RobertaProcessing: [text, id] of both special tokens ---- */
static int load_pair(struct step *step, const json_t *json, bool roberta, struct attune_error *err)
{
    json_int_t cls = json_integer_value(json_array_get(json_object_get(json, "cls"), 1));
    json_int_t sep = json_integer_value(json_array_get(json_object_get(json, "sep"), 1));
    attune_token c = (attune_token)cls, s = (attune_token)sep;
    uint8_t two = roberta ? 0 : 1; /* RoBERTa knows one type only */
    const struct template_item single[] = {{c, 0}, {TEMPLATE_FIRST, 0}, {s, 0}};
    const struct template_item bert[] = {
        {c, 0}, {TEMPLATE_FIRST, 0}, {s, 0}, {TEMPLATE_SECOND, two}, {s, two}};
    const struct template_item twice[] = {{c, 0}, {TEMPLATE_FIRST, 0},  {s, 0},
                                          {s, 0}, {TEMPLATE_SECOND, 0}, {s, 0}};
    struct template_item *items = malloc(sizeof single + sizeof twice);

    if (!items) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    step->table = items;
    if (cls < 0 || sep < 0 || cls > INT32_MAX || sep > INT32_MAX ||
        !json_is_integer(json_array_get(json_object_get(json, "cls"), 1)) ||
        !json_is_integer(json_array_get(json_object_get(json, "sep"), 1))) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "cls and sep have to be [text, id]");
    }
    memcpy(items, single, sizeof single);
    memcpy(items + 3, roberta ? twice : bert, roberta ? sizeof twice : sizeof bert);
    step->start = 3;
    step->stop = roberta ? 6 : 5;
    return ATTUNE_OK;
}

static int load_bert(struct step *step, const json_t *json, struct attune_error *err)
{
    return load_pair(step, json, false, err);
}

static int load_roberta(struct step *step, const json_t *json, struct attune_error *err)
{
    load_trim(step, json, err);
    return load_pair(step, json, true, err);
}

static int run_roberta(struct encoding *e, const struct step *step)
{
    run_trim(e, step);
    return run_template(e, step);
}

int posts_check(const struct attune_tokenizer *tk, struct attune_error *err)
{
    for (size_t i = 0; i < tk->posts.n; i++) {
        const struct step *step = &tk->posts.at[i];
        const struct template_item *items = step->table;

        for (int k = 0; items && k < step->start + step->stop; k++) {
            size_t len;

            if (items[k].id >= 0 && !vocab_piece(&tk->vocab, items[k].id, &len)) {
                return attune_error_set(err, ATTUNE_FORMAT, 0,
                                        "post_processor %s: the vocabulary has no id %ld",
                                        step->type->name, (long)items[k].id);
            }
        }
    }
    return ATTUNE_OK;
}

const struct step_type post_types[] = {
    {"TemplateProcessing", load_template, .post = run_template,
     .options = "single pair special_tokens"},
    {"ByteLevel", load_trim, .post = run_trim,
     .options = "add_prefix_space? trim_offsets? use_regex?"},
    {"RobertaProcessing", load_roberta, .post = run_roberta,
     .options = "cls sep trim_offsets? add_prefix_space?"},
    {"BertProcessing", load_bert, .post = run_template, .options = "cls sep"},
    {NULL},
};
