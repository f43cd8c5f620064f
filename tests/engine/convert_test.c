/* Hugging Face directories as GGUF files: the same logits from both, for every family that the
 * format has; the same ids from both tokenizers; and what the format has no words for is refused.
 */
#include <config.h>

#include <attune/context.h>
#include <attune/quantize.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/bind.h"
#include "engine/gguf_write.h"
#include "engine/model.h"
#include "engine/tokenizer_write.h"
#include "golden.h"
#include "made.h"

/* ---- logits
 * --------------------------------------------------------------------------------------- */

static struct attune_context *read_all(const struct attune_model *model,
                                       const struct attune_input *input)
{
    const struct attune_context_options options = {.n_threads = 2};
    struct attune_context *ctx;
    struct attune_error err = {0};

    assert_int_equal(attune_context_new(&ctx, model, &options, &err), ATTUNE_OK);
    if (attune_context_sync(ctx, input, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    return ctx;
}

/* The last states of all positions, and the logits where there are any: [*n]. */
static float *numbers_of(const struct attune_model *model, const struct attune_input *input,
                         bool logits, size_t *n)
{
    struct attune_context *ctx = read_all(model, input);
    size_t length = attune_context_length(ctx),
           width = (size_t)attune_context_states_width(ctx, ATTUNE_STACK_SELF),
           vocab = (size_t)attune_model_info(model)->n_vocab;
    float *out = calloc(length * (width + vocab), sizeof *out);

    assert_non_null(out);
    assert_int_equal(attune_context_states(ctx, ATTUNE_STACK_SELF, 0, length, out, NULL),
                     ATTUNE_OK);
    *n = length * width;
    if (logits) {
        assert_int_equal(attune_context_logits(ctx, 0, length, out + *n, NULL), ATTUNE_OK);
        *n += length * vocab;
    }
    attune_context_free(ctx);
    return out;
}

/* bound 0: bit for bit; else against the largest number. */
static void compare(const char *name, const float *a, const float *b, size_t n, double bound)
{
    double most = 0, worst = 0;

    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i]));
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    if (!(worst <= bound * most) || (bound == 0 && memcmp(a, b, n * sizeof *a) != 0)) {
        fail_msg("%s: %g of %g", name, worst, most);
    }
}

/* Rows of Q and K in another order are summed in another order; halves become floats on the way. */
static double bound_of(const char *name)
{
    return strstr(name, "llama") || strstr(name, "half") || strstr(name, "f16") ? 2e-6 : 0;
}

static bool convert(const char *in, const char *type, struct attune_quantize_result *result,
                    struct attune_error *err)
{
    *err = (struct attune_error){0};
    return attune_quantize(result, in, made_path("x.gguf"), type, 2, NULL, err) == ATTUNE_OK;
}

/* What of the goldens GGUF has no place for, and the words it is refused with. */
static const struct {
    const char *name, *words;
} without[] = {
    {"hf/albert-", "no architecture for the family albert"},
    {"hf/bart", "no architecture for the family bart"},
    {"hf/distilbert-", "no architecture for the family distilbert"},
    {"hf/marian", "no architecture for the family marian"},
    {"hf/opt", "no architecture for the family opt"},
    {"hf/roberta-", "no architecture for the family roberta"},
    {"hf/bloom-residual-after-norm", "cannot say apply_residual_connection_post_layernorm"},
    {"hf/gpt2-options", "cannot say scale_attn_by_inverse_layer_idx"},
    {"hf/t5-gated-untied", "cannot say relative_attention_max_distance"},
};

static const char *refusal(const char *name)
{
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        if (strncmp(name, without[i].name, strlen(without[i].name)) == 0) {
            return without[i].words;
        }
    }
    return NULL;
}

static void check_same(const char *name, const struct attune_model *a,
                       const struct attune_input *in)
{
    struct attune_model *b = made_open(made_path("x.gguf"));
    bool logits = attune_model_output(a, ATTUNE_OUTPUT_TOKENS).there &&
                  attune_model_output(b, ATTUNE_OUTPUT_TOKENS).there;
    size_t n, m;
    float *x = numbers_of(a, in, logits, &n), *y = numbers_of(b, in, logits, &m);

    assert_int_equal(n, m);
    compare(name, x, y, n, bound_of(name));
    free(x);
    free(y);
    attune_model_close(b);
}

