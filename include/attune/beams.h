/* Beam search: the n likeliest texts so far are followed side by side, and of all they can go on with the n
 * likeliest are followed next. Nothing is drawn.
 *
 * What counts as likely is what the chain leaves: without one the model's own probabilities. The search is
 * that of Hugging Face transformers: a text that ends among the n best is finished, its score is
 * log p / length^length_penalty (its end token counts), and it is over when n are finished and none that goes on
 * can be better.
 *
 * The result owns its arrays: attune_beams_done. */
#ifndef ATTUNE_BEAMS_H
#define ATTUNE_BEAMS_H

#include <attune/context.h>
#include <attune/sampler.h>

struct attune_beam_options { /* zero: no tokens at all */
    size_t n_beams;          /* 1 to 256 */
    size_t max_tokens;
    double length_penalty;   /* above 0 favours long texts; 1 is the mean log p of a token */
};

enum attune_beam_state { ATTUNE_BEAM_KEPT, ATTUNE_BEAM_ENDED }; /* ended: its token is an end token */

struct attune_beam { /* a token of the tree, one of those that were followed or that ended a text */
    int32_t parent;  /* index of the one before it, -1 for the first token */
    attune_token id;
    double p;        /* given all before it, after the chain */
    double logprob;  /* of the text up to and with it */
    enum attune_beam_state state;
};

struct attune_beam_level { /* all texts of so many tokens: kept + ended + rest is 1 */
    size_t first, n;       /* its tokens in the tree */
    double kept;           /* probability of the texts that are followed */
    double ended;          /* of those that ended, here or before */
    double rest;           /* of all that was given up, here or before */
};

struct attune_beam_result {
    int32_t last; /* its last token in the tree */
    size_t n;     /* tokens, an end token counted */
    double logprob, score;
    bool ended;
};

struct attune_beams {
    size_t n_nodes, n_levels, n_results;
    struct attune_beam *nodes;         /* [n_nodes] level by level */
    struct attune_beam_level *levels;  /* [n_levels] */
    struct attune_beam_result *results; /* [n_results] by falling score, n_beams at most */
    size_t n_evaluated;                /* tokens that the model read for it */
};

/* The context holds the prompt (at least one token); afterwards it holds one of the texts. A text that leaves
 * another early is read again from there. */
int attune_beams_search(struct attune_beams *out, struct attune_context *ctx, const struct attune_chain *chain,
                        const struct attune_beam_options *options, struct attune_progress *progress,
                        struct attune_error *err);
/* The tokens of a result, in their order: [n]. */
void attune_beams_ids(attune_token *out, const struct attune_beams *beams, const struct attune_beam_result *result);
void attune_beams_done(struct attune_beams *beams);

#endif
