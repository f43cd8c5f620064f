/* Rounded vectors against quantised rows: one vector as a share of what memory gives, and several
 * at once, against the plain twin. Few vectors must not cost more than one after the other. */
#include <config.h>

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/integer.h"
#include "engine/quant.h"
#include "engine/team.h"

enum { N = 2048, BYTES = 512 << 20, MANY = 256, ROUNDS = 7 };

struct job {
    const struct integer_ops *ops;
    struct integer_rows w;
    struct integer_vectors x;
    const float *vector;
    float *y;
    unsigned char *space; /* a share of each thread */
};

static void multiply(void *arg, int part, int n_parts)
{
    const struct job *job = arg;
    struct integer_rows w = job->w;
    size_t first, last, space = 4 * INTEGER_ROWS * N;

    team_share(w.rows, 16, part, n_parts, &first, &last);
    w.data += first * w.row_bytes;
    w.rows = last - first;
    job->ops->product(job->y + first, job->w.rows, &w, &job->x, job->space + (size_t)part * space);
}

static void read_rows(void *arg, int part, int n_parts)
{
    const struct job *job = arg;
    size_t first, last;

    team_share(job->w.rows, 16, part, n_parts, &first, &last);
    bench_read(job->w.data + first * job->w.row_bytes, (last - first) * job->w.row_bytes);
}

static double time_of(struct team *team, void (*work)(void *, int, int), struct job *job)
{
    double start = bench_wall();

    team_run(team, work, job);
    return bench_wall() - start;
}

/* Seconds of the plain twin for all rows and one vector, from a part of them. */
static double naive(const struct job *job)
{
    extern const struct integer_ops integer_plain;
    struct job part = *job;
    double start = bench_wall();

    part.ops = &integer_plain;
    part.w.rows = job->w.rows / 64;
    multiply(&part, 0, 1);
    bench_sink += (double)part.y[0];
    return (bench_wall() - start) * (double)job->w.rows / (double)part.w.rows;
}

/* n vectors, all alike. */
static void give(struct job *job, size_t n)
{
    job->x.n = n;
    for (size_t t = 0; t < n; t++) {
        job->ops->round(&job->x, t, job->vector);
    }
}

static void measure(struct team *team, struct job *job)
{
    static const size_t many[] = {1, 2, 3, 4, 8, 16, 64, MANY};
    double bytes = (double)(job->w.rows * job->w.row_bytes), speed[ROUNDS], share[ROUNDS],
           first = 0;

    give(job, 1);
    for (int round = -1; round < ROUNDS; round++) {
        double a = time_of(team, multiply, job), limit = time_of(team, read_rows, job);

        a = (a + time_of(team, multiply, job)) / 2; /* before and after the limit */
        if (round >= 0) {
            speed[round] = bytes / a / 1e9;
            share[round] = limit / a;
        }
    }
    printf("%-7s %-5s %d thread%s  %5.1f GB/s  %4.2f of what memory gives  %5.1f x plain; ",
           job->ops->name, job->w.type->name, team_threads(team),
           team_threads(team) > 1 ? "s" : " ", bench_median(speed, ROUNDS),
           bench_median(share, ROUNDS), naive(job) * bench_median(speed, ROUNDS) * 1e9 / bytes);
    job->w.rows = job->w.rows < 8192 ? job->w.rows : 8192;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        double seconds[3], one;

        give(job, many[i]);
        for (int round = 0; round < 3; round++) {
            seconds[round] = time_of(team, multiply, job);
        }
        one = bench_median(seconds, 3);
        first = i ? first : one;
        if (many[i] < 64) {
            printf(" %zu: %.2f", many[i], one / first);
        } else {
            printf(" %zu: %.0f GOP/s", many[i],
                   2e-9 * (double)many[i] * (double)job->w.rows * N / one);
        }
    }
    printf("\n");
}

static void measure_type(const struct integer_ops *ops, const struct quant_ops *type,
                         unsigned char *w, int n_threads)
{
    size_t row_bytes = quant_row_bytes(type, N), rows = BYTES / row_bytes / 16 * 16;
    float *x = bench_floats(N);
    struct integer_block *blocks = aligned_alloc(64, MANY * N / 32 * sizeof *blocks);
    struct job job = {.ops = ops,
                      .w = {type, w, row_bytes, rows, N},
                      .x = {blocks, 0, N / 32},
                      .vector = x,
                      .y = malloc(MANY * rows * sizeof(float)),
                      .space = aligned_alloc(64, (size_t)n_threads * 4 * INTEGER_ROWS * N)};
    struct team *team;

    if (!blocks || !job.y || !job.space || team_new(&team, n_threads, NULL) != ATTUNE_OK) {
        exit(1);
    }
    measure(team, &job);
    team_free(team);
    free(x);
    free(blocks);
    free(job.y);
    free(job.space);
}

int main(int argc, char **argv)
{
    unsigned char *w = (unsigned char *)bench_floats(BYTES / sizeof(float));
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);

    for (size_t i = 0; i < integer_count(); i++) {
        const struct integer_ops *ops = integer_at(i);

        if (!ops->usable() || (argc > 1 ? strcmp(ops->name, argv[1]) != 0 : !ops->speed)) {
            continue;
        }
        for (size_t t = 0; t < quant_count(); t++) {
            if (quant_at(t)->unpack && (argc < 3 || strcmp(argv[2], quant_at(t)->name) == 0)) {
                measure_type(ops, quant_at(t), w, 1);
                measure_type(ops, quant_at(t), w, cores);
            }
        }
    }
    free(w);
    return 0;
}