static int convert_goldens(const char *const *names)
{
    int done = 0;

    for (; *names; names++) {
        struct golden g;
        struct golden_input in;
        struct attune_quantize_result result;
        struct attune_error err;

        if (strncmp(*names, "hf/", 3) != 0 || !golden_open(&g, *names)) {
            continue;
        }
        if (convert(attune_model_info(g.model)->path, "f32", &result, &err)) {
            assert_null(refusal(*names));
            assert_true(golden_input(&in, &g, ""));
            check_same(*names, g.model, &in.input);
            assert_true(strncmp(*names, "hf/bert", 7) != 0 || strstr(result.note, "not its head"));
            unlink(made_path("x.gguf"));
            done++;
        } else {
            if (!refusal(*names) || !strstr(err.text, refusal(*names))) {
                fail_msg("%s: %s", *names, err.text);
            }
            assert_int_not_equal(access(made_path("x.gguf"), F_OK), 0);
        }
        golden_close(&g);
    }
    return done;
}

static void goldens_give_the_same_from_both_formats(void **state)
{
    assert_true(convert_goldens(golden_names) >= 3);
    assert_true(convert_goldens(golden_stacks) >= 5);
}

/* ---- families made of random weights
 * -------------------------------------------------------------- */

/* 4 heads of 8, two layers, 40 tokens, 64 positions. */
#define SIZES                                                                                      \
    "\"hidden_size\":32,\"num_hidden_layers\":2,\"num_attention_heads\":4,\"vocab_size\":40,"      \
    "\"max_position_embeddings\":64,\"intermediate_size\":48"
static const struct {
    const char *name, *config;
    bool last; /* the last of a row's names in place of the first */
} families[] = {
    {"gpt2", "{\"model_type\":\"gpt2\",\"n_embd\":32,\"n_head\":4,\"n_layer\":2,\"n_positions\":64,"
             "\"vocab_size\":40,\"tie_word_embeddings\":false}"},
    {"llama", "{\"model_type\":\"llama\"," SIZES ",\"num_key_value_heads\":2}"},
    {"llama-biased", "{\"model_type\":\"llama\"," SIZES ",\"head_dim\":16,\"rope_theta\":5e5}"},
    {"llama-waves",
     "{\"model_type\":\"llama\"," SIZES ",\"rope_scaling\":{\"rope_type\":\"llama3\","
     "\"factor\":8,\"original_max_position_embeddings\":16}}"},
    {"mistral", "{\"model_type\":\"mistral\"," SIZES ",\"num_key_value_heads\":1}"},
    {"qwen2", "{\"model_type\":\"qwen2\"," SIZES ",\"num_key_value_heads\":2,"
              "\"tie_word_embeddings\":true}"},
    {"qwen3", "{\"model_type\":\"qwen3\"," SIZES ",\"num_key_value_heads\":2,\"head_dim\":16}"},
    {"gemma", "{\"model_type\":\"gemma\"," SIZES ",\"num_key_value_heads\":1,\"head_dim\":16}"},
    {"bloom", "{\"model_type\":\"bloom\",\"hidden_size\":32,\"n_layer\":2,\"n_head\":4,"
              "\"vocab_size\":40}"},
    {"gptneox", "{\"model_type\":\"gpt_neox\"," SIZES ",\"rotary_pct\":0.5}"},
    {"falcon", "{\"model_type\":\"falcon\"," SIZES "}"},
    {"falcon-two-norms", "{\"model_type\":\"falcon\"," SIZES ",\"new_decoder_architecture\":true,"
                         "\"num_kv_heads\":2,\"tie_word_embeddings\":false}"},
    {"mpt", "{\"model_type\":\"mpt\",\"d_model\":32,\"n_layers\":2,\"n_heads\":4,\"vocab_size\":40,"
            "\"max_seq_len\":64,\"attn_config\":{\"clip_qkv\":3.5}}"},
    {"phi2", "{\"model_type\":\"phi\"," SIZES ",\"partial_rotary_factor\":0.5}"},
    {"stablelm", "{\"model_type\":\"stablelm\"," SIZES ",\"num_key_value_heads\":2}"},
    {"stablelm-parallel", "{\"model_type\":\"stablelm\"," SIZES ",\"use_parallel_residual\":true}",
     true},
    {"starcoder", "{\"model_type\":\"gpt_bigcode\",\"n_embd\":32,\"n_head\":4,\"n_layer\":2,"
                  "\"n_positions\":64,\"vocab_size\":40}"},
    {"bert", "{\"model_type\":\"bert\",\"architectures\":[\"BertModel\"]," SIZES "}"},
    {"t5", "{\"model_type\":\"t5\",\"d_model\":32,\"num_layers\":2,\"num_heads\":4,\"d_kv\":16,"
           "\"d_ff\":48,\"vocab_size\":40,\"decoder_start_token_id\":0,"
           "\"feed_forward_proj\":\"gated-gelu\"}"},
};

