/* 32 nibbles behind one half-precision scale: d, q[16]; value d (q - 8).
 * Byte j holds element j in its low half and element j + 16 in its high half. */
#include <config.h>

#include <math.h>

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

QUANT_BYTES static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t k = 0; k < n; k += 32, p += 18) {
        const unsigned char *q = p + 2;
        signed char *to = out->q + k;

        for (int j = 0; j < 16; j++) {
            to[j] = (signed char)((q[j] & 15) - 8);
        }
        for (int j = 0; j < 16; j++) {
            to[16 + j] = (signed char)((q[j] >> 4) - 8);
        }
        out->scale[k / 32] = quant_half(p);
        out->part[k / 16] = out->part[k / 16 + 1] = 1;
        out->shift[k / 16] = out->shift[k / 16 + 1] = -0.0f;
    }
}

/* The value of the largest magnitude becomes -8, so that its sign costs no range; as in ggml. */
static void from_float(void *row, const float *x, size_t n)
{
    unsigned char *p = row;

    for (; n > 0; n -= 32, x += 32, p += 18) {
        float most = 0, d, inverse;

        for (int j = 0; j < 32; j++) {
            most = fabsf(x[j]) > fabsf(most) ? x[j] : most;
        }
        d = most / -8;
        inverse = d != 0 ? 1 / d : 0;
        quant_put_half(p, d);
        for (int j = 0; j < 16; j++) {
            int low = (int)(x[j] * inverse + 8.5f), high = (int)(x[j + 16] * inverse + 8.5f);

            p[2 + j] = (unsigned char)((low > 15 ? 15 : low) | (high > 15 ? 15 : high) << 4);
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
    .from_float = from_float,
    .unpack = unpack,
};
