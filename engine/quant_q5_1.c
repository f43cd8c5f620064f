/* 32 values of five bits behind a scale and a minimum: d, m, h[4], q[16]; value d q + m.
 * Bits lie as in q5_0. */
#include <config.h>

#include "engine/quant.h"

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t k = 0; k < n; k += 32, p += 24) {
        const unsigned char *q = p + 8;
        signed char *to = out->q + k;
        unsigned char fifth[32]; /* 16 or 0 */

        quant_spread(fifth, p + 4);
        for (int j = 0; j < 16; j++) {
            to[j] = (signed char)(((q[j] & 15) | fifth[j]));
        }
        for (int j = 0; j < 16; j++) {
            to[16 + j] = (signed char)((q[j] >> 4 | fifth[16 + j]));
        }
        out->scale[k / 32] = quant_half(p);
        out->part[k / 16] = out->part[k / 16 + 1] = 1;
        out->shift[k / 16] = out->shift[k / 16 + 1] = quant_half(p + 2);
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 8 * 24);
}

const struct quant_ops quant_q5_1 = {
    .name = "q5_1",
    .dtype = NULL,
    .ggml_type = 7,
    .block = 32,
    .block_bytes = 24,
    .to_float = to_float,
    .unpack = unpack,
    .shifts = 1,
};
