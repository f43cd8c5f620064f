/* The logit lens: its last layer is the output, the others against norm and head in double from
 * the checkpoint's own numbers; the grid against the logits it is made of. */
#include <config.h>

#include <attune/lens.h>

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

enum { T = 20 };

static struct attune_context *read_ids(struct golden *g, bool keep)
{
    struct attune_context_options options = {.n_threads = 2, .keep_hidden = keep};
    struct attune_input input = {.ids = g->ids, .n = T};
    struct attune_error err = {0};
    struct attune_context *ctx;
    attune_token decoder_ids[T];

    golden_random_ids(g->ids, T, g, 5);
    golden_random_ids(decoder_ids, T, g, 6);
    if (attune_model_info(g->model)->kind == ATTUNE_SEQ2SEQ) {
        decoder_ids[0] = attune_model_info(g->model)->decoder_start;
        input.decoder_ids = decoder_ids;
        input.n_decoder = T;
    }
    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK ||
        attune_context_sync(ctx, &input, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    return ctx;
}

static float *new_logits(const struct golden *g, size_t *n_vocab)
{
    *n_vocab = (size_t)attune_model_output(g->model, ATTUNE_OUTPUT_TOKENS).width;
    return calloc(T * *n_vocab + 1, sizeof(float)); /* [T, n_vocab] */
}

/* Every model that has a head: the last layer has the output's bits, no layer the next one's. */
static void check_last(const char *name)
{
    struct attune_error err = {0};
    struct attune_context *ctx;
    float *output, *lens;
    struct golden g;
    size_t n_vocab;
    int layers;

    if (!golden_open(&g, name)) {
        return;
    }
    layers = attune_lens_count(g.model, &err);
    if (layers == 0) {
        assert_int_equal(err.status, ATTUNE_UNSUPPORTED);
        assert_non_null(strstr(err.text, "no head over its vocabulary"));
        golden_close(&g);
        return;
    }
    ctx = read_ids(&g, true);
    output = new_logits(&g, &n_vocab);
    lens = new_logits(&g, &n_vocab);
    assert_int_equal(attune_context_logits(ctx, 0, T, output, &err), ATTUNE_OK);
    assert_int_equal(attune_lens_logits(ctx, layers - 1, 0, T, lens, &err), ATTUNE_OK);
    assert_memory_equal(output, lens, T * n_vocab * sizeof *output);
    for (int l = 0; l < layers - 1; l++) {
        assert_int_equal(attune_lens_logits(ctx, l, 3, T - 3, lens, &err), ATTUNE_OK);
        assert_memory_not_equal(output + 3 * n_vocab, lens, (T - 3) * n_vocab * sizeof *output);
        for (size_t i = 0; i < (T - 3) * n_vocab; i++) {
            assert_true(isfinite(lens[i]));
        }
    }
    assert_int_equal(attune_lens_logits(ctx, layers, 0, 1, lens, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_lens_logits(ctx, 0, T, 1, lens, &err), ATTUNE_ARGUMENT);
    attune_context_free(ctx);
    golden_close(&g);
    free(output);
    free(lens);
}

static void the_last_layer_is_the_output(void **state)
{
    for (size_t i = 0; golden_names[i]; i++) {
        check_last(golden_names[i]);
    }
    for (size_t i = 0; golden_stacks[i]; i++) {
        check_last(golden_stacks[i]);
    }
}

/* ---- a naive twin ---- */

struct head { /* what stands on top, as the checkpoint names it */
    const char *golden, *embedding, *norm, *bias; /* bias NULL: root mean square */
    double eps;
};

static const float *floats(const struct attune_tensors *file, const char *name)
{
    const struct attune_tensor *t = name ? attune_tensors_find(file, name) : NULL;

    assert_true(!name || (t && strcmp(t->dtype, "F32") == 0));
    return t ? t->data : NULL;
}

/* out [d] = norm(x) */
static void norm_slowly(double *out, const float *x, size_t d, const float *weight,
                        const float *bias, double eps)
{
    double mean = 0, square = 0;

    for (size_t i = 0; i < d && bias; i++) {
        mean += (double)x[i] / (double)d;
    }
    for (size_t i = 0; i < d; i++) {
        square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)d;
    }
    for (size_t i = 0; i < d; i++) {
        out[i] = ((double)x[i] - mean) / sqrt(square + eps) * (double)weight[i] +
                 (bias ? (double)bias[i] : 0);
    }
}

static void check_against_double(const struct head *h)
{
    struct attune_error err = {0};
    struct attune_tensors *file;
    struct attune_context *ctx;
    const float *embedding, *weight, *bias;
    float *lens, *x;
    double *normed, worst = 0;
    char path[4096];
    struct golden g;
    size_t n_vocab, d;

    if (!golden_open(&g, h->golden)) {
        fail_msg("%s is one of the tests' own", h->golden);
    }
    snprintf(path, sizeof path, "%s/%s/model.safetensors", getenv("ATTUNE_GOLDEN"), h->golden);
    assert_int_equal(attune_tensors_open(&file, path, &err), ATTUNE_OK);
    embedding = floats(file, h->embedding);
    weight = floats(file, h->norm);
    bias = floats(file, h->bias);
    d = (size_t)attune_model_info(g.model)->d_model;
    ctx = read_ids(&g, true);
    lens = new_logits(&g, &n_vocab);
    x = calloc(T * d, sizeof *x);
    normed = calloc(d, sizeof *normed);
    for (int l = 0; l < attune_lens_count(g.model, &err) - 1; l++) {
        assert_int_equal(attune_lens_logits(ctx, l, 0, T, lens, &err), ATTUNE_OK);
        assert_int_equal(attune_context_hidden(ctx, ATTUNE_STACK_SELF, l, 0, T, x, &err),
                         ATTUNE_OK);
        for (size_t t = 0; t < T; t++) {
            norm_slowly(normed, x + t * d, d, weight, bias, h->eps);
            for (size_t v = 0; v < n_vocab; v++) {
                double sum = 0;
                for (size_t i = 0; i < d; i++) {
                    sum += normed[i] * (double)embedding[v * d + i];
                }
                worst = fmax(worst, fabs(sum - (double)lens[t * n_vocab + v]));
            }
        }
    }
    if (!(worst < 1e-4)) {
        fail_msg("%s: off by %g", h->golden, worst);
    }
    attune_context_free(ctx);
    attune_tensors_close(file);
    golden_close(&g);
    free(lens);
    free(x);
    free(normed);
}

static void the_other_layers_go_through_norm_and_head(void **state)
{
    static const struct head heads[] = {
        {"hf/llama-gqa-tied", "model.embed_tokens.weight", "model.norm.weight", NULL, 1e-2},
        {"hf/gpt2", "transformer.wte.weight", "transformer.ln_f.weight", "transformer.ln_f.bias",
         1e-5},
    };

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        check_against_double(&heads[i]);
    }
}

