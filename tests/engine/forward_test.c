/* The forward pass against reference logits, hidden states and attention of every decoder that is
 * there, within the tolerances of the two sets of goldens (tests/golden/gguf and hf, README.md). */
#include <config.h>

#include <attune/attention.h>
#include <attune/dist.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

static struct attune_context *evaluate(const struct golden *g, bool fast)
{
    struct attune_context_options options = {.keep_hidden = true,
                                             .fast = fast,
                                             .activations = ATTUNE_ACTIVATIONS_F32,
                                             .n_threads = 2};
    struct attune_input input = {.ids = g->ids, .n = g->n};
    struct attune_context *ctx;
    struct attune_error err = {0};

    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK ||
        attune_context_sync(ctx, &input, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    assert_int_equal(attune_context_length(ctx), g->n);
    return ctx;
}

static float *new_floats(size_t n)
{
    float *x = malloc(n * sizeof *x);

    assert_non_null(x);
    return x;
}

/* Largest difference at most `absolute`, or that share of the largest value. */
static void compare(const struct golden *g, const char *what, const float *got, const float *want,
                    size_t n, double absolute, double relative)
{
    double worst = 0, most = 1;

    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);

        most = fmax(most, fabs((double)want[i]));
        worst = d <= worst ? worst : d; /* NaN stays */
    }
    if (!(worst <= fmax(absolute, relative * most))) {
        fail_msg("%s: %s off by %g where the largest is %g", g->name, what, worst, most);
    }
}

static void check_logits(const struct golden *g, struct attune_context *ctx)
{
    const struct attune_tensor *t = attune_tensors_find(g->file, "logits_ref");
    size_t n_vocab = (size_t)attune_model_info(g->model)->n_vocab, rows;
    float *got;

    t = t ? t : attune_tensors_find(g->file, "logits");
    assert_non_null(t);
    assert_int_equal(t->shape[1], n_vocab);
    rows = (size_t)t->shape[0]; /* of long prompts only the last are kept */
    got = new_floats(rows * n_vocab);
    assert_int_equal(attune_context_logits(ctx, g->n - rows, rows, got, NULL), ATTUNE_OK);
    compare(g, "logits", got, t->data, rows * n_vocab, g->hf ? 0 : 2e-4, g->hf ? 2e-5 : 0);
    free(got);
}

static void check_hidden(const struct golden *g, struct attune_context *ctx)
{
    const struct attune_model_info *info = attune_model_info(g->model);
    size_t d = (size_t)info->d_model, layers = (size_t)info->n_layers;
    const float *states = golden_floats(g, "hidden_states", 3, layers + 1, g->n, d);
    const float *blocks = golden_floats(g, "layer_ref", 3, layers, g->n, d);
    const float *last = golden_floats(g, "hidden_ref", 2, g->n, d);
    float *got = new_floats(g->n * d);

    for (size_t l = 0; l <= layers; l++) {
        assert_int_equal(attune_context_hidden(ctx, ATTUNE_STACK_SELF, (int)l, 0, g->n, got, NULL),
                         ATTUNE_OK);
        if (states) {
            compare(g, "hidden state", got, states + l * g->n * d, g->n * d, 0, 2e-5);
        }
        if (blocks && l > 0 && l < layers) { /* block l - 1, before any norm */
            compare(g, "layer", got, blocks + (l - 1) * g->n * d, g->n * d, 2e-4, 0);
        }
        if (last && l == layers) {
            compare(g, "final hidden state", got, last, g->n * d, 2e-4, 0);
        }
    }
    free(got);
}

static void check_attention(const struct golden *g, struct attune_context *ctx)
{
    const struct attune_model_info *info = attune_model_info(g->model);
    size_t layers = (size_t)info->n_layers, heads = (size_t)info->n_heads, map = g->n * g->n;
    const float *want =
        golden_floats(g, g->hf ? "attentions" : "attn_ref", 4, layers, heads, g->n, g->n);
    float *got = new_floats(map);

    for (size_t i = 0; want && i < layers * heads; i++) {
        assert_int_equal(attune_attention_slice(ctx, ATTUNE_STACK_SELF, (int)(i / heads),
                                                (int)(i % heads), 0, g->n, 0, g->n, got, NULL),
                         ATTUNE_OK);
        compare(g, "attention", got, want + i * map, map, g->hf ? 5e-5 : 2e-5, 0);
    }
    free(got);
}

