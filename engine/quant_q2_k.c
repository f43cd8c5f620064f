/* 256 values of two bits: s[16], q[64], d, m; value d (s & 15) q - m (s >> 4).
 * A half of 128 takes 32 bytes of q; its quarter j lies in bits 2j, 2j + 1 of them. One s covers 16
 * values. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 256, out += 256, p += 84) {
        const unsigned char *scales = p, *q = p + 16;
        float d = quant_half(p + 80), m = quant_half(p + 82);

        for (int i = 0; i < 256; i++) {
            int half = i / 128, quarter = i % 128 / 32;
            int value = q[32 * half + i % 32] >> (2 * quarter) & 3;
            int scale = scales[i / 16];

            out[i] = d * (float)(scale & 15) * (float)value - m * (float)(scale >> 4);
        }
    }
}

const struct quant_ops quant_q2_k = {
    .name = "q2_k",
    .dtype = NULL,
    .ggml_type = 10,
    .block = 256,
    .block_bytes = 84,
    .to_float = to_float,
};
