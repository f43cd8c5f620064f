/* Nothing of a tokenizer.json is skipped: what is not known is named, whatever kind of part it is.
 */
#include <config.h>

#include <attune/tokenizer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "made.h"

/* Every part there is, with as little in it as it takes. */
static const struct {
    const char *kind, *type, *body;
} parts[] = {
    {"normalizer", "Prepend", ", \"prepend\": \"a\""},
    {"normalizer", "Replace", ", \"pattern\": {\"String\": \"a\"}, \"content\": \"b\""},
    {"normalizer", "NFC", ""},
    {"normalizer", "NFD", ""},
    {"normalizer", "NFKC", ""},
    {"normalizer", "NFKD", ""},
    {"normalizer", "Lowercase", ""},
    {"normalizer", "StripAccents", ""},
    {"normalizer", "Nmt", ""},
    {"normalizer", "BertNormalizer", ""},
    {"normalizer", "Strip", ""},
    {"pre_tokenizer", "Split", ", \"pattern\": {\"Regex\": \"a+\"}, \"behavior\": \"Removed\""},
    {"pre_tokenizer", "ByteLevel", ""},
    {"pre_tokenizer", "Metaspace", ", \"replacement\": \"-\""},
    {"pre_tokenizer", "Whitespace", ""},
    {"pre_tokenizer", "WhitespaceSplit", ""},
    {"pre_tokenizer", "Digits", ""},
    {"pre_tokenizer", "Punctuation", ""},
    {"pre_tokenizer", "BertPreTokenizer", ""},
    {"pre_tokenizer", "CharDelimiterSplit", ", \"delimiter\": \"-\""},
    {"post_processor", "TemplateProcessing", ""},
    {"post_processor", "ByteLevel", ""},
    {"post_processor", "RobertaProcessing", ", \"cls\": [\"a\", 1], \"sep\": [\"b\", 2]"},
    {"post_processor", "BertProcessing", ", \"cls\": [\"a\", 1], \"sep\": [\"b\", 2]"},
    {"decoder", "ByteLevel", ""},
    {"decoder", "ByteFallback", ""},
    {"decoder", "Fuse", ""},
    {"decoder", "Strip", ", \"content\": \"a\", \"start\": 1, \"stop\": 0"},
    {"decoder", "Replace", ", \"pattern\": {\"String\": \"a\"}, \"content\": \"b\""},
    {"decoder", "Metaspace", ", \"replacement\": \"-\""},
    {"decoder", "WordPiece", ", \"prefix\": \"-\""},
    {"decoder", "BPEDecoder", ", \"suffix\": \"-\""},
};

static void unknown_options_of_every_part_are_named(void **state)
{
    char json[1024], says[128];

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(json, sizeof json, "{\"%s\": {\"type\": \"%s\"%s}, " MADE_CHARS "}", parts[i].kind,
                 parts[i].type, parts[i].body);
        attune_tokenizer_close(made_tokenizer(json));
        snprintf(json, sizeof json, "{\"%s\": {\"type\": \"%s\"%s, \"colour\": 1}, " MADE_CHARS "}",
                 parts[i].kind, parts[i].type, parts[i].body);
        snprintf(says, sizeof says, "%s %s: colour is not supported", parts[i].kind, parts[i].type);
        made_tokenizer_fails(json, says);
    }
}

static void unknown_parts_of_every_kind_are_named(void **state)
{
    static const char *const kinds[][2] = {
        {"normalizer", "normalizers"},
        {"pre_tokenizer", "pretokenizers"},
        {"post_processor", "processors"},
        {"decoder", "decoders"},
    };
    char json[1024], says[128];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(says, sizeof says, "%s Magic is not supported", kinds[i][0]);
        snprintf(json, sizeof json, "{\"%s\": {\"type\": \"Magic\"}, " MADE_CHARS "}", kinds[i][0]);
        made_tokenizer_fails(json, says);
        snprintf(json, sizeof json,
                 "{\"%s\": {\"type\": \"Sequence\", \"%s\": [{\"type\": \"Sequence\", \"%s\": "
                 "[{\"type\": \"Magic\"}]}]}, " MADE_CHARS "}",
                 kinds[i][0], kinds[i][1], kinds[i][1]);
        made_tokenizer_fails(json, says);
        snprintf(json, sizeof json,
                 "{\"%s\": {\"type\": \"Sequence\", \"%s\": [], \"x\": 1}, " MADE_CHARS "}",
                 kinds[i][0], kinds[i][1]);
        snprintf(says, sizeof says, "%s: x is not supported", kinds[i][0]);
        made_tokenizer_fails(json, says);
        snprintf(json, sizeof json, "{\"%s\": {\"colour\": 1}, " MADE_CHARS "}", kinds[i][0]);
        snprintf(says, sizeof says, "%s: has no type", kinds[i][0]);
        made_tokenizer_fails(json, says);
    }
    made_tokenizer_fails("{\"normalizer\": {\"type\": \"gguf.Bert\"}, " MADE_CHARS "}",
                         "normalizer gguf.Bert is not supported");
    made_tokenizer_fails("{\"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0}}}",
                         "model WordLevel is not supported");
}

