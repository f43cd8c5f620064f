/* vocab.txt, and vocab.json with merges.txt: the same ids as the tokenizer.json that they became.
 */
#include <config.h>

#include <attune/tokenizer.h>

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "folder.h"

static struct attune_tokenizer *open_path(const char *path)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    if (attune_tokenizer_open(&tk, path, &err)) {
        fail_msg("%s", err.text);
    }
    return tk;
}

static void fails(const struct folder *f, int status, const char *says)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    assert_int_equal(attune_tokenizer_open(&tk, f->path, &err), status);
    assert_null(tk);
    if (!strstr(err.text, says)) {
        fail_msg("'%s' does not say '%s'", err.text, says);
    }
}

static void ids_are(const struct folder *f, const char *text, const char *pair, const char *want)
{
    struct attune_tokenize_options options = {
        .add_special = true, .pair = pair, .pair_len = pair ? strlen(pair) : 0};
    struct attune_tokenizer *tk = open_path(f->path);
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};
    char got[256] = "";
    size_t n = 0;

    if (attune_tokenize(&tokens, tk, text, strlen(text), &options, &err)) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < tokens.n; i++) {
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s", i ? " " : "",
                              attune_token_piece(tk, tokens.ids[i]));
    }
    assert_string_equal(got, want);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\nThe\ncafe\ncaf\xc3"
                            "\xa9\n";

static void words_a_line(void **state)
{
    struct attune_tokenizer *tk;
    struct folder f;

    folder_make(&f);
    folder_write(&f, "vocab.txt", words);
    ids_are(&f, "The cats caf\xc3\xa9 x", NULL, "[CLS] the cat ##s cafe [UNK] [SEP]");
    ids_are(&f, "the [MASK]", "cat", "[CLS] the [MASK] [SEP] cat [SEP]");
    tk = open_path(f.path);
    assert_int_equal(attune_token_find(tk, "##s"), 7);
    assert_int_equal(attune_tokenizer_cls(tk), 2);
    assert_int_equal(attune_tokenizer_sep(tk), 3);
    assert_int_equal(attune_tokenizer_mask(tk), 4);
    assert_int_equal(attune_tokenizer_unk(tk), 1);
    assert_int_equal(attune_tokenizer_pad(tk), 0);
    attune_tokenizer_close(tk);
    folder_write(&f, "tokenizer_config.json", "{\"do_lower_case\": false}");
    ids_are(&f, "The cats caf\xc3\xa9", NULL, "[CLS] The cat ##s caf\xc3\xa9 [SEP]");
    folder_write(&f, "tokenizer_config.json", "{\"strip_accents\": false}");
    ids_are(&f, "The CAF\xc3\x89", NULL, "[CLS] the caf\xc3\xa9 [SEP]");
    folder_remove(&f);
}

static void write_bytes_vocabulary(const struct folder *f)
{
    folder_write(f, "vocab.json",
                 "{\"<s>\": 0, \"<pad>\": 1, \"</s>\": 2, \"<unk>\": 3, \"a\": 4, \"b\": 5, "
                 "\"\\u0120\": 6, \"ab\": 7, \"\\u0120ab\": 8, \"<mask>\": 9}");
    folder_write(f, "merges.txt", "#version: 0.2\r\na b\r\n\xc4\xa0 ab\r\n");
}

static void merges_a_line(void **state)
{
    struct attune_tokenizer *tk;
    struct folder f;

    folder_make(&f);
    write_bytes_vocabulary(&f);
    /* Nobody says whose it is: GPT-2's way, nothing around the text, its one token added. */
    ids_are(&f, "ab ab<mask>", NULL,
            "ab \xc4\xa0"
            "ab a");
    tk = open_path(f.path);
    assert_int_equal(attune_tokenizer_size(tk), 11);
    assert_int_equal(attune_tokenizer_eos(tk), 10);
    assert_int_equal(attune_tokenizer_unk(tk), 10);
    assert_int_equal(attune_tokenizer_pad(tk), ATTUNE_TOKEN_NONE);
    attune_tokenizer_close(tk);
    folder_write(&f, "config.json", "{\"model_type\": \"roberta\"}");
    ids_are(&f, "ab ab <mask>", "a",
            "<s> ab \xc4\xa0"
            "ab <mask> </s> </s> a </s>");
    folder_write(&f, "config.json", "{\"model_type\": \"opt\"}");
    ids_are(&f, "ab", "b", "</s> ab </s> b");
    folder_write(&f, "tokenizer_config.json",
                 "{\"tokenizer_class\": \"GPT2Tokenizer\", \"add_prefix_space\": true, "
                 "\"add_bos_token\": true, \"bos_token\": \"<s>\", \"added_tokens_decoder\": "
                 "{\"12\": {\"content\": \"<end>\", \"special\": true, \"lstrip\": true}}}");
    ids_are(&f, "ab <end>", NULL,
            "<s> \xc4\xa0"
            "ab <end>");
    folder_write(&f, "tokenizer_config.json", "{}");
    folder_write(&f, "added_tokens.json", "{\"<end>\": 10}");
    ids_are(&f, "ab<end>", NULL, "</s> ab <end>");
    folder_remove(&f);
}

