/* 32 nibbles behind a scale and a minimum: d, m, q[16]; value d q + m.
 * Nibbles lie as in q4_0. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 32, out += 32, p += 20) {
        const unsigned char *q = p + 4;
        float d = quant_half(p), m = quant_half(p + 2);

        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)(q[j] & 15) + m;
            out[j + 16] = d * (float)(q[j] >> 4) + m;
        }
    }
}

const struct quant_ops quant_q4_1 = {
    .name = "q4_1",
    .dtype = NULL,
    .ggml_type = 3,
    .block = 32,
    .block_bytes = 20,
    .to_float = to_float,
};
