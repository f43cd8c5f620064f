/* Mixtures against sums over whole maps in double, in parts and in whole, and what they refuse. */
#include <config.h>

#include <attune/heads.h>

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

enum { T = 37, MOST = 64 };

static void *new_block(size_t n)
{
    void *block = calloc(1, n + 1);

    assert_non_null(block);
    return block;
}

struct whole { /* every map of a kind in double */
    struct attune_attention_shape shape;
    double *maps; /* [L, H, q, k] */
};

static void read_whole(struct whole *out, struct attune_context *ctx, enum attune_stack kind)
{
    size_t plane;
    float *map;

    assert_int_equal(attune_attention_shape(&out->shape, ctx, kind, NULL), ATTUNE_OK);
    plane = out->shape.n_queries * out->shape.n_keys;
    map = new_block(plane * sizeof *map);
    out->maps =
        new_block((size_t)(out->shape.n_layers * out->shape.n_heads) * plane * sizeof *out->maps);
    for (int i = 0; i < out->shape.n_layers * out->shape.n_heads; i++) {
        assert_int_equal(attune_attention_slice(ctx, kind, i / out->shape.n_heads,
                                                i % out->shape.n_heads, 0, out->shape.n_queries, 0,
                                                out->shape.n_keys, map, NULL),
                         ATTUNE_OK);
        for (size_t j = 0; j < plane; j++) {
            out->maps[(size_t)i * plane + j] = (double)map[j];
        }
    }
    free(map);
}

/* [q, k] of a mixture, the slow way. */
static double *expect(const struct whole *w, const struct attune_mix_options *o,
                      const float *factors /* [L, H] */)
{
    int layers = w->shape.n_layers, heads = w->shape.n_heads;
    size_t nq = w->shape.n_queries, nk = w->shape.n_keys, plane = nq * nk;
    double *out = new_block(plane * sizeof *out), *next = new_block(plane * sizeof *next);
    int first = o->layer < 0 || o->way == ATTUNE_MIX_ROLLOUT ? 0 : o->layer,
        last = o->layer < 0 ? layers - 1 : o->layer;

    for (size_t q = 0; o->way == ATTUNE_MIX_ROLLOUT && q < nq; q++) {
        out[q * nk + q] = 1;
    }
    for (int l = first; l <= last; l++) {
        if (o->way == ATTUNE_MIX_ROLLOUT) { /* next = A(l) out */
            memset(next, 0, plane * sizeof *next);
            for (size_t q = 0; q < nq; q++) {
                for (size_t m = 0; m < nk; m++) {
                    double a = q == m ? 0.5 : 0;

                    for (int h = 0; h < heads; h++) {
                        a += 0.5 / heads * w->maps[(size_t)(l * heads + h) * plane + q * nk + m];
                    }
                    for (size_t k = 0; k < nk && a != 0; k++) {
                        next[q * nk + k] += a * out[m * nk + k];
                    }
                }
            }
            memcpy(out, next, plane * sizeof *out);
            continue;
        }
        for (int h = 0; h < heads; h++) {
            for (size_t j = 0; j < plane; j++) {
                double x = w->maps[(size_t)(l * heads + h) * plane + j];

                out[j] = o->way == ATTUNE_MIX_MAX   ? fmax(out[j], x)
                         : o->way == ATTUNE_MIX_SUM ? out[j] + (double)factors[l * heads + h] * x
                                                    : out[j] + x / ((last - first + 1) * heads);
            }
        }
    }
    free(next);
    return out;
}

