/* The product through BLAS against a naive one in double. */
#include <config.h>

#include "engine/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static float value(size_t i)
{
    return (float)((double)(i * 2654435761u % 1000) / 500 - 1);
}

static void check(size_t rows, size_t tokens, size_t n, size_t more)
{
    size_t ldw = n + more, ldx = n + 2 * more, ldy = rows + 3 * more;
    float *w = malloc(rows * ldw * sizeof *w), *x = malloc(tokens * ldx * sizeof *x);
    float *y = malloc(tokens * ldy * sizeof *y);

    assert_true(w && x && y);
    for (size_t i = 0; i < rows * ldw; i++) {
        w[i] = value(i);
    }
    for (size_t i = 0; i < tokens * ldx; i++) {
        x[i] = value(i + 77);
    }
    for (size_t i = 0; i < tokens * ldy; i++) {
        y[i] = 1234;
    }
    gemm(y, ldy, w, ldw, rows, x, ldx, tokens, n);
    for (size_t t = 0; t < tokens; t++) {
        for (size_t r = 0; r < rows; r++) {
            double sum = 0, size = 0;

            for (size_t k = 0; k < n; k++) {
                sum += (double)w[r * ldw + k] * (double)x[t * ldx + k];
                size += fabs((double)w[r * ldw + k] * (double)x[t * ldx + k]);
            }
            assert_true(fabs((double)y[t * ldy + r] - sum) <= (double)(n + 1) * 0x1p-24 * size);
        }
        for (size_t r = rows; r < ldy; r++) {
            assert_true(y[t * ldy + r] == 1234); /* nothing beside the rows is written */
        }
    }
    free(w);
    free(x);
    free(y);
}

static void products_of_any_shape(void **state)
{
    gemm_start();
    gemm_start();
    check(1, 1, 1, 0);
    check(7, 3, 5, 1);
    check(GEMM_ROWS, 32, 64, 0);
    check(33, 40, 100, 2);
    check(100, 17, 257, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_of_any_shape)};

    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
