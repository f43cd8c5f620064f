/* How probable each of several answers is behind a prompt: labels of a classification, choices of a question.
 *
 * An answer of several tokens has the product of their probabilities, which makes long answers unlikely for
 * no other reason than their length: so its mean a token and its mean a byte stand beside it. Answers
 * that a model favours whatever is asked are set right by what it says where nothing is asked (a prompt
 * with "N/A" in the place of its content).
 * References: lm-evaluation-harness (acc and acc_norm); Zhao et al., "Calibrate before use", ICML 2021. */
#ifndef ATTUNE_LABELS_H
#define ATTUNE_LABELS_H

#include <attune/context.h>

struct attune_label { /* of one answer */
    size_t n_tokens, n_bytes;
    double logprob;      /* natural, of all its tokens in a row */
    double free_logprob; /* log of its mean probability behind the content-free prompts; NaN: none asked for */
    /* Shares among the answers; each of these columns adds up to 1. */
    double p, p_token, p_byte; /* by logprob, by its mean a token, by its mean a byte */
    double p_calibrated;       /* by p over the content-free p; NaN */
};

/* The tokens of an answer behind a text: those that the text with the answer has more than the text alone, or
 * where the last ones of the text grow together with it, those of the answer by itself. */
int attune_label_tokens(struct attune_tokens *out, const struct attune_tokenizer *tk, const char *text,
                        size_t text_len, const char *answer, struct attune_error *err);

/* Fills n_tokens and logprob of each of n answers behind the input (a decoder's ids, or an encoder-decoder's
 * two lists). The context ends up holding the input and the last answer. */
int attune_labels_measure(struct attune_label *out /* [n] */, struct attune_context *ctx,
                          const struct attune_input *input, const struct attune_tokens *answers /* [n] */,
                          size_t n, struct attune_progress *progress, struct attune_error *err);

/* The shares of n answers whose n_tokens, n_bytes, logprob and free_logprob are set. */
void attune_labels_share(struct attune_label *labels /* [n] */, size_t n);

#endif
