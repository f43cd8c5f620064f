/* What the reference libraries made of several hundred texts: ids, offsets, pairs and the way back.
 * The small set lies in tests/golden/gguf; the large one (real vocabularies) is read where it is
 * there. */
#include <config.h>

#include <attune/tokenizer.h>

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char *join(const char *folder, const char *name, const char *end)
{
    char *path = malloc(strlen(folder) + strlen(name) + strlen(end) + 2);

    assert_non_null(path);
    sprintf(path, "%s/%s%s", folder, name, end);
    return path;
}

static char *shared(const char *name)
{
    const char *top = getenv("top_srcdir");

    return join(top ? top : ".", "../shared/goldens", name);
}

static json_t *load(const char *folder, const char *name)
{
    char *path = join(folder, name, "");
    json_t *json = json_load_file(path, JSON_ALLOW_NUL, NULL);

    free(path);
    return json;
}

static size_t code_points(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    return n;
}

static bool same_ids(const struct attune_tokens *tokens, const json_t *want)
{
    bool same = json_array_size(want) == tokens->n;

    for (size_t i = 0; i < tokens->n && same; i++) {
        same = json_integer_value(json_array_get(want, i)) == tokens->ids[i];
    }
    return same;
}

static bool same_offsets(const struct attune_tokens *tokens, const json_t *want, const char *text)
{
    bool same = json_array_size(want) == tokens->n;

    for (size_t i = 0; i < tokens->n && same; i++) {
        const json_t *pair = json_array_get(want, i);

        same = json_integer_value(json_array_get(pair, 0)) ==
                   (json_int_t)code_points(text, tokens->start[i]) &&
               json_integer_value(json_array_get(pair, 1)) ==
                   (json_int_t)code_points(text, tokens->end[i]);
    }
    return same;
}

static void check_ids(const struct attune_tokenizer *tk, const char *where, const json_t *c,
                      const char *key, bool add, bool parse)
{
    const json_t *want = json_object_get(c, key), *text = json_object_get(c, "text"),
                 *pair = json_object_get(c, "pair"), *types = json_object_get(c, "type_ids");
    struct attune_tokenize_options options = {add, parse, json_string_value(pair),
                                              json_string_length(pair)};
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};

    if (!want) {
        return;
    }
    if (attune_tokenize(&tokens, tk, json_string_value(text), json_string_length(text), &options,
                        &err)) {
        fail_msg("%s: %s", where, err.text);
    }
    if (!same_ids(&tokens, want)) {
        fail_msg("%s: %s of \"%s\"", where, key, json_string_value(text));
    }
    for (size_t i = 0; i < json_array_size(types); i++) {
        assert_int_equal(json_integer_value(json_array_get(types, i)), tokens.type_ids[i]);
    }
    if (!add && !parse && json_object_get(c, "offsets") &&
        !same_offsets(&tokens, json_object_get(c, "offsets"), json_string_value(text))) {
        fail_msg("%s: offsets of \"%s\"", where, json_string_value(text));
    }
    attune_tokens_done(&tokens);
}

static void check_text(const struct attune_tokenizer *tk, const char *where, const json_t *ids,
                       const json_t *want, const json_t *also, bool skip)
{
    size_t n = json_array_size(ids), len;
    attune_token *list = calloc(n + 1, sizeof *list);
    char *text = NULL;

    if (want) {
        for (size_t i = 0; i < n; i++) {
            list[i] = (attune_token)json_integer_value(json_array_get(ids, i));
        }
        assert_int_equal(attune_detokenize(&text, &len, tk, list, n, skip, true, NULL), 0);
        if ((len != json_string_length(want) || memcmp(text, json_string_value(want), len) != 0) &&
            !(also && strcmp(text, json_string_value(also)) == 0)) {
            fail_msg("%s: \"%s\", wanted \"%s\"", where, text, json_string_value(want));
        }
    }
    free(text);
    free(list);
}

/* One folder of tokenizer.json goldens. */
static void check_folder(const char *folder)
{
    json_t *cases = load(folder, "cases.json"), *decode = load(folder, "decode_cases.json"),
           *pairs = load(folder, "pair_cases.json");
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    if (attune_tokenizer_open(&tk, folder, &err)) {
        fail_msg("%s", err.text);
    }
    assert_true(json_array_size(cases) > 100);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);

        check_ids(tk, folder, c, "ids", false, false);
        check_ids(tk, folder, c, "ids_with_special", true, false);
        check_text(tk, folder, json_object_get(c, "ids"), json_object_get(c, "decoded"),
                   json_object_get(c, "decoded_alt"), false);
    }
    for (size_t i = 0; i < json_array_size(decode); i++) {
        const json_t *c = json_array_get(decode, i), *ids = json_object_get(c, "ids");

        check_text(tk, folder, ids, json_object_get(c, "decoded"),
                   json_object_get(c, "decoded_alt"), false);
        check_text(tk, folder, ids, json_object_get(c, "decoded_skip_special"), NULL, true);
    }
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        check_ids(tk, folder, json_array_get(pairs, i), "ids", true, false);
    }
    attune_tokenizer_close(tk);
    json_decref(cases);
    json_decref(decode);
    json_decref(pairs);
}

