/* Tokenizer files broken in every way a file can be: each is refused with a line that says how. */
#include <config.h>

#include <attune/tokenizer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <cmocka.h>

#include "made.h"

/* ---- bad files ---- */
static void bad_files_are_named(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "line"},
        {"[]", "no model"},
        {"{\"model\": {}}", "vocab"},
        {"{\"model\": {\"type\": \"Markov\"}}", "Markov"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}}", "vocabulary"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}}}", "merges"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}", "\"a\""},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 1.5}, \"merges\": []}}", "\"a\""},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 2000000000}, \"merges\": []}}",
         "out of range"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}}",
         "both"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []}}",
         "\"a\" stands there twice"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a x\"]}}",
         "merge 0"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}}",
         "makes a piece"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a\"]}}", "no pair"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [7]}}", "no pair"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"unk_token\": "
         "\"u\"}}",
         "unknown token"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"dropout\": "
         "0.1}}",
         "dropout"},
        {"{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 1}}", "unk_id"},
        {"{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\"]], \"unk_id\": 0}}", "piece 0"},
        {"{\"normalizer\": {\"type\": \"Magic\"}, " MADE_CHARS "}", "normalizer Magic"},
        {"{\"pre_tokenizer\": {\"type\": \"UnicodeScripts\"}, " MADE_CHARS "}", "UnicodeScripts"},
        {"{\"decoder\": {\"type\": \"CTC\"}, " MADE_CHARS "}", "decoder CTC"},
        {"{\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": "
         "{\"id\": "
         "\"A\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}]}, " MADE_CHARS
         "}",
         "entry 1 of single is not valid"},
        {"{\"post_processor\": {\"type\": \"Odd\"}, " MADE_CHARS "}", "post_processor Odd"},
        {"{\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"s\", 77], \"cls\": "
         "[\"c\", 1]}, " MADE_CHARS "}",
         "77"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}}, " MADE_CHARS
         "}",
         "pattern"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
         "\"[a&&b]\"}}, " MADE_CHARS "}",
         "class"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"\"}}, " MADE_CHARS
         "}",
         "empty"},
        {"{\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": "
         "\"////AAAA\"}, " MADE_CHARS "}",
         "damaged"},
        {"{\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": "
         "\"*\"}, " MADE_CHARS "}",
         "base64"},
        {"{\"added_tokens\": [{\"id\": 1, \"content\": \"new\"}], " MADE_CHARS "}", "both"},
        {"{\"added_tokens\": [{\"id\": 4000000, \"content\": \"new\"}], " MADE_CHARS "}",
         "out of range"},
        {"{\"added_tokens\": [{\"content\": \"new\"}], " MADE_CHARS "}", "added token"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        made_tokenizer_fails(rows[i].text, rows[i].says);
    }
}

