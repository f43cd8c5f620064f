/* 256 values of three bits: h[32], q[64], s[12], d; value d (s - 32) (q - 4).
 * The low two bits lie as in q2_k; bit j of h[i % 32] is the third bit of group j of 32 values. The
 * sixteen 6-bit scales: low nibbles in s[0..7] (8..15 in the high halves), upper two bits in
 * s[8..11]. */
#include <config.h>

#include "engine/quant.h"

static int scale_at(const unsigned char *s, int i)
{
    int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4;

    return (low | (s[8 + i % 4] >> (2 * (i / 4)) & 3) << 4) - 32;
}

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row, *high = p, *q = p + 32, *scales = p + 96;
    float d = quant_half(p + 108);

    for (int half = 0; half < 2; half++, q += 32) {
        for (int quarter = 0; quarter < 4; quarter++) {
            signed char *to = out->q + 128 * half + 32 * quarter;
            unsigned char bit = (unsigned char)(1 << (4 * half + quarter));

            for (int j = 0; j < 32; j++) {
                to[j] = (signed char)((q[j] >> (2 * quarter) & 3) - (high[j] & bit ? 0 : 4));
            }
        }
    }
    for (int i = 0; i < 16; i++) {
        out->scale[i / 2] = d;
        out->part[i] = (signed char)scale_at(scales, i);
        out->shift[i] = -0.0f;
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 110);
}

const struct quant_ops quant_q3_k = {
    .name = "q3_k",
    .dtype = NULL,
    .ggml_type = 11,
    .block = 256,
    .block_bytes = 110,
    .to_float = to_float,
    .unpack = unpack,
    .parts = true,
};