static void check_gguf_cases(const struct attune_tokenizer *tk, const char *where,
                             const json_t *cases)
{
    assert_true(json_array_size(cases) > 5);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);

        check_ids(tk, where, c, "ids", false, false);
        check_ids(tk, where, c, "ids_add_special", true, false);
        check_ids(tk, where, c, "ids_parse_special", false, true);
        check_ids(tk, where, c, "ids_add_and_parse_special", true, true);
    }
}

/* ids back to the bytes that golden.json has in hexadecimal. */
static void check_hex(const struct attune_tokenizer *tk, const char *where, const json_t *cases)
{
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i), *ids = json_object_get(c, "ids");
        const char *hex = json_string_value(json_object_get(c, "detokenized_hex"));
        char *bytes = calloc(strlen(hex) + 1, 1);
        json_t *want;

        for (size_t k = 0; hex[2 * k]; k++) {
            unsigned byte;

            assert_int_equal(sscanf(hex + 2 * k, "%2x", &byte), 1);
            bytes[k] = (char)byte;
        }
        want = json_string(bytes);
        assert_non_null(want);
        check_text(tk, where, ids, want, NULL, false);
        json_decref(want);
        free(bytes);
    }
}

static void check_model(const char *folder)
{
    json_t *golden = load(folder, "golden.json"), *cases = json_object_get(golden, "tokenize");
    char *path = join(folder, "model.gguf", "");
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    if (cases) {
        if (attune_tokenizer_open(&tk, path, &err)) {
            fail_msg("%s", err.text);
        }
        check_gguf_cases(tk, folder, cases);
        check_hex(tk, folder, cases);
    }
    attune_tokenizer_close(tk);
    json_decref(golden);
    free(path);
}

/* Calls check for every folder in root; none if root is absent. */
static int each_folder(const char *root, void (*check)(const char *folder), const char *holds)
{
    DIR *dir = opendir(root);
    struct dirent *entry;
    int n = 0;

    while (dir && (entry = readdir(dir))) {
        char *folder = join(root, entry->d_name, ""), *file = join(folder, holds, "");

        if (entry->d_name[0] != '.' && access(file, R_OK) == 0) {
            check(folder);
            n++;
        }
        free(file);
        free(folder);
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

static void small_models_agree(void **state)
{
    const char *golden = getenv("ATTUNE_GOLDEN");
    char *root = join(golden ? golden : "tests/golden", "gguf", "");

    assert_true(each_folder(root, check_model, "golden.json") >= 2);
    free(root);
}

static void all_models_agree(void **state)
{
    char *root = shared("/gguf");

    each_folder(root, check_model, "golden.json");
    free(root);
}

static void real_vocabularies_agree(void **state)
{
    char *root = shared("/tokenizers");

    each_folder(root, check_folder, "cases.json");
    free(root);
}

static void real_gguf_vocabularies_agree(void **state)
{
    char *root = shared("/gguf-vocab");
    DIR *dir = opendir(root);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char *end = strstr(entry->d_name, ".cases.json");
        struct attune_tokenizer *tk = NULL;
        struct attune_error err = {0};
        json_t *cases;
        char *path;

        if (!end) {
            continue;
        }
        cases = load(root, entry->d_name);
        *end = '\0';
        path = join(root, entry->d_name, ".gguf");
        if (access(path, R_OK) == 0 && attune_tokenizer_open(&tk, path, &err)) {
            fail_msg("%s", err.text);
        }
        if (tk) {
            check_gguf_cases(tk, path, cases);
        }
        attune_tokenizer_close(tk);
        json_decref(cases);
        free(path);
    }
    if (dir) {
        closedir(dir);
    }
    free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_models_agree),
        cmocka_unit_test(all_models_agree),
        cmocka_unit_test(real_vocabularies_agree),
        cmocka_unit_test(real_gguf_vocabularies_agree),
    };
    return cmocka_run_group_tests_name("tokenizer_golden", tests, NULL, NULL);
}
