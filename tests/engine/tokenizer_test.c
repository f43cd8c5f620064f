/* Tokenizers written by hand: small enough to check by eye, broken in every way a file can be. */
#include <config.h>

#include <attune/tokenizer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

static char path[] = "tokenizer_test.XXXXXX";

static void write_bytes(const char *text, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static struct attune_tokenizer *open_text(const char *text)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};

    write_bytes(text, strlen(text));
    if (attune_tokenizer_open(&tk, path, &err)) {
        fail_msg("%s", err.text);
    }
    return tk;
}

/* ids separated by spaces, and after a bar the offsets. */
static void check(const struct attune_tokenizer *tk, const char *text, size_t len, const char *want)
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

static void check_text(const struct attune_tokenizer *tk, const char *text, const char *want)
{
    check(tk, text, strlen(text), want);
}

/* ---- a byte-level vocabulary of all 256 bytes and two merges ---- */
static char *byte_level_json(void)
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

static struct attune_tokenizer *open_byte_level(void)
{
    char *text = byte_level_json();
    struct attune_tokenizer *tk = open_text(text);

    free(text);
    return tk;
}

static void merges_go_by_rank_and_cover_their_bytes(void **state)
{
    struct attune_tokenizer *tk = open_byte_level();

    check_text(tk, "the the", "257:0-3 258:3-7");
    check_text(tk, "", "");
    check_text(tk, "th<end>e", "256:0-2 259:2-7 101:7-8");
    check_text(tk, "\xc3\xa9", "195:0-2 169:0-2"); /* both bytes cover the whole character */
    check(tk, "a\0b", 3, "97:0-1 0:1-2 98:2-3");
    check(tk, "a\xff\xfe t", 5, "97:0-1 255:1-2 254:2-3 32:3-4 116:4-5");
    attune_tokenizer_close(tk);
}

static void templates_lay_out_pairs(void **state)
{
    struct attune_tokenizer *tk = open_byte_level();
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
    struct attune_tokenizer *tk = open_byte_level();
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
    struct attune_tokenizer *tk = open_byte_level();
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
    struct attune_tokenizer *tk = open_byte_level();
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
    struct attune_tokenizer *tk = open_byte_level(), *again = open_byte_level();
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

/* ---- other models ---- */
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
    struct attune_tokenizer *tk = open_text(BYTE_FALLBACK);
    static const attune_token ids[] = {6, 5, 3, 1, 2}, broken[] = {4, 1, 1};
    char *text;
    size_t len;

    check_text(tk, "ab a", "6:0-1 5:1-2 6:2-4");
    check_text(tk, " a", "3:0-1 6:0-2");
    check_text(tk, "\xc3\xa9zzb", "3:0-2 1:0-2 2:0-2 0:2-4 5:4-5");
    assert_int_equal(attune_detokenize(&text, &len, tk, ids, 5, false, true, NULL), 0);
    assert_string_equal(text, "ab \xc3\xa9");
    free(text);
    assert_int_equal(attune_detokenize(&text, &len, tk, broken, 3, false, true, NULL), 0);
    assert_string_equal(text,
                        "a\xef\xbf\xbd\xef\xbf\xbd"); /* bytes that form nothing: one U+FFFD each */
    free(text);
    attune_tokenizer_close(tk);
}

