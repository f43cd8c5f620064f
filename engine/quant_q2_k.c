/* 256 values of two bits: s[16], q[64], d, m; value d (s & 15) q - m (s >> 4).
 * A half of 128 takes 32 bytes of q; its quarter j lies in bits 2j, 2j + 1 of them. One s covers 16
 * values. */
#include <config.h>

#include "engine/quant.h"

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row, *scales = p, *q = p + 16;
    float d = quant_half(p + 80), m = quant_half(p + 82);

    for (int half = 0; half < 2; half++, q += 32) {
        for (int quarter = 0; quarter < 4; quarter++) {
            signed char *to = out->q + 128 * half + 32 * quarter;

            for (int j = 0; j < 32; j++) {
                to[j] = (signed char)(q[j] >> (2 * quarter) & 3);
            }
        }
    }
    for (int i = 0; i < 16; i++) {
        out->scale[i / 2] = d;
        out->part[i] = scales[i] & 15;
        out->shift[i] = -(m * (float)(scales[i] >> 4));
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 84);
}

const struct quant_ops quant_q2_k = {
    .name = "q2_k",
    .dtype = NULL,
    .ggml_type = 10,
    .block = 256,
    .block_bytes = 84,
    .to_float = to_float,
    .unpack = unpack,
    .parts = true,
    .shifts = 2,
};
