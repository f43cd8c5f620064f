#include <config.h>

#include "engine/model.h"

#include <attune/tensors.h>

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/quant.h"

/* A directory of our own, with what a case puts into it. */
static char folder[] = "model_test.XXXXXX";

static const char *golden(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", getenv("ATTUNE_GOLDEN"), name);
    return path;
}

static const char *inside(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_text(const char *name, const char *text)
{
    FILE *f = fopen(inside(name), "wb");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void fails_with(const char *path, const char *words)
{
    struct attune_model *model;
    struct attune_error err = {0};
    int status = attune_model_open(&model, path, NULL, NULL, &err);

    assert_int_not_equal(status, ATTUNE_OK);
    assert_int_equal(status, err.status);
    assert_null(model);
    if (!strstr(err.text, words)) {
        fail_msg("'%s' does not say '%s'", err.text, words);
    }
}

static struct attune_model *open_path(const char *path)
{
    struct attune_model *model = NULL;
    struct attune_error err = {0};

    if (attune_model_open(&model, path, NULL, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

static void a_gguf_file_becomes_a_recipe(void **state)
{
    struct attune_model *model = open_path(golden("gguf/llama-q8_0/model.gguf"));
    const struct attune_model_info *info = attune_model_info(model);
    const struct recipe *r = &model->recipe;

    assert_string_equal(info->name, "llama-q8_0");
    assert_string_equal(info->family, "llama");
    assert_string_equal(info->architecture, "llama");
    assert_string_equal(info->dtype, "Q8_0");
    assert_string_equal(info->license, "");
    assert_int_equal(info->kind, ATTUNE_DECODER);
    assert_int_equal(info->n_layers, 2);
    assert_int_equal(info->n_heads, 4);
    assert_int_equal(info->n_kv_heads, 2);
    assert_int_equal(info->d_model, 64);
    assert_int_equal(info->d_ff, 96);
    assert_int_equal(info->n_vocab, 384);
    assert_int_equal(info->n_context, 128);
    assert_int_equal(info->n_parameters, 110912);
    assert_int_equal(info->n_bytes, 118784);
    assert_int_equal(r->rotary_pairs, ROTARY_NEIGHBOUR);
    assert_int_equal(r->norm, NORM_RMS);
    assert_int_equal(r->activation, ACT_SILU);
    assert_string_equal(r->decoder.layers[1].k.type->name, "q8_0");
    assert_int_equal(r->decoder.layers[1].k.rows, 32);
    assert_int_equal(r->decoder.layers[1].k.row_bytes, 64 / 32 * 34);
    assert_non_null(r->decoder.layers[1].mlp_norm.weight);
    assert_null(r->decoder.layers[1].q_norm.weight);
    assert_null(r->decoder.layers[1].q.bias);
    assert_true(r->head.data != r->embedding.data);
    assert_true(attune_model_is_end(model, 2));
    assert_false(attune_model_is_end(model, 1));
    assert_non_null(attune_model_tokenizer(model));
    attune_model_close(model);
}

static void the_header_alone_costs_no_data(void **state)
{
    struct attune_model_options options = {.header_only = true};
    struct attune_model *model, *whole = open_path(golden("hf/gpt2"));
    struct attune_error err;

    assert_int_equal(attune_model_open(&model, golden("hf/gpt2"), &options, NULL, &err), ATTUNE_OK);
    assert_null(model->recipe.embedding.data);
    assert_null(model->recipe.decoder.layers[0].q.data);
    assert_null(attune_model_tokenizer(model));
    assert_int_equal(attune_model_info(model)->n_parameters,
                     attune_model_info(whole)->n_parameters);
    assert_string_equal(attune_model_info(model)->name, "gpt2");
    assert_string_equal(attune_model_info(model)->architecture, "GPT2LMHeadModel");
    attune_model_close(model);
    attune_model_close(whole);
}

/* GPT-2 in Hugging Face form stores [in, out]: row r of Q is column r of
 * c_attn, of K column d + r.
 */
static void what_is_stored_in_out_is_turned_round(void **state)
{
    struct attune_model *model = open_path(golden("hf/gpt2"));
    const struct layer *layer = &model->recipe.decoder.layers[2];
    const struct matrix *parts[3] = {&layer->q, &layer->k, &layer->v};
    struct attune_tensors *file;
    const float *weights, *biases; /* [48, 144], [144] */

    assert_int_equal(attune_tensors_open(&file, golden("hf/gpt2/model.safetensors"), NULL),
                     ATTUNE_OK);
    weights = attune_tensors_find(file, "transformer.h.2.attn.c_attn.weight")->data;
    biases = attune_tensors_find(file, "transformer.h.2.attn.c_attn.bias")->data;
    for (int part = 0; part < 3; part++) {
        assert_int_equal(parts[part]->rows, 48);
        assert_int_equal(parts[part]->cols, 48);
        for (int r = 0; r < 48; r++) {
            const float *row = (const float *)parts[part]->data + r * 48;

            assert_true(parts[part]->bias[r] == biases[part * 48 + r]);
            for (int c = 0; c < 48; c++) {
                assert_true(row[c] == weights[c * 144 + part * 48 + r]);
            }
        }
    }
    attune_tensors_close(file);
    assert_ptr_equal(model->recipe.head.data, model->recipe.embedding.data);
    assert_int_equal(model->recipe.activation, ACT_GELU_TANH);
    attune_model_close(model);
}

/* LLaMA's golden weights under a config of our own. */
static void put_llama(const char *more)
{
    struct attune_tensors *file;
    struct attune_tensor list[64];
    size_t n = 0;
    char config[1024];

    assert_int_equal(
        attune_tensors_open(&file, golden("hf/llama-gqa-tied/model.safetensors"), NULL), ATTUNE_OK);
    for (; n < attune_tensors_count(file); n++) {
        list[n] = *attune_tensors_at(file, n);
    }
    assert_int_equal(attune_tensors_write(inside("model.safetensors"), list, n, NULL), ATTUNE_OK);
    attune_tensors_close(file);
    snprintf(config, sizeof config,
             "{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":112,"
             "\"num_hidden_layers\":3,"
             "\"num_attention_heads\":8,\"num_key_value_heads\":2,\"vocab_size\":193,"
             "\"max_position_embeddings\":96,\"tie_word_embeddings\":true%s}",
             more);
    put_text("config.json", config);
}

static void rotary_scaling_is_as_the_config_says(void **state)
{
    struct attune_model *model;
    const float *factors;

    put_llama(",\"rope_scaling\":null");
    model = open_path(folder);
    assert_int_equal(model->recipe.rotary_pairs, ROTARY_HALF);
    assert_int_equal(model->recipe.rotary_dims, 8);
    assert_true(model->recipe.rotary_base == 10000);
    assert_true(model->recipe.rotary_scale == 1);
    assert_null(model->recipe.rotary_factors);
    attune_model_close(model);
    put_llama(",\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0},\"rope_"
              "theta\":500000");
    model = open_path(folder);
    assert_true(model->recipe.rotary_base == 500000);
    assert_true(model->recipe.rotary_scale == 0.25);
    assert_int_equal(attune_model_info(model)->n_context, 4 * 96);
    attune_model_close(model);
    /* waves of 2 pi 10000^(i/4): 6.3, 63, 628, 6283; below 8 / 4 of context 8
     * none is short, above 8 / 1 all but the first are long */
    put_llama(",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_"
              "freq_factor\":1,"
              "\"high_freq_factor\":4,\"original_max_position_embeddings\":8}");
    model = open_path(folder);
    factors = model->recipe.rotary_factors;
    assert_non_null(factors);
    assert_true(fabs(factors[0] - 1 / ((1 - 0.0910798) / 8 + 0.0910798)) < 1e-4);
    for (int i = 1; i < 4; i++) {
        assert_true(factors[i] == 8);
    }
    attune_model_close(model);
    put_llama(",\"sliding_window\":40");
    model = open_path(folder);
    assert_int_equal(attune_model_info(model)->n_context, 40);
    attune_model_close(model);
    put_llama(",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}");
    fails_with(folder, "config.json: rope_scaling/type names a rotary scaling "
                       "that is not supported");
    put_llama(",\"rope_scaling\":{\"factor\":4}");
    fails_with(folder, "config.json: rope_scaling/rope_type is missing");
    put_llama(",\"head_dim\":7");
    fails_with(folder, "head_dim gives an impossible number of turning dimensions");
    put_llama(",\"num_key_value_heads\":3");
    fails_with(folder, "num_key_value_heads does not divide the number of heads");
    put_llama(",\"rms_norm_eps\":-1");
    fails_with(folder, "rms_norm_eps is -1 (0 to 1 are possible)");
}

static const char gpt2_config[] = "{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":"
                                  "3,\"n_positions\":64,\"vocab_size\":211,"
                                  "\"eos_token_id\":[5,7]}";

/* Copies GPT-2's tensors into the folder, each as `change` leaves it: false
 * drops it. */
static void copy_gpt2(bool (*change)(struct attune_tensor *t))
{
    struct attune_tensors *file;
    struct attune_tensor list[64];
    size_t n = 0;

    assert_int_equal(attune_tensors_open(&file, golden("hf/gpt2/model.safetensors"), NULL),
                     ATTUNE_OK);
    for (size_t i = 0; i < attune_tensors_count(file); i++) {
        list[n] = *attune_tensors_at(file, i);
        n += !change || change(&list[n]);
    }
    assert_int_equal(attune_tensors_write(inside("model.safetensors"), list, n, NULL), ATTUNE_OK);
    attune_tensors_close(file);
}

static bool drop_one(struct attune_tensor *t)
{
    return strcmp(t->name, "transformer.h.1.mlp.c_fc.weight") != 0;
}

static bool squeeze_one(struct attune_tensor *t)
{
    if (strcmp(t->name, "transformer.h.1.mlp.c_fc.weight") == 0) {
        t->shape[0] /= 2;
        t->shape[1] *= 2;
    }
    return true;
}

static bool retype_one(struct attune_tensor *t)
{
    if (strcmp(t->name, "transformer.h.1.mlp.c_fc.weight") == 0) {
        t->dtype = "I32";
    }
    return true;
}

static bool drop_prefix(struct attune_tensor *t)
{
    t->name += strlen("transformer.");
    return true;
}

static bool drop_bias(struct attune_tensor *t)
{
    return strcmp(t->name, "transformer.ln_f.bias") != 0;
}

static void a_tensor_at_fault_is_named(void **state)
{
    struct attune_model *model;

    put_text("config.json", gpt2_config);
    fails_with(folder, "neither model.safetensors nor model.safetensors.index.json");
    copy_gpt2(drop_one);
    fails_with(folder, "tensor transformer.h.1.mlp.c_fc.weight is missing");
    copy_gpt2(squeeze_one);
    fails_with(folder, "model.safetensors: tensor "
                       "transformer.h.1.mlp.c_fc.weight has shape [24, "
                       "384], expected [48, 192]");
    copy_gpt2(retype_one);
    fails_with(folder, "tensor transformer.h.1.mlp.c_fc.weight is stored as I32, "
                       "which is not supported");
    copy_gpt2(drop_bias);
    fails_with(folder, "tensor transformer.ln_f.bias is missing");
    copy_gpt2(drop_prefix);
    model = open_path(folder);
    assert_true(attune_model_is_end(model, 5));
    assert_true(attune_model_is_end(model, 7));
    assert_false(attune_model_is_end(model, 6));
    attune_model_close(model);
}

static void a_config_at_fault_names_the_field(void **state)
{
    static const struct {
        const char *config, *words;
    } cases[] = {
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":5,\"n_layer\":3,\"n_"
         "positions\":64,"
         "\"vocab_size\":211}",
         "config.json: n_embd does not divide among the heads"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":0,\"n_layer\":3,\"n_"
         "positions\":64,"
         "\"vocab_size\":211}",
         "n_head is 0 ("},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":5000,"
         "\"n_positions\":64,"
         "\"vocab_size\":211}",
         "n_layer is 5000 (1 to 1024 are possible)"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":1099511627776,\"n_head\":4,\"n_"
         "layer\":3,\"n_"
         "positions\":64}",
         "n_embd is 1099511627776 ("},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":3,\"n_"
         "positions\":64,"
         "\"vocab_size\":0}",
         "vocab_size is 0 ("},
        {"{\"model_type\":\"gpt2\",\"n_embd\":\"48\",\"n_head\":4,\"n_layer\":3,"
         "\"n_positions\":64,"
         "\"vocab_size\":211}",
         "n_embd is no whole number"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_positions\":64,"
         "\"vocab_size\":"
         "211}",
         "n_layer is missing"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":2,\"n_"
         "positions\":64,"
         "\"vocab_size\":211}",
         "tensor transformer.h.2.ln_1.weight lies beyond the 2 layers"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":4,\"n_"
         "positions\":64,"
         "\"vocab_size\":211}",
         "tensor transformer.h.3.ln_1.weight is missing"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":3,\"n_"
         "positions\":64,"
         "\"vocab_size\":212}",
         "tensor transformer.wte.weight has shape [211, 48], expected [212, 48]"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":3,\"n_"
         "positions\":64,"
         "\"vocab_size\":211,"
         "\"activation_function\":\"mish\"}",
         "activation_function is 'mish', which is not supported"},
        {"{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":3,\"n_"
         "positions\":64,"
         "\"vocab_size\":211,"
         "\"tie_word_embeddings\":false}",
         "tensor lm_head.weight is missing"},
        {"{\"model_type\":\"mamba\"}", "model_type 'mamba' is not supported (what is: "},
        {"{}", "model_type is missing"},
        {"[1]", "config.json: line"},
        {"{\"n_embd\":", "config.json: line 1: "},
    };

    copy_gpt2(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text("config.json", cases[i].config);
        fails_with(folder, cases[i].words);
    }
    put_text("config.json", "");
    fails_with(folder, "config.json: empty file");
}

static void an_index_at_fault_is_named(void **state)
{
    put_text("config.json", gpt2_config);
    copy_gpt2(NULL);
    assert_int_equal(rename(inside("model.safetensors"), "model_test.shard"), 0);
    put_text("model.safetensors.index.json",
             "{\"weight_map\":{\"transformer.wte.weight\":\"a.safetensors\"}}");
    fails_with(folder, "file a.safetensors, named by model.safetensors.index.json, is missing");
    put_text("model.safetensors.index.json",
             "{\"weight_map\":{\"transformer.wte.weight\":\"../x\"}}");
    fails_with(folder, "names the file '../x'");
    put_text("model.safetensors.index.json", "{\"weight_map\":{\"transformer.wte.weight\":7}}");
    fails_with(folder, "names the file ''");
    put_text("model.safetensors.index.json", "{\"weight_map\":[]}");
    fails_with(folder, "no weight_map");
    assert_int_equal(rename("model_test.shard", inside("a.safetensors")), 0);
    put_text("model.safetensors.index.json", "{\"weight_map\":{\"transformer.wte.weight\":\"a."
                                             "safetensors\",\"no.such\":\"a.safetensors\"}}");
    fails_with(folder, "tensor no.such is not in a.safetensors, where the index has it");
    put_text("model.safetensors.index.json",
             "{\"weight_map\":{\"transformer.wte.weight\":\"a.safetensors\"}}");
    attune_model_close(open_path(folder));
    unlink(inside("a.safetensors"));
    unlink(inside("model.safetensors.index.json"));
}

/* models--org--name/: refs/main, and snapshots/HASH full of links. */
static void the_hub_cache_leads_to_its_snapshot(void **state)
{
    struct attune_model *model;
    char target[256];

    copy_gpt2(NULL);
    put_text("config.json", gpt2_config);
    put_text("README.md", "---\nlanguage: en\nlicense: \"mit\"  # as it says\n---\n# A model\n");
    assert_int_equal(mkdir(inside("models--org--name"), 0777), 0);
    assert_int_equal(mkdir(inside("models--org--name/refs"), 0777), 0);
    assert_int_equal(mkdir(inside("models--org--name/snapshots"), 0777), 0);
    assert_int_equal(mkdir(inside("models--org--name/snapshots/0a1b"), 0777), 0);
    put_text("models--org--name/refs/main", "0a1b");
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"config.json", "model.safetensors", "README.md"};

        snprintf(target, sizeof target, "models--org--name/snapshots/0a1b/%s", names[i]);
        assert_int_equal(
            symlink(strcat(strcpy((char[128]){0}, "../../../"), names[i]), inside(target)), 0);
    }
    snprintf(target, sizeof target, "%.200s", inside("models--org--name"));
    model = open_path(target);
    assert_string_equal(attune_model_info(model)->name, "org/name");
    assert_string_equal(attune_model_info(model)->license, "mit");
    assert_string_equal(attune_model_info(model)->path, target);
    attune_model_close(model);
    put_text("models--org--name/refs/main", "../..");
    fails_with(target, "not a model (neither GGUF nor a directory with config.json)");
}