static void damage_is_named(void **state)
{
    struct folder f;

    folder_make(&f);
    folder_write(&f, "vocab.txt", "a\n\xff\n");
    fails(&f, ATTUNE_FORMAT, "vocab.txt: line 2 is no UTF-8");
    folder_write(&f, "vocab.txt", "a\nb\n");
    folder_write(&f, "tokenizer_config.json", "{\"cls_token\": null}");
    fails(&f, ATTUNE_FORMAT, "cls_token may not be null");
    folder_write(&f, "tokenizer_config.json", "{\"tokenizer_class\": \"BertJapaneseTokenizer\"}");
    fails(&f, ATTUNE_NOT_FOUND, "how a BertJapaneseTokenizer reads it is not known");
    folder_write(&f, "tokenizer_config.json", "{\"tokenizer_class\": \"GPT2Tokenizer\"}");
    fails(&f, ATTUNE_NOT_FOUND, "holds vocab.txt, but no tokenizer.json");
    folder_write(&f, "tokenizer_config.json", "{}");
    write_bytes_vocabulary(&f);
    folder_write(&f, "merges.txt", "a b\na\n");
    fails(&f, ATTUNE_FORMAT, "merge 1 is no pair");
    folder_write(&f, "merges.txt", "a b\n\xff b\n");
    fails(&f, ATTUNE_FORMAT, "merges.txt: line 2 is no UTF-8");
    folder_write(&f, "merges.txt", "a c\n");
    fails(&f, ATTUNE_FORMAT, "names a piece that the vocabulary lacks");
    folder_write(&f, "merges.txt", "a b\n");
    folder_write(&f, "vocab.json", "{\"a\": -1}");
    fails(&f, ATTUNE_FORMAT, "the id of \"a\" is not valid");
    write_bytes_vocabulary(&f);
    folder_write(&f, "tokenizer_config.json",
                 "{\"added_tokens_decoder\": {\"99999999999\": {\"content\": \"x\"}}}");
    fails(&f, ATTUNE_FORMAT, "entry 99999999999 of added_tokens_decoder is no token");
    folder_remove(&f);
}

/* ---- real vocabularies, where they lie beside the project ---- */
static void write_lines(const struct folder *f, const char *name, const json_t *list)
{
    size_t n = 0, capacity = 1 << 24;
    char *text = malloc(capacity);

    assert_non_null(text);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *line = json_string_value(entry);

        n += (size_t)snprintf(text + n, capacity - n, "%s\n", line ? line : "");
    }
    folder_write_bytes(f, name, text, n);
    free(text);
}

static void write_old_files(const struct folder *f, const json_t *json, bool as_words)
{
    json_t *vocab = json_object_get(json_object_get(json, "model"), "vocab"), *id, *token;
    const char *piece;
    char path[128];
    size_t i;

    if (as_words) {
        json_t *list = json_array();

        for (i = 0; i < json_object_size(vocab); i++) {
            json_array_append_new(list, json_null());
        }
        json_object_foreach(vocab, piece, id)
        {
            json_array_set_new(list, (size_t)json_integer_value(id), json_string(piece));
        }
        write_lines(f, "vocab.txt", list);
        json_decref(list);
        return;
    }
    json_array_foreach(json_object_get(json, "added_tokens"), i, token)
    {
        json_object_set(vocab, json_string_value(json_object_get(token, "content")),
                        json_object_get(token, "id"));
    }
    snprintf(path, sizeof path, "%s/vocab.json", f->path);
    assert_int_equal(json_dump_file(vocab, path, 0), 0);
    write_lines(f, "merges.txt", json_object_get(json_object_get(json, "model"), "merges"));
}

static void check_same(const struct attune_tokenizer *a, const struct attune_tokenizer *b,
                       const json_t *cases)
{
    const struct attune_tokenize_options options = {.add_special = true};
    struct attune_tokens x = {0}, y = {0};
    const json_t *one;
    size_t i;

    json_array_foreach(cases, i, one)
    {
        const json_t *text = json_object_get(one, "text");
        const char *s = json_string_value(text);
        size_t len = json_string_length(text);

        assert_int_equal(attune_tokenize(&x, a, s, len, &options, NULL), 0);
        assert_int_equal(attune_tokenize(&y, b, s, len, &options, NULL), 0);
        if (x.n != y.n || (x.n > 0 && memcmp(x.ids, y.ids, x.n * sizeof *x.ids) != 0)) {
            fail_msg("'%s' becomes other ids", s);
        }
    }
    attune_tokens_done(&x);
    attune_tokens_done(&y);
}

static void real_vocabularies_give_the_same_ids(void **state)
{
    static const struct {
        const char *name, *config;
        bool as_words;
    } rows[] = {
        {"gpt2", "{}"},
        {"roberta-base", "{\"tokenizer_class\": \"RobertaTokenizer\"}"},
        {"bert-base-cased", "{\"do_lower_case\": false}", true},
        {"bert-base-uncased", "{}", true},
    };
    const char *top = getenv("top_srcdir");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[4096];
        json_t *json, *cases;
        struct attune_tokenizer *one, *other;
        struct folder f;

        snprintf(path, sizeof path, "%s/../shared/goldens/tokenizers/%s/cases.json",
                 top ? top : ".", rows[i].name);
        cases = json_load_file(path, JSON_ALLOW_NUL, NULL);
        if (!cases) {
            continue;
        }
        snprintf(path, sizeof path, "%s/../shared/goldens/tokenizers/%s/tokenizer.json",
                 top ? top : ".", rows[i].name);
        json = json_load_file(path, JSON_ALLOW_NUL, NULL);
        assert_non_null(json);
        folder_make(&f);
        folder_write(&f, "tokenizer_config.json", rows[i].config);
        write_old_files(&f, json, rows[i].as_words);
        one = open_path(path);
        other = open_path(f.path);
        check_same(one, other, cases);
        attune_tokenizer_close(one);
        attune_tokenizer_close(other);
        json_decref(json);
        json_decref(cases);
        folder_remove(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_a_line),
        cmocka_unit_test(merges_a_line),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(real_vocabularies_give_the_same_ids),
    };
    return cmocka_run_group_tests_name("tokenizer old files", tests, NULL, NULL);
}