static void unknown_members_of_models_and_files_are_named(void **state)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"colour\": 1}}",
         "model BPE: colour is not supported"},
        {"{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 0, \"colour\": "
         "1}}",
         "model Unigram: colour is not supported"},
        {"{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}, \"unk_token\": \"a\", "
         "\"continuing_subword_prefix\": \"\", \"colour\": 1}}",
         "model WordPiece: colour is not supported"},
        {"{\"model\": {\"vocab\": {\"a\": 0}, \"merges\": [], \"colour\": 1}}",
         "model BPE: colour is not supported"},
        {"{\"colour\": 1, " MADE_CHARS "}", "colour is not supported"},
        {"{\"version\": \"2.0\", " MADE_CHARS "}", "version 2.0 is not supported"},
        {"{\"added_tokens\": [{\"id\": 11, \"content\": \"x\", \"colour\": 1}], " MADE_CHARS "}",
         "added token: colour is not supported"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        made_tokenizer_fails(rows[i].json, rows[i].says);
    }
}

static void unknown_values_are_named(void **state)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, "
         "\"behavior\": \"Sideways\"}, " MADE_CHARS "}",
         "pre_tokenizer Split: behavior Sideways is not supported"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, "
         "\"behavior\": 3}, " MADE_CHARS "}",
         "behavior is no string"},
        {"{\"pre_tokenizer\": {\"type\": \"Punctuation\", \"behavior\": \"Sideways\"}, " MADE_CHARS
         "}",
         "pre_tokenizer Punctuation: behavior Sideways is not supported"},
        {"{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Glob\": \"a*\"}, "
         "\"behavior\": \"Removed\"}, " MADE_CHARS "}",
         "pre_tokenizer Split: String is missing"},
        {"{\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"-\", "
         "\"prepend_scheme\": \"last\"}, " MADE_CHARS "}",
         "pre_tokenizer Metaspace: prepend_scheme last is not supported"},
        {"{\"decoder\": {\"type\": \"Metaspace\", \"replacement\": \"-\", \"prepend_scheme\": "
         "\"last\"}, " MADE_CHARS "}",
         "decoder Metaspace: prepend_scheme last is not supported"},
        {"{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"use_regex\": \"yes\"}, " MADE_CHARS "}",
         "pre_tokenizer ByteLevel: use_regex is neither true nor false"},
        {"{\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": 1}, " MADE_CHARS "}",
         "normalizer BertNormalizer: lowercase is neither true nor false"},
        {"{\"decoder\": {\"type\": \"Strip\", \"content\": \"a\", \"start\": -1, \"stop\": "
         "0}, " MADE_CHARS "}",
         "decoder Strip: start is no number of 0 or more"},
        {"{\"decoder\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a\"}, \"content\": "
         "\"b\"}, " MADE_CHARS "}",
         "decoder Replace: a regular expression is not supported here"},
        {"{\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Magic\": {}}], "
         "\"pair\": [], \"special_tokens\": {}}, " MADE_CHARS "}",
         "post_processor TemplateProcessing: entry 0 of single is not valid"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"fuse_unk\": "
         "\"no\"}}",
         "model BPE: fuse_unk is neither true nor false"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"unk_token\": "
         "7}}",
         "unk_token is no string"},
        {"{\"added_tokens\": [{\"id\": 11, \"content\": \"x\", \"special\": 1}], " MADE_CHARS "}",
         "added token: special is neither true nor false"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        made_tokenizer_fails(rows[i].json, rows[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_options_of_every_part_are_named),
        cmocka_unit_test(unknown_parts_of_every_kind_are_named),
        cmocka_unit_test(unknown_members_of_models_and_files_are_named),
        cmocka_unit_test(unknown_values_are_named),
    };
    return cmocka_run_group_tests_name("tokenizer options", tests, made_begin, made_end);
}
