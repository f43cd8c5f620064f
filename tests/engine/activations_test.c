/* Rounded activations: as near to the reference as the reference engines are, with equal bits for
 * every kernel, any threads and any split; and their names. */
#include <config.h>

#include <attune/context.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "golden.h"

static struct attune_context *make(const struct golden *g, enum attune_activations activations,
                                   int threads)
{
    struct attune_context_options options = {.activations = activations, .n_threads = threads};
    struct attune_context *ctx;
    struct attune_error err = {0};

    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    return ctx;
}

/* Whether AUTO comes to rounded activations for it. */
static bool is_quantised(const struct golden *g)
{
    struct attune_context *ctx = make(g, ATTUNE_ACTIVATIONS_AUTO, 1);
    bool rounded = attune_context_activations(ctx) == ATTUNE_ACTIVATIONS_Q8;

    assert_int_equal(attune_engine_activations(attune_context_engine(ctx)),
                     rounded ? ATTUNE_ACTIVATIONS_AUTO : ATTUNE_ACTIVATIONS_F32);
    attune_context_free(ctx);
    return rounded;
}

/* Logits of all positions, the prompt in pieces of `step`. free() */
static float *evaluate(const struct golden *g, enum attune_activations activations, int threads,
                       size_t step)
{
    struct attune_context *ctx = make(g, activations, threads);
    size_t n_vocab = (size_t)attune_model_info(g->model)->n_vocab;
    float *out = malloc(g->n * n_vocab * sizeof *out);

    assert_non_null(out);
    for (size_t i = 0; i < g->n; i += step) {
        size_t n = g->n - i < step ? g->n - i : step;

        assert_int_equal(attune_context_append(ctx, g->ids + i, n, NULL, NULL), ATTUNE_OK);
    }
    assert_int_equal(attune_context_logits(ctx, 0, g->n, out, NULL), ATTUNE_OK);
    attune_context_free(ctx);
    return out;
}

static double tolerance(const struct golden *g, const char *name)
{
    char path[4200];
    const char *model = attune_model_info(g->model)->path;
    json_t *root;
    double value;

    snprintf(path, sizeof path, "%.*s/golden.json", (int)(strlen(model) - strlen("/model.gguf")),
             model);
    root = json_load_file(path, 0, NULL);
    value = json_number_value(json_object_get(json_object_get(root, "tolerance"), name));
    json_decref(root);
    return value;
}

struct distance {
    double most, share; /* largest difference; root mean square as a share of the reference's */
};

static struct distance measure(const float *got, const float *want, size_t n)
{
    double most = 0, squares = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);

        most = d <= most ? most : d; /* NaN stays */
        squares += d * d;
        size += (double)want[i] * (double)want[i];
    }
    return (struct distance){most, sqrt(squares / size)};
}

/* f32 against the reference within its tolerance; q8 within what llama.cpp is held to. */
static void both_are_near_the_reference(void **state)
{
    int seen = 0;

    for (const char *const *name = golden_names; *name; name++) {
        struct golden g;
        const struct attune_tensor *want;
        struct distance exact, rounded;
        float *logits;
        size_t n;

        if (strncmp(*name, "gguf/", 5) != 0 || !golden_open(&g, *name)) {
            continue;
        }
        want = attune_tensors_find(g.file, "logits_ref");
        if (is_quantised(&g) && want) {
            n = g.n * (size_t)attune_model_info(g.model)->n_vocab;
            assert_int_equal(want->shape[0], g.n);
            logits = evaluate(&g, ATTUNE_ACTIVATIONS_F32, 2, g.n);
            exact = measure(logits, want->data, n);
            free(logits);
            logits = evaluate(&g, ATTUNE_ACTIVATIONS_Q8, 2, g.n);
            rounded = measure(logits, want->data, n);
            free(logits);
            print_message("%-22s f32 %.1e  q8 %.4f, %.2f %% rms\n", *name, exact.most, rounded.most,
                          100 * rounded.share);
            assert_true(exact.most <= tolerance(&g, "ref_max_abs"));
            assert_true(rounded.most <= tolerance(&g, "native_max_abs"));
            assert_true(rounded.share <= tolerance(&g, "native_rel_rms"));
            assert_true(rounded.most > exact.most); /* it does something */
            seen++;
        }
        golden_close(&g);
    }
    assert_true(seen >= 2); /* those that come along */
}

static void check_bits(const struct golden *g, const float *want, const char *kernel, int threads,
                       size_t step)
{
    size_t n = g->n * (size_t)attune_model_info(g->model)->n_vocab;
    float *got = evaluate(g, ATTUNE_ACTIVATIONS_Q8, threads, step);

    if (memcmp(got, want, n * sizeof *got) != 0) {
        fail_msg("%s: kernel %s, %d threads, %zu tokens at a time: other bits", g->name, kernel,
                 threads, step);
    }
    free(got);
}

static void bits_are_equal(void **state)
{
    static const char *const kernels[] = {"plain", "avx2", "avx512"};

    for (const char *const *name = golden_names; *name; name++) {
        struct golden g;
        float *want;

        if (strncmp(*name, "gguf/", 5) != 0 || !golden_open(&g, *name)) {
            continue;
        }
        if (is_quantised(&g)) {
            want = evaluate(&g, ATTUNE_ACTIVATIONS_Q8, 1, g.n);
            for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
                struct attune_context *ctx = NULL;

                setenv("ATTUNE_KERNEL", kernels[k], 1);
                if (attune_context_new(&ctx, g.model, NULL, NULL) == ATTUNE_OK) {
                    check_bits(&g, want, kernels[k], 1 + (int)k, 1 + 2 * k);
                    check_bits(&g, want, kernels[k], 2, g.n);
                }
                attune_context_free(ctx);
            }
            unsetenv("ATTUNE_KERNEL");
            free(want);
        }
        golden_close(&g);
    }
}

static void floats_are_not_rounded_for(void **state)
{
    struct golden g;
    struct attune_context_options options = {.activations = ATTUNE_ACTIVATIONS_Q8};
    struct attune_context *ctx;
    struct attune_error err = {0};

    assert_true(golden_open(&g, "gguf/llama-f32"));
    assert_false(is_quantised(&g));
    assert_int_equal(attune_context_new(&ctx, g.model, &options, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "no quantised matrix"));
    golden_close(&g);
}

static void names_are_read_back(void **state)
{
    struct attune_error err = {0};
    enum attune_activations got;

    for (int i = 0; i < ATTUNE_ACTIVATIONS_COUNT; i++) {
        const char *text = attune_activations_text((enum attune_activations)i);

        assert_int_equal(attune_activations_parse(&got, text, &err), ATTUNE_OK);
        assert_int_equal(got, i);
    }
    assert_int_equal(attune_activations_parse(&got, "q4", &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "'q4'"));
    assert_int_equal(attune_engine_activations(""), ATTUNE_ACTIVATIONS_F32);
    assert_int_equal(attune_engine_activations(attune_engine_fingerprint()),
                     ATTUNE_ACTIVATIONS_F32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_near_the_reference),
        cmocka_unit_test(bits_are_equal),
        cmocka_unit_test(floats_are_not_rounded_for),
        cmocka_unit_test(names_are_read_back),
    };

    return cmocka_run_group_tests_name("activations", tests, NULL, NULL);
}
