/* 32 values of five bits behind a scale: d, h[4], q[16]; value d (q - 16).
 * Nibbles lie as in q4_0; bit j of the little-endian word h is the fifth bit of element j. */
#include <config.h>

#include <math.h>

#include "engine/quant.h"

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t k = 0; k < n; k += 32, p += 22) {
        const unsigned char *q = p + 6;
        signed char *to = out->q + k;
        unsigned char fifth[32]; /* 16 or 0 */

        quant_spread(fifth, p + 2);
        for (int j = 0; j < 16; j++) {
            to[j] = (signed char)(((q[j] & 15) | fifth[j]) - 16);
        }
        for (int j = 0; j < 16; j++) {
            to[16 + j] = (signed char)((q[j] >> 4 | fifth[16 + j]) - 16);
        }
        out->scale[k / 32] = quant_half(p);
        out->part[k / 16] = out->part[k / 16 + 1] = 1;
        out->shift[k / 16] = out->shift[k / 16 + 1] = -0.0f;
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 8 * 22);
}

/* The value of the largest magnitude becomes -16, as in ggml. */
static void from_float(void *row, const float *x, size_t n)
{
    unsigned char *p = row;

    for (; n > 0; n -= 32, x += 32, p += 22) {
        float most = 0, d, inverse;
        uint32_t bits = 0;

        for (int j = 0; j < 32; j++) {
            most = fabsf(x[j]) > fabsf(most) ? x[j] : most;
        }
        d = most / -16;
        inverse = d != 0 ? 1 / d : 0;
        quant_put_half(p, d);
        for (unsigned j = 0; j < 16; j++) {
            int low = (int)(x[j] * inverse + 16.5f), high = (int)(x[j + 16] * inverse + 16.5f);

            low = low > 31 ? 31 : low;
            high = high > 31 ? 31 : high;
            p[6 + j] = (unsigned char)((low & 15) | (high & 15) << 4);
            bits |= (uint32_t)(low >> 4) << j | (uint32_t)(high >> 4) << (j + 16);
        }
        memcpy(p + 2, &bits, sizeof bits);
    }
}

const struct quant_ops quant_q5_0 = {
    .name = "q5_0",
    .dtype = NULL,
    .ggml_type = 6,
    .block = 32,
    .block_bytes = 22,
    .to_float = to_float,
    .from_float = from_float,
    .unpack = unpack,
};
