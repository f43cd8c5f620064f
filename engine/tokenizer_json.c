/* tokenizer.json: the file of Hugging Face tokenizers, 0.8 to 0.22. */
#include <config.h>

#include "engine/tokenizer.h"

#include <attune/digest.h>

#include <stdlib.h>
#include <string.h>

#include "engine/gzip.h"
#include "engine/json_error.h"
#include "engine/tokenizer_parts.h"

enum { LARGEST_FILE = 256 << 20 };

static int vocab_from_json(struct vocab *v, const json_t *json, struct attune_error *err)
{
    json_t *object = (json_t *)json; /* jansson's iterators take no const */
    int status;

    if (!json_is_object(json) || json_object_size(json) == 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "the model has no vocabulary");
    }
    status = vocab_init(v, json_object_size(json), json_object_size(json) * 8, err);
    for (void *at = json_object_iter(object); at && status == ATTUNE_OK;
         at = json_object_iter_next(object, at)) {
        const char *piece = json_object_iter_key(at);
        const json_t *id = json_object_iter_value(at);
        json_int_t n = json_integer_value(id);

        if (!json_is_integer(id) || n < 0 || n > INT32_MAX) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "the id of \"%.60s\" is not valid",
                                    piece);
        }
        status = vocab_add(v, (attune_token)n, piece, json_object_iter_key_len(at), false, err);
    }
    return status;
}

int list_refused(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_FORMAT, 0, "a list of the model is not as expected");
}

static int vocab_from_list(struct vocab *v, const struct json_list *list, struct attune_error *err)
{
    struct list_text piece = {0};
    const char *at = list->s;
    bool good = list_take(&at, '{');
    int status = good && list->n_texts > 0 ? vocab_init(v, list->n_texts, list->n_bytes, err)
                                           : list_refused(err);

    while (status == ATTUNE_OK) {
        int32_t id;

        status = list_text(&at, &piece) && list_take(&at, ':') && list_whole(&at, &id)
                     ? vocab_add(v, id, piece.s, piece.len, false, err)
                     : list_refused(err);
        if (status == ATTUNE_OK && !list_take(&at, ',')) {
            status = list_take(&at, '}') && list_ends(list, at) ? ATTUNE_OK : list_refused(err);
            break;
        }
    }
    list_text_done(&piece);
    return status;
}

int vocab_load(struct attune_tokenizer *tk, const json_t *model, struct attune_error *err)
{
    return tk->lists ? vocab_from_list(&tk->vocab, &tk->lists->vocab, err)
                     : vocab_from_json(&tk->vocab, json_object_get(model, "vocab"), err);
}

/* Files older than the field have no type: told apart by what only one of them has. */
static const char *model_type(const json_t *model, const struct json_lists *lists)
{
    const char *type = json_string_value(json_object_get(model, "type"));

    if (type) {
        return type;
    }
    if (json_object_get(model, "merges")) {
        return "BPE";
    }
    return json_is_array(json_object_get(model, "vocab")) || (lists && *lists->vocab.s == '[')
               ? "Unigram"
               : "WordPiece";
}

static int load_model(struct attune_tokenizer *tk, const json_t *json, struct attune_error *err)
{
    const json_t *model = json_object_get(json, "model");
    const struct tokenizer_ops *ops;
    const char *type;

    if (!json_is_object(model)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "has no model: is it a tokenizer.json?");
    }
    type = model_type(model, tk->lists);
    for (size_t i = 0; (ops = tokenizer_ops_at(i)); i++) {
        if (ops->type && strcmp(ops->type, type) == 0) {
            int status = json_check_options(model, ops->options, err);

            if (status) {
                char prefix[80];

                snprintf(prefix, sizeof prefix, "model %s", type);
                attune_error_prefix(err, prefix);
                return status;
            }
            tk->ops = ops;
            return ops->from_json(tk, model, err);
        }
    }
    return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "model %s is not supported", type);
}

static int load_added(struct attune_tokenizer *tk, const json_t *entry, struct attune_error *err)
{
    const json_t *content = json_object_get(entry, "content"),
                 *number = json_object_get(entry, "id");
    const char *s = json_string_value(content);
    size_t len = json_string_length(content);
    json_int_t given = json_integer_value(number);
    bool special = json_flag(entry, "special", false);
    unsigned flags = (json_flag(entry, "lstrip", false) ? ADDED_LSTRIP : 0) |
                     (json_flag(entry, "rstrip", false) ? ADDED_RSTRIP : 0) |
                     (json_flag(entry, "single_word", false) ? ADDED_WORD : 0) |
                     (json_flag(entry, "normalized", !special) ? ADDED_NORMALIZED : 0);
    attune_token id;
    int status = ATTUNE_OK;

    if (!s || !json_is_integer(number) || given < 0 || given > INT32_MAX) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "an added token has no content or no valid id");
    }
    status = json_check_options(
        entry, "id content special? lstrip? rstrip? single_word? normalized?", err);
    if (status) {
        attune_error_prefix(err, "added token");
        return status;
    }
    id = vocab_find(&tk->vocab, s, len); /* the model's own id wins, as in the reference */
    if (id < 0) {
        id = (attune_token)given;
        status = vocab_add(&tk->vocab, id, s, len, false, err);
    }
    if (status == ATTUNE_OK) {
        tk->vocab.added[id] = 1;
        tk->vocab.kind[id] = special ? ATTUNE_TOKEN_SPECIAL : ATTUNE_TOKEN_ADDED;
        status = added_add(&tk->added, id, s, len, flags, err);
    }
    return status;
}

