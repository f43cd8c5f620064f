/* Which token begins, ends, pads, masks, ...: by the files beside a tokenizer.json, else by what
 * its own parts say, else by spellings that everybody uses. What a file says holds even where it
 * says null: there is no such token then. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/gzip.h"

enum { LARGEST_FILE = 64 << 20 };

static const struct role {
    const char *key;
    size_t at; /* in struct attune_tokenizer */
    const char *spellings[5];
} roles[] = {
    {"bos_token",
     offsetof(struct attune_tokenizer, bos),
     {"<s>", "<|begin_of_text|>", "<bos>", "<|endoftext|>", "[CLS]"}},
    {"eos_token",
     offsetof(struct attune_tokenizer, eos),
     {"</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>", "[SEP]"}},
    {"pad_token", offsetof(struct attune_tokenizer, pad), {"[PAD]", "<pad>", "<|padding|>"}},
    {"mask_token", offsetof(struct attune_tokenizer, mask), {"[MASK]", "<mask>"}},
    {"cls_token", offsetof(struct attune_tokenizer, cls), {"[CLS]", "<cls>"}},
    {"sep_token", offsetof(struct attune_tokenizer, sep), {"[SEP]", "<sep>"}},
    {"unk_token", offsetof(struct attune_tokenizer, unk), {"[UNK]", "<unk>"}},
};
enum { N_ROLES = sizeof roles / sizeof *roles };

static attune_token *place(struct attune_tokenizer *tk, const struct role *role)
{
    return (attune_token *)(void *)((char *)tk + role->at);
}

/* ---- the files beside ---- */
int beside_read(json_t **out, const char *folder, const char *name, struct attune_error *err)
{
    char path[4096];
    struct stat st;
    json_error_t problem;
    char *text = NULL;
    size_t len;
    int status;

    *out = NULL;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ATTUNE_OK;
    }
    status = gzip_read(&text, &len, path, LARGEST_FILE, err);
    if (status) {
        return status;
    }
    *out = json_loadb(text, len, JSON_ALLOW_NUL, &problem);
    free(text);
    if (!*out) {
        return attune_error_set(err, ATTUNE_FORMAT,
                                problem.position > 0 ? (uint64_t)problem.position : 0,
                                "%s: line %d: %.100s", name, problem.line, problem.text);
    }
    if (!json_is_object(*out)) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "%s: no JSON object", name);
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

int beside_load(struct beside *b, const char *folder, struct attune_error *err)
{
    int status = beside_read(&b->config, folder, "tokenizer_config.json", err);

    return status ? status : beside_read(&b->map, folder, "special_tokens_map.json", err);
}

void beside_done(struct beside *b)
{
    json_decref(b->config);
    json_decref(b->map);
    *b = (struct beside){0};
}

int beside_token(const struct beside *b, const char *key, bool *said, const json_t **content,
                 struct attune_error *err)
{
    const struct {
        const char *file;
        const json_t *json;
    } files[] = {{"tokenizer_config.json", b->config}, {"special_tokens_map.json", b->map}};

    *said = false;
    *content = NULL;
    for (size_t i = 0; i < 2 && !*said; i++) {
        const json_t *value = json_object_get(files[i].json, key);
        const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;

        if (value && !json_is_null(value) && !json_is_string(text)) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: %s is no token", files[i].file,
                                    key);
        }
        *said = value != NULL;
        *content = json_is_string(text) ? text : NULL;
    }
    return ATTUNE_OK;
}

/* ---- roles ---- */
/* The processors of encoders name both their tokens. */
static void ask_posts(struct attune_tokenizer *tk)
{
    for (size_t i = 0; i < tk->posts.n; i++) {
        const struct step *step = &tk->posts.at[i];
        const struct template_item *items = step->table;

        if (strcmp(step->type->name, "BertProcessing") == 0 ||
            strcmp(step->type->name, "RobertaProcessing") == 0) {
            tk->cls = tk->cls < 0 ? items[0].id : tk->cls;
            tk->sep = tk->sep < 0 ? items[2].id : tk->sep;
        }
    }
}

static attune_token by_spelling(const struct attune_tokenizer *tk, const struct role *role)
{
    for (size_t i = 0; i < 5 && role->spellings[i]; i++) {
        attune_token id = vocab_find(&tk->vocab, role->spellings[i], strlen(role->spellings[i]));

        if (id >= 0 && tk->vocab.added[id]) {
            return id;
        }
    }
    return ATTUNE_TOKEN_NONE;
}

int roles_find(struct attune_tokenizer *tk, const struct beside *b, struct attune_error *err)
{
    bool said[N_ROLES] = {false};

    ask_posts(tk);
    for (size_t i = 0; i < N_ROLES; i++) {
        const json_t *content;
        int status = beside_token(b, roles[i].key, &said[i], &content, err);

        if (status) {
            return status;
        }
        if (said[i]) {
            *place(tk, &roles[i]) = content ? vocab_find(&tk->vocab, json_string_value(content),
                                                         json_string_length(content))
                                            : ATTUNE_TOKEN_NONE;
        } else if (*place(tk, &roles[i]) < 0) {
            *place(tk, &roles[i]) = by_spelling(tk, &roles[i]);
        }
    }
    return ATTUNE_OK;
}

/* ---- add_bos_token, add_eos_token ---- */
/* The classes that put their own template in place of the file's. */
static bool makes_template(const json_t *config)
{
    static const char *const classes[] = {"LlamaTokenizer",         "CodeLlamaTokenizer",
                                          "GemmaTokenizer",         "LlamaTokenizerFast",
                                          "CodeLlamaTokenizerFast", "GemmaTokenizerFast"};
    const char *name = json_string_value(json_object_get(config, "tokenizer_class"));

    for (size_t i = 0; name && i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(classes[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int template_from_config(struct attune_tokenizer *tk, const struct beside *b,
                         struct attune_error *err)
{
    const json_t *bos = json_object_get(b->config, "add_bos_token"),
                 *eos = json_object_get(b->config, "add_eos_token");
    struct template_item pair[6];
    size_t n = 0, n_single;
    const struct {
        bool on;
        attune_token id;
        const char *key, *role;
    } ends[] = {{bos ? json_is_true(bos) : true, tk->bos, "add_bos_token", "bos_token"},
                {json_is_true(eos), tk->eos, "add_eos_token", "eos_token"}};

    if ((!bos && !eos) || !makes_template(b->config)) {
        return ATTUNE_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        if (ends[i].on && ends[i].id < 0) {
            return attune_error_set(err, ATTUNE_FORMAT, 0,
                                    "tokenizer_config.json: %s is set, but %s names no token",
                                    ends[i].key, ends[i].role);
        }
    }
    for (uint8_t type = 0; type < 2; type++) {
        if (ends[0].on) {
            pair[n++] = (struct template_item){tk->bos, type};
        }
        pair[n++] = (struct template_item){type ? TEMPLATE_SECOND : TEMPLATE_FIRST, type};
        if (ends[1].on) {
            pair[n++] = (struct template_item){tk->eos, type};
        }
    }
    n_single = n / 2;
    steps_done(&tk->posts);
    tk->digest ^= 0x9e3779b97f4a7c15u * (1 + ends[0].on + 2 * ends[1].on); /* another rule */
    return post_add_template(&tk->posts, pair, n_single, pair, n, err);
}
