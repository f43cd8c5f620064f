/* 256 nibbles: d, m, s[12], q[128]; value d scale q - m minimum, per group of 32.
 * 64 values take 32 bytes: the first 32 in the low halves, the next in the high halves. */
#include <config.h>

#include <math.h>

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

static void put_scale(unsigned char *s, int i, int scale, int minimum)
{
    if (i < 4) {
        s[i] |= (unsigned char)scale;
        s[i + 4] |= (unsigned char)minimum;
    } else {
        s[i + 4] |= (unsigned char)((scale & 15) | (minimum & 15) << 4);
        s[i - 4] |= (unsigned char)(scale >> 4 << 6);
        s[i] |= (unsigned char)(minimum >> 4 << 6);
    }
}

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row, *q = p + 16;
    float d = quant_half(p), m = quant_half(p + 2);

    for (int c = 0; c < 4; c++, q += 32) { /* the loops over bytes are what a compiler vectorises */
        signed char *low = out->q + 64 * c, *up = low + 32;

        for (int j = 0; j < 32; j++) {
            low[j] = (signed char)(q[j] & 15);
        }
        for (int j = 0; j < 32; j++) {
            up[j] = (signed char)(q[j] >> 4);
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
    quant_combine(out, row, n, unpack, 144);
}

/* Each group of 32 is fitted by itself; then its scale and minimum become six bits of the block's,
 * and the values are rounded once more against what these really are. */
static void from_float(void *row, const float *x, size_t n)
{
    unsigned char *p = row;

    for (; n > 0; n -= 256, x += 256, p += 144) {
        float scales[8], minima[8], most_scale = 0, most_minimum = 0, d, m;
        unsigned char q[256];

        for (int g = 0; g < 8; g++) {
            scales[g] = quant_fit_minimum(q + 32 * g, &minima[g], x + 32 * g, 32, 15);
            most_scale = fmaxf(most_scale, scales[g]);
            most_minimum = fmaxf(most_minimum, minima[g]);
        }
        memset(p, 0, 144);
        quant_put_half(p, most_scale / 63);
        quant_put_half(p + 2, most_minimum / 63);
        d = quant_half(p);
        m = quant_half(p + 2);
        for (int g = 0; g < 8; g++) {
            int scale = d > 0 ? quant_round(scales[g] / d, 0, 63) : 0;
            int minimum = m > 0 ? quant_round(minima[g] / m, 0, 63) : 0;
            float step = d * (float)scale, shift = m * (float)minimum;

            put_scale(p + 4, g, scale, minimum);
            for (int i = 32 * g; i < 32 * g + 32; i++) {
                int value = step > 0 ? quant_round((x[i] + shift) / step, 0, 15) : 0;

                p[16 + 32 * (g / 2) + i % 32] |= (unsigned char)(value << 4 * (g % 2));
            }
        }
    }
}

const struct quant_ops quant_q4_k = {
    .name = "q4_k",
    .dtype = NULL,
    .ggml_type = 12,
    .block = 256,
    .block_bytes = 144,
    .to_float = to_float,
    .from_float = from_float,
    .unpack = unpack,
    .shifts = 1,
};
