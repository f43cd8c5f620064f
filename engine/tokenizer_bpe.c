/* Byte-pair encoding with a list of merges (Sennrich et al. 2016; byte-level: Radford et al. 2019).
 * A merge is a row of a hash table: (left id, right id) -> rank and the id of both together. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/gguf.h"
#include "engine/tokenizer_bpe.h"
#include "engine/tokenizer_merge.h"
#include "engine/unicode.h"

static const char mark[] = "\xe2\x96\x81";
enum { MARK = 3 };

size_t bpe_slot(const struct bpe *m, attune_token left, attune_token right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    size_t i = (h ^ h >> 32) & (m->n_slots - 1);

    while (m->merges[i].left >= 0 && (m->merges[i].left != left || m->merges[i].right != right)) {
        i = (i + 1) & (m->n_slots - 1);
    }
    return i;
}

static bool by_merges(const struct attune_tokenizer *tk, const char *s, const struct symbol *left,
                      const struct symbol *right, uint32_t *rank, attune_token *id)
{
    const struct bpe *m = tk->model;
    const struct merge *found = &m->merges[bpe_slot(m, left->id, right->id)];

    *rank = found->rank;
    *id = found->id;
    return found->left >= 0;
}

/* ---- text to symbols ---- */
struct row {
    struct symbol *at;
    size_t n;
    bool after_unk; /* the last symbol is an unknown one, ready to grow */
};

static void add_unknown(const struct bpe *m, struct row *row, uint32_t start, uint32_t len)
{
    if (m->unk < 0) {
        return; /* as the reference: dropped where there is no unknown token */
    }
    if (m->fuse_unk && row->after_unk) {
        row->at[row->n - 1].len += len;
    } else {
        row->at[row->n++] = (struct symbol){m->unk, start, len};
    }
    row->after_unk = true;
}

static void add_bytes(const struct bpe *m, struct row *row, const char *s, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        attune_token id = m->byte[(unsigned char)s[i]];

        if (id < 0) {
            add_unknown(m, row, i, 1);
        } else {
            row->at[row->n++] = (struct symbol){id, i, 1};
            row->after_unk = false;
        }
    }
}

/* Each byte as its own token; false where the vocabulary lacks one. */
static bool add_fallback(const struct bpe *m, struct row *row, const char *s, uint32_t start,
                         uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (!m->byte_fallback || m->fallback[(unsigned char)s[start + i]] < 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < len; i++) {
        row->at[row->n++] = (struct symbol){m->fallback[(unsigned char)s[start + i]], start + i, 1};
    }
    row->after_unk = false;
    return true;
}

static attune_token find_char(const struct attune_tokenizer *tk, const char *s, size_t len,
                              bool first, bool last)
{
    const struct bpe *m = tk->model;
    size_t before = first ? 0 : m->prefix_len, after = last ? m->suffix_len : 0;
    char spelled[256]; /* prefix and suffix have 100 bytes at most */

    if (before + after == 0) {
        return vocab_find(&tk->vocab, s, len);
    }
    memcpy(spelled, before ? m->prefix : "", before);
    memcpy(spelled + before, s, len);
    memcpy(spelled + before + len, after ? m->suffix : "", after);
    return vocab_find(&tk->vocab, spelled, before + len + after);
}

static void add_chars(const struct attune_tokenizer *tk, struct row *row, const char *s,
                      uint32_t len)
{
    const struct bpe *m = tk->model;
    uint32_t c, n;

    for (uint32_t i = 0; i < len; i += n) {
        attune_token id;

        n = (uint32_t)unicode_decode(s + i, len - i, &c);
        id = find_char(tk, s + i, n, i == 0, i + n == len);
        if (id >= 0) {
            row->at[row->n++] = (struct symbol){id, i, n};
            row->after_unk = false;
        } else if (!add_fallback(m, row, s, i, n)) {
            add_unknown(m, row, i, n);
        }
    }
}

/* The whole word in the vocabulary, before any merge. */
static attune_token find_whole(const struct encoding *e, const struct piece *p)
{
    char spelled[2 * WORD_LONGEST * 4];

    if (!p->bytes) {
        return vocab_find(&e->tk->vocab, p->s, p->len);
    }
    return p->len * 2 > sizeof spelled
               ? ATTUNE_TOKEN_NONE
               : vocab_find(&e->tk->vocab, spelled, spelled_write(spelled, p->s, p->len));
}

