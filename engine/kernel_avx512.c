/* The arithmetic with AVX-512: the 16 lanes are one register. */
#include <config.h>

#include "engine/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "engine/quant.h"

#define LANES_NAME   "avx512"
#define LANES_SELF   kernel_avx512
#define LANES_SPEED  512
#define LANES_TARGET __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")))
#define TILE_ROWS    4
#define TILE_TOKENS  6
#define WEIGH_ROWS   6
#define WEIGH_LANES  4

typedef __m512 lanes;

#define FN static inline LANES_TARGET

/* clang-format off */
FN lanes lanes_all(float x) { return _mm512_set1_ps(x); }
FN lanes lanes_add(lanes a, lanes b) { return _mm512_add_ps(a, b); }
FN lanes lanes_sub(lanes a, lanes b) { return _mm512_sub_ps(a, b); }
FN lanes lanes_mul(lanes a, lanes b) { return _mm512_mul_ps(a, b); }
FN lanes lanes_div(lanes a, lanes b) { return _mm512_div_ps(a, b); }
FN lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm512_fmadd_ps(a, b, c); }
FN lanes lanes_fnma(lanes a, lanes b, lanes c) { return _mm512_fnmadd_ps(a, b, c); }
FN lanes lanes_min(lanes a, lanes b) { return _mm512_min_ps(a, b); }
FN lanes lanes_max(lanes a, lanes b) { return _mm512_max_ps(a, b); }
FN lanes lanes_abs(lanes a) { return _mm512_abs_ps(a); }
FN lanes lanes_load(const void *p) { return _mm512_loadu_ps(p); }
FN void lanes_store(float *p, lanes a) { _mm512_storeu_ps(p, a); }
FN float lanes_top(lanes a) { return _mm512_reduce_max_ps(a); }
/* clang-format on */

FN __mmask16 first(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

FN lanes lanes_load_part(const void *p, size_t n)
{
    return _mm512_maskz_loadu_ps(first(n), p);
}

FN void lanes_store_part(float *p, lanes a, size_t n)
{
    _mm512_mask_storeu_ps(p, first(n), a);
}

FN lanes lanes_round(lanes a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

FN lanes lanes_if_negative(lanes x, lanes a, lanes b)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), b, a);
}

/* Powers of two in halves, so that subnormal results round once. */
FN lanes lanes_scale(lanes a, lanes exponent)
{
    __m512i e = _mm512_cvtps_epi32(exponent), half = _mm512_srai_epi32(e, 1),
            bias = _mm512_set1_epi32(127);
    __m512i rest = _mm512_sub_epi32(e, half);

    a = _mm512_mul_ps(a, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(half, bias), 23)));
    return _mm512_mul_ps(a,
                         _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(rest, bias), 23)));
}

FN float lanes_sum(lanes a)
{
    __m256 s8 = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));

    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

/* Four sums at once: each step folds the lanes of two registers into one.
 *   [a8 b8] [c8 d8] -> [a4 b4 c4 d4] -> pairs -> one number in every 128 bits */
FN void lanes_sum4(float *out /* [4] */, lanes a, lanes b, lanes c, lanes d)
{
    lanes ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    lanes cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    lanes s = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));

    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
    _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_permutexvar_ps(
                           _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12)), s)));
}

FN lanes lanes_halves(const unsigned char *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

FN void lanes_put_halves(unsigned char *p, lanes a)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

FN lanes lanes_bfloats(const unsigned char *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));

    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

FN lanes lanes_bytes(const unsigned char *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

FN lanes lanes_half_all(const unsigned char *p)
{
    short half;

    memcpy(&half, p, sizeof half);
    return _mm512_cvtph_ps(_mm256_set1_epi16(half));
}

/* The sixteen values that a nibble can mean are a register: looking them up takes the lowest four
 * bits. */
FN void lanes_nibbles(lanes *low, lanes *high, const unsigned char *p, lanes d)
{
    __m512 values =
        _mm512_mul_ps(d, _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
    __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));

    *low = _mm512_permutexvar_ps(bytes, values);
    *high = _mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), values);
}

/* A macro: GCC takes a function that only prefetches for one without effect, and its calls away. */
#define lanes_prefetch(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#include "engine/kernels_body.inc"

#else

static bool usable(void)
{
    return false;
}

const struct kernel_ops kernel_avx512 = {.name = "avx512", .usable = usable};

#endif
