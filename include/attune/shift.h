/* How far a distribution moved: the same context read twice, by two versions of a model or with
 * something of it ablated. Sums are in double, in id order: equal bits for equal logits. */
#ifndef ATTUNE_SHIFT_H
#define ATTUNE_SHIFT_H

#include <attune/dist.h>

struct attune_shift { /* plain data */
    double kl_bits;   /* KL(was || is): what it costs to expect `is` where `was` holds; may be inf */
    double kl_back_bits; /* KL(is || was) */
    double js_bits;   /* Jensen-Shannon divergence: symmetric, 0 to 1 */
    double moved;     /* total variation: the share of mass that stands elsewhere, 0 to 1 */
    bool same_top;    /* the likeliest token is still the same */
};

/* Raw distributions of two rows of logits over one vocabulary. */
void attune_shift_of(struct attune_shift *out, const float *was /* [n] */,
                     const float *is /* [n] */, size_t n);

/* The same of probabilities that are there already, over whatever they are of. */
void attune_shift_of_p(struct attune_shift *out, const double *was /* [n] */,
                       const double *is /* [n] */, size_t n);

/* Where two vocabularies differ, what they share is bytes: the probability that the next byte is 0 .. 255,
 * and last that of tokens without any (the end, control tokens). p: [n] over the vocabulary of tk; what
 * is no number counts as 0. */
#define ATTUNE_SHIFT_BYTES 257
void attune_shift_bytes(double out[ATTUNE_SHIFT_BYTES], const struct attune_tokenizer *tk,
                        const double *p /* [n] */, size_t n);

#endif
