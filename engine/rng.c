/* Philox 4x32-10: ten rounds of multiply and exchange turn a counter and a key into random words.
 * There is no state, so any step of any seed can be had at once. Salmon, Moraes, Dror, Shaw:
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3. */
#include <config.h>

#include <attune/rng.h>

#include <sys/random.h>
#include <time.h>

enum { ROUNDS = 10, STREAM_DRAW = 0 };

void attune_rng_block(uint32_t out[4], uint64_t seed, uint64_t step, uint64_t stream)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t x[4] = {(uint32_t)step, (uint32_t)(step >> 32), (uint32_t)stream,
                     (uint32_t)(stream >> 32)};

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * x[0], b = (uint64_t)0xCD9E8D57u * x[2];

        x[0] = (uint32_t)(b >> 32) ^ x[1] ^ key[0];
        x[1] = (uint32_t)b;
        x[2] = (uint32_t)(a >> 32) ^ x[3] ^ key[1];
        x[3] = (uint32_t)a;
        key[0] += 0x9E3779B9u; /* the golden ratio and sqrt(3) - 1, as fractions of 2^32 */
        key[1] += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++) {
        out[i] = x[i];
    }
}

double attune_rng_uniform_stream(uint64_t seed, uint64_t step, uint64_t stream)
{
    uint32_t word[4];

    attune_rng_block(word, seed, step, stream);
    return (double)(((uint64_t)word[0] << 32 | word[1]) >> 11) * 0x1p-53;
}

double attune_rng_uniform(uint64_t seed, uint64_t step)
{
    return attune_rng_uniform_stream(seed, step, STREAM_DRAW);
}

uint64_t attune_rng_seed(void)
{
    uint64_t seed;
    struct timespec now;
    uint32_t word[4];

    if (getentropy(&seed, sizeof seed) != 0) { /* no such call in this kernel: the clock must do */
        clock_gettime(CLOCK_REALTIME, &now);
        attune_rng_block(word, (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec, 1);
        seed = (uint64_t)word[0] << 32 | word[1];
    }
    return seed >> 1;
}
