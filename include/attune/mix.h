/* Several heads as one map, or one head weighted by what its values say. Computed when asked, a few
 * rows at a time, from what the context keeps.
 *
 *   mean, max   over the heads of a layer or of the whole model
 *   rollout     rows of A(l) ... A(1) A(0), A(i) = (I + mean of the heads of layer i) / 2: how much of
 *               each token has come through l + 1 layers, if what a layer adds counts as much as what
 *               enters it (Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020).
 *               Of an encoder or of a decoder, not across two texts
 *   sum         of chosen heads, each times its number: 0.1:0.5,2.3:1
 *   norm        one head, each weight times the length of what the value adds: |w| ||O v|| (Kobayashi
 *               et al., "Attention is Not Only a Weight", 2020)
 *
 * A rollout needs all rows of all layers for any row of it: it keeps the rows that were prepared,
 * [rows, keys], until the context reads something else. The others keep nothing of such a size.
 *
 * A mixture borrows its context. */
#ifndef ATTUNE_MIX_H
#define ATTUNE_MIX_H

#include <attune/attention.h>

#define ATTUNE_MIX_LIST(WAY)                                                                       \
    WAY(HEAD, "head", "one head as it is")                                                         \
    WAY(MEAN, "mean", "the mean over heads")                                                       \
    WAY(MAX, "max", "the most of any head")                                                        \
    WAY(ROLLOUT, "rollout", "how far tokens have flowed through the layers")                       \
    WAY(SUM, "sum", "chosen heads, each times its number")                                         \
    WAY(NORM, "norm", "one head, weights times the length of what the value adds")

enum attune_mix_way {
#define WAY(name, text, help) ATTUNE_MIX_##name,
    ATTUNE_MIX_LIST(WAY)
#undef WAY
        ATTUNE_MIX_COUNT
};
const char *attune_mix_way_text(enum attune_mix_way way); /* "rollout" */
const char *attune_mix_way_help(enum attune_mix_way way);

struct attune_mix_options {
    enum attune_stack kind;
    enum attune_mix_way way;
    int layer; /* HEAD, NORM: whose head; MEAN, MAX: that layer, ROLLOUT: up to it; -1: all layers */
    int head;  /* HEAD, NORM */
    const char *heads; /* SUM: the list; without a number a head counts once */
};

struct attune_mix;
int attune_mix_new(struct attune_mix **out, struct attune_context *ctx,
                   const struct attune_mix_options *options, struct attune_error *err);
void attune_mix_free(struct attune_mix *mix);

/* Rows q0 .. q1-1 are about to be asked for: what is cheaper together is done now. ATTUNE_CANCELLED
 * through progress. */
int attune_mix_prepare(struct attune_mix *mix, size_t q0, size_t q1,
                       struct attune_progress *progress, struct attune_error *err);
/* As attune_attention_slice. */
int attune_mix_slice(struct attune_mix *mix, size_t q0, size_t nq, size_t k0, size_t nk, float *out,
                     struct attune_progress *progress, struct attune_error *err);

/* "mean of the heads of layer 2", "rollout of layers 0-5", "sum 0.1:0.5,2.3:1": for titles. */
void attune_mix_title(char *out, size_t capacity, const struct attune_mix_options *options,
                      int n_layers);
const struct attune_mix_options *attune_mix_options_of(const struct attune_mix *mix); /* borrowed */

#endif
