/* Attention maps: they are what the forward pass used, in whole or in part, and cost no memory of
 * their own. */
#include <config.h>

#include <attune/attention.h>

#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/context.h"
#include "golden.h"

static const char *const names[] = {"gguf/gpt2-f32", "hf/llama-gqa-tied", "gguf/bloom-6h-f32",
                                    "gguf/falcon-f32", "hf/gpt2-options"};
enum { N_NAMES = sizeof names / sizeof *names };

static float *new_floats(size_t n)
{
    float *x = malloc(n * sizeof *x);

    assert_non_null(x);
    return x;
}

static struct attune_context *evaluate(struct golden *g, size_t n, int threads)
{
    struct attune_context_options options = {.n_threads = threads};
    struct attune_context *ctx;
    struct attune_error err = {0};

    g->n = n;
    golden_random_ids(g->ids, n, g, 77);
    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK ||
        attune_context_append(ctx, g->ids, n, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    return ctx;
}

static void slice(struct attune_context *ctx, int layer, int head, size_t q0, size_t nq, size_t k0,
                  size_t nk, float *out)
{
    struct attune_error err = {0};

    if (attune_attention_slice(ctx, ATTUNE_STACK_SELF, layer, head, q0, nq, k0, nk, out, &err) !=
        ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
}

static void rows_are_distributions(void **state)
{
    for (int i = 0; i < N_NAMES; i++) {
        struct golden g;
        struct attune_context *ctx;
        struct attune_attention_shape shape;
        float *map;

        if (!golden_open(&g, names[i])) {
            continue;
        }
        ctx = evaluate(&g, 50, 2);
        assert_int_equal(attune_attention_shape(&shape, ctx, ATTUNE_STACK_SELF, NULL), ATTUNE_OK);
        assert_int_equal(shape.n_layers, attune_model_info(g.model)->n_layers);
        assert_int_equal(shape.n_heads, attune_model_info(g.model)->n_heads);
        assert_true(shape.n_queries == 50 && shape.n_keys == 50);
        map = new_floats(50 * 50);
        for (int at = 0; at < shape.n_layers * shape.n_heads; at++) {
            slice(ctx, at / shape.n_heads, at % shape.n_heads, 0, 50, 0, 50, map);
            for (size_t q = 0; q < 50; q++) {
                double sum = 0;

                for (size_t k = 0; k < 50; k++) {
                    float w = map[q * 50 + k];

                    assert_true(k <= q ? w >= 0 && w <= 1.000001f : w == 0);
                    sum += (double)w;
                }
                assert_true(fabs(sum - 1) <= 1e-6);
            }
        }
        free(map);
        attune_context_free(ctx);
        golden_close(&g);
    }
}

static void a_slice_is_a_part_of_the_map(void **state)
{
    enum { T = 61 };
    for (int i = 0; i < N_NAMES; i++) {
        struct golden g;
        struct attune_context *ctx[3];
        float *map = new_floats(T * T), *part = new_floats(T * T);
        uint64_t seed = 5;

        if (golden_open(&g, names[i])) {
            for (int t = 0; t < 3; t++) {
                ctx[t] = evaluate(&g, T, t + 1);
            }
            slice(ctx[0], 1, 1, 0, T, 0, T, map);
            for (int round = 0; round < 60; round++) {
                size_t at[4];

                for (int k = 0; k < 4; k++) {
                    seed = seed * 6364136223846793005u + 1442695040888963407u;
                    at[k] = (seed >> 33) % (T + 1);
                }
                at[1] = round % 5 == 0 ? (at[0] < T) : at[1] % (T - at[0] + 1); /* also one row */
                at[3] = round % 5 == 1 ? (at[2] < T) : at[3] % (T - at[2] + 1); /* or one column */
                slice(ctx[round % 3], 1, 1, at[0], at[1], at[2], at[3], part);
                for (size_t q = 0; q < at[1]; q++) {
                    assert_memory_equal(part + q * at[3], map + (at[0] + q) * T + at[2],
                                        at[3] * sizeof *map);
                }
            }
            for (int t = 0; t < 3; t++) {
                attune_context_free(ctx[t]);
            }
            golden_close(&g);
        }
        free(map);
        free(part);
    }
}

/* weights x V, by the kernel's own sum, is to the bit what stood in `heads` when the last layer was
 * through: the weights that are shown are the weights that were used. */
static void the_map_is_what_was_used(void **state)
{
    enum { T = 45 };
    for (int i = 0; i < N_NAMES; i++) {
        struct golden g;
        struct attune_context *ctx;
        float *map = new_floats(T * T), *out;
        const struct recipe *r;
        size_t head_dim, width;

        if (golden_open(&g, names[i])) {
            ctx = evaluate(&g, T, 2);
            r = ctx->recipe;
            head_dim = (size_t)r->main.head_dim;
            width = (size_t)r->main.n_heads * head_dim;
            out = new_floats(T * head_dim);
            for (int h = 0; h < r->main.n_heads; h++) {
                size_t last = (size_t)r->main.n_layers - 1,
                       group = (size_t)(h / (r->main.n_heads / r->main.n_kv_heads));
                const float *v =
                    (const float *)(const void *)ctx->main.self.values +
                    (last * (size_t)r->main.n_kv_heads + group) * ctx->main.capacity * head_dim;

                slice(ctx, (int)last, h, 0, T, 0, T, map);
                ctx->kernel->weigh(out, head_dim, map, T, T, 1, 1, v, head_dim, head_dim, false);
                for (size_t t = 0; t < T; t++) {
                    assert_memory_equal(out + t * head_dim,
                                        ctx->heads + t * width + (size_t)h * head_dim,
                                        head_dim * sizeof *out);
                }
            }
            free(out);
            attune_context_free(ctx);
            golden_close(&g);
        }
        free(map);
    }
}

/* Maps survive what the context goes through later: queries and keys stay where they are. */
static void maps_of_a_context_that_grew(void **state)
{
    enum { T = 40 };
    struct golden g;
    struct attune_context *whole, *grown;
    float *a = new_floats(T * T), *b = new_floats(T * T);

    assert_true(golden_open(&g, "hf/llama-gqa-tied"));
    whole = evaluate(&g, T, 1);
    grown = evaluate(&g, T, 2);
    attune_context_truncate(grown, 7);
    for (size_t t = 7; t < T; t++) {
        assert_int_equal(attune_context_append(grown, g.ids + t, 1, NULL, NULL), ATTUNE_OK);
    }
    for (int layer = 0; layer < attune_model_info(g.model)->n_layers; layer++) {
        slice(whole, layer, 0, 0, T, 0, T, a);
        slice(grown, layer, 0, 0, T, 0, T, b);
        assert_memory_equal(a, b, T * T * sizeof *a);
    }
    attune_context_free(whole);
    attune_context_free(grown);
    golden_close(&g);
    free(a);
    free(b);
}

/* Nothing is allocated for a map, and a context grows with its length, not with the square of it.
 */
static void no_square_of_the_length(void **state)
{
    enum { T = 128 };
    struct golden g;
    struct attune_context *ctx;
    float *map = new_floats(T * T);
    uint64_t bytes[3];

    assert_true(golden_open(&g, "gguf/llama-f32"));
    for (int i = 0; i < 3; i++) {
        struct attune_context_options options = {.n_context = 4096 * (i + 1), .n_threads = 2};

        assert_int_equal(attune_context_new(&ctx, g.model, &options, NULL), ATTUNE_OK);
        bytes[i] = attune_context_stats(ctx).bytes;
        attune_context_free(ctx);
    }
    assert_int_equal(bytes[2] - bytes[1], bytes[1] - bytes[0]);
    ctx = evaluate(&g, T, 2);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    {
        struct mallinfo2 before = mallinfo2(), after;

        slice(ctx, 0, 0, 0, T, 0, T, map);
        after = mallinfo2();
        assert_int_equal(after.arena + after.hblkhd, before.arena + before.hblkhd);
        assert_int_equal(after.uordblks, before.uordblks);
    }
#endif
    attune_context_free(ctx);
    golden_close(&g);
    free(map);
}

static void what_is_not_there_is_refused(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_attention_shape shape;
    struct attune_error err = {0};
    float out[16];
    enum attune_stack self = ATTUNE_STACK_SELF;

    assert_true(golden_open(&g, "gguf/gpt2-f32"));
    ctx = evaluate(&g, 4, 1);
    assert_int_equal(attune_attention_shape(&shape, ctx, ATTUNE_STACK_CROSS, &err),
                     ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "cross"));
    assert_int_equal(attune_attention_slice(ctx, self, 2, 0, 0, 4, 0, 4, out, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_attention_slice(ctx, self, 0, 4, 0, 4, 0, 4, out, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_attention_slice(ctx, self, -1, 0, 0, 4, 0, 4, out, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_attention_slice(ctx, self, 0, 0, 1, 4, 0, 4, out, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_attention_slice(ctx, self, 0, 0, 0, 4, 2, SIZE_MAX, out, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_attention_slice(ctx, self, 0, 0, 4, 0, 4, 0, out, &err), ATTUNE_OK);
    attune_context_free(ctx);
    assert_int_equal(attune_context_new(&ctx, g.model,
                                        &(struct attune_context_options){.no_queries = true}, &err),
                     ATTUNE_OK);
    assert_int_equal(attune_context_stats(ctx).query_bytes, 0);
    assert_int_equal(attune_attention_shape(&shape, ctx, self, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "queries"));
    attune_context_free(ctx);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_distributions),   cmocka_unit_test(a_slice_is_a_part_of_the_map),
        cmocka_unit_test(the_map_is_what_was_used), cmocka_unit_test(maps_of_a_context_that_grew),
        cmocka_unit_test(no_square_of_the_length),  cmocka_unit_test(what_is_not_there_is_refused),
    };
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
