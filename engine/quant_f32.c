/* 32-bit floats: nothing to do but copy. */
#include <config.h>

#include "engine/quant.h"

static void to_float(float *out, const void *row, size_t n)
{
    memcpy(out, row, n * sizeof *out);
}

static void from_float(void *row, const float *x, size_t n)
{
    memcpy(row, x, n * sizeof *x);
}

const struct quant_ops quant_f32 = {
    .name = "f32",
    .dtype = "F32",
    .ggml_type = 0,
    .block = 1,
    .block_bytes = 4,
    .to_float = to_float,
    .from_float = from_float,
};
