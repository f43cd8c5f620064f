/* Models with reference numbers, for tests of evaluation. The small ones come along; more lie
 * beside the source tree, if at all: `golden_open` then says false. All is freed by golden_close.
 */
#ifndef ATTUNE_TESTS_GOLDEN_H
#define ATTUNE_TESTS_GOLDEN_H

#include <attune/context.h>
#include <attune/tensors.h>
#include <stdbool.h>

enum { GOLDEN_TOKENS = 512 };

struct golden {
    const char *name; /* "gguf/llama-f32" */
    bool hf;          /* which of the two sets, and so which tolerances */
    struct attune_model *model;
    struct attune_tensors *file;
    attune_token ids[GOLDEN_TOKENS]; /* the prompt */
    size_t n;
};

bool golden_open(struct golden *out, const char *name);
void golden_close(struct golden *golden);

/* Floats of a tensor; fails the test unless it has the shape (n_dims extents follow). NULL if
 * absent. */
const float *golden_floats(const struct golden *golden, const char *tensor, int n_dims, ...);

/* All decoders there are, ended by NULL. */
extern const char *const golden_names[];
/* Encoders, encoder-decoders, and a decoder whose embedding is narrower than the model. */
extern const char *const golden_stacks[];

/* One input of a golden; prefix "padded." is the second one of those that have it. false: it has
 * none. */
struct golden_input {
    struct attune_input input; /* points into what follows */
    attune_token ids[GOLDEN_TOKENS], decoder_ids[GOLDEN_TOKENS];
    uint8_t types[GOLDEN_TOKENS], mask[GOLDEN_TOKENS];
};
bool golden_input(struct golden_input *out, const struct golden *golden, const char *prefix);

/* n ids that the model knows, always the same for the same arguments. */
void golden_random_ids(attune_token *out, size_t n, const struct golden *golden, uint64_t seed);

#endif
