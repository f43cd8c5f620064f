/* Products of many rows and many tokens: the share of the multiply-adds that this core can do. */
#include <config.h>

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"

struct shape {
    const char *what;
    size_t tokens, rows, n;
};

static const struct shape shapes[] = {
    {"gpt2 up", 256, 3072, 768},         {"gpt2 down", 256, 768, 3072},
    {"gpt2 q, k or v", 256, 768, 768},   {"1.1b up", 64, 5632, 2048},
    {"few tokens", 8, 3072, 768},        {"two tokens", 2, 3072, 768},
    {"q . k, 16 queries", 16, 1024, 64},
};

static double naive(float *y, const float *w, const float *x, const struct shape *s)
{
    size_t rows = s->rows < 64 ? s->rows : 64, tokens = s->tokens < 8 ? s->tokens : 8;
    double start = bench_cpu();

    for (size_t t = 0; t < tokens; t++) {
        for (size_t r = 0; r < rows; r++) {
            double sum = 0;

            for (size_t k = 0; k < s->n; k++) {
                sum += (double)w[r * s->n + k] * (double)x[t * s->n + k];
            }
            y[t * s->rows + r] = (float)sum;
        }
    }
    return 2.0 * (double)(rows * tokens * s->n) / (bench_cpu() - start);
}

static void measure(const struct kernel_ops *kernel, const struct shape *s)
{
    float *w = bench_floats(s->rows * s->n), *x = bench_floats(s->tokens * s->n);
    float *y = bench_floats(s->rows * s->tokens);
    double operations = 2.0 * (double)(s->rows * s->tokens * s->n), speed[BENCH_ROUNDS];
    double share[BENCH_ROUNDS], over_naive[BENCH_ROUNDS], over_blas[BENCH_ROUNDS];

    for (int round = -1; round < BENCH_ROUNDS; round++) {
        double peak = bench_peak(kernel->name), start = bench_cpu(), mine, blas;
        int times = 1 + (int)(2e8 / operations);

        for (int i = 0; i < times; i++) { /* rows as the forward pass hands them over */
            for (size_t r = 0; r < s->rows; r += 64) {
                size_t rows = s->rows - r < 64 ? s->rows - r : 64;

                kernel->panel(y + r, s->rows, w + r * s->n, s->n, rows, x, s->n, s->tokens, s->n);
            }
        }
        mine = operations * times / (bench_cpu() - start);
        start = bench_cpu();
        for (size_t r = 0; r < s->rows; r += GEMM_ROWS) {
            size_t rows = s->rows - r < GEMM_ROWS ? s->rows - r : GEMM_ROWS;

            gemm(y + r, s->rows, w + r * s->n, s->n, rows, x, s->n, s->tokens, s->n);
        }
        blas = operations / (bench_cpu() - start);
        if (round >= 0) { /* the first warms up */
            speed[round] = mine / 1e9;
            share[round] = mine / peak;
            over_blas[round] = mine / blas;
            over_naive[round] = mine / naive(y, w, x, s);
        }
    }
    printf("%-7s %-18s %4zu x %4zu x %4zu  %7.1f GFLOP/s  %5.2f of peak  %5.2f x BLAS  %6.1f x "
           "naive\n",
           kernel->name, s->what, s->tokens, s->rows, s->n, bench_median(speed, BENCH_ROUNDS),
           bench_median(share, BENCH_ROUNDS), bench_median(over_blas, BENCH_ROUNDS),
           bench_median(over_naive, BENCH_ROUNDS));
    free(w);
    free(x);
    free(y);
}

int main(int argc, char **argv)
{
    gemm_start();
    for (size_t i = 0; i < kernels_count(); i++) {
        const struct kernel_ops *kernel = kernels_at(i);

        if (!kernel->usable() || (argc > 1 ? strcmp(kernel->name, argv[1]) != 0 : !kernel->speed)) {
            continue;
        }
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            measure(kernel, &shapes[k]);
        }
    }
    return 0;
}