struct making {
    struct recipe recipe;
    const struct family_ops *family;
    struct pool pool;
    struct attune_tensor list[160];
    size_t n;
    uint64_t seed;
    bool last;
};

static void add_tensor(struct making *m, const char *name, size_t rows, size_t cols)
{
    struct attune_tensor *t = &m->list[m->n];
    float *x = pool_alloc(&m->pool, rows * cols, sizeof *x);

    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->list[i].name, name) == 0) {
            return; /* Q, K and V in one */
        }
    }
    assert_true(m->n < sizeof m->list / sizeof *m->list);
    for (size_t i = 0; i < rows * cols; i++) {
        m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (float)(m->seed >> 40) / 16777216.0f - 0.5f;
    }
    *t = (struct attune_tensor){
        .name = pool_text(&m->pool, name, strlen(name)),
        .dtype = "F32",
        .n_dims = cols > 1 ? 2 : 1,
        .shape = {rows, cols},
        .data = x,
        .n_bytes = rows * cols * sizeof *x,
    };
    m->n++;
}

/* One layer of a row of the table, with all that it may have. */
static void add_row(struct making *m, const struct binding *b, const struct stack *stack, int layer)
{
    const char *prefix = b->flags & BIND_ROOT || !m->family->hf_prefix ? "" : m->family->hf_prefix;
    bool bare = b->flags & BIND_BARE;
    size_t rows = bind_size(&m->recipe, stack, b->rows),
           cols = b->kind == BIND_MATRIX ? bind_size(&m->recipe, stack, b->cols) : 1;
    const char *bar = m->last ? strrchr(b->hf, '|') : NULL, *hf = bar ? bar + 1 : b->hf;
    char name[160];

    if (b->part != PART_WHOLE) {
        rows = bind_size(&m->recipe, stack, DIM_HEADS) + 2 * bind_size(&m->recipe, stack, DIM_KV);
    }
    bind_spell(name, prefix, hf, layer, bare ? "" : ".weight");
    add_tensor(m, name, b->flags & BIND_IN_OUT ? cols : rows, b->flags & BIND_IN_OUT ? rows : cols);
    if (b->flags & (BIND_BIAS | BIND_MAY_BIAS)) {
        bind_spell(name, prefix, hf, layer, bare ? "" : ".bias");
        add_tensor(m, name, rows, 1);
    }
}

