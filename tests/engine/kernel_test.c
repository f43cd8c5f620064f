/* Every kernel against naive twins in double within the bounds that the rule of sums gives, and bit
 * for bit against the plain one: that is what makes results independent of the machine. */
#include <config.h>

#include "engine/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/quant.h"
#include "made_rows.h"

extern const struct kernel_ops kernel_plain;

static const double UNIT = 0x1p-24; /* the most that one rounding changes, relatively */

/* ---- made numbers ------------------------------------------------------------------------------
 */

static float *new_floats(size_t n)
{
    float *x = malloc(n * sizeof *x + 1);

    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = made_uniform(-2, 2);
    }
    return x;
}

static float *copy_floats(const float *x, size_t n)
{
    float *copy = malloc(n * sizeof *copy + 1);

    assert_non_null(copy);
    memcpy(copy, x, n * sizeof *x);
    return copy;
}

static void same_bits(const char *what, const char *kernel, const float *a, const float *b,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(a + i, b + i, sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) {
            fail_msg("%s, kernel %s: element %zu of %zu is %.9g, with plain %.9g", what, kernel, i,
                     n, (double)a[i], (double)b[i]);
        }
    }
}

static void within(const char *what, const char *kernel, double got, double want, double bound)
{
    if (!(fabs(got - want) <= bound)) {
        fail_msg("%s, kernel %s: %.9g instead of %.9g, bound %g", what, kernel, got, want, bound);
    }
}

/* ---- products ----------------------------------------------------------------------------------
 */

/* A dot product of n in lanes: each lane rounds n / 16 times, the tree four times. */
static void check_dot(const char *name, float got, const float *w, const float *x, size_t n)
{
    double sum = 0, size = 0;

    for (size_t k = 0; k < n; k++) {
        sum += (double)w[k] * (double)x[k];
        size += fabs((double)w[k] * (double)x[k]);
    }
    within("dot", name, (double)got, sum, ((double)(n / 16) + 5) * 1.01 * UNIT * size);
}

static void check_panel(const struct kernel_ops *kernel, size_t rows, size_t tokens, size_t n)
{
    size_t ldw = n + made_below(3), ldx = n + made_below(3), ldy = rows + made_below(3);
    float *w = new_floats(rows * ldw), *x = new_floats(tokens * ldx);
    float *y = new_floats(tokens * ldy), *plain = copy_floats(y, tokens * ldy);

    kernel->panel(y, ldy, w, ldw, rows, x, ldx, tokens, n);
    kernel_plain.panel(plain, ldy, w, ldw, rows, x, ldx, tokens, n);
    same_bits("panel", kernel->name, y, plain, tokens * ldy); /* what lies between rows included */
    for (size_t t = 0; t < tokens; t++) {
        for (size_t r = 0; r < rows; r++) {
            check_dot(kernel->name, y[t * ldy + r], w + r * ldw, x + t * ldx, n);
        }
    }
    free(w);
    free(x);
    free(y);
    free(plain);
}

static void panels_of_any_shape(void **state)
{
    static const size_t lengths[] = {0,  1,   15,  16,  17,   31,   32,   33,  48,
                                     64, 100, 255, 768, 1023, 1024, 1025, 2056};

    for (size_t i = 0; i < kernels_count(); i++) {
        if (!kernels_at(i)->usable()) {
            continue;
        }
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            check_panel(kernels_at(i), 1 + made_below(9), 1 + made_below(15), lengths[k]);
        }
        for (int round = 0; round < 40; round++) {
            check_panel(kernels_at(i), 1 + made_below(140), 1 + made_below(15), made_below(200));
        }
        check_panel(kernels_at(i), 130, 13, 2100);
    }
}

static void check_stored(const struct kernel_ops *kernel, const struct quant_ops *type, size_t rows,
                         size_t n)
{
    size_t row_bytes = quant_row_bytes(type, n);
    unsigned char *w = made_rows(type, rows, n);
    float *x = new_floats(n), *wide = new_floats(rows * n), *want = new_floats(rows * n);
    float *y = new_floats(rows), *panel = new_floats(rows), *plain = new_floats(rows);

    for (size_t r = 0; r < rows; r++) {
        kernels_widen(kernel, type, wide + r * n, w + r * row_bytes, n);
        type->to_float(want + r * n, w + r * row_bytes, n);
    }
    same_bits(type->name, kernel->name, wide, want, rows * n);
    kernels_dots(kernel, type, y, w, row_bytes, rows, x, n);
    kernel->panel(panel, rows, wide, n, rows, x, n, 1, n);
    same_bits("rows as they are stored, and widened", kernel->name, y, panel, rows);
    kernels_dots(&kernel_plain, type, plain, w, row_bytes, rows, x, n);
    same_bits(type->name, kernel->name, y, plain, rows);
    for (size_t r = 0; r < rows; r++) {
        check_dot(kernel->name, y[r], wide + r * n, x, n);
    }
    free(w);
    free(x);
    free(wide);
    free(want);
    free(y);
    free(panel);
    free(plain);
}

