/* Integer products: the plain one against sums in double over the very numbers that the blocks
 * stand for, the others bit for bit against the plain one, whatever the shape. */
#include <config.h>

#include "engine/integer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "made_rows.h"

extern const struct integer_ops integer_plain;

static struct integer_block *new_blocks(size_t n)
{
    struct integer_block *x = aligned_alloc(64, (n + 1) * sizeof *x);

    assert_non_null(x);
    memset(x, 0x5a, (n + 1) * sizeof *x);
    return x;
}

/* Vectors of all sizes, with blocks of zeros and of one number. */
static void make_vector(float *x, size_t n)
{
    for (size_t k = 0; k < n; k += 32) {
        float size = ldexpf(1, (int)made_below(20) - 10);
        size_t kind = made_below(10);

        for (size_t i = k; i < k + 32; i++) {
            x[i] = kind == 0 ? 0 : kind == 1 ? size : made_uniform(-size, size);
        }
    }
}

/* ---- blocks --------------------------------------------------------------------------------- */

static void check_block(const char *name, const struct integer_block *b, const float *x)
{
    double most = 0, sums[2] = {0, 0};

    for (int k = 0; k < 32; k++) {
        most = fmax(most, fabs((double)x[k]));
        sums[k / 16] += b->q[k];
    }
    if (fabs((double)b->scale - most / 127) > most * 0x1p-24 + 0x1p-100) {
        fail_msg("%s: scale %g of a block up to %g", name, (double)b->scale, most);
    }
    for (int k = 0; k < 32; k++) {
        double error = fabs((double)b->scale * b->q[k] - (double)x[k]);

        assert_true(b->q[k] >= -127 && error <= most / 127 * 0.50001 + 0x1p-100);
    }
    assert_true((double)b->offset == -128 * (sums[0] + sums[1]));
    assert_true(b->sum == (float)((double)b->scale * (sums[0] + sums[1])));
    for (int half = 0; half < 2; half++) {
        assert_true((double)b->half_offset[half] == -128 * sums[half]);
        assert_true(b->half_sum[half] == (float)((double)b->scale * sums[half]));
    }
}

static void blocks_are_near_their_numbers(void **state)
{
    enum { N = 32 * 64 };
    float x[N];
    struct integer_block *b = new_blocks(N / 32), *plain = new_blocks(N / 32);
    const struct integer_vectors to = {b, 1, N / 32}, to_plain = {plain, 1, N / 32};

    for (int round = 0; round < 20; round++) {
        make_vector(x, N);
        for (int k = 0; k < 32; k++) { /* and what is tiny, or its largest number negative */
            x[k] *= ldexpf(1, -110 + 3 * round);
            x[32 + k] = ldexpf((float)k - 31, round - 140);
            x[64 + k] = k == round ? -3.0f : 0.0234f * (float)k;
            x[96 + k] = ((float)k - 15.5f) * 2; /* ties */
        }
        integer_plain.round(&to_plain, 0, x);
        for (size_t i = 0; i < integer_count(); i++) {
            if (integer_at(i)->usable()) {
                integer_at(i)->round(&to, 0, x);
                assert_memory_equal(b, plain, N / 32 * sizeof *b);
            }
        }
        for (size_t k = 0; k < N; k += 32) {
            check_block("plain", plain + k / 32, x + k);
        }
    }
    free(b);
    free(plain);
}

static void what_is_not_finite_stays_so(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, -NAN};
    const struct quant_ops *type = quant_by_name("q8_0");
    float x[96], y[1];
    struct integer_block *b = new_blocks(3);
    const struct integer_vectors to = {b, 1, 3};
    unsigned char *w = made_rows(type, 1, 96), *space = aligned_alloc(64, 4 * INTEGER_ROWS * 96);
    struct integer_rows rows = {type, w, quant_row_bytes(type, 96), 1, 96};

    for (size_t i = 0; i < integer_count() * 4; i++) {
        const struct integer_ops *ops = integer_at(i / 4);

        if (!ops->usable()) {
            continue;
        }
        make_vector(x, 96);
        x[made_below(96)] = bad[i % 4];
        ops->round(&to, 0, x);
        ops->product(y, 1, &rows, &to, space);
        assert_true(isnan(y[0]));
    }
    free(b);
    free(w);
    free(space);
}

/* ---- products ------------------------------------------------------------------------------- */

/* Each block rounds w s, its step on the chain and one step more for each shift. */
static void check_sum(const struct integer_rows *w, size_t row, const struct integer_vectors *of,
                      size_t t, float got)
{
    struct quant_integers from;
    double sum = 0, size = 0;
    size_t step;
    const struct integer_block *x = integer_vector(of, t, &step);

    for (size_t k = 0; k < w->n; k += 32) {
        size_t block = (size_t)w->type->block, in = k % block;

        w->type->unpack(&from, w->data + row * w->row_bytes + quant_row_bytes(w->type, k - in),
                        block);
        for (size_t i = 0; i < 32; i++) {
            size_t at = in + i;
            double v = (double)from.scale[at / 32] * from.part[at / 16] * from.q[at];
            double a = (double)x[k / 32 * step].scale * x[k / 32 * step].q[i];

            sum += (v + (double)from.shift[at / 16]) * a;
            size += (fabs(v) + fabs((double)from.shift[at / 16])) * fabs(a);
        }
    }
    if (!(fabs((double)got - sum) <= (double)(3 * (w->n / 32) + 6) * 0x1p-24 * size)) {
        fail_msg("%s: row %zu of %zu: %.9g instead of %.9g", w->type->name, row, w->n, (double)got,
                 sum);
    }
}

