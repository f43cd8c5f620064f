/* The arithmetic in plain C: what every processor can do, and the reference of the vector kernels.
 */
#include <config.h>

#include "engine/kernels.h"

#include <math.h>
#include <string.h>

#include "engine/quant.h"

#define LANES_NAME  "plain"
#define LANES_SELF  kernel_plain
#define LANES_SPEED 0
#define LANES_TARGET
#define TILE_ROWS   1
#define TILE_TOKENS 1
#define WEIGH_ROWS  1
#define WEIGH_LANES 1

typedef struct {
    float v[16];
} lanes;

/* clang-format off */
#define EACH(expression) lanes c; for (int l = 0; l < 16; l++) { c.v[l] = (expression); } return c
static inline lanes lanes_all(float x) { EACH(x); }
static inline lanes lanes_add(lanes a, lanes b) { EACH(a.v[l] + b.v[l]); }
static inline lanes lanes_sub(lanes a, lanes b) { EACH(a.v[l] - b.v[l]); }
static inline lanes lanes_mul(lanes a, lanes b) { EACH(a.v[l] * b.v[l]); }
static inline lanes lanes_div(lanes a, lanes b) { EACH(a.v[l] / b.v[l]); }
static inline lanes lanes_fma(lanes a, lanes b, lanes d) { EACH(fmaf(a.v[l], b.v[l], d.v[l])); }
static inline lanes lanes_fnma(lanes a, lanes b, lanes d) { EACH(fmaf(-a.v[l], b.v[l], d.v[l])); }
static inline lanes lanes_min(lanes a, lanes b) { EACH(a.v[l] < b.v[l] ? a.v[l] : b.v[l]); }
static inline lanes lanes_max(lanes a, lanes b) { EACH(a.v[l] > b.v[l] ? a.v[l] : b.v[l]); }
static inline lanes lanes_abs(lanes a) { EACH(fabsf(a.v[l])); }
static inline lanes lanes_round(lanes a) { EACH(rintf(a.v[l])); }
static inline lanes lanes_if_negative(lanes x, lanes a, lanes b) { EACH(x.v[l] < 0 ? a.v[l] : b.v[l]); }
#undef EACH
/* clang-format on */

static inline lanes lanes_load(const void *p)
{
    lanes a;

    memcpy(a.v, p, sizeof a.v);
    return a;
}

static inline lanes lanes_load_part(const void *p, size_t n)
{
    lanes a = {{0}};

    memcpy(a.v, p, n * sizeof *a.v);
    return a;
}

static inline void lanes_store(float *p, lanes a)
{
    memcpy(p, a.v, sizeof a.v);
}

static inline void lanes_store_part(float *p, lanes a, size_t n)
{
    memcpy(p, a.v, n * sizeof *a.v);
}

/* Powers of two in halves, so that subnormal results round once. */
static inline lanes lanes_scale(lanes a, lanes exponent)
{
    for (int l = 0; l < 16; l++) {
        int e = exponent.v[l] == exponent.v[l] ? (int)exponent.v[l] : 0;
        int half = e >= 0 ? e / 2 : -((1 - e) / 2);

        a.v[l] = a.v[l] * ldexpf(1.0f, half) * ldexpf(1.0f, e - half);
    }
    return a;
}

static inline float lanes_sum(lanes a)
{
    for (int half = 8; half > 0; half /= 2) {
        for (int l = 0; l < half; l++) {
            a.v[l] += a.v[l + half];
        }
    }
    return a.v[0];
}

static inline float lanes_top(lanes a)
{
    for (int half = 8; half > 0; half /= 2) {
        for (int l = 0; l < half; l++) {
            a.v[l] = a.v[l] > a.v[l + half] ? a.v[l] : a.v[l + half];
        }
    }
    return a.v[0];
}

static inline void lanes_sum4(float *out /* [4] */, lanes a, lanes b, lanes c, lanes d)
{
    out[0] = lanes_sum(a);
    out[1] = lanes_sum(b);
    out[2] = lanes_sum(c);
    out[3] = lanes_sum(d);
}

static inline lanes lanes_halves(const unsigned char *p)
{
    lanes a;

    for (size_t l = 0; l < 16; l++) {
        a.v[l] = quant_half(p + 2 * l);
    }
    return a;
}

static inline void lanes_put_halves(unsigned char *p, lanes a)
{
    for (size_t l = 0; l < 16; l++) {
        quant_put_half(p + 2 * l, a.v[l]);
    }
}

static inline lanes lanes_bfloats(const unsigned char *p)
{
    lanes a;

    for (int l = 0; l < 16; l++) {
        uint32_t bits = (uint32_t)p[2 * l] << 16 | (uint32_t)p[2 * l + 1] << 24;

        memcpy(a.v + l, &bits, sizeof bits);
    }
    return a;
}

static inline lanes lanes_bytes(const unsigned char *p)
{
    lanes a;

    for (int l = 0; l < 16; l++) {
        a.v[l] = (float)(signed char)p[l];
    }
    return a;
}

static inline lanes lanes_half_all(const unsigned char *p)
{
    return lanes_all(quant_half(p));
}

static inline void lanes_nibbles(lanes *low, lanes *high, const unsigned char *p, lanes d)
{
    for (int l = 0; l < 16; l++) {
        low->v[l] = d.v[l] * (float)((p[l] & 15) - 8);
        high->v[l] = d.v[l] * (float)((p[l] >> 4) - 8);
    }
}

static inline void lanes_prefetch(const unsigned char *p)
{
}

static bool usable(void)
{
    return true;
}

#include "engine/kernels_body.inc"
