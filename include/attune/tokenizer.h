/* Text <-> token ids, exactly as the reference implementations do it.
 *
 * A tokenizer is immutable once open: any thread may use it. One that belongs to a model is borrowed
 * from it (attune_model_tokenizer); one opened here is closed by whoever opened it.
 * References: Hugging Face tokenizers 0.22 for tokenizer.json, llama.cpp for GGUF vocabularies. */
#ifndef ATTUNE_TOKENIZER_H
#define ATTUNE_TOKENIZER_H

#include <attune/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int32_t attune_token;
#define ATTUNE_TOKEN_NONE ((attune_token)-1)

struct attune_tokenizer;

/* What a text became. Bytes start..end of the text are what a token covers (a token that holds part of
 * a character covers the whole character; a token added by the template covers nothing: start == end).
 * Owned by the caller: attune_tokens_done frees the arrays; a zeroed struct is empty and may be done. */
struct attune_tokens {
    size_t n, capacity;
    attune_token *ids;  /* [n] */
    size_t *start;      /* [n] first byte in the text (of the pair's text where type_ids is 1) */
    size_t *end;        /* [n] one past the last byte */
    uint8_t *type_ids;  /* [n] 0, or 1 for the second sequence */
    uint8_t *special;   /* [n] 1 where the post-processor added the token */
};
void attune_tokens_done(struct attune_tokens *tokens);

struct attune_tokenize_options {
    bool add_special;     /* apply the post-processor: begin token, CLS/SEP, ... */
    bool parse_special;   /* GGUF: control tokens written in the text are tokens. A tokenizer.json
                             always recognises its added tokens, as its reference does */
    const char *pair;     /* second sequence or NULL */
    size_t pair_len;
};

/* path: a tokenizer.json, the same gzipped, a directory that holds one, or a GGUF file. */
int attune_tokenizer_open(struct attune_tokenizer **out, const char *path, struct attune_error *err);
void attune_tokenizer_close(struct attune_tokenizer *tk);

/* text: len bytes, NUL allowed inside; bytes that are not UTF-8 are kept where the vocabulary has
 * bytes, else ATTUNE_ARGUMENT with the offset in err->where. options may be NULL: nothing added.
 * out is overwritten (its arrays are reused). */
int attune_tokenize(struct attune_tokens *out, const struct attune_tokenizer *tk, const char *text,
                    size_t len, const struct attune_tokenize_options *options,
                    struct attune_error *err);

/* ids -> text: *out is NUL-terminated, *out_len bytes, freed by the caller with free(). With lossy,
 * bytes that form no UTF-8 become U+FFFD as the reference's decoder has it; without, they come out raw. */
int attune_detokenize(char **out, size_t *out_len, const struct attune_tokenizer *tk,
                      const attune_token *ids, size_t n, bool skip_special, bool lossy,
                      struct attune_error *err);

/* The raw bytes that one token stands for when it follows other text (" the", a byte of a character).
 * Copies at most capacity bytes, returns how many there are; 0 for an id that does not exist. */
size_t attune_token_bytes(const struct attune_tokenizer *tk, attune_token id, char *out,
                          size_t capacity);

/* The token as the vocabulary spells it ("Ġthe", "▁the", "<0x0A>"), borrowed; NULL if there is none. */
const char *attune_token_piece(const struct attune_tokenizer *tk, attune_token id);

/* Id of a vocabulary spelling, or ATTUNE_TOKEN_NONE. */
attune_token attune_token_find(const struct attune_tokenizer *tk, const char *piece);

enum attune_token_kind {
    ATTUNE_TOKEN_NORMAL,
    ATTUNE_TOKEN_SPECIAL, /* begin, end, mask, ...: no text */
    ATTUNE_TOKEN_BYTE,    /* one byte of a text that has no other token */
    ATTUNE_TOKEN_UNUSED,  /* no such id, or one the model was never shown */
    ATTUNE_TOKEN_ADDED    /* text that is looked for before the model, but no special token */
};
enum attune_token_kind attune_token_kind(const struct attune_tokenizer *tk, attune_token id);

size_t attune_tokenizer_size(const struct attune_tokenizer *tk);       /* ids are 0 .. size-1 */
const char *attune_tokenizer_name(const struct attune_tokenizer *tk);  /* "bpe", "spm", "unigram", ... */
uint64_t attune_tokenizer_digest(const struct attune_tokenizer *tk);   /* over vocabulary and rules */

/* Roles: as the file names them (for a tokenizer.json: tokenizer_config.json and special_tokens_map.json
 * beside it), else by well-known spellings such as "[CLS]" or "<mask>"; ATTUNE_TOKEN_NONE where there
 * is none. */
attune_token attune_tokenizer_bos(const struct attune_tokenizer *tk);
attune_token attune_tokenizer_eos(const struct attune_tokenizer *tk);
attune_token attune_tokenizer_pad(const struct attune_tokenizer *tk);
attune_token attune_tokenizer_mask(const struct attune_tokenizer *tk);
attune_token attune_tokenizer_cls(const struct attune_tokenizer *tk);
attune_token attune_tokenizer_sep(const struct attune_tokenizer *tk);
attune_token attune_tokenizer_unk(const struct attune_tokenizer *tk);

#endif
