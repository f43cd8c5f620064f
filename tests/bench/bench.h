/* Micro benchmarks (make bench): a kernel, its naive twin and the machine's own limit are measured in
 * turn, round after round, and what is printed are medians of the ratios: so a machine that is busy
 * with other things slows all of them alike. */
#ifndef ATTUNE_TESTS_BENCH_H
#define ATTUNE_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>

enum { BENCH_ROUNDS = 15 };

double bench_cpu(void);  /* seconds of processor time of this thread */
double bench_wall(void); /* seconds */

/* Median of n numbers, which are put in order. */
double bench_median(double *x, size_t n);

float *bench_floats(size_t n); /* noise in -1 .. 1, for ever; the program ends where memory does */

/* Float operations a second of one thread that does nothing but multiply-adds in registers: with the
 * widest vectors, or those of the kernel that is named. */
double bench_peak(const char *kernel);

/* Bytes a second that one thread reads. */
double bench_read(const void *data, size_t bytes);

/* Where the results of naive twins go, so that they are computed. */
extern volatile double bench_sink;

#endif
