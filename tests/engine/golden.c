#include <config.h>

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

const char *const golden_names[] = {
    "gguf/gpt2-f32",
    "gguf/llama-f32",
    "gguf/llama-q8_0",
    "gguf/llama-q4_0",
    "hf/gpt2",
    "hf/llama-gqa-tied",
    "gguf/bloom-6h-f32",
    "gguf/bloom-f16",
    "gguf/bloom-f32",
    "gguf/bloom-q4_0",
    "gguf/bloom-q8_0",
    "gguf/bloom-w256-q4_k",
    "gguf/falcon-f32",
    "gguf/falcon-norm2-f32",
    "gguf/gemma-f32",
    "gguf/gpt2-f16",
    "gguf/gpt2-q4_0",
    "gguf/gpt2-q8_0",
    "gguf/gpt2-untied-f32",
    "gguf/gpt2-w256-q4_k",
    "gguf/gpt2-w256-q6_k",
    "gguf/gptneox-f16",
    "gguf/gptneox-f32",
    "gguf/gptneox-q4_0",
    "gguf/gptneox-q8_0",
    "gguf/gptneox-seq-f32",
    "gguf/llama-bf16",
    "gguf/llama-f16",
    "gguf/llama-linrope-f32",
    "gguf/llama-long-f32",
    "gguf/llama-mha-tied-f32",
    "gguf/llama-q4_1",
    "gguf/llama-q5_0",
    "gguf/llama-q5_1",
    "gguf/llama-w256-q2_k",
    "gguf/llama-w256-q3_k",
    "gguf/llama-w256-q4_k",
    "gguf/llama-w256-q4_k_m",
    "gguf/llama-w256-q5_k",
    "gguf/llama-w256-q6_k",
    "gguf/mpt-f32",
    "gguf/phi2-f32",
    "gguf/qwen2-f32",
    "gguf/qwen2-q8_0",
    "gguf/qwen3-f32",
    "gguf/stablelm-f32",
    "gguf/starcoder-f32",
    "hf/bloom",
    "hf/bloom-hub-names",
    "hf/bloom-residual-after-norm",
    "hf/gpt2-hub-names",
    "hf/gpt2-options",
    "hf/llama-half-shards",
    "hf/llama-rope-linear",
    "hf/neox-parallel",
    "hf/neox-sequential-f16",
    "hf/opt",
    NULL,
};

const char *const golden_stacks[] = {
    "hf/albert-seqcls-groups",
    "hf/bart-scaled-uneven",
    "hf/bert-model",
    "hf/bert-pretraining",
    "hf/bert-qa",
    "hf/bert-seqcls",
    "hf/bert-tokcls",
    "hf/distilbert-seqcls",
    "hf/marian",
    "hf/opt-350m-style",
    "hf/roberta-mlm",
    "hf/t5-gated-untied",
    "gguf/bert-f16",
    "gguf/bert-f32",
    "gguf/t5-f16",
    "gguf/t5-f32",
    "gguf/t5-gated-f32",
    "gguf/t5-q4_0",
    "gguf/t5-q8_0",
    "hf/albert-mlm",
    "hf/bart",
    "hf/bart-hub-names",
    "hf/bert-mlm",
    "hf/bert-mlm-hub-names",
    "hf/bert-nsp",
    "hf/distilbert-mlm",
    "hf/distilbert-qa",
    "hf/roberta-seqcls",
    "hf/t5-hub-names",
    "hf/t5-relu-tied",
    NULL,
};

static size_t read_integers(const struct golden *golden, const char *prefix, const char *name,
                            int64_t out[GOLDEN_TOKENS])
{
    char full[64];
    const struct attune_tensor *t;

    snprintf(full, sizeof full, "%s%s", prefix, name);
    t = attune_tensors_find(golden->file, full);
    if (!t) {
        return 0;
    }
    assert_string_equal(t->dtype, "I64");
    assert_true(t->shape[0] > 0 && t->shape[0] <= GOLDEN_TOKENS);
    memcpy(out, t->data, t->shape[0] * sizeof *out);
    return (size_t)t->shape[0];
}

static size_t read_json(const struct golden *golden, const char *name, int64_t out[GOLDEN_TOKENS])
{
    char path[4200];
    json_t *root, *ids;
    size_t n;

    snprintf(path, sizeof path, "%.*s/golden.json",
             (int)(strlen(attune_model_info(golden->model)->path) - strlen("/model.gguf")),
             attune_model_info(golden->model)->path);
    root = json_load_file(path, 0, NULL);
    ids = json_object_get(root, name);
    n = json_array_size(ids);
    assert_true(n <= GOLDEN_TOKENS);
    for (size_t i = 0; i < n; i++) {
        out[i] = json_integer_value(json_array_get(ids, i));
    }
    json_decref(root);
    return n;
}

