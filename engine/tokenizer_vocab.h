/* What a tokenizer knows by heart: its pieces, and those that are looked for in the text itself. */
#ifndef ATTUNE_ENGINE_TOKENIZER_VOCAB_H
#define ATTUNE_ENGINE_TOKENIZER_VOCAB_H

#include <attune/tokenizer.h>
#include <jansson.h>

struct encoding;
struct piece;

/* ---- vocabulary: spelling <-> id, in one arena and one hash table ---- */
struct vocab {
    char *text; /* all spellings, each NUL-terminated */
    size_t text_len, text_capacity;
    uint32_t *offset; /* [size] into text; UINT32_MAX: no such id */
    uint32_t *length; /* [size] */
    uint8_t *kind;    /* [size] enum attune_token_kind */
    uint8_t *added;   /* [size] 1 for tokens that are looked for in the text itself */
    size_t size, capacity;
    uint32_t *slots; /* [n_slots] id + 1, 0 empty */
    size_t n_slots, n_pieces;
};
int vocab_init(struct vocab *v, size_t n_pieces, size_t n_bytes, struct attune_error *err);
void vocab_done(struct vocab *v);
/* ATTUNE_FORMAT for an id that is out of all proportion or taken; a spelling already there stays
 * with its first id when again is true, else is an error. */
int vocab_add(struct vocab *v, attune_token id, const char *s, size_t len, bool again,
              struct attune_error *err);
attune_token vocab_find(const struct vocab *v, const char *s, size_t len);
const char *vocab_piece(const struct vocab *v, attune_token id, size_t *len);
uint64_t hash_bytes(const char *s, size_t len);

/* ---- added tokens ---- */
enum {
    ADDED_LSTRIP = 1,
    ADDED_RSTRIP = 2,
    ADDED_WORD = 4,
    ADDED_NORMALIZED = 8,
    ADDED_CONTROL = 16
};
struct added_token {
    attune_token id;
    unsigned flags;
    char *text;
    size_t len;
};
struct trie {
    struct trie_node *nodes;
    size_t n, capacity;
    uint32_t root[256];
};
struct added {
    struct added_token *at; /* [n] */
    size_t n;
    struct trie raw, normalized; /* values index at[] */
    bool
        longest_first; /* llama.cpp: longer tokens first wherever they are; else leftmost-longest */
};
int added_add(struct added *added, attune_token id, const char *s, size_t len, unsigned flags,
              struct attune_error *err);
int added_build(struct attune_tokenizer *tk, struct attune_error *err);
void added_done(struct added *added);
/* Emits the added tokens in p and hands the parts between them to rest. */
int added_split(struct encoding *e, const struct trie *trie, const struct piece *p,
                int (*rest)(struct encoding *e, const struct piece *p));

#endif
