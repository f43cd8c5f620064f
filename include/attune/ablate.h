/* Ablation: what a head, a block or a whole layer says is left out (`zero`), or replaced by its mean
 * (`mean`), and everything behind it is computed from that. A set of them is a line of text:
 *
 *     2.1            head 1 of layer 2 says nothing (what its output is multiplied with stays)
 *     3.*:mean       every head of layer 3 says its mean
 *     4.mlp          the MLP of layer 4 adds nothing; 4.attention, 4.cross: that block
 *     5              no block of layer 5 adds anything: what enters it leaves it
 *     *.0            head 0 of every layer
 *     2.1:off        taken out of the set again
 *     encoder.2.1    of an encoder-decoder; without a word the decoder is meant
 *     cross.0.3      a head of the decoder's attention to the encoder
 *
 * A mean is taken over the tokens so far, the present one included, where tokens see those before
 * them, so that no logit depends on what comes later; elsewhere over all that are no padding.
 *
 * Reference: Michel et al., "Are Sixteen Heads Really Better than One?", 2019; mean ablation as in
 * Wang et al., "Interpretability in the Wild", 2023, with the text itself as the sample. */
#ifndef ATTUNE_ABLATE_H
#define ATTUNE_ABLATE_H

#include <attune/context.h>

/* The set in its shortest form, in the order of the layers; what says the same has the same text.
 * "" stays "". *out: free(). Names what the model does not have. */
int attune_ablation_text(char **out, const struct attune_model *model, const char *text,
                         struct attune_error *err);

/* What the set says of one item of such a list, "2.1" or "encoder.3": NOT also where there is none. */
enum attune_ablated { ATTUNE_ABLATED_NOT, ATTUNE_ABLATED_ZERO, ATTUNE_ABLATED_MEAN };
enum attune_ablated attune_ablation_of(const struct attune_model *model, const char *text,
                                       const char *item);

/* From now on the context computes with this set; NULL or "": the model as it is. Another set than
 * before forgets all tokens, as none of what was computed holds. The context takes a copy. */
int attune_context_ablate(struct attune_context *ctx, const char *text, struct attune_error *err);
/* The set in its shortest form, "" without one: borrowed, until the next call of ablate. */
const char *attune_context_ablation(const struct attune_context *ctx);

#endif