static void stored_rows_are_widened_rows(void **state)
{
    for (size_t i = 0; i < kernels_count(); i++) {
        const struct kernel_ops *kernel = kernels_at(i);

        for (size_t t = 0; t < quant_count() && kernel->usable(); t++) {
            const struct quant_ops *type = quant_at(t);
            size_t block = (size_t)type->block;

            for (int round = 0; round < 40; round++) {
                check_stored(kernel, type, 1 + made_below(13),
                             block * (1 + made_below(block == 1 ? 130 : 9)));
            }
            check_stored(kernel, type, 7, 3072);
        }
    }
}

/* Halves as quant.h rounds them, but for numbers that would be infinite. */
static void narrow_rows_are_rounded_rows(void **state)
{
    const struct quant_ops *type = quant_by_name("f16");

    for (size_t i = 0; i < kernels_count(); i++) {
        for (size_t n = 1; n < 70 && kernels_at(i)->usable(); n++) {
            float *x = new_floats(n), *wide = new_floats(n), *want = new_floats(n);
            unsigned char *got = malloc(2 * n), *row = malloc(2 * n);

            assert_true(got && row);
            for (size_t k = 0; k < n; k++) {
                x[k] *= exp2f(made_uniform(-28, 17));
            }
            kernels_narrow(kernels_at(i), type, got, x, n);
            kernels_widen(kernels_at(i), type, wide, got, n);
            type->from_float(row, x, n);
            type->to_float(want, row, n);
            for (size_t k = 0; k < n; k++) {
                want[k] = isinf(want[k]) ? copysignf(65504, want[k]) : want[k];
            }
            same_bits("narrow", kernels_at(i)->name, wide, want, n);
            free(x);
            free(wide);
            free(want);
            free(got);
            free(row);
        }
    }
}

/* ---- attention ---------------------------------------------------------------------------------
 */

static void check_weigh(const struct kernel_ops *kernel, size_t rows, size_t n_keys, size_t growth,
                        size_t d)
{
    size_t most = n_keys + (rows - 1) * growth, ldp = most + made_below(3), ldv = d + made_below(3);
    size_t ldo = d + made_below(3);
    float *p = new_floats(rows * ldp), *v = new_floats(most * ldv);
    float *out = new_floats(rows * ldo), *plain = copy_floats(out, rows * ldo);
    float *parts = copy_floats(out, rows * ldo);
    size_t some = made_below(n_keys + 1);

    for (size_t i = 0; i < rows; i++) { /* what a row may not see is never read */
        for (size_t k = n_keys + i * growth; k < ldp; k++) {
            p[i * ldp + k] = NAN;
        }
    }
    kernel->weigh(out, ldo, p, ldp, rows, n_keys, growth, v, ldv, d, false);
    kernel_plain.weigh(plain, ldo, p, ldp, rows, n_keys, growth, v, ldv, d, false);
    same_bits("weigh", kernel->name, out, plain, rows * ldo);
    kernel->weigh(parts, ldo, p, ldp, rows, some, 0, v, ldv, d, false);
    kernel->weigh(parts, ldo, p + some, ldp, rows, n_keys - some, growth, v + some * ldv, ldv, d,
                  true);
    same_bits("weigh in two parts", kernel->name, parts, out, rows * ldo);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < d; j++) {
            double sum = 0, size = 0;

            for (size_t k = 0; k < n_keys + i * growth; k++) {
                sum += (double)p[i * ldp + k] * (double)v[k * ldv + j];
                size += fabs((double)p[i * ldp + k] * (double)v[k * ldv + j]);
            }
            within("weigh", kernel->name, (double)out[i * ldo + j], sum,
                   (double)(most + 1) * 1.01 * UNIT * size);
        }
    }
    free(p);
    free(v);
    free(out);
    free(parts);
    free(plain);
}

