/* Models that were cut short or had bytes flipped: whatever stands in the files, opening them ends
 * in a model that can be used or in one line that names the file. Never in a crash, a hang, a leak
 * or an absurd allocation.
 *
 * Without ATTUNE_FUZZ it is a sample of the models that come along; ATTUNE_FUZZ=all is everything
 * there is, here and beside the source tree. Arguments name the models to take. */
#include <config.h>

#include <attune/attention.h>
#include <attune/generate.h>
#include <attune/tensors.h>

#include <dirent.h>
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
#include "wreck.h"

static char *const *only; /* names from the command line */

/* ---- what is done with one that opens ---- */
static void use_tokenizer(const struct attune_tokenizer *tk)
{
    static const char text[] = "The cat's 12 <b> h\xc3\xa9llo  \xe4\xbd\xa0\n";
    struct attune_tokenize_options options = {
        .add_special = true, .parse_special = true, .pair = "a b", .pair_len = 3};
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};
    size_t n = attune_tokenizer_size(tk), len;
    char bytes[16], *back;

    if (attune_tokenize(&tokens, tk, text, sizeof text - 1, &options, &err) == ATTUNE_OK) {
        for (size_t i = 0; i < tokens.n; i++) {
            if (tokens.ids[i] < 0 || (size_t)tokens.ids[i] >= n) {
                wreck_fault("token %zu has id %d of %zu", i, (int)tokens.ids[i], n);
            }
            if (tokens.start[i] > tokens.end[i] || tokens.end[i] > sizeof text - 1) {
                wreck_fault("token %zu covers bytes %zu to %zu", i, tokens.start[i], tokens.end[i]);
            }
        }
        if (attune_detokenize(&back, &len, tk, tokens.ids, tokens.n, false, true, &err) ==
            ATTUNE_OK) {
            free(back);
        }
    } else if (strlen(err.text) < 10) {
        wreck_fault("'%s' says too little", err.text);
    }
    for (size_t i = 0; i < 8; i++) {
        attune_token_bytes(tk, (attune_token)(n * i / 7), bytes, sizeof bytes);
        attune_token_piece(tk, (attune_token)(n * i / 7));
    }
    attune_tokens_done(&tokens);
}

/* Two tokens, by logits that may be anything. */
static void generate(struct attune_context *ctx)
{
    struct attune_generate_options options = {.max_tokens = 2};
    struct attune_generation *gen = NULL;
    struct attune_chain *chain = NULL;
    struct attune_step step;
    struct attune_error err = {0};

    if (attune_chain_parse(&chain, "temperature=0.8 top_k=9 top_p=0.9", &err) == ATTUNE_OK &&
        attune_generation_start(&gen, ctx, chain, &options, &err) == ATTUNE_OK) {
        while (attune_generation_next(gen, &step, NULL, &err) == 1) {
        }
    }
    attune_generation_free(gen);
    attune_chain_free(chain);
}

/* Memory of just this size, so that a sanitizer sees what goes past it. */
static float *floats(size_t n)
{
    float *out = malloc((n ? n : 1) * sizeof *out);

    if (!out) {
        wreck_fault("no memory for %zu floats", n);
    }
    return out;
}

/* Everything that can be asked of two tokens. */
static void look(struct attune_context *ctx, const struct attune_model *model)
{
    struct attune_attention_shape shape;
    float *row;

    for (int i = 0; i < ATTUNE_OUTPUT_COUNT; i++) {
        struct attune_output_shape output = attune_model_output(model, (enum attune_output)i);
        size_t n = output.every_token ? 2 : 1;

        row = floats(n * (size_t)output.width);
        attune_context_output(ctx, (enum attune_output)i, 0, n, row, NULL);
        free(row);
    }
    for (int i = 0; i < ATTUNE_STACK_COUNT; i++) {
        enum attune_stack stack = (enum attune_stack)i;
        int last = attune_context_hidden_count(ctx, stack) - 1;

        row = floats(2 * (size_t)attune_model_info(model)->d_model);
        attune_context_hidden(ctx, stack, last, 0, 2, row, NULL);
        free(row);
        if (attune_attention_shape(&shape, ctx, stack, NULL) == ATTUNE_OK) {
            row = floats(shape.n_queries * shape.n_keys);
            attune_attention_slice(ctx, stack, shape.n_layers - 1, shape.n_heads - 1, 0,
                                   shape.n_queries, 0, shape.n_keys, row, NULL);
            free(row);
        }
    }
}

