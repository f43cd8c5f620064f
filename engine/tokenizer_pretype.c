/* Pre-tokenizers that a GGUF file names by tokenizer.ggml.pre: patterns applied one after the
 * other, each cutting what the one before left. Names and patterns as llama.cpp has them
 * (src/llama-vocab.cpp). */
#include <config.h>

#include <string.h>

#include "engine/tokenizer_parts.h"

#define GPT2         "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CONTRACTIONS "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define LINES        "[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LLAMA3       CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+" LINES
#define QWEN2        CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+" LINES
#define QWEN35                                                                                     \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+" LINES
#define BLOOM   " ?[^(\\s|.,!?…。，、।۔،)]+"
#define UPPER   "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))"
#define LOWER   "((?=[\\p{L}])([^A-Z]))"
#define SLASHES "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CASED                                                                                                                                                    \
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-"                                                        \
    "Ᏽᏸ-"                                                                                                                                                    \
    "ᏽᲐ-"                                                                                                                                                    \
    "ᲺᲽ-"                                                                                                                                                    \
    "Ჿᴀ-"                                                                                                                                                    \
    "ᴫᵫ-"                                                                                                                                                    \
    "ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗ"                                                                                                              \
    "ὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼ\\x{1fbe}ῂ-ῄῆ-ῌῐ-\\x{1fd3}ῖ-\\x{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\\x{2126}ℨ\\x{212a}-ℭℯ-" \
    "ℴℹℼ-ℿⅅ-ⅉⅎↃↄ"                                                                                                                              \
    "Ⰰ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-"                                                             \
    "ｚ𐐀-"                                                                                                                                                   \
    "𐑏𐒰-"                                                                                                                                                  \
    "𐓓𐓘-"                                                                                                                                                  \
    "𐓻𐲀-"                                                                                                                                                  \
    "𐲲𐳀-"                                                                                                                                                  \
    "𐳲𑢠-𑣟𞤀-𞥃"

static const struct rules {
    const char *names; /* separated by spaces */
    const char *patterns[6];
    unsigned flags;
} table[] = {
    {"gpt-2 phi-2 mpt olmo jais trillion granite-docling jina-es jina-de gigachat a.x-4.0 mellum "
     "modern-bert "
     "exaone4 jina-v1-en roberta-bpe",
     {GPT2}},
    {"jina-v2-es jina-v2-de jina-v2-code", {GPT2}, PRE_MASK_LSTRIP},
    {"default", {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {"llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     {LLAMA3},
     PRE_IGNORE_MERGES | PRE_ADD_BOS},
    {"dbrx smaug-bpe glm4 chatglm-bpe", {LLAMA3}},
    {"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2", {QWEN2}},
    {"qwen35", {QWEN35}},
    {"starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", {"\\p{N}", GPT2}},
    {"falcon", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {"deepseek-coder",
     {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-\\x{d7ff}]+", "\\p{N}"}},
    {"deepseek-llm",
     {"[\\r\\n]", "\\s?[" CASED "]+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+\\z",
      "[一-龥ࠀ-一가-\\x{d7ff}]+", "\\p{N}+"}},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4",
     {"\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
      "[!\"#$%&'()*+,\\-./"
      ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
      "?[\\p{P}\\p{S}]+" LINES}},
    {"bloom gpt3-finnish poro-chat", {BLOOM}},
    {"viking", {BLOOM, "\\p{N}"}},
    {"tekken",
     {UPPER "*" LOWER "+|" UPPER "+" LOWER "*|\\p{N}" SLASHES},
     PRE_IGNORE_MERGES | PRE_ADD_BOS},
    {"gpt-4o llama4 kanana2 talkie minimax-m2",
     {UPPER "*" LOWER "+" CONTRACTIONS "?|" UPPER "+" LOWER "*" CONTRACTIONS
            "?|\\p{N}{1,3}" SLASHES}},
    {"seed-coder",
     {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| "
                   "?[^\\s\\p{L}\\p{N}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|"
                   "\\s+"}},
    {"bailingmoe bailingmoe2 llada-moe",
     {"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
      "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
      "\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
};

static bool is_named(const char *names, const char *name, size_t len)
{
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, " ");

        if (n == len && memcmp(at, name, len) == 0) {
            return true;
        }
        at += n + (at[n] == ' ');
    }
    return false;
}

static json_t *split_json(const char *pattern)
{
    return json_pack("{ss s{ss} ss}", "type", "Split", "pattern", "Regex", pattern, "behavior",
                     "Isolated");
}

int pretype_load(struct attune_tokenizer *tk, const char *name, size_t len, unsigned *flags,
                 struct attune_error *err)
{
    const struct rules *rules = NULL;
    json_t *list = json_array(), *sequence;
    int status;

    for (size_t i = 0; i < sizeof table / sizeof *table && !rules; i++) {
        rules = is_named(table[i].names, name, len) ? &table[i] : NULL;
    }
    if (!rules) {
        json_decref(list);
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "pre-tokenizer %.*s (tokenizer.ggml.pre) is not supported",
                                (int)(len < 60 ? len : 60), name);
    }
    for (size_t i = 0; i < 6 && rules->patterns[i]; i++) {
        json_array_append_new(list, split_json(rules->patterns[i]));
    }
    json_array_append_new(
        list, json_pack("{ss sb sb}", "type", "ByteLevel", "add_prefix_space", 0, "use_regex", 0));
    sequence = json_pack("{ss so}", "type", "Sequence", "pretokenizers", list);
    status = sequence ? steps_load(&tk->splitters, sequence, splitter_types, "pre_tokenizer",
                                   "pretokenizers", err)
                      : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    json_decref(sequence);
    tk->byte_level = true;
    *flags = rules->flags;
    return status;
}

/* ---- by what they do
 * ------------------------------------------------------------------------------ */

/* A model that makes one token of every piece: what it gives is how a text was cut. */
static int encode_piece(struct encoding *e, const struct piece *p)
{
    return encoding_emit(e, 0, p, 0, p->len);
}

static const struct tokenizer_ops cutting = {.name = "pieces", .encode = encode_piece};

/* All that the patterns tell apart: contractions, digits by one and by three, marks that follow
 * each other, spaces and lines, letters with marks, other scripts. */
static const char sample[] =
    "Hello World! It's I'VE don'T we'll x'y 1 12 123 1234 12345678 a1b22C333 3.14 --- ...!? "
    "#$%^&*()"
    "_+=[]{}|;:'\"<>,./`~ ab-cd\n\n  two   spaces\tand\ttabs \n \n\r\n end\r\n"
    "Camel CaseHTTPServer caf\xc3\xa9 \xc3\x9c"
    "ber \xd0\x9f\xd1\x80\xd0\xb8 "
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\x8b\xe3\x82\xab\xed\x95\x9c "
    "\xf0\x9f\x99\x82 \xe2\x80\x94\xe2\x80\xa6 \xef\xbc\x81\xe3\x80\x82 \xd9\xa1\xd9\xa2 "
    "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8  \xc2\xb2\xc2\xbd\n x\n\n";

static bool cut_sample(struct attune_tokens *out, const struct steps *splitters)
{
    const struct attune_tokenizer tk = {
        .ops = &cutting, .splitters = *splitters, .keeps_bytes = true, .byte_level = true};

    return attune_tokenize(out, &tk, sample, sizeof sample - 1, NULL, NULL) == ATTUNE_OK;
}

static bool cuts_alike(const struct rules *rules, const struct attune_tokens *want,
                       struct attune_tokens *got)
{
    struct attune_tokenizer tk = {.ops = &cutting};
    unsigned flags;
    bool alike =
        pretype_load(&tk, rules->names, strcspn(rules->names, " "), &flags, NULL) == ATTUNE_OK &&
        cut_sample(got, &tk.splitters) && got->n == want->n &&
        memcmp(got->end, want->end, want->n * sizeof *want->end) == 0;

    steps_done(&tk.splitters);
    return alike;
}

const char *pretype_find(const struct attune_tokenizer *tk, bool ignore_merges, size_t *len)
{
    struct attune_tokens want = {0}, got = {0};
    const char *found = NULL;
    bool good = cut_sample(&want, &tk->splitters);

    for (size_t i = 0; i < sizeof table / sizeof *table && good && !found; i++) {
        if (!(table[i].flags & PRE_IGNORE_MERGES) == !ignore_merges &&
            !(table[i].flags & PRE_MASK_LSTRIP) && cuts_alike(&table[i], &want, &got)) {
            found = table[i].names;
            *len = strcspn(found, " ");
        }
    }
    attune_tokens_done(&want);
    attune_tokens_done(&got);
    return found;
}
