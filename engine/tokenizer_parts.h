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

#include "engine/tokenizer_lists.h"
#include "engine/tokenizer_steps.h"
#include "engine/tokenizer_text.h"
#include "engine/tokenizer_vocab.h"

struct gguf;
struct token_list;

/* ---- models ---- */
struct tokenizer_ops {
    const char *name;    /* what attune_tokenizer_name says */
    const char *type;    /* model.type in tokenizer.json, NULL: never there */
    const char *gguf;    /* tokenizer.ggml.model, NULL: never there */
    const char *options; /* of the model, as json_check_options has them */
    bool bytes;          /* takes byte-level pieces as bytes; else they are spelled out first */
    int (*from_json)(struct attune_tokenizer *tk, const json_t *model, struct attune_error *err);
    int (*from_gguf)(struct attune_tokenizer *tk, const struct gguf *file,
                     struct attune_error *err);
    /* What is its own in a GGUF file (tokenizer_write.h); NULL: GGUF has no such model. */
    int (*to_gguf)(struct token_list *out, const struct attune_tokenizer *tk,
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
    attune_token bos, eos, pad, mask, cls, sep, unk;
    bool add_bos, add_eos, add_sep; /* GGUF: what is added where the file does not say */
    bool keeps_bytes;               /* bytes that are no UTF-8 have tokens */
    bool byte_level; /* the model sees bytes: pieces that are no UTF-8 go to it as such */
    uint64_t digest;
    const struct json_lists *lists; /* while a tokenizer.json is read: those that its JSON lacks */
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
/* The name of the patterns that cut texts as tk does, with the same habit as to merges; NULL: there
 * is none. Good until the program ends. */
const char *pretype_find(const struct attune_tokenizer *tk, bool ignore_merges, size_t *len);
/* ---- what stands beside a tokenizer.json ---- */
struct beside {
    json_t *config; /* tokenizer_config.json, NULL: not there */
    json_t *map;    /* special_tokens_map.json, NULL: not there */
};
int beside_load(struct beside *b, const char *folder, struct attune_error *err);
void beside_done(struct beside *b);
/* One such file; *out NULL where it is not there. */
int beside_read(json_t **out, const char *folder, const char *name, struct attune_error *err);
/* What is said of a role ("bos_token"): *content NULL for null. */
int beside_token(const struct beside *b, const char *key, bool *said, const json_t **content,
                 struct attune_error *err);
int roles_find(struct attune_tokenizer *tk, const struct beside *b, struct attune_error *err);
/* Begin and end token where add_bos_token and add_eos_token put them. */
int template_from_config(struct attune_tokenizer *tk, const struct beside *b,
                         struct attune_error *err);

/* lists: NULL where json holds all. */
int tokenizer_from_json(struct attune_tokenizer **out, const json_t *json,
                        const struct json_lists *lists, uint64_t digest,
                        const struct beside *beside, struct attune_error *err);
/* What stands in a list is not as expected: the library shall read it, and say what is wrong. */
int list_refused(struct attune_error *err);
/* {"piece": id, ...} of the model's member vocab */
int vocab_load(struct attune_tokenizer *tk, const json_t *model, struct attune_error *err);
/* From files that are older than tokenizer.json: vocab.txt where words is true, else vocab.json and
 * merges.txt. ATTUNE_NOT_FOUND where nobody knows how that model reads them. */
int tokenizer_from_old_files(struct attune_tokenizer **out, const char *folder, bool words,
                             struct attune_error *err);
struct attune_tokenizer *tokenizer_new(struct attune_error *err);

#endif
