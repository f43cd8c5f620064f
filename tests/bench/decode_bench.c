/* One vector against rows as they are stored: the share of what memory can deliver, for each type,
 * with one thread and with all. */
#include <config.h>

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/kernels.h"
#include "engine/quant.h"
#include "engine/team.h"

enum { N = 2048, BYTES = 192 << 20 };

struct job {
    const struct kernel_ops *kernel;
    const struct quant_ops *type;
    const unsigned char *w;
    size_t row_bytes, rows;
    const float *x;
    float *y;
};

static void multiply(void *arg, int part, int n_parts)
{
    const struct job *job = arg;
    size_t first, last;

    team_share(job->rows, 16, part, n_parts, &first, &last);
    kernels_dots(job->kernel, job->type, job->y + first, job->w + first * job->row_bytes,
                 job->row_bytes, last - first, job->x, N);
}

static void read_rows(void *arg, int part, int n_parts)
{
    const struct job *job = arg;
    size_t first, last;

    team_share(job->rows, 16, part, n_parts, &first, &last);
    bench_read(job->w + first * job->row_bytes, (last - first) * job->row_bytes);
}

static double time_of(struct team *team, void (*work)(void *, int, int), struct job *job)
{
    double start = bench_wall();

    team_run(team, work, job);
    return bench_wall() - start;
}

/* Row by row: widened, then multiplied in double. A sixteenth of the rows is enough. */
static double naive(const struct job *job)
{
    float row[N];
    double start = bench_wall();
    size_t rows = job->rows / 16;

    for (size_t r = 0; r < rows; r++) {
        double sum = 0;

        job->type->to_float(row, job->w + r * job->row_bytes, N);
        for (size_t k = 0; k < N; k++) {
            sum += (double)row[k] * (double)job->x[k];
        }
        job->y[r] = (float)sum;
    }
    return (bench_wall() - start) * (double)job->rows / (double)rows;
}

static void measure(const struct kernel_ops *kernel, const struct quant_ops *type, unsigned char *w,
                    int n_threads)
{
    size_t row_bytes = quant_row_bytes(type, N), rows = BYTES / row_bytes;
    struct job job = {kernel, type, w, row_bytes, rows, bench_floats(N), bench_floats(rows)};
    double speed[BENCH_ROUNDS], share[BENCH_ROUNDS], over[BENCH_ROUNDS];
    struct team *team;

    if (team_new(&team, n_threads, NULL) != ATTUNE_OK) {
        exit(1);
    }
    for (int round = -1; round < BENCH_ROUNDS; round++) {
        double a = time_of(team, multiply, &job), limit = time_of(team, read_rows, &job);

        a = (a + time_of(team, multiply, &job)) / 2; /* before and after the limit */
        if (round >= 0) {
            speed[round] = (double)(rows * row_bytes) / a / 1e9;
            share[round] = limit / a;
            over[round] = naive(&job) / a;
        }
    }
    printf("%-7s %-5s %d thread%s  %6.1f GB/s  %5.2f of what memory gives  %6.1f x naive\n",
           kernel->name, type->name, n_threads, n_threads > 1 ? "s" : " ",
           bench_median(speed, BENCH_ROUNDS), bench_median(share, BENCH_ROUNDS),
           bench_median(over, BENCH_ROUNDS));
    team_free(team);
    free((void *)job.x);
    free(job.y);
}

int main(int argc, char **argv)
{
    unsigned char *w = (unsigned char *)bench_floats(BYTES / sizeof(float));
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);

    for (size_t i = 0; i < kernels_count(); i++) {
        const struct kernel_ops *kernel = kernels_at(i);

        if (!kernel->usable() || (argc > 1 ? strcmp(kernel->name, argv[1]) != 0 : !kernel->speed)) {
            continue;
        }
        for (size_t t = 0; t < quant_count(); t++) {
            measure(kernel, quant_at(t), w, 1);
            if (cores > 1) {
                measure(kernel, quant_at(t), w, cores);
            }
        }
    }
    free(w);
    return 0;
}