static void what_is_no_model_is_said_so(void **state)
{
    put_text("x.gguf", "");
    fails_with(inside("x.gguf"), "x.gguf: empty file");
    put_text("x.gguf", "#!/bin/sh\n");
    fails_with(inside("x.gguf"),
               "x.gguf: not a model (neither GGUF nor a directory with config.json)");
    fails_with(inside("gone"), "gone: No such file or directory");
    fails_with("/dev/null", "not a model");
}

static uint16_t half_of_one_plus(int i)
{
    return (uint16_t)(0x3c00 + i);
}

static uint16_t halves[4096];

/* Norms and biases in half precision, a matrix in half precision with its rows
 * elsewhere. */
static bool to_half(struct attune_tensor *t)
{
    if (strcmp(t->name, "transformer.ln_f.weight") == 0 ||
        strcmp(t->name, "transformer.h.0.attn.c_proj.weight") == 0) {
        t->dtype = "F16";
        t->data = halves;
        t->n_bytes /= 2;
    }
    return true;
}

static void half_precision_is_widened_where_floats_are_wanted(void **state)
{
    struct attune_model *model;
    const struct matrix *o;

    for (int i = 0; i < 4096; i++) {
        halves[i] = half_of_one_plus(i % 64);
    }
    put_text("config.json", gpt2_config);
    copy_gpt2(to_half);
    model = open_path(folder);
    o = &model->recipe.decoder.layers[0].o;
    for (int i = 0; i < 48; i++) {
        assert_true(model->recipe.decoder.final_norm.weight[i] == 1 + (float)i / 1024);
    }
    assert_string_equal(o->type->name, "f16");
    for (int r = 0; r < 48; r++) {
        for (int c = 0; c < 48; c++) {
            assert_int_equal(((const uint16_t *)o->data)[r * 48 + c], halves[c * 48 + r]);
        }
    }
    assert_string_equal(attune_model_info(model)->dtype, "F32");
    attune_model_close(model);
}

