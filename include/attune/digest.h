/* 64-bit digests (XXH64, Yann Collet; the published specification), for evidence of equality: not a
 * defence against someone who forges. The same bytes give the same digest on every machine. */
#ifndef ATTUNE_DIGEST_H
#define ATTUNE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct attune_digest {
    uint64_t lane[4];
    uint64_t total;
    unsigned char tail[32];
    uint64_t seed;
};

uint64_t attune_digest_of(const void *data, size_t len, uint64_t seed);

/* The same in pieces: however the bytes are split, the value is that of the whole. */
void attune_digest_init(struct attune_digest *d, uint64_t seed);
void attune_digest_add(struct attune_digest *d, const void *data, size_t len);
uint64_t attune_digest_value(const struct attune_digest *d);

#endif
