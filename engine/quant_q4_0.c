/* 32 nibbles behind one half-precision scale: d, q[16]; value d (q - 8).
 * Byte j holds element j in its low half and element j + 16 in its high half. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 32, out += 32, p += 18) {
        const unsigned char *q = p + 2;
        float d = quant_half(p);

        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)((q[j] & 15) - 8);
            out[j + 16] = d * (float)((q[j] >> 4) - 8);
        }
    }
}

const struct quant_ops quant_q4_0 = {
    .name = "q4_0",
    .dtype = NULL,
    .ggml_type = 2,
    .block = 32,
    .block_bytes = 18,
    .to_float = to_float,
};
