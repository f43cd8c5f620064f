/* Integer products in plain C: what every processor can do, and the reference of the others. */
#include <config.h>

#include "engine/integer.h"

#include <math.h>

static void round_block(struct integer_block *out, const float *x)
{
    uint32_t most = 0;
    int sums[2] = {0, 0};
    float inverse = 0;

    for (int k = 0; k < 32; k++) { /* as integers: what is not finite is the largest */
        uint32_t bits;

        memcpy(&bits, x + k, sizeof bits);
        bits &= 0x7fffffffu;
        most = bits > most ? bits : most;
    }
    memcpy(&out->scale, &most, sizeof most);
    if (most >= 0x7f800000u) {
        out->scale = NAN;
    } else if (out->scale < 0x1p-100f) {
        out->scale = 0;
    } else {
        inverse = 127 / out->scale;
        out->scale /= 127;
    }
    for (int k = 0; k < 32; k++) {
        out->q[k] = inverse > 0 ? (signed char)rintf(x[k] * inverse) : 0;
        sums[k / 16] += out->q[k];
    }
    out->sum = out->scale * (float)(sums[0] + sums[1]);
    out->offset = -128 * (sums[0] + sums[1]);
    for (int half = 0; half < 2; half++) {
        out->half_sum[half] = out->scale * (float)sums[half];
        out->half_offset[half] = -128 * sums[half];
    }
    out->unused = 0;
}

static void round_all(const struct integer_vectors *to, size_t t, const float *x)
{
    size_t step;
    struct integer_block *out = integer_vector(to, t, &step);

    for (size_t i = 0; i < to->n_blocks; i++) {
        round_block(out + i * step, x + 32 * i);
    }
}

static void product(float *y, size_t ldy, const struct integer_rows *w,
                    const struct integer_vectors *x, void *space)
{
    size_t bytes = quant_row_bytes(w->type, 256);
    struct quant_integers integers;

    for (size_t t = 0; t < x->n; t++) {
        size_t step;
        const struct integer_block *blocks = integer_vector(x, t, &step);

        for (size_t r = 0; r < w->rows; r++) {
            const unsigned char *p = w->data + r * w->row_bytes;
            float chains[2] = {0, 0};

            for (size_t k = 0; k < w->n; k += 256, p += bytes) {
                size_t m = w->n - k < 256 ? w->n - k : 256;

                w->type->unpack(&integers, p, m);
                for (size_t i = 0; i < m / 32; i++) {
                    chains[i % 2] = integer_onto(chains[i % 2], &integers, i,
                                                 blocks + (k / 32 + i) * step, w->type);
                }
            }
            y[t * ldy + r] = chains[0] + chains[1];
        }
    }
}

static bool usable(void)
{
    return true;
}

const struct integer_ops integer_plain = {
    .name = "plain",
    .speed = 0,
    .usable = usable,
    .round = round_all,
    .product = product,
};
