/* Unigram (Kudo 2018): every piece has a log-probability; a text becomes the sequence of pieces
 * whose sum is highest (Viterbi). Sums run left to right in double, and a later path replaces an
 * earlier one only where it is strictly better, so that ties fall as in the reference. */
#include <config.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gguf.h"
#include "engine/tokenizer_merge.h"
#include "engine/tokenizer_parts.h"
#include "engine/tokenizer_write.h"
#include "engine/unicode.h"

/* An edge of the trie of all pieces: from a node by a byte to another node. */
struct edge {
    uint32_t key; /* node << 8 | byte, plus 1; 0: empty */
    uint32_t node;
};

struct unigram {
    struct edge *edges; /* [n_slots], hashed by key */
    size_t n_slots;
    attune_token *id; /* [n_nodes] of the piece that ends at a node */
    uint32_t n_nodes, node_capacity;
    double *score; /* [size] */
    double unk_score;
    attune_token unk;
    attune_token fallback[256];
    bool byte_fallback, by_spelling;
};

enum { UNK_PENALTY = 10, MOST_NODES = 1 << 23 };

static struct edge *find_edge(const struct unigram *m, uint32_t node, unsigned char byte)
{
    uint32_t key = (node << 8 | byte) + 1;
    size_t i = (key * 0x9e3779b1u >> 4) & (m->n_slots - 1);

    while (m->edges[i].key && m->edges[i].key != key) {
        i = (i + 1) & (m->n_slots - 1);
    }
    return &m->edges[i];
}

static int insert(struct unigram *m, const char *s, size_t len, attune_token id,
                  struct attune_error *err)
{
    uint32_t node = 0;

    for (size_t i = 0; i < len; i++) {
        struct edge *edge = find_edge(m, node, (unsigned char)s[i]);

        if (!edge->key) {
            if (m->n_nodes == m->node_capacity) {
                return attune_error_set(err, ATTUNE_FORMAT, 0,
                                        "the pieces of the vocabulary are too long");
            }
            *edge = (struct edge){(node << 8 | (unsigned char)s[i]) + 1, m->n_nodes};
            m->id[m->n_nodes++] = ATTUNE_TOKEN_NONE;
        }
        node = edge->node;
    }
    if (len > 0) {
        m->id[node] = id;
    }
    return ATTUNE_OK;
}

/* ---- Viterbi ---- */
struct best {
    double score;
    uint32_t start; /* where the piece that ends here begins; UINT32_MAX: nothing ends here */
    attune_token id;
};

static void offer(struct best *best, double score, uint32_t start, attune_token id)
{
    if (best->start == UINT32_MAX || score > best->score) {
        *best = (struct best){score, start, id};
    }
}

/* best[i]: the best way to write the first i bytes. */
static void find_best(const struct unigram *m, const char *s, size_t len, struct best *best)
{
    uint32_t c, n;

    best[0] = (struct best){0, 0, ATTUNE_TOKEN_NONE};
    for (size_t i = 1; i <= len; i++) {
        best[i].start = UINT32_MAX;
    }
    for (uint32_t i = 0; i < len; i += n) {
        double here = best[i].score;
        uint32_t node = 0;
        bool single = false;

        n = (uint32_t)unicode_decode(s + i, len - i, &c);
        for (uint32_t end = i; end < len; end++) {
            const struct edge *edge = find_edge(m, node, (unsigned char)s[end]);

            if (!edge->key) {
                break;
            }
            node = edge->node;
            if (m->id[node] >= 0) {
                offer(&best[end + 1], m->score[m->id[node]] + here, i, m->id[node]);
                single = single || end + 1 - i == n;
            }
        }
        if (!single) {
            offer(&best[i + n], m->unk_score + here, i, m->unk);
        }
    }
}

/* An unknown stretch: by its spelling, by its bytes, or as the unknown token. */
static size_t write_unknown(const struct attune_tokenizer *tk, const char *s, uint32_t start,
                            uint32_t len, struct symbol *out)
{
    const struct unigram *m = tk->model;
    attune_token id = m->by_spelling ? vocab_find(&tk->vocab, s + start, len) : ATTUNE_TOKEN_NONE;
    bool bytes = m->byte_fallback && id < 0;

    for (uint32_t i = 0; i < len && bytes; i++) {
        bytes = m->fallback[(unsigned char)s[start + i]] >= 0;
    }
    for (uint32_t i = 0; i < len && bytes; i++) {
        out[i] = (struct symbol){m->fallback[(unsigned char)s[start + i]], start + i, 1};
    }
    if (!bytes) {
        out[0] = (struct symbol){id >= 0 ? id : m->unk, start, len};
    }
    return bytes ? len : 1;
}