/* Thoroughly: with the context that the files ask for, and going on from there. */
static void use_model(const struct attune_model *model, bool thoroughly)
{
    const struct attune_model_info *info = attune_model_info(model);
    const attune_token ids[2] = {info->n_vocab > 1, info->n_vocab - 1};
    static const uint8_t types[2] = {0, 1}, mask[2] = {1, 0};
    struct attune_context_options options = {
        .n_context = thoroughly ? 0 : 8, .n_threads = 1, .keep_hidden = true};
    struct attune_input input = {.ids = ids, .n = 2};
    struct attune_context *ctx;
    struct attune_error err = {0};

    if (info->kind == ATTUNE_SEQ2SEQ) {
        input.decoder_ids = ids;
        input.n_decoder = 2;
    }
    input.type_ids = info->n_segments > 1 ? types : NULL;
    input.mask = info->kind == ATTUNE_ENCODER && thoroughly ? mask : NULL;
    if (attune_context_new(&ctx, model, &options, &err) == ATTUNE_OK) {
        if (attune_context_sync(ctx, &input, NULL, &err) == ATTUNE_OK) {
            look(ctx, model);
            if (thoroughly) {
                generate(ctx);
            }
        }
        attune_context_free(ctx);
    }
    if (err.status && strlen(err.text) < 10) {
        wreck_fault("'%s' says too little", err.text);
    }
    for (int i = 0; i <= info->n_labels && i < 8; i++) {
        attune_model_label(model, i);
    }
    if (attune_model_tokenizer(model)) {
        use_tokenizer(attune_model_tokenizer(model));
    }
}

static void check_failure(int status, const struct attune_error *err)
{
    if (status != err->status || strlen(err->text) < 20) {
        wreck_fault("status %d with '%s'", status, err->text);
    }
    if (strncmp(err->text, made_folder, strlen(made_folder)) != 0) {
        wreck_fault("'%s' does not begin with the file", err->text);
    }
}

static bool try_open(const struct wreck *w, bool check)
{
    struct attune_model_options options = {.check = check};
    struct attune_model *model = NULL;
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};
    int status;

    status = w->tokenizer ? attune_tokenizer_open(&tk, w->path, &err)
                          : attune_model_open(&model, w->path, &options, NULL, &err);
    if (status != ATTUNE_OK) {
        check_failure(status, &err);
        return false;
    }
    if (w->tokenizer) {
        use_tokenizer(tk);
        attune_tokenizer_close(tk);
    } else {
        use_model(model, check);
        attune_model_close(model);
    }
    return true;
}

/* ---- where the models are ---- */
static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool asked_for(const char *name)
{
    for (char *const *at = only; *at; at++) {
        if (strstr(name, *at)) {
            return true;
        }
    }
    return !*only;
}

/* What a model or a tokenizer is opened with. */
static int belongs(const struct dirent *entry)
{
    const char *s = entry->d_name;

    return strncmp(s, "golden.", 7) != 0 && !ends_with(s, "cases.json") &&
           (ends_with(s, ".gguf") || ends_with(s, ".safetensors") || ends_with(s, ".json") ||
            ends_with(s, ".json.gz") || ends_with(s, ".txt"));
}

/* The models of a folder of folders, or the tokenizers. */
static void wreck_all(const char *root, const char *set, bool tokenizers)
{
    char folder[4096], name[512], path[8192];
    struct dirent **list, **inside;
    int n, n_inside;

    snprintf(folder, sizeof folder, "%s/%s", root, set);
    n = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct wreck w = {.name = name, .tokenizer = tokenizers};

        snprintf(name, sizeof name, "%s/%s", set, list[i]->d_name);
        snprintf(path, sizeof path, "%s/%s", root, name);
        n_inside = list[i]->d_name[0] != '.' && asked_for(name)
                       ? scandir(path, &inside, belongs, alphasort)
                       : 0;
        for (int k = 0; k < n_inside; k++) {
            snprintf(path, sizeof path, "%s/%s/%s", root, name, inside[k]->d_name);
            wreck_take_file(&w, path);
            free(inside[k]);
        }
        if (n_inside > 0) {
            free(inside);
            wreck_run(&w, try_open);
        }
        free(list[i]);
    }
    if (n >= 0) {
        free(list);
    }
}

static int is_gguf(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".gguf");
}

