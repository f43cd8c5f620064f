/* Which token has which role: by the files beside, by the tokenizer's own parts, by spelling; and
 * where a tokenizer is looked for. */
#include <config.h>

#include <attune/tokenizer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "folder.h"

#define ADDED(id, text)                                                                            \
    "{\"id\": " id ", \"content\": \"" text "\", \"special\": true, \"normalized\": false}"

/* Words w0 .. w2 and the added tokens that are given. */
#define WORDS(added)                                                                               \
    "{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"w0\", \"continuing_subword_prefix\": " \
    "\"##\", \"vocab\": {\"w0\": 0, \"w1\": 1, \"w2\": 2}}, \"pre_tokenizer\": {\"type\": "        \
    "\"WhitespaceSplit\"}, \"added_tokens\": [" added "]"

static const char bert[] = WORDS(ADDED("3", "[CLS]") ", " ADDED("4", "[SEP]") ", " ADDED(
    "5", "[PAD]") ", " ADDED("6", "[MASK]")) "}";
static const char sentence[] = WORDS(ADDED("3", "<s>") ", " ADDED("4", "</s>") ", " ADDED(
    "5", "<pad>") ", " ADDED("6", "<mask>")) "}";

static struct attune_tokenizer *open_folder(const struct folder *f)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    if (attune_tokenizer_open(&tk, f->path, &err)) {
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

struct wanted {
    attune_token bos, eos, pad, mask, cls, sep, unk;
};

static void roles_are(const struct folder *f, struct wanted want)
{
    struct attune_tokenizer *tk = open_folder(f);

    assert_int_equal(attune_tokenizer_bos(tk), want.bos);
    assert_int_equal(attune_tokenizer_eos(tk), want.eos);
    assert_int_equal(attune_tokenizer_pad(tk), want.pad);
    assert_int_equal(attune_tokenizer_mask(tk), want.mask);
    assert_int_equal(attune_tokenizer_cls(tk), want.cls);
    assert_int_equal(attune_tokenizer_sep(tk), want.sep);
    assert_int_equal(attune_tokenizer_unk(tk), want.unk);
    attune_tokenizer_close(tk);
}

static void ids_are(const struct folder *f, const char *text, const char *pair, const char *want)
{
    struct attune_tokenize_options options = {
        .add_special = true, .pair = pair, .pair_len = pair ? strlen(pair) : 0};
    struct attune_tokenizer *tk = open_folder(f);
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};
    char got[256] = "";
    size_t n = 0;

    if (attune_tokenize(&tokens, tk, text, strlen(text), &options, &err)) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < tokens.n; i++) {
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%d:%d", i ? " " : "", tokens.ids[i],
                              tokens.type_ids[i]);
    }
    assert_string_equal(got, want);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

static void spellings_stand_in(void **state)
{
    struct folder f;

    folder_make(&f);
    folder_write(&f, "tokenizer.json", bert);
    roles_are(&f, (struct wanted){3, 4, 5, 6, 3, 4, 0});
    folder_write(&f, "tokenizer.json", sentence);
    roles_are(&f, (struct wanted){3, 4, 5, 6, -1, -1, 0});
    /* A word of the text that looks like one is none: only added tokens count. */
    folder_write(&f, "tokenizer.json",
                 "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"<s>\": 0, \"[UNK]\": 1}, "
                 "\"merges\": []}}");
    roles_are(&f, (struct wanted){-1, -1, -1, -1, -1, -1, -1});
    folder_remove(&f);
}

static void processors_name_their_tokens(void **state)
{
    static const char *const types[] = {"RobertaProcessing", "BertProcessing"};
    struct folder f;
    char text[2048];

    folder_make(&f);
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text,
                 "%.*s, \"post_processor\": {\"type\": \"%s\", \"cls\": [\"w1\", 1], \"sep\": "
                 "[\"w2\", 2]}}",
                 (int)strlen(sentence) - 1, sentence, types[i]);
        folder_write(&f, "tokenizer.json", text);
        roles_are(&f, (struct wanted){3, 4, 5, 6, 1, 2, 0});
    }
    folder_remove(&f);
}

static void files_beside_say_it(void **state)
{
    struct folder f;

    folder_make(&f);
    folder_write(&f, "tokenizer.json", bert);
    folder_write(&f, "tokenizer_config.json",
                 "{\"bos_token\": null, \"eos_token\": \"w1\", \"pad_token\": {\"content\": "
                 "\"w2\", \"lstrip\": false}, \"unk_token\": \"is not there\"}");
    folder_write(&f, "special_tokens_map.json",
                 "{\"bos_token\": \"w0\", \"mask_token\": \"w0\", \"cls_token\": {\"content\": "
                 "\"w1\"}, \"additional_special_tokens\": [\"w1\"]}");
    /* The first file that says something holds, and null is something. */
    roles_are(&f, (struct wanted){-1, 1, 2, 0, 1, 4, -1});
    folder_remove(&f);
}

static void a_file_by_its_own_name_has_a_folder_too(void **state)
{
    struct attune_tokenizer *tk = NULL;
    struct folder f;

    folder_make(&f);
    folder_write(&f, "tokenizer.json", bert);
    folder_write(&f, "tokenizer_config.json", "{\"pad_token\": \"w2\"}");
    assert_int_equal(attune_tokenizer_open(&tk, folder_file(&f, "tokenizer.json"), NULL), 0);
    assert_int_equal(attune_tokenizer_pad(tk), 2);
    attune_tokenizer_close(tk);
    folder_remove(&f);
}