static int make_symbols(struct encoding *e, const struct piece *p, struct symbol **out, size_t *n)
{
    const struct unigram *m = e->tk->model;
    struct best *best = arena_get(&e->arena, p->len + 1, sizeof *best);
    struct symbol *steps = arena_get(&e->arena, p->len, sizeof *steps);
    size_t k = p->len;

    *n = 0;
    *out = arena_get(&e->arena, p->len, sizeof **out);
    if (!best || !steps || !*out) {
        return encoding_no_memory(e);
    }
    find_best(m, p->s, p->len, best);
    for (uint32_t end = (uint32_t)p->len; end > 0;
         end = best[end].start) { /* backwards, filled from behind */
        steps[--k] = (struct symbol){best[end].id, best[end].start, end - best[end].start};
    }
    for (size_t i = k; i < p->len;) {
        struct symbol step = steps[i++];

        if (step.id != m->unk) {
            (*out)[(*n)++] = step;
            continue;
        }
        while (i < p->len && steps[i].id == m->unk) { /* neighbours that are unknown are one */
            step.len += steps[i++].len;
        }
        *n += write_unknown(e->tk, p->s, step.start, step.len, *out + *n);
    }
    return ATTUNE_OK;
}

static int write_raw(struct encoding *e, const struct piece *p)
{
    const struct unigram *m = e->tk->model;
    int status = ATTUNE_OK;

    for (size_t i = 0; i < p->len && status == ATTUNE_OK; i++) {
        status = encoding_emit(e, m->fallback[(unsigned char)p->s[i]], p, i, i + 1);
    }
    return status;
}

static int encode(struct encoding *e, const struct piece *p)
{
    return p->raw ? write_raw(e, p) : word_encode(e, p, make_symbols);
}

/* ---- loading ---- */
static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

/* Room for a trie of n_bytes of pieces. */
static int make_trie(struct unigram *m, size_t n_bytes, struct attune_error *err)
{
    size_t n = n_bytes + 1 < MOST_NODES ? n_bytes + 1 : MOST_NODES;

    m->n_slots = 64;
    while (m->n_slots < n * 2) {
        m->n_slots *= 2;
    }
    m->edges = calloc(m->n_slots, sizeof *m->edges);
    m->id = malloc(n * sizeof *m->id);
    if (!m->edges || !m->id) {
        return no_memory(err);
    }
    m->id[0] = ATTUNE_TOKEN_NONE;
    m->n_nodes = 1;
    m->node_capacity = (uint32_t)n;
    return ATTUNE_OK;
}

/* The number that the reference reads where x was written in its shortest form: all digits as one
 * whole number, converted to double, then one multiplication or division by a power of ten. In the
 * last bit that differs from the correctly rounded x for a quarter of all scores, and ties turn on
 * it. */
static double read_score(double x)
{
    char text[40];
    uint64_t digits = 0;
    int n = 0, zeros = 0, exponent;
    double value, power = 1;

    if (!isfinite(x) || x == 0) {
        return x;
    }
    for (int precision = 14; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, fabs(x));
        if (strtod(text, NULL) == fabs(x)) {
            break;
        }
    }
    exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    for (const char *c = text; *c != 'e'; c++) {
        if (*c < '0' || *c > '9') {
            continue;
        }
        zeros = *c == '0' ? zeros + 1 : 0;
        digits = digits * 10 + (uint64_t)(*c - '0');
        n++;
    }
    for (int i = 0; i < zeros; i++) {
        digits /= 10;
    }
    exponent -= n - zeros - 1;
    if (exponent < -22 || exponent > 22) {
        return x; /* powers beyond 10^22 are not exact; no score is so small */
    }
    for (int i = 0; i < abs(exponent); i++) {
        power *= 10;
    }
    value = exponent < 0 ? (double)digits / power : (double)digits * power;
    return x < 0 ? -value : value;
}

static void find_bytes(struct attune_tokenizer *tk, struct unigram *m)
{
    tk->keeps_bytes = m->byte_fallback;
    for (int i = 0; i < 256; i++) {
        char spelled[8];

        snprintf(spelled, sizeof spelled, "<0x%02X>", (unsigned)i);
        m->fallback[i] = vocab_find(&tk->vocab, spelled, 6);
        tk->keeps_bytes = tk->keeps_bytes && m->fallback[i] >= 0;
        if (m->byte_fallback && m->fallback[i] >= 0) {
            tk->vocab.kind[m->fallback[i]] = ATTUNE_TOKEN_BYTE;
        }
    }
}

