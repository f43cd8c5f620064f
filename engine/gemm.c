/* The one file that sees BLAS. */
#include <config.h>

#include "engine/gemm.h"

#include <cblas.h>
#include <pthread.h>

static void use_one_thread(void)
{
    openblas_set_num_threads(1); /* the team's threads call it side by side */
}

void gemm(float *y, size_t ldy, const float *w, size_t ldw, size_t rows, const float *x, size_t ldx,
          size_t tokens, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, use_one_thread);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)tokens, (blasint)rows, (blasint)n,
                1.0f, x, (blasint)ldx, w, (blasint)ldw, 0.0f, y, (blasint)ldy);
}
