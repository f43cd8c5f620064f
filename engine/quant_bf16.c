/* bfloat16: the upper half of a float. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)p[2 * i] << 16 | (uint32_t)p[2 * i + 1] << 24;

        memcpy(out + i, &bits, sizeof bits);
    }
}

/* Ties to even; a NaN stays one, quiet. */
static void from_float(void *row, const float *x, size_t n)
{
    unsigned char *p = row;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, x + i, sizeof bits);
        bits = (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u
                                                  : bits + 0x7fffu + (bits >> 16 & 1);
        p[2 * i] = (unsigned char)(bits >> 16);
        p[2 * i + 1] = (unsigned char)(bits >> 24);
    }
}

const struct quant_ops quant_bf16 = {
    .name = "bf16",
    .dtype = "BF16",
    .ggml_type = 30,
    .block = 1,
    .block_bytes = 2,
    .to_float = to_float,
    .from_float = from_float,
};
