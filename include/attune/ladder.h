/* The ladder: one query behind no shot, one, two, ...; how the distribution of the next token moves as
 * shots are added, and how probable the answer becomes. Zero-, one- and few-shot as Brown et al., "Language
 * Models are Few-Shot Learners" (2020), section 2, have them: the weights stay, the text before grows.
 *
 * A rung's text begins like the one before it, so the context reads each shot once and the query once a rung. */
#ifndef ATTUNE_LADDER_H
#define ATTUNE_LADDER_H

#include <attune/context.h>
#include <attune/prompt.h>
#include <attune/shift.h>

#define ATTUNE_LADDER_MOST 16 /* rungs */

struct attune_rung { /* plain data */
    size_t shots;              /* the first so many of the prompt's shots are on */
    size_t n_tokens;           /* of the text as it is sent */
    double entropy_bits;       /* of the next token */
    struct attune_shift shift; /* from the rung before to this one; of the first all 0 and the same top */
    size_t n_answer;           /* tokens of the answer, 0 without one */
    double answer_logp;        /* log p of the whole answer (natural), NaN without one */
    bool answer_top;           /* each token of it is the likeliest where it stands */
};

struct attune_ladder { /* owned by the caller; a zeroed struct may be done */
    size_t n;
    struct attune_rung rungs[ATTUNE_LADDER_MOST];
    size_t n_ids;
    attune_token *ids; /* [n_ids] what some rung finds likely, by the highest p it has on any of them */
    double *p;         /* [n_ids, n] raw probability */
};

struct attune_ladder_options {
    size_t shots[ATTUNE_LADDER_MOST]; /* rising, none above what the prompt has (on or off) */
    size_t n;
    const char *answer; /* what should follow the query, as a shot's answer is written, or NULL */
    size_t n_ids;       /* so many tokens are listed, at most ATTUNE_DIST_TOP a rung */
};

/* 0, 1, 2, ... up to the shots of the prompt; where these are more than `most` rungs (at most
 * ATTUNE_LADDER_MOST), 0, 1, 2, 4, 8, ... and the last one all. */
void attune_ladder_rungs(struct attune_ladder_options *out, const struct attune_prompt *prompt, size_t most);

/* ctx belongs to a decoder with a tokenizer (else ATTUNE_UNSUPPORTED) and holds the last rung afterwards.
 * A rung that does not fit the context is ATTUNE_FULL, an answer that no text can follow ATTUNE_ARGUMENT.
 * On failure *out is empty. */
int attune_ladder_climb(struct attune_ladder *out, struct attune_context *ctx, const struct attune_prompt *prompt,
                        const struct attune_ladder_options *options, struct attune_progress *progress,
                        struct attune_error *err);
void attune_ladder_done(struct attune_ladder *ladder);

/* What the template puts between the query and the end of a shot's answer: " Positive" where the shot has
 * "Sentiment: {{output}}" and the query "Sentiment:{{output}}". *out is freed by the caller. */
int attune_ladder_continuation(char **out, const struct attune_prompt *prompt, const char *answer,
                               struct attune_error *err);

#endif
