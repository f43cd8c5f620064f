/* The arithmetic with AVX2, FMA and F16C: the 16 lanes are two registers. */
#include <config.h>

#include "engine/kernels.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "engine/quant.h"

#define LANES_NAME   "avx2"
#define LANES_SELF   kernel_avx2
#define LANES_SPEED  256
#define LANES_TARGET __attribute__((target("avx2,fma,f16c")))
#define TILE_ROWS    2
#define TILE_TOKENS  3
#define WEIGH_ROWS   3
#define WEIGH_LANES  2

typedef struct {
    __m256 a, b; /* lanes 0 to 7, 8 to 15 */
} lanes;

#define FN static inline LANES_TARGET

/* clang-format off */
#define BOTH(step) { lanes z; { __m256 x = p.a, y = q.a; z.a = (step); } { __m256 x = p.b, y = q.b; z.b = (step); } return z; }
FN lanes lanes_all(float x) { return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
FN lanes lanes_add(lanes p, lanes q) BOTH(_mm256_add_ps(x, y))
FN lanes lanes_sub(lanes p, lanes q) BOTH(_mm256_sub_ps(x, y))
FN lanes lanes_mul(lanes p, lanes q) BOTH(_mm256_mul_ps(x, y))
FN lanes lanes_div(lanes p, lanes q) BOTH(_mm256_div_ps(x, y))
FN lanes lanes_min(lanes p, lanes q) BOTH(_mm256_min_ps(x, y))
FN lanes lanes_max(lanes p, lanes q) BOTH(_mm256_max_ps(x, y))
FN lanes lanes_fma(lanes p, lanes q, lanes r) { return (lanes){_mm256_fmadd_ps(p.a, q.a, r.a), _mm256_fmadd_ps(p.b, q.b, r.b)}; }
FN lanes lanes_fnma(lanes p, lanes q, lanes r) { return (lanes){_mm256_fnmadd_ps(p.a, q.a, r.a), _mm256_fnmadd_ps(p.b, q.b, r.b)}; }
FN lanes lanes_load(const void *p) { return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps((const float *)p + 8)}; }
FN void lanes_store(float *p, lanes v) { _mm256_storeu_ps(p, v.a); _mm256_storeu_ps(p + 8, v.b); }
#undef BOTH
/* clang-format on */

/* All ones in the first n of 16. */
FN void masks(__m256i *a, __m256i *b, size_t n)
{
    __m256i count = _mm256_set1_epi32((int)n);

    *a = _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    *b = _mm256_cmpgt_epi32(count, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15));
}

FN lanes lanes_load_part(const void *p, size_t n)
{
    __m256i a, b;

    masks(&a, &b, n);
    return (lanes){_mm256_maskload_ps(p, a), _mm256_maskload_ps((const float *)p + 8, b)};
}

FN void lanes_store_part(float *p, lanes v, size_t n)
{
    __m256i a, b;

    masks(&a, &b, n);
    _mm256_maskstore_ps(p, a, v.a);
    _mm256_maskstore_ps(p + 8, b, v.b);
}

FN lanes lanes_abs(lanes v)
{
    __m256 sign = _mm256_set1_ps(-0.0f);

    return (lanes){_mm256_andnot_ps(sign, v.a), _mm256_andnot_ps(sign, v.b)};
}

FN lanes lanes_round(lanes v)
{
    return (lanes){_mm256_round_ps(v.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                   _mm256_round_ps(v.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

FN lanes lanes_if_negative(lanes x, lanes p, lanes q)
{
    __m256 zero = _mm256_setzero_ps();

    return (lanes){_mm256_blendv_ps(q.a, p.a, _mm256_cmp_ps(x.a, zero, _CMP_LT_OQ)),
                   _mm256_blendv_ps(q.b, p.b, _mm256_cmp_ps(x.b, zero, _CMP_LT_OQ))};
}

/* Powers of two in halves, so that subnormal results round once. */
FN __m256 scale8(__m256 a, __m256 exponent)
{
    __m256i e = _mm256_cvtps_epi32(exponent), half = _mm256_srai_epi32(e, 1),
            bias = _mm256_set1_epi32(127);
    __m256i rest = _mm256_sub_epi32(e, half);

    a = _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
    return _mm256_mul_ps(a,
                         _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}

FN lanes lanes_scale(lanes v, lanes exponent)
{
    return (lanes){scale8(v.a, exponent.a), scale8(v.b, exponent.b)};
}

FN float lanes_sum(lanes v)
{
    __m256 s8 = _mm256_add_ps(v.a, v.b);
    __m128 s4 = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_add_ps(s4, _mm_movehl_ps(s4, s4));

    return _mm_cvtss_f32(_mm_add_ss(s2, _mm_movehdup_ps(s2)));
}

FN float lanes_top(lanes v)
{
    __m256 s8 = _mm256_max_ps(v.a, v.b);
    __m128 s4 = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
    __m128 s2 = _mm_max_ps(s4, _mm_movehl_ps(s4, s4));

    return _mm_cvtss_f32(_mm_max_ss(s2, _mm_movehdup_ps(s2)));
}

FN void lanes_sum4(float *out /* [4] */, lanes a, lanes b, lanes c, lanes d)
{
    out[0] = lanes_sum(a);
    out[1] = lanes_sum(b);
    out[2] = lanes_sum(c);
    out[3] = lanes_sum(d);
}

FN lanes lanes_halves(const unsigned char *p)
{
    return (lanes){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                   _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 16)))};
}

FN void lanes_put_halves(unsigned char *p, lanes v)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v.a, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(p + 16), _mm256_cvtps_ph(v.b, _MM_FROUND_TO_NEAREST_INT));
}

FN __m256 bfloats8(const unsigned char *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));

    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

FN lanes lanes_bfloats(const unsigned char *p)
{
    return (lanes){bfloats8(p), bfloats8(p + 16)};
}

FN lanes lanes_bytes(const unsigned char *p)
{
    return (lanes){
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8))))};
}

FN lanes lanes_half_all(const unsigned char *p)
{
    short half;

    memcpy(&half, p, sizeof half);
    return (lanes){_mm256_cvtph_ps(_mm_set1_epi16(half)), _mm256_cvtph_ps(_mm_set1_epi16(half))};
}

FN __m256 signed8(__m256i nibbles, __m256 d)
{
    return _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_sub_epi32(nibbles, _mm256_set1_epi32(8))));
}

FN void lanes_nibbles(lanes *low, lanes *high, const unsigned char *p, lanes d)
{
    __m256i a = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)),
            mask = _mm256_set1_epi32(15);
    __m256i b = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)));

    low->a = signed8(_mm256_and_si256(a, mask), d.a);
    low->b = signed8(_mm256_and_si256(b, mask), d.b);
    high->a = signed8(_mm256_srli_epi32(a, 4), d.a);
    high->b = signed8(_mm256_srli_epi32(b, 4), d.b);
}

/* A macro: GCC takes a function that only prefetches for one without effect, and its calls away. */
#define lanes_prefetch(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)

/* F16C is asked of the processor itself: clang's builtin does not know its name. */
static bool usable(void)
{
    unsigned a, b, c, d;

    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

#include "engine/kernels_body.inc"

#else

static bool usable(void)
{
    return false;
}

const struct kernel_ops kernel_avx2 = {.name = "avx2", .usable = usable};

#endif
