/* Matrix products of a chunk of tokens with what follows them at once: bias, activation, gate, sum.
 */
#ifndef ATTUNE_ENGINE_PRODUCT_H
#define ATTUNE_ENGINE_PRODUCT_H

#include "engine/context.h"

struct product {
    const struct matrix *m;
    float *y; /* [count, rows] */
    size_t ldy;
};

struct products {               /* of the same input */
    struct attune_context *ctx; /* set by products_run */
    struct product list[3];
    int n;
    const float *x; /* [count, cols] */
    size_t ldx, count;          /* count <= C */
    float *gate;                /* list[1] is the gate of list[0] */
    enum activation activation; /* list[0] goes through it, or its gate does */
    float *residual;            /* list[0] is added to it: [count, rows] */
};
void products_run(struct attune_context *ctx, struct products *all);

/* y [count, rows] = M x (+ bias) for count rows of x, the rows of M shared among the threads. */
void product_run(struct attune_context *ctx, const struct matrix *m, float *y, size_t ldy,
                 const float *x, size_t ldx, size_t count);

/* n rows of a matrix as floats. */
void product_widen(const struct attune_context *ctx, const struct matrix *m, size_t row, size_t n,
                   float *out);

#endif
