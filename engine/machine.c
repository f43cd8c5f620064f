/* The machine's limits: reading memory that no cache holds, and multiply-adds that never leave the
 * registers. Twelve sums in flight hide the latency of every processor there is. */
#include <config.h>

#include <attune/machine.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/team.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BYTES = 128 << 20, STEPS = 1 << 18, CHAINS = 12 };

struct sink { /* results go somewhere, so that they are computed; a line of the cache each */
    double value;
    char apart[56];
};

struct measuring {
    const unsigned char *data; /* [BYTES] */
    struct sink *sinks;        /* [threads] */
    double (*work)(double *sink);
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double add_512(double *sink)
{
    __m512 sum[CHAINS], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);

    for (int c = 0; c < CHAINS; c++) {
        sum[c] = _mm512_set1_ps((float)c);
    }
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm512_fmadd_ps(sum[c], a, b);
        }
    }
    for (int c = 0; c < CHAINS; c++) {
        *sink += (double)_mm512_reduce_add_ps(sum[c]);
    }
    return 2.0 * 16 * CHAINS * STEPS;
}

__attribute__((target("avx2,fma"))) static double add_256(double *sink)
{
    __m256 sum[CHAINS], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);

    for (int c = 0; c < CHAINS; c++) {
        sum[c] = _mm256_set1_ps((float)c);
    }
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm256_fmadd_ps(sum[c], a, b);
        }
    }
    for (int c = 0; c < CHAINS; c++) {
        *sink += (double)_mm256_cvtss_f32(sum[c]);
    }
    return 2.0 * 8 * CHAINS * STEPS;
}

__attribute__((target("avx512f,avx512vnni"))) static double add_bytes(double *sink)
{
    __m512i sum[CHAINS], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-2);

    for (int c = 0; c < CHAINS; c++) {
        sum[c] = _mm512_set1_epi32(c);
    }
    for (int i = 0; i < STEPS; i++) {
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm512_dpbusd_epi32(sum[c], a, b);
        }
    }
    for (int c = 0; c < CHAINS; c++) {
        *sink += (double)_mm512_reduce_add_epi32(sum[c]);
    }
    return 2.0 * 64 * CHAINS * STEPS;
}
#endif

static double add_plain(double *sink)
{
    float sum[CHAINS] = {0};

    for (int i = 0; i < STEPS; i++) {
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = sum[c] * 0.999f + 0.001f;
        }
    }
    for (int c = 0; c < CHAINS; c++) {
        *sink += (double)sum[c];
    }
    return 2.0 * CHAINS * STEPS;
}

static double (*widest(void))(double *)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        return add_512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return add_256;
    }
#endif
    return add_plain;
}

static double (*widest_of_bytes(void))(double *)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vnni")) {
        return add_bytes;
    }
#endif
    return NULL;
}

static void compute(void *arg, int part, int n_parts)
{
    const struct measuring *m = arg;

    (void)n_parts;
    m->work(&m->sinks[part].value);
}

/* Eight sums of 64 bits: enough loads in flight for what a core can read. */
static void read_share(void *arg, int part, int n_parts)
{
    const struct measuring *m = arg;
    uint64_t sum[8] = {0}, x[8];
    size_t first, last;

    team_share(BYTES, 4096, part, n_parts, &first, &last);
    for (size_t i = first; i + sizeof x <= last; i += sizeof x) {
        __builtin_prefetch(m->data + (i + 4096 < BYTES ? i + 4096 : i));
        memcpy(x, m->data + i, sizeof x);
        for (int k = 0; k < 8; k++) {
            sum[k] ^= x[k];
        }
    }
    for (int k = 0; k < 8; k++) {
        m->sinks[part].value += (double)(sum[k] & 1);
    }
}

/* The best of a few: what disturbs only ever slows. */
static double least_seconds(struct team *team, void (*work)(void *, int, int), struct measuring *m)
{
    double least = 1e30;

    for (int i = 0; i < 5; i++) {
        double start = now(), seconds;

        team_run(team, work, m);
        seconds = now() - start;
        least = seconds < least ? seconds : least;
    }
    return least;
}

int attune_machine_measure(struct attune_machine *out, int n_threads, struct attune_error *err)
{
    unsigned char *data = malloc(BYTES);
    struct sink *sinks = calloc((size_t)n_threads, sizeof *sinks);
    struct measuring m = {data, sinks, widest()};
    struct team *team = NULL;
    int status = data && sinks ? team_new(&team, n_threads, err)
                               : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    *out = (struct attune_machine){0};
    if (status == ATTUNE_OK) {
        double threads = (double)n_threads, unused = 0;

        memset(data, 1, BYTES); /* pages that are there */
        out->bytes_per_s = BYTES / least_seconds(team, read_share, &m);
        out->flops_per_s = threads * m.work(&unused) / least_seconds(team, compute, &m);
        m.work = widest_of_bytes();
        if (m.work) {
            out->int_ops_per_s = threads * m.work(&unused) / least_seconds(team, compute, &m);
        }
    }
    team_free(team);
    free(data);
    free(sinks);
    return status;
}
