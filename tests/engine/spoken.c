#include <config.h>

#include "spoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

static const char *const words[] = {
    "the",   "cat", "dog", "sat", "on", "mat", "bank",  "river", "money", "in",
    "where", "is",  "it",  "?",   ".",  "##s", "##ing", "walk",  "paris", "\xc3\xa9t\xc3\xa9",
    NULL};

static const struct {
    const char *specials[10]; /* ids 0, 1, ... */
    const char *post;
} kinds[] = {
    [SPOKEN_BERT] =
        {{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", NULL},
         "{\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 3], \"cls\": [\"[CLS]\", 2]}"},
    [SPOKEN_ROBERTA] =
        {{"<s>", "<pad>", "</s>", "[UNK]", "<mask>", NULL},
         "{\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 2], \"cls\": [\"<s>\", 0],"
         " \"trim_offsets\": true, \"add_prefix_space\": false}"},
    [SPOKEN_T5] = {{"<pad>", "</s>", "[UNK]", "<extra_id_0>", "<extra_id_1>", "<extra_id_2>",
                    "<extra_id_3>", NULL},
                   "{\"type\": \"TemplateProcessing\","
                   " \"single\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}},"
                   " {\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}],"
                   " \"pair\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}},"
                   " {\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}},"
                   " {\"Sequence\": {\"id\": \"B\", \"type_id\": 0}},"
                   " {\"SpecialToken\": {\"id\": \"</s>\", \"type_id\": 0}}],"
                   " \"special_tokens\": {\"</s>\": {\"id\": \"</s>\", \"ids\": [1], \"tokens\": "
                   "[\"</s>\"]}}}"},
};
_Static_assert(sizeof kinds / sizeof *kinds == SPOKEN_KIND_COUNT, "a tokenizer for every kind");

static json_t *make_tokenizer(enum spoken_kind kind)
{
    json_t *added = json_array(), *vocab = json_object(), *post;
    const char *const *specials = kinds[kind].specials;
    int id = 0;

    for (; specials[id]; id++) {
        json_array_append_new(added, json_pack("{s:i,s:s,s:b,s:b,s:b,s:b,s:b}", "id", id, "content",
                                               specials[id], "single_word", 0, "lstrip",
                                               strcmp(specials[id], "<mask>") == 0, "rstrip", 0,
                                               "normalized", 0, "special", 1));
        json_object_set_new(vocab, specials[id], json_integer(id));
    }
    for (int i = 0; words[i]; i++) {
        json_object_set_new(vocab, words[i], json_integer(id++));
    }
    post = json_loads(kinds[kind].post, 0, NULL);
    assert_non_null(post);
    return json_pack(
        "{s:s,s:o,s:{s:s,s:b,s:b,s:n,s:b},s:{s:s},s:o,s:{s:s,s:s,s:b},s:{s:s,s:s,s:s,s:i,s:o}}",
        "version", "1.0", "added_tokens", added, "normalizer", "type", "BertNormalizer",
        "clean_text", 1, "handle_chinese_chars", 1, "strip_accents", "lowercase", 1,
        "pre_tokenizer", "type", "BertPreTokenizer", "post_processor", post, "decoder", "type",
        "WordPiece", "prefix", "##", "cleanup", 1, "model", "type", "WordPiece", "unk_token",
        "[UNK]", "continuing_subword_prefix", "##", "max_input_chars_per_word", 100, "vocab",
        vocab);
}

static void copy(const struct folder *f, const char *golden, const char *name)
{
    const char *root = getenv("ATTUNE_GOLDEN");
    char path[4200], *bytes = malloc(1 << 20);
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "%s/%s/%s", root ? root : "tests/golden", golden, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_non_null(bytes);
    n = fread(bytes, 1, 1 << 20, file);
    assert_true(feof(file));
    fclose(file);
    folder_write_bytes(f, name, bytes, n);
    free(bytes);
}

void spoken_make(struct folder *f, const char *golden, enum spoken_kind kind, const char *config)
{
    json_t *tokenizer = make_tokenizer(kind);
    char *text = json_dumps(tokenizer, 0);

    assert_non_null(text);
    folder_make(f);
    copy(f, golden, "model.safetensors");
    if (config) {
        folder_write(f, "config.json", config);
    } else {
        copy(f, golden, "config.json");
    }
    folder_write(f, "tokenizer.json", text);
    free(text);
    json_decref(tokenizer);
}
