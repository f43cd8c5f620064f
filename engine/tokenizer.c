/* The public face of tokenizers: opening, text to ids, ids to text. */
#include <config.h>

#include <attune/tokenizer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/gguf.h"
#include "engine/mapping.h"
#include "engine/regex.h"
#include "engine/tokenizer.h"
#include "engine/tokenizer_parts.h"
#include "engine/unicode.h"

#define TOKENIZER(name) extern const struct tokenizer_ops tokenizer_##name;
#include "engine/tables.inc"
#undef TOKENIZER

static const struct tokenizer_ops *const models[] = {
#define TOKENIZER(name) &tokenizer_##name,
#include "engine/tables.inc"
#undef TOKENIZER
};

const struct tokenizer_ops *tokenizer_ops_at(size_t i)
{
    return i < sizeof models / sizeof *models ? models[i] : NULL;
}

struct attune_tokenizer *tokenizer_new(struct attune_error *err)
{
    struct attune_tokenizer *tk = calloc(1, sizeof *tk);

    if (!tk) {
        attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        return NULL;
    }
    tk->bos = tk->eos = tk->pad = tk->mask = ATTUNE_TOKEN_NONE;
    tk->cls = tk->sep = tk->unk = ATTUNE_TOKEN_NONE;
    return tk;
}

void attune_tokenizer_close(struct attune_tokenizer *tk)
{
    if (tk) {
        if (tk->ops) {
            tk->ops->done(tk->model);
        }
        vocab_done(&tk->vocab);
        added_done(&tk->added);
        steps_done(&tk->normalizers);
        steps_done(&tk->splitters);
        steps_done(&tk->posts);
        steps_done(&tk->decoders);
        free(tk);
    }
}

static int open_gguf(struct attune_tokenizer **out, const char *path, struct attune_error *err)
{
    struct gguf *file = NULL;
    int status = gguf_open(&file, path, err);

    if (status == ATTUNE_OK) {
        status = tokenizer_from_gguf(out, file, err);
        if (status) {
            attune_error_prefix(err, path);
        }
    }
    gguf_close(file);
    return status;
}

static int open_file(struct attune_tokenizer **out, const char *path, struct attune_error *err)
{
    char magic[4] = "", shown[88];
    struct stat st;
    FILE *f;

    mapping_show(shown, path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* opening a FIFO would wait for ever */
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: neither a file nor a directory", shown);
    }
    f = fopen(path, "rb");
    if (!f) {
        return attune_error_set(err, errno == ENOENT ? ATTUNE_NOT_FOUND : ATTUNE_IO, 0, "%s: %s",
                                shown, strerror(errno));
    }
    if (fread(magic, 1, sizeof magic, f) != sizeof magic) {
        magic[0] = '\0'; /* too short for either: the reader of JSON says what is wrong */
    }
    fclose(f);
    return memcmp(magic, "GGUF", sizeof magic) == 0 ? open_gguf(out, path, err)
                                                    : tokenizer_from_json_file(out, path, err);
}

int attune_tokenizer_open(struct attune_tokenizer **out, const char *path, struct attune_error *err)
{
    struct stat st;

    *out = NULL;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? tokenizer_from_folder(out, path, err)
                                                       : open_file(out, path, err);
}

/* ---- text to ids ---- */
void attune_tokens_done(struct attune_tokens *tokens)
{
    free(tokens->ids);
    free(tokens->start);
    free(tokens->end);
    free(tokens->type_ids);
    free(tokens->special);
    *tokens = (struct attune_tokens){0};
}

int tokens_reserve(struct attune_tokens *tokens, size_t n, struct attune_error *err)
{
    size_t capacity = tokens->capacity < 32 ? 32 : tokens->capacity * 2;
    struct {
        void **array;
        size_t size;
    } arrays[] = {
        {(void **)&tokens->ids, sizeof *tokens->ids},
        {(void **)&tokens->start, sizeof *tokens->start},
        {(void **)&tokens->end, sizeof *tokens->end},
        {(void **)&tokens->type_ids, sizeof *tokens->type_ids},
        {(void **)&tokens->special, sizeof *tokens->special},
    };

    if (n <= tokens->capacity) {
        return ATTUNE_OK;
    }
    capacity = capacity < n ? n : capacity;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        void *more = realloc(*arrays[i].array, capacity * arrays[i].size);

        if (!more) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
        *arrays[i].array = more;
    }
    tokens->capacity = capacity;
    return ATTUNE_OK;
}