static void text_that_is_no_utf8_needs_bytes(void **state)
{
    struct attune_tokenizer *tk = open_text(BYTE_FALLBACK);
    struct attune_tokens tokens = {0};
    struct attune_error err;

    assert_int_equal(attune_tokenize(&tokens, tk, "ab\xff", 3, NULL, &err), ATTUNE_ARGUMENT);
    assert_int_equal(err.where, 2);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

static void wordpiece_takes_the_longest_piece(void **state)
{
    struct attune_tokenizer *tk =
        open_text("{\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}, "
                  "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
                  "\"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true},"
                  "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"?\", "
                  "\"continuing_subword_prefix\": \"##\","
                  "\"max_input_chars_per_word\": 6, \"vocab\": {\"?\": 0, \"un\": 1, \"##do\": 2, "
                  "\"undo\": 3, \"##ing\": 4, \",\": 5, \"\\u4f60\": 6}}}");
    static const attune_token ids[] = {3, 4, 5, 1};
    char *text;
    size_t len;

    check_text(tk, "UNDO,undo", "3:0-4 5:4-5 3:5-9");
    check_text(tk, "unx undoing", "0:0-3 0:4-11"); /* one part missing; too long */
    check_text(tk,
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
    struct attune_tokenizer *tk =
        open_text("{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", "
                  "\"prepend_scheme\": \"always\"},"
                  "\"decoder\": {\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", "
                  "\"prepend_scheme\": \"always\"},"
                  "\"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], "
                  "[\"\\u2581\", -2], [\"a\", -3], [\"b\", -3],"
                  "[\"ab\", -5], [\"\\u2581a\", -4.5], [\"abab\", -9]]}}");
    static const attune_token ids[] = {5, 3, 1, 4};
    char *text;
    size_t len;

    check_text(tk, "ab", "1:0-1 4:0-2");
    check_text(tk, "xy", "1:0-1 0:0-2"); /* neighbours that are unknown are one */
    assert_int_equal(attune_detokenize(&text, &len, tk, ids, 4, false, true, NULL), 0);
    assert_string_equal(text, "ab ab");
    free(text);
    attune_tokenizer_close(tk);
}

/* ---- steps ---- */
#define CHARS                                                                                      \
    "\"model\": {\"type\": \"BPE\", \"unk_token\": \"?\", \"vocab\": {\"?\": 0, \"a\": 1, \"b\": " \
    "2, \"-\": 3, \"ab\": 4, \"\xc3\xa9\": 5, \"e\": 6, \" \": 7, \"a-\": 8, \"-a\": 9, \"--\": "  \
    "10}, \"merges\": [\"a b\", \"a -\", \"- a\", \"- -\"]}"

static void split_behaviors_differ(void **state)
{
    static const struct {
        const char *behavior, *want;
    } rows[] = {
        {"Isolated", "1:0-1 3:1-2 3:2-3 1:3-4"},     {"Removed", "1:0-1 1:3-4"},
        {"MergedWithPrevious", "8:0-2 3:2-3 1:3-4"}, {"MergedWithNext", "1:0-1 3:1-2 9:2-4"},
        {"Contiguous", "1:0-1 10:1-3 1:3-4"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[600];
        struct attune_tokenizer *tk;

        snprintf(text, sizeof text,
                 "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"-\"}, "
                 "\"behavior\": \"%s\"}, " CHARS "}",
                 rows[i].behavior);
        tk = open_text(text);
        check_text(tk, "a--a", rows[i].want);
        attune_tokenizer_close(tk);
    }
}

static void normal_forms_keep_the_offsets(void **state)
{
    struct attune_tokenizer *nfc = open_text("{\"normalizer\": {\"type\": \"NFC\"}, " CHARS "}");
    struct attune_tokenizer *nfd =
        open_text("{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": "
                  "\"NFD\"}, {\"type\": \"StripAccents\"},"
                  "{\"type\": \"Lowercase\"}]}, " CHARS "}");

    check_text(nfc,
               "ae\xcc\x81"
               "b",
               "1:0-1 5:1-2 2:4-5"); /* the composite stands where its base stood */
    check_text(nfd,
               "A\xc3\x89"
               "B",
               "1:0-1 6:1-3 2:3-4");
    attune_tokenizer_close(nfc);
    attune_tokenizer_close(nfd);
}

static void added_tokens_are_found_first(void **state)
{
    struct attune_tokenizer *tk =
        open_text("{\"added_tokens\": [{\"id\": 20, \"content\": \"<x>\", \"lstrip\": true, "
                  "\"rstrip\": true, \"normalized\": false},"
                  "{\"id\": 21, \"content\": \"<x>>\", \"normalized\": false}, {\"id\": 22, "
                  "\"content\": \"ba\", \"single_word\": true,"
                  "\"normalized\": false}], " CHARS "}");

    check_text(tk, "a <x> b", "1:0-1 20:1-6 2:6-7");
    check_text(tk, "<x>><x>", "21:0-4 20:4-7"); /* the longest wins */
    check_text(tk, "bab ba", "2:0-1 4:1-3 7:3-4 22:4-6");
    assert_int_equal(attune_token_kind(tk, 20), ATTUNE_TOKEN_ADDED);
    assert_int_equal(attune_token_kind(tk, 15), ATTUNE_TOKEN_UNUSED);
    attune_tokenizer_close(tk);
}

/* A class in a class is a union in these patterns. */
static void patterns_mean_what_their_author_meant(void **state)
{
    struct attune_tokenizer *tk =
        open_text("{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
                  "\"[^(\\\\s|[-])]+\"}, \"behavior\": \"Removed\","
                  "\"invert\": true}, " CHARS "}");

    check_text(tk, "ab-a b", "4:0-2 1:3-4 2:5-6");
    attune_tokenizer_close(tk);
    tk = open_text("{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
                   "\"\\\\p{L}|[^\\\\s\\\\p{N}]\"},"
                   "\"behavior\": \"Removed\"}, " CHARS "}");
    check_text(tk, "a\xf0\x91\x8e\x90", "");             /* U+11390 is a letter since Unicode 16 */
    check_text(tk, "\xf0\x90\xb5\x80", "0:0-4");         /* U+10D40 a digit */
    check_text(tk, "\xe1\xa0\x8e\xe2\x80\x83", "0:3-6"); /* U+180E is no space, U+2003 is */
    attune_tokenizer_close(tk);
}

static void a_pattern_that_explodes_is_an_error(void **state)
{
    struct attune_tokenizer *tk =
        open_text("{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
                  "\"^(a|a|aa)+$(?=x)\"}, \"behavior\": \"Isolated\"}, " CHARS "}");
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};

    assert_int_equal(attune_tokenize(&tokens, tk,
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 50,
                                     NULL, &err),
                     ATTUNE_UNSUPPORTED);
    assert_non_null(strstr(err.text, "pattern"));
    assert_int_equal(tokens.n, 0);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

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
         "duplicate"},
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
        {"{\"normalizer\": {\"type\": \"Magic\"}, " CHARS "}", "normalizer Magic"},
        {"{\"pre_tokenizer\": {\"type\": \"UnicodeScripts\"}, " CHARS "}", "UnicodeScripts"},
        {"{\"decoder\": {\"type\": \"CTC\"}, " CHARS "}", "decoder CTC"},
        {"{\"post_processor\": {\"type\": \"Odd\"}, " CHARS "}", "post_processor Odd"},
        {"{\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"s\", 77], \"cls\": "
         "[\"c\", 1]}, " CHARS "}",
         "77"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}}, " CHARS "}",
         "pattern"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a&&b]\"}}, " CHARS
         "}",
         "class"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"\"}}, " CHARS "}",
         "empty"},
        {"{\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": "
         "\"////AAAA\"}, " CHARS "}",
         "damaged"},
        {"{\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"*\"}, " CHARS
         "}",
         "base64"},
        {"{\"added_tokens\": [{\"id\": 1, \"content\": \"new\"}], " CHARS "}", "both"},
        {"{\"added_tokens\": [{\"id\": 4000000, \"content\": \"new\"}], " CHARS "}",
         "out of range"},
        {"{\"added_tokens\": [{\"content\": \"new\"}], " CHARS "}", "added token"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct attune_tokenizer *tk = NULL;
        struct attune_error err = {0};

        write_bytes(rows[i].text, strlen(rows[i].text));
        if (attune_tokenizer_open(&tk, path, &err) == ATTUNE_OK ||
            !strstr(err.text, rows[i].says) || !strstr(err.text, path)) {
            fail_msg("%s: %s", rows[i].text, err.text);
        }
        assert_null(tk);
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
    const char *golden = getenv("ATTUNE_GOLDEN");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char file[4096], *bytes = malloc(1 << 20), *found;
        struct attune_tokenizer *tk = NULL;
        struct attune_error err = {0};
        size_t n;
        FILE *f;

        snprintf(file, sizeof file, "%s/gguf/%s/model.gguf", golden ? golden : "tests/golden",
                 rows[i].model);
        f = fopen(file, "rb");
        assert_non_null(f);
        n = fread(bytes, 1, 1 << 20, f);
        fclose(f);
        found = memmem(bytes, n, rows[i].key, strlen(rows[i].key));
        assert_non_null(found);
        found[strlen(rows[i].key) - 1 - (rows[i].key[1] == ' ')] = 'X';
        write_bytes(bytes, n);
        free(bytes);
        if (attune_tokenizer_open(&tk, path, &err) == ATTUNE_OK ||
            !strstr(err.text, rows[i].says)) {
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
    write_bytes(text, DEEP);
    assert_int_equal(attune_tokenizer_open(&tk, path, &err), ATTUNE_FORMAT);
    free(text);
}

static void gzip_is_read_and_cuts_are_noticed(void **state)
{
    char *text = byte_level_json(), packed[1 << 15];
    struct attune_tokenizer *tk = NULL;
    struct attune_error err;
    gzFile gz = gzopen(path, "wb");
    size_t n;
    FILE *f;

    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, text, (unsigned)strlen(text)), strlen(text));
    assert_int_equal(gzclose(gz), Z_OK);
    assert_int_equal(attune_tokenizer_open(&tk, path, &err), 0);
    check_text(tk, "the", "257:0-3");
    attune_tokenizer_close(tk);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(packed, 1, sizeof packed, f);
    fclose(f);
    write_bytes(packed, n - 20);
    assert_int_equal(attune_tokenizer_open(&tk, path, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "gzip"));
    assert_int_equal(attune_tokenizer_open(&tk, "no/such/file", &err), ATTUNE_NOT_FOUND);
    assert_int_equal(attune_tokenizer_open(&tk, "/", &err), ATTUNE_NOT_FOUND);
    free(text);
}

/* Every file cut anywhere is an error, never a crash. */
static void cut_files_are_errors(void **state)
{
    char *text = byte_level_json();

    for (size_t len = 0; len < strlen(text); len += 37) {
        struct attune_tokenizer *tk = NULL;

        write_bytes(text, len);
        assert_int_not_equal(attune_tokenizer_open(&tk, path, NULL), ATTUNE_OK);
        assert_null(tk);
    }
    free(text);
}

static int make_path(void **state)
{
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    return unlink(path);
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
        cmocka_unit_test(text_that_is_no_utf8_needs_bytes),
        cmocka_unit_test(wordpiece_takes_the_longest_piece),
        cmocka_unit_test(unigram_finds_the_best_sum),
        cmocka_unit_test(split_behaviors_differ),
        cmocka_unit_test(normal_forms_keep_the_offsets),
        cmocka_unit_test(added_tokens_are_found_first),
        cmocka_unit_test(patterns_mean_what_their_author_meant),
        cmocka_unit_test(a_pattern_that_explodes_is_an_error),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(bad_gguf_metadata_is_named),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(gzip_is_read_and_cuts_are_noticed),
        cmocka_unit_test(cut_files_are_errors),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, make_path, remove_path);
}
