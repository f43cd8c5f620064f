/* 32 values of five bits behind a scale: d, h[4], q[16]; value d (q - 16).
 * Nibbles lie as in q4_0; bit j of the little-endian word h is the fifth bit of element j. */
#include <config.h>

#include "engine/quant.h"

static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t k = 0; k < n; k += 32, p += 22) {
        const unsigned char *q = p + 6;
        uint32_t high;

        memcpy(&high, p + 2, sizeof high);
        for (unsigned j = 0; j < 16; j++) {
            unsigned low = (q[j] & 15u) | (high >> j & 1) << 4;
            unsigned up = q[j] >> 4 | (high >> (j + 16) & 1) << 4;

            out->q[k + j] = (signed char)((int)low - 16);
            out->q[k + 16 + j] = (signed char)((int)up - 16);
        }
        out->scale[k / 16] = out->scale[k / 16 + 1] = quant_half(p);
        out->shift[k / 16] = out->shift[k / 16 + 1] = -0.0f;
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 8 * 22);
}

const struct quant_ops quant_q5_0 = {
    .name = "q5_0",
    .dtype = NULL,
    .ggml_type = 6,
    .block = 32,
    .block_bytes = 22,
    .to_float = to_float,
    .unpack = unpack,
};