int encoding_emit(struct encoding *e, attune_token id, const struct piece *p, size_t from,
                  size_t to)
{
    struct attune_tokens *out = e->out;
    struct span span = piece_span(p, from, to - from);
    int status = out->n < out->capacity ? ATTUNE_OK : tokens_reserve(out, out->n + 1, e->err);

    if (status == ATTUNE_OK) {
        out->ids[out->n] = id;
        out->start[out->n] = span.start;
        out->end[out->n] = span.end;
        out->type_ids[out->n] = e->type_id;
        out->special[out->n++] = 0;
    }
    return status;
}

int encoding_find(struct encoding *e, const struct regex *re, const struct piece *p, size_t from,
                  bool *found, size_t *start, size_t *end)
{
    int status = e->search ? ATTUNE_OK : regex_search_new(&e->search, e->err);

    return status ? status
                  : regex_find(re, e->search, p->s, p->len, from, found, start, end, e->err);
}

static int push_first(struct encoding *e, const struct piece *p)
{
    return splitters_push(e, 0, p);
}

static int encode_text(struct encoding *e, const struct piece *p)
{
    struct piece normalized = *p;
    int status = normalizers_run(e, &normalized);

    return status ? status : added_split(e, &e->tk->added.normalized, &normalized, push_first);
}

/* Text between added tokens: what is no UTF-8 goes straight to the model. */
static int encode_between(struct encoding *e, const struct piece *p)
{
    int status = ATTUNE_OK;

    for (size_t at = 0; at < p->len && status == ATTUNE_OK;) {
        size_t good = unicode_valid(p->s + at, p->len - at), end = at + good;

        if (good > 0) {
            struct piece text = piece_part(p, at, end);

            status = encode_text(e, &text);
        }
        for (at = end;
             end < p->len && unicode_valid(p->s + end, p->len - end < 4 ? p->len - end : 4) == 0;
             end++) {
        }
        if (at < end && status == ATTUNE_OK) {
            struct piece bytes = piece_part(p, at, end);

            bytes.raw = true;
            bytes.bytes = e->tk->byte_level;
            status = e->tk->ops->encode(e, &bytes);
            e->continued = true;
        }
        at = end;
    }
    e->continued = false;
    return status;
}

static int encode_sequence(struct encoding *e, const char *text, size_t len, uint8_t type_id)
{
    struct piece p = {.s = text, .len = len};
    size_t good = unicode_valid(text, len);

    if (len > UINT32_MAX / 2) {
        return attune_error_set(e->err, ATTUNE_ARGUMENT, 0, "a text of %zu bytes is too long", len);
    }
    if (good < len && !e->tk->keeps_bytes) {
        return attune_error_set(
            e->err, ATTUNE_ARGUMENT, good,
            "the text is not UTF-8 at byte %zu, and this vocabulary has no bytes", good);
    }
    e->text = text;
    e->len = len;
    e->type_id = type_id;
    return added_split(e, &e->tk->added.raw, &p, good < len ? encode_between : encode_text);
}

int attune_tokenize(struct attune_tokens *out, const struct attune_tokenizer *tk, const char *text,
                    size_t len, const struct attune_tokenize_options *options,
                    struct attune_error *err)
{
    struct encoding e = {.tk = tk, .options = options, .out = out, .err = err, .first_text = text};
    int status;

    out->n = 0;
    e.arena.limit = arena_limit(len + (options && options->pair ? options->pair_len : 0));
    status = encode_sequence(&e, text, len, 0);
    e.second = out->n;
    if (status == ATTUNE_OK && options && options->pair) {
        status = encode_sequence(&e, options->pair, options->pair_len, 1);
    }
    if (status == ATTUNE_OK) {
        status = posts_run(&e);
    }
    regex_search_free(e.search);
    arena_done(&e.arena);
    out->n = status ? 0 : out->n;
    return status;
}

/* ---- ids to text ---- */
/* A copy of s with a NUL after it; where lossy, U+FFFD for bytes that form no character. */
static char *finish(const char *s, size_t len, bool lossy, size_t *out_len)
{
    bool broken = lossy && unicode_valid(s, len) < len;
    char *out = malloc((broken ? len * 3 : len) + 1);
    size_t n = 0;

    if (!out) {
        return NULL;
    }
    if (!broken) {
        memcpy(out, s, len);
        n = len;
    }
    for (size_t i = 0; broken && i < len;) {
        size_t good = unicode_valid(s + i, len - i);

        memcpy(out + n, s + i, good);
        n += good;
        i += good;
        if (i < len) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
            i += unicode_subpart(s + i, len - i);
        }
    }
    out[n] = '\0';
    *out_len = n;
    return out;
}