static void reference_numbers_are_met(void **state)
{
    int seen = 0;

    for (const char *const *name = golden_names; *name; name++) {
        struct golden g;
        struct attune_context *ctx;

        if (!golden_open(&g, *name)) {
            continue;
        }
        ctx = evaluate(&g, false);
        check_logits(&g, ctx);
        check_hidden(&g, ctx);
        check_attention(&g, ctx);
        attune_context_free(ctx);
        golden_close(&g);
        seen++;
    }
    assert_true(seen >= 6); /* those that come along */
}

/* Greedy generation with the cache, from the reference prompt: the ids, and the logits they came
 * from. */
static void check_generation(const struct golden *g)
{
    const struct attune_tensor *prompt = attune_tensors_find(g->file, "prompt_ids");
    const struct attune_tensor *ids = attune_tensors_find(g->file, "generated_ids");
    size_t n_vocab = (size_t)attune_model_info(g->model)->n_vocab, n;
    const float *want;
    float *got = new_floats(n_vocab);
    attune_token next[8];
    struct attune_context *ctx;

    if (prompt && ids) {
        n = (size_t)ids->shape[0];
        want = golden_floats(g, "generated_logits", 2, n, n_vocab);
        assert_true(want && prompt->shape[0] <= 8);
        for (size_t i = 0; i < prompt->shape[0]; i++) {
            next[i] = (attune_token)((const int64_t *)prompt->data)[i];
        }
        assert_int_equal(attune_context_new(&ctx, g->model, NULL, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_append(ctx, next, (size_t)prompt->shape[0], NULL, NULL),
                         ATTUNE_OK);
        for (size_t i = 0; i < n; i++) {
            struct attune_dist dist;

            assert_int_equal(
                attune_context_logits(ctx, attune_context_length(ctx) - 1, 1, got, NULL),
                ATTUNE_OK);
            compare(g, "generated logits", got, want + i * n_vocab, n_vocab, 0, 2e-5);
            attune_dist_of(&dist, got, n_vocab);
            assert_int_equal(dist.top[0].id, ((const int64_t *)ids->data)[i]);
            next[0] = dist.top[0].id;
            assert_int_equal(attune_context_append(ctx, next, 1, NULL, NULL), ATTUNE_OK);
        }
        attune_context_free(ctx);
    }
    free(got);
}

static void generation_follows_the_reference(void **state)
{
    for (const char *const *name = golden_names; *name; name++) {
        struct golden g;

        if (golden_open(&g, *name)) {
            check_generation(&g);
            golden_close(&g);
        }
    }
}

/* Through BLAS the numbers are near, and a token alone goes the exact way still. */
static void fast_is_close(void **state)
{
    static const char *const names[] = {"gguf/llama-f32", "gguf/llama-q8_0", "hf/gpt2",
                                        "gguf/llama-long-f32"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct golden g;
        struct attune_context *exact, *fast;
        size_t n_vocab;
        float *a, *b;

        if (!golden_open(&g, names[i])) {
            continue;
        }
        g.n = 60; /* enough for a product of many rows */
        golden_random_ids(g.ids, g.n, &g, 5);
        exact = evaluate(&g, false);
        fast = evaluate(&g, true);
        n_vocab = (size_t)attune_model_info(g.model)->n_vocab;
        a = new_floats(g.n * n_vocab);
        b = new_floats(g.n * n_vocab);
        assert_int_equal(attune_context_logits(exact, 0, g.n, a, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_logits(fast, 0, g.n, b, NULL), ATTUNE_OK);
        compare(&g, "fast logits", b, a, g.n * n_vocab, 0, 1e-4);
        free(a);
        free(b);
        attune_context_free(exact);
        attune_context_free(fast);
        golden_close(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_numbers_are_met),
        cmocka_unit_test(generation_follows_the_reference),
        cmocka_unit_test(fast_is_close),
    };
    return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
