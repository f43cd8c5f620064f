/* Model files that are whole and wrong: every one is refused with a line that names what is at
 * fault. */
#include <config.h>

#include <attune/model.h>
#include <attune/tensors.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "made.h"

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

    made_text("config.json", made_gpt2_config);
    made_fails(made_folder, "neither model.safetensors nor model.safetensors.index.json");
    made_gpt2(drop_one);
    made_fails(made_folder, "tensor transformer.h.1.mlp.c_fc.weight is missing");
    made_gpt2(squeeze_one);
    made_fails(made_folder, "model.safetensors: tensor "
                            "transformer.h.1.mlp.c_fc.weight has shape [24, "
                            "384], expected [48, 192]");
    made_gpt2(retype_one);
    made_fails(made_folder, "tensor transformer.h.1.mlp.c_fc.weight is stored as I32, "
                            "which is not supported");
    made_gpt2(drop_bias);
    made_fails(made_folder, "tensor transformer.ln_f.bias is missing");
    made_gpt2(drop_prefix);
    model = made_open(made_folder);
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
        {"[1]", "config.json: no JSON object"},
        {"{\"n_embd\":", "config.json: line 1: "},
    };

    made_gpt2(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made_text("config.json", cases[i].config);
        made_fails(made_folder, cases[i].words);
    }
    made_text("config.json", "");
    made_fails(made_folder, "config.json: empty file");
}

static void an_index_at_fault_is_named(void **state)
{
    made_text("config.json", made_gpt2_config);
    made_gpt2(NULL);
    assert_int_equal(rename(made_path("model.safetensors"), made_path("shard")), 0);
    made_text("model.safetensors.index.json",
              "{\"weight_map\":{\"transformer.wte.weight\":\"a.safetensors\"}}");
    made_fails(made_folder,
               "file a.safetensors, named by model.safetensors.index.json, is missing");
    made_text("model.safetensors.index.json",
              "{\"weight_map\":{\"transformer.wte.weight\":\"../x\"}}");
    made_fails(made_folder, "names the file '../x'");
    made_text("model.safetensors.index.json", "{\"weight_map\":{\"transformer.wte.weight\":7}}");
    made_fails(made_folder, "names the file ''");
    made_text("model.safetensors.index.json", "{\"weight_map\":[]}");
    made_fails(made_folder, "no weight_map");
    assert_int_equal(rename(made_path("shard"), made_path("a.safetensors")), 0);
    made_text("model.safetensors.index.json", "{\"weight_map\":{\"transformer.wte.weight\":\"a."
                                              "safetensors\",\"no.such\":\"a.safetensors\"}}");
    made_fails(made_folder, "tensor no.such is not in a.safetensors, where the index has it");
    made_text("model.safetensors.index.json",
              "{\"weight_map\":{\"transformer.wte.weight\":\"a.safetensors\"}}");
    attune_model_close(made_open(made_folder));
    unlink(made_path("a.safetensors"));
    unlink(made_path("model.safetensors.index.json"));
}

static void what_is_no_model_is_said_so(void **state)
{
    made_text("x.gguf", "");
    made_fails(made_path("x.gguf"), "x.gguf: empty file");
    made_text("x.gguf", "#!/bin/sh\n");
    made_fails(made_path("x.gguf"),
               "x.gguf: not a model (neither GGUF nor a directory with config.json)");
    made_fails(made_path("gone"), "gone: No such file or directory");
    made_fails("/dev/null", "/dev/null: neither a file nor a directory");
}

static void a_file_cut_short_says_so(void **state)
{
    made_copy("y.gguf", golden_path("gguf/llama-q4_0/model.gguf"));
    for (long size = 73000; size > 0; size -= 365) {
        assert_int_equal(truncate(made_path("y.gguf"), size), 0);
        made_fails(made_path("y.gguf"), size > 3 ? "cut short" : "not a model");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_at_fault_is_named),
        cmocka_unit_test(a_config_at_fault_names_the_field),
        cmocka_unit_test(an_index_at_fault_is_named),
        cmocka_unit_test(what_is_no_model_is_said_so),
        cmocka_unit_test(a_file_cut_short_says_so),
    };
    return cmocka_run_group_tests_name("model fault", tests, made_begin, made_end);
}
