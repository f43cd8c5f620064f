/* 256 values of six bits: q[128], h[64], s[16] signed, d; value d s (q - 32).
 * In a half of 128, quarter j has its nibbles in bytes 32 (j % 2) + i of the 64 (high halves for j
 * >= 2) and its upper two bits in bits 2j of h[i]. One s covers 16 values. */
#include <config.h>

#include <math.h>

#include "engine/quant.h"

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row, *q = p, *high = p + 128;
    const signed char *scales = (const signed char *)p + 192;
    float d = quant_half(p + 208);

    for (int half = 0; half < 2; half++, q += 64, high += 32) {
        signed char *to = out->q + 128 * half;

        for (int j = 0; j < 32; j++) { /* loops over bytes are what a compiler vectorises */
            to[j] = (signed char)(((q[j] & 15) | (high[j] & 3) << 4) - 32);
        }
        for (int j = 0; j < 32; j++) {
            to[32 + j] = (signed char)(((q[32 + j] & 15) | (high[j] & 12) << 2) - 32);
        }
        for (int j = 0; j < 32; j++) {
            to[64 + j] = (signed char)((q[j] >> 4 | (high[j] & 48)) - 32);
        }
        for (int j = 0; j < 32; j++) {
            to[96 + j] = (signed char)((q[32 + j] >> 4 | (high[j] & 192) >> 2) - 32);
        }
    }
    for (int i = 0; i < 16; i++) {
        out->scale[i / 2] = d;
        out->part[i] = scales[i];
        out->shift[i] = -0.0f;
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 210);
}

/* Each group of 16 is fitted by itself; then its scale becomes eight bits of the block's, and the
 * values are rounded once more against what that really is. */
static void from_float(void *row, const float *x, size_t n)
{
    unsigned char *p = row;

    for (; n > 0; n -= 256, x += 256, p += 210) {
        float scales[16], most = 0, d;
        signed char q[256];

        for (int g = 0; g < 16; g++) {
            scales[g] = quant_fit(q + 16 * g, x + 16 * g, 16, -32, 31);
            most = fabsf(scales[g]) > fabsf(most) ? scales[g] : most;
        }
        memset(p, 0, 210);
        quant_put_half(p + 208, most / -128);
        d = quant_half(p + 208);
        for (int i = 0; i < 256; i++) {
            int scale = d != 0 ? quant_round(scales[i / 16] / d, -128, 127) : 0;
            float step = d * (float)scale;
            int value = step != 0 ? quant_round(x[i] / step, -32, 31) + 32 : 32;
            int half = i / 128, quarter = i % 128 / 32, j = i % 32;

            p[192 + i / 16] = (unsigned char)(signed char)scale;
            p[64 * half + 32 * (quarter % 2) + j] |=
                (unsigned char)((value & 15) << 4 * (quarter / 2));
            p[128 + 32 * half + j] |= (unsigned char)(value >> 4 << 2 * quarter);
        }
    }
}

const struct quant_ops quant_q6_k = {
    .name = "q6_k",
    .dtype = NULL,
    .ggml_type = 14,
    .block = 256,
    .block_bytes = 210,
    .to_float = to_float,
    .from_float = from_float,
    .unpack = unpack,
    .parts = true,
};
