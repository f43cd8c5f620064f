/* What a tokenizer is made of, and how a text moves through it.
 *
 *   text -> added tokens cut out -> normalizers -> normalized added tokens cut out
 *        -> splitters (pre-tokenizers) -> model: ids -> post-processors
 *
 * A part of the text on its way is a struct piece: bytes, and for each byte which bytes of the text
 * it comes from. Splitters and the model are pushed pieces one at a time, so nothing holds a list
 * of words. Everything made on the way lives in the arena of the struct encoding, for the one call.
 */
#ifndef ATTUNE_ENGINE_TOKENIZER_PARTS_H
#define ATTUNE_ENGINE_TOKENIZER_PARTS_H

#include <attune/tokenizer.h>
#include <jansson.h>

struct regex;
struct regex_search;
struct gguf;

/* ---- memory of one call ---- */
struct arena_block;
struct arena {
    struct arena_block *last;
};
void *arena_get(struct arena *arena, size_t n, size_t size); /* n * size bytes; NULL: no memory */
void arena_done(struct arena *arena);

/* ---- pieces ---- */
struct span {
    uint32_t start, end; /* bytes of the text */
};

struct piece {
    const char *s;
    size_t len;
    const struct span *align; /* [len]; NULL: byte i of s is byte origin + i of the text */
    size_t origin;            /* where the piece begins in the text */
    bool bytes;               /* byte-level: s stands for one character a byte (see spelled) */
    bool raw;                 /* bytes that are no UTF-8 */
};

struct encoding;

struct span piece_span(const struct piece *p, size_t at, size_t n); /* of n > 0 bytes at at */
struct piece piece_part(const struct piece *p, size_t start, size_t end);

/* A piece in the making: bytes with the span each comes from. */
struct builder {
    struct encoding *e;
    char *s;
    struct span *align;
    size_t n, capacity;
    bool failed;
};
void builder_init(struct builder *b, struct encoding *e, size_t capacity);
void builder_add(struct builder *b, const char *s, size_t len, struct span span);
void builder_add_char(struct builder *b, uint32_t c, struct span span);
void builder_add_piece(struct builder *b, const struct piece *p, size_t start, size_t end);
int builder_finish(struct builder *b, struct piece *p); /* p takes the new bytes */

/* ---- one call of attune_tokenize, one sequence of it ---- */
struct encoding {
    const struct attune_tokenizer *tk;
    const char *text;
    size_t len;
    const struct attune_tokenize_options *options;
    struct arena arena;
    struct regex_search *search; /* made when a pattern first asks */
    struct word_cache *cache;
    bool continued; /* the piece goes on after bytes that are no UTF-8: nothing is put before it */
    struct attune_tokens *out;
    const char *first_text; /* of the first sequence, for the post-processors */
    size_t second;          /* tokens from here on are the second sequence's */
    uint8_t type_id;
    struct attune_error *err;
};
int encoding_no_memory(const struct encoding *e);
int encoding_find(struct encoding *e, const struct regex *re, const struct piece *p, size_t from,
                  bool *found, size_t *start, size_t *end);
/* Appends a token that covers bytes from..to of the piece. */
int encoding_emit(struct encoding *e, attune_token id, const struct piece *p, size_t from,
                  size_t to);
/* Makes room for n tokens in all. */
int tokens_reserve(struct attune_tokens *tokens, size_t n, struct attune_error *err);

/* ---- decoding: a list of texts that the decoders change in turn ---- */
struct decoded {
    const char *s;
    size_t len;
    attune_token id;
};
struct decoding {
    const struct attune_tokenizer *tk;
    struct arena arena;
    struct decoded *at; /* [n] */
    size_t n;
    bool lossy;
    bool inner; /* the tokens follow others: nothing is stripped at the start */
    struct attune_error *err;
};

/* ---- steps: one row a "type" of tokenizer.json ---- */
struct step;
struct step_type {
    const char *name;
    int (*load)(struct step *step, const json_t *json, struct attune_error *err); /* may be NULL */
    int (*normalize)(struct encoding *e, const struct step *step, struct piece *p);
    int (*split)(struct encoding *e, size_t index, const struct step *step, const struct piece *p);
    int (*post)(struct encoding *e, const struct step *step);
    int (*decode)(struct decoding *d, const struct step *step);
};
struct step {
    const struct step_type *type;
    struct regex *regex;
    char *text, *content; /* what it looks for or adds; what it puts there */
    size_t text_len, content_len;
    unsigned flags;
    int behavior, start, stop;
    void *table; /* freed with free() */
    size_t n_table;
};
struct steps {
    struct step *at;
    size_t n;
};
void steps_done(struct steps *steps);
struct step *steps_add(struct steps *steps, const struct step_type *type); /* NULL: no memory */

/* The stages' tables. */
extern const struct step_type normalizer_types[], splitter_types[], post_types[], decoder_types[];
const struct step_type *step_type_find(const struct step_type *types, const char *name);
/* Loads json (null, one step, or a Sequence whose steps are in its member list) through the table;
 * kind names the stage in errors. */
