/* 256 values of five bits: d, m, s[12], h[32], q[128]; value d scale q - m minimum.
 * Nibbles and scales lie as in q4_k; bit g of h[j] is the fifth bit of element j of group g. */
#include <config.h>

#include "engine/quant.h"

/* Scale and minimum of group i of 32: six bits each. Groups 0..3 lie in the low six bits of s[i]
 * and s[i + 4]; groups 4..7 have their low nibbles in s[i + 4] and their upper two bits on top of
 * the first. */
static void scale_at(int *scale, int *minimum, const unsigned char *s, int i)
{
    if (i < 4) {
        *scale = s[i] & 63;
        *minimum = s[i + 4] & 63;
    } else {
        *scale = (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
        *minimum = s[i + 4] >> 4 | (s[i] >> 6) << 4;
    }
}

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row, *high = p + 16, *q = p + 48;
    float d = quant_half(p), m = quant_half(p + 2);

    for (int c = 0; c < 4; c++, q += 32) { /* the loops over bytes are what a compiler vectorises */
        signed char *low = out->q + 64 * c, *up = low + 32;
        unsigned char low_bit = (unsigned char)(1 << (2 * c)),
                      up_bit = (unsigned char)(2 << (2 * c));

        for (int j = 0; j < 32; j++) {
            low[j] = (signed char)((q[j] & 15) | (high[j] & low_bit ? 16 : 0));
        }
        for (int j = 0; j < 32; j++) {
            up[j] = (signed char)(q[j] >> 4 | (high[j] & up_bit ? 16 : 0));
        }
    }
    for (int group = 0; group < 8; group++) {
        int scale, minimum;

        scale_at(&scale, &minimum, p + 4, group);
        out->scale[group] = d * (float)scale;
        out->part[2 * group] = out->part[2 * group + 1] = 1;
        out->shift[2 * group] = out->shift[2 * group + 1] = -(m * (float)minimum);
    }
}

static void to_float(float *out, const void *row, size_t n)
{
    quant_combine(out, row, n, unpack, 176);
}

const struct quant_ops quant_q5_k = {
    .name = "q5_k",
    .dtype = NULL,
    .ggml_type = 13,
    .block = 256,
    .block_bytes = 176,
    .to_float = to_float,
    .unpack = unpack,
    .shifts = 1,
};
