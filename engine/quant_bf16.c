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

const struct quant_ops quant_bf16 = {
    .name = "bf16",
    .dtype = "BF16",
    .ggml_type = 30,
    .block = 1,
    .block_bytes = 2,
    .to_float = to_float,
};