int steps_load(struct steps *steps, const json_t *json, const struct step_type *types,
               const char *kind, const char *list, struct attune_error *err);
/* The same from the text of such JSON; for rules that no file spells out. */
int steps_load_text(struct steps *steps, const char *json, const struct step_type *types,
                    const char *kind, const char *list, struct attune_error *err);
/* The pattern of Split and Replace: {"String": ...} becomes text, {"Regex": ...} regex. */
int step_load_pattern(struct step *step, const json_t *json, struct attune_error *err);

/* From step index on: the remaining splitters, then the model. */
int splitters_push(struct encoding *e, size_t index, const struct piece *p);
int normalizers_run(struct encoding *e, struct piece *p);
/* A character of new text; change: 1 where it is inserted, else 0, or minus how many old characters
 * it takes beyond its own. */
struct item {
    uint32_t c, place;
    int change;
    uint8_t class; /* canonical combining class; 0: starter */
};
int normalizer_write(struct encoding *e, const struct item *items, size_t n, struct piece *p);
int charsmap_load(struct step *step, const json_t *json, struct attune_error *err);
int charsmap_set(struct step *step, const char *map, size_t len, struct attune_error *err);
int charsmap_run(struct encoding *e, const struct step *step, struct piece *p);
int charsmap_run_longest(struct encoding *e, const struct step *step, struct piece *p);
const char *charsmap_find(const struct step *step, const char *s, size_t len, bool longest,
                          size_t *taken);
int normalizer_prepend(struct encoding *e, const char *s, size_t len, struct piece *p);
int normalizer_replace(struct encoding *e, const struct step *step, struct piece *p);
int posts_run(struct encoding *e);
int posts_check(const struct attune_tokenizer *tk, struct attune_error *err); /* its ids exist */
int decoders_run(struct decoding *d);
int decoding_fuse(struct decoding *d, const char *between); /* one text of all */

/* What stands around a text: an id, or one of the sequences. */
enum { TEMPLATE_FIRST = -1, TEMPLATE_SECOND = -2 };
struct template_item {
    attune_token id;
    uint8_t type;
};
int post_add_template(struct steps *steps, const struct template_item *single, size_t n_single,
                      const struct template_item *pair, size_t n_pair, struct attune_error *err);

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
/* {"piece": id, ...} */
int vocab_from_json(struct vocab *v, const json_t *json, struct attune_error *err);
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

/* ---- models ---- */
struct tokenizer_ops {
    const char *name; /* what attune_tokenizer_name says */
    const char *type; /* model.type in tokenizer.json, NULL: never there */
    const char *gguf; /* tokenizer.ggml.model, NULL: never there */
    bool bytes;       /* takes byte-level pieces as bytes; else they are spelled out first */
    int (*from_json)(struct attune_tokenizer *tk, const json_t *model, struct attune_error *err);
    int (*from_gguf)(struct attune_tokenizer *tk, const struct gguf *file,
                     struct attune_error *err);
    int (*encode)(struct encoding *e, const struct piece *p);
    void (*done)(void *model);
};

struct attune_tokenizer {
    const struct tokenizer_ops *ops;
    void *model;
    struct vocab vocab;
    struct added added;
    struct steps normalizers, splitters, posts, decoders;
    attune_token bos, eos, pad, mask, unk;
    bool add_bos, add_eos, add_sep; /* GGUF: what is added where the file does not say */
    bool keeps_bytes;               /* bytes that are no UTF-8 have tokens */
    bool byte_level; /* the model sees bytes: pieces that are no UTF-8 go to it as such */
    uint64_t digest;
};

const struct tokenizer_ops *tokenizer_ops_at(size_t i); /* NULL past the end */
/* Tokens, their kinds and the added ones from tokenizer.ggml.*. */
int vocab_from_gguf(struct attune_tokenizer *tk, const struct gguf *file, struct attune_error *err);
/* U+2581 back to spaces, byte tokens to bytes; prefix: less one space at the start. */
int decoders_add_spaces(struct attune_tokenizer *tk, bool prefix, struct attune_error *err);
/* The patterns and habits that tokenizer.ggml.pre names. */
enum { PRE_IGNORE_MERGES = 1, PRE_ADD_BOS = 2, PRE_MASK_LSTRIP = 4 };
int pretype_load(struct attune_tokenizer *tk, const char *name, size_t len, unsigned *flags,
                 struct attune_error *err);
struct attune_tokenizer *tokenizer_new(struct attune_error *err);

/* ---- byte-level spelling: every byte as one printable character ---- */
uint32_t spelled_char(unsigned char byte);
int spelled_byte(uint32_t c);                               /* -1: no byte is spelled so */
size_t spelled_write(char *out, const char *s, size_t len); /* out: 2 * len bytes */
int fallback_byte(const char *s, size_t len);               /* of "<0x0A>"; -1: no such token */

/* ---- json ---- */
bool json_flag(const json_t *object, const char *key, bool otherwise);
/* A copy of a member string; ATTUNE_FORMAT when it is missing or no string. */
int json_text_copy(const json_t *object, const char *key, char **out, size_t *len,
                   struct attune_error *err);

#endif