static void weighted_sums_of_any_shape(void **state)
{
    static const size_t dims[] = {1, 8, 16, 17, 24, 63, 64, 65, 80, 96, 128, 130};

    for (size_t i = 0; i < kernels_count(); i++) {
        for (size_t k = 0; k < sizeof dims / sizeof *dims && kernels_at(i)->usable(); k++) {
            for (size_t growth = 0; growth < 2; growth++) {
                check_weigh(kernels_at(i), 1 + made_below(19), 1 + made_below(90), growth, dims[k]);
                check_weigh(kernels_at(i), 1 + made_below(19), 1, growth, dims[k]);
            }
        }
    }
}

/* Each exponent carries the rounding of its argument, which exp makes relative. */
static void check_softmax(const struct kernel_ops *kernel, size_t n, float scale, float slope,
                          float spread)
{
    float *row = new_floats(n), *plain, *raw;
    double top = -INFINITY, sum = 0, total = 0, largest = 1;

    for (size_t k = 0; k < n; k++) {
        row[k] = made_uniform(-spread, spread);
    }
    raw = copy_floats(row, n);
    plain = copy_floats(row, n);
    kernel->softmax(row, n, scale, slope);
    kernel_plain.softmax(plain, n, scale, slope);
    same_bits("softmax", kernel->name, row, plain, n);
    for (size_t k = 0; k < n; k++) {
        double s = (double)raw[k] * (double)scale + (double)slope * ((double)k - (double)(n - 1));

        top = fmax(top, s);
        largest = fmax(largest, fmax(fabs(s), fabs((double)slope * (double)n)));
    }
    for (size_t k = 0; k < n; k++) {
        double s = (double)raw[k] * (double)scale + (double)slope * ((double)k - (double)(n - 1));

        sum += exp(s - top);
    }
    for (size_t k = 0; k < n; k++) {
        double s = (double)raw[k] * (double)scale + (double)slope * ((double)k - (double)(n - 1));
        double want = exp(s - top) / sum;

        total += (double)row[k];
        within("softmax", kernel->name, (double)row[k], want,
               want * UNIT * (8 * largest + (double)n / 16 + 12) + 2e-45);
    }
    within("sum of a softmax", kernel->name, total, 1, UNIT * ((double)n / 16 + 12));
    free(row);
    free(raw);
    free(plain);
}

static void softmax_of_any_row(void **state)
{
    static const size_t lengths[] = {1, 2, 15, 16, 17, 33, 500, 1024, 2047};

    for (size_t i = 0; i < kernels_count(); i++) {
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths && kernels_at(i)->usable(); k++) {
            check_softmax(kernels_at(i), lengths[k], 0.125f, 0, 40);
            check_softmax(kernels_at(i), lengths[k], 0.125f, 0.25f, 8);
            check_softmax(kernels_at(i), lengths[k], 1, 0, 1000); /* most of a row underflows */
            check_softmax(kernels_at(i), lengths[k], 0, 0, 1);    /* all alike */
        }
    }
}

/* ---- norms -------------------------------------------------------------------------------------
 */

struct norm_case {
    enum norm_kind kind;
    size_t d;
    float shift, eps;
    bool weighted, biased;
};

static void check_norm(const struct kernel_ops *kernel, const struct norm_case *c)
{
    size_t d = c->d;
    float *x = new_floats(d), *w = new_floats(d), *b = new_floats(d), *out = new_floats(d), *plain;
    double mean = 0, square = 0, size = 0, factor;

    for (size_t i = 0; i < d; i++) {
        x[i] += c->shift;
        mean += c->kind == NORM_LAYER ? (double)x[i] / (double)d : 0;
        size += fabs((double)x[i]) / (double)d;
    }
    plain = copy_floats(x, d);
    kernel->norm(out, x, c->weighted ? w : NULL, c->biased ? b : NULL, d, c->kind, c->eps);
    kernel_plain.norm(plain, plain, c->weighted ? w : NULL, c->biased ? b : NULL, d, c->kind,
                      c->eps); /* in place */
    same_bits("norm", kernel->name, out, plain, d);
    for (size_t i = 0; i < d; i++) {
        square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)d;
    }
    factor = c->kind == NORM_NONE ? 1 : 1 / sqrt(square + (double)c->eps);
    for (size_t i = 0; i < d; i++) {
        double a = ((double)x[i] - mean) * factor, weight = c->weighted ? (double)w[i] : 1;
        double bias = c->weighted && c->biased ? (double)b[i] : 0;

        within("norm", kernel->name, (double)out[i], a * weight + bias,
               UNIT * ((double)(d / 16) + 12) *
                   (fabs(bias) + fabs(weight) * (size + fabs((double)x[i])) * (factor + fabs(a))));
    }
    free(x);
    free(w);
    free(b);
    free(out);
    free(plain);
}

