/* What a model becomes when it is opened: its recipe, its rows, its card, its digest. */
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
#include "made.h"

static void a_gguf_file_becomes_a_recipe(void **state)
{
    struct attune_model *model = made_open(golden_path("gguf/llama-q8_0/model.gguf"));
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
    assert_string_equal(r->main.layers[1].self.k.type->name, "q8_0");
    assert_int_equal(r->main.layers[1].self.k.rows, 32);
    assert_int_equal(r->main.layers[1].self.k.row_bytes, 64 / 32 * 34);
    assert_non_null(r->main.layers[1].mlp_norm.weight);
    assert_null(r->main.layers[1].self.q_norm.weight);
    assert_null(r->main.layers[1].self.q.bias);
    assert_true(r->outputs[ATTUNE_OUTPUT_TOKENS].out.data != r->embedding.data);
    assert_true(attune_model_is_end(model, 2));
    assert_false(attune_model_is_end(model, 1));
    assert_non_null(attune_model_tokenizer(model));
    attune_model_close(model);
}

static void the_header_alone_costs_no_data(void **state)
{
    struct attune_model_options options = {.header_only = true};
    struct attune_model *model, *whole = made_open(golden_path("hf/gpt2"));
    struct attune_error err;

    assert_int_equal(attune_model_open(&model, golden_path("hf/gpt2"), &options, NULL, &err),
                     ATTUNE_OK);
    assert_null(model->recipe.embedding.data);
    assert_null(model->recipe.main.layers[0].self.q.data);
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
    struct attune_model *model = made_open(golden_path("hf/gpt2"));
    const struct layer *layer = &model->recipe.main.layers[2];
    const struct matrix *parts[3] = {&layer->self.q, &layer->self.k, &layer->self.v};
    struct attune_tensors *file;
    const float *weights, *biases; /* [48, 144], [144] */

    made_settle(model);
    assert_int_equal(attune_tensors_open(&file, golden_path("hf/gpt2/model.safetensors"), NULL),
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
    assert_ptr_equal(model->recipe.outputs[ATTUNE_OUTPUT_TOKENS].out.data,
                     model->recipe.embedding.data);
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
        attune_tensors_open(&file, golden_path("hf/llama-gqa-tied/model.safetensors"), NULL),
        ATTUNE_OK);
    for (; n < attune_tensors_count(file); n++) {
        list[n] = *attune_tensors_at(file, n);
    }
    assert_int_equal(attune_tensors_write(made_path("model.safetensors"), list, n, NULL),
                     ATTUNE_OK);
    attune_tensors_close(file);
    snprintf(config, sizeof config,
             "{\"model_type\":\"llama\",\"hidden_size\":64,\"intermediate_size\":112,"
             "\"num_hidden_layers\":3,"
             "\"num_attention_heads\":8,\"vocab_size\":193,%s"
             "\"max_position_embeddings\":96,\"tie_word_embeddings\":true%s}",
             strstr(more, "num_key_value_heads") ? "" : "\"num_key_value_heads\":2,", more);
    made_text("config.json", config);
}

static void rotary_scaling_is_as_the_config_says(void **state)
{
    struct attune_model *model;
    const float *factors;

    put_llama(",\"rope_scaling\":null");
    model = made_open(made_folder);
    assert_int_equal(model->recipe.rotary_pairs, ROTARY_HALF);
    assert_int_equal(model->recipe.rotary_dims, 8);
    assert_true(model->recipe.rotary_base == 10000);
    assert_true(model->recipe.rotary_scale == 1);
    assert_null(model->recipe.rotary_factors);
    attune_model_close(model);
    put_llama(",\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0},\"rope_"
              "theta\":500000");
    model = made_open(made_folder);
    assert_true(model->recipe.rotary_base == 500000);
    assert_true(model->recipe.rotary_scale == 0.25);
    assert_int_equal(attune_model_info(model)->n_context, 4 * 96);
    attune_model_close(model);
    /* waves of 2 pi 10000^(i/4): 6.3, 63, 628, 6283; below 8 / 4 of context 8
     * none is short, above 8 / 1 all but the first are long */
    put_llama(",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_"
              "freq_factor\":1,"
              "\"high_freq_factor\":4,\"original_max_position_embeddings\":8}");
    model = made_open(made_folder);
    factors = model->recipe.rotary_factors;
    assert_non_null(factors);
    assert_true(fabs(factors[0] - 1 / ((1 - 0.0910798) / 8 + 0.0910798)) < 1e-4);
    for (int i = 1; i < 4; i++) {
        assert_true(factors[i] == 8);
    }
    attune_model_close(model);
    put_llama(",\"sliding_window\":40");
    model = made_open(made_folder);
    assert_int_equal(attune_model_info(model)->n_context, 40);
    attune_model_close(model);
    put_llama(",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}");
    made_fails(made_folder, "config.json: rope_scaling/type names a rotary scaling "
                            "that is not supported");
    put_llama(",\"rope_scaling\":{\"factor\":4}");
    made_fails(made_folder, "config.json: rope_scaling/rope_type is missing");
    put_llama(",\"head_dim\":7");
    made_fails(made_folder, "head_dim gives an impossible number of turning dimensions");
    put_llama(",\"num_key_value_heads\":3");
    made_fails(made_folder, "num_key_value_heads does not divide the number of heads");
    put_llama(",\"rms_norm_eps\":-1");
    made_fails(made_folder, "rms_norm_eps is -1 (0 to 1 are possible)");
}

