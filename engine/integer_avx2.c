/* Integer products with AVX2: eight rows side by side, a block of each in a register. */
#include <config.h>

#include "engine/integer.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define FN     static inline TARGET __attribute__((always_inline))

enum { ROWS = 8, TOKENS = 16 };

static TARGET void round_all(struct integer_block *out, const float *x, size_t n)
{
    extern const struct integer_ops integer_plain;

    integer_plain.round(out, x, n);
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

/* Eight rows against some vectors. */
static TARGET void eight(float *y, size_t ldy, const struct integer_rows *w, size_t row,
                         const struct integer_block *x, size_t ldx, size_t tokens)
{
    size_t rows = w->rows - row < ROWS ? w->rows - row : ROWS;
    _Alignas(32) float chains[TOKENS][2][ROWS], sum[ROWS];
    struct rows unpacked;

    memset(chains, 0, sizeof chains);
    for (size_t k = 0; k < w->n; k += 256) {
        size_t n = w->n - k < 256 ? w->n - k : 256;

        unpack(&unpacked, w, row, rows, k, n);
        for (size_t t = 0; t < tokens; t++) {
            const struct integer_block *from = x + t * ldx + k / 32;
            __m256 even = _mm256_load_ps(chains[t][0]), odd = _mm256_load_ps(chains[t][1]);

            for (size_t b = 0; b < n / 32; b += 2) {
                even = onto(even, &unpacked, b, from + b, w->type);
                if (b + 1 < n / 32) {
                    odd = onto(odd, &unpacked, b + 1, from + b + 1, w->type);
                }
            }
            _mm256_store_ps(chains[t][0], even);
            _mm256_store_ps(chains[t][1], odd);
        }
    }
    for (size_t t = 0; t < tokens; t++) {
        _mm256_store_ps(sum,
                        _mm256_add_ps(_mm256_load_ps(chains[t][0]), _mm256_load_ps(chains[t][1])));
        memcpy(y + t * ldy, sum, rows * sizeof *y);
    }
}

static TARGET void product(float *y, size_t ldy, const struct integer_rows *w,
                           const struct integer_block *x, size_t ldx, size_t tokens, void *space)
{
    for (size_t r = 0; r < w->rows; r += ROWS) {
        for (size_t t = 0; t < tokens; t += TOKENS) {
            eight(y + t * ldy + r, ldy, w, r, x + t * ldx, ldx,
                  tokens - t < TOKENS ? tokens - t : TOKENS);
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