static int make_symbols(struct encoding *e, const struct piece *p, struct symbol **out, size_t *n)
{
    const struct bpe *m = e->tk->model;
    attune_token whole = m->ignore_merges && !p->raw ? find_whole(e, p) : ATTUNE_TOKEN_NONE;
    struct row row = {.at = arena_get(&e->arena, p->len, sizeof *row.at)};
    int status;

    if (!row.at) {
        return encoding_no_memory(e);
    }
    *out = row.at;
    *n = 1;
    if (whole >= 0) {
        row.at[0] = (struct symbol){whole, 0, (uint32_t)p->len};
        return ATTUNE_OK;
    }
    if (p->bytes) {
        add_bytes(m, &row, p->s, (uint32_t)p->len);
    } else if (p->raw) {
        add_fallback(m, &row, p->s, 0, (uint32_t)p->len);
    } else {
        add_chars(e->tk, &row, p->s, (uint32_t)p->len);
    }
    status = merge_symbols(e, by_merges, p->s, row.at, &row.n);
    *n = row.n;
    return status;
}

static int encode_word(struct encoding *e, const struct piece *p)
{
    return word_encode(e, p, make_symbols);
}

static int encode(struct encoding *e, const struct piece *p)
{
    const struct bpe *m = e->tk->model;
    bool whole = !m->cut || p->bytes || p->raw || (m->ignore_merges && find_whole(e, p) >= 0);

    return whole ? encode_word(e, p) : word_cut(e, p, encode_word);
}

/* ---- loading ---- */
static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static int make_tables(struct attune_tokenizer *tk, struct bpe *m, size_t n_merges,
                       struct attune_error *err)
{
    char spelled[8];

    m->n_slots = 64;
    while (m->n_slots < n_merges * 2) {
        m->n_slots *= 2;
    }
    m->merges = malloc(m->n_slots * sizeof *m->merges);
    if (!m->merges) {
        return no_memory(err);
    }
    memset(m->merges, 0xff, m->n_slots * sizeof *m->merges);
    m->cut = vocab_find(&tk->vocab, mark, MARK) >= 0 && !m->prefix_len && !m->suffix_len;
    tk->keeps_bytes = true;
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;

        m->byte[i] = vocab_find(&tk->vocab, spelled, spelled_write(spelled, &byte, 1));
        snprintf(spelled, sizeof spelled, "<0x%02X>", (unsigned)i);
        m->fallback[i] = vocab_find(&tk->vocab, spelled, 6);
        if (m->byte_fallback && m->fallback[i] >= 0) {
            tk->vocab.kind[m->fallback[i]] = ATTUNE_TOKEN_BYTE;
        }
        tk->keeps_bytes = tk->keeps_bytes && (tk->byte_level     ? m->byte[i]
                                              : m->byte_fallback ? m->fallback[i]
                                                                 : -1) >= 0;
    }
    return ATTUNE_OK;
}

/* left and right become one token; buffer has room for both. */
static int add_merge(struct attune_tokenizer *tk, struct bpe *m, uint32_t rank, const char *left,
                     size_t left_len, const char *right, size_t right_len, struct attune_error *err)
{
    attune_token a = vocab_find(&tk->vocab, left, left_len),
                 b = vocab_find(&tk->vocab, right, right_len);
    size_t skip = right_len >= m->prefix_len ? m->prefix_len : right_len;
    char small[256], *joined = small;
    size_t n = left_len + right_len - skip;
    attune_token id;

    if (n > sizeof small) {
        joined = malloc(n);
        if (!joined) {
            return no_memory(err);
        }
    }
    memcpy(joined, left, left_len);
    memcpy(joined + left_len, right + skip, right_len - skip);
    id = vocab_find(&tk->vocab, joined, n);
    if (joined != small) {
        free(joined);
    }
    if (a < 0 || b < 0 || id < 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "merge %lu (\"%.*s\" and \"%.*s\") %s",
                                (unsigned long)rank, (int)(left_len < 40 ? left_len : 40), left,
                                (int)(right_len < 40 ? right_len : 40), right,
                                id < 0 && a >= 0 && b >= 0
                                    ? "makes a piece that the vocabulary lacks"
                                    : "names a piece that the vocabulary lacks");
    }
    if (right_len >= MARK && memcmp(right, mark, MARK) == 0 &&
        (left_len < MARK || memcmp(left + left_len - MARK, mark, MARK) != 0)) {
        m->cut = false;
    }
    m->merges[bpe_slot(m, a, b)] = (struct merge){a, b, id, rank};
    return ATTUNE_OK;
}