/* models--org--name/: refs/main, and snapshots/HASH full of links. */
static void the_hub_cache_leads_to_its_snapshot(void **state)
{
    struct attune_model *model;
    char target[256];

    made_gpt2(NULL);
    made_text("config.json", made_gpt2_config);
    made_text("README.md", "---\nlanguage: en\nlicense: \"mit\"  # as it says\n---\n# A model\n");
    assert_int_equal(mkdir(made_path("models--org--name"), 0777), 0);
    assert_int_equal(mkdir(made_path("models--org--name/refs"), 0777), 0);
    assert_int_equal(mkdir(made_path("models--org--name/snapshots"), 0777), 0);
    assert_int_equal(mkdir(made_path("models--org--name/snapshots/0a1b"), 0777), 0);
    made_text("models--org--name/refs/main", "0a1b");
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"config.json", "model.safetensors", "README.md"};

        snprintf(target, sizeof target, "models--org--name/snapshots/0a1b/%s", names[i]);
        assert_int_equal(
            symlink(strcat(strcpy((char[128]){0}, "../../../"), names[i]), made_path(target)), 0);
    }
    snprintf(target, sizeof target, "%.200s", made_path("models--org--name"));
    model = made_open(target);
    assert_string_equal(attune_model_info(model)->name, "org/name");
    assert_string_equal(attune_model_info(model)->license, "mit");
    assert_string_equal(attune_model_info(model)->path, target);
    attune_model_close(model);
    made_text("models--org--name/refs/main", "../..");
    made_fails(target, "not a model (neither GGUF nor a directory with config.json)");
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
    made_text("config.json", made_gpt2_config);
    made_gpt2(to_half);
    model = made_open(made_folder);
    made_settle(model);
    o = &model->recipe.main.layers[0].self.o;
    for (int i = 0; i < 48; i++) {
        assert_true(model->recipe.main.final_norm.weight[i] == 1 + (float)i / 1024);
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

    made_text("config.json", made_gpt2_config);
    broken[17] = INFINITY;
    made_gpt2(break_one);
    attune_model_close(made_open(made_folder)); /* nobody asked */
    assert_int_equal(attune_model_open(&model, made_folder, &options, NULL, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "tensor transformer.h.1.ln_2.bias: weight 17 is infinite"));
    broken[17] = NAN;
    made_gpt2(break_one);
    assert_int_equal(attune_model_open(&model, made_folder, &options, NULL, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "weight 17 is not a number"));
    assert_int_equal(attune_model_open(&model, golden_path("gguf/llama-q4_0/model.gguf"), &options,
                                       &progress, &err),
                     ATTUNE_OK);
    assert_int_equal(atomic_load(&progress.done), attune_model_info(model)->n_bytes);
    attune_model_close(model);
    atomic_store(&progress.cancel, 1);
    assert_int_equal(attune_model_open(&model, golden_path("gguf/llama-q4_0/model.gguf"), &options,
                                       &progress, &err),
                     ATTUNE_CANCELLED);
}

static void *ask_digest(void *model)
{
    return (void *)(uintptr_t)attune_model_digest(model);
}

static void the_digest_is_of_the_weights(void **state)
{
    struct attune_model *a = made_open(golden_path("hf/gpt2")), *b;
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
    made_text("config.json", made_gpt2_config);
    made_gpt2(NULL);
    b = made_open(made_folder);
    assert_int_equal(attune_model_digest(b), first);
    attune_model_close(b);
    broken[17] = 1e-30f;
    made_gpt2(break_one);
    b = made_open(made_folder);
    assert_int_not_equal(attune_model_digest(b), first);
    attune_model_close(b);
    attune_model_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gguf_file_becomes_a_recipe),
        cmocka_unit_test(the_header_alone_costs_no_data),
        cmocka_unit_test(what_is_stored_in_out_is_turned_round),
        cmocka_unit_test(rotary_scaling_is_as_the_config_says),
        cmocka_unit_test(the_hub_cache_leads_to_its_snapshot),
        cmocka_unit_test(half_precision_is_widened_where_floats_are_wanted),
        cmocka_unit_test(weights_that_are_no_numbers_are_found),
        cmocka_unit_test(the_digest_is_of_the_weights),
    };
    return cmocka_run_group_tests_name("model", tests, made_begin, made_end);
}
