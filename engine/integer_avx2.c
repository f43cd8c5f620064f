/* Integer products with AVX2: eight rows side by side, a block of each in a register. */
#include <config.h>

#include "engine/integer.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#define TARGET __attribute__((target("avx2,fma")))
#define FN     static inline TARGET __attribute__((always_inline))

enum { ROWS = 8 };

FN __m256i magnitudes(__m256 x)
{
    return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
}

FN int sum_of(__m256i a)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));

    s = _mm_hadd_epi32(s, s);
    return _mm_cvtsi128_si32(_mm_hadd_epi32(s, s));
}

FN void round_block(struct integer_block *out, const float *x)
{
    __m256i most = _mm256_setzero_si256(), q[4];
    uint32_t parts[8], top = 0;
    float scale, inverse;
    int sums[2];

    for (int i = 0; i < 4; i++) {
        most = _mm256_max_epu32(most, magnitudes(_mm256_loadu_ps(x + 8 * i)));
    }
    _mm256_storeu_si256((__m256i *)(void *)parts, most);
    for (int i = 0; i < 8; i++) {
        top = parts[i] > top ? parts[i] : top;
    }
    memcpy(&scale, &top, sizeof scale);
    inverse = top < 0x7f800000u && scale >= 0x1p-100f ? 127 / scale : 0;
    scale = top >= 0x7f800000u ? NAN : inverse > 0 ? scale / 127 : 0;
    for (int i = 0; i < 4; i++) {
        q[i] = inverse > 0 ? _mm256_cvtps_epi32(
                                 _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(inverse)))
                           : _mm256_setzero_si256();
    }
    sums[0] = sum_of(_mm256_add_epi32(q[0], q[1]));
    sums[1] = sum_of(_mm256_add_epi32(q[2], q[3]));
    q[0] = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    q[0] = _mm256_permutevar8x32_epi32(q[0], _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_store_si256((__m256i *)(void *)out->q, q[0]);
    out->scale = scale;
    out->sum = scale * (float)(sums[0] + sums[1]);
    out->offset = -128 * (sums[0] + sums[1]);
    for (int half = 0; half < 2; half++) {
        out->half_sum[half] = scale * (float)sums[half];
        out->half_offset[half] = -128 * sums[half];
    }
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

/* v q, 32 products, sums of four: the sign of v goes to q, so that no sum of two leaves 16 bits. */
FN __m256i products(__m256i v, __m256i q)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(v), _mm256_sign_epi8(q, v));

    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* Each result: sums over the lower and over the upper 128 bits of a, b, c, d. */
FN __m256i fold(const __m256i *a)
{
    return _mm256_hadd_epi32(_mm256_hadd_epi32(a[0], a[1]), _mm256_hadd_epi32(a[2], a[3]));
}

struct rows { /* 256 values of eight rows, turned: what one step reads stands side by side */
    _Alignas(32) signed char v[8][ROWS][32];
    _Alignas(32) float scale[8][ROWS], part[16][ROWS], shift[16][ROWS];
};

static TARGET void unpack(struct rows *to, const struct integer_rows *w, size_t row, size_t rows,
                          size_t k, size_t n)
{
    struct quant_integers from;

    for (size_t r = 0; r < ROWS; r++) {
        size_t at = row + (r < rows ? r : rows - 1); /* missing rows: the last one again */

        w->type->unpack(&from, w->data + at * w->row_bytes + quant_row_bytes(w->type, k), n);
        for (size_t b = 0; b < n / 32; b++) {
            memcpy(to->v[b][r], from.q + 32 * b, 32);
            to->scale[b][r] = from.scale[b];
        }
        for (size_t h = 0; h < n / 16; h++) {
            to->part[h][r] = (float)from.part[h];
            to->shift[h][r] = from.shift[h];
        }
    }
}

