/* WordPiece (Schuster and Nakajima 2012, as BERT uses it): the longest piece from the left, again
 * and again; a word that cannot be covered is one unknown token. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "engine/gguf.h"
#include "engine/tokenizer_merge.h"
#include "engine/tokenizer_parts.h"

struct wordpiece {
    char *prefix; /* of a piece that goes on a word: "##" */
    size_t prefix_len, longest, max_chars;
    attune_token unk;
};

static size_t count_chars(const struct piece *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->len; i++) {
        n += (p->s[i] & 0xc0) != 0x80;
    }
    return n;
}

/* The longest piece that p has at start; *end is where it ends. */
static attune_token match(const struct attune_tokenizer *tk, const struct piece *p, size_t start,
                          char *buffer, size_t *end)
{
    const struct wordpiece *m = tk->model;
    size_t before = start ? m->prefix_len : 0;
    size_t most = m->longest > before ? m->longest - before : 0;

    *end = p->len - start > most ? start + most : p->len;
    memcpy(buffer, m->prefix, before);
    memcpy(buffer + before, p->s + start, *end - start);
    for (; *end > start; (*end)--) {
        attune_token id;

        if (*end < p->len && (p->s[*end] & 0xc0) == 0x80) {
            continue;
        }
        id = vocab_find(&tk->vocab, buffer, before + *end - start);
        if (id >= 0) {
            return id;
        }
    }
    return ATTUNE_TOKEN_NONE;
}

/* One symbol a piece; the unknown token alone where the word cannot be covered. */
static int make_symbols(struct encoding *e, const struct piece *p, struct symbol **out, size_t *n)
{
    const struct wordpiece *m = e->tk->model;
    char *buffer = arena_get(&e->arena, m->longest + m->prefix_len + 1, 1);
    struct symbol *symbols = arena_get(&e->arena, p->len, sizeof *symbols);
    bool whole = count_chars(p) <= m->max_chars;
    size_t end;

    *out = symbols;
    *n = 0;
    if (!buffer || !symbols) {
        return encoding_no_memory(e);
    }
    for (size_t at = 0; at < p->len && whole; at = end) {
        attune_token id = match(e->tk, p, at, buffer, &end);

        whole = id >= 0;
        symbols[(*n)++] = (struct symbol){id, (uint32_t)at, (uint32_t)(end - at)};
    }
    if (!whole) {
        symbols[0] = (struct symbol){m->unk, 0, (uint32_t)p->len};
        *n = 1;
    }
    return ATTUNE_OK;
}

static int encode(struct encoding *e, const struct piece *p)
{
    return word_encode(e, p, make_symbols);
}

static void measure(const struct vocab *v, struct wordpiece *m)
{
    for (size_t i = 0; i < v->size; i++) {
        m->longest = v->length[i] > m->longest ? v->length[i] : m->longest;
    }
}

static int from_json(struct attune_tokenizer *tk, const json_t *json, struct attune_error *err)
{
    const json_t *unk = json_object_get(json, "unk_token"),
                 *most = json_object_get(json, "max_input_chars_per_word");
    struct wordpiece *m = calloc(1, sizeof *m);
    int status;

    tk->model = m;
    if (!m) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    status = vocab_load(tk, json, err);
    if (status == ATTUNE_OK) {
        status = json_text_copy(json, "continuing_subword_prefix", &m->prefix, &m->prefix_len, err);
    }
    if (status) {
        return status;
    }
    m->max_chars = json_is_integer(most) && json_integer_value(most) >= 0
                       ? (size_t)json_integer_value(most)
                       : 100;
    m->unk = json_is_string(unk)
                 ? vocab_find(&tk->vocab, json_string_value(unk), json_string_length(unk))
                 : ATTUNE_TOKEN_NONE;
    if (m->unk < 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "the vocabulary lacks the unknown token");
    }
    tk->unk = m->unk;
    measure(&tk->vocab, m);
    return ATTUNE_OK;
}

/* GGUF: U+2581 leads what begins a word, and nothing marks what goes on; llama.cpp puts it before
 * every word, so that both are one search. */
static int from_gguf(struct attune_tokenizer *tk, const struct gguf *file, struct attune_error *err)
{
    struct wordpiece *m = calloc(1, sizeof *m);
    int status;

    tk->model = m;
    if (!m || !(m->prefix = calloc(1, 1))) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    m->max_chars = SIZE_MAX;
    m->unk = tk->unk;
    if (m->unk < 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "tokenizer.ggml.unknown_token_id is missing or names no token");
    }
    measure(&tk->vocab, m);
    tk->add_bos = tk->add_sep = true;
    status = steps_load_text(&tk->normalizers, "{\"type\": \"gguf.Bert\"}", normalizer_types,
                             "normalizer", "normalizers", err);
    if (status == ATTUNE_OK) {
        status = steps_load_text(&tk->splitters, "{\"type\": \"WhitespaceSplit\"}", splitter_types,
                                 "pre_tokenizer", "pretokenizers", err);
    }
    if (status == ATTUNE_OK) {
        status = decoders_add_spaces(tk, false, err);
    }
    return status ? status
                  : steps_load_text(&tk->decoders, "{\"type\": \"gguf.CleanUp\"}", decoder_types,
                                    "decoder", "decoders", err);
}

static int to_gguf(struct token_list *out, const struct attune_tokenizer *tk,
                   struct attune_error *err)
{
    const struct wordpiece *m = tk->model;

    if (m->prefix_len != 2 || memcmp(m->prefix, "##", 2) != 0) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "GGUF has no WordPiece whose pieces go on with anything but ##");
    }
    return ATTUNE_OK;
}

static void done(void *model)
{
    struct wordpiece *m = model;

    if (m) {
        free(m->prefix);
        free(m);
    }
}

const struct tokenizer_ops tokenizer_wordpiece = {
    .name = "wordpiece",
    .type = "WordPiece",
    .options = "vocab unk_token continuing_subword_prefix max_input_chars_per_word#",
    .gguf = "bert",
    .from_json = from_json,
    .from_gguf = from_gguf,
    .to_gguf = to_gguf,
    .encode = encode,
    .done = done,
};
