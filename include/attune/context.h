/* One sequence in front of a model: its tokens, the keys and values, the kept queries, the final hidden
 * states. One thread at a time. All memory is taken in _new; nothing is allocated between tokens.
 *
 * Of an encoder-decoder it holds two: what the encoder reads, and what the decoder has written so far.
 * "The tokens" are then the decoder's, from its start token on; those of the encoder have a call of their
 * own.
 *
 * Exactness. The logits of a position depend on the model and on the tokens up to it, and on nothing
 * else: not on the number of threads, on how the tokens were split between calls, or on what was
 * cached. Every sum runs in an order fixed by its own length (engine/kernels.h states the rule).
 * With `fast`, products of many rows with matrices of floats go through BLAS: results are then close,
 * not equal.
 *
 * Activations. A quantised matrix can meet vectors as they are, or rounded to 8 bits in blocks of 32
 * (engine/integer.h states the rule): that is several times faster, as exact in the sense above, and
 * differs from the first by what the rounding costs (engine/README.md has the figures). */
#ifndef ATTUNE_CONTEXT_H
#define ATTUNE_CONTEXT_H

#include <attune/model.h>

struct attune_context;

enum attune_activations {
    ATTUNE_ACTIVATIONS_AUTO, /* q8 where some matrix is quantised, else f32 */
    ATTUNE_ACTIVATIONS_F32,
    ATTUNE_ACTIVATIONS_Q8, /* for quantised matrices; those of floats meet vectors as they are */
    ATTUNE_ACTIVATIONS_COUNT
};
const char *attune_activations_text(enum attune_activations activations); /* "auto", "f32", "q8" */
int attune_activations_parse(enum attune_activations *out, const char *text, struct attune_error *err);
/* How keys and values are kept. Rounded ones are as exact in the sense above: every result, and every
 * attention map, is computed from what is kept. */
enum attune_kv_type { ATTUNE_KV_F32, ATTUNE_KV_F16, ATTUNE_KV_Q8_0 /* heads of 32 n dimensions */, ATTUNE_KV_COUNT };
const char *attune_kv_type_text(enum attune_kv_type type); /* "f32", "f16", "q8_0" */
int attune_kv_type_parse(enum attune_kv_type *out, const char *text, struct attune_error *err);

struct attune_context_options { /* zero means default */
    int n_context;    /* positions to hold; 0: the model's own limit */
    int n_threads;    /* 0: as many as there are cores */
    bool no_queries;  /* do not keep Q: attention maps are then refused */
    bool keep_hidden; /* keep what leaves each block, for attune_context_hidden */
    bool fast;        /* give up exactness for BLAS speed */
    enum attune_activations activations;
    struct attune_progress *progress; /* of weights that are put in order here, the first time */
    enum attune_kv_type kv_type;
};

int attune_context_new(struct attune_context **out, const struct attune_model *model,
                       const struct attune_context_options *options, struct attune_error *err);
void attune_context_free(struct attune_context *ctx);

/* What a model reads. ids is all a decoder needs; the rest may be NULL. */
struct attune_input {
    const attune_token *ids; /* [n]; those of the encoder where there are two stacks */
    size_t n;
    const uint8_t *type_ids; /* [n] segment of each token, for models that tell them apart; NULL: 0 */
    const uint8_t *mask;     /* [n] 0: padding, which nobody looks at; not for decoders */
    const attune_token *decoder_ids; /* [n_decoder], encoder-decoders; NULL: the start token alone */
    size_t n_decoder;
};

/* Makes the context hold exactly this input. The longest common prefix with what it holds stays; the rest
 * is evaluated. An encoder's tokens see each other, so there only the very same input stays. On ATTUNE_CANCELLED
 * the part that was finished stays valid and is reused by the next call. Too many tokens: ATTUNE_FULL, with
 * both numbers in the text. */
int attune_context_sync(struct attune_context *ctx, const struct attune_input *input,
                        struct attune_progress *progress, struct attune_error *err);

/* Adds n tokens to what is held (to the decoder's side of an encoder-decoder). ATTUNE_ARGUMENT for an
 * encoder: it reads its input as a whole. */