/* A GGUF file whose keys are spelled wrong lacks what a tokenizer needs. */
static void bad_gguf_metadata_is_named(void **state)
{
    static const struct {
        const char *model, *key, *says;
    } rows[] = {
        {"llama-f32", "tokenizer.ggml.model", "no tokenizer"},
        {"llama-f32", "tokenizer.ggml.tokens", "tokens"},
        {"llama-f32", "tokenizer.ggml.scores", "scores"},
        {"gpt2-f32", "tokenizer.ggml.merges", "merges"},
        {"gpt2-f32", "gpt-2", "gpt-X"},
        {"gpt2-f32", "h e", "no pair"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char from[64], *bytes = malloc(1 << 20), *found;
        struct attune_tokenizer *tk = NULL;
        struct attune_error err = {0};
        size_t n;
        FILE *f;

        assert_non_null(bytes);
        snprintf(from, sizeof from, "gguf/%s/model.gguf", rows[i].model);
        f = fopen(golden_path(from), "rb");
        assert_non_null(f);
        n = fread(bytes, 1, 1 << 20, f);
        fclose(f);
        found = memmem(bytes, n, rows[i].key, strlen(rows[i].key));
        assert_non_null(found);
        found[strlen(rows[i].key) - 1 - (rows[i].key[1] == ' ')] = 'X';
        made_bytes("y.gguf", bytes, n);
        free(bytes);
        if (attune_tokenizer_open(&tk, made_path("y.gguf"), &err) == ATTUNE_OK ||
            !strstr(err.text, rows[i].says) || !strstr(err.text, "y.gguf")) {
            fail_msg("%s: %s", rows[i].key, err.text);
        }
        assert_null(tk);
    }
}

static void deep_nesting_is_refused(void **state)
{
    enum { DEEP = 100000 };
    char *text = malloc(DEEP + 1);
    struct attune_tokenizer *tk;
    struct attune_error err;

    assert_non_null(text);
    memset(text, '[', DEEP);
    made_bytes("tokenizer.json", text, DEEP);
    assert_int_equal(attune_tokenizer_open(&tk, made_path("tokenizer.json"), &err), ATTUNE_FORMAT);
    free(text);
}

/* Forty steps, each of which doubles what the one before left: a terabyte. */
static void steps_that_multiply_are_stopped(void **state)
{
    static const char open[] = "{\"type\": \"Sequence\", \"%s\": [",
                      step[] = "{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, "
                               "\"content\": \"aa\"}";
    static const struct {
        const char *stage, *list;
    } stages[] = {{"normalizer", "normalizers"}, {"decoder", "decoders"}};
    static const attune_token ids[] = {1, 1};
    char text[8192], *back;
    struct attune_tokens tokens = {0};
    struct attune_error err;
    size_t len;

    for (size_t k = 0; k < 2; k++) {
        struct attune_tokenizer *tk;
        size_t n = (size_t)sprintf(text, "{\"%s\": ", stages[k].stage);

        n += (size_t)sprintf(text + n, open, stages[k].list);
        for (int i = 0; i < 40; i++) {
            n += (size_t)sprintf(text + n, "%s%s", i ? "," : "", step);
        }
        sprintf(text + n, "]}, " MADE_CHARS "}");
        tk = made_tokenizer(text);
        if (k == 0) {
            assert_int_equal(attune_tokenize(&tokens, tk, "ab", 2, NULL, &err), ATTUNE_UNSUPPORTED);
        } else {
            assert_int_equal(attune_detokenize(&back, &len, tk, ids, 2, false, true, &err),
                             ATTUNE_UNSUPPORTED);
            assert_int_equal(attune_token_bytes(tk, 1, text, sizeof text), 0);
        }
        assert_non_null(strstr(err.text, "multiplies"));
        attune_tokenizer_close(tk);
    }
    attune_tokens_done(&tokens);
}

static void a_packed_bomb_is_stopped(void **state)
{
    static const char zeros[1 << 20];
    struct attune_tokenizer *tk = NULL;
    struct attune_error err;
    gzFile gz = gzopen(made_path("tokenizer.json"), "wb");

    assert_non_null(gz);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(gzwrite(gz, zeros, sizeof zeros), sizeof zeros);
    }
    assert_int_equal(gzclose(gz), Z_OK);
    assert_int_equal(attune_tokenizer_open(&tk, made_path("tokenizer.json"), &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "tokenizer.json: unpacks to more than 100 times its size"));
    assert_int_equal(mkfifo(made_path("fifo"), 0666), 0);
    assert_int_equal(attune_tokenizer_open(&tk, made_path("fifo"), &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "fifo: neither a file nor a directory"));
}

static void gzip_is_read_and_cuts_are_noticed(void **state)
{
    char *text = made_byte_level_json(), packed[1 << 15];
    struct attune_tokenizer *tk = NULL;
    struct attune_error err;
    gzFile gz = gzopen(made_path("tokenizer.json"), "wb");
    size_t n;
    FILE *f;

    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, text, (unsigned)strlen(text)), strlen(text));
    assert_int_equal(gzclose(gz), Z_OK);
    assert_int_equal(attune_tokenizer_open(&tk, made_path("tokenizer.json"), &err), 0);
    made_check(tk, "the", "257:0-3");
    attune_tokenizer_close(tk);
    f = fopen(made_path("tokenizer.json"), "rb");
    assert_non_null(f);
    n = fread(packed, 1, sizeof packed, f);
    fclose(f);
    made_bytes("tokenizer.json", packed, n - 20);
    assert_int_equal(attune_tokenizer_open(&tk, made_path("tokenizer.json"), &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "gzip"));
    assert_int_equal(attune_tokenizer_open(&tk, "no/such/file", &err), ATTUNE_NOT_FOUND);
    assert_int_equal(attune_tokenizer_open(&tk, "/", &err), ATTUNE_NOT_FOUND);
    free(text);
}

/* Every file cut anywhere is an error, never a crash. */
static void cut_files_are_errors(void **state)
{
    char *text = made_byte_level_json();

    for (size_t len = 0; len < strlen(text); len += 37) {
        struct attune_tokenizer *tk = NULL;

        made_bytes("tokenizer.json", text, len);
        assert_int_not_equal(attune_tokenizer_open(&tk, made_path("tokenizer.json"), NULL),
                             ATTUNE_OK);
        assert_null(tk);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(bad_gguf_metadata_is_named),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(steps_that_multiply_are_stopped),
        cmocka_unit_test(a_packed_bomb_is_stopped),
        cmocka_unit_test(gzip_is_read_and_cuts_are_noticed),
        cmocka_unit_test(cut_files_are_errors),
    };
    return cmocka_run_group_tests_name("tokenizer fault", tests, made_begin, made_end);
}