static int collect(struct decoding *d, const attune_token *ids, size_t n, bool skip_special)
{
    const struct vocab *v = &d->tk->vocab;
    size_t n_bytes = 0;

    d->at = arena_get(&d->arena, n + 1, sizeof *d->at);
    if (!d->at) {
        return attune_error_set(d->err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *s = vocab_piece(v, ids[i], &len);

        if (ids[i] < 0 || (size_t)ids[i] >= v->size) {
            return attune_error_set(d->err, ATTUNE_ARGUMENT, i,
                                    "id %ld at place %zu: ids are 0 to %zu", (long)ids[i], i,
                                    v->size - 1);
        }
        if (s && !(skip_special && v->kind[ids[i]] == ATTUNE_TOKEN_SPECIAL)) {
            d->at[d->n++] = (struct decoded){s, len, ids[i]};
            n_bytes += len;
        }
    }
    d->arena.limit = arena_limit(n_bytes + n * sizeof *d->at);
    return ATTUNE_OK;
}

int attune_detokenize(char **out, size_t *out_len, const struct attune_tokenizer *tk,
                      const attune_token *ids, size_t n, bool skip_special, bool lossy,
                      struct attune_error *err)
{
    struct decoding d = {.tk = tk, .lossy = lossy, .err = err};
    int status = collect(&d, ids, n, skip_special);

    *out = NULL;
    *out_len = 0;
    if (status == ATTUNE_OK) {
        status = decoders_run(&d);
    }
    if (status == ATTUNE_OK) {
        status = decoding_fuse(&d, tk->decoders.n ? "" : " ");
    }
    if (status == ATTUNE_OK) {
        *out = finish(d.n ? d.at[0].s : "", d.n ? d.at[0].len : 0, lossy, out_len);
        status = *out ? ATTUNE_OK : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    arena_done(&d.arena);
    return status;
}

size_t attune_token_bytes(const struct attune_tokenizer *tk, attune_token id, char *out,
                          size_t capacity)
{
    struct decoding d = {.tk = tk, .inner = true};
    size_t n = 0;

    if (id >= 0 && collect(&d, &id, 1, false) == ATTUNE_OK && decoders_run(&d) == ATTUNE_OK &&
        d.n > 0) {
        n = d.at[0].len;
        memcpy(out, d.at[0].s, n < capacity ? n : capacity);
    }
    arena_done(&d.arena);
    return n;
}

/* ---- what is in it ---- */
const char *attune_token_piece(const struct attune_tokenizer *tk, attune_token id)
{
    size_t len;

    return vocab_piece(&tk->vocab, id, &len);
}

attune_token attune_token_find(const struct attune_tokenizer *tk, const char *piece)
{
    return vocab_find(&tk->vocab, piece, strlen(piece));
}

enum attune_token_kind attune_token_kind(const struct attune_tokenizer *tk, attune_token id)
{
    return id >= 0 && (size_t)id < tk->vocab.size ? (enum attune_token_kind)tk->vocab.kind[id]
                                                  : ATTUNE_TOKEN_UNUSED;
}

size_t attune_tokenizer_size(const struct attune_tokenizer *tk)
{
    return tk->vocab.size;
}

const char *attune_tokenizer_name(const struct attune_tokenizer *tk)
{
    return tk->ops->name;
}

uint64_t attune_tokenizer_digest(const struct attune_tokenizer *tk)
{
    return tk->digest;
}

attune_token attune_tokenizer_bos(const struct attune_tokenizer *tk)
{
    return tk->bos;
}

attune_token attune_tokenizer_eos(const struct attune_tokenizer *tk)
{
    return tk->eos;
}

attune_token attune_tokenizer_pad(const struct attune_tokenizer *tk)
{
    return tk->pad;
}

attune_token attune_tokenizer_mask(const struct attune_tokenizer *tk)
{
    return tk->mask;
}

attune_token attune_tokenizer_cls(const struct attune_tokenizer *tk)
{
    return tk->cls;
}

attune_token attune_tokenizer_sep(const struct attune_tokenizer *tk)
{
    return tk->sep;
}

attune_token attune_tokenizer_unk(const struct attune_tokenizer *tk)
{
    return tk->unk;
}