static void norms_of_any_width(void **state)
{
    static const size_t widths[] = {1, 3, 16, 17, 64, 100, 768, 2049};

    for (size_t i = 0; i < kernels_count(); i++) {
        for (size_t k = 0; k < sizeof widths / sizeof *widths && kernels_at(i)->usable(); k++) {
            for (int bits = 0; bits < 12; bits++) {
                struct norm_case c = {.kind = (enum norm_kind)(bits / 4),
                                      .d = widths[k],
                                      .shift = bits & 1 ? 3.0f : 0.0f,
                                      .eps = 1e-5f,
                                      .weighted = bits & 2,
                                      .biased = bits & 1};

                check_norm(kernels_at(i), &c);
            }
        }
    }
}

/* ---- functions of one number -------------------------------------------------------------------
 */

/* Arguments that cover every exponent, both signs and the edges. */
static size_t make_arguments(float **out)
{
    static const float edges[] = {
        0.0f,     -0.0f,  1e-45f, -1e-45f, 1.1754943e-38f, 88.72284f, 88.7229f,  -87.34f, -103.97f,
        -103.98f, -1e30f, 1e30f,  3.4e38f, -3.4e38f,       INFINITY,  -INFINITY, NAN};
    size_t n = 0, many = 40000, n_edges = sizeof edges / sizeof *edges;
    float *x = malloc((2 * many + n_edges) * sizeof *x);

    assert_non_null(x);
    memcpy(x, edges, sizeof edges);
    for (n = n_edges; n < n_edges + many; n++) {
        x[n] = made_uniform(-110, 95);
    }
    for (; n < n_edges + 2 * many; n++) {
        x[n] = ldexpf(made_uniform(-1, 1), (int)made_below(44) - 40);
    }
    *out = x;
    return n;
}

