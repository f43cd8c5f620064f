#include <config.h>

#include "bench.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

volatile double bench_sink;

static double clock_of(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double bench_cpu(void)
{
    return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

double bench_wall(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_size);
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

float *bench_floats(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    uint64_t seed = 7;

    if (!x) {
        fprintf(stderr, "out of memory for %zu numbers\n", n);
        exit(1);
    }
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
    }
    return x;
}

enum { PEAK_STEPS = 1 << 20, CHAINS = 12 };

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double multiply_add_512(void)
{
    __m512 sum[CHAINS], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);

    for (int c = 0; c < CHAINS; c++) {
        sum[c] = _mm512_set1_ps((float)c);
    }
    for (int i = 0; i < PEAK_STEPS; i++) {
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm512_fmadd_ps(sum[c], a, b);
        }
    }
    for (int c = 1; c < CHAINS; c++) {
        sum[0] = _mm512_add_ps(sum[0], sum[c]);
    }
    bench_sink = (double)_mm512_reduce_add_ps(sum[0]);
    return 2.0 * 16 * CHAINS * PEAK_STEPS;
}

__attribute__((target("avx2,fma"))) static double multiply_add_256(void)
{
    __m256 sum[CHAINS], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);

    for (int c = 0; c < CHAINS; c++) {
        sum[c] = _mm256_set1_ps((float)c);
    }
    for (int i = 0; i < PEAK_STEPS; i++) {
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm256_fmadd_ps(sum[c], a, b);
        }
    }
    for (int c = 1; c < CHAINS; c++) {
        sum[0] = _mm256_add_ps(sum[0], sum[c]);
    }
    bench_sink = (double)_mm256_cvtss_f32(sum[0]);
    return 2.0 * 8 * CHAINS * PEAK_STEPS;
}

__attribute__((target("avx2"))) static void read_all(const char *p, size_t bytes)
{
    __m256i sum[4] = {_mm256_setzero_si256()};

    for (size_t i = 0; i + 128 <= bytes; i += 128) {
        _mm_prefetch(p + i + 8192, _MM_HINT_T0);
        _mm_prefetch(p + i + 8256, _MM_HINT_T0);
        for (size_t k = 0; k < 4; k++) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(p + i + 32 * k));

            sum[k] = _mm256_xor_si256(sum[k], x);
        }
    }
    sum[0] = _mm256_xor_si256(_mm256_xor_si256(sum[0], sum[1]), _mm256_xor_si256(sum[2], sum[3]));
    bench_sink = (double)_mm256_extract_epi64(sum[0], 0);
}
#else
static void read_all(const char *p, size_t bytes)
{
    uint64_t sum = 0, x;

    for (size_t i = 0; i + sizeof x <= bytes; i += sizeof x) {
        memcpy(&x, p + i, sizeof x);
        sum ^= x;
    }
    bench_sink = (double)sum;
}
#endif

static double multiply_add(void)
{
    float sum[CHAINS] = {0};

    for (int i = 0; i < PEAK_STEPS / 8; i++) {
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = sum[c] * 0.999f + 0.001f;
        }
    }
    for (int c = 0; c < CHAINS; c++) {
        bench_sink = (double)sum[c];
    }
    return 2.0 * CHAINS * (PEAK_STEPS / 8);
}

double bench_peak(const char *kernel)
{
    double start = bench_cpu(), operations;

#if defined(__x86_64__)
    if ((!kernel || strcmp(kernel, "avx512") == 0) && __builtin_cpu_supports("avx512f")) {
        operations = multiply_add_512();
    } else if ((!kernel || strcmp(kernel, "avx2") == 0) && __builtin_cpu_supports("fma")) {
        operations = multiply_add_256();
    } else
#endif
        operations = multiply_add();
    return operations / (bench_cpu() - start);
}

double bench_read(const void *data, size_t bytes)
{
    double start = bench_wall();

    read_all(data, bytes);
    return (double)bytes / (bench_wall() - start);
}
