/* Tokenizers of GGUF files: tokenizer.ggml.* (ggml/docs/gguf.md), read as llama.cpp reads it. */
#include <config.h>

#include "engine/tokenizer.h"

#include <attune/digest.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gguf.h"
#include "engine/tokenizer_parts.h"

/* tokenizer.ggml.token_type */
enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

static const struct gguf_value *find_array(const struct gguf *file, const char *key, uint64_t n)
{
    const struct gguf_value *value = gguf_find(file, key);

    return value && value->type == GGUF_ARRAY && value->n == n && value->of != GGUF_STRING ? value
                                                                                           : NULL;
}

/* llama.cpp takes white space after Phi-3's tokens into them, but for the three oldest. */
static bool is_phi3(const struct gguf *file)
{
    struct gguf_text name = {NULL, 0};
    char lower[64] = "";

    gguf_get_text(file, "general.name", &name);
    for (size_t i = 0; i < name.len && i + 1 < sizeof lower; i++) {
        lower[i] = (char)tolower((unsigned char)name.s[i]);
    }
    return strstr(lower, "phi-3") || strstr(lower, "phi3");
}

/* Ends of turns and of files, whatever type the file gives them: llama.cpp holds them for control
 * tokens. */
/* clang-format off */
static const char *const control[] = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
    "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<｜end▁of▁sentence｜>",
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
    "<|code_prefix|>", "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>",
    "▁<SUF>", "<|code_suffix|>", "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>",
    "<MID>", "▁<MID>", "<|code_middle|>", "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>",
    "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
};
/* clang-format on */

static bool is_control(const struct gguf_text *text)
{
    for (size_t i = 0; i < sizeof control / sizeof *control; i++) {
        if (strlen(control[i]) == text->len && memcmp(control[i], text->s, text->len) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned added_flags(const struct gguf_text *text, int type, bool phi3)
{
    static const char *const plain[] = {"<unk>", "<s>", "<|endoftext|>"};
    unsigned flags = type == USER_DEFINED ? 0 : ADDED_CONTROL;

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        phi3 =
            phi3 && !(text->len == strlen(plain[i]) && memcmp(text->s, plain[i], text->len) == 0);
    }
    return flags | (phi3 ? ADDED_RSTRIP : 0);
}

static int add_token(struct attune_tokenizer *tk, attune_token id, const struct gguf_text *text,
                     int type, bool phi3, struct attune_error *err)
{
    static const uint8_t kinds[] = {
        [NORMAL] = ATTUNE_TOKEN_NORMAL,   [UNKNOWN] = ATTUNE_TOKEN_SPECIAL,
        [CONTROL] = ATTUNE_TOKEN_SPECIAL, [USER_DEFINED] = ATTUNE_TOKEN_ADDED,
        [UNUSED] = ATTUNE_TOKEN_UNUSED,   [BYTE] = ATTUNE_TOKEN_BYTE,
    };
    int status = vocab_add(&tk->vocab, id, text->s, text->len, false, err);

    type = is_control(text) ? CONTROL : type;
    if (status) {
        return status;
    }
    tk->vocab.kind[id] = type >= NORMAL && type <= BYTE ? kinds[type] : ATTUNE_TOKEN_NORMAL;
    if (type == UNKNOWN || type == CONTROL || type == USER_DEFINED) {
        tk->vocab.added[id] = 1;
        status = added_add(&tk->added, id, text->s, text->len, added_flags(text, type, phi3), err);
    }
    return status;
}

int vocab_from_gguf(struct attune_tokenizer *tk, const struct gguf *file, struct attune_error *err)
{
    const struct gguf_value *tokens = gguf_find(file, "tokenizer.ggml.tokens");
    const struct gguf_value *types;
    bool phi3 = is_phi3(file);
    size_t n_bytes = 0;
    int status;

    if (!tokens || tokens->type != GGUF_ARRAY || tokens->of != GGUF_STRING || tokens->n == 0 ||
        tokens->n > INT32_MAX) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "tokenizer.ggml.tokens is no list of pieces");
    }
    types = find_array(file, "tokenizer.ggml.token_type", tokens->n);
    if (!types && gguf_find(file, "tokenizer.ggml.token_type")) {
        return attune_error_set(
            err, ATTUNE_FORMAT, gguf_find(file, "tokenizer.ggml.token_type")->offset,
            "tokenizer.ggml.token_type does not have one number for each of the %llu tokens",
            (unsigned long long)tokens->n);
    }
    for (uint64_t i = 0; i < tokens->n; i++) {
        n_bytes += tokens->texts[i].len;
    }
    status = vocab_init(&tk->vocab, (size_t)tokens->n, n_bytes, err);
    for (uint64_t i = 0; i < tokens->n && status == ATTUNE_OK; i++) {
        double type = types ? gguf_number_at(types, i) : NORMAL;

        if (tokens->texts[i].len > 0) { /* an empty piece can neither be met nor shown */
            status = add_token(tk, (attune_token)i, &tokens->texts[i],
                               type >= NORMAL && type <= BYTE ? (int)type : NORMAL, phi3, err);
        }
    }
    tk->vocab.size =
        status == ATTUNE_OK && tokens->n <= tk->vocab.capacity ? (size_t)tokens->n : tk->vocab.size;
    tk->added.longest_first = true;
    return status;
}

/* An id that a key names; ATTUNE_TOKEN_NONE where it is absent or no token. */
static attune_token role(const struct attune_tokenizer *tk, const struct gguf *file,
                         const char *key)
{
    uint64_t id;
    size_t len;

    return gguf_get_u64(file, key, &id) && id <= INT32_MAX &&
                   vocab_piece(&tk->vocab, (attune_token)id, &len)
               ? (attune_token)id
               : ATTUNE_TOKEN_NONE;
}

