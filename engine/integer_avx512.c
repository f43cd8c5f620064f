/* Integer products with AVX-512 and its byte products (VNNI): eight rows against one vector as they
 * lie in the file, or sixteen rows, laid out once, against many. */
#include <config.h>

#include "engine/integer.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#define TARGET                                                                                     \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define FN    static inline TARGET __attribute__((always_inline))
#define APART static TARGET __attribute__((noinline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#include "engine/integer_forms.inc"
#include "engine/integer_tiles.inc"

FN __m512i magnitudes(__m512 x)
{
    return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
}

FN void round_block(struct integer_block *out, const float *x)
{
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16), factor;
    uint32_t most = _mm512_reduce_max_epu32(_mm512_max_epu32(magnitudes(a), magnitudes(b)));
    float scale, inverse;
    __m512i low, high;
    int first, second;

    memcpy(&scale, &most, sizeof scale);
    inverse = most < 0x7f800000u && scale >= 0x1p-100f ? 127 / scale : 0;
    scale = most >= 0x7f800000u ? NAN : inverse > 0 ? scale / 127 : 0;
    factor = _mm512_set1_ps(inverse);
    low = _mm512_maskz_cvtps_epi32(inverse > 0 ? 0xffff : 0, _mm512_mul_ps(a, factor));
    high = _mm512_maskz_cvtps_epi32(inverse > 0 ? 0xffff : 0, _mm512_mul_ps(b, factor));
    _mm_storeu_si128((__m128i *)out->q, _mm512_cvtepi32_epi8(low));
    _mm_storeu_si128((__m128i *)(out->q + 16), _mm512_cvtepi32_epi8(high));
    first = _mm512_reduce_add_epi32(low);
    second = _mm512_reduce_add_epi32(high);
    out->scale = scale;
    out->sum = scale * (float)(first + second);
    out->half_sum[0] = scale * (float)first;
    out->half_sum[1] = scale * (float)second;
    out->offset = -128 * (first + second);
    out->half_offset[0] = -128 * first;
    out->half_offset[1] = -128 * second;
    out->unused = 0;
}

static TARGET void round_all(const struct integer_vectors *to, size_t t, const float *x)
{
    size_t step;
    struct integer_block *out = integer_vector(to, t, &step);

    for (size_t i = 0; i < to->n_blocks; i++) {
        round_block(out + i * step, x + 32 * i);
    }
}

/* The last rows, fewer than eight: one by one. */
APART void single(float *y, const struct integer_rows *w, size_t row, const struct integer_block *x)
{
    const unsigned char *p = w->data + row * w->row_bytes;
    struct quant_integers integers;
    float chains[2] = {0, 0};

    for (size_t k = 0; k < w->n; k += 256, p += quant_row_bytes(w->type, 256)) {
        size_t m = w->n - k < 256 ? w->n - k : 256;

        w->type->unpack(&integers, p, m);
        for (size_t i = 0; i < m / 32; i++) {
            chains[i % 2] = integer_onto(chains[i % 2], &integers, i, x + k / 32 + i, w->type);
        }
    }
    *y = chains[0] + chains[1];
}

/* Few vectors: eight rows meet each of them while they are near. */
static TARGET void few(float *y, size_t ldy, const struct integer_rows *w,
                       const struct integer_vectors *x)
{
    dots_fn *eight = dots_of(w);
    size_t r = 0;

    for (; r + 8 <= w->rows; r += 8) {
        for (size_t t = 0; t < x->n; t++) {
            eight(y + t * ldy + r, w, r, x->blocks + t * x->n_blocks);
        }
    }
    for (; r < w->rows; r++) {
        for (size_t t = 0; t < x->n; t++) {
            single(y + t * ldy + r, w, r, x->blocks + t * x->n_blocks);
        }
    }
}

static TARGET void product(float *y, size_t ldy, const struct integer_rows *w,
                           const struct integer_vectors *x, void *space)
{
    if (x->n < INTEGER_FEW) {
        few(y, ldy, w, x);
        return;
    }
    for (size_t r = 0; r < w->rows; r += INTEGER_ROWS) {
        many(y + r, ldy, w, r, x, space);
    }
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma");
}

const struct integer_ops integer_avx512 = {
    .name = "avx512",
    .speed = 512,
    .usable = usable,
    .round = round_all,
    .product = product,
};

#else

static bool usable(void)
{
    return false;
}

const struct integer_ops integer_avx512 = {.name = "avx512", .usable = usable};

#endif
