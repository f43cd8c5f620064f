/* What fits: the tokens of a prompt against the context of a model, block by block. */
#ifndef ATTUNE_BUDGET_H
#define ATTUNE_BUDGET_H

#include <attune/prompt.h>
#include <attune/tokenizer.h>

struct attune_budget {
    size_t context;    /* positions there are */
    size_t prompt;     /* tokens of the prompt, those of the post-processor included */
    size_t max_tokens; /* asked for on top */
    int64_t left;      /* context - prompt - max_tokens; below 0: does not fit */
};

struct attune_budget attune_budget_of(size_t context, size_t prompt, size_t max_tokens);

/* Tokens of each block into counts [n_blocks]: a token belongs to the block that its first byte
 * came from. Returns how many belong to none (added by the post-processor). */
size_t attune_budget_blocks(size_t *counts, size_t n_blocks, const struct attune_rendered *rendered,
                            const struct attune_tokens *tokens);

/* Renders and tokenizes the prompt; if it does not fit, switches shots off, the first in the prompt
 * first, until it does. The blocks switched off come out in dropped [prompt->n] (caller's storage;
 * indices into prompt->blocks) with their number in n_dropped. Without `trim` nothing is switched
 * off: what does not fit is ATTUNE_FULL with the numbers, as it is where no shots are left. The
 * prompt is unchanged then. The _done of rendered and tokens is the caller's, whatever is returned. */
int attune_budget_fit(struct attune_budget *out, struct attune_rendered *rendered,
                      struct attune_tokens *tokens, size_t *dropped, size_t *n_dropped,
                      struct attune_prompt *prompt, const struct attune_tokenizer *tk,
                      size_t context, size_t max_tokens, bool trim, struct attune_error *err);

/* What to do with a prompt that is too long. */
enum attune_cut_rule {
    ATTUNE_CUT_NONE,   /* refuse it */
    ATTUNE_CUT_SHOTS,  /* switch shots off, the first in the prompt first */
    ATTUNE_CUT_LEFT,   /* take the front of its longest text away */
    ATTUNE_CUT_MIDDLE, /* or the middle */
    ATTUNE_CUT_COUNT
};
const char *attune_cut_text(enum attune_cut_rule rule); /* "none", "shots", "left", "middle" */
bool attune_cut_find(enum attune_cut_rule *out, const char *name);

struct attune_cut { /* what went; owned by the caller */
    enum attune_cut_rule rule;
    size_t tokens;           /* 0: it fits as it is, nothing went */
    size_t block, from, to;  /* left, middle: bytes of the block's text as it was */
    char *text;              /* and what they held; else NULL */
    size_t *blocks, n_blocks; /* shots: [n_blocks] those that were switched off */
};
/* Cuts the prompt by the rule until it and max_tokens fit, and records what went (attune_prompt_note,
 * "cut"). ATTUNE_FULL where the rule is not enough; the prompt is unchanged then. */
int attune_prompt_cut(struct attune_cut *cut, struct attune_prompt *prompt,
                      const struct attune_tokenizer *tk, size_t context, size_t max_tokens,
                      enum attune_cut_rule rule, struct attune_error *err);
void attune_cut_done(struct attune_cut *cut);

#endif