static bool flag(const struct gguf *file, const char *key, bool otherwise)
{
    bool value = otherwise;

    gguf_get_bool(file, key, &value);
    return value;
}

int decoders_add_spaces(struct attune_tokenizer *tk, bool prefix, struct attune_error *err)
{
    static const char *const json[] = {
        "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\\u2581\"}, \"content\": \" \"}",
        "{\"type\": \"ByteFallback\"}",
        "{\"type\": \"Fuse\"}",
        "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}",
    };
    int status = ATTUNE_OK;

    for (size_t i = 0; i < (prefix ? 4 : 3) && status == ATTUNE_OK; i++) {
        status = steps_load_text(&tk->decoders, json[i], decoder_types, "decoder", "decoders", err);
    }
    return status;
}

/* What is put around a text: begin and end token where the file asks for them. */
static int add_template(struct attune_tokenizer *tk, bool begin, bool end, attune_token last,
                        struct attune_error *err)
{
    struct template_item single[3], pair[5];
    size_t n = 0, m = 0;

    begin = begin && tk->bos >= 0;
    end = end && last >= 0;
    if (begin) {
        single[n++] = pair[m++] = (struct template_item){tk->bos, 0};
    }
    single[n++] = pair[m++] = (struct template_item){TEMPLATE_FIRST, 0};
    if (end) {
        single[n++] = pair[m++] = (struct template_item){last, 0};
    }
    pair[m++] = (struct template_item){TEMPLATE_SECOND, 1};
    if (end) {
        pair[m++] = (struct template_item){last, 1};
    }
    return post_add_template(&tk->posts, single, n, pair, m, err);
}

static uint64_t digest(const struct gguf *file)
{
    static const char *const keys[] = {
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.scores",
        "tokenizer.ggml.merges",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.add_bos_token",
        "tokenizer.ggml.add_eos_token",
        "tokenizer.ggml.add_space_prefix",
    };
    static const size_t sizes[GGUF_TYPE_COUNT] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
        [GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
        [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
    };
    struct attune_digest d;

    attune_digest_init(&d, 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct gguf_value *v = gguf_find(file, keys[i]);
        struct gguf_text text;

        attune_digest_add(&d, keys[i], strlen(keys[i]) + 1);
        if (gguf_get_text(file, keys[i], &text)) {
            attune_digest_add(&d, text.s, text.len);
        } else if (v && v->type == GGUF_ARRAY && v->of == GGUF_STRING) {
            for (uint64_t k = 0; k < v->n; k++) {
                attune_digest_add(&d, v->texts[k].s, v->texts[k].len);
                attune_digest_add(&d, "", 1);
            }
        } else if (v) {
            attune_digest_add(&d, v->data,
                              (size_t)v->n * sizes[v->type == GGUF_ARRAY ? v->of : v->type]);
        }
    }
    return attune_digest_value(&d);
}

static int load(struct attune_tokenizer *tk, const struct gguf *file, const struct gguf_text *model,
                struct attune_error *err)
{
    const struct tokenizer_ops *ops = NULL;
    int status;

    for (size_t i = 0; (ops = tokenizer_ops_at(i)); i++) {
        if (ops->gguf && strlen(ops->gguf) == model->len &&
            memcmp(ops->gguf, model->s, model->len) == 0) {
            break;
        }
    }
    if (!ops) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "tokenizer %.*s (tokenizer.ggml.model) is not supported",
                                (int)(model->len < 60 ? model->len : 60), model->s);
    }
    tk->ops = ops;
    status = vocab_from_gguf(tk, file, err);
    if (status == ATTUNE_OK) {
        tk->bos = role(tk, file, "tokenizer.ggml.bos_token_id");
        tk->eos = role(tk, file, "tokenizer.ggml.eos_token_id");
        tk->pad = role(tk, file, "tokenizer.ggml.padding_token_id");
        tk->mask = role(tk, file, "tokenizer.ggml.mask_token_id");
        tk->unk = role(tk, file, "tokenizer.ggml.unknown_token_id");
        tk->cls = role(tk, file, "tokenizer.ggml.cls_token_id");
        tk->sep =
            role(tk, file, "tokenizer.ggml.seperator_token_id"); /* spelled so in the format */
        if (tk->bos < 0) {
            tk->bos = tk->cls;
        }
        status = ops->from_gguf(tk, file, err);
    }
    if (status == ATTUNE_OK) {
        status = added_build(tk, err);
    }
    if (status == ATTUNE_OK) {
        bool end = flag(file, "tokenizer.ggml.add_eos_token", tk->add_eos);

        status =
            add_template(tk, flag(file, "tokenizer.ggml.add_bos_token", tk->add_bos),
                         end || tk->add_sep, tk->add_sep && tk->sep >= 0 ? tk->sep : tk->eos, err);
    }
    if (status == ATTUNE_OK) {
        status = roles_find(tk, &(struct beside){0}, err); /* those that the file does not name */
    }
    tk->digest = digest(file);
    return status;
}

int tokenizer_from_gguf(struct attune_tokenizer **out, const struct gguf *file,
                        struct attune_error *err)
{
    struct attune_tokenizer *tk;
    struct gguf_text model;
    int status;

    *out = NULL;
    if (!gguf_get_text(file, "tokenizer.ggml.model", &model) ||
        (model.len == 4 && memcmp(model.s, "none", 4) == 0)) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                "the file holds no tokenizer (tokenizer.ggml.model)");
    }
    tk = tokenizer_new(err);
    status = tk ? load(tk, file, &model, err) : ATTUNE_MEMORY;
    if (status) {
        attune_tokenizer_close(tk);
        tk = NULL;
    }
    *out = tk;
    return status;
}
