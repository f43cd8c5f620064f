/* Byte-pair encoding as GGUF has it: merges for vocabularies of bytes, scores for SentencePiece's.
 */
#include <config.h>

#include "engine/tokenizer_bpe.h"

#include <stdlib.h>
#include <string.h>

#include "engine/gguf_write.h"
#include "engine/tokenizer_write.h"

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static int by_rank(const void *a, const void *b)
{
    const struct merge *x = a, *y = b;

    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The merges, the first of all first: *out is freed by the caller. */
static int list_merges(struct merge **out, size_t *n, const struct bpe *m, struct attune_error *err)
{
    *n = 0;
    *out = malloc((m->n_slots + 1) * sizeof **out);
    if (!*out) {
        return no_memory(err);
    }
    for (size_t i = 0; i < m->n_slots; i++) {
        if (m->merges[i].left >= 0) {
            (*out)[(*n)++] = m->merges[i];
        }
    }
    qsort(*out, *n, sizeof **out, by_rank);
    return ATTUNE_OK;
}

static int write_merges(struct gguf_writer *w, const struct attune_tokenizer *tk,
                        const struct merge *merges, size_t n, struct attune_error *err)
{
    struct gguf_text *texts = calloc(n + 1, sizeof *texts);
    size_t n_bytes = 1, len;
    char *bytes, *at;

    for (size_t i = 0; i < n; i++) {
        n_bytes += tk->vocab.length[merges[i].left] + tk->vocab.length[merges[i].right] + 1;
    }
    bytes = at = malloc(n_bytes);
    if (texts && bytes) {
        for (size_t i = 0; i < n; i++) {
            const char *piece = vocab_piece(&tk->vocab, merges[i].left, &len);

            texts[i].s = at;
            memcpy(at, piece, len);
            at += len;
            *at++ = ' ';
            piece = vocab_piece(&tk->vocab, merges[i].right, &len);
            memcpy(at, piece, len);
            at += len;
            texts[i].len = (size_t)(at - texts[i].s);
        }
        gguf_write_texts(w, "tokenizer.ggml.merges", texts, n);
    }
    free(texts);
    free(bytes);
    return texts && bytes ? ATTUNE_OK : no_memory(err);
}

/* A pair that spells a piece without being a merge would be joined where scores decide. */
static bool all_pairs_merge(const struct attune_tokenizer *tk, const struct bpe *m)
{
    const struct vocab *v = &tk->vocab;
    size_t len;

    for (size_t id = 0; id < v->size; id++) {
        const char *s = vocab_piece(v, (attune_token)id, &len);

        for (size_t i = 1; s && v->kind[id] == ATTUNE_TOKEN_NORMAL && i < len; i++) {
            attune_token left = (s[i] & 0xc0) == 0x80 ? -1 : vocab_find(v, s, i),
                         right = left < 0 ? -1 : vocab_find(v, s + i, len - i);

            if (right >= 0 && v->kind[left] == ATTUNE_TOKEN_NORMAL &&
                v->kind[right] == ATTUNE_TOKEN_NORMAL &&
                m->merges[bpe_slot(m, left, right)].left < 0) {
                return false;
            }
        }
    }
    return true;
}

/* SentencePiece's scores again: minus the place of the first merge that gives a piece. They say the
 * same where a piece's merges stand together and every pair that could merge does. */
static int score_merges(struct token_list *out, const struct attune_tokenizer *tk,
                        const struct merge *merges, size_t n, struct attune_error *err)
{
    const struct vocab *v = &tk->vocab;
    bool ordered = all_pairs_merge(tk, tk->model);
    size_t place = 0;

    for (size_t i = 0; i < n && ordered; i++) {
        if (i == 0 || merges[i].id != merges[i - 1].id) {
            float *score = &out->scores[merges[i].id];

            ordered = *score == 0;
            *score = -(float)++place;
        }
    }
    if (!ordered) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "the tokenizer's merges are not those of SentencePiece, and GGUF "
                                "has scores in their place");
    }
    for (size_t id = 0; id < v->size; id++) {
        if (v->kind[id] == ATTUNE_TOKEN_NORMAL && out->scores[id] == 0) {
            out->scores[id] = -(float)++place;
        }
    }
    out->model = "llama";
    out->scored = true;
    return ATTUNE_OK;
}

int bpe_to_gguf(struct token_list *out, const struct attune_tokenizer *tk, struct attune_error *err)
{
    const struct bpe *m = tk->model;
    struct merge *merges = NULL;
    size_t n, len = 0;
    const char *pre = tk->byte_level ? pretype_find(tk, m->ignore_merges, &len) : NULL;
    int status;

    if (m->prefix_len || m->suffix_len || (!tk->byte_level && !m->byte_fallback)) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "GGUF has no BPE with %s",
                                m->prefix_len || m->suffix_len ? "prefixes or suffixes"
                                                               : "characters in place of bytes");
    }
    if (tk->byte_level && !pre) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "GGUF has no name for the way this tokenizer cuts a text "
                                "(pre_tokenizer)");
    }
    status = list_merges(&merges, &n, m, err);
    if (status == ATTUNE_OK && !tk->byte_level) {
        status = score_merges(out, tk, merges, n, err);
    } else if (status == ATTUNE_OK) {
        gguf_write_name(out->w, "tokenizer.ggml.pre", (struct gguf_text){pre, len});
        status = write_merges(out->w, tk, merges, n, err);
    }
    free(merges);
    return status;
}
