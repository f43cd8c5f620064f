/* Model files that are whole and wrong: every one is refused with a line that names what is at
 * fault. */
#include <config.h>

#include <attune/context.h>
#include <attune/tensors.h>

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

/* The same tensor as zeros of another type. */
static struct attune_tensor other;

static bool swap_one(struct attune_tensor *t)
{
    static const double zeros[48 * 192];

    if (strcmp(t->name, "transformer.h.1.mlp.c_fc.weight") == 0) {
        t->dtype = other.dtype;
        t->n_bytes = t->n_bytes / 4 * other.n_bytes;
        t->data = zeros;
    }
    return true;
}

static void a_type_that_nothing_computes_with_is_named(void **state)
{
    static const struct attune_tensor types[] = {
        {.dtype = "F64", .n_bytes = 8},     {.dtype = "I64", .n_bytes = 8},
        {.dtype = "U8", .n_bytes = 1},      {.dtype = "BOOL", .n_bytes = 1},
        {.dtype = "F8_E4M3", .n_bytes = 1}, {.dtype = "F8_E5M2", .n_bytes = 1},
    };
    char words[128];

    made_text("config.json", made_gpt2_config);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        other = types[i];
        made_gpt2(swap_one);
        snprintf(words, sizeof words,
                 "model.safetensors: tensor transformer.h.1.mlp.c_fc.weight is stored as %s, which",
                 other.dtype);
        made_fails(made_folder, words);
    }
}

/* A safetensors file of this header and 64 bytes. */
static void put_header(const char *header)
{
    unsigned char bytes[1024] = {0};
    uint64_t len = strlen(header);

    assert_true(8 + len + 64 <= sizeof bytes);
    memcpy(bytes, &len, sizeof len);
    memcpy(bytes + 8, header, (size_t)len);
    made_bytes("model.safetensors", bytes, 8 + (size_t)len + 64);
}

static void a_header_at_fault_names_the_tensor(void **state)
{
    static const struct {
        const char *entry, *words;
    } cases[] = {
        {"\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,0]",
         "tensor x.y: its shape and its data_offsets contradict each other"},
        {"\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]",
         "contradict"},
        {"\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,8]", "contradict"},
        {"\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]", "no list of sizes"},
        {"\"dtype\":\"F32\",\"shape\":[4.0],\"data_offsets\":[0,16]", "no list of sizes"},
        {"\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,4],\"data_offsets\":[0,16]",
         "more than 8 dimensions"},
        {"\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[56,72]",
         "before tensor x.y does: cut short"},
        {"\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]", "no data_offsets"},
        {"\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]", "no data_offsets"},
        {"\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[9223372036854775800,"
         "9223372036854775807]",
         "contradict"},
        {"\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,18446744073709551616]",
         "header: line 1: too big integer"},
        {"\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]", "tensor x.y has dtype F4, which"},
        {"\"dtype\":7,\"shape\":[4],\"data_offsets\":[0,16]", "tensor x.y: no dtype"},
        {"\"dtype\":\"F32\",\"data_offsets\":[0,16]", "tensor x.y: no shape"},
        {"\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},\"x.y\":{",
         "header: line 1: \"x.y\" stands there twice"},
    };
    char header[512];

    made_text("config.json", made_gpt2_config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(header, sizeof header, "{\"x.y\":{%s}}", cases[i].entry);
        put_header(header);
        made_fails(made_folder, cases[i].words);
        made_fails(made_folder, "model.safetensors: ");
    }
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

/* GPT-2's config.json with a member more, which a reader of JSON takes or not. */
static void a_config_that_is_odd_has_its_line(void **state)
{
    static const struct {
        const char *more, *words;
    } cases[] = {
        {"\"n_embd\":48", "config.json: line 2: \"n_embd\" stands there twice"},
        {"\"a_name_that_the_reader_of_json_leaves_out\":1,"
         "\"a_name_that_the_reader_of_json_leaves_out\":2",
         "line 2: \"a_name_that_the_reader_of_json_leaves_out\" stands there twice"},
        {"\"layer_norm_epsilon\":NaN", "config.json: line 2: invalid token near 'NaN'"},
        {"\"layer_norm_epsilon\":-Infinity", "config.json: line 2: invalid token"},
        {"\"layer_norm_epsilon\":1e999", "config.json: line 2: real number overflow"},
        {"\"layer_norm_epsilon\":1e300",
         "config.json: layer_norm_epsilon is 1e+300 (0 to 1 are possible)"},
        {"\"layer_norm_epsilon\":\"1e-5\"", "config.json: layer_norm_epsilon is no number"},
        {"\"n_inner\":123456789012345678901234567890", "line 2: too big integer"},
        {"\"n_inner\":-1", "config.json: n_inner is -1 ("},
        {"\"n_inner\":192.5", "config.json: n_inner is no whole number"},
        {"\"n_inner\":true", "config.json: n_inner is no whole number"},
        {"\"n_inner\":[192]", "config.json: n_inner is no whole number"},
        {"\"n_inner\":96", "tensor transformer.h.0.mlp.c_fc.weight has shape [48, 192], expected "
                           "[48, 96]"},
        {"\"activation_function\":{}", "config.json: activation_function is no text"},
        {"\"scale_attn_by_inverse_layer_idx\":\"no\"",
         "config.json: scale_attn_by_inverse_layer_idx is neither true nor false"},
        {"\"x\":\"\xff\"", "config.json: line 2: unable to decode byte 0xff"},
    };
    enum { DEEP = 50000 };
    static char config[2 * DEEP + 512];

    made_gpt2(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(config, sizeof config, "%.*s,\n%s}", (int)strlen(made_gpt2_config) - 1,
                 made_gpt2_config, cases[i].more);
        made_text("config.json", config);
        made_fails(made_folder, cases[i].words);
    }
    snprintf(config, sizeof config, "%.*s,\"x\":", (int)strlen(made_gpt2_config) - 1,
             made_gpt2_config);
    memset(config + strlen(config), '[', DEEP);
    made_text("config.json", config);
    made_fails(made_folder, "config.json: line 1: maximum parsing depth reached");
    snprintf(config, sizeof config, "%.*s,\"n_inner\":null,\"x\":[NULL]}",
             (int)strlen(made_gpt2_config) - 1, made_gpt2_config);
    made_text("config.json", config);
    made_fails(made_folder, "config.json: line 1: invalid token near 'NULL'");
}

/* More ids than rows is said and kept from harm; more rows than ids is padding. */
static void a_tokenizer_of_another_size_is_said(void **state)
{
    struct attune_context_options options = {.n_context = 8, .n_threads = 1};
    const attune_token ids[2] = {210, 211};
    struct attune_input input = {.ids = ids, .n = 2};
    char *json = made_byte_level_json();
    struct attune_context *ctx;
    struct attune_error err;
    struct attune_model *model;

    made_text("config.json", made_gpt2_config);
    made_gpt2(NULL);
    made_text("tokenizer.json", json);
    free(json);
    model = made_open(made_folder);
    assert_non_null(strstr(attune_model_info(model)->note, "260 ids and the model rows for 211"));
    assert_int_equal(attune_context_new(&ctx, model, &options, &err), ATTUNE_OK);
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "token 1 is 211: the model knows ids from 0 to 210"));
    input.n = 1;
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), ATTUNE_OK);
    attune_context_free(ctx);
    attune_model_close(model);
    made_text("tokenizer.json", "{" MADE_CHARS "}");
    model = made_open(made_folder);
    assert_string_equal(attune_model_info(model)->note, "");
    attune_model_close(model);
    made_text("tokenizer.json", "{\"model\":");
    made_fails(made_folder, "tokenizer.json: line 1: ");
    assert_int_equal(unlink(made_path("tokenizer.json")), 0);
}

