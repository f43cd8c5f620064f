/* Keys and values in every type: equal bits on every way to a sequence, near what floats give, maps
 * that come from what is kept, and memory as promised. */
#include <config.h>

#include <attune/context.h>

#include <attune/attention.h>
#include <attune/digest.h>

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

/* One of each way to have positions and to share keys among heads. */
static const char *const names[] = {
    "gguf/gpt2-f32",     "gguf/llama-f32",         "hf/llama-gqa-tied", "gguf/falcon-f32",
    "gguf/bloom-6h-f32", "gguf/llama-w256-q4_k_m", "gguf/starcoder-f32"};

enum { N = 100 }; /* several blocks of widened keys, and a chunk of queries that ends inside one */

static struct attune_context *make(const struct golden *g, enum attune_kv_type type, int n_threads,
                                   enum attune_activations activations)
{
    const struct attune_context_options options = {
        .n_threads = n_threads, .kv_type = type, .activations = activations};
    struct attune_context *ctx = NULL;
    struct attune_error err = {0};

    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK) {
        assert_int_equal(type, ATTUNE_KV_Q8_0); /* the only one that some heads do not fit */
        assert_true(g->model->recipe.main.head_dim % 32 != 0);
        assert_non_null(strstr(err.text, "take f16 or f32"));
        assert_null(ctx);
    }
    return ctx;
}

