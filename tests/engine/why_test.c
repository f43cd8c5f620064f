/* Products sum to what softmax takes; a head's part of a logit is what the logit loses without it
 * when the last norm is held. */
#include <config.h>

#include <attune/ablate.h>
#include <attune/why.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/product.h"
#include "golden.h"

enum { T = 21, MOST = 512 };

static struct attune_context *evaluate(struct golden *g, const char *ablation)
{
    struct attune_context_options options = {.n_threads = 2};
    struct attune_context *ctx;
    struct attune_error err = {0};

    golden_random_ids(g->ids, T, g, 3);
    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK ||
        attune_context_ablate(ctx, ablation, &err) != ATTUNE_OK ||
        attune_context_append(ctx, g->ids, T, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    return ctx;
}

/* softmax over the scores of a row is the row. */
static void check_row(struct attune_context *ctx, enum attune_stack kind, int layer, int head,
                      size_t q)
{
    struct attune_attention_shape shape;
    struct attune_why_pair pair;
    struct attune_error err = {0};
    float products[MOST], *row;
    double *scores, most = -INFINITY, sum = 0;
    size_t n = 0, width = attune_why_width(ctx, kind);

    assert_true(width > 0 && width <= MOST);
    assert_int_equal(attune_attention_shape(&shape, ctx, kind, NULL), ATTUNE_OK);
    row = calloc(shape.n_keys, sizeof *row);
    scores = calloc(shape.n_keys, sizeof *scores);
    assert_true(row && scores);
    assert_int_equal(
        attune_attention_slice(ctx, kind, layer, head, q, 1, 0, shape.n_keys, row, NULL),
        ATTUNE_OK);
    while (n < shape.n_keys &&
           attune_why_pair(&pair, products, ctx, kind, layer, head, q, n, &err) == ATTUNE_OK) {
        double total = 0;

        for (size_t i = 0; i < width; i++) {
            total += (double)products[i];
        }
        assert_true(fabs(total - pair.products) < 1e-5 * fmax(1, fabs(total)));
        assert_true(pair.weight == (double)row[n]);
        assert_true(pair.value_norm > 0 || pair.weight == 0);
        scores[n++] = pair.score;
        most = fmax(most, pair.score);
    }
    assert_true(n > 0);
    for (size_t k = 0; k < n; k++) {
        sum += exp(scores[k] - most);
    }
    for (size_t k = 0; k < n; k++) {
        double want = exp(scores[k] - most) / sum;

        if (fabs(want - (double)row[k]) > 1e-5) {
            fail_msg("layer %d head %d, %zu to %zu: %g, not %g", layer, head, q, k, want,
                     (double)row[k]);
        }
    }
    free(row);
    free(scores);
}

static void products_sum_to_the_score(void **state)
{
    static const char *const names[] = {"gguf/gpt2-f32", "hf/llama-gqa-tied", "gguf/bloom-6h-f32",
                                        "gguf/falcon-f32"};
    struct golden g;
    struct golden_input in;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct attune_context *ctx;

        if (golden_open(&g, names[i])) {
            ctx = evaluate(&g, NULL);
            for (int h = 0; h < attune_model_info(g.model)->n_heads; h++) {
                check_row(ctx, ATTUNE_STACK_SELF, h % 2, h, T - 1 - (size_t)h);
            }
            attune_context_free(ctx);
            golden_close(&g);
        }
    }
    if (golden_open(&g, "hf/t5-gated-untied")) {
        struct attune_context_options options = {.n_threads = 1};
        struct attune_context *ctx;

        assert_true(golden_input(&in, &g, ""));
        assert_int_equal(attune_context_new(&ctx, g.model, &options, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_sync(ctx, &in.input, NULL, NULL), ATTUNE_OK);
        for (int kind = ATTUNE_STACK_ENCODER; kind <= ATTUNE_STACK_CROSS; kind++) {
            check_row(ctx, (enum attune_stack)kind, 1, 0, 1);
        }
        attune_context_free(ctx);
        golden_close(&g);
    }
}

/* With the last MLP out, the last layer's heads stand right in front of the norm: the logit over
 * its scale, less what does not come from the stream, loses exactly the head's part over the scale.
 */
static void a_head_in_front_of_the_norm(void **state)
{
    static const char *const names[] = {"gguf/gpt2-f32", "hf/llama-gqa-tied"};

    for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
        struct golden g;
        struct attune_context *plain, *with, *without;
        struct attune_why_logit total;
        double parts[MOST], against[MOST];
        const struct output *top;
        size_t d, v;
        float *a, *b;
        char set[32];
        int last, heads, at;

        assert_true(golden_open(&g, names[m]));
        plain = evaluate(&g, NULL);
        last = attune_model_info(g.model)->n_layers - 1;
        snprintf(set, sizeof set, "%d.mlp,%d.1", last, last);
        without = evaluate(&g, set);
        *strchr(set, ',') = '\0';
        with = evaluate(&g, set);
        top = &plain->recipe->outputs[ATTUNE_OUTPUT_TOKENS];
        d = (size_t)plain->recipe->d_model;
        v = (size_t)plain->recipe->n_vocab;
        a = malloc(v * sizeof *a);
        b = malloc(v * sizeof *b);
        heads = attune_model_info(g.model)->n_heads;
        at = last * heads + 1;
        assert_true(a && b && (last + 1) * heads <= MOST);
        assert_int_equal(attune_context_logits(with, T - 1, 1, a, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_logits(without, T - 1, 1, b, NULL), ATTUNE_OK);
        for (attune_token token = 3; token < 60; token += 19) {
            const float *bias = plain->main.stack->final_norm.bias;
            float row[4096];
            double fixed = top->out.bias ? (double)top->out.bias[token] : 0, lost, sum = 0;

            product_widen(plain, &top->out, (size_t)token, 1, row);
            for (size_t i = 0; i < d && bias; i++) {
                fixed += (double)bias[i] * (double)row[i];
            }
            assert_int_equal(attune_why_logit(&total, parts, NULL, plain, T - 1, token,
                                              ATTUNE_TOKEN_NONE, NULL, NULL),
                             ATTUNE_OK);
            lost = ((double)a[token] - fixed) / (double)with->main.scales[T - 1] -
                   ((double)b[token] - fixed) / (double)without->main.scales[T - 1];
            lost *= total.scale;
            if (fabs(lost - parts[at]) > 2e-4) {
                fail_msg("%s, token %d: %g, not %g", names[m], (int)token, parts[at], lost);
            }
            for (int i = 0; i < (last + 1) * heads; i++) {
                sum += parts[i];
            }
            assert_true(fabs(sum - total.heads) < 1e-9);
            assert_true(fabs(total.heads + total.biases + total.rest - total.logit) < 1e-9);
            assert_int_equal(
                attune_why_logit(&total, against, NULL, plain, T - 1, token, 5, NULL, NULL),
                ATTUNE_OK);
            assert_true(fabs(against[0] - parts[0]) > 0);
        }
        free(a);
        free(b);
        attune_context_free(plain);
        attune_context_free(with);
        attune_context_free(without);
        golden_close(&g);
    }
}

static void what_is_refused(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_why_pair pair;
    struct attune_why_logit total;
    struct attune_error err = {0};
    float products[MOST];
    double parts[MOST];

    assert_true(golden_open(&g, "gguf/gpt2-f32"));
    ctx = evaluate(&g, NULL);
    assert_int_equal(attune_why_pair(&pair, products, ctx, ATTUNE_STACK_SELF, 0, 0, 3, 4, &err),
                     ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "comes later"));
    assert_int_equal(attune_why_pair(&pair, products, ctx, ATTUNE_STACK_SELF, 0, 9, 3, 2, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_why_pair(&pair, products, ctx, ATTUNE_STACK_SELF, 0, 0, T, 2, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(
        attune_why_logit(&total, parts, NULL, ctx, T, 1, ATTUNE_TOKEN_NONE, NULL, &err),
        ATTUNE_ARGUMENT);
    assert_int_equal(
        attune_why_logit(&total, parts, NULL, ctx, 0, -7, ATTUNE_TOKEN_NONE, NULL, &err),
        ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_ablate(ctx, "0.0", NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(ctx, g.ids, 3, NULL, NULL), ATTUNE_OK);
    assert_int_equal(
        attune_why_logit(&total, parts, NULL, ctx, 0, 1, ATTUNE_TOKEN_NONE, NULL, &err),
        ATTUNE_UNSUPPORTED);
    attune_context_free(ctx);
    golden_close(&g);
    assert_true(golden_open(&g, "hf/roberta-mlm"));
    assert_int_equal(attune_context_new(&ctx, g.model, NULL, NULL), ATTUNE_OK);
    assert_int_equal(
        attune_why_logit(&total, parts, NULL, ctx, 0, 1, ATTUNE_TOKEN_NONE, NULL, &err),
        ATTUNE_UNSUPPORTED);
    attune_context_free(ctx);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_sum_to_the_score),
        cmocka_unit_test(a_head_in_front_of_the_norm),
        cmocka_unit_test(what_is_refused),
    };

    return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}
