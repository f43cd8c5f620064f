/* Tokenizers older than tokenizer.json: vocab.txt (BERT), vocab.json with merges.txt (GPT-2 and its
 * heirs). What was code then, the rules around the vocabulary, is a row here: the tokenizer.json
 * that the reference's converters write for that class, to be read like any other. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <attune/digest.h>

#include <stdlib.h>
#include <string.h>

#include "engine/gzip.h"

enum { LARGEST_FILE = 256 << 20 };

enum { BOS, EOS, UNK, SEP, PAD, CLS, MASK, N_TOKENS };
static const char *const token_keys[N_TOKENS] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
};

#define BYTE_LEVEL                                                                                 \
    "\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"decoder\": {\"type\": \"ByteLevel\"}, "       \
    "\"post_processor\": {\"type\": \"ByteLevel\", \"trim_offsets\": false}, "                     \
    "\"model\": {\"type\": \"BPE\"}"
#define QWEN2                                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p" \
    "{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

static const struct kind {
    const char *names; /* tokenizer_class less Fast, model_type */
    const char *json;  /* all but vocabulary, tokens and what the configuration turns */
    bool words;        /* vocab.txt; else vocab.json and merges.txt */
    bool begins;       /* add_bos_token where nobody says */
    bool pairs;        /* RoBERTa: <s> a </s></s> b </s> */
    const char *tokens[N_TOKENS];
} kinds[] = {
    {.names = "BertTokenizer DistilBertTokenizer ElectraTokenizer MobileBertTokenizer bert "
              "distilbert electra mobilebert",
     .json = "{\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true}, "
             "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, "
             "\"post_processor\": {\"type\": \"BertProcessing\"}, "
             "\"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true}, "
             "\"model\": {\"type\": \"WordPiece\", \"continuing_subword_prefix\": \"##\", "
             "\"max_input_chars_per_word\": 100}}",
     .words = true,
     .tokens =
         {[UNK] = "[UNK]", [SEP] = "[SEP]", [PAD] = "[PAD]", [CLS] = "[CLS]", [MASK] = "[MASK]"}},
    {.names = "GPT2Tokenizer CodeGenTokenizer gpt2 gpt_neo gptj codegen",
     .json = "{" BYTE_LEVEL "}",
     .tokens = {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>"}},
    {.names = "opt",
     .json = "{" BYTE_LEVEL "}",
     .begins = true,
     .tokens = {[BOS] = "</s>", [EOS] = "</s>", [UNK] = "</s>", [PAD] = "<pad>"}},
    {.names = "RobertaTokenizer BartTokenizer LongformerTokenizer LEDTokenizer roberta bart "
              "longformer led",
     .json = "{" BYTE_LEVEL "}",
     .pairs = true,
     .tokens = {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"}},
    {.names = "Qwen2Tokenizer qwen2 qwen3",
     .json = "{\"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": {\"type\": \"Sequence\", "
             "\"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"" QWEN2 "\"}, "
             "\"behavior\": \"Isolated\"}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
             "\"use_regex\": false}]}, \"decoder\": {\"type\": \"ByteLevel\"}, "
             "\"model\": {\"type\": \"BPE\"}}",
     .tokens = {[EOS] = "<|endoftext|>", [UNK] = "<|endoftext|>", [PAD] = "<|endoftext|>"}},
};

/* What is read and what is made of it. */
struct old {
    const char *folder;
    const struct kind *kind;
    struct beside beside;
    json_t *model_config, *more; /* config.json, added_tokens.json; NULL: not there */
    json_t *json, *vocab, *added;
    const json_t *token[N_TOKENS]; /* the spelling of each, NULL: none */
    json_int_t next_id;            /* behind all others */
    struct attune_error *err;
};

static int no_memory(struct old *old)
{
    return attune_error_set(old->err, ATTUNE_MEMORY, 0, "out of memory");
}

/* ---- which kind ---- */
static bool is_named(const char *names, const char *name)
{
    size_t len = strlen(name);

    len -= len > 4 && strcmp(name + len - 4, "Fast") == 0 ? 4 : 0;
    for (const char *at = names; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");

        if (n == len && memcmp(at, name, len) == 0) {
            return true;
        }
        at += n;
    }
    return false;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (is_named(kinds[i].names, name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

static int choose_kind(struct old *old, bool words)
{
    const char *type = json_string_value(json_object_get(old->model_config, "model_type")),
               *class = json_string_value(json_object_get(old->beside.config, "tokenizer_class"));
    const char *name = class ? class : type ? type : words ? "bert" : "gpt2";

    old->kind = find_kind(name);
    if (!old->kind || old->kind->words != words) {
        return attune_error_set(
            old->err, ATTUNE_NOT_FOUND, 0,
            "holds %s, but no tokenizer.json, and how a %.60s reads it is not known: let its own "
            "library write a tokenizer.json",
            words ? "vocab.txt" : "vocab.json and merges.txt", name);
    }
    return ATTUNE_OK;
}

/* ---- files of lines ---- */
static int read_text(struct old *old, const char *name, char **text, size_t *len)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/%s", old->folder, name) >= (int)sizeof path) {
        return attune_error_set(old->err, ATTUNE_ARGUMENT, 0, "the path is too long");
    }
    return gzip_read(text, len, path, LARGEST_FILE, old->err);
}

/* The line at *at, without its end; *at moves behind it. */
static const char *next_line(const char *text, size_t len, size_t *at, size_t *n)
{
    const char *line = text + *at, *end = memchr(line, '\n', len - *at);

    *n = end ? (size_t)(end - line) : len - *at;
    *at += *n + (end != NULL);
    *n -= *n > 0 && line[*n - 1] == '\r';
    return line;
}

/* A piece a line; the id is the line's number. */
static int read_words(struct old *old)
{
    char *text = NULL;
    size_t len = 0, n, at = 0;
    int status = read_text(old, "vocab.txt", &text, &len);

    for (json_int_t id = 0; status == ATTUNE_OK && at < len; id++) {
        const char *line = next_line(text, len, &at, &n);

        if (json_object_setn_new(old->vocab, line, n, json_integer(id))) {
            status = attune_error_set(old->err, ATTUNE_FORMAT, 0, "vocab.txt: line %ld is no UTF-8",
                                      (long)id + 1);
        }
    }
    free(text);
    return status;
}

static int read_merges(struct old *old, json_t *merges)
{
    char *text = NULL;
    size_t len = 0, n, at = 0;
    int status = read_text(old, "merges.txt", &text, &len);

    for (long number = 1; status == ATTUNE_OK && at < len; number++) {
        const char *line = next_line(text, len, &at, &n);

        if (n == 0 || (n >= 8 && memcmp(line, "#version", 8) == 0)) {
            continue;
        }
        if (json_array_append_new(merges, json_stringn(line, n))) {
            status = attune_error_set(old->err, ATTUNE_FORMAT, 0,
                                      "merges.txt: line %ld is no UTF-8", number);
        }
    }
    free(text);
    return status;
}

static int read_vocabulary(struct old *old)
{
    json_t *model = json_object_get(old->json, "model"), *merges;
    int status;

    if (old->kind->words) {
        old->vocab = json_object();
        status = old->vocab ? read_words(old) : no_memory(old);
    } else {
        status = beside_read(&old->vocab, old->folder, "vocab.json", old->err);
        merges = json_array();
        if (json_object_set_new(model, "merges", merges)) {
            return no_memory(old);
        }
        status = status ? status : read_merges(old, merges);
    }
    if (status == ATTUNE_OK && json_object_set(model, "vocab", old->vocab)) {
        status = no_memory(old);
    }
    return status;
}

/* ---- tokens ---- */
/* entry: what a file says of its flags; NULL: nothing. */
static int add_token(struct old *old, const json_t *text, json_int_t id, const json_t *entry,
                     bool special, bool lstrip)
{
    json_t *token =
        json_pack("{sI sO sb sb sb sb sb}", "id", id, "content", text, "special",
                  json_flag(entry, "special", special), "lstrip",
                  json_flag(entry, "lstrip", lstrip), "rstrip", json_flag(entry, "rstrip", false),
                  "single_word", json_flag(entry, "single_word", false), "normalized",
                  json_flag(entry, "normalized", !special));

    return json_array_append_new(old->added, token) ? no_memory(old) : ATTUNE_OK;
}

static void find_next_id(struct old *old)
{
    const char *key;
    json_t *id;

    json_object_foreach(old->vocab, key, id)
    {
        json_int_t n = json_integer_value(id);

        old->next_id = n >= old->next_id && n < INT32_MAX ? n + 1 : old->next_id;
    }
}

static json_t *find_added(const struct old *old, const json_t *text)
{
    json_t *token;
    size_t i;

    json_array_foreach(old->added, i, token)
    {
        if (json_equal(json_object_get(token, "content"), (json_t *)(uintptr_t)text)) {
            return token;
        }
    }
    return NULL;
}

/* The id of a spelling, ATTUNE_TOKEN_NONE where it has none. */
static json_int_t id_of(const struct old *old, const json_t *text)
{
    const json_t *token = find_added(old, text);
    const json_t *id =
        token ? json_object_get(token, "id")
              : json_object_getn(old->vocab, json_string_value(text), json_string_length(text));

    return json_is_integer(id) ? json_integer_value(id) : ATTUNE_TOKEN_NONE;
}

/* added_tokens.json: {"text": id}; added_tokens_decoder: {"id": {"content": "text", ...}}. */
static int add_named_tokens(struct old *old)
{
    json_t *decoder = json_object_get(old->beside.config, "added_tokens_decoder"), *value;
    const char *key;
    int status = ATTUNE_OK;

    json_object_foreach(decoder, key, value)
    {
        const json_t *text = json_object_get(value, "content");
        long id = strtol(key, NULL, 10);

        if (!json_is_string(text) || id < 0 || id > INT32_MAX) {
            return attune_error_set(old->err, ATTUNE_FORMAT, 0,
                                    "tokenizer_config.json: entry %.40s of added_tokens_decoder "
                                    "is no token",
                                    key);
        }
        old->next_id = id >= old->next_id ? id + 1 : old->next_id;
        if ((status = add_token(old, text, id, value, true, false))) {
            return status;
        }
    }
    json_object_foreach(old->more, key, value)
    {
        json_int_t id = json_integer_value(value);
        json_t *text;

        if (decoder || !json_is_integer(value) || id < 0 || id > INT32_MAX) {
            continue; /* the newer file says it better */
        }
        text = json_string(key);
        old->next_id = id >= old->next_id ? id + 1 : old->next_id;
        status = text ? add_token(old, text, id, NULL, false, false) : no_memory(old);
        json_decref(text);
        if (status) {
            return status;
        }
    }
    return ATTUNE_OK;
}

static const json_t *entry_of(const struct old *old, const char *key)
{
    const json_t *entry = json_object_get(old->beside.config, key);

    return json_is_object(entry) ? entry : json_object_get(old->beside.map, key);
}

/* A token with a role is special; one that the vocabulary lacks gets an id behind all others. */
static int add_role(struct old *old, int i)
{
    const json_t *text = old->token[i];
    json_t *known = find_added(old, text);
    json_int_t id = id_of(old, text);

    if (known) {
        return json_object_set_new(known, "special", json_true()) ? no_memory(old) : ATTUNE_OK;
    }
    id = id < 0 ? old->next_id++ : id;
    return add_token(old, text, id, entry_of(old, token_keys[i]), true,
                     old->kind->pairs && i == MASK);
}

/* What no file names is written into the configuration, where the roles are read from. */
static int add_roles(struct old *old)
{
    if (!old->beside.config) {
        old->beside.config = json_object();
    }
    for (int i = 0; i < N_TOKENS; i++) {
        bool said;
        int status = beside_token(&old->beside, token_keys[i], &said, &old->token[i], old->err);

        if (status == ATTUNE_OK && !said && old->kind->tokens[i]) {
            if (json_object_set_new(old->beside.config, token_keys[i],
                                    json_string(old->kind->tokens[i]))) {
                return no_memory(old);
            }
            old->token[i] = json_object_get(old->beside.config, token_keys[i]);
        }
        if (status == ATTUNE_OK && old->token[i]) {
            status = add_role(old, i);
        }
        if (status) {
            return status;
        }
    }
    return ATTUNE_OK;
}

/* ---- what the configuration turns ---- */
static int need(struct old *old, int a, int b)
{
    int missing = !old->token[a] ? a : !old->token[b] ? b : -1;

    return missing < 0
               ? ATTUNE_OK
               : attune_error_set(old->err, ATTUNE_FORMAT, 0,
                                  "tokenizer_config.json: %s may not be null", token_keys[missing]);
}

#define BEGIN(type)          "{\"SpecialToken\": {\"id\": \"begin\", \"type_id\": " type "}}, "
#define SEQUENCE(name, type) "{\"Sequence\": {\"id\": \"" name "\", \"type_id\": " type "}}"
static const char begin_template[] = "{\"type\": \"TemplateProcessing\", \"single\": [" BEGIN("0")
    SEQUENCE("A", "0") "], "
                       "\"pair\": [" BEGIN("0") SEQUENCE("A", "0") ", " BEGIN("1")
                           SEQUENCE("B", "1") "], "
                                              "\"special_tokens\": {\"begin\": {\"ids\": []}}}";

static int set_processor(struct old *old, bool prefix)
{
    const json_t *config = old->beside.config;
    bool begins = json_flag(config, "add_bos_token", old->kind->begins);
    const char *type = old->kind->words ? "BertProcessing" : "RobertaProcessing";
    json_t *post = NULL;
    int status = ATTUNE_OK;

    if (old->kind->words || old->kind->pairs) {
        status = need(old, CLS, SEP);
        if (status == ATTUNE_OK) {
            post = json_pack("{ss s[OI] s[OI]}", "type", type, "cls", old->token[CLS],
                             id_of(old, old->token[CLS]), "sep", old->token[SEP],
                             id_of(old, old->token[SEP]));
        }
        if (post && old->kind->pairs &&
            json_object_set_new(post, "add_prefix_space", json_boolean(prefix))) {
            status = no_memory(old);
        }
    } else if (begins) {
        status = need(old, BOS, BOS);
        if (status == ATTUNE_OK) {
            post = json_loads(begin_template, 0, NULL);
            json_array_append_new(
                json_object_get(json_object_get(json_object_get(post, "special_tokens"), "begin"),
                                "ids"),
                json_integer(id_of(old, old->token[BOS])));
        }
    } else {
        return ATTUNE_OK;
    }
    if (status) {
        return status;
    }
    return json_object_set_new(old->json, "post_processor", post) ? no_memory(old) : ATTUNE_OK;
}

static int set_options(struct old *old)
{
    const json_t *config = old->beside.config;
    json_t *normalizer = json_object_get(old->json, "normalizer"),
           *splitter = json_object_get(old->json, "pre_tokenizer"),
           *model = json_object_get(old->json, "model");
    bool prefix = json_flag(config, "add_prefix_space", false);
    const json_t *accents = json_object_get(config, "strip_accents");
    int failed = 0;

    if (old->kind->words) {
        failed |= json_object_set_new(normalizer, "lowercase",
                                      json_boolean(json_flag(config, "do_lower_case", true)));
        failed |=
            json_object_set_new(normalizer, "handle_chinese_chars",
                                json_boolean(json_flag(config, "tokenize_chinese_chars", true)));
        failed |= json_object_set_new(
            normalizer, "strip_accents",
            json_is_boolean(accents) ? json_boolean(json_boolean_value(accents)) : json_null());
        failed |= old->token[UNK] &&
                  json_object_set(model, "unk_token", (json_t *)(uintptr_t)old->token[UNK]);
    } else if (json_object_get(splitter, "pretokenizers") == NULL) {
        failed |= json_object_set_new(splitter, "add_prefix_space", json_boolean(prefix));
    }
    return failed ? no_memory(old) : set_processor(old, prefix);
}

static int build(struct old *old)
{
    int status;

    old->json = json_loads(old->kind->json, 0, NULL);
    old->added = json_array();
    if (!old->json || !old->added || json_object_set(old->json, "added_tokens", old->added)) {
        return no_memory(old);
    }
    status = read_vocabulary(old);
    if (status == ATTUNE_OK) {
        find_next_id(old);
        status = add_named_tokens(old);
    }
    if (status == ATTUNE_OK) {
        status = add_roles(old);
    }
    return status ? status : set_options(old);
}

int tokenizer_from_old_files(struct attune_tokenizer **out, const char *folder, bool words,
                             struct attune_error *err)
{
    struct old old = {.folder = folder, .err = err};
    char *text;
    int status = beside_load(&old.beside, folder, err);

    *out = NULL;
    if (status == ATTUNE_OK) {
        status = beside_read(&old.model_config, folder, "config.json", err);
    }
    if (status == ATTUNE_OK) {
        status = beside_read(&old.more, folder, "added_tokens.json", err);
    }
    if (status == ATTUNE_OK) {
        status = choose_kind(&old, words);
    }
    if (status == ATTUNE_OK) {
        status = build(&old);
    }
    if (status == ATTUNE_OK) {
        text = json_dumps(old.json, JSON_COMPACT);
        status =
            text ? tokenizer_from_json(out, old.json, NULL, attune_digest_of(text, strlen(text), 0),
                                       &old.beside, err)
                 : no_memory(&old);
        free(text);
    }
    if (status) {
        attune_error_prefix(err, folder);
    }
    json_decref(old.added);
    json_decref(old.vocab);
    json_decref(old.json);
    json_decref(old.more);
    json_decref(old.model_config);
    beside_done(&old.beside);
    return status;
}
