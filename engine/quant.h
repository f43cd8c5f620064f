/* How the numbers of a matrix are stored, and how a row of them becomes floats. One file a type
 * (quant_NAME.c); the list in local.mk is the registry.
 *
 * What a stored row means is exact: every value is a float32 (block scales times small integers fit
 * it, types with a minimum round once), so nothing depends on who widens the row. Layouts: ggml's
 * block structs (ggml-common.h), safetensors' dtypes. */
#ifndef ATTUNE_ENGINE_QUANT_H
#define ATTUNE_ENGINE_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Loops over bytes that a compiler turns into vectors: compiled for several instruction sets,
 * chosen when the program starts. Integers are integers in all of them. */
#if defined __x86_64__ && defined __GNUC__ && !defined __clang__ && defined __linux__ &&           \
    !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define QUANT_BYTES                                                                                \
    __attribute__((target_clones("arch=skylake-avx512", "avx2", "default"), optimize("O3")))
#else
#define QUANT_BYTES
#endif

/* Up to 256 values of a row as integers: value i is scale[i / 32] part[i / 16] q[i] + shift[i /
 * 16]. The product is exact, the sum rounds once. part is 1 where 16 values have no scale of their
 * own, shift -0 where a type has none, which changes no value. In 32 values with any q' in
 * -127..127 the sum of part q q' fits 24 bits. */
struct quant_integers {
    signed char q[256];
    float scale[8];
    signed char part[16];
    float shift[16];
};

struct quant_ops {
    const char *name;   /* "q8_0", as people type it */
    const char *dtype;  /* safetensors' name for it, or NULL */
    uint32_t ggml_type; /* number in GGUF files */
    int block;          /* elements a block; rows hold whole blocks */
    size_t block_bytes;
    void (*to_float)(float *out /* [n] */, const void *row, size_t n); /* n: whole blocks */
    /* The nearest row of this type; NULL: only read here, not written. n: whole blocks. */
    void (*from_float)(void *row, const float *x /* [n] */, size_t n);
    /* NULL for types that are floats; n <= 256, whole blocks */
    void (*unpack)(struct quant_integers *out, const void *row, size_t n);
    bool parts; /* 16 values have an integer scale of their own */
    int shifts; /* in 32 values: 0 (none), 1 or 2 (one for 16) */
};

size_t quant_count(void);
const struct quant_ops *quant_at(size_t i);
/* NULL if there is no such type. */
const struct quant_ops *quant_by_ggml(uint32_t type);
const struct quant_ops *quant_by_dtype(const char *dtype); /* "F32", "F16", "BF16" */
const struct quant_ops *quant_by_name(const char *name);

/* Bytes of a row of n elements; 0 if n is not whole blocks or the size overflows. */
size_t quant_row_bytes(const struct quant_ops *type, size_t n);

/* to_float for types with unpack; bytes: what 256 values take. */
void quant_combine(float *out /* [n] */, const void *row, size_t n,
                   void (*unpack)(struct quant_integers *, const void *, size_t), size_t bytes);

/* 32 bits as bytes of 16 or 0, the lowest first. Eight at a time: a byte in all places of a word,
 * of which each place keeps its own bit; 127 more carries what is left of it into the highest. */
static inline void quant_spread(unsigned char out[32], const unsigned char *bits)
{
    for (int i = 0; i < 4; i++) {
        uint64_t word = bits[i] * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);

        word = (word + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 3 & UINT64_C(0x1010101010101010);
        memcpy(out + 8 * i, &word, sizeof word);
    }
}

/* IEEE 754 half precision at p (any alignment) as float. Subnormal halves are small integers of
 * 2^-24: never a subnormal float, which processors are slow with. */
static inline float quant_half(const void *p)
{
    uint16_t half;
    uint32_t bits, exponent;
    float value;

    memcpy(&half, p, sizeof half);
    exponent = half >> 10 & 31;
    if (exponent == 0) {
        value = (float)(half & 0x3ff) * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
    } else {
        bits = (uint32_t)(half & 0x7fff) << 13;
        bits += exponent == 31 ? 224u << 23 : 112u << 23;
    }
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The nearest half (ties to even) to p. */
void quant_put_half(void *p, float x);

/* What the types with several scales need to be written (quant_fit.c). */

/* q[i] in low..high so that scale q is near x, squares of x as weights; returns scale. */
float quant_fit(signed char *q, const float *x, int n, int low, int high);
/* The same with q in 0..high and x near scale q - *minimum, *minimum >= 0. */
float quant_fit_minimum(unsigned char *q, float *minimum, const float *x, int n, int high);
/* The integer nearest to x, ties to even, in low..high. */
int quant_round(float x, int low, int high);

#endif
