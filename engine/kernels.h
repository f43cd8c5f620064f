/* The arithmetic of the forward pass, once for each instruction set (kernel_NAME.c), chosen when
 * the program runs.
 *
 * THE RULE OF EXACTNESS. A dot product of length n is 16 lane sums: lane l starts at 0 and takes
 * k = l, l + 16, l + 32, ... in rising order, each by one fused multiply-add; elements past n count
 * as zeros. Then the lanes are added as a tree: l with l + 8, then l + 4, l + 2, l + 1. Every other
 * reduction (norms, softmax) runs in the same lanes and the same tree. The weighted sum of the
 * values goes over the keys in rising order, one fused multiply-add each. Matrices are widened to
 * float32 by the definition of their type (quant.h), activations stay float32, and exp is one
 * polynomial. Where activations are rounded for quantised matrices, integer.h has the rule. So a
 * result depends on its row and its vector alone: not on threads, on how many tokens come at once,
 * on what was cached, and not on the instruction set. kernels_body.inc is the one text of all of
 * them. */
#ifndef ATTUNE_ENGINE_KERNELS_H
#define ATTUNE_ENGINE_KERNELS_H

#include <attune/error.h>

#include "engine/recipe.h"

/* Rows of a stored type, without a float copy of them in memory. */
struct kernel_stored {
    uint32_t ggml_type;
    /* y[r] = row r . x, rows row_bytes apart */
    void (*dots)(float *y /* [rows] */, const void *w, size_t row_bytes, size_t rows,
                 const float *x /* [n] */, size_t n);
    /* as quant_ops.to_float */
    void (*widen)(float *out /* [n] */, const void *row, size_t n);
    /* as quant_ops.from_float, but that no finite number becomes infinite; may be NULL */
    void (*narrow)(void *row, const float *x /* [n] */, size_t n);
};

struct kernel_ops {
    const char *name;
    const char *fingerprint; /* what attune_engine_fingerprint returns */
    int speed;               /* the fastest usable one is taken */
    bool (*usable)(void);
    struct kernel_stored stored[8]; /* ends with dots == NULL */

    /* The same for any type that has quant_ops.unpack. */
    void (*unpacked_dots)(float *y /* [rows] */, const void *w, size_t row_bytes, size_t rows,
                          const float *x /* [n] */, size_t n, const struct quant_ops *type);
    void (*unpacked_widen)(float *out /* [n] */, const void *row, size_t n,
                           const struct quant_ops *type);

    /* y[t][r] = w[r] . x[t]; w [rows, n], x [tokens, n], leading dimensions in floats. */
    void (*panel)(float *y, size_t ldy, const float *w, size_t ldw, size_t rows, const float *x,
                  size_t ldx, size_t tokens, size_t n);

    /* out[i] = sum over k < n_keys + i * growth of p[i][k] v[k]; p [rows, >= keys], v [keys, d].
     * further: the sums go on from what out holds. */
    void (*weigh)(float *out, size_t ldo, const float *p, size_t ldp, size_t rows, size_t n_keys,
                  size_t growth, const float *v, size_t ldv, size_t d, bool further);

    /* row = softmax(row * scale + slope * (k - (n - 1))) */
    void (*softmax)(float *row /* [n] */, size_t n, float scale, float slope);

    /* out may be x; weight and bias may be NULL */
    void (*norm)(float *out /* [d] */, const float *x /* [d] */, const float *weight,
                 const float *bias, size_t d, enum norm_kind kind, float eps);

    void (*activate)(float *x /* [n] */, size_t n, enum activation kind);
    void (*gate)(float *up /* [n] */, const float *gate /* [n] */, size_t n,
                 enum activation kind); /* up *= act(gate) */
    void (*add)(float *x /* [n] */, const float *y /* [n] */, size_t n);
    void (*exps)(float *x /* [n] */, size_t n); /* x = exp(x) */
};

/* The fastest that this processor can run, or the one that $ATTUNE_KERNEL names. */
int kernels_pick(const struct kernel_ops **out, struct attune_error *err);

size_t kernels_count(void);
const struct kernel_ops *kernels_at(size_t i);

/* y[r] = row r . x, rows of any type as they are stored, row_bytes apart. */
void kernels_dots(const struct kernel_ops *kernel, const struct quant_ops *type,
                  float *y /* [rows] */, const void *w, size_t row_bytes, size_t rows,
                  const float *x /* [n] */, size_t n);
/* As kernel_stored.narrow, for any type that can be written. */
void kernels_narrow(const struct kernel_ops *kernel, const struct quant_ops *type, void *row,
                    const float *x /* [n] */, size_t n);
/* As quant_ops.to_float. */
void kernels_widen(const struct kernel_ops *kernel, const struct quant_ops *type,
                   float *out /* [n] */, const void *row, size_t n);

/* NULL if the kernel has no special way with the type. */
const struct kernel_stored *kernels_stored(const struct kernel_ops *kernel, uint32_t ggml_type);

#endif
