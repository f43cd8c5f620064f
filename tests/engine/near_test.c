/* Nearest tokens against every pair in double; what stands in the middle of a layer against the
 * same model without its MLP. */
#include <config.h>

#include <attune/ablate.h>
#include <attune/near.h>
#include <attune/tensors.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

enum { T = 15, NEAR = 9 };

static struct attune_context *make(const struct golden *g, int threads)
{
    const struct attune_context_options options = {.n_threads = threads, .keep_hidden = true};
    struct attune_context *ctx;

    assert_int_equal(attune_context_new(&ctx, g->model, &options, NULL), ATTUNE_OK);
    return ctx;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void the_nearest_are_the_nearest_of_all(void **state)
{
    struct attune_tensors *file;
    const struct attune_tensor *e;
    struct golden g;
    char path[4096];

    assert_true(golden_open(&g, "hf/llama-gqa-tied"));
    snprintf(path, sizeof path, "%s/hf/llama-gqa-tied/model.safetensors", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(attune_tensors_open(&file, path, NULL), ATTUNE_OK);
    e = attune_tensors_find(file, "model.embed_tokens.weight");
    for (int threads = 1; threads <= 3; threads++) {
        struct attune_context *ctx = make(&g, threads);
        size_t d = (size_t)e->shape[1], n_vocab = (size_t)e->shape[0];
        const float *rows = e->data;

        for (attune_token id = 0; id < 40; id += 13) {
            struct attune_near near[NEAR];
            size_t found, better = 0;

            assert_int_equal(attune_near_tokens(near, NEAR, &found, ctx, id, NULL), ATTUNE_OK);
            assert_int_equal(found, NEAR);
            for (size_t i = 0; i < NEAR; i++) {
                double want = cosine(rows + (size_t)id * d, rows + (size_t)near[i].id * d, d);

                assert_true(near[i].id != id);
                assert_true(fabs((double)near[i].cosine - want) < 1e-6);
                assert_true(i == 0 || near[i].cosine <= near[i - 1].cosine);
            }
            for (size_t v = 0; v < n_vocab; v++) {
                better += (attune_token)v != id && cosine(rows + (size_t)id * d, rows + v * d, d) >
                                                       (double)near[NEAR - 1].cosine + 1e-6;
            }
            assert_true(better < NEAR);
        }
        attune_context_free(ctx);
    }
    attune_tensors_close(file);
    golden_close(&g);
}

static void ids_and_counts_are_checked(void **state)
{
    struct attune_near near[1];
    struct attune_error err = {0};
    struct attune_context *ctx;
    struct golden g;
    size_t found;

    assert_true(golden_open(&g, "gguf/llama-q4_0")); /* packed rows are rows, too */
    ctx = make(&g, 2);
    assert_int_equal(attune_near_tokens(near, 1, &found, ctx, 5, &err), ATTUNE_OK);
    assert_int_equal(found, 1);
    assert_int_equal(attune_near_tokens(near, 0, &found, ctx, 5, &err), ATTUNE_OK);
    assert_int_equal(found, 0);
    assert_int_equal(attune_near_tokens(near, 1, &found, ctx, -1, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_near_tokens(near, 1, &found, ctx, 1 << 30, &err), ATTUNE_ARGUMENT);
    attune_context_free(ctx);
    golden_close(&g);
}

static void the_middle_is_the_layer_without_its_mlp(void **state)
{
    static const char *const names[] = {"gguf/llama-f32", "gguf/gpt2-f32", "hf/gpt2"};

    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct attune_context *ctx, *cut;
        struct golden g;
        float *middle, *hidden;
        size_t d;

        assert_true(golden_open(&g, names[k]));
        golden_random_ids(g.ids, T, &g, 4);
        d = (size_t)attune_model_info(g.model)->d_model;
        middle = calloc(T * d, sizeof *middle);
        hidden = calloc(T * d, sizeof *hidden);
        ctx = make(&g, 2);
        cut = make(&g, 1);
        assert_int_equal(attune_context_append(ctx, g.ids, T, NULL, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_ablate(cut, "0.mlp", NULL), ATTUNE_OK);
        assert_int_equal(attune_context_append(cut, g.ids, T, NULL, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_middle(ctx, ATTUNE_STACK_SELF, 0, 0, T, middle, NULL),
                         ATTUNE_OK);
        assert_int_equal(attune_context_hidden(cut, ATTUNE_STACK_SELF, 1, 0, T, hidden, NULL),
                         ATTUNE_OK);
        assert_memory_equal(middle, hidden, T * d * sizeof *middle);
        assert_int_equal(attune_context_middle(ctx, ATTUNE_STACK_SELF,
                                               attune_model_info(g.model)->n_layers, 0, 1, middle,
                                               NULL),
                         ATTUNE_ARGUMENT);
        attune_context_free(ctx);
        attune_context_free(cut);
        golden_close(&g);
        free(middle);
        free(hidden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_are_the_nearest_of_all),
        cmocka_unit_test(ids_and_counts_are_checked),
        cmocka_unit_test(the_middle_is_the_layer_without_its_mlp),
    };
    return cmocka_run_group_tests_name("near", tests, NULL, NULL);
}
