/* Ablation: what is silenced is silent, a mean is the mean, bits do not depend on how one got
 * there, and a set is one text. */
#include <config.h>

#include <attune/ablate.h>
#include <attune/heads.h>

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

enum { T = 40 };

static struct attune_context *make(struct golden *g, int threads, const char *ablation)
{
    struct attune_context_options options = {.n_threads = threads, .keep_hidden = true};
    struct attune_context *ctx;
    struct attune_error err = {0};

    golden_random_ids(g->ids, T, g, 7);
    g->n = T;
    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK ||
        attune_context_ablate(ctx, ablation, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    return ctx;
}

static void append(struct attune_context *ctx, const struct golden *g, size_t from, size_t n)
{
    struct attune_error err = {0};

    if (attune_context_append(ctx, g->ids + from, n, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
}

static float *logits_of(struct attune_context *ctx)
{
    size_t n = attune_context_length(ctx),
           v = (size_t)attune_model_info(attune_context_model(ctx))->n_vocab;
    float *out = malloc(n * v * sizeof *out);

    assert_non_null(out);
    assert_int_equal(attune_context_logits(ctx, 0, n, out, NULL), ATTUNE_OK);
    return out;
}

static float *hidden_of(struct attune_context *ctx, int layer)
{
    size_t d = (size_t)attune_model_info(attune_context_model(ctx))->d_model;
    float *out = malloc(T * d * sizeof *out);

    assert_non_null(out);
    assert_int_equal(attune_context_hidden(ctx, ATTUNE_STACK_SELF, layer, 0, T, out, NULL),
                     ATTUNE_OK);
    return out;
}

/* The same bits, at once or one by one, cut back and gone on, with one thread or three. */
static void bits_do_not_depend_on_the_way(void **state)
{
    static const char *const names[] = {"gguf/gpt2-f32", "hf/llama-gqa-tied", "gguf/falcon-f32",
                                        "gguf/bloom-6h-f32"};
    static const char *const sets[] = {"0.1", "1.*:mean", "0.0:mean,1.mlp", "0:mean", "1,0.*"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct golden g;

        for (size_t s = 0; s < sizeof sets / sizeof *sets && golden_open(&g, names[i]); s++) {
            struct attune_context *whole = make(&g, 1, sets[s]), *parts = make(&g, 3, sets[s]),
                                  *plain = make(&g, 1, NULL);
            size_t bytes = T * (size_t)attune_model_info(g.model)->n_vocab * sizeof(float);
            float *a, *b, *c;

            append(whole, &g, 0, T);
            append(plain, &g, 0, T);
            append(parts, &g, 0, 23);
            attune_context_truncate(parts, 9);
            for (size_t t = 9; t < 20; t++) {
                append(parts, &g, t, 1);
            }
            append(parts, &g, 20, T - 20);
            a = logits_of(whole);
            b = logits_of(parts);
            c = logits_of(plain);
            assert_memory_equal(a, b, bytes);
            assert_memory_not_equal(a, c, bytes);
            free(a);
            free(b);
            free(c);
            attune_context_free(whole);
            attune_context_free(parts);
            attune_context_free(plain);
            golden_close(&g);
        }
    }
}

/* What leaves an ablated layer is what entered it; with its blocks at their mean, each adds it. */
static void a_silent_layer_changes_nothing(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    float *in, *out;

    assert_true(golden_open(&g, "hf/llama-gqa-tied"));
    ctx = make(&g, 2, "0");
    append(ctx, &g, 0, T);
    in = hidden_of(ctx, 0);
    out = hidden_of(ctx, 1);
    assert_memory_equal(in, out, T * (size_t)attune_model_info(g.model)->d_model * sizeof *in);
    free(in);
    free(out);
    attune_context_free(ctx);
    golden_close(&g);
}

/* What a head of layer 0 would have said, from its map and its values, in double. */
static double *said_by(struct attune_context *ctx, int head)
{
    const struct stack *stack = ctx->main.stack;
    size_t d = (size_t)stack->head_dim,
           group = (size_t)(head / (stack->n_heads / stack->n_kv_heads));
    const float *v = (const float *)(const void *)ctx->main.self.values + group * ctx->main.capacity * d;
    float *map = malloc(T * T * sizeof *map);
    double *out = calloc(T * d, sizeof *out);

    assert_true(map && out);
    assert_int_equal(attune_attention_slice(ctx, ATTUNE_STACK_SELF, 0, head, 0, T, 0, T, map, NULL),
                     ATTUNE_OK);
    for (size_t q = 0; q < T; q++) {
        for (size_t k = 0; k <= q; k++) {
            for (size_t i = 0; i < d; i++) {
                out[q * d + i] += (double)map[q * T + k] * (double)v[k * d + i];
            }
        }
    }
    free(map);
    return out;
}

/* Of a layer whose MLP is out, a silent head takes away O times what it would have said; one at its
 * mean, O times what it would have said less the mean of it so far. */
static void a_head_takes_away_what_it_said(void **state)
{
    struct golden g;

    assert_true(golden_open(&g, "gguf/gpt2-f32"));
    for (int mean = 0; mean < 2; mean++) {
        struct attune_context *plain = make(&g, 2, "0.mlp"),
                              *cut = make(&g, 2, mean ? "0.mlp,0.1:mean" : "0.mlp,0.1");
        const struct stack *stack = plain->main.stack;
        size_t d = (size_t)plain->recipe->d_model, head_dim = (size_t)stack->head_dim;
        const struct matrix *o = &stack->layers[0].self.o;
        const float *weights = o->data; /* F32: [d, H*D] */
        float *with, *without;
        double *said, sums[256] = {0}, worst = 0, size = 0;

        append(plain, &g, 0, T);
        append(cut, &g, 0, T);
        with = hidden_of(plain, 1);
        without = hidden_of(cut, 1);
        said = said_by(plain, 1);
        assert_true(head_dim <= 256 && o->row_bytes == (size_t)o->cols * sizeof(float));
        for (size_t t = 0; t < T; t++) {
            for (size_t i = 0; i < head_dim; i++) {
                sums[i] += said[t * head_dim + i];
            }
            for (size_t r = 0; r < d; r++) {
                double lost = 0;

                for (size_t i = 0; i < head_dim; i++) {
                    double z = said[t * head_dim + i] - (mean ? sums[i] / (double)(t + 1) : 0);
                    lost += (double)weights[r * (size_t)o->cols + head_dim + i] * z;
                }
                worst =
                    fmax(worst, fabs((double)with[t * d + r] - (double)without[t * d + r] - lost));
                size = fmax(size, fabs(lost));
            }
        }
        assert_true(size > 1e-3 && worst < 1e-5 * fmax(1, size));
        free(said);
        free(with);
        free(without);
        attune_context_free(plain);
        attune_context_free(cut);
        golden_close(&g);
        assert_true(golden_open(&g, "gguf/gpt2-f32"));
    }
    golden_close(&g);
}

/* Encoders, and encoder-decoders with their attention to the encoder. */
static void other_stacks(void **state)
{
    static const struct {
        const char *name, *set;
    } cases[] = {{"hf/roberta-mlm", "0.0:mean,1.mlp"},
                 {"hf/roberta-mlm", "1"},
                 {"hf/t5-gated-untied", "encoder.0.0,cross.1.*:mean"},
                 {"hf/t5-gated-untied", "encoder.1:mean,0.cross"},
                 {"hf/bart-scaled-uneven", "decoder.0.1:mean"}};
    int seen = 0;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct golden g;
        struct golden_input in;
        struct attune_context *ctx[2];
        struct attune_error err = {0};
        float *out[2];

        if (!golden_open(&g, cases[i].name)) {
            continue;
        }
        seen++;
        assert_true(golden_input(&in, &g, ""));
        for (int k = 0; k < 2; k++) {
            struct attune_context_options options = {.n_threads = k + 1};

            if (attune_context_new(&ctx[k], g.model, &options, &err) != ATTUNE_OK ||
                attune_context_ablate(ctx[k], cases[i].set, &err) != ATTUNE_OK ||
                attune_context_sync(ctx[k], &in.input, NULL, &err) != ATTUNE_OK) {
                fail_msg("%s: %s", g.name, err.text);
            }
            out[k] = logits_of(ctx[k]);
        }
        assert_memory_equal(out[0], out[1],
                            attune_context_length(ctx[0]) *
                                (size_t)attune_model_info(g.model)->n_vocab * sizeof(float));
        free(out[1]);
        assert_int_equal(attune_context_ablate(ctx[1], "", NULL), ATTUNE_OK);
        assert_int_equal(attune_context_sync(ctx[1], &in.input, NULL, NULL), ATTUNE_OK);
        out[1] = logits_of(ctx[1]);
        assert_memory_not_equal(out[0], out[1],
                                attune_context_length(ctx[0]) *
                                    (size_t)attune_model_info(g.model)->n_vocab * sizeof(float));
        for (int k = 0; k < 2; k++) {
            free(out[k]);
            attune_context_free(ctx[k]);
        }
        golden_close(&g);
    }
    assert_true(seen > 0);
}

/* Another set forgets what was read; the same in other words does not. */
static void another_set_reads_anew(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_input input;

    assert_true(golden_open(&g, "gguf/gpt2-f32"));
    ctx = make(&g, 1, NULL);
    input = (struct attune_input){.ids = g.ids, .n = T};
    assert_string_equal(attune_context_ablation(ctx), "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
    }
    assert_int_equal(attune_context_stats(ctx).reused, T);
    assert_int_equal(attune_context_ablate(ctx, "1.0,1.1:mean", NULL), ATTUNE_OK);
    assert_int_equal(attune_context_length(ctx), 0);
    assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_stats(ctx).evaluated, T);
    assert_int_equal(attune_context_ablate(ctx, "1.1:mean,1.0:zero", NULL), ATTUNE_OK);
    assert_int_equal(attune_context_length(ctx), T);
    assert_string_equal(attune_context_ablation(ctx), "1.0,1.1:mean");
    assert_int_equal(attune_context_ablate(ctx, "9.0", NULL), ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_length(ctx), T); /* what is wrong changes nothing */
    attune_context_free(ctx);
    golden_close(&g);
}

static void texts(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"1.1,0.0", "0.0,1.1"},
        {"1.*", "1.*"},
        {"1.0,1.1,1.2,1.3", "1.*"},
        {"*.2:mean", "0.2:mean,1.2:mean"},
        {"0.attention,0.mlp", "0"},
        {"0.mlp:mean,0.mlp", "0.mlp"},
        {"*", "0,1"},
        {"decoder.0.1", "0.1"},
        {"0.*,1,0.2:off", "0.0,0.1,0.3,1"},
        {"encoder.0.1", NULL},
        {"cross.0.1", NULL},
        {"0.cross", NULL},
        {"2.0", NULL},
        {"0.4", NULL},
        {"0.1:half", NULL},
        {"0.1,", NULL},
        {",0.1", NULL},
        {"0.1 ", NULL},
        {"-1.0", NULL},
        {"0.99999999999", NULL},
        {"0..1", NULL},
    };
    struct golden g;

    assert_true(golden_open(&g, "gguf/gpt2-f32"));
    assert_int_equal(attune_model_info(g.model)->n_heads, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attune_error err = {0};
        char *out = NULL;
        int status = attune_ablation_text(&out, g.model, cases[i].in, &err);

        if (cases[i].out) {
            assert_int_equal(status, ATTUNE_OK);
            assert_string_equal(out, cases[i].out);
        } else {
            assert_int_equal(status, ATTUNE_ARGUMENT);
            assert_true(out == NULL && err.text[0]);
        }
        free(out);
    }
    assert_int_equal(attune_ablation_of(g.model, "0.*,1:mean", "0.2"), ATTUNE_ABLATED_ZERO);
    assert_int_equal(attune_ablation_of(g.model, "0.*,1:mean", "1"), ATTUNE_ABLATED_MEAN);
    assert_int_equal(attune_ablation_of(g.model, "0.*,1:mean", "1.0"), ATTUNE_ABLATED_NOT);
    assert_int_equal(attune_ablation_of(g.model, "0.*", "7.7"), ATTUNE_ABLATED_NOT);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_do_not_depend_on_the_way),
        cmocka_unit_test(a_silent_layer_changes_nothing),
        cmocka_unit_test(a_head_takes_away_what_it_said),
        cmocka_unit_test(other_stacks),
        cmocka_unit_test(another_set_reads_anew),
        cmocka_unit_test(texts),
    };

    return cmocka_run_group_tests_name("ablate", tests, NULL, NULL);
}
