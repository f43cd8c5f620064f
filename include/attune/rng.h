/* Counter-based random numbers: value i of a seed, without the values before it.
 *
 * Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011); the key is
 * the seed, the counter is (step, stream). So a step's draw depends on (seed, step) alone, and turning
 * a knob, forking or replaying never shifts it. */
#ifndef ATTUNE_RNG_H
#define ATTUNE_RNG_H

#include <stdint.h>

/* The four 32-bit words of block (step, stream) of a seed. */
void attune_rng_block(uint32_t out[4], uint64_t seed, uint64_t step, uint64_t stream);

/* Uniform in [0, 1) with 53 bits: the draw of a step (stream 0). */
double attune_rng_uniform(uint64_t seed, uint64_t step);

/* The same for other streams: preview draws, shuffles. */
double attune_rng_uniform_stream(uint64_t seed, uint64_t step, uint64_t stream);

/* A fresh seed from the system's entropy, 0 .. 2^63-1. */
uint64_t attune_rng_seed(void);

#endif