static int load_steps(struct attune_tokenizer *tk, const json_t *json, struct attune_error *err)
{
    const struct {
        struct steps *steps;
        const struct step_type *types;
        const char *key, *list;
    } stages[] = {
        {&tk->normalizers, normalizer_types, "normalizer", "normalizers"},
        {&tk->splitters, splitter_types, "pre_tokenizer", "pretokenizers"},
        {&tk->posts, post_types, "post_processor", "processors"},
        {&tk->decoders, decoder_types, "decoder", "decoders"},
    };
    int status = ATTUNE_OK;

    for (size_t i = 0; i < sizeof stages / sizeof *stages && status == ATTUNE_OK; i++) {
        status = steps_load(stages[i].steps, json_object_get(json, stages[i].key), stages[i].types,
                            stages[i].key, stages[i].list, err);
    }
    for (size_t i = 0; i < tk->splitters.n; i++) {
        tk->byte_level = tk->byte_level || strcmp(tk->splitters.at[i].type->name, "ByteLevel") == 0;
    }
    return status;
}

/* Truncation and padding are for batches: a text is taken whole here, and nothing is put behind it.
 */
static const char members[] = "version truncation padding added_tokens normalizer pre_tokenizer "
                              "post_processor decoder model";

static int load(struct attune_tokenizer *tk, const json_t *json, const struct beside *beside,
                struct attune_error *err)
{
    const json_t *added = json_object_get(json, "added_tokens");
    const char *version = json_string_value(json_object_get(json, "version"));
    int status = json_check_options(json, members, err);

    if (status == ATTUNE_OK && version && strcmp(version, "1.0") != 0) {
        status =
            attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "version %.20s is not supported", version);
    }
    if (status == ATTUNE_OK) {
        status = load_steps(tk, json, err);
    }
    if (status == ATTUNE_OK) {
        status = load_model(tk, json, err);
    }
    for (size_t i = 0; i < json_array_size(added) && status == ATTUNE_OK; i++) {
        status = load_added(tk, json_array_get(added, i), err);
    }
    if (status == ATTUNE_OK) {
        status = posts_check(tk, err);
    }
    if (status == ATTUNE_OK) {
        status = added_build(tk, err);
    }
    if (status == ATTUNE_OK) {
        status = roles_find(tk, beside, err);
    }
    return status ? status : template_from_config(tk, beside, err);
}

int tokenizer_from_json(struct attune_tokenizer **out, const json_t *json,
                        const struct json_lists *lists, uint64_t digest,
                        const struct beside *beside, struct attune_error *err)
{
    struct attune_tokenizer *tk = tokenizer_new(err);
    int status = ATTUNE_MEMORY;

    if (tk) {
        tk->digest = digest;
        tk->lists = lists;
        status = load(tk, json, beside, err);
        tk->lists = NULL;
    }
    if (status) {
        attune_tokenizer_close(tk);
        tk = NULL;
    }
    *out = tk;
    return status;
}

/* The folder that path names a file in. */
static bool folder_of(char out[4096], const char *path)
{
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 1;

    return snprintf(out, 4096, "%.*s", slash == path ? 1 : n, slash ? path : ".") < 4096;
}

/* With the long lists apart, where the text is plain enough. */
static bool load_quickly(struct attune_tokenizer **out, const char *text, size_t len,
                         uint64_t digest, const struct beside *beside)
{
    struct json_lists lists;
    char *rest;
    size_t rest_len;
    json_t *json = NULL;
    bool good = lists_cut(&lists, text, len, &rest, &rest_len);

    if (good) {
        json = json_loadb(rest, rest_len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
        good = json && tokenizer_from_json(out, json, &lists, digest, beside, NULL) == ATTUNE_OK;
    }
    json_decref(json);
    free(rest);
    return good;
}

static int load_wholly(struct attune_tokenizer **out, const char *text, size_t len, uint64_t digest,
                       const struct beside *beside, struct attune_error *err)
{
    json_error_t problem;
    char reason[160];
    json_t *json = json_loadb(text, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &problem);
    int status;

    if (!json) {
        json_error_show(reason, text, len, &problem);
        return attune_error_set(err, ATTUNE_FORMAT,
                                problem.position > 0 ? (uint64_t)problem.position : 0, "%s",
                                reason);
    }
    status = tokenizer_from_json(out, json, NULL, digest, beside, err);
    json_decref(json);
    return status;
}

int tokenizer_from_json_file(struct attune_tokenizer **out, const char *path,
                             struct attune_error *err)
{
    struct beside beside = {0};
    char *text = NULL, folder[4096];
    size_t len = 0;
    uint64_t digest;
    int status = gzip_read(&text, &len, path, LARGEST_FILE, err);

    *out = NULL;
    if (status) {
        return status;
    }
    digest = attune_digest_of(text, len, 0);
    if (folder_of(folder, path) && (status = beside_load(&beside, folder, err))) {
        attune_error_prefix(err, folder);
    } else if (!load_quickly(out, text, len, digest, &beside)) {
        status = load_wholly(out, text, len, digest, &beside, err);
        if (status) {
            attune_error_prefix(err, path);
        }
    }
    beside_done(&beside);
    free(text);
    return status;
}