static void compare(struct attune_context *ctx, const struct whole *w,
                    const struct attune_mix_options *o, const float *factors)
{
    size_t nq = w->shape.n_queries, nk = w->shape.n_keys;
    double *want = expect(w, o, factors);
    float *got = new_block(nq * nk * sizeof *got), *part = new_block(nq * nk * sizeof *part);
    struct attune_mix *mix;
    struct attune_error err = {0};

    if (attune_mix_new(&mix, ctx, o, &err) != ATTUNE_OK ||
        attune_mix_slice(mix, 0, nq, 0, nk, got, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t j = 0; j < nq * nk; j++) {
        if (!(fabs((double)got[j] - want[j]) < 2e-6)) {
            fail_msg("%s: at %zu %g, not %g", attune_mix_way_text(o->way), j, (double)got[j],
                     want[j]);
        }
    }
    attune_mix_free(mix);
    /* a part of it by itself has the same bits, whatever was prepared */
    assert_int_equal(attune_mix_new(&mix, ctx, o, NULL), ATTUNE_OK);
    assert_int_equal(attune_mix_slice(mix, nq / 2, nq / 3, nk / 4, nk / 2, part, NULL, NULL),
                     ATTUNE_OK);
    for (size_t q = 0; q < nq / 3; q++) {
        assert_memory_equal(part + q * (nk / 2), got + (nq / 2 + q) * nk + nk / 4,
                            nk / 2 * sizeof *got);
    }
    attune_mix_free(mix);
    free(want);
    free(got);
    free(part);
}

static bool evaluate(struct golden *g, struct golden_input *in, struct attune_context **ctx,
                     const char *name)
{
    struct attune_context_options options = {.n_threads = 2};
    struct attune_error err = {0};
    struct attune_input input;

    if (!golden_open(g, name)) {
        return false;
    }
    if (attune_model_info(g->model)->kind == ATTUNE_DECODER) {
        golden_random_ids(g->ids, T, g, 5);
        input = (struct attune_input){.ids = g->ids, .n = T};
    } else {
        assert_true(golden_input(in, g, ""));
        input = in->input;
    }
    if (attune_context_new(ctx, g->model, &options, &err) != ATTUNE_OK ||
        attune_context_sync(*ctx, &input, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    return true;
}

static void all_ways(void **state)
{
    static const struct {
        const char *name;
        enum attune_stack kind;
    } cases[] = {{"gguf/gpt2-f32", ATTUNE_STACK_SELF},
                 {"hf/llama-gqa-tied", ATTUNE_STACK_SELF},
                 {"hf/roberta-mlm", ATTUNE_STACK_SELF},
                 {"hf/t5-gated-untied", ATTUNE_STACK_ENCODER},
                 {"hf/t5-gated-untied", ATTUNE_STACK_DECODER},
                 {"hf/t5-gated-untied", ATTUNE_STACK_CROSS}};
    int seen = 0;

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct golden g;
        struct golden_input in;
        struct attune_context *ctx;
        struct whole w;
        float factors[MOST] = {0};

        if (!evaluate(&g, &in, &ctx, cases[c].name)) {
            continue;
        }
        seen++;
        read_whole(&w, ctx, cases[c].kind);
        assert_true(w.shape.n_layers * w.shape.n_heads <= MOST && w.shape.n_layers > 1);
        for (int layer = -1; layer < w.shape.n_layers; layer++) {
            for (int way = ATTUNE_MIX_MEAN; way <= ATTUNE_MIX_ROLLOUT; way++) {
                const struct attune_mix_options o = {
                    .kind = cases[c].kind, .way = (enum attune_mix_way)way, .layer = layer};

                if (way != ATTUNE_MIX_ROLLOUT || o.kind != ATTUNE_STACK_CROSS) {
                    compare(ctx, &w, &o, NULL);
                }
            }
        }
        factors[0] = 1.5f;
        for (int h = 0; h < w.shape.n_heads; h++) {
            factors[w.shape.n_heads + h] = -0.25f;
        }
        compare(ctx, &w,
                &(struct attune_mix_options){.kind = cases[c].kind,
                                             .way = ATTUNE_MIX_SUM,
                                             .layer = -1,
                                             .heads = "0.0,1.*:-0.25,0.0:0.5"},
                factors);
        free(w.maps);
        attune_context_free(ctx);
        golden_close(&g);
    }
    assert_true(seen > 0);
}

/* weight times ||O v||, from the widened matrix and the kept values. */
static void lengths_of_values(void **state)
{
    struct golden g;
    struct golden_input in;
    struct attune_context *ctx;
    struct attune_mix *mix;
    struct attune_mix_options o = {.way = ATTUNE_MIX_NORM, .layer = 1, .head = 2};
    float *map = new_block(T * T * sizeof *map), *got = new_block(T * T * sizeof *got);
    const struct matrix *out;
    size_t head_dim;

    assert_true(evaluate(&g, &in, &ctx, "gguf/gpt2-f32"));
    out = &ctx->main.stack->layers[1].self.o;
    head_dim = (size_t)ctx->main.stack->head_dim;
    assert_true(out->row_bytes == (size_t)out->cols * sizeof(float));
    assert_int_equal(attune_mix_new(&mix, ctx, &o, NULL), ATTUNE_OK);
    assert_int_equal(attune_mix_slice(mix, 0, T, 0, T, got, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_attention_slice(ctx, ATTUNE_STACK_SELF, 1, 2, 0, T, 0, T, map, NULL),
                     ATTUNE_OK);
    for (size_t k = 0; k < T; k++) {
        const float *v = (const float *)(const void *)ctx->main.self.values +
                         ((size_t)ctx->main.stack->n_kv_heads + 2) * ctx->main.capacity * head_dim +
                         k * head_dim;
        double norm = 0;

        for (int r = 0; r < out->rows; r++) {
            const float *w =
                (const float *)out->data + (size_t)r * (size_t)out->cols + 2 * head_dim;
            double sum = 0;

            for (size_t i = 0; i < head_dim; i++) {
                sum += (double)w[i] * (double)v[i];
            }
            norm += sum * sum;
        }
        for (size_t q = 0; q < T; q++) {
            assert_true(fabs((double)got[q * T + k] - (double)map[q * T + k] * sqrt(norm)) < 1e-5);
        }
    }
    attune_mix_free(mix);
    attune_context_free(ctx);
    golden_close(&g);
    free(map);
    free(got);
}

/* Windows and scores of a mixture are those of its map; what was kept of an older text is not
 * shown. */
static void windows_and_later_texts(void **state)
{
    struct golden g;
    struct golden_input in;
    struct attune_context *ctx;
    struct attune_mix *mix;
    struct attune_mix_options o = {.way = ATTUNE_MIX_ROLLOUT, .layer = -1};
    struct attune_head_window window = {.q1 = T, .k1 = T, .rows = 5, .cols = 5};
    struct attune_head head;
    float map[T * T], cells[25], again[T];

    assert_true(evaluate(&g, &in, &ctx, "gguf/gpt2-f32"));
    assert_int_equal(attune_mix_new(&mix, ctx, &o, NULL), ATTUNE_OK);
    window.mix = mix;
    assert_int_equal(attune_head_read(&head, cells, ctx, &window, NULL, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_mix_slice(mix, 0, T, 0, T, map, NULL, NULL), ATTUNE_OK);
    for (size_t q = 0; q < T; q++) {
        double sum = 0;

        for (size_t k = 0; k < T; k++) {
            float cell = cells[q * 5 / T * 5 + k * 5 / T];

            assert_true(k > q || map[q * T + k] <= cell);
            sum += (double)map[q * T + k];
        }
        assert_true(fabs(sum - 1) < 1e-5);
    }
    assert_true(head.scores[ATTUNE_HEAD_SELF] > 0.2); /* halves of it stayed in two layers */
    g.ids[0] = g.ids[0] ? 0 : 1;
    assert_int_equal(
        attune_context_sync(ctx, &(struct attune_input){.ids = g.ids, .n = T}, NULL, NULL),
        ATTUNE_OK);
    assert_int_equal(attune_mix_slice(mix, T - 1, 1, 0, T, again, NULL, NULL), ATTUNE_OK);
    assert_memory_not_equal(again, map + (T - 1) * T, sizeof again);
    attune_mix_free(mix);
    attune_context_free(ctx);
    golden_close(&g);
}

static void what_is_refused(void **state)
{
    static const struct {
        struct attune_mix_options o;
        const char *says;
    } cases[] = {
        {{.way = ATTUNE_MIX_MEAN, .layer = 2}, "layers 0 to 1"},
        {{.way = ATTUNE_MIX_NORM, .layer = -1}, "layers 0 to 1"},
        {{.way = ATTUNE_MIX_NORM, .head = 4}, "heads 0 to 3"},
        {{.way = ATTUNE_MIX_SUM, .layer = -1}, "a sum wants its heads"},
        {{.way = ATTUNE_MIX_SUM, .heads = "0.9:1"}, "a sum is over heads"},
        {{.way = ATTUNE_MIX_SUM, .heads = "0"}, "a sum is over heads"},
        {{.way = ATTUNE_MIX_SUM, .heads = "0.1:x"}, "a number"},
        {{.way = ATTUNE_MIX_SUM, .heads = "0.1:"}, "a number"},
        {{.way = ATTUNE_MIX_SUM, .heads = "0.1:inf"}, "a number"},
        {{.way = ATTUNE_MIX_SUM, .heads = "0.1 "}, "names no head"},
        {{.kind = ATTUNE_STACK_CROSS, .way = ATTUNE_MIX_MEAN}, "cross"},
    };
    struct golden g;
    struct golden_input in;
    struct attune_context *ctx;
    struct attune_mix *mix;
    struct attune_error err;
    float x[4];

    assert_true(evaluate(&g, &in, &ctx, "gguf/gpt2-f32"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(attune_mix_new(&mix, ctx, &cases[i].o, &err), ATTUNE_ARGUMENT);
        assert_null(mix);
        if (!strstr(err.text, cases[i].says)) {
            fail_msg("%zu: %s", i, err.text);
        }
    }
    assert_int_equal(
        attune_mix_new(&mix, ctx, &(struct attune_mix_options){.way = ATTUNE_MIX_MEAN}, NULL),
        ATTUNE_OK);
    assert_int_equal(attune_mix_slice(mix, T, 1, 0, 1, x, NULL, NULL), ATTUNE_ARGUMENT);
    assert_int_equal(attune_mix_slice(mix, 0, 1, T - 1, 2, x, NULL, NULL), ATTUNE_ARGUMENT);
    attune_mix_free(mix);
    attune_context_free(ctx);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways),
        cmocka_unit_test(lengths_of_values),
        cmocka_unit_test(windows_and_later_texts),
        cmocka_unit_test(what_is_refused),
    };

    return cmocka_run_group_tests_name("mix", tests, NULL, NULL);
}