static void same_bits(const char *name, const struct integer_rows *w, size_t tokens, const float *a,
                      const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(a + i, b + i, sizeof *a) != 0) {
            fail_msg("%s, %s, %zu rows of %zu, %zu vectors: element %zu is %.9g, with plain %.9g",
                     name, w->type->name, w->rows, w->n, tokens, i, (double)a[i], (double)b[i]);
        }
    }
}

static void check_product(const struct quant_ops *type, size_t rows, size_t n, size_t tokens)
{
    unsigned char *w = made_rows(type, rows, n);
    struct integer_rows of = {type, w, quant_row_bytes(type, n), rows, n};
    size_t ldy = rows + made_below(3);
    struct integer_vectors x = {new_blocks(tokens * n / 32), tokens, n / 32};
    float *vector = malloc(n * sizeof *vector), *plain = calloc(tokens * ldy, sizeof *plain);
    float *y = malloc(tokens * ldy * sizeof *y);
    void *space = aligned_alloc(64, 4 * INTEGER_ROWS * n);

    assert_true(vector && plain && y && space);
    for (size_t t = 0; t < tokens; t++) {
        make_vector(vector, n);
        integer_plain.round(&x, t, vector);
    }
    integer_plain.product(plain, ldy, &of, &x, space);
    for (size_t t = 0; t < tokens; t += 1 + tokens / 3) {
        for (size_t r = 0; r < rows; r++) {
            check_sum(&of, r, &x, t, plain[t * ldy + r]);
        }
    }
    for (size_t i = 0; i < integer_count(); i++) {
        if (integer_at(i)->usable()) {
            memset(y, 0, tokens * ldy * sizeof *y);
            memset(space, 0xff, 4 * INTEGER_ROWS * n);
            integer_at(i)->product(y, ldy, &of, &x, space);
            same_bits(integer_at(i)->name, &of, tokens, y, plain, tokens * ldy);
        }
    }
    free(w);
    free(x.blocks);
    free(vector);
    free(plain);
    free(y);
    free(space);
}

static void products_of_any_shape(void **state)
{
    for (size_t i = 0; i < quant_count(); i++) {
        const struct quant_ops *type = quant_at(i);
        size_t block = (size_t)type->block;

        if (!type->unpack) {
            continue;
        }
        for (size_t tokens = 1; tokens < 20; tokens++) {
            check_product(type, 1 + made_below(40), block * (1 + made_below(block == 32 ? 20 : 3)),
                          tokens);
        }
        check_product(type, 16, 256, 1);
        check_product(type, 130, 512, 9);
        check_product(type, 24, 1024, 35);
    }
}

/* Integers at their ends, all of one sign: where a sum of bytes could leave its 16 or 24 bits. */
static void the_largest_integers_fit(void **state)
{
    enum { N = 256 };

    for (size_t i = 0; i < quant_count(); i++) {
        const struct quant_ops *type = quant_at(i);
        struct integer_rows of = {type, NULL, 0, 24, N};
        unsigned char *w;
        struct integer_vectors x = {new_blocks(4 * N / 32), 0, N / 32};
        float vector[N], plain[4 * 24], y[4 * 24];
        void *space = aligned_alloc(64, 4 * INTEGER_ROWS * N);

        for (int fill = 0; fill < 8 && type->unpack; fill++) {
            static const unsigned char fills[] = {0xff, 0x80, 0x7f, 0x00};

            w = made_rows(type, 24, N);
            of.data = w;
            of.row_bytes = quant_row_bytes(type, N);
            made_fill(w, type, 24, N, fills[fill / 2]);
            x.n = fill % 2 ? 4 : 1;
            for (size_t t = 0; t < x.n; t++) {
                for (int k = 0; k < N; k++) {
                    vector[k] = t == 0   ? 1.0f
                                : t == 1 ? -1.0f
                                : t == 2 ? (k % 2 ? 1.0f : -1.0f)
                                         : 0.0f;
                }
                integer_plain.round(&x, t, vector);
            }
            integer_plain.product(plain, 24, &of, &x, space);
            for (size_t r = 0; r < 24 * x.n; r++) {
                check_sum(&of, r % 24, &x, r / 24, plain[r]);
            }
            for (size_t k = 0; k < integer_count(); k++) {
                if (integer_at(k)->usable()) {
                    integer_at(k)->product(y, 24, &of, &x, space);
                    same_bits(integer_at(k)->name, &of, x.n, y, plain, x.n * 24);
                }
            }
            free(w);
        }
        free(x.blocks);
        free(space);
    }
}

static void the_kernel_names_both(void **state)
{
    for (size_t i = 0; i < kernels_count(); i++) {
        const struct integer_ops *ops = integer_pick(kernels_at(i));

        assert_non_null(ops);
        assert_true(ops->usable() && ops->speed <= kernels_at(i)->speed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_near_their_numbers),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(products_of_any_shape),
        cmocka_unit_test(the_largest_integers_fit),
        cmocka_unit_test(the_kernel_names_both),
    };

    return cmocka_run_group_tests_name("integer", tests, NULL, NULL);
}