/* Block b of eight rows onto their chain. Integers below 2^24 are exact as floats. */
FN __m256 onto(__m256 chain, const struct rows *w, size_t b, const struct integer_block *x,
               const struct quant_ops *type)
{
    __m256i q = _mm256_load_si256((const __m256i *)(const void *)x->q), a[8], low, high;
    __m256 sum;

    for (int r = 0; r < 8; r++) {
        a[r] = products(_mm256_load_si256((const __m256i *)(const void *)w->v[b][r]), q);
    }
    low = fold(a);
    high = fold(a + 4);
    q = _mm256_permute2x128_si256(low, high, 0x20); /* the first 16 values */
    low = _mm256_permute2x128_si256(low, high, 0x31);
    if (type->parts) {
        sum = _mm256_mul_ps(_mm256_cvtepi32_ps(q), _mm256_load_ps(w->part[2 * b]));
        sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(low), _mm256_load_ps(w->part[2 * b + 1]), sum);
    } else {
        sum = _mm256_cvtepi32_ps(_mm256_add_epi32(q, low));
    }
    chain = _mm256_fmadd_ps(
        sum, _mm256_mul_ps(_mm256_load_ps(w->scale[b]), _mm256_set1_ps(x->scale)), chain);
    if (type->shifts == 1) {
        return _mm256_fmadd_ps(_mm256_load_ps(w->shift[2 * b]), _mm256_set1_ps(x->sum), chain);
    }
    for (size_t half = 0; half < (size_t)type->shifts; half++) {
        chain = _mm256_fmadd_ps(_mm256_load_ps(w->shift[2 * b + half]),
                                _mm256_set1_ps(x->half_sum[half]), chain);
    }
    return chain;
}

/* Eight rows against one group of vectors. */
static TARGET void eight(float *y, size_t ldy, const struct integer_rows *w, size_t row,
                         const struct integer_vectors *x, struct integer_group g)
{
    const struct integer_block *blocks = x->blocks + g.first * x->n_blocks;
    size_t rows = w->rows - row < ROWS ? w->rows - row : ROWS;
    _Alignas(32) float chains[INTEGER_GROUP][2][ROWS], sum[ROWS];
    struct rows unpacked;

    memset(chains, 0, sizeof chains);
    for (size_t k = 0; k < w->n; k += 256) {
        size_t n = w->n - k < 256 ? w->n - k : 256;

        unpack(&unpacked, w, row, rows, k, n);
        for (size_t t = 0; t < g.n; t++) {
            const struct integer_block *from = blocks + k / 32 * g.n + t;
            __m256 even = _mm256_load_ps(chains[t][0]), odd = _mm256_load_ps(chains[t][1]);

            for (size_t b = 0; b < n / 32; b += 2) {
                even = onto(even, &unpacked, b, from + b * g.n, w->type);
                if (b + 1 < n / 32) {
                    odd = onto(odd, &unpacked, b + 1, from + (b + 1) * g.n, w->type);
                }
            }
            _mm256_store_ps(chains[t][0], even);
            _mm256_store_ps(chains[t][1], odd);
        }
    }
    for (size_t t = 0; t < g.n; t++) {
        _mm256_store_ps(sum,
                        _mm256_add_ps(_mm256_load_ps(chains[t][0]), _mm256_load_ps(chains[t][1])));
        memcpy(y + (g.first + t) * ldy + row, sum, rows * sizeof *y);
    }
}

static TARGET void product(float *y, size_t ldy, const struct integer_rows *w,
                           const struct integer_vectors *x, void *space)
{
    for (size_t r = 0; r < w->rows; r += ROWS) {
        for (size_t g = 0; g < integer_groups(x->n); g++) {
            eight(y, ldy, w, r, x, integer_group(x->n, g));
        }
    }
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const struct integer_ops integer_avx2 = {
    .name = "avx2",
    .speed = 256,
    .usable = usable,
    .round = round_all,
    .product = product,
};

#else

static bool usable(void)
{
    return false;
}

const struct integer_ops integer_avx2 = {.name = "avx2", .usable = usable};

#endif