static int load_text(const json_t *json, const char *key, char **out, size_t *len,
                     struct attune_error *err)
{
    const json_t *value = json_object_get(json, key);

    return !value || json_is_null(value) ? ATTUNE_OK : json_text_copy(json, key, out, len, err);
}

static int load_rules(struct attune_tokenizer *tk, struct bpe *m, const json_t *json,
                      struct attune_error *err)
{
    const json_t *unk = json_object_get(json, "unk_token"),
                 *dropout = json_object_get(json, "dropout");
    int status = load_text(json, "continuing_subword_prefix", &m->prefix, &m->prefix_len, err);

    if (status == ATTUNE_OK) {
        status = load_text(json, "end_of_word_suffix", &m->suffix, &m->suffix_len, err);
    }
    if (status) {
        return status;
    }
    if (m->prefix_len > 100 || m->suffix_len > 100) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "the prefix or suffix of words is too long");
    }
    if (json_is_number(dropout) && json_number_value(dropout) != 0) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "dropout is not supported: set it to null");
    }
    m->fuse_unk = json_flag(json, "fuse_unk", false);
    m->byte_fallback = json_flag(json, "byte_fallback", false);
    m->ignore_merges = json_flag(json, "ignore_merges", false);
    if (unk && !json_is_null(unk) && !json_is_string(unk)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "unk_token is no string");
    }
    if (json_is_string(unk)) {
        m->unk = tk->unk = vocab_find(&tk->vocab, json_string_value(unk), json_string_length(unk));
        if (m->unk < 0) {
            return attune_error_set(err, ATTUNE_FORMAT, 0,
                                    "the vocabulary lacks the unknown token %.60s",
                                    json_string_value(unk));
        }
    }
    return ATTUNE_OK;
}

/* One entry of the list: "left right" or ["left", "right"]. */
static int load_merge(struct attune_tokenizer *tk, struct bpe *m, const json_t *entry,
                      uint32_t rank, struct attune_error *err)
{
    const json_t *left = json_array_get(entry, 0), *right = json_array_get(entry, 1);
    const char *text = json_string_value(entry), *space = text ? strchr(text, ' ') : NULL;

    if (json_array_size(entry) == 2 && json_is_string(left) && json_is_string(right)) {
        return add_merge(tk, m, rank, json_string_value(left), json_string_length(left),
                         json_string_value(right), json_string_length(right), err);
    }
    if (!space || strchr(space + 1, ' ')) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "merge %lu is no pair", (unsigned long)rank);
    }
    return add_merge(tk, m, rank, text, (size_t)(space - text), space + 1,
                     json_string_length(entry) - (size_t)(space + 1 - text), err);
}

/* The same, read from the text. */
static int load_merge_text(struct attune_tokenizer *tk, struct bpe *m, const char **at,
                           struct list_text *left, struct list_text *right, uint32_t rank,
                           struct attune_error *err)
{
    bool pair = list_take(at, '[');
    const char *space;

    if (!list_text(at, left)) {
        return list_refused(err);
    }
    if (pair) {
        return list_take(at, ',') && list_text(at, right) && list_take(at, ']')
                   ? add_merge(tk, m, rank, left->s, left->len, right->s, right->len, err)
                   : list_refused(err);
    }
    space = memchr(left->s, ' ', left->len);
    if (!space || memchr(space + 1, ' ', left->len - (size_t)(space + 1 - left->s))) {
        return list_refused(err);
    }
    return add_merge(tk, m, rank, left->s, (size_t)(space - left->s), space + 1,
                     left->len - (size_t)(space + 1 - left->s), err);
}

/* Two strings each, or one: by the first. */
static size_t count_merges(const struct json_list *list)
{
    const char *at = list->s;

    return list_take(&at, '[') && list_take(&at, '[') ? list->n_texts / 2 : list->n_texts;
}

static int load_merge_list(struct attune_tokenizer *tk, struct bpe *m, const struct json_list *list,
                           struct attune_error *err)
{
    struct list_text left = {0}, right = {0};
    const char *at = list->s;
    size_t n = count_merges(list);
    bool more = list_take(&at, '[') && n > 0;
    int status = ATTUNE_OK;

