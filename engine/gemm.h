/* Matrix products through BLAS: fast, and its bits depend on the shape of the call. Only the `fast`
 * mode of a context comes here; the exact mode uses the kernels' own products (kernels.h). */
#ifndef ATTUNE_ENGINE_GEMM_H
#define ATTUNE_ENGINE_GEMM_H

#include <stddef.h>

enum {
    GEMM_ROWS = 256
}; /* rows of weights a call should have: fewer lose speed, more leave the cache */

/* Before the first product; may be called again. OpenBLAS builds for many processors choose their kernels by
 * a list of models and fall back to SSE3 for one they do not know: then they are told to look again,
 * unless $OPENBLAS_CORETYPE says what the user wants. */
void gemm_start(void);

/* y[t][r] = w[r] . x[t]; w [rows, n], x [tokens, n], leading dimensions in floats. One thread:
 * callers split. */
void gemm(float *y, size_t ldy, const float *w, size_t ldw, size_t rows, const float *x, size_t ldx,
          size_t tokens, size_t n);

#endif