/* A directory of that family, all weights random. */
static void make_family(const char *config, bool last)
{
    static struct making m;
    struct attune_error err = {0};
    struct checkpoint cp = {.shown = "made"};
    struct settings *cfg = &cp.settings;
    const struct binding *b;

    m = (struct making){.seed = 1, .last = last};
    *cfg = (struct settings){
        .json = json_loads(config, 0, NULL), .file = "made", .pool = &m.pool, .err = &err};
    cfg->architecture = json_string_value(json_object_get(cfg->json, "model_type"));
    m.family = family_find(cfg, &err);
    if (!m.family) {
        fail_msg("%s", err.text);
    }
    m.family->configure(&m.recipe, cfg, &cp);
    assert_int_equal(cfg->status, ATTUNE_OK);
    for (size_t i = 0; (b = bind_row_at(m.family, i)); i++) {
        bool encoder = b->place == BIND_ENCODER || b->place == BIND_ENCODER_LAYER;
        const struct stack *stack = encoder ? &m.recipe.encoder : &m.recipe.main;
        int n = b->place == BIND_LAYER || b->place == BIND_ENCODER_LAYER ? stack->n_layers : 1;

        for (int layer = 0; layer < n && b->hf && !(b->flags & BIND_ELSE) &&
                            !(b->flags & BIND_UNTIED && m.recipe.tied);
             layer++) {
            add_row(&m, b, stack, layer);
        }
    }
    made_text("config.json", config);
    assert_int_equal(attune_tensors_write(made_path("model.safetensors"), m.list, m.n, &err),
                     ATTUNE_OK);
    json_decref(cfg->json);
    pool_done(&m.pool);
}

static const attune_token some_ids[] = {3, 1, 4, 15, 9, 26, 5, 35, 8, 9, 7, 9};

static void every_family_gives_the_same_from_both_formats(void **state)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct attune_input input = {
            .ids = some_ids,
            .n = 12,
            .decoder_ids = i + 1 == sizeof families / sizeof *families ? some_ids + 4 : NULL,
            .n_decoder = 6};
        struct attune_quantize_result result;
        struct attune_error err;
        struct attune_model *model;

        make_family(families[i].config, families[i].last);
        model = made_open(made_folder);
        if (!convert(made_folder, "f32", &result, &err)) {
            fail_msg("%s: %s", families[i].name, err.text);
        }
        check_same(strncmp(families[i].name, "mistral", 7) == 0 ? "llama" : families[i].name, model,
                   &input);
        attune_model_close(model);
    }
}

/* The table above has them all: a family that GGUF files may name has a row. */
static void no_family_is_left_out(void **state)
{
    for (size_t i = 0; i < family_count(); i++) {
        const struct family_ops *family = family_at(i);
        bool found = !family->gguf_architectures;

        for (size_t k = 0; k < sizeof families / sizeof *families && !found; k++) {
            found = strcmp(families[k].name, family->name) == 0;
        }
        if (!found) {
            fail_msg("%s", family->name);
        }
    }
}

/* ---- quantised at once
 * ------------------------------------------------------------------------------ */

static void weights_can_be_quantised_on_the_way(void **state)
{
    struct attune_quantize_result result;
    struct attune_error err;
    struct attune_model *model;

    make_family(families[1].config, false);
    assert_true(convert(made_folder, "q8_0", &result, &err));
    assert_true(result.converted > 10 && result.bytes_out < result.bytes_in / 2);
    model = made_open(made_path("x.gguf"));
    assert_string_equal(attune_model_info(model)->dtype, "Q8_0");
    attune_model_close(model);
}

static void ends_and_templates_come_along(void **state)
{
    struct attune_quantize_result result;
    struct attune_error err;
    struct attune_model *model;
    struct gguf *file;
    struct gguf_text text;

    made_text("config.json", made_gpt2_config);
    made_gpt2(NULL);
    made_text("tokenizer_config.json",
              "{\"chat_template\": [{\"name\": \"tools\", \"template\": "
              "\"no\"}, {\"name\": \"default\", \"template\": \"{{x}}\"}]}");
    assert_true(convert(made_folder, "f16", &result, &err));
    model = made_open(made_path("x.gguf"));
    assert_true(attune_model_is_end(model, 5) && attune_model_is_end(model, 7));
    assert_false(attune_model_is_end(model, 6));
    attune_model_close(model);
    assert_int_equal(gguf_open(&file, made_path("x.gguf"), &err), ATTUNE_OK);
    assert_true(gguf_get_text(file, "tokenizer.chat_template", &text));
    assert_int_equal(text.len, 5);
    assert_memory_equal(text.s, "{{x}}", 5);
    gguf_close(file);
    unlink(made_path("tokenizer_config.json"));
}