static void the_grid_is_made_of_the_logits(void **state)
{
    struct attune_progress progress = {0};
    struct attune_error err = {0};
    struct attune_lens_cell *cells;
    struct attune_context *ctx;
    struct attune_dist dist;
    struct golden g;
    float *logits;
    size_t n_vocab;
    int layers, done;

    assert_true(golden_open(&g, "gguf/llama-f32"));
    ctx = read_ids(&g, true);
    layers = attune_lens_count(g.model, &err);
    logits = new_logits(&g, &n_vocab);
    cells = calloc((size_t)layers * (T - 1), sizeof *cells);
    assert_int_equal(attune_lens_grid(cells, ctx, 1, T - 1, &done, &progress, &err), ATTUNE_OK);
    assert_int_equal(done, layers);
    for (int l = 0; l < layers; l++) {
        assert_int_equal(attune_lens_logits(ctx, l, 1, T - 1, logits, &err), ATTUNE_OK);
        for (size_t t = 0; t < T - 1; t++) {
            const struct attune_lens_cell *cell = &cells[(size_t)l * (T - 1) + t],
                                          *last = &cells[(size_t)(layers - 1) * (T - 1) + t];
            const float *row = logits + t * n_vocab;

            attune_dist_of(&dist, row, n_vocab);
            assert_int_equal(cell->top[0].id, dist.top[0].id);
            assert_true(cell->top[0].p == dist.top[0].p);
            assert_true(cell->p_final == (float)attune_dist_p(&dist, row[last->top[0].id]));
            assert_int_equal(cell->rank_final, attune_dist_rank(row, n_vocab, last->top[0].id));
            assert_true(fabs((double)cell->entropy_bits - attune_bits(dist.entropy)) < 1e-5);
        }
    }
    for (size_t t = 0; t < T - 1; t++) {
        assert_int_equal(cells[(size_t)(layers - 1) * (T - 1) + t].rank_final, 0);
    }
    atomic_store(&progress.cancel, 1);
    assert_int_equal(attune_lens_grid(cells, ctx, 1, T - 1, &done, &progress, &err),
                     ATTUNE_CANCELLED);
    assert_int_equal(done, 0);
    attune_context_free(ctx);
    ctx = read_ids(&g, false);
    assert_int_equal(attune_lens_logits(ctx, 0, 0, 1, logits, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_lens_logits(ctx, layers - 1, 0, 1, logits, &err), ATTUNE_OK);
    attune_context_free(ctx);
    golden_close(&g);
    free(cells);
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_layer_is_the_output),
        cmocka_unit_test(the_other_layers_go_through_norm_and_head),
        cmocka_unit_test(the_grid_is_made_of_the_logits),
    };
    return cmocka_run_group_tests_name("lens", tests, NULL, NULL);
}
