/* SentencePiece's byte-pair model as GGUF files carry it: pieces with scores and no list of merges.
 * Any two neighbours that spell a piece may join; the best score goes first (Kudo and Richardson
 * 2018). What has no piece in the end is written in bytes. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "engine/gguf.h"
#include "engine/tokenizer_merge.h"
#include "engine/tokenizer_parts.h"
#include "engine/unicode.h"

struct spm {
    uint32_t *rank; /* [size]: 0 for the best score; equal scores have equal ranks */
    attune_token fallback[256];
    bool cut; /* no piece goes on with U+2581 after another character */
};

static const char mark[] = "\xe2\x96\x81";
enum { MARK = 3 };

static bool by_scores(const struct attune_tokenizer *tk, const char *s, const struct symbol *left,
                      const struct symbol *right, uint32_t *rank, attune_token *id)
{
    const struct spm *m = tk->model;

    *id = vocab_find(&tk->vocab, s + left->start, left->len + right->len);
    if (*id >= 0) {
        *rank = m->rank[*id];
    }
    return *id >= 0;
}

/* Symbols without a piece as bytes; room for one symbol a byte is there. */
static size_t write_bytes(const struct attune_tokenizer *tk, const char *s,
                          const struct symbol *from, size_t n, struct symbol *to)
{
    const struct spm *m = tk->model;
    size_t out = 0;

    for (size_t i = 0; i < n; i++) {
        if (from[i].id >= 0) {
            to[out++] = from[i];
            continue;
        }
        for (uint32_t k = 0; k < from[i].len; k++) {
            attune_token id = m->fallback[(unsigned char)s[from[i].start + k]];

            id = id >= 0 ? id : tk->unk;
            if (id >= 0) {
                to[out++] = (struct symbol){id, from[i].start + k, 1};
            }
        }
    }
    return out;
}

static int make_symbols(struct encoding *e, const struct piece *p, struct symbol **out, size_t *n)
{
    struct symbol *symbols = arena_get(&e->arena, p->len, sizeof *symbols);
    uint32_t c, len;
    int status;

    *n = 0;
    *out = arena_get(&e->arena, p->len, sizeof **out);
    if (!symbols || !*out) {
        return encoding_no_memory(e);
    }
    for (uint32_t i = 0; i < p->len; i += len) {
        len = p->raw ? 1 : (uint32_t)unicode_decode(p->s + i, p->len - i, &c);
        symbols[(*n)++] = (struct symbol){
            p->raw ? ATTUNE_TOKEN_NONE : vocab_find(&e->tk->vocab, p->s + i, len), i, len};
    }
    status = p->raw ? ATTUNE_OK : merge_symbols(e, by_scores, p->s, symbols, n);
    if (status == ATTUNE_OK) {
        *n = write_bytes(e->tk, p->s, symbols, *n, *out);
    }
    return status;
}

static int encode_word(struct encoding *e, const struct piece *p)
{
    return word_encode(e, p, make_symbols);
}

static int encode(struct encoding *e, const struct piece *p)
{
    const struct spm *m = e->tk->model;

    return m->cut && !p->raw ? word_cut(e, p, encode_word) : encode_word(e, p);
}

/* ---- loading ---- */
struct scored {
    double score;
    attune_token id;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return x->score > y->score ? -1 : x->score < y->score;
}

static int make_ranks(struct attune_tokenizer *tk, struct spm *m, const struct gguf_value *scores,
                      struct attune_error *err)
{
    size_t n = tk->vocab.size;
    struct scored *list = malloc(n * sizeof *list);
    uint32_t rank = 0;

    m->rank = malloc(n * sizeof *m->rank);
    if (!list || !m->rank) {
        free(list);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct scored){gguf_number_at(scores, i), (attune_token)i};
        list[i].score =
            list[i].score == list[i].score ? list[i].score : 0; /* NaN would break the order */
    }
    qsort(list, n, sizeof *list, by_score);
    for (size_t i = 0; i < n; i++) {
        rank = i > 0 && list[i].score < list[i - 1].score ? (uint32_t)i : rank;
        m->rank[list[i].id] = rank;
    }
    free(list);
    return ATTUNE_OK;
}

static bool may_cut(const struct vocab *v)
{
    for (size_t id = 0; id < v->size; id++) {
        size_t len;
        const char *s = vocab_piece(v, (attune_token)id, &len);

        for (size_t i = 1; s && i + MARK <= len; i++) {
            if (memcmp(s + i, mark, MARK) == 0 &&
                (i < MARK || memcmp(s + i - MARK, mark, MARK) != 0)) {
                return false;
            }
        }
    }
    return vocab_find(v, mark, MARK) >= 0;
}

static void find_bytes(struct attune_tokenizer *tk, struct spm *m)
{
    tk->keeps_bytes = true;
    for (int i = 0; i < 256; i++) {
        char spelled[8], byte = (char)i;

        snprintf(spelled, sizeof spelled, "<0x%02X>", (unsigned)i);
        m->fallback[i] = vocab_find(&tk->vocab, spelled, 6);
        if (m->fallback[i] < 0) {
            m->fallback[i] = vocab_find(&tk->vocab, &byte, 1);
        }
        tk->keeps_bytes = tk->keeps_bytes && m->fallback[i] >= 0;
    }
}

static const char normalizers_prefixed[] =
    "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"\\u2581\"},"
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\\u2581\"}]}";
static const char normalizers_plain[] =
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\\u2581\"}";
static int from_gguf(struct attune_tokenizer *tk, const struct gguf *file, struct attune_error *err)
{
    const struct gguf_value *scores = gguf_find(file, "tokenizer.ggml.scores");
    struct spm *m = calloc(1, sizeof *m);
    bool prefix = true;
    int status;

    tk->model = m;
    if (!m) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (!scores || scores->type != GGUF_ARRAY || scores->of == GGUF_STRING ||
        scores->n != tk->vocab.size) {
        return attune_error_set(
            err, ATTUNE_FORMAT, scores ? scores->offset : 0,
            "tokenizer.ggml.scores does not have one number for each of the %zu tokens",
            tk->vocab.size);
    }
    gguf_get_bool(file, "tokenizer.ggml.add_space_prefix", &prefix);
    tk->add_bos = true;
    find_bytes(tk, m);
    m->cut = may_cut(&tk->vocab);
    status = make_ranks(tk, m, scores, err);
    if (status == ATTUNE_OK) {
        status =
            steps_load_text(&tk->normalizers, prefix ? normalizers_prefixed : normalizers_plain,
                            normalizer_types, "normalizer", "normalizers", err);
    }
    return status ? status : decoders_add_spaces(tk, prefix, err);
}

static void done(void *model)
{
    struct spm *m = model;

    if (m) {
        free(m->rank);
        free(m);
    }
}

const struct tokenizer_ops tokenizer_spm = {
    .name = "spm",
    .gguf = "llama",
    .from_gguf = from_gguf,
    .encode = encode,
    .done = done,
};