bool golden_input(struct golden_input *out, const struct golden *golden, const char *prefix)
{
    int64_t ids[GOLDEN_TOKENS] = {0}, decoder[GOLDEN_TOKENS] = {0}, types[GOLDEN_TOKENS] = {0};
    int64_t mask[GOLDEN_TOKENS] = {0};
    size_t n = golden->hf  ? read_integers(golden, prefix, "input_ids", ids)
               : prefix[0] ? 0
                           : read_json(golden, "tokens", ids);
    size_t n_decoder = golden->hf ? read_integers(golden, prefix, "decoder_input_ids", decoder)
                                  : read_json(golden, "dec_tokens", decoder);
    size_t n_types = read_integers(golden, prefix, "token_type_ids", types);
    size_t n_mask = prefix[0] ? read_integers(golden, prefix, "attention_mask", mask) : 0;

    for (size_t i = 0; i < GOLDEN_TOKENS; i++) {
        out->ids[i] = (attune_token)ids[i];
        out->decoder_ids[i] = (attune_token)decoder[i];
        out->types[i] = (uint8_t)types[i];
        out->mask[i] = (uint8_t)mask[i];
    }
    out->input = (struct attune_input){
        .ids = out->ids,
        .n = n,
        .type_ids = n_types ? out->types : NULL,
        .mask = n_mask ? out->mask : NULL,
        .decoder_ids = n_decoder ? out->decoder_ids : NULL,
        .n_decoder = n_decoder,
    };
    return n > 0;
}

/* input_ids beside the arrays in Hugging Face goldens, tokens in golden.json in the others */
static void read_prompt(struct golden *golden, const char *folder)
{
    const struct attune_tensor *t = attune_tensors_find(golden->file, "input_ids");
    char path[4200];
    json_t *root, *tokens;

    if (t) {
        golden->n = (size_t)t->shape[0];
        assert_true(golden->n > 0 && golden->n <= GOLDEN_TOKENS);
        for (size_t i = 0; i < golden->n; i++) {
            golden->ids[i] = (attune_token)((const int64_t *)t->data)[i];
        }
        return;
    }
    snprintf(path, sizeof path, "%s/golden.json", folder);
    root = json_load_file(path, 0, NULL);
    tokens = json_object_get(root, "tokens");
    golden->n = json_array_size(tokens);
    assert_true(golden->n > 0 && golden->n <= GOLDEN_TOKENS);
    for (size_t i = 0; i < golden->n; i++) {
        golden->ids[i] = (attune_token)json_integer_value(json_array_get(tokens, i));
    }
    json_decref(root);
}

bool golden_open(struct golden *out, const char *name)
{
    char folder[4096], path[4200];
    struct attune_error err = {0};

    *out = (struct golden){.name = name, .hf = strncmp(name, "hf/", 3) == 0};
    snprintf(folder, sizeof folder, "%s/%s", getenv("ATTUNE_GOLDEN"), name);
    if (access(folder, R_OK) != 0) {
        snprintf(folder, sizeof folder, "%s/../shared/goldens/%s", getenv("top_srcdir"), name);
    }
    if (access(folder, R_OK) != 0) {
        return false;
    }
    snprintf(path, sizeof path, "%s/golden.safetensors", folder);
    if (attune_tensors_open(&out->file, path, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    snprintf(path, sizeof path, "%s%s", folder, out->hf ? "" : "/model.gguf");
    if (attune_model_open(&out->model, path, NULL, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    read_prompt(out, folder);
    return true;
}

void golden_close(struct golden *golden)
{
    attune_model_close(golden->model);
    attune_tensors_close(golden->file);
}

const float *golden_floats(const struct golden *golden, const char *tensor, int n_dims, ...)
{
    const struct attune_tensor *t = attune_tensors_find(golden->file, tensor);
    va_list extents;

    if (!t) {
        return NULL;
    }
    assert_string_equal(t->dtype, "F32");
    assert_int_equal(t->n_dims, n_dims);
    va_start(extents, n_dims);
    for (int i = 0; i < n_dims; i++) {
        assert_int_equal(t->shape[i], va_arg(extents, size_t));
    }
    va_end(extents);
    return t->data;
}

void golden_random_ids(attune_token *out, size_t n, const struct golden *golden, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        out[i] = (attune_token)((seed >> 33) % (uint64_t)attune_model_info(golden->model)->n_vocab);
    }
}
