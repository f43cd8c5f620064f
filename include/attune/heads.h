/* What a head does, in numbers: scores over its whole map, the pattern that they fit, and its map made
 * small. The map is walked a few rows at a time; nothing of the size queries x keys is ever held.
 *
 * All is plain data of the caller. For a decoder a query sees the keys up to itself; elsewhere all. */
#ifndef ATTUNE_HEADS_H
#define ATTUNE_HEADS_H

#include <attune/mix.h>

/* SCORE(NAME, name, unit, help): a mean over queries. Shares are of a row's weight, 0 to 1; NaN where the
 * text has no query that could tell (no token comes twice, ...) or the two sides are different texts.
 * Copies and what followed them do not count where they are the token before, which others look at too.
 *
 * References: Clark et al., "What Does BERT Look At?", 2019 (entropy, first token, separators, next and
 * previous token); Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021 (previous
 * token, duplicate token, induction); Olsson et al., "In-context Learning and Induction Heads", 2022
 * (the prefix-matching score, here `induction`). */
#define ATTUNE_HEAD_SCORE_LIST(SCORE)                                                              \
    SCORE(ENTROPY, "entropy", "bits", "how many keys share a row: 2 to the power of it")           \
    SCORE(EVENNESS, "evenness", "", "entropy as a share of the most there can be")                 \
    SCORE(DISTANCE, "distance", "tokens", "how far a query looks, weighted")                       \
    SCORE(FIRST, "first", "", "on the first token, by the others")                                 \
    SCORE(SELF, "self", "", "on the token itself, by those that see another")                      \
    SCORE(PREVIOUS, "previous", "", "on the token before")                                         \
    SCORE(NEXT, "next", "", "on the token after")                                                  \
    SCORE(NEAR, "near", "", "on the token and its neighbours, four at most to either side")        \
    SCORE(INDUCTION, "induction", "", "on what followed earlier copies, by tokens that have one")  \
    SCORE(DUPLICATE, "duplicate", "", "on earlier copies, by tokens that have one")                \
    SCORE(SEPARATOR, "separator", "", "on separators, by tokens that see one")

enum attune_head_score {
#define SCORE(name, text, unit, help) ATTUNE_HEAD_##name,
    ATTUNE_HEAD_SCORE_LIST(SCORE)
#undef SCORE
        ATTUNE_HEAD_SCORE_COUNT
};
const char *attune_head_score_text(enum attune_head_score score); /* "induction" */
const char *attune_head_score_unit(enum attune_head_score score); /* "bits", or "" for a share */
const char *attune_head_score_help(enum attune_head_score score);

/* PATTERN(NAME, name, tier, SCORE, least, queries): the pattern fits where the score is at least `least`
 * and at least so many queries could tell. Of those that fit, the lowest tier counts, and within it the
 * one with the greatest score. Tier 0 is asked of tokens with an earlier copy alone, as such heads rest
 * on the first token elsewhere; tier 1 is one place that takes a good part of every row; tier 2
 * describes what has no such place. */
#define ATTUNE_HEAD_PATTERN_LIST(PATTERN)                                                          \
    PATTERN(INDUCTION, "induction", 0, INDUCTION, 0.3, 3)                                          \
    PATTERN(DUPLICATE, "duplicate", 0, DUPLICATE, 0.3, 3)                                          \
    PATTERN(PREVIOUS, "previous", 1, PREVIOUS, 0.4, 2)                                             \
    PATTERN(NEXT, "next", 1, NEXT, 0.4, 2)                                                         \
    PATTERN(SELF, "self", 1, SELF, 0.4, 2)                                                         \
    PATTERN(FIRST, "first", 1, FIRST, 0.5, 2)                                                      \
    PATTERN(SEPARATOR, "separator", 1, SEPARATOR, 0.5, 2)                                          \
    PATTERN(LOCAL, "local", 2, NEAR, 0.7, 8)                                                       \
    PATTERN(BROAD, "broad", 2, EVENNESS, 0.85, 2)                                                  \
    PATTERN(MIXED, "mixed", 3, ENTROPY, 0, 0)

enum attune_head_pattern {
#define PATTERN(name, text, tier, score, least, queries) ATTUNE_PATTERN_##name,
    ATTUNE_HEAD_PATTERN_LIST(PATTERN)
#undef PATTERN
        ATTUNE_PATTERN_COUNT
};
const char *attune_head_pattern_text(enum attune_head_pattern pattern); /* "previous" */
/* What it takes: the score and the least value of it. */
enum attune_head_score attune_head_pattern_score(enum attune_head_pattern pattern, double *least);

struct attune_head {
    double scores[ATTUNE_HEAD_SCORE_COUNT];
    size_t queries[ATTUNE_HEAD_SCORE_COUNT]; /* that could tell */
    enum attune_head_pattern pattern;
};
/* The pattern of scores that were measured. */
enum attune_head_pattern attune_head_fit(const struct attune_head *head);

/* What stands on the two sides of a map. Pointers are borrowed during a call. */
struct attune_head_text {
    const attune_token *ids;   /* [n_keys] where both sides are one text, else NULL: no query has a copy */
    const uint8_t *separators; /* [n_keys] 1: a separator; or NULL: there are none */
    const uint8_t *left_out;   /* [n_keys] 1: no cell shows it (a sink); or NULL */
};

/* 1 where a token closes or parts sentences: special tokens but the first (which is `first`), and tokens
 * of nothing but . , ; : ! ? and line breaks. tk may be NULL: none are. */
void attune_head_separators(uint8_t *out, const struct attune_tokenizer *tk, const attune_token *ids,
                            size_t n);

/* 1 where a token takes weight that goes nowhere else: the first, and special tokens. */
void attune_head_sinks(uint8_t *out, const struct attune_tokenizer *tk, const attune_token *ids, size_t n);

/* The ids on a side of a map: [*n], borrowed from the context. Cross-attention looks from the decoder's
 * tokens at the encoder's. */
const attune_token *attune_attention_tokens(const struct attune_context *ctx, enum attune_stack kind,
                                            bool queries, size_t *n);

/* Keys after the query are masked. */
bool attune_attention_is_causal(const struct attune_model *model, enum attune_stack kind);

/* A window of a map: queries q0 .. q1-1 over `rows` cells, keys k0 .. k1-1 over `cols` cells. A cell shows
 * the greatest weight it covers, so that no peak is lost; NaN where all is masked or left out. */
struct attune_head_window {
    enum attune_stack kind;
    int layer, head;
    size_t q0, q1, k0, k1;
    int rows, cols;         /* at most as many as tokens */
    struct attune_mix *mix; /* in place of layer and head, of the same kind; or NULL */
};

/* The window into cells [rows, cols], or the scores of the whole map into head, or both in one pass;
 * what is not wanted is NULL. progress is asked between blocks of rows: ATTUNE_CANCELLED. */
int attune_head_read(struct attune_head *head, float *cells, struct attune_context *ctx,
                     const struct attune_head_window *window, const struct attune_head_text *text,
                     struct attune_progress *progress, struct attune_error *err);

#endif
