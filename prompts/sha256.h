/* SHA-256 (FIPS 180-4): the addresses of content in the store. */
#ifndef ATTUNE_PROMPTS_SHA256_H
#define ATTUNE_PROMPTS_SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(uint8_t out[32], const void *data, size_t len);

#endif