int attune_context_append(struct attune_context *ctx, const attune_token *ids, size_t n,
                          struct attune_progress *progress, struct attune_error *err);

/* Forgets everything past the first n tokens. */
void attune_context_truncate(struct attune_context *ctx, size_t n);

size_t attune_context_length(const struct attune_context *ctx);
size_t attune_context_capacity(const struct attune_context *ctx);
int attune_context_threads(const struct attune_context *ctx);
enum attune_kv_type attune_context_kv_type(const struct attune_context *ctx);
const attune_token *attune_context_tokens(const struct attune_context *ctx); /* [length], borrowed */
/* What the encoder of an encoder-decoder holds: [*n], borrowed; *n 0 for other models. */
const attune_token *attune_context_encoder_tokens(const struct attune_context *ctx, size_t *n);
const struct attune_model *attune_context_model(const struct attune_context *ctx);

/* F32 or Q8: what AUTO came to. */
enum attune_activations attune_context_activations(const struct attune_context *ctx);
/* What computes here, as it is kept with a run: the engine's fingerprint, and its activations,
 * keys and values where they are rounded. Borrowed. */
const char *attune_context_engine(const struct attune_context *ctx);
/* What to ask of a context so that it computes as such a line says: F32, or AUTO where they were
 * rounded; how keys and values were kept. */
enum attune_activations attune_engine_activations(const char *engine);
enum attune_kv_type attune_engine_kv_type(const char *engine);

/* Which stack or attention is meant. SELF: the only one of a decoder or an encoder model; for the hidden
 * states and states of an encoder-decoder, where it is left open, the decoder. */
enum attune_stack { ATTUNE_STACK_SELF, ATTUNE_STACK_ENCODER, ATTUNE_STACK_DECODER, ATTUNE_STACK_CROSS,
                    ATTUNE_STACK_COUNT };
const char *attune_stack_text(enum attune_stack stack); /* "self", "encoder", "decoder", "cross" */

/* Logits of positions first .. first+n-1 into out [n, V]. Computed from the kept final hidden states,
 * so any position can be asked for at any time. */
int attune_context_logits(struct attune_context *ctx, size_t first, size_t n, float *out,
                          struct attune_error *err);

/* One of the model's outputs at positions first .. first+n-1 into out [n, width]; for one that reads the
 * first token alone first is 0 and n is 1. Logits are ATTUNE_OUTPUT_TOKENS. ATTUNE_ARGUMENT names what the
 * model has instead. */
int attune_context_output(struct attune_context *ctx, enum attune_output output, size_t first, size_t n,
                          float *out, struct attune_error *err);

/* The final hidden states themselves, into out [n, width]: the reference's last_hidden_state. Their width is
 * d_model but where the model projects them back to a narrower embedding. */
int attune_context_states_width(const struct attune_context *ctx, enum attune_stack stack); /* 0: no such stack */
int attune_context_states(struct attune_context *ctx, enum attune_stack stack, size_t first, size_t n,
                          float *out, struct attune_error *err);

/* How many hidden states there are: one more than layers, as a rule. 0: no such stack. */
int attune_context_hidden_count(const struct attune_context *ctx, enum attune_stack stack);

/* Hidden states of a layer into out [n, d_model]: layer 0 is what enters the first block, i leaves
 * block i, the last is after the final norm where there is one. Needs keep_hidden, else ATTUNE_ARGUMENT. */
int attune_context_hidden(struct attune_context *ctx, enum attune_stack stack, int layer,
                          size_t first, size_t n, float *out, struct attune_error *err);

/* The same inside a layer: what stands between its attention and its MLP, before the norm of the latter;
 * layer i is block i. */
int attune_context_middle(struct attune_context *ctx, enum attune_stack stack, int layer,
                          size_t first, size_t n, float *out, struct attune_error *err);

struct attune_context_stats {
    size_t reused, evaluated; /* tokens of the last sync or append */
    double eval_ms;           /* wall time of it */
    uint64_t bytes;           /* memory held by the context */
    uint64_t kv_bytes;        /* of these, keys and values */
    uint64_t query_bytes;     /* of these, kept for attention maps alone */
};
struct attune_context_stats attune_context_stats(const struct attune_context *ctx);

#endif
