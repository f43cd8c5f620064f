/* Tokenizers written by hand, small enough to check by eye: every model, both ways. */
#include <config.h>

#include <attune/tokenizer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "made.h"

static void merges_go_by_rank_and_cover_their_bytes(void **state)
{
    struct attune_tokenizer *tk = made_byte_level();

    made_check(tk, "the the", "257:0-3 258:3-7");
    made_check(tk, "", "");
    made_check(tk, "th<end>e", "256:0-2 259:2-7 101:7-8");
    made_check(tk, "\xc3\xa9", "195:0-2 169:0-2"); /* both bytes cover the whole character */
    made_check_bytes(tk, "a\0b", 3, "97:0-1 0:1-2 98:2-3");
    made_check_bytes(tk, "a\xff\xfe t", 5, "97:0-1 255:1-2 254:2-3 32:3-4 116:4-5");
    attune_tokenizer_close(tk);
}

static void templates_lay_out_pairs(void **state)
{
    struct attune_tokenizer *tk = made_byte_level();
    struct attune_tokenize_options options = {.add_special = true, .pair = "b", .pair_len = 1};
    struct attune_tokens tokens = {0};

    assert_int_equal(attune_tokenize(&tokens, tk, "the", 3, &options, NULL), 0);
    assert_int_equal(tokens.n, 3);
    assert_int_equal(tokens.ids[1], 259);
    assert_int_equal(tokens.special[0], 0);
    assert_int_equal(tokens.special[1], 1);
    assert_int_equal(tokens.start[1] + tokens.end[1], 0);
    assert_int_equal(tokens.type_ids[1], 0);
    assert_int_equal(tokens.ids[2], 'b');
    assert_int_equal(tokens.type_ids[2], 1);
    assert_int_equal(tokens.end[2], 1);
    options.add_special = false;
    assert_int_equal(attune_tokenize(&tokens, tk, "the", 3, &options, NULL), 0);
    assert_int_equal(tokens.n, 2);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

/* Whatever bytes go in come out again. */
static void random_bytes_survive(void **state)
{
    struct attune_tokenizer *tk = made_byte_level();
    struct attune_tokens tokens = {0};
    uint32_t seed = 1;

    for (int round = 0; round < 3000; round++) {
        char text[300], *back;
        size_t len, back_len;

        seed = seed * 1664525 + 1013904223;
        len = seed >> 16 & 0xff;
        for (size_t i = 0; i < len; i++) {
            static const char often[] = "the <end>\xc3\xa9\xe2\x96\x81\n";

            seed = seed * 1664525 + 1013904223;
            text[i] =
                seed & 0x80000 ? (char)(seed >> 24) : often[(seed >> 24) % (sizeof often - 1)];
        }
        assert_int_equal(attune_tokenize(&tokens, tk, text, len, NULL, NULL), 0);
        for (size_t i = 0; i < tokens.n; i++) {
            assert_true(tokens.start[i] < tokens.end[i] && tokens.end[i] <= len);
        }
        assert_int_equal(
            attune_detokenize(&back, &back_len, tk, tokens.ids, tokens.n, false, false, NULL), 0);
        assert_int_equal(back_len, len);
        assert_memory_equal(back, text, len);
        free(back);
    }
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

/* The heap that long words take gives what the scan of short ones gives. */
static void long_words_merge_like_short_ones(void **state)
{
    struct attune_tokenizer *tk = made_byte_level();
    struct attune_tokens tokens = {0};
    char text[3 * 400 + 1] = "";

    for (int i = 0; i < 400; i++) {
        memcpy(text + 3 * i, "the", 3);
    }
    assert_int_equal(attune_tokenize(&tokens, tk, text, 1200, NULL, NULL), 0);
    assert_int_equal(tokens.n, 400);
    for (size_t i = 0; i < 400; i++) {
        assert_int_equal(tokens.ids[i], 257);
        assert_int_equal(tokens.start[i], 3 * i);
    }
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

static void decoding_is_lossy_on_request_only(void **state)
{
    struct attune_tokenizer *tk = made_byte_level();
    static const attune_token ids[] = {0xe2, 0x96, 'a', 259, 0xff}, wrong[] = {260},
                              negative[] = {-1};
    struct attune_error err;
    char *text;
    size_t len;

    assert_int_equal(attune_detokenize(&text, &len, tk, ids, 5, true, true, NULL), 0);
    assert_string_equal(text, "\xef\xbf\xbd"
                              "a"
                              "\xef\xbf\xbd"); /* a cut character is one U+FFFD */
    free(text);
    assert_int_equal(attune_detokenize(&text, &len, tk, ids, 5, false, false, NULL), 0);
    assert_string_equal(text, "\xe2\x96"
                              "a<end>\xff");
    free(text);
    assert_int_equal(attune_detokenize(&text, &len, tk, wrong, 1, false, true, &err),
                     ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "260"));
    assert_null(text);
    assert_int_equal(attune_detokenize(&text, &len, tk, negative, 1, false, true, &err),
                     ATTUNE_ARGUMENT);
    attune_tokenizer_close(tk);
}

static void a_vocabulary_can_be_asked(void **state)
{
    struct attune_tokenizer *tk = made_byte_level(), *again = made_byte_level();
    char bytes[8];

    assert_int_equal(attune_tokenizer_size(tk), 260);
    assert_string_equal(attune_tokenizer_name(tk), "bpe");
    assert_string_equal(attune_token_piece(tk, 258), "\xc4\xa0the");
    assert_null(attune_token_piece(tk, 260));
    assert_null(attune_token_piece(tk, -1));
    assert_int_equal(attune_token_find(tk, "the"), 257);
    assert_int_equal(attune_token_find(tk, "cat"), ATTUNE_TOKEN_NONE);
    assert_int_equal(attune_token_kind(tk, 259), ATTUNE_TOKEN_SPECIAL);
    assert_int_equal(attune_token_kind(tk, 1), ATTUNE_TOKEN_NORMAL);
    assert_int_equal(attune_token_kind(tk, 999), ATTUNE_TOKEN_UNUSED);
    assert_int_equal(attune_token_bytes(tk, 258, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, " the", 4);
    assert_int_equal(attune_token_bytes(tk, 258, bytes, 1), 4);
    assert_int_equal(attune_token_bytes(tk, 9999, bytes, 1), 0);
    assert_int_equal(attune_tokenizer_digest(tk), attune_tokenizer_digest(again));
    attune_tokenizer_close(again);
    attune_tokenizer_close(tk);
    attune_tokenizer_close(NULL);
}

#define BYTE_FALLBACK                                                                              \
    "{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", "         \
    "\"prepend\": \"\\u2581\"},"                                                                   \
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\\u2581\"}]},"       \
    "\"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": "   \
    "{\"String\": \"\\u2581\"},"                                                                   \
    "\"content\": \" \"}, {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, {\"type\": "         \
    "\"Strip\", \"content\": \" \","                                                               \
    "\"start\": 1, \"stop\": 0}]}, \"model\": {\"type\": \"BPE\", \"unk_token\": \"<unk>\", "      \
    "\"fuse_unk\": true,"                                                                          \
    "\"byte_fallback\": true, \"vocab\": {\"<unk>\": 0, \"<0xC3>\": 1, \"<0xA9>\": 2, "            \
    "\"\\u2581\": 3, \"a\": 4,"                                                                    \
    "\"b\": 5, \"\\u2581a\": 6, \"ab\": 7}, \"merges\": [\"\\u2581 a\", \"a b\"]}}"

static void bytes_stand_in_for_unknown_characters(void **state)
{
    struct attune_tokenizer *tk = made_tokenizer(BYTE_FALLBACK);
    static const attune_token ids[] = {6, 5, 3, 1, 2}, broken[] = {4, 1, 1};
    char *text;
    size_t len;

    made_check(tk, "ab a", "6:0-1 5:1-2 6:2-4");
    made_check(tk, " a", "3:0-1 6:0-2");
    made_check(tk, "\xc3\xa9zzb", "3:0-2 1:0-2 2:0-2 0:2-4 5:4-5");
    assert_int_equal(attune_detokenize(&text, &len, tk, ids, 5, false, true, NULL), 0);
    assert_string_equal(text, "ab \xc3\xa9");
    free(text);
    assert_int_equal(attune_detokenize(&text, &len, tk, broken, 3, false, true, NULL), 0);
    assert_string_equal(text,
                        "a\xef\xbf\xbd\xef\xbf\xbd"); /* bytes that form nothing: one U+FFFD each */
    free(text);
    attune_tokenizer_close(tk);
}

/* As CLIP spells them: a mark at the end of words, none inside. */
static void words_may_end_in_a_suffix(void **state)
{
    struct attune_tokenizer *tk = made_tokenizer(
        "{\"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, \"model\": {\"type\": \"BPE\", "
        "\"end_of_word_suffix\": \"</w>\", \"vocab\": {\"a\": 0, \"b\": 1, \"a</w>\": 2, "
        "\"b</w>\": 3, \"ab</w>\": 4}, \"merges\": [\"a b</w>\"]}}");

    made_check(tk, "ab a ba", "4:0-2 2:3-4 1:5-6 2:6-7");
    attune_tokenizer_close(tk);
}

static void text_that_is_no_utf8_needs_bytes(void **state)
{
    struct attune_tokenizer *tk = made_tokenizer(BYTE_FALLBACK);
    struct attune_tokens tokens = {0};
    struct attune_error err;

    assert_int_equal(attune_tokenize(&tokens, tk, "ab\xff", 3, NULL, &err), ATTUNE_ARGUMENT);
    assert_int_equal(err.where, 2);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

static void wordpiece_takes_the_longest_piece(void **state)
{
    struct attune_tokenizer *tk = made_tokenizer(
        "{\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}, "
        "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
        "\"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true},"
        "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"?\", "
        "\"continuing_subword_prefix\": \"##\","
        "\"max_input_chars_per_word\": 6, \"vocab\": {\"?\": 0, \"un\": 1, \"##do\": 2, "
        "\"undo\": 3, \"##ing\": 4, \",\": 5, \"\\u4f60\": 6}}}");
    static const attune_token ids[] = {3, 4, 5, 1};
    char *text;
    size_t len;

    made_check(tk, "UNDO,undo", "3:0-4 5:4-5 3:5-9");
    made_check(tk, "unx undoing", "0:0-3 0:4-11"); /* one part missing; too long */
    made_check(tk,
               "\xc3\xba"
               "n\xe4\xbd\xa0",
               "1:0-3 6:3-6"); /* accent gone, ideograph alone */
    assert_int_equal(attune_detokenize(&text, &len, tk, ids, 4, false, true, NULL), 0);
    assert_string_equal(text, "undoing, un");
    free(text);
    attune_tokenizer_close(tk);
}

static void unigram_finds_the_best_sum(void **state)
{
    struct attune_tokenizer *tk = made_tokenizer(
        "{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", "
        "\"prepend_scheme\": \"always\"},"
        "\"decoder\": {\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", "
        "\"prepend_scheme\": \"always\"},"
        "\"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], "
        "[\"\\u2581\", -2], [\"a\", -3], [\"b\", -3],"
        "[\"ab\", -5], [\"\\u2581a\", -4.5], [\"abab\", -9]]}}");
    static const attune_token ids[] = {5, 3, 1, 4};
    char *text;
    size_t len;

    made_check(tk, "ab", "1:0-1 4:0-2");
    made_check(tk, "xy", "1:0-1 0:0-2"); /* neighbours that are unknown are one */
    assert_int_equal(attune_detokenize(&text, &len, tk, ids, 4, false, true, NULL), 0);
    assert_string_equal(text, "ab ab");
    free(text);
    attune_tokenizer_close(tk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_go_by_rank_and_cover_their_bytes),
        cmocka_unit_test(templates_lay_out_pairs),
        cmocka_unit_test(random_bytes_survive),
        cmocka_unit_test(long_words_merge_like_short_ones),
        cmocka_unit_test(decoding_is_lossy_on_request_only),
        cmocka_unit_test(a_vocabulary_can_be_asked),
        cmocka_unit_test(bytes_stand_in_for_unknown_characters),
        cmocka_unit_test(words_may_end_in_a_suffix),
        cmocka_unit_test(text_that_is_no_utf8_needs_bytes),
        cmocka_unit_test(wordpiece_takes_the_longest_piece),
        cmocka_unit_test(unigram_finds_the_best_sum),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, made_begin, made_end);
}
