/* XXH64 (Yann Collet, "xxHash fast digest algorithm", version 0.1.1 of the specification). */
#include <config.h>

#include <attune/digest.h>

#include <string.h>

static const uint64_t P1 = 0x9E3779B185EBCA87u, P2 = 0xC2B2AE3D27D4EB4Fu, P3 = 0x165667B19E3779F9u,
                      P4 = 0x85EBCA77C2B2AE63u, P5 = 0x27D4EB2F165667C5u;

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t read64(const unsigned char *at)
{
    uint64_t x;

    memcpy(&x, at, sizeof x);
    return x;
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * P2, 31) * P1;
}

/* n stripes of 32 bytes. The lanes stay in registers: bytes may alias anything, locals they cannot.
 */
static void take_stripes(uint64_t lane[4], const unsigned char *at, size_t n)
{
    uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];

    for (; n; n--, at += 32) {
        a = mix(a, read64(at));
        b = mix(b, read64(at + 8));
        c = mix(c, read64(at + 16));
        d = mix(d, read64(at + 24));
    }
    lane[0] = a;
    lane[1] = b;
    lane[2] = c;
    lane[3] = d;
}

void attune_digest_init(struct attune_digest *d, uint64_t seed)
{
    memset(d, 0, sizeof *d);
    d->seed = seed;
    d->lane[0] = seed + P1 + P2;
    d->lane[1] = seed + P2;
    d->lane[2] = seed;
    d->lane[3] = seed - P1;
}

void attune_digest_add(struct attune_digest *d, const void *data, size_t len)
{
    const unsigned char *at = data;
    size_t held = d->total % sizeof d->tail;

    if (!len) {
        return; /* data may be NULL */
    }
    d->total += len;
    if (held) {
        size_t n = sizeof d->tail - held < len ? sizeof d->tail - held : len;

        memcpy(d->tail + held, at, n);
        at += n;
        len -= n;
        if (held + n < sizeof d->tail) {
            return;
        }
        take_stripes(d->lane, d->tail, 1);
    }
    take_stripes(d->lane, at, len / sizeof d->tail);
    at += len / sizeof d->tail * sizeof d->tail;
    len %= sizeof d->tail;
    if (len) {
        memcpy(d->tail, at, len);
    }
}

static uint64_t merge_lanes(const uint64_t lane[4])
{
    uint64_t h =
        rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);

    for (int i = 0; i < 4; i++) {
        h = (h ^ mix(0, lane[i])) * P1 + P4;
    }
    return h;
}

uint64_t attune_digest_value(const struct attune_digest *d)
{
    const unsigned char *at = d->tail;
    size_t left = d->total % sizeof d->tail;
    uint64_t h = d->total >= sizeof d->tail ? merge_lanes(d->lane) : d->seed + P5;

    h += d->total;
    for (; left >= 8; left -= 8, at += 8) {
        h = rotate(h ^ mix(0, read64(at)), 27) * P1 + P4;
    }
    if (left >= 4) {
        uint32_t x;

        memcpy(&x, at, sizeof x);
        h = rotate(h ^ x * P1, 23) * P2 + P3;
        at += 4;
        left -= 4;
    }
    for (; left; left--, at++) {
        h = rotate(h ^ *at * P5, 11) * P1;
    }
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

uint64_t attune_digest_of(const void *data, size_t len, uint64_t seed)
{
    struct attune_digest d;

    attune_digest_init(&d, seed);
    attune_digest_add(&d, data, len);
    return attune_digest_value(&d);
}