static float broken[48];

static bool break_one(struct attune_tensor *t)
{
    if (strcmp(t->name, "transformer.h.1.ln_2.bias") == 0) {
        t->data = broken;
    }
    return true;
}

static void weights_that_are_no_numbers_are_found(void **state)
{
    struct attune_model_options options = {.check = true};
    struct attune_progress progress = {0};
    struct attune_model *model;
    struct attune_error err;

    put_text("config.json", gpt2_config);
    broken[17] = INFINITY;
    copy_gpt2(break_one);
    attune_model_close(open_path(folder)); /* nobody asked */
    assert_int_equal(attune_model_open(&model, folder, &options, NULL, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "tensor transformer.h.1.ln_2.bias: weight 17 is infinite"));
    broken[17] = NAN;
    copy_gpt2(break_one);
    assert_int_equal(attune_model_open(&model, folder, &options, NULL, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "weight 17 is not a number"));
    assert_int_equal(
        attune_model_open(&model, golden("gguf/llama-q4_0/model.gguf"), &options, &progress, &err),
        ATTUNE_OK);
    assert_int_equal(atomic_load(&progress.done), attune_model_info(model)->n_bytes);
    attune_model_close(model);
    atomic_store(&progress.cancel, 1);
    assert_int_equal(
        attune_model_open(&model, golden("gguf/llama-q4_0/model.gguf"), &options, &progress, &err),
        ATTUNE_CANCELLED);
}

