/* The table of storage types, and what several of them share. */
#include <config.h>

#include "engine/quant.h"

#define QUANT(name) extern const struct quant_ops quant_##name;
#include "engine/tables.inc"
#undef QUANT

static const struct quant_ops *const types[] = {
#define QUANT(name) &quant_##name,
#include "engine/tables.inc"
#undef QUANT
};

size_t quant_count(void)
{
    return sizeof types / sizeof *types;
}

const struct quant_ops *quant_at(size_t i)
{
    return types[i];
}

const struct quant_ops *quant_by_ggml(uint32_t type)
{
    for (size_t i = 0; i < quant_count(); i++) {
        if (types[i]->ggml_type == type) {
            return types[i];
        }
    }
    return NULL;
}

const struct quant_ops *quant_by_dtype(const char *dtype)
{
    for (size_t i = 0; i < quant_count(); i++) {
        if (types[i]->dtype && strcmp(types[i]->dtype, dtype) == 0) {
            return types[i];
        }
    }
    return NULL;
}

const struct quant_ops *quant_by_name(const char *name)
{
    for (size_t i = 0; i < quant_count(); i++) {
        if (strcmp(types[i]->name, name) == 0) {
            return types[i];
        }
    }
    return NULL;
}

size_t quant_row_bytes(const struct quant_ops *type, size_t n)
{
    size_t blocks = n / (size_t)type->block;

    if (n % (size_t)type->block != 0 || blocks > SIZE_MAX / type->block_bytes) {
        return 0;
    }
    return blocks * type->block_bytes;
}

void quant_put_half(void *p, float x)
{
    uint32_t bits, magnitude, half;
    uint16_t out;

    memcpy(&bits, &x, sizeof bits);
    magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x47800000u) { /* 65536 and above, infinities, NaNs (which stay quiet) */
        half = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    } else if (magnitude < 0x38800000u) { /* below the smallest normal half: let the adder round */
        float tiny;

        memcpy(&tiny, &magnitude, sizeof tiny);
        tiny += 0.5f;
        memcpy(&half, &tiny, sizeof half);
        half -= 0x3f000000u;
    } else {
        magnitude += 0xfffu + (magnitude >> 13 & 1); /* ties to even; may carry into infinity */
        half = (magnitude >> 13) - (112u << 10);
    }
    out = (uint16_t)(half | (bits >> 16 & 0x8000u));
    memcpy(p, &out, sizeof out);
}

void quant_combine(float *out, const void *row, size_t n,
                   void (*unpack)(struct quant_integers *, const void *, size_t), size_t bytes)
{
    const unsigned char *p = row;
    struct quant_integers all;

    for (size_t k = 0; k < n; k += sizeof all.q, p += bytes) {
        size_t m = n - k < sizeof all.q ? n - k : sizeof all.q;

        unpack(&all, p, m);
        for (size_t i = 0; i < m; i++) {
            out[k + i] =
                all.scale[i / 32] * (float)all.part[i / 16] * (float)all.q[i] + all.shift[i / 16];
        }
    }
}