    for (uint32_t rank = 0; more && rank < n && status == ATTUNE_OK; rank++) {
        status = load_merge_text(tk, m, &at, &left, &right, rank, err);
        more = list_take(&at, ',');
    }
    if (status == ATTUNE_OK && (more || !list_take(&at, ']') || !list_ends(list, at))) {
        status = list_refused(err);
    }
    list_text_done(&left);
    list_text_done(&right);
    return status;
}

static void done(void *model)
{
    struct bpe *m = model;

    if (m) {
        free(m->merges);
        free(m->prefix);
        free(m->suffix);
        free(m);
    }
}

static int from_json(struct attune_tokenizer *tk, const json_t *json, struct attune_error *err)
{
    const json_t *merges = json_object_get(json, "merges");
    const struct json_list *list = tk->lists ? &tk->lists->merges : NULL;
    struct bpe *m = calloc(1, sizeof *m);
    int status = m ? vocab_load(tk, json, err) : no_memory(err);

    tk->model = m;
    if (status) {
        return status;
    }
    m->unk = ATTUNE_TOKEN_NONE;
    if (list ? !list->s : !json_is_array(merges)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "the model has no list of merges");
    }
    status = load_rules(tk, m, json, err);
    if (status == ATTUNE_OK) {
        status = make_tables(tk, m, list ? count_merges(list) : json_array_size(merges), err);
    }
    if (list) {
        return status ? status : load_merge_list(tk, m, list, err);
    }
    for (size_t i = 0; i < json_array_size(merges) && status == ATTUNE_OK; i++) {
        status = load_merge(tk, m, json_array_get(merges, i), (uint32_t)i, err);
    }
    return status;
}

/* A merge as GGUF spells it: the first space that is not the first byte parts it. */
static int load_gguf_merge(struct attune_tokenizer *tk, struct bpe *m, const struct gguf_text *text,
                           uint32_t rank, struct attune_error *err)
{
    const char *space = text->len > 2 ? memchr(text->s + 1, ' ', text->len - 1) : NULL;
    size_t n = space ? (size_t)(space - text->s) : 0;

    if (!space) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "merge %lu is no pair", (unsigned long)rank);
    }
    return add_merge(tk, m, rank, text->s, n, space + 1, text->len - n - 1, err);
}

static int from_gguf(struct attune_tokenizer *tk, const struct gguf *file, struct attune_error *err)
{
    const struct gguf_value *merges = gguf_find(file, "tokenizer.ggml.merges");
    struct gguf_text pre = {"default", 7};
    struct bpe *m = calloc(1, sizeof *m);
    unsigned flags = 0;
    int status;

    tk->model = m;
    if (!m) {
        return no_memory(err);
    }
    m->unk = ATTUNE_TOKEN_NONE;
    if (!merges || merges->type != GGUF_ARRAY || merges->of != GGUF_STRING) {
        return attune_error_set(err, ATTUNE_FORMAT, merges ? merges->offset : 0,
                                "tokenizer.ggml.merges is no list of merges");
    }
    gguf_get_text(file, "tokenizer.ggml.pre", &pre);
    status = pretype_load(tk, pre.s, pre.len, &flags, err);
    if (status == ATTUNE_OK) {
        m->ignore_merges = flags & PRE_IGNORE_MERGES;
        tk->add_bos = flags & PRE_ADD_BOS;
        status = make_tables(tk, m, (size_t)merges->n, err);
    }
    for (uint64_t i = 0; i < merges->n && status == ATTUNE_OK; i++) {
        status = load_gguf_merge(tk, m, &merges->texts[i], (uint32_t)i, err);
    }
    for (size_t i = 0; i < tk->added.n && (flags & PRE_MASK_LSTRIP); i++) {
        tk->added.at[i].flags |= strcmp(tk->added.at[i].text, "<mask>") == 0 ? ADDED_LSTRIP : 0;
    }
    if (status == ATTUNE_OK) {
        status = steps_load_text(&tk->decoders, "{\"type\": \"gguf.ByteLevel\"}", decoder_types,
                                 "decoder", "decoders", err);
    }
    return status;
}

const struct tokenizer_ops tokenizer_bpe = {
    .name = "bpe",
    .type = "BPE",
    .options = "vocab merges dropout unk_token continuing_subword_prefix end_of_word_suffix "
               "fuse_unk? byte_fallback? ignore_merges?",
    .bytes = true,
    .gguf = "gpt2",
    .from_json = from_json,
    .from_gguf = from_gguf,
    .to_gguf = bpe_to_gguf,
    .encode = encode,
    .done = done,
};
