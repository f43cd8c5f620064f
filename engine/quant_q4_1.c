/* 32 nibbles behind a scale and a minimum: d, m, q[16]; value d q + m.
 * Nibbles lie as in q4_0. */
#include <config.h>

#include "engine/quant.h"

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t k = 0; k < n; k += 32, p += 20) {
        const unsigned char *q = p + 4;

        signed char *to = out->q + k;

        for (int j = 0; j < 16; j++) {
            to[j] = (signed char)(q[j] & 15);
        }
        for (int j = 0; j < 16; j++) {
            to[16 + j] = (signed char)(q[j] >> 4);
        }
        out->scale[k / 32] = quant_half(p);
        out->part[k / 16] = out->part[k / 16 + 1] = 1;
        out->shift[k / 16] = out->shift[k / 16 + 1] = quant_half(p + 2);
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 8 * 20);
}

const struct quant_ops quant_q4_1 = {
    .name = "q4_1",
    .dtype = NULL,
    .ggml_type = 3,
    .block = 32,
    .block_bytes = 20,
    .to_float = to_float,
    .unpack = unpack,
    .shifts = 1,
};
