/* 32 values of five bits behind a scale and a minimum: d, m, h[4], q[16]; value d q + m.
 * Bits lie as in q5_0. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 32, out += 32, p += 24) {
        const unsigned char *q = p + 8;
        float d = quant_half(p), m = quant_half(p + 2);
        uint32_t high;

        memcpy(&high, p + 4, sizeof high);
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)((q[j] & 15u) | (high >> j & 1) << 4) + m;
            out[j + 16] = d * (float)((q[j] >> 4) | (high >> (j + 16) & 1) << 4) + m;
        }
    }
}

const struct quant_ops quant_q5_1 = {
    .name = "q5_1",
    .dtype = NULL,
    .ggml_type = 7,
    .block = 32,
    .block_bytes = 24,
    .to_float = to_float,
};
