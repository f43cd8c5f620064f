/* A transformer as data: what a family file (family_NAME.c) makes of a checkpoint, and all that the forward
 * pass (forward.c) reads. Adding a family of known parts adds no branch to any loop.
 *
 *   x = embed(token) [+ position]                             [norm]
 *   each layer:  x += O attention(Q n1(x), K n1(x), V n1(x));   x += D act(U n2(x) [, G n2(x)])
 *   logits = head norm(x)                                     (pre-norm, sequential: the common case)
 *
 * Letters: T tokens, d d_model, H query heads, G key/value heads, D head_dim, F d_ff, V vocabulary. */
#ifndef ATTUNE_ENGINE_RECIPE_H
#define ATTUNE_ENGINE_RECIPE_H

#include <attune/model.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quant_ops; /* quant.h: how a row of this type becomes floats and how it is multiplied */

/* rows x cols, one row an output, rows lie row_bytes apart: y = M x. data NULL: the matrix is not there. */
struct matrix {
    const struct quant_ops *type;
    int rows, cols;
    size_t row_bytes;
    const void *data;
    const float *bias; /* [rows] or NULL */
};

enum norm_kind { NORM_NONE, NORM_LAYER, NORM_RMS };
struct norm {
    const float *weight; /* [d] or NULL: all ones */
    const float *bias;   /* [d] or NULL */
};

enum position_kind { POSITION_NONE, POSITION_LEARNED, POSITION_ROTARY, POSITION_ALIBI, POSITION_RELATIVE };
enum rotary_pairs { ROTARY_HALF /* i with i + n/2 */, ROTARY_NEIGHBOUR /* 2i with 2i + 1 */ };
enum activation { ACT_RELU, ACT_GELU_ERF, ACT_GELU_TANH, ACT_SILU, ACT_COUNT };

struct layer {
    struct norm attention_norm, mlp_norm;
    struct norm q_norm, k_norm;             /* over each head, [D]; absent weights: none */
    struct matrix q /* [H*D, d] */, k, v /* [G*D, d] */, o /* [d, H*D] */;
    struct matrix up /* [F, d] */, gate /* [F, d], or absent */, down /* [d, F] */;
};

struct stack { /* one pile of layers with what stands before and after it */
    int n_layers;
    struct layer *layers; /* [n_layers] */
    struct norm embedding_norm;
    struct norm final_norm;
    struct matrix positions; /* learned: [max positions (+ offset), d] */
};

struct recipe {
    enum attune_model_kind kind;
    int d_model, n_heads, n_kv_heads, head_dim, d_ff, n_vocab, n_context;

    enum norm_kind norm;
    float norm_eps;
    bool post_norm;           /* norm after the residual sum instead of before the block */
    bool parallel_residual;   /* x + attention(n1 x) + mlp(n2 x) */
    bool residual_after_norm; /* the residual takes the normed input (BLOOM's option) */

    enum position_kind position;
    int position_offset;      /* learned: row of position 0 */
    int rotary_dims;          /* first dimensions of a head that turn */
    enum rotary_pairs rotary_pairs;
    double rotary_base;
    double rotary_scale;      /* positions are multiplied by this (1 / linear scaling factor) */
    const float *rotary_factors; /* [rotary_dims / 2] divisors of the frequencies, or NULL */

    float attention_scale;    /* 1/sqrt(D), or what the family says; */
    bool scale_by_layer;      /* divided by layer + 1 as well */
    enum activation activation;
    float embedding_scale;    /* 1 unless the family multiplies token rows */
    float logit_scale;        /* 1 unless the family scales before the head */

    struct matrix embedding;  /* [V, d] */
    struct matrix head;       /* [V, d]; the embedding's data where tied */
    bool tied;                /* the head is the embedding */
    struct stack decoder;     /* the only stack of decoder-only models */
};

#endif
