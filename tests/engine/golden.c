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
