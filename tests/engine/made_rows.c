/* Made numbers for tests of arithmetic. */
#include <config.h>

#include "made_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static uint64_t seed = 42;

uint32_t made_next(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 32);
}

size_t made_below(size_t n)
{
    return made_next() % n;
}

float made_uniform(float low, float high)
{
    return low + (high - low) * (float)(made_next() >> 8) * 0x1p-24f;
}

/* Where a block has its first half-precision number. */
static size_t scale_offset(const struct quant_ops *type)
{
    static const struct {
        const char *name;
        size_t offset;
    } late[] = {{"q2_k", 80}, {"q3_k", 108}, {"q6_k", 208}};

    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        if (strcmp(late[i].name, type->name) == 0) {
            return late[i].offset;
        }
    }
    return 0;
}

/* A scale, or what else has a sign and an exponent in this byte, becomes an ordinary number. */
static void tame(unsigned char *top)
{
    *top = (unsigned char)((*top & 0x80) | (made_next() % 4 ? 0x20 : 0));
}

static void tame_blocks(unsigned char *w, const struct quant_ops *type, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += type->block_bytes) {
        unsigned char *scale = w + i + scale_offset(type) + 1, *next_half = scale + 2;

        tame(scale);
        if (next_half < w + i + type->block_bytes) { /* a minimum, or plain integers */
            tame(next_half);
        }
    }
}

unsigned char *made_rows(const struct quant_ops *type, size_t rows, size_t n)
{
    size_t bytes = rows * quant_row_bytes(type, n);
    unsigned char *w = malloc(bytes + 1);

    assert_non_null(w);
    for (size_t i = 0; i < bytes; i++) {
        w[i] = (unsigned char)made_next();
    }
    for (size_t i = 0; i + 1 < bytes && type->block == 1; i += type->block_bytes) {
        unsigned char *top = w + i + type->block_bytes - 1; /* sign and most of the exponent */

        *top = (unsigned char)((*top & 0x80) |
                               (type->ggml_type == 1 ? 0x28 + made_next() % 24 : 0x3c));
    }
    if (type->block > 1) {
        tame_blocks(w, type, bytes);
    }
    return w;
}

void made_fill(unsigned char *w, const struct quant_ops *type, size_t rows, size_t n,
               unsigned char byte)
{
    size_t bytes = rows * quant_row_bytes(type, n);

    memset(w, byte, bytes);
    tame_blocks(w, type, bytes);
}