/* The GGUF files of a folder. */
static void wreck_files(const char *root, const char *set, bool tokenizers)
{
    char folder[4096], name[512], path[8192];
    struct dirent **list;
    int n;

    snprintf(folder, sizeof folder, "%s/%s", root, set);
    n = scandir(folder, &list, is_gguf, alphasort);
    for (int i = 0; i < n; i++) {
        struct wreck w = {.name = name, .tokenizer = tokenizers};

        snprintf(name, sizeof name, "%s/%s", set, list[i]->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (asked_for(name)) {
            wreck_take_file(&w, path);
            wreck_run(&w, try_open);
        }
        free(list[i]);
    }
    if (n >= 0) {
        free(list);
    }
}

/* ---- cases ---- */
static void goldens_that_come_along(void **state)
{
    wreck_all(getenv("ATTUNE_GOLDEN"), "gguf", false);
    wreck_all(getenv("ATTUNE_GOLDEN"), "hf", false);
}

/* A directory with a tokenizer.json, which has more ids than the model has rows. */
static void a_directory_with_a_tokenizer(void **state)
{
    struct wreck w = {.name = "made/gpt2"};
    char *json;

    if (!asked_for(w.name)) {
        return;
    }
    json = made_byte_level_json();
    wreck_take_file(&w, golden_path("hf/gpt2/config.json"));
    wreck_take_file(&w, golden_path("hf/gpt2/model.safetensors"));
    wreck_take_bytes(&w, "tokenizer.json", json, strlen(json));
    wreck_run(&w, try_open);
}

static void tokenizers_of_every_kind(void **state)
{
    static const char *const files[] = {
        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}]},"
        "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\","
        "\"prepend_scheme\":\"always\"},"
        "\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\"},"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":"
        "\"A\","
        "\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</"
        "s>\",\"type_id\":0}}],\"pair\":[{\"Sequence\":"
        "{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],"
        "\"special_tokens\":{\"</s>\":{\"id\":\"</s>\",\"ids\":[1],\"tokens\":[\"</s>\"]}}},"
        "\"added_tokens\":[{\"id\":1,\"content\":\"</s>\",\"special\":true}],"
        "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"</s>\",0],"
        "[\"\\u2581\",-2.5],[\"a\",-3],[\"t\",-3.25],[\"\\u2581the\",-5],[\"he\",-4.5]]}}",

        "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},"
        "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
        "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[S]\",2],\"cls\":[\"[C]\",1]},"
        "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
        "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"max_input_chars_per_word\":100,"
        "\"continuing_subword_prefix\":\"##\",\"vocab\":{\"?\":0,\"[C]\":1,\"[S]\":2,\"the\":3,"
        "\"##llo\":4,\"he\":5,\"cat\":6,\"'\":7,\"s\":8,\"1\":9,\"##2\":10}}}",

        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":"
        "\"\\u2581\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" "
        "\"},\"content\":\"\\u2581\"}]},"
        "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[^(\\\\s|[-])]+\"},"
        "\"behavior\":\"MergedWithNext\",\"invert\":false},"
        "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":"
        "\"Fuse\"},"
        "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]},"
        "\"added_tokens\":[{\"id\":9,\"content\":\"<b>\",\"lstrip\":true,\"normalized\":false}],"
        "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":"
        "true,"
        "\"vocab\":{\"<unk>\":0,\"<0xC3>\":1,\"<0xA9>\":2,\"\\u2581\":3,\"t\":4,\"h\":5,\"th\":6,"
        "\"e\":7,\"the\":8},\"merges\":[\"t h\",[\"th\",\"e\"]]}}",
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct wreck w = {.name = "made/tokenizer", .tokenizer = true};

        if (!asked_for(w.name)) {
            return;
        }
        wreck_take_bytes(&w, "tokenizer.json", strdup(files[i]), strlen(files[i]));
        wreck_run(&w, try_open);
    }
}

/* The files of before tokenizer.json. */
static void tokenizers_of_several_files(void **state)
{
    static const char *const files[][2] = {
        {"vocab.json", "{\"a\":0,\"b\":1,\"ab\":2,\"t\":3,\"h\":4,\"th\":5,\"<|endoftext|>\":6}"},
        {"merges.txt", "#version: 0.2\na b\nt h\n"},
        {"tokenizer_config.json",
         "{\"tokenizer_class\":\"GPT2Tokenizer\",\"add_prefix_space\":false,"
         "\"bos_token\":{\"content\":\"<|endoftext|>\"}}"},
        {"special_tokens_map.json", "{\"eos_token\":\"<|endoftext|>\"}"},
        {"added_tokens.json", "{\"<b>\":7}"},
    };
    struct wreck w = {.name = "made/gpt2-old", .tokenizer = true};

    for (size_t i = 0; i < sizeof files / sizeof *files && asked_for(w.name); i++) {
        wreck_take_bytes(&w, files[i][0], strdup(files[i][1]), strlen(files[i][1]));
    }
    if (w.n_files > 0) {
        wreck_run(&w, try_open);
    }
}

static void everything_beside_the_source_tree(void **state)
{
    char root[4096];

    if (wreck_whole()) {
        snprintf(root, sizeof root, "%s/../shared/goldens", getenv("top_srcdir"));
        wreck_all(root, "gguf", false);
        wreck_all(root, "hf", false);
        wreck_all(root, "tokenizers", true);
        wreck_files(root, "gguf-vocab", true);
        wreck_files(getenv("ATTUNE_DATADIR"), "models", false);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokenizers_of_every_kind),
        cmocka_unit_test(tokenizers_of_several_files),
        cmocka_unit_test(a_directory_with_a_tokenizer),
        cmocka_unit_test(goldens_that_come_along),
        cmocka_unit_test(everything_beside_the_source_tree),
    };
    int failed;

    only = argv + 1;
    if (!wreck_begin()) {
        return 1;
    }
    failed = cmocka_run_group_tests_name("model damage", tests, made_begin, made_end);
    printf("# %zu damaged models and tokenizers, %zu of them open all the same\n", wreck_tried(),
           wreck_opened());
    return failed;
}
