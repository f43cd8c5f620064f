/* 256 values of six bits: q[128], h[64], s[16] signed, d; value d s (q - 32).
 * In a half of 128, quarter j has its nibbles in bytes 32 (j % 2) + i of the 64 (high halves for j
 * >= 2) and its upper two bits in bits 2j of h[i]. One s covers 16 values. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 256, out += 256, p += 210) {
        const unsigned char *q = p, *high = p + 128;
        const signed char *scales = (const signed char *)p + 192;
        float d = quant_half(p + 208);

        for (int i = 0; i < 256; i++) {
            int half = i / 128, quarter = i % 128 / 32, j = i % 32;
            int low = q[64 * half + 32 * (quarter % 2) + j] >> (4 * (quarter / 2)) & 15;
            int value = low | (high[32 * half + j] >> (2 * quarter) & 3) << 4;

            out[i] = d * (float)scales[i / 16] * (float)(value - 32);
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
};