/* Room for n pieces of n_bytes in all. */
static int make_room(struct attune_tokenizer *tk, struct unigram *m, size_t n, size_t n_bytes,
                     struct attune_error *err)
{
    int status = n == 0 || n > INT32_MAX
                     ? attune_error_set(err, ATTUNE_FORMAT, 0, "the model has no list of pieces")
                     : vocab_init(&tk->vocab, n, n_bytes, err);

    if (status == ATTUNE_OK) {
        status = make_trie(m, n_bytes, err);
    }
    if (status == ATTUNE_OK && !(m->score = calloc(n, sizeof *m->score))) {
        status = no_memory(err);
    }
    m->unk_score = INFINITY;
    return status;
}

static int add_piece(struct attune_tokenizer *tk, struct unigram *m, size_t i, const char *s,
                     size_t len, double score, struct attune_error *err)
{
    int status = vocab_add(&tk->vocab, (attune_token)i, s, len, true, err);

    m->score[i] = score;
    m->unk_score = score - UNK_PENALTY < m->unk_score ? score - UNK_PENALTY : m->unk_score;
    return status ? status : insert(m, s, len, (attune_token)i, err);
}

/* [["piece", score], ...]; the id is the place in the list. */
static int load_pieces(struct attune_tokenizer *tk, struct unigram *m, const json_t *list,
                       struct attune_error *err)
{
    size_t n = json_array_size(list), n_bytes = 0;
    int status;

    for (size_t i = 0; i < n; i++) {
        n_bytes += json_string_length(json_array_get(json_array_get(list, i), 0));
    }
    status = make_room(tk, m, n, n_bytes, err);
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        const json_t *piece = json_array_get(json_array_get(list, i), 0),
                     *score = json_array_get(json_array_get(list, i), 1);

        if (!json_is_string(piece) || !json_is_number(score)) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "piece %zu is not [text, score]", i);
        }
        status = add_piece(tk, m, i, json_string_value(piece), json_string_length(piece),
                           read_score(json_number_value(score)), err);
    }
    return status;
}

/* The same, read from the text. */
static int load_piece_list(struct attune_tokenizer *tk, struct unigram *m,
                           const struct json_list *list, struct attune_error *err)
{
    int status = make_room(tk, m, list->n_texts, list->n_bytes, err);
    struct list_text piece = {0};
    const char *at = list->s;
    bool more = list_take(&at, '[');

    for (size_t i = 0; i < list->n_texts && more && status == ATTUNE_OK; i++) {
        double score;

        status = list_take(&at, '[') && list_text(&at, &piece) && list_take(&at, ',') &&
                         list_decimal(&at, &score) && list_take(&at, ']')
                     ? add_piece(tk, m, i, piece.s, piece.len, score, err)
                     : list_refused(err);
        more = list_take(&at, ',');
    }
    if (status == ATTUNE_OK && (more || !list_take(&at, ']') || !list_ends(list, at))) {
        status = list_refused(err);
    }
    list_text_done(&piece);
    return status;
}

static int from_json(struct attune_tokenizer *tk, const json_t *json, struct attune_error *err)
{
    const json_t *unk = json_object_get(json, "unk_id");
    struct unigram *m = calloc(1, sizeof *m);
    int status;

    tk->model = m;
    if (!m) {
        return no_memory(err);
    }
    m->byte_fallback = json_flag(json, "byte_fallback", false);
    m->by_spelling = true;
    status = tk->lists ? load_piece_list(tk, m, &tk->lists->vocab, err)
                       : load_pieces(tk, m, json_object_get(json, "vocab"), err);
    if (status) {
        return status;
    }
    if (!json_is_integer(unk) || json_integer_value(unk) < 0 ||
        (size_t)json_integer_value(unk) >= tk->vocab.size) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "unk_id is missing or names no piece");
    }
    m->unk = tk->unk = (attune_token)json_integer_value(unk);
    find_bytes(tk, m);
    return ATTUNE_OK;
}

