/* 32 signed bytes behind one half-precision scale: d, q[32]; value d q. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 32, out += 32, p += 34) {
        const signed char *q = (const signed char *)p + 2;
        float d = quant_half(p);

        for (int j = 0; j < 32; j++) {
            out[j] = d * (float)q[j];
        }
    }
}

const struct quant_ops quant_q8_0 = {
    .name = "q8_0",
    .dtype = NULL,
    .ggml_type = 8,
    .block = 32,
    .block_bytes = 34,
    .to_float = to_float,
};
