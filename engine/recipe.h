/* A transformer as data: what a family file (family_NAME.c) makes of a checkpoint, and all that the
 * forward pass (forward.c) reads. Adding a family of known parts adds no branch to any loop.
 *
 *   x = embed(token) [+ position] [+ segment]                 [norm] [project]
 *   each layer:  x += O attention(Q n1(x), K n1(x), V n1(x));
 *                x += O attention(Q n2(x), K memory, V memory);      where there is an encoder
 *                x += D act(U n3(x) [, G n3(x)])
 *   logits = out [norm act dense] norm(x)                     (pre-norm, sequential: the common
 * case)
 *
 * Letters: T tokens, d d_model, e d_embedding, H query heads, G key/value heads, D head_dim, F
 * d_ff, V vocabulary. */
#ifndef ATTUNE_ENGINE_RECIPE_H
#define ATTUNE_ENGINE_RECIPE_H

#include <attune/model.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quant_ops; /* quant.h: how a row of this type becomes floats and how it is multiplied */

/* rows x cols, one row an output, rows lie row_bytes apart: y = M x. type NULL: the matrix is not
 * there. */
struct matrix {
    const struct quant_ops *type;
    int rows, cols;
    size_t row_bytes;
    const void *data;  /* NULL as well where only headers were read */
    const float *bias; /* [rows] or NULL */
};

enum norm_kind { NORM_NONE, NORM_LAYER, NORM_RMS };
struct norm {
    const float *weight; /* [d]; NULL: no norm here */
    const float *bias;   /* [d] or NULL */
};

enum position_kind {
    POSITION_NONE,
    POSITION_LEARNED,
    POSITION_SINUSOIDAL,
    POSITION_ROTARY,
    POSITION_ALIBI,
    POSITION_RELATIVE
};
enum rotary_pairs { ROTARY_HALF /* i with i + n/2 */, ROTARY_NEIGHBOUR /* 2i with 2i + 1 */ };
enum activation {
    ACT_IDENTITY,
    ACT_RELU,
    ACT_GELU_ERF,
    ACT_GELU_TANH,
    ACT_SILU,
    ACT_TANH,
    ACT_COUNT
};

struct attention { /* one attention of a layer, with the norm that belongs to it */
    struct norm norm;
    struct norm q_norm, k_norm; /* over each head, [D]; absent weights: none */
    struct matrix q /* [H*D, d] */, k, v /* [G*D, d] */, o /* [d, H*D] */;
};

struct layer {
    struct attention self;
    struct attention cross; /* reads the encoder; its matrices are not there in other models */
    struct norm mlp_norm;
    struct matrix up /* [F, d] */, gate /* [F, d], or absent */, down /* [d, F] */;
};

struct stack { /* one pile of layers with what stands before and after it */
    int n_layers;
    int n_groups; /* layer i has the weights of group i * n_groups / n_layers; 0: each its own */
    int n_heads, n_kv_heads, head_dim, d_ff;
    bool causal;                /* a token sees those before it, else all */
    float attention_scale;      /* 1/sqrt(D), or what the family says */
    struct layer *layers;       /* [n_layers] */
    struct norm embedding_norm; /* [e] */
    struct norm final_norm;
    struct matrix positions; /* learned or computed: [positions (+ offset), e or d] */
    struct matrix segments;  /* [n_segments, e]: added by type id */
    struct matrix relative;  /* [buckets, H]: added to the products of every layer (T5) */
};

/* What stands on top: out (norm (act (dense x))) of every token or of the first one alone. */
struct output {
    struct matrix dense; /* or absent */
    enum activation activation;
    struct norm norm;  /* over dense's rows, or absent */
    struct matrix out; /* absent: what is asked for is what dense gives */
};

struct recipe {
    enum attune_model_kind kind;
    int d_model, d_embedding, n_vocab, n_context;
    int n_segments, n_labels; /* 0: none */
    const char **labels;      /* [n_labels] as the file names them */
    bool many_labels;         /* several may hold at once */

    enum norm_kind norm;
    float norm_eps;
    bool post_norm;           /* norm after the residual sum instead of before the block */
    bool parallel_residual;   /* x + attention(n1 x) + mlp(n2 x) */
    bool residual_after_norm; /* the residual takes the normed input (BLOOM's option) */

    enum position_kind position;
    int position_offset; /* learned: row of position 0 */
    bool skip_padding; /* tokens are counted without padding, which has row offset - 1 (RoBERTa) */
    attune_token padding; /* that token */
    int rotary_dims;      /* first dimensions of a head that turn */
    enum rotary_pairs rotary_pairs;
    double rotary_base;
    double rotary_scale;         /* positions are multiplied by this (1 / linear scaling factor) */
    const float *rotary_factors; /* [rotary_dims / 2] divisors of the frequencies, or NULL */
    int relative_buckets,
        relative_distance; /* distances share buckets, logarithmically up to the second */

    bool scale_by_layer; /* attention_scale is divided by layer + 1 as well */
    float clamp_qkv;     /* q, k, v are cut to +- this; 0: not */
    enum activation activation;
    float embedding_scale; /* 1 unless the family multiplies token rows */
    float logit_scale;     /* 1 unless the family scales before the head */

    struct matrix embedding;  /* [V, e] */
    struct matrix project_in; /* [d, e] after the embedding; absent: e = d */
    bool tied;                /* the head is the embedding */
    int hidden_beyond; /* hidden states past layer 0: n_layers, or one less where the reference's
                          last one leaves a projection and has another width (OPT-350m) */
    struct output outputs[ATTUNE_OUTPUT_COUNT];
    struct stack main;          /* what the outputs read: the only stack, or the decoder of two */
    struct stack encoder;       /* what cross-attention reads; n_layers 0: there is none */
    attune_token decoder_start; /* what a decoder with an encoder begins with */
    attune_token never;         /* is not generated (MarianMT's padding), or ATTUNE_TOKEN_NONE */
};

#endif