static void append(struct attune_context *ctx, const attune_token *ids, size_t n)
{
    struct attune_error err = {0};

    if (attune_context_append(ctx, ids, n, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
}

/* Pieces of `first`, then of 1, 3, 9, ... tokens: rows alone and rows together meet the same keys.
 */
static void fill(struct attune_context *ctx, const struct golden *g, size_t first)
{
    append(ctx, g->ids, first);
    for (size_t at = first, n = 1; at < g->n; at += n, n = n * 3 % 40) {
        n = n < g->n - at ? n : g->n - at;
        append(ctx, g->ids + at, n);
    }
}

static float *logits_of(struct attune_context *ctx, const struct golden *g)
{
    size_t v = (size_t)attune_model_info(g->model)->n_vocab;
    float *out = malloc(g->n * v * sizeof *out);

    assert_non_null(out);
    assert_int_equal(attune_context_logits(ctx, 0, g->n, out, NULL), ATTUNE_OK);
    return out;
}

static float *map_of(struct attune_context *ctx, const struct golden *g, int layer, int head)
{
    float *out = malloc(g->n * g->n * sizeof *out);

    assert_non_null(out);
    assert_int_equal(
        attune_attention_slice(ctx, ATTUNE_STACK_SELF, layer, head, 0, g->n, 0, g->n, out, NULL),
        ATTUNE_OK);
    return out;
}

/* Digest of all logits and of the last map. */
static uint64_t digest_of(struct attune_context *ctx, const struct golden *g)
{
    const struct attune_model_info *info = attune_model_info(g->model);
    float *logits = logits_of(ctx, g), *map = map_of(ctx, g, info->n_layers - 1, info->n_heads - 1);
    uint64_t digest = attune_digest_of(logits, g->n * (size_t)info->n_vocab * sizeof *logits, 0);

    digest = attune_digest_of(map, g->n * g->n * sizeof *map, digest);
    free(logits);
    free(map);
    return digest;
}

static void check_bits(const struct golden *g, enum attune_kv_type type)
{
    static const size_t firsts[] = {N, 1, 17, 100};
    uint64_t want = 0;

    for (size_t k = 0; k < kernels_count(); k++) {
        if (!kernels_at(k)->usable()) {
            continue;
        }
        setenv("ATTUNE_KERNEL", kernels_at(k)->name, 1);
        for (int way = 0; way < 4; way++) {
            struct attune_context *ctx = make(g, type, 1 + way % 3, ATTUNE_ACTIVATIONS_AUTO);
            uint64_t digest;

            if (!ctx || (kernels_at(k)->speed == 0 && way % 2)) { /* the plain one is slow */
                attune_context_free(ctx);
                continue;
            }
            assert_int_equal(attune_context_kv_type(ctx), type);
            fill(ctx, g, firsts[way] < g->n ? firsts[way] : g->n);
            digest = digest_of(ctx, g);
            want = want ? want : digest;
            if (digest != want) {
                fail_msg("%s, cache in %s, kernel %s, %d threads, first %zu tokens: other bits",
                         g->name, attune_kv_type_text(type), kernels_at(k)->name, 1 + way % 3,
                         firsts[way]);
            }
            attune_context_free(ctx);
        }
    }
    unsetenv("ATTUNE_KERNEL");
}

/* The largest difference as a share of the largest value. */
static double distance(const float *a, const float *b, size_t n)
{
    double most = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        size = fmax(size, fabs((double)b[i]));
    }
    return most / size;
}

static void check_error(const struct golden *g)
{
    static const double bounds[] = {0, 0.004,
                                    0.08}; /* of the largest logit; 11 and 7 bits a value */
    size_t v = (size_t)attune_model_info(g->model)->n_vocab;
    float *exact = NULL, *exact_map = NULL;

    for (int type = 0; type < ATTUNE_KV_COUNT; type++) {
        struct attune_context *ctx = make(g, (enum attune_kv_type)type, 2,
                                          ATTUNE_ACTIVATIONS_F32); /* one rounding at a time */
        float *logits, *map;

        if (!ctx) {
            continue;
        }
        fill(ctx, g, g->n);
        logits = logits_of(ctx, g);
        map = map_of(ctx, g, 0, 0);
        exact = exact ? exact : logits;
        exact_map = exact_map ? exact_map : map;
        if (distance(logits, exact, g->n * v) > bounds[type] ||
            distance(map, exact_map, g->n * g->n) > bounds[type]) {
            fail_msg("%s, cache in %s: logits differ by %g, the map by %g", g->name,
                     attune_kv_type_text((enum attune_kv_type)type),
                     distance(logits, exact, g->n * v), distance(map, exact_map, g->n * g->n));
        }
        if (type > 0) { /* it is really kept in another type, and the map shows that */
            assert_true(memcmp(logits, exact, g->n * v * sizeof *logits) != 0);
            assert_true(memcmp(map, exact_map, g->n * g->n * sizeof *map) != 0);
            free(logits);
            free(map);
        }
        attune_context_free(ctx);
    }
    free(exact);
    free(exact_map);
}

static void check_memory(const struct golden *g)
{
    const struct stack *s = &g->model->recipe.main;
    uint64_t n = (uint64_t)s->n_layers * (uint64_t)s->n_kv_heads * (uint64_t)s->head_dim, all = 0;

    for (int type = 0; type < ATTUNE_KV_COUNT; type++) {
        struct attune_context *ctx = make(g, (enum attune_kv_type)type, 1, ATTUNE_ACTIVATIONS_AUTO);
        struct attune_context_stats stats;
        uint64_t want;

        if (!ctx) {
            continue;
        }
        stats = attune_context_stats(ctx);
        n = type ? n : n * attune_context_capacity(ctx); /* values of each kind */
        want = 2 * (type == ATTUNE_KV_F32 ? 4 * n : type == ATTUNE_KV_F16 ? 2 * n : n / 32 * 34);
        assert_int_equal(stats.kv_bytes, want);
        all = type ? all : stats.bytes - stats.kv_bytes;
        assert_true(stats.bytes - stats.kv_bytes <= all + 64 * 8); /* the rest stays as it is */
        attune_context_free(ctx);
    }
}

static void for_all(void (*check)(const struct golden *))
{
    int n_open = 0, n_blocks = 0; /* models, and those whose heads fit blocks */

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct golden g;

        if (golden_open(&g, names[i])) {
            size_t most = (size_t)attune_model_info(g.model)->n_context;

            g.n = most > 0 && most < N ? most : N;
            golden_random_ids(g.ids, g.n, &g, i + 1);
            n_open++;
            n_blocks += g.model->recipe.main.head_dim % 32 == 0;
            check(&g);
            golden_close(&g);
        }
    }
    assert_true(n_open >= 3 && (n_blocks > 0 || n_open < 7)); /* those that come along are small */
}

static void bits_of(const struct golden *g)
{
    for (int type = 0; type < ATTUNE_KV_COUNT; type++) {
        check_bits(g, (enum attune_kv_type)type);
    }
}

static void every_type_gives_the_same_bits(void **state)
{
    for_all(bits_of);
}

static void rounding_costs_little(void **state)
{
    for_all(check_error);
}

static void memory_is_as_promised(void **state)
{
    for_all(check_memory);
}

static void types_have_names(void **state)
{
    struct attune_error err = {0};
    enum attune_kv_type type;

    for (int i = 0; i < ATTUNE_KV_COUNT; i++) {
        assert_int_equal(
            attune_kv_type_parse(&type, attune_kv_type_text((enum attune_kv_type)i), &err),
            ATTUNE_OK);
        assert_int_equal(type, i);
    }
    assert_int_equal(attune_kv_type_parse(&type, "q4_0", &err), ATTUNE_ARGUMENT);
    assert_string_equal(err.text, "keys and values in 'q4_0': they are kept in f32, f16 or q8_0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_gives_the_same_bits),
        cmocka_unit_test(rounding_costs_little),
        cmocka_unit_test(memory_is_as_promised),
        cmocka_unit_test(types_have_names),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
