/* Writing models: the bytes that ggml writes where it has one way, small errors where there is a
 * search, and files that are whole or not there. */
#include <config.h>

#include <attune/quantize.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/gguf.h"
#include "engine/quant.h"

static char folder[] = "/tmp/attune-quantize-XXXXXX";

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

static const char *golden(const char *name)
{
    static char path[2][4096];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/gguf/%s/model.gguf", getenv("ATTUNE_GOLDEN"), name);
    return path[turn];
}

static const char *made(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const struct gguf_tensor *find(const struct gguf *file, struct gguf_text name)
{
    for (size_t i = 0; i < gguf_n_tensors(file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(file, i);

        if (t->name.len == name.len && memcmp(t->name.s, name.s, name.len) == 0) {
            return t;
        }
    }
    return NULL;
}

static struct gguf *open_file(const char *path)
{
    struct gguf *file;
    struct attune_error err = {0};

    if (gguf_open(&file, path, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    return file;
}

/* llama.cpp made these of the same float file. */
static void simple_types_are_ggmls_bytes(void **state)
{
    static const char *const types[] = {"q8_0", "q4_0"};

    for (size_t i = 0; i < 2; i++) {
        struct attune_quantize_result result;
        struct attune_error err = {0};
        struct gguf *got, *want;
        char name[32];

        if (attune_quantize(&result, golden("llama-f32"), made("x.gguf"), types[i], 2, NULL,
                            &err)) {
            fail_msg("%s", err.text);
        }
        snprintf(name, sizeof name, "llama-%s", types[i]);
        got = open_file(made("x.gguf"));
        want = open_file(golden(name));
        assert_int_equal(gguf_n_tensors(got), gguf_n_tensors(want));
        assert_int_equal(result.tensors, gguf_n_tensors(want));
        assert_true(result.converted > 10 && result.bytes_out < result.bytes_in / 3);
        for (size_t k = 0; k < gguf_n_tensors(want); k++) {
            const struct gguf_tensor *w = gguf_tensor_at(want, k), *g = find(got, w->name);

            assert_non_null(g);
            assert_int_equal(g->type, w->type);
            assert_int_equal(g->n_bytes, w->n_bytes);
            assert_memory_equal(g->data, w->data, (size_t)w->n_bytes);
        }
        for (size_t k = 0; k < gguf_n_values(want); k++) {
            struct gguf_text key;
            char text[128];
            const struct gguf_value *w = gguf_value_at(want, k, &key), *g;

            snprintf(text, sizeof text, "%.*s", (int)key.len, key.s);
            g = gguf_find(got, text);
            if (strcmp(text, "general.name") != 0) {
                assert_non_null(g);
                assert_true(g->type == w->type && g->n == w->n);
            }
        }
        gguf_close(got);
        gguf_close(want);
        unlink(made("x.gguf"));
    }
}

static float half_of(uint16_t bits)
{
    return quant_half(&bits);
}

static void every_half_comes_back_and_the_nearest_is_taken(void **state)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        uint16_t back;

        quant_put_half(&back, half_of((uint16_t)h));
        if ((h & 0x7c00) == 0x7c00 && h & 0x3ff) {
            assert_true((back & 0x7c00) == 0x7c00 && back & 0x3ff);
        } else {
            assert_int_equal(back, h);
        }
    }
    for (uint32_t h = 0; h < 0x7bff; h++) { /* between two neighbours: the even one */
        float low = half_of((uint16_t)h), high = half_of((uint16_t)(h + 1)),
              middle = (low + high) / 2;
        uint16_t at, below, above;

        quant_put_half(&at, middle);
        quant_put_half(&below, nextafterf(middle, low));
        quant_put_half(&above, nextafterf(middle, high));
        assert_int_equal(at, h % 2 ? h + 1 : h);
        assert_int_equal(below, h);
        assert_int_equal(above, h + 1);
    }
}

static float gaussian(uint64_t *seed)
{
    float sum = 0;

    for (int i = 0; i < 12; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        sum += (float)(*seed >> 40) / 16777216.0f;
    }
    return sum - 6;
}

/* Root mean square of the error over that of the values. */
static double error_of(const struct quant_ops *type, const float *x, size_t n)
{
    unsigned char *row = malloc(quant_row_bytes(type, n));
    float *back = malloc(n * sizeof *back);
    double error = 0, square = 0;

    assert_true(row && back);
    type->from_float(row, x, n);
    type->to_float(back, row, n);
    for (size_t i = 0; i < n; i++) {
        error += ((double)back[i] - (double)x[i]) * ((double)back[i] - (double)x[i]);
        square += (double)x[i] * (double)x[i];
    }
    free(row);
    free(back);
    return square > 0 ? sqrt(error / square) : error;
}

/* Bounds: what a normal distribution loses to so many bits, with a little room. */
static void what_comes_back_is_near(void **state)
{
    static const struct {
        const char *type;
        double bound;
    } bounds[] = {{"f32", 0},      {"f16", 3e-4},  {"bf16", 3e-3}, {"q8_0", 0.006},
                  {"q5_0", 0.055}, {"q4_0", 0.11}, {"q4_k", 0.08}, {"q6_k", 0.021}};
    enum { N = 4096 };
    float x[N];
    uint64_t seed = 7;

    for (size_t i = 0; i < N; i++) {
        x[i] = gaussian(&seed) * 0.02f;
    }
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        double error = error_of(quant_by_name(bounds[i].type), x, N);

        if (!(error <= bounds[i].bound)) {
            fail_msg("%s: %g of the values is lost", bounds[i].type, error);
        }
    }
}

static void rows_that_are_all_alike(void **state)
{
    for (size_t t = 0; t < quant_count(); t++) {
        static const float alike[] = {0, 1, -1, 0.25f, 1e-20f};

        for (size_t k = 0; quant_at(t)->from_float && k < sizeof alike / sizeof *alike; k++) {
            float x[256];

            for (size_t i = 0; i < 256; i++) {
                x[i] = alike[k];
            }
            if (!(error_of(quant_at(t), x, 256) <= (alike[k] == 1e-20f ? 1 : 0.01))) {
                fail_msg("%s: rows of %g", quant_at(t)->name, (double)alike[k]);
            }
        }
    }
}

static void refused(const char *in, const char *out, const char *type, const char *text)
{
    struct attune_quantize_result result;
    struct attune_error err = {0};

    assert_int_not_equal(attune_quantize(&result, in, out, type, 1, NULL, &err), ATTUNE_OK);
    if (!strstr(err.text, text)) {
        fail_msg("'%s' instead of '%s'", err.text, text);
    }
}

static void what_is_refused_leaves_nothing(void **state)
{
    struct attune_progress progress = {0};
    struct attune_quantize_result result;
    struct attune_error err = {0};

    refused(golden("llama-f32"), made("x.gguf"), "q9_9", "q9_9");
    refused(golden("llama-q8_0"), made("x.gguf"), "q4_0", "q8_0 already");
    refused(golden("llama-f32"), golden("llama-f32"), "q4_0", "replace");
    refused(made("none.gguf"), made("x.gguf"), "q4_0", "none.gguf");
    refused(golden("llama-f32"), made("no/such/x.gguf"), "q4_0", "x.gguf");
    atomic_store(&progress.cancel, 1);
    assert_int_equal(
        attune_quantize(&result, golden("llama-f32"), made("x.gguf"), "q8_0", 2, &progress, &err),
        ATTUNE_CANCELLED);
    assert_int_not_equal(access(made("x.gguf"), F_OK), 0);
}

/* 64 columns are no blocks of 256: the next smaller type. */
static void rows_that_do_not_divide_fall_back(void **state)
{
    struct attune_quantize_result result;
    struct attune_error err = {0};
    struct attune_model *model;

    assert_int_equal(
        attune_quantize(&result, golden("llama-f32"), made("x.gguf"), "q4_k", 2, NULL, &err),
        ATTUNE_OK);
    assert_int_equal(result.fell_back, result.converted);
    assert_int_equal(attune_model_open(&model, made("x.gguf"), NULL, NULL, &err), ATTUNE_OK);
    assert_string_equal(attune_model_info(model)->dtype, "Q5_0");
    attune_model_close(model);
    unlink(made("x.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_types_are_ggmls_bytes),
        cmocka_unit_test(every_half_comes_back_and_the_nearest_is_taken),
        cmocka_unit_test(what_comes_back_is_near),
        cmocka_unit_test(rows_that_are_all_alike),
        cmocka_unit_test(what_is_refused_leaves_nothing),
        cmocka_unit_test(rows_that_do_not_divide_fall_back),
    };

    return cmocka_run_group_tests_name("quantize", tests, make_folder, remove_folder);
}
