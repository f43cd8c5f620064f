/* Products of quantised weights with vectors that are rounded to 8 bits: integer arithmetic, once
 * for each instruction set (integer_NAME.c), chosen when the program runs.
 *
 * THE RULE. A vector is cut into blocks of 32. A block has the scale s = largest magnitude / 127
 * and the integers q = x (127 / largest magnitude), to the nearest, ties to even; below 2^-100 it
 * counts as zeros, and one that is not finite makes every product with it not a number. With the
 * block of weights beside it, scale w, parts p and integers v (quant_integers),
 *
 *     chain = fma(sum of p v q, w s, chain)          the sum is an integer of 24 bits: exact
 *     chain = fma(shift, s (sum of q), chain)        for types with shifts; s (sum of q) rounds
 * once
 *
 * There are two chains, of the even and of the odd blocks, each from 0 in rising order; the result
 * is even + odd. Two shifts in a block: the first half, then the second. So a result depends on its
 * row and its vector alone, as in kernels.h, and no instruction set can differ in it. */
#ifndef ATTUNE_ENGINE_INTEGER_H
#define ATTUNE_ENGINE_INTEGER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/kernels.h"
#include "engine/quant.h"

struct integer_block { /* 32 numbers, one line of the cache */
    signed char q[32];
    float scale;       /* s */
    float sum;         /* s (sum of q) */
    float half_sum[2]; /* of 16 */
    /* What weights that are stored 128 too high add too much: -128 (sum of q). */
    int32_t offset, half_offset[2];
    int32_t unused;
};

/* Vectors, rounded. They stand in groups of nearly one size, so that what one tile reads lies
 * together: of a group, the first blocks of all, then the second blocks of all, and so on. */
struct integer_vectors {
    struct integer_block *blocks; /* [n, n_blocks] */
    size_t n, n_blocks;
};

struct integer_group {
    size_t first, n; /* vectors */
};

enum {
    INTEGER_GROUP = 6, /* vectors in a group, at most */
    INTEGER_FEW = 3,   /* less than so many stand by themselves */
    INTEGER_ROWS = 64  /* rows that are laid out at once for many vectors */
};

static inline size_t integer_groups(size_t n)
{
    return n < INTEGER_FEW ? n : (n + INTEGER_GROUP - 1) / INTEGER_GROUP;
}

static inline struct integer_group integer_group(size_t n, size_t group) /* 8 as 4 and 4 */
{
    size_t groups = integer_groups(n), first = group * n / groups;

    return (struct integer_group){first, (group + 1) * n / groups - first};
}

/* Block i of vector t stands at [i * the size of its group]. */
static inline struct integer_block *integer_vector(const struct integer_vectors *v, size_t t,
                                                   size_t *size)
{
    struct integer_group g = integer_group(v->n, ((t + 1) * integer_groups(v->n) - 1) / v->n);

    *size = g.n;
    return v->blocks + g.first * v->n_blocks + (t - g.first);
}

struct integer_rows { /* of a matrix */
    const struct quant_ops *type;
    const unsigned char *data;
    size_t row_bytes, rows, n; /* n: values a row */
};

struct integer_ops {
    const char *name;
    int speed; /* as in kernel_ops */
    bool (*usable)(void);
    void (*round)(const struct integer_vectors *to, size_t t, const float *x /* [n] */);
    /* y[t][r] = row r . x[t]; y [x->n, >= rows]. space: 4 INTEGER_ROWS n bytes, 64 aligned. */
    void (*product)(float *y, size_t ldy, const struct integer_rows *w,
                    const struct integer_vectors *x, void *space);
};

/* The fastest usable one that is no faster than the kernel: ATTUNE_KERNEL names both. */
const struct integer_ops *integer_pick(const struct kernel_ops *kernel);

size_t integer_count(void);
const struct integer_ops *integer_at(size_t i);

/* The rule itself: one block onto a chain. i: which block of `w`. */
static inline float integer_onto(float chain, const struct quant_integers *w, size_t i,
                                 const struct integer_block *x, const struct quant_ops *type)
{
    const signed char *v = w->q + 32 * i, *part = w->part + 2 * i;
    int sum = 0;

    for (int k = 0; k < 32; k++) {
        sum += part[k / 16] * v[k] * x->q[k];
    }
    chain = __builtin_fmaf((float)sum, w->scale[i] * x->scale, chain);
    if (type->shifts == 1) {
        return __builtin_fmaf(w->shift[2 * i], x->sum, chain);
    }
    for (int half = 0; half < type->shifts; half++) {
        chain = __builtin_fmaf(w->shift[2 * i + (size_t)half], x->half_sum[half], chain);
    }
    return chain;
}

#endif