/* ---- GGUF ---- */
/* Ordinary, user-defined and unused pieces may be met; the score of what the user defined is 0. */
static int load_gguf_pieces(struct attune_tokenizer *tk, struct unigram *m,
                            const struct gguf_value *scores, struct attune_error *err)
{
    double least = INFINITY;
    int status = make_trie(m, tk->vocab.text_len, err);

    m->score = calloc(tk->vocab.size, sizeof *m->score);
    if (status == ATTUNE_OK && !m->score) {
        return no_memory(err);
    }
    for (size_t i = 0; i < tk->vocab.size && status == ATTUNE_OK; i++) {
        enum attune_token_kind kind = (enum attune_token_kind)tk->vocab.kind[i];
        size_t len;
        const char *s = vocab_piece(&tk->vocab, (attune_token)i, &len);

        m->score[i] = kind == ATTUNE_TOKEN_ADDED ? 0 : gguf_number_at(scores, i);
        if (!isfinite(m->score[i])) {
            return attune_error_set(err, ATTUNE_FORMAT, scores->offset,
                                    "the score of token %zu is no number", i);
        }
        if (kind == ATTUNE_TOKEN_NORMAL && m->score[i] < least) {
            least = m->score[i];
        }
        if (s && (kind == ATTUNE_TOKEN_NORMAL || kind == ATTUNE_TOKEN_ADDED ||
                  kind == ATTUNE_TOKEN_UNUSED)) {
            status = insert(m, s, len, (attune_token)i, err);
        }
    }
    m->unk_score = (isfinite(least) ? least : 0) - UNK_PENALTY;
    return status;
}

static int load_gguf_steps(struct attune_tokenizer *tk, const struct gguf *file,
                           struct attune_error *err)
{
    const struct gguf_value *map = gguf_find(file, "tokenizer.ggml.precompiled_charsmap");
    bool prefix = true, merge = true;
    char json[160];
    int status = ATTUNE_OK;

    gguf_get_bool(file, "tokenizer.ggml.add_space_prefix", &prefix);
    gguf_get_bool(file, "tokenizer.ggml.remove_extra_whitespaces", &merge);
    if (map && (map->type != GGUF_ARRAY || (map->of != GGUF_U8 && map->of != GGUF_I8))) {
        return attune_error_set(err, ATTUNE_FORMAT, map->offset,
                                "tokenizer.ggml.precompiled_charsmap is no list of bytes");
    }
    if (map && map->n > 0) {
        struct step *step =
            steps_add(&tk->normalizers, step_type_find(normalizer_types, "gguf.Precompiled"));

        status = step ? charsmap_set(step, map->data, (size_t)map->n, err) : no_memory(err);
    }
    if (status == ATTUNE_OK) {
        snprintf(json, sizeof json, "{\"type\": \"gguf.Spaces\", \"prefix\": %s, \"merge\": %s}",
                 prefix ? "true" : "false", merge ? "true" : "false");
        status = steps_load_text(&tk->normalizers, json, normalizer_types, "normalizer",
                                 "normalizers", err);
    }
    return status ? status : decoders_add_spaces(tk, prefix, err);
}

static int from_gguf(struct attune_tokenizer *tk, const struct gguf *file, struct attune_error *err)
{
    const struct gguf_value *scores = gguf_find(file, "tokenizer.ggml.scores");
    struct unigram *m = calloc(1, sizeof *m);
    int status;

    tk->model = m;
    if (!m) {
        return no_memory(err);
    }
    if (!scores || scores->type != GGUF_ARRAY || scores->of == GGUF_STRING ||
        scores->n != tk->vocab.size) {
        return attune_error_set(
            err, ATTUNE_FORMAT, scores ? scores->offset : 0,
            "tokenizer.ggml.scores does not have one number for each of the %zu tokens",
            tk->vocab.size);
    }
    if (tk->unk < 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "tokenizer.ggml.unknown_token_id is missing or names no token");
    }
    m->unk = tk->unk;
    tk->add_eos = true;
    status = load_gguf_pieces(tk, m, scores, err);
    return status ? status : load_gguf_steps(tk, file, err);
}

static int to_gguf(struct token_list *out, const struct attune_tokenizer *tk,
                   struct attune_error *err)
{
    const struct unigram *m = tk->model;

    for (size_t i = 0; i < tk->vocab.size && i < out->n; i++) {
        out->scores[i] = (float)m->score[i];
    }
    out->scored = true;
    return ATTUNE_OK;
}

static void done(void *model)
{
    struct unigram *m = model;

    if (m) {
        free(m->edges);
        free(m->id);
        free(m->score);
        free(m);
    }
}

const struct tokenizer_ops tokenizer_unigram = {
    .name = "unigram",
    .type = "Unigram",
    .options = "vocab unk_id byte_fallback?",
    .gguf = "t5",
    .from_json = from_json,
    .from_gguf = from_gguf,
    .to_gguf = to_gguf,
    .encode = encode,
    .done = done,
};