static void *ask_digest(void *model)
{
    return (void *)(uintptr_t)attune_model_digest(model);
}

static void the_digest_is_of_the_weights(void **state)
{
    struct attune_model *a = open_path(golden("hf/gpt2")), *b;
    pthread_t threads[4];
    void *values[4];
    uint64_t first;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_digest, a), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &values[i]), 0);
        assert_ptr_equal(values[i], values[0]);
    }
    first = attune_model_digest(a);
    put_text("config.json", gpt2_config);
    copy_gpt2(NULL);
    b = open_path(folder);
    assert_int_equal(attune_model_digest(b), first);
    attune_model_close(b);
    broken[17] = 1e-30f;
    copy_gpt2(break_one);
    b = open_path(folder);
    assert_int_not_equal(attune_model_digest(b), first);
    attune_model_close(b);
    attune_model_close(a);
}

/* Damage: the file in the folder is opened after every change. It may open or
 * fail, not crash. */
static void try_open(const char *path)
{
    struct attune_model_options options = {.check = true};
    struct attune_model *model;
    struct attune_error err = {0};

    if (attune_model_open(&model, path, &options, NULL, &err) == ATTUNE_OK) {
        attune_model_close(model);
    } else {
        assert_true(strlen(err.text) > 10);
    }
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    n = fread(bytes, 1, sizeof bytes, in);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* Flips bytes in the first `header` bytes, then cuts the file shorter and
 * shorter. */
static void damage(const char *file, const char *model, size_t header, int n_flips)
{
    FILE *f = fopen(file, "r+b");
    uint32_t random = 12345;
    long size;

    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    for (int i = 0; i < n_flips; i++) {
        long at;
        int byte;

        random = random * 1664525 + 1013904223;
        at = (long)((random >> 8) % header);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        byte = fgetc(f);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        fputc(i % 3 ? byte ^ 1 << (random & 7) : (int)(random & 255), f);
        try_open(model);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        fputc(byte, f);
    }
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = ftell(f);
    for (int i = 199; i >= 0; i--) {
        assert_int_equal(
            ftruncate(fileno(f), i < 100 ? (long)header * i / 100
                                         : (long)header + (size - (long)header) * (i - 100) / 100),
            0);
        try_open(model);
    }
    fclose(f);
}

static void damaged_files_never_crash(void **state)
{
    static const struct {
        const char *name;
        size_t header;
    } ggufs[] = {{"gguf/llama-q4_0/model.gguf", 10000},
                 {"gguf/llama-q8_0/model.gguf", 10000},
                 {"gguf/llama-f32/model.gguf", 10000},
                 {"gguf/gpt2-f32/model.gguf", 7000}};
    static const struct {
        const char *folder;
        size_t header, config;
    } directories[] = {{"hf/llama-gqa-tied", 3000, 570}, {"hf/gpt2", 3700, 740}};
    char path[512], from[64];

    for (size_t i = 0; i < sizeof ggufs / sizeof *ggufs; i++) {
        snprintf(path, sizeof path, "%s", inside("y.gguf"));
        copy_file(golden(ggufs[i].name), path);
        damage(path, path, ggufs[i].header, 2000);
    }
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        snprintf(from, sizeof from, "%s/config.json", directories[i].folder);
        copy_file(golden(from), inside("config.json"));
        snprintf(from, sizeof from, "%s/model.safetensors", directories[i].folder);
        snprintf(path, sizeof path, "%s", inside("model.safetensors"));
        copy_file(golden(from), path);
        damage(path, folder, directories[i].header, 1000);
        copy_file(golden(from), path);
        snprintf(path, sizeof path, "%s", inside("config.json"));
        damage(path, folder, directories[i].config, 1000);
    }
}

