/* 32 signed bytes behind one half-precision scale: d, q[32]; value d q. */
#include <config.h>

#include <math.h>

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

static void unpack(struct quant_integers *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t k = 0; k < n; k += 32, p += 34) {
        memcpy(out->q + k, p + 2, 32);
        out->scale[k / 32] = quant_half(p);
        out->part[k / 16] = out->part[k / 16 + 1] = 1;
        out->shift[k / 16] = out->shift[k / 16 + 1] = -0.0f;
    }
}

/* The largest magnitude becomes 127, as in ggml. */
static void from_float(void *row, const float *x, size_t n)
{
    unsigned char *p = row;

    for (; n > 0; n -= 32, x += 32, p += 34) {
        float most = 0, d, inverse;

        for (int j = 0; j < 32; j++) {
            most = fmaxf(most, fabsf(x[j]));
        }
        d = most / 127;
        inverse = d != 0 ? 1 / d : 0;
        quant_put_half(p, d);
        for (int j = 0; j < 32; j++) {
            p[2 + j] = (unsigned char)(signed char)roundf(x[j] * inverse);
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
    .from_float = from_float,
    .unpack = unpack,
};
