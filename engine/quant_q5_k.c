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

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (; n > 0; n -= 256, out += 256, p += 176) {
        const unsigned char *high = p + 16, *q = p + 48;
        float d = quant_half(p), m = quant_half(p + 2);

        for (int group = 0; group < 8; group++) {
            int scale, minimum;

            scale_at(&scale, &minimum, p + 4, group);
            for (int j = 0; j < 32; j++) {
                int low = q[32 * (group / 2) + j] >> (4 * (group % 2)) & 15;
                int value = low | (high[j] >> group & 1) << 4;

                out[32 * group + j] = d * (float)scale * (float)value - m * (float)minimum;
            }
        }
    }
}

const struct quant_ops quant_q5_k = {
    .name = "q5_k",
    .dtype = NULL,
    .ggml_type = 13,
    .block = 256,
    .block_bytes = 176,
    .to_float = to_float,
};
