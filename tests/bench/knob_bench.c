/* A knob turned: the chain over a row of logits, against the plain way of sorting the vocabulary.
 */
#include <config.h>

#include "bench.h"

#include <attune/sampler.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const chains[] = {
    "",
    "temperature=0.7",
    "temperature=0.7 top_k=40",
    "temperature=0.7 top_p=0.9",
    "temperature=1.5 top_p=0.99",
    "temperature=0.7 top_k=40 top_p=0.9 min_p=0.05 typical=0.95",
};

struct pair {
    double p;
    int id;
};

static int by_falling_p(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    return x->p != y->p ? (x->p < y->p) - (x->p > y->p) : x->id - y->id;
}

/* Softmax, sort everything, add up: what a knob costs without care. */
static double naive(const float *logits, size_t n, struct pair *pairs)
{
    double start = bench_cpu(), sum = 0, mass = 0;

    for (size_t i = 0; i < n; i++) {
        pairs[i] = (struct pair){exp((double)logits[i] / 0.7), (int)i};
        sum += pairs[i].p;
    }
    qsort(pairs, n, sizeof *pairs, by_falling_p);
    for (size_t i = 0; i < n && mass < 0.9 * sum; i++) {
        mass += pairs[i].p;
    }
    bench_sink = mass;
    return bench_cpu() - start;
}

static void measure(const char *text, size_t n)
{
    struct attune_chain *chain;
    struct attune_trace trace;
    float *logits = bench_floats(n);
    struct pair *pairs = calloc(n, sizeof *pairs);
    double ms[BENCH_ROUNDS], over[BENCH_ROUNDS];

    if (!pairs || attune_chain_parse(&chain, text, NULL) != ATTUNE_OK ||
        attune_trace_init(&trace, n, NULL) != ATTUNE_OK) {
        exit(1);
    }
    for (size_t i = 0; i < n; i++) { /* a bell: sums of noise, a few units wide */
        logits[i] = 3 * (logits[i] + logits[(i + 1) % n] + logits[(i + 2) % n]);
    }
    for (int round = -1; round < BENCH_ROUNDS; round++) {
        double start = bench_cpu(), mine;

        attune_chain_apply(&trace, chain, logits, NULL, 0);
        mine = bench_cpu() - start;
        if (round >= 0) {
            ms[round] = mine * 1e3;
            over[round] = naive(logits, n, pairs) / mine;
        }
    }
    printf("%6zu tokens  %6.3f ms  %6.1f x a full sort  %6zu kept  %s\n", n,
           bench_median(ms, BENCH_ROUNDS), bench_median(over, BENCH_ROUNDS), trace.n_kept,
           *text ? text : "(nothing set)");
    attune_trace_done(&trace);
    attune_chain_free(chain);
    free(logits);
    free(pairs);
}

int main(void)
{
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        measure(chains[i], 50257);
        measure(chains[i], 128000);
    }
    return 0;
}