static void a_file_cut_short_says_so(void **state)
{
    char path[512];

    snprintf(path, sizeof path, "%s", inside("y.gguf"));
    copy_file(golden("gguf/llama-q4_0/model.gguf"), path);
    for (long size = 73000; size > 0; size -= 365) {
        assert_int_equal(truncate(path, size), 0);
        fails_with(path, size > 3 ? "cut short" : "not a model");
    }
}

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gguf_file_becomes_a_recipe),
        cmocka_unit_test(the_header_alone_costs_no_data),
        cmocka_unit_test(what_is_stored_in_out_is_turned_round),
        cmocka_unit_test(a_tensor_at_fault_is_named),
        cmocka_unit_test(a_config_at_fault_names_the_field),
        cmocka_unit_test(an_index_at_fault_is_named),
        cmocka_unit_test(rotary_scaling_is_as_the_config_says),
        cmocka_unit_test(the_hub_cache_leads_to_its_snapshot),
        cmocka_unit_test(what_is_no_model_is_said_so),
        cmocka_unit_test(half_precision_is_widened_where_floats_are_wanted),
        cmocka_unit_test(weights_that_are_no_numbers_are_found),
        cmocka_unit_test(the_digest_is_of_the_weights),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(a_file_cut_short_says_so),
    };
    return cmocka_run_group_tests_name("model", tests, make_folder, remove_folder);
}