static void an_index_at_fault_is_named(void **state)
{
    static const char *const outside[] = {"../x", "/etc/passwd", "deeper/x", ".x", "..", ""};
    char index[128], words[160];

    made_text("config.json", made_gpt2_config);
    made_gpt2(NULL);
    assert_int_equal(rename(made_path("model.safetensors"), made_path("shard")), 0);
    made_text("model.safetensors.index.json",
              "{\"weight_map\":{\"transformer.wte.weight\":\"a.safetensors\"}}");
    made_fails(made_folder,
               "file a.safetensors, named by model.safetensors.index.json, is missing");
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        snprintf(index, sizeof index, "{\"weight_map\":{\"transformer.wte.weight\":\"%s\"}}",
                 outside[i]);
        snprintf(words, sizeof words,
                 "model.safetensors.index.json: names the file '%s': it has to be one beside",
                 outside[i]);
        made_text("model.safetensors.index.json", index);
        made_fails(made_folder, words);
    }
    made_text("model.safetensors.index.json",
              "{\"weight_map\":{\"a\":\"a.safetensors\",\"a\":\"b.safetensors\"}}");
    made_fails(made_folder, "index.json: line 1: \"a\" stands there twice");
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
    made_text("y.safetensors", "x");
    made_fails(made_path("y.safetensors"), "give the directory with their config.json");
    made_text("config.json", made_gpt2_config);
    made_text("pytorch_model.bin", "PK");
    made_gpt2(NULL);
    assert_int_equal(unlink(made_path("model.safetensors")), 0);
    made_fails(made_folder, "holds pytorch_model.bin, but no model.safetensors: let ");
    assert_int_equal(unlink(made_path("pytorch_model.bin")), 0);
    made_fails(made_folder,
               ": neither model.safetensors nor model.safetensors.index.json is there");
    assert_int_equal(mkfifo(made_path("fifo"), 0666), 0);
    made_fails(made_path("fifo"), "fifo: neither a file nor a directory");
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
        cmocka_unit_test(a_type_that_nothing_computes_with_is_named),
        cmocka_unit_test(a_header_at_fault_names_the_tensor),
        cmocka_unit_test(a_config_at_fault_names_the_field),
        cmocka_unit_test(a_config_that_is_odd_has_its_line),
        cmocka_unit_test(a_tokenizer_of_another_size_is_said),
        cmocka_unit_test(an_index_at_fault_is_named),
        cmocka_unit_test(what_is_no_model_is_said_so),
        cmocka_unit_test(a_file_cut_short_says_so),
    };
    return cmocka_run_group_tests_name("model fault", tests, made_begin, made_end);
}
