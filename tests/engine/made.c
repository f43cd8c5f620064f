#include <config.h>

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

char made_folder[] = "made.XXXXXX";

int made_begin(void **state)
{
    return mkdtemp(made_folder) ? 0 : -1;
}

int made_end(void **state)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", made_folder);
    return system(command);
}

static const char *join(const char *folder, const char *name)
{
    static char paths[4][4096];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

const char *made_path(const char *name)
{
    return join(made_folder, name);
}

const char *golden_path(const char *name)
{
    const char *golden = getenv("ATTUNE_GOLDEN");

    return join(golden ? golden : "tests/golden", name);
}

void made_bytes(const char *name, const void *bytes, size_t len)
{
    FILE *f = fopen(made_path(name), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

void made_text(const char *name, const char *text)
{
    made_bytes(name, text, strlen(text));
}

void made_copy(const char *name, const char *from)
{
    static char bytes[1 << 20];
    FILE *f = fopen(from, "rb");
    size_t n;

    assert_non_null(f);
    n = fread(bytes, 1, sizeof bytes, f);
    assert_true(n < sizeof bytes);
    fclose(f);
    made_bytes(name, bytes, n);
}

const char made_gpt2_config[] = "{\"model_type\":\"gpt2\",\"n_embd\":48,\"n_head\":4,\"n_layer\":3,"
                                "\"n_positions\":64,\"vocab_size\":211,\"eos_token_id\":[5,7]}";

void made_gpt2(bool (*change)(struct attune_tensor *t))
{
    struct attune_tensors *file;
    struct attune_tensor list[64];
    size_t n = 0;

    assert_int_equal(attune_tensors_open(&file, golden_path("hf/gpt2/model.safetensors"), NULL),
                     ATTUNE_OK);
    for (size_t i = 0; i < attune_tensors_count(file); i++) {
        list[n] = *attune_tensors_at(file, i);
        n += !change || change(&list[n]);
    }
    assert_int_equal(attune_tensors_write(made_path("model.safetensors"), list, n, NULL),
                     ATTUNE_OK);
    attune_tensors_close(file);
}

void made_settle(const struct attune_model *model)
{
    struct attune_context *ctx;

    assert_int_equal(attune_context_new(&ctx, model, NULL, NULL), ATTUNE_OK);
    attune_context_free(ctx);
}

struct attune_model *made_open(const char *path)
{
    struct attune_model *model = NULL;
    struct attune_error err = {0};

    if (attune_model_open(&model, path, NULL, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

void made_fails(const char *path, const char *words)
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

struct attune_tokenizer *made_tokenizer(const char *json)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    made_text("tokenizer.json", json);
    if (attune_tokenizer_open(&tk, made_path("tokenizer.json"), &err)) {
        fail_msg("%s", err.text);
    }
    return tk;
}

void made_tokenizer_fails(const char *json, const char *words)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    made_text("tokenizer.json", json);
    if (attune_tokenizer_open(&tk, made_path("tokenizer.json"), &err) == ATTUNE_OK ||
        !strstr(err.text, words) || !strstr(err.text, made_path("tokenizer.json"))) {
        fail_msg("%s: '%s' does not say '%s'", json, err.text, words);
    }
    assert_null(tk);
}

void made_check_bytes(const struct attune_tokenizer *tk, const char *text, size_t len,
                      const char *want)
{
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};
    char got[512] = "";
    size_t n = 0;

    if (attune_tokenize(&tokens, tk, text, len, NULL, &err)) {
        fail_msg("%s: %s", text, err.text);
    }
    for (size_t i = 0; i < tokens.n; i++) {
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%d:%zu-%zu", i ? " " : "", tokens.ids[i],
                              tokens.start[i], tokens.end[i]);
    }
    assert_string_equal(got, want);
    attune_tokens_done(&tokens);
}

void made_check(const struct attune_tokenizer *tk, const char *text, const char *want)
{
    made_check_bytes(tk, text, strlen(text), want);
}

char *made_byte_level_json(void)
{
    char *text = malloc(1 << 16);
    size_t n = 0;

    assert_non_null(text);
    n += (size_t)sprintf(text + n, "{\"model\": {\"type\": \"BPE\", \"vocab\": {");
    for (int i = 0; i < 256; i++) {
        bool itself = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
        int c = itself ? i : i <= 32 ? 256 + i : i < 161 ? 256 + 33 + i - 127 : 256 + 67;

        n += (size_t)sprintf(text + n, "\"\\u%04x\": %d, ", (unsigned)c, i);
    }
    sprintf(
        text + n,
        "\"th\": 256, \"the\": 257, \"\\u0120the\": 258}, \"merges\": [\"t h\", [\"th\", \"e\"], "
        "\"\\u0120 the\"]}, \"added_tokens\": [{\"id\": 259, \"content\": \"<end>\", \"special\": "
        "true}],"
        "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false},"
        "\"decoder\": {\"type\": \"ByteLevel\"},"
        "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": "
        "{\"id\": \"A\", \"type_id\": 0}},"
        "{\"SpecialToken\": {\"id\": \"<end>\", \"type_id\": 0}}], \"pair\": [{\"Sequence\": "
        "{\"id\": \"A\", \"type_id\": 0}},"
        "{\"SpecialToken\": {\"id\": \"<end>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", "
        "\"type_id\": 1}}],"
        "\"special_tokens\": {\"<end>\": {\"id\": \"<end>\", \"ids\": [259], \"tokens\": "
        "[\"<end>\"]}}}}");
    return text;
}

struct attune_tokenizer *made_byte_level(void)
{
    char *text = made_byte_level_json();
    struct attune_tokenizer *tk = made_tokenizer(text);

    free(text);
    return tk;
}
