/* Text on its way through a tokenizer: pieces that know where they come from, the one call that
 * they live in, and texts that are put together again. */
#ifndef ATTUNE_ENGINE_TOKENIZER_TEXT_H
#define ATTUNE_ENGINE_TOKENIZER_TEXT_H

#include <attune/tokenizer.h>
#include <string.h>

struct regex;
struct regex_search;

/* ---- memory of one call ---- */
struct arena_block;
struct arena {
    struct arena_block *last;
    size_t held, limit; /* bytes; no limit where it is 0 */
    bool full;          /* something was refused because of the limit */
};
void *arena_get(struct arena *arena, size_t n, size_t size); /* n * size bytes; NULL: no memory */
/* The limit for n bytes of text: more than any sane tokenizer takes. Steps that multiply what they
 * are given, one after the other, would take all there is. */
size_t arena_limit(size_t n);
/* Fails because the arena gave nothing: for want of memory, or because of its limit. */
int arena_failed(const struct arena *arena, struct attune_error *err);
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

/* The first place of a text of n > 0 bytes, or NULL. It looks no further than it has to, under a
 * sanitizer too (memmem is checked to its end on every call: looking for all places would be
 * quadratic). */
static inline const char *text_find(const char *s, size_t len, const char *text, size_t n)
{
    const char *at;

    while (n > 0 && len >= n && (at = memchr(s, text[0], len - n + 1))) {
        if (memcmp(at, text, n) == 0) {
            return at;
        }
        len -= (size_t)(at + 1 - s);
        s = at + 1;
    }
    return NULL;
}

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
/* The same of ASCII alone, each byte through map[128]. */
void builder_add_mapped(struct builder *b, const struct piece *p, size_t start, size_t end,
                        const unsigned char *map);
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

/* ---- byte-level spelling: every byte as one printable character ---- */
uint32_t spelled_char(unsigned char byte);
int spelled_byte(uint32_t c);                               /* -1: no byte is spelled so */
size_t spelled_write(char *out, const char *s, size_t len); /* out: 2 * len bytes */
int fallback_byte(const char *s, size_t len);               /* of "<0x0A>"; -1: no such token */

#endif
