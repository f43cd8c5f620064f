/* Encoders and encoder-decoders: outputs, hidden states and attention of every stack against the
 * reference, with and without padding; and that bits do not depend on threads, on splits, or on
 * what came before. */
#include <config.h>

#include <attune/attention.h>
#include <attune/dist.h>

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

static struct attune_context *make(const struct golden *g, int threads)
{
    struct attune_context_options options = {.keep_hidden = true,
                                             .activations = ATTUNE_ACTIVATIONS_F32,
                                             .n_threads = threads};
    struct attune_context *ctx;
    struct attune_error err = {0};

    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    return ctx;
}

static void sync(const struct golden *g, struct attune_context *ctx,
                 const struct attune_input *input)
{
    struct attune_error err = {0};

    if (attune_context_sync(ctx, input, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
}

/* A reference array and what it is called where the set has other names; NULL: not in this golden.
 */
static const struct attune_tensor *find(const struct golden *g, const char *prefix, const char *hf,
                                        const char *gguf)
{
    char name[80];

    snprintf(name, sizeof name, "%s%s", prefix, g->hf ? hf : gguf);
    return attune_tensors_find(g->file, name);
}

static size_t elements(const struct attune_tensor *t)
{
    size_t n = 1;

    for (int i = 0; i < t->n_dims; i++) {
        n *= (size_t)t->shape[i];
    }
    return n;
}

static void compare(const struct golden *g, const char *what, const float *got,
                    const struct attune_tensor *t, double hf_share, double absolute)
{
    const float *want = t->data;
    double worst = 0, most = 1;

    for (size_t i = 0; i < elements(t); i++) {
        double d = fabs((double)got[i] - (double)want[i]);

        most = fmax(most, fabs((double)want[i]));
        worst = d <= worst ? worst : d; /* NaN stays */
    }
    if (!(worst <= (hf_share > 0 && g->hf ? hf_share * most : absolute))) {
        fail_msg("%s: %s off by %g where the largest is %g", g->name, what, worst, most);
    }
}

static float *new_floats(size_t n)
{
    float *x = calloc(n + 1, sizeof *x);

    assert_non_null(x);
    return x;
}

/* ---- against the reference
 * ------------------------------------------------------------------------- */

/* An output with the name it has in a golden where it is the only one, and where it is one of two.
 */
static const struct {
    enum attune_output output;
    const char *alone, *beside, *gguf;
} outputs[] = {
    {ATTUNE_OUTPUT_TOKENS, "logits", "prediction_logits", "logits_ref"},
    {ATTUNE_OUTPUT_NEXT_SENTENCE, "logits", "seq_relationship_logits", ""},
    {ATTUNE_OUTPUT_LABELS, "logits", "", ""},
    {ATTUNE_OUTPUT_TOKEN_LABELS, "logits", "", ""},
    {ATTUNE_OUTPUT_POOLED, "pooler_output", "", ""},
};

static int check_outputs(const struct golden *g, struct attune_context *ctx, const char *prefix)
{
    int seen = 0;

    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        struct attune_output_shape shape = attune_model_output(g->model, outputs[i].output);
        const struct attune_tensor *t = find(g, prefix, outputs[i].alone, outputs[i].gguf);
        size_t n = shape.every_token ? attune_context_length(ctx) : 1;
        float *got;

        t = t ? t : find(g, prefix, outputs[i].beside, "");
        if (!shape.there || !t) {
            continue;
        }
        assert_int_equal(elements(t), n * (size_t)shape.width);
        got = new_floats(elements(t));
        assert_int_equal(attune_context_output(ctx, outputs[i].output, 0, n, got, NULL), ATTUNE_OK);
        compare(g, attune_output_text(outputs[i].output), got, t, 2e-5, 3e-4);
        free(got);
        seen++;
    }
    return seen;
}

static int check_span(const struct golden *g, struct attune_context *ctx, const char *prefix)
{
    const struct attune_tensor *parts[2] = {find(g, prefix, "start_logits", ""),
                                            find(g, prefix, "end_logits", "")};
    size_t n = attune_context_length(ctx);
    float *pairs = new_floats(2 * n), *row = new_floats(n);
    bool there = attune_model_output(g->model, ATTUNE_OUTPUT_SPAN).there;

    assert_true(there == (parts[0] && parts[1]));
    for (size_t side = 0; side < 2 && there; side++) {
        assert_int_equal(attune_context_output(ctx, ATTUNE_OUTPUT_SPAN, 0, n, pairs, NULL),
                         ATTUNE_OK);
        for (size_t t = 0; t < n; t++) {
            row[t] = pairs[2 * t + side];
        }
        compare(g, "span", row, parts[side], 2e-5, 0);
    }
    free(pairs);
    free(row);
    return there;
}

static int check_states(const struct golden *g, struct attune_context *ctx, const char *prefix)
{
    const struct attune_tensor *t = find(g, prefix, "last_hidden_state", "hidden_ref");
    size_t n = attune_context_length(ctx);
    size_t width = (size_t)attune_context_states_width(ctx, ATTUNE_STACK_SELF);
    float *got = new_floats(n * width);

    /* Of T5 in GGUF form hidden_ref is the decoder's, of BERT the encoder's: the main stack's both
     * times. */
    if (t) {
        assert_int_equal(elements(t), n * width);
        assert_int_equal(attune_context_states(ctx, ATTUNE_STACK_SELF, 0, n, got, NULL), ATTUNE_OK);
        compare(g, "last hidden state", got, t, 2e-5, 6e-3);
    }
    free(got);
    return t != NULL;
}

static const struct {
    const char *hidden, *attention, *gguf_attention;
    enum attune_stack stack;
} stacks[] = {
    {"hidden_states", "attentions", "", ATTUNE_STACK_SELF},
    {"encoder_hidden_states", "encoder_attentions", "enc_attn_ref", ATTUNE_STACK_ENCODER},
    {"decoder_hidden_states", "decoder_attentions", "", ATTUNE_STACK_DECODER},
    {"", "cross_attentions", "cross_ref", ATTUNE_STACK_CROSS},
};

static void check_hidden(const struct golden *g, struct attune_context *ctx, const char *prefix)
{
    for (size_t s = 0; s < sizeof stacks / sizeof *stacks; s++) {
        const struct attune_tensor *t = find(g, prefix, stacks[s].hidden, "");
        size_t plane = t ? (size_t)t->shape[1] * (size_t)t->shape[2] : 0;
        float *got = new_floats(t ? elements(t) : 0);

        if (t) {
            assert_int_equal(attune_context_hidden_count(ctx, stacks[s].stack), t->shape[0]);
            for (size_t l = 0; l < t->shape[0]; l++) {
                assert_int_equal(attune_context_hidden(ctx, stacks[s].stack, (int)l, 0,
                                                       (size_t)t->shape[1], got + l * plane, NULL),
                                 ATTUNE_OK);
            }
            compare(g, stacks[s].hidden, got, t, 2e-5, 0);
        }
        free(got);
    }
}

static int check_attention(const struct golden *g, struct attune_context *ctx, const char *prefix)
{
    bool quantised = strstr(g->name, "-q") != NULL;
    int seen = 0;

    for (size_t s = 0; s < sizeof stacks / sizeof *stacks; s++) {
        const struct attune_tensor *t =
            find(g, prefix, stacks[s].attention, stacks[s].gguf_attention);
        struct attune_attention_shape shape;
        float *got = new_floats(t ? elements(t) : 0);
        size_t map;

        if (t && attune_attention_shape(&shape, ctx, stacks[s].stack, NULL) == ATTUNE_OK) {
            map = shape.n_queries * shape.n_keys;
            assert_int_equal(elements(t), (size_t)shape.n_layers * (size_t)shape.n_heads * map);
            for (int i = 0; i < shape.n_layers * shape.n_heads; i++) {
                assert_int_equal(attune_attention_slice(ctx, stacks[s].stack, i / shape.n_heads,
                                                        i % shape.n_heads, 0, shape.n_queries, 0,
                                                        shape.n_keys, got + (size_t)i * map, NULL),
                                 ATTUNE_OK);
            }
            compare(g, stacks[s].attention, got, t, 0, g->hf ? 5e-5 : quantised ? 0.05 : 4e-4);
            seen++;
        }
        free(got);
    }
    return seen;
}

static void reference_numbers_are_met(void **state)
{
    static const char *const prefixes[] = {"", "padded."};
    int models = 0, padded = 0;

    for (const char *const *name = golden_stacks; *name; name++) {
        struct golden g;

        if (!golden_open(&g, *name)) {
            continue;
        }
        for (size_t p = 0; p < 2; p++) {
            struct golden_input in;
            struct attune_context *ctx;

            if (!golden_input(&in, &g, prefixes[p])) {
                continue;
            }
            ctx = make(&g, 2);
            sync(&g, ctx, &in.input);
            assert_true(check_outputs(&g, ctx, prefixes[p]) + check_span(&g, ctx, prefixes[p]) +
                            check_states(&g, ctx, prefixes[p]) >
                        0);
            check_hidden(&g, ctx, prefixes[p]);
            assert_true(check_attention(&g, ctx, prefixes[p]) > 0 || !g.hf);
            attune_context_free(ctx);
            padded += p;
        }
        golden_close(&g);
        models++;
    }
    assert_true(models >= 12 && padded >= 10); /* those that come along */
}

/* A plain argmax loop from the start token: the ids, and the logits they came from. */
static void generation_follows_the_reference(void **state)
{
    int seen = 0;

    for (const char *const *name = golden_stacks; *name; name++) {
        const struct attune_tensor *ids, *logits;
        struct golden g;
        struct golden_input in;
        struct attune_context *ctx;
        size_t n_vocab;
        float *got;

        if (!golden_open(&g, *name)) {
            continue;
        }
        ids = attune_tensors_find(g.file, "generated_ids");
        logits = attune_tensors_find(g.file, "generated_logits");
        n_vocab = (size_t)attune_model_info(g.model)->n_vocab;
        if (ids && logits && attune_model_info(g.model)->kind == ATTUNE_SEQ2SEQ) {
            got = new_floats(elements(logits));
            assert_true(golden_input(&in, &g, ""));
            in.input.decoder_ids = NULL;
            ctx = make(&g, 2);
            sync(&g, ctx, &in.input);
            assert_int_equal(attune_context_length(ctx), 1);
            for (size_t i = 0; i < ids->shape[0]; i++) {
                attune_token next = (attune_token)((const int64_t *)ids->data)[i];
                struct attune_dist dist;

                assert_int_equal(attune_context_logits(ctx, i, 1, got + i * n_vocab, NULL),
                                 ATTUNE_OK);
                attune_dist_of(&dist, got + i * n_vocab, n_vocab);
                assert_int_equal(dist.top[0].id, next);
                assert_int_equal(attune_context_append(ctx, &next, 1, NULL, NULL), ATTUNE_OK);
            }
            compare(&g, "generated logits", got, logits, 2e-5, 0);
            attune_context_free(ctx);
            free(got);
            seen++;
        }
        golden_close(&g);
    }
    assert_true(seen >= 3);
}

/* ---- exactness
 * ------------------------------------------------------------------------------------- */

/* Everything that one can ask of the main stack, as one row of numbers. */
static size_t everything(struct attune_context *ctx, float **out)
{
    const struct attune_model *model = attune_context_model(ctx);
    size_t n = attune_context_length(ctx), d = (size_t)attune_model_info(model)->d_model, at = 0;
    size_t width = (size_t)attune_context_states_width(ctx, ATTUNE_STACK_SELF),
           size = n * (width + d);

    for (int i = 0; i < ATTUNE_OUTPUT_COUNT; i++) {
        size += n * (size_t)attune_model_output(model, (enum attune_output)i).width;
    }
    *out = new_floats(size);
    for (int i = 0; i < ATTUNE_OUTPUT_COUNT; i++) {
        struct attune_output_shape shape = attune_model_output(model, (enum attune_output)i);
        size_t rows = shape.every_token ? n : 1;

        if (shape.there) {
            assert_int_equal(
                attune_context_output(ctx, (enum attune_output)i, 0, rows, *out + at, NULL),
                ATTUNE_OK);
            at += rows * (size_t)shape.width;
        }
    }
    assert_int_equal(attune_context_states(ctx, ATTUNE_STACK_SELF, 0, n, *out + at, NULL),
                     ATTUNE_OK);
    return at + n * width;
}

static void same_bits(const struct golden *g, const char *when, struct attune_context *ctx,
                      const float *want, size_t n_want)
{
    float *got;
    size_t n = everything(ctx, &got);

    if (n != n_want || memcmp(got, want, n * sizeof *got) != 0) {
        fail_msg("%s: other bits %s", g->name, when);
    }
    free(got);
}

static void bits_depend_on_the_input_alone(void **state)
{
    for (const char *const *name = golden_stacks; *name; name++) {
        struct golden g;
        struct golden_input in;
        struct attune_context *ctx, *other;
        struct attune_input shorter;
        float *want;
        size_t n;

        if (!golden_open(&g, *name)) {
            continue;
        }
        assert_true(golden_input(&in, &g, ""));
        ctx = make(&g, 1);
        sync(&g, ctx, &in.input);
        n = everything(ctx, &want);

        other = make(&g, 3);
        shorter = in.input;
        shorter.n = in.input.n - 2;
        shorter.n_decoder = in.input.n_decoder > 2 ? in.input.n_decoder - 2 : in.input.n_decoder;
        sync(&g, other, &shorter); /* another text first */
        sync(&g, other, &in.input);
        same_bits(&g, "with three threads after another text", other, want, n);
        sync(&g, other, &in.input);
        assert_int_equal(attune_context_stats(other).evaluated, 0);
        same_bits(&g, "when asked again", other, want, n);
        if (in.input.n_decoder > 2) { /* the decoder token by token, the encoder kept */
            shorter = in.input;
            shorter.n_decoder = 1;
            sync(&g, other, &shorter);
            assert_int_equal(attune_context_stats(other).evaluated, 0);
            for (size_t i = 1; i < in.input.n_decoder; i++) {
                assert_int_equal(attune_context_append(other, in.decoder_ids + i, 1, NULL, NULL),
                                 ATTUNE_OK);
            }
            same_bits(&g, "token by token", other, want, n);
        }
        free(want);
        attune_context_free(other);
        attune_context_free(ctx);
        golden_close(&g);
    }
}

/* Padding is not looked at: what stands there does not matter, and neither does how much there is.
 */
static void padding_is_not_seen(void **state)
{
    struct golden g;
    struct golden_input in, longer;
    struct attune_context *ctx;
    float row[64], padded[64];

    assert_true(golden_open(&g, "hf/bert-seqcls"));
    assert_true(golden_input(&in, &g, ""));
    longer = in;
    longer.input.ids = longer.ids;
    longer.input.type_ids = longer.types;
    longer.input.mask = longer.mask;
    longer.input.n += 7;
    for (size_t i = 0; i < longer.input.n; i++) {
        longer.mask[i] = i < in.input.n;
        longer.ids[i] = i < in.input.n ? in.ids[i] : 5;
        longer.types[i] = i < in.input.n ? in.types[i] : 0;
    }
    ctx = make(&g, 2);
    sync(&g, ctx, &in.input);
    assert_int_equal(attune_context_output(ctx, ATTUNE_OUTPUT_LABELS, 0, 1, row, NULL), ATTUNE_OK);
    sync(&g, ctx, &longer.input);
    assert_int_equal(attune_context_stats(ctx).reused, 0);
    assert_int_equal(attune_context_output(ctx, ATTUNE_OUTPUT_LABELS, 0, 1, padded, NULL),
                     ATTUNE_OK);
    for (int i = 0; i < attune_model_info(g.model)->n_labels; i++) {
        assert_true(fabsf(row[i] - padded[i]) <
                    1e-5f); /* sums of another length: not the same bits */
    }
    attune_context_free(ctx);
    golden_close(&g);
}

static void a_cancelled_encoder_holds_nothing(void **state)
{
    struct attune_progress progress = {0};
    struct golden g;
    struct golden_input in;
    struct attune_context *ctx;

    assert_true(golden_open(&g, "hf/t5-gated-untied"));
    assert_true(golden_input(&in, &g, ""));
    ctx = make(&g, 1);
    atomic_store(&progress.cancel, true);
    assert_int_equal(attune_context_sync(ctx, &in.input, &progress, NULL), ATTUNE_CANCELLED);
    assert_int_equal(attune_context_length(ctx), 0);
    sync(&g, ctx, &in.input);
    assert_int_equal(attune_context_length(ctx), in.input.n_decoder);
    attune_context_free(ctx);
    golden_close(&g);
}

/* ---- what does not fit
 * ----------------------------------------------------------------------------- */

static void wants(struct attune_context *ctx, const struct attune_input *input, const char *text)
{
    struct attune_error err = {0};

    assert_int_equal(attune_context_sync(ctx, input, NULL, &err), ATTUNE_ARGUMENT);
    if (!strstr(err.text, text)) {
        fail_msg("'%s' instead of '%s'", err.text, text);
    }
}

static void what_an_encoder_refuses(void **state)
{
    struct golden g;
    struct golden_input in;
    struct attune_context *ctx;
    struct attune_error err = {0};
    struct attune_attention_shape shape;
    uint8_t none[GOLDEN_TOKENS] = {0}, strange[GOLDEN_TOKENS] = {0, 7};
    float x[8192];

    assert_true(golden_open(&g, "hf/bert-seqcls"));
    assert_true(golden_input(&in, &g, ""));
    ctx = make(&g, 1);
    in.input.mask = none;
    wants(ctx, &in.input, "every token is masked");
    in.input.mask = NULL;
    in.input.type_ids = strange;
    wants(ctx, &in.input, "type id 1 is 7");
    in.input.type_ids = NULL;
    in.input.decoder_ids = in.ids;
    in.input.n_decoder = 1;
    wants(ctx, &in.input, "no decoder ids");
    in.input.decoder_ids = NULL;
    sync(&g, ctx, &in.input);
    assert_int_equal(attune_context_append(ctx, in.ids, 1, NULL, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "as a whole"));
    assert_int_equal(attune_context_logits(ctx, 0, 1, x, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "labels")); /* what it has instead */
    assert_int_equal(attune_context_output(ctx, ATTUNE_OUTPUT_LABELS, 1, 1, x, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_hidden(ctx, ATTUNE_STACK_DECODER, 0, 0, 1, x, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_attention_shape(&shape, ctx, ATTUNE_STACK_CROSS, &err),
                     ATTUNE_ARGUMENT);
    assert_int_equal(attune_attention_shape(&shape, ctx, ATTUNE_STACK_ENCODER, &err), ATTUNE_OK);
    attune_context_truncate(ctx, 3); /* what is left saw what is gone */
    assert_int_equal(attune_context_length(ctx), 0);
    attune_context_free(ctx);
    golden_close(&g);
}

static void labels_have_names(void **state)
{
    struct golden g;

    assert_true(golden_open(&g, "hf/albert-seqcls-groups"));
    assert_int_equal(attune_model_info(g.model)->n_labels, 4);
    assert_string_equal(attune_model_label(g.model, 2), "c");
    assert_null(attune_model_label(g.model, 4));
    assert_null(attune_model_label(g.model, -1));
    golden_close(&g);
    assert_true(golden_open(&g, "hf/marian"));
    assert_int_equal(attune_model_info(g.model)->decoder_start, 141);
    assert_string_equal(attune_model_info(g.model)->position, "sinusoidal");
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_numbers_are_met),
        cmocka_unit_test(generation_follows_the_reference),
        cmocka_unit_test(bits_depend_on_the_input_alone),
        cmocka_unit_test(padding_is_not_seen),
        cmocka_unit_test(a_cancelled_encoder_holds_nothing),
        cmocka_unit_test(what_an_encoder_refuses),
        cmocka_unit_test(labels_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
