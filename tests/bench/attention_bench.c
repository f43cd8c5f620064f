/* One head: scores, softmax and the weighted sum of values, in the blocks of the forward pass. */
#include <config.h>

#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/context.h"

enum { D = 64 };

struct head {
    size_t n;
    float *q, *k, *v, *scores, *out; /* [n, D] each; scores [QUERY_BLOCK, n] */
};

enum step { SCORES, SOFTMAX, WEIGH, N_STEPS };

static void run(const struct kernel_ops *kernel, const struct head *h, double seconds[N_STEPS])
{
    memset(seconds, 0, N_STEPS * sizeof *seconds);
    for (size_t q = 0; q < h->n; q += QUERY_BLOCK) {
        size_t rows = h->n - q < QUERY_BLOCK ? h->n - q : QUERY_BLOCK;
        double t[N_STEPS + 1];

        t[0] = bench_cpu();
        kernel->panel(h->scores, h->n, h->k, D, q + rows, h->q + q * D, D, rows, D);
        t[1] = bench_cpu();
        for (size_t i = 0; i < rows; i++) {
            kernel->softmax(h->scores + i * h->n, q + i + 1, 0.125f, 0);
        }
        t[2] = bench_cpu();
        kernel->weigh(h->out + q * D, D, h->scores, h->n, rows, q + 1, 1, h->v, D, D,
                      false);
        t[3] = bench_cpu();
        for (int s = 0; s < N_STEPS; s++) {
            seconds[s] += t[s + 1] - t[s];
        }
    }
}

/* As the formula says, row by row in double. */
static double naive(const struct head *h)
{
    double *row = calloc(h->n, sizeof *row), start = bench_cpu();

    for (size_t q = 0; row && q < h->n; q++) {
        double sum = 0;

        for (size_t k = 0; k <= q; k++) {
            double s = 0;

            for (size_t i = 0; i < D; i++) {
                s += (double)h->q[q * D + i] * (double)h->k[k * D + i];
            }
            row[k] = exp(s * 0.125);
            sum += row[k];
        }
        for (size_t i = 0; i < D; i++) {
            double s = 0;

            for (size_t k = 0; k <= q; k++) {
                s += row[k] / sum * (double)h->v[k * D + i];
            }
            bench_sink = s;
        }
    }
    free(row);
    return bench_cpu() - start;
}

static void measure(const struct kernel_ops *kernel, size_t n)
{
    struct head h = {n,
                     bench_floats(n * D),
                     bench_floats(n * D),
                     bench_floats(n * D),
                     bench_floats(QUERY_BLOCK * n),
                     bench_floats(n * D)};
    double step[N_STEPS][BENCH_ROUNDS], share[BENCH_ROUNDS], whole[N_STEPS], all = 0;
    double operations = 4.0 * D * (double)n * (double)(n + 1) / 2;

    for (int round = -1; round < BENCH_ROUNDS; round++) {
        double peak = bench_peak(kernel->name);

        run(kernel, &h, whole);
        for (int s = 0; s < N_STEPS && round >= 0; s++) {
            step[s][round] = whole[s] * 1e3;
        }
        if (round >= 0) {
            share[round] = operations / (whole[SCORES] + whole[SOFTMAX] + whole[WEIGH]) / peak;
        }
    }
    for (int s = 0; s < N_STEPS; s++) {
        whole[s] = bench_median(step[s], BENCH_ROUNDS);
        all += whole[s];
    }
    printf("%-7s %4zu tokens  map %7.3f ms (scores %.3f, softmax %.3f)  values %7.3f ms  %.2f of "
           "peak  %5.1f x naive\n",
           kernel->name, n, whole[SCORES] + whole[SOFTMAX], whole[SCORES], whole[SOFTMAX],
           whole[WEIGH], bench_median(share, BENCH_ROUNDS), naive(&h) * 1e3 / all);
    free(h.q);
    free(h.k);
    free(h.v);
    free(h.scores);
    free(h.out);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < kernels_count(); i++) {
        const struct kernel_ops *kernel = kernels_at(i);

        if (!kernel->usable() || (argc > 1 ? strcmp(kernel->name, argv[1]) != 0 : !kernel->speed)) {
            continue;
        }
        for (size_t n = 256; n <= 2048; n *= 2) {
            measure(kernel, n);
        }
    }
    return 0;
}