static void damage_beside_is_named(void **state)
{
    struct folder f;

    folder_make(&f);
    folder_write(&f, "tokenizer.json", bert);
    folder_write(&f, "tokenizer_config.json", "{\"bos_token\": 5}");
    fails(&f, ATTUNE_FORMAT, "tokenizer_config.json: bos_token is no token");
    folder_write(&f, "tokenizer_config.json", "{\"bos_token\": {\"lstrip\": true}}");
    fails(&f, ATTUNE_FORMAT, "tokenizer_config.json: bos_token is no token");
    folder_write(&f, "tokenizer_config.json", "{\"bos_token\": ");
    fails(&f, ATTUNE_FORMAT, "tokenizer_config.json: line 1");
    folder_write(&f, "tokenizer_config.json", "[]");
    fails(&f, ATTUNE_FORMAT, "tokenizer_config.json: no JSON object");
    folder_write(&f, "tokenizer_config.json", "{}");
    folder_write(&f, "special_tokens_map.json", "{\"mask_token\": [\"w0\"]}");
    fails(&f, ATTUNE_FORMAT, "special_tokens_map.json: mask_token is no token");
    folder_remove(&f);
}

static void begin_and_end_token_as_configured(void **state)
{
    struct folder f;
    uint64_t plain, with_end;
    struct attune_tokenizer *tk;

    folder_make(&f);
    folder_write(&f, "tokenizer.json", sentence);
    ids_are(&f, "w1 w2", NULL, "1:0 2:0");
    tk = open_folder(&f);
    plain = attune_tokenizer_digest(tk);
    attune_tokenizer_close(tk);
    folder_write(&f, "tokenizer_config.json",
                 "{\"tokenizer_class\": \"LlamaTokenizer\", \"add_bos_token\": true, "
                 "\"add_eos_token\": true}");
    ids_are(&f, "w1 w2", NULL, "3:0 1:0 2:0 4:0");
    ids_are(&f, "w1", "w2", "3:0 1:0 4:0 3:1 2:1 4:1");
    tk = open_folder(&f);
    with_end = attune_tokenizer_digest(tk);
    attune_tokenizer_close(tk);
    assert_true(plain != with_end);
    folder_write(&f, "tokenizer_config.json",
                 "{\"tokenizer_class\": \"LlamaTokenizerFast\", \"add_bos_token\": false}");
    ids_are(&f, "w1", "w2", "1:0 2:1");
    /* Other classes leave the file's template alone. */
    folder_write(&f, "tokenizer_config.json",
                 "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"add_bos_token\": true}");
    ids_are(&f, "w1 w2", NULL, "1:0 2:0");
    folder_write(&f, "tokenizer_config.json",
                 "{\"tokenizer_class\": \"GemmaTokenizer\", \"add_bos_token\": true, "
                 "\"bos_token\": null}");
    fails(&f, ATTUNE_FORMAT, "add_bos_token is set, but bos_token names no token");
    folder_remove(&f);
}

static void hub_cache_folders_are_followed(void **state)
{
    struct folder f;

    folder_make(&f);
    folder_write(&f, "refs/main", "0123abc\n");
    fails(&f, ATTUNE_NOT_FOUND, "snapshots/0123abc: holds no tokenizer.json");
    folder_write(&f, "snapshots/0123abc/tokenizer.json", bert);
    ids_are(&f, "w1", NULL, "1:0");
    folder_write(&f, "snapshots/0123abc/tokenizer_config.json", "{\"pad_token\": \"w2\"}");
    roles_are(&f, (struct wanted){3, 4, 2, 6, 3, 4, 0});
    /* A reference that leads out of the cache is none. */
    folder_write(&f, "refs/main", "../0123abc");
    fails(&f, ATTUNE_NOT_FOUND, "holds no tokenizer.json");
    folder_remove(&f);
}

static void what_is_there_instead_is_named(void **state)
{
    struct folder f;

    folder_make(&f);
    fails(&f, ATTUNE_NOT_FOUND, "holds no tokenizer.json");
    folder_write(&f, "spiece.model", "x");
    folder_write(&f, "tokenizer_config.json", "{}");
    fails(&f, ATTUNE_NOT_FOUND,
          "holds spiece.model, tokenizer_config.json, but no tokenizer.json: let");
    folder_remove(&f);
    folder_make(&f);
    folder_write(&f, "vocab.json", "{}");
    fails(&f, ATTUNE_NOT_FOUND, "holds vocab.json, but no tokenizer.json");
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_stand_in),
        cmocka_unit_test(processors_name_their_tokens),
        cmocka_unit_test(files_beside_say_it),
        cmocka_unit_test(a_file_by_its_own_name_has_a_folder_too),
        cmocka_unit_test(damage_beside_is_named),
        cmocka_unit_test(begin_and_end_token_as_configured),
        cmocka_unit_test(hub_cache_folders_are_followed),
        cmocka_unit_test(what_is_there_instead_is_named),
    };
    return cmocka_run_group_tests_name("tokenizer roles", tests, NULL, NULL);
}