/* Distance in units of the last place of the right answer. */
static double ulps(double got, double want)
{
    int exponent;

    if (got == want || (isnan(got) && isnan(want))) {
        return 0;
    }
    if (isinf(got) && fabs(want) > 3.4028234e38) {
        return 0;
    }
    frexp(want, &exponent);
    return fabs(got - want) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static void exps_to_two_ulps(void **state)
{
    float *x, *y, *plain;
    size_t n = make_arguments(&x);

    for (size_t i = 0; i < kernels_count(); i++) {
        if (!kernels_at(i)->usable()) {
            continue;
        }
        y = copy_floats(x, n);
        plain = copy_floats(x, n);
        kernels_at(i)->exps(y, n);
        kernel_plain.exps(plain, n);
        same_bits("exp", kernels_at(i)->name, y, plain, n);
        for (size_t k = 0; k < n; k++) {
            if (!(ulps((double)y[k], exp((double)x[k])) <= 2)) {
                fail_msg("%s: exp(%.9g) is %.9g", kernels_at(i)->name, (double)x[k], (double)y[k]);
            }
        }
        free(y);
        free(plain);
    }
    free(x);
}

static double activation(enum activation kind, double x)
{
    switch (kind) {
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_GELU_ERF: return x / 2 * erfc(-x / sqrt(2));
    case ACT_GELU_TANH: return x / (1 + exp(-2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case ACT_TANH: return tanh(x);
    case ACT_IDENTITY: return x;
    default: return x / (1 + exp(-x));
    }
}

/* What exp is given carries a rounding of its own, so far out on the left, where the values vanish,
 * the error is that rounding times the argument; x over an exponential that overflows is 0. */
static double activation_bound(enum activation kind, double x)
{
    switch (kind) {
    case ACT_RELU:
    case ACT_IDENTITY: return 0;
    case ACT_TANH: return 6 + 2 / fmax(fabs(x), 1e-38); /* 1 - e rounds where e is near 1 */
    case ACT_GELU_ERF: return 6 + (x < 0 ? 1.5 * x * x : 0);
    case ACT_GELU_TANH: return 6 + (x < 0 ? 3 * fabs(x) + 0.25 * fabs(x * x * x) : 0);
    default: return 6;
    }
}

static void activations_to_a_few_ulps(void **state)
{
    float *x, *y, *plain, *up, *gated;
    size_t n = make_arguments(&x);

    for (size_t i = 0; i < kernels_count() * ACT_COUNT; i++) {
        const struct kernel_ops *kernel = kernels_at(i / ACT_COUNT);
        enum activation kind = (enum activation)(i % ACT_COUNT);

        if (!kernel->usable()) {
            continue;
        }
        y = copy_floats(x, n);
        plain = copy_floats(x, n);
        up = new_floats(n);
        gated = copy_floats(up, n);
        kernel->activate(y, n, kind);
        kernel_plain.activate(plain, n, kind);
        same_bits("activation", kernel->name, y, plain, n);
        kernel->gate(gated, x, n, kind);
        for (size_t k = 0; k < n; k++) {
            double want = activation(kind, (double)x[k]);
            float product = y[k] * up[k];

            same_bits("gate", kernel->name, gated + k, &product, 1);
            if (fabsf(x[k]) < 1e5f &&
                !(fabs((double)y[k] - want) <= fabs((double)x[k]) * 0x1p-128) &&
                !(ulps((double)y[k], want) <= activation_bound(kind, (double)x[k]))) {
                fail_msg("%s, activation %d: %.9g gives %.9g instead of %.9g: %g ulps",
                         kernel->name, kind, (double)x[k], (double)y[k], want,
                         ulps((double)y[k], want));
            }
        }
        free(y);
        free(plain);
        free(up);
        free(gated);
    }
    free(x);
}

static void sums_of_two(void **state)
{
    for (size_t i = 0; i < kernels_count(); i++) {
        for (size_t n = 0; n < 70 && kernels_at(i)->usable(); n++) {
            float *x = new_floats(n), *y = new_floats(n), *was = copy_floats(x, n);

            kernels_at(i)->add(x, y, n);
            for (size_t k = 0; k < n; k++) {
                assert_true(x[k] == was[k] + y[k]);
            }
            free(x);
            free(y);
            free(was);
        }
    }
}

/* ---- which one ---------------------------------------------------------------------------------
 */

static void the_fastest_usable_one_is_taken(void **state)
{
    const struct kernel_ops *picked;
    struct attune_error err = {0};

    assert_true(kernel_plain.usable());
    unsetenv("ATTUNE_KERNEL");
    assert_int_equal(kernels_pick(&picked, &err), ATTUNE_OK);
    assert_true(picked->usable());
    for (size_t i = 0; i < kernels_count(); i++) {
        const struct kernel_ops *kernel = kernels_at(i);

        assert_true(!kernel->usable() || kernel->speed <= picked->speed);
        setenv("ATTUNE_KERNEL", kernel->name, 1);
        if (kernel->usable()) {
            assert_int_equal(kernels_pick(&picked, &err), ATTUNE_OK);
            assert_ptr_equal(picked, kernel);
            assert_string_equal(attune_engine_fingerprint(), kernel->fingerprint);
            unsetenv("ATTUNE_KERNEL");
            assert_int_equal(kernels_pick(&picked, &err), ATTUNE_OK);
        } else { /* named, it is refused; unnamed, passed over */
            assert_int_equal(kernels_pick(&picked, &err), ATTUNE_UNSUPPORTED);
            assert_non_null(strstr(err.text, kernel->name));
            unsetenv("ATTUNE_KERNEL");
            assert_int_equal(kernels_pick(&picked, &err), ATTUNE_OK);
            assert_ptr_not_equal(picked, kernel);
        }
    }
    setenv("ATTUNE_KERNEL", "abacus", 1);
    assert_int_equal(kernels_pick(&picked, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "abacus"));
    unsetenv("ATTUNE_KERNEL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panels_of_any_shape),
        cmocka_unit_test(stored_rows_are_widened_rows),
        cmocka_unit_test(narrow_rows_are_rounded_rows),
        cmocka_unit_test(weighted_sums_of_any_shape),
        cmocka_unit_test(softmax_of_any_row),
        cmocka_unit_test(norms_of_any_width),
        cmocka_unit_test(exps_to_two_ulps),
        cmocka_unit_test(activations_to_a_few_ulps),
        cmocka_unit_test(sums_of_two),
        cmocka_unit_test(the_fastest_usable_one_is_taken),
    };
    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
