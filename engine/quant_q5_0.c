/* 32 values of five bits behind a scale: d, h[4], q[16]; value d (q - 16).
 * Nibbles lie as in q4_0; bit j of the little-endian word h is the fifth bit of element j. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 32, out += 32, p += 22) {
        const unsigned char *q = p + 6;
        float d = quant_half(p);
        uint32_t high;

        memcpy(&high, p + 2, sizeof high);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)((int)((q[j] & 15u) | (high >> j & 1) << 4) - 16);
            out[j + 16] = d * (float)((int)((q[j] >> 4) | (high >> (j + 16) & 1) << 4) - 16);
        }
    }
}

const struct quant_ops quant_q5_0 = {
    .name = "q5_0",
    .dtype = NULL,
    .ggml_type = 6,
    .block = 32,
    .block_bytes = 22,
    .to_float = to_float,
};
