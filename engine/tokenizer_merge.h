/* Joining neighbours until none may be joined: the core that byte-pair models share. */
#ifndef ATTUNE_ENGINE_TOKENIZER_MERGE_H
#define ATTUNE_ENGINE_TOKENIZER_MERGE_H

#include "engine/tokenizer_parts.h"

struct symbol {
    attune_token id;     /* ATTUNE_TOKEN_NONE: not in the vocabulary as it stands */
    uint32_t start, len; /* bytes of the word */
};

/* May left and right (neighbours in the word s) become one? Then its rank (lowest first) and its
 * id. */
typedef bool (*merge_rule)(const struct attune_tokenizer *tk, const char *s,
                           const struct symbol *left, const struct symbol *right, uint32_t *rank,
                           attune_token *id);

/* Joins the *n symbols in place: the pair of lowest rank first, the leftmost of equals. */
int merge_symbols(struct encoding *e, merge_rule rule, const char *s, struct symbol *symbols,
                  size_t *n);

/* What became of words met before in this call. The slot to fill is returned where the word is new.
 */
struct word {
    const char *s;
    const struct symbol *symbols;
    uint32_t len, n;
};
enum { WORD_LONGEST = 48 };
struct word *word_slot(struct encoding *e, const char *s, size_t len, bool *known);
/* Emits p as what it became before, else as what make says: *out from the call's arena. */
int word_encode(struct encoding *e, const struct piece *p,
                int (*make)(struct encoding *e, const struct piece *p, struct symbol **out,
                            size_t *n));

/* Hands over the parts of p that begin with U+2581 after another character, each by itself: for
 * models none of whose merges goes across such a place. */
int word_cut(struct encoding *e, const struct piece *p,
             int (*encode)(struct encoding *e, const struct piece *p));

#endif
