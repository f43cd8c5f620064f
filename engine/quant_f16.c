/* IEEE half precision. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    const unsigned char *p = row;

    for (size_t i = 0; i < n; i++) {
        out[i] = quant_half(p + 2 * i);
    }
}

static void from_float(void *row, const float *x, size_t n)
{
    unsigned char *p = row;

    for (size_t i = 0; i < n; i++) {
        quant_put_half(p + 2 * i, x[i]);
    }
}

const struct quant_ops quant_f16 = {
    .name = "f16",
    .dtype = "F16",
    .ggml_type = 1,
    .block = 1,
    .block_bytes = 2,
    .to_float = to_float,
    .from_float = from_float,
};