/* ---- tokenizers
 * ----------------------------------------------------------------------------------- */

/* The folder's tokenizer in a file that holds nothing else. */
static struct attune_tokenizer *through_gguf(const struct attune_tokenizer *tk,
                                             struct attune_error *err)
{
    const struct token_roles roles = {0};
    struct gguf_writer *w;
    struct attune_tokenizer *out = NULL;

    *err = (struct attune_error){0};
    assert_int_equal(gguf_write_new(&w, made_path("v.gguf"), err), ATTUNE_OK);
    gguf_write_text(w, "general.architecture", "none");
    if (tokenizer_write(w, tk, attune_tokenizer_size(tk), &roles, err) == ATTUNE_OK) {
        assert_int_equal(gguf_write_begin(w, err), ATTUNE_OK);
        assert_int_equal(gguf_write_commit(w, NULL, err), ATTUNE_OK);
        if (attune_tokenizer_open(&out, made_path("v.gguf"), err)) {
            fail_msg("%s", err->text);
        }
    }
    gguf_write_free(w);
    return out;
}

static void small_tokenizers_agree(void **state)
{
    struct attune_tokenizer *tk = made_byte_level(), *read;
    struct attune_error err;
    char why[128];

    read = through_gguf(tk, &err);
    if (!read) {
        fail_msg("%s", err.text);
    }
    if (!tokenizer_same(tk, read, why)) {
        fail_msg("%s", why);
    }
    assert_string_equal(attune_token_piece(read, 258), "\xc4\xa0the");
    attune_tokenizer_close(read);
    attune_tokenizer_close(tk);
    tk = made_tokenizer("{" MADE_CHARS "}");
    assert_null(through_gguf(tk, &err));
    assert_non_null(strstr(err.text, "characters in place of bytes"));
    attune_tokenizer_close(tk);
}

/* Real vocabularies, where they are there, and what of their texts GGUF reads otherwise: that is
 * llama.cpp's way with the same vocabulary. */
static const struct {
    const char *name, *differs; /* "" nothing; NULL: refused */
} vocabularies[] = {
    {"gpt2", ""},
    {"phi-2", ""},
    {"llama-2", ""},
    {"tinyllama", ""},
    {"qwen2", "letters of two code points"},
    {"gpt-neox", "letters of two code points"},
    {"t5-small", ""},
    {"bert-base-uncased", ""},
};

static void real_tokenizers_agree(void **state)
{
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        struct attune_tokenizer *tk, *read;
        struct attune_error err = {0};
        char path[4200], why[128];

        snprintf(path, sizeof path, "%s/../shared/goldens/tokenizers/%s", getenv("top_srcdir"),
                 vocabularies[i].name);
        if (access(path, R_OK) != 0) {
            continue;
        }
        if (attune_tokenizer_open(&tk, path, &err)) {
            fail_msg("%s", err.text);
        }
        read = through_gguf(tk, &err);
        if (!read) {
            fail_msg("%s: %s", vocabularies[i].name, err.text);
        }
        tokenizer_same(tk, read, why);
        if (!strstr(why, vocabularies[i].differs) || !vocabularies[i].differs[0] != !why[0]) {
            fail_msg("%s: %s", vocabularies[i].name, why);
        }
        attune_tokenizer_close(read);
        attune_tokenizer_close(tk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens_give_the_same_from_both_formats),
        cmocka_unit_test(every_family_gives_the_same_from_both_formats),
        cmocka_unit_test(no_family_is_left_out),
        cmocka_unit_test(weights_can_be_quantised_on_the_way),
        cmocka_unit_test(ends_and_templates_come_along),
        cmocka_unit_test(small_tokenizers_agree),
        cmocka_unit_test(real_tokenizers_agree),
    };

    return cmocka_run_group_tests_name("convert", tests, made_begin, made_end);
}
