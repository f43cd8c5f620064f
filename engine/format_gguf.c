/* GGUF as a checkpoint: shapes are turned to row-major order, keys below the architecture's name
 * become settings, the card is general.* and attune.card.*. */
#include <config.h>

#include <stdio.h>
#include <math.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/gguf.h"
#include "engine/mapping.h"
#include "engine/quant.h"
#include "engine/tokenizer.h"

static bool knows(const char *path)
{
    FILE *f = fopen(path, "rb");
    char magic[4];
    bool yes =
        f && fread(magic, sizeof magic, 1, f) == 1 && memcmp(magic, "GGUF", sizeof magic) == 0;

    if (f) {
        fclose(f);
    }
    return yes;
}

static const char *get_text(struct checkpoint *cp, const char *key)
{
    struct gguf_text text = {"", 0};

    gguf_get_text(cp->files, key, &text);
    return pool_text(&cp->pool, text.s, text.len);
}

/* Row-major: the slowest dimension first, and no leading ones beyond what the file says. */
static int take_tensor(struct checkpoint *cp, struct tensor *out, const struct gguf_tensor *from,
                       struct attune_error *err)
{
    if (memchr(from->name.s, '\0', from->name.len)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s: tensor %.*s: a name with a NUL byte in it", cp->shown,
                                (int)strnlen(from->name.s, 64), from->name.s);
    }
    out->name = pool_text(&cp->pool, from->name.s, from->name.len);
    if (!out->name) {
        return checkpoint_no_memory(cp, err);
    }
    out->file = cp->shown;
    out->type = quant_by_ggml(from->type);
    out->type_name = gguf_tensor_type_name(from->type);
    out->n_dims = from->n_dims;
    for (int i = 0; i < from->n_dims; i++) {
        out->shape[i] = from->dims[from->n_dims - 1 - i];
    }
    out->data = from->data;
    out->n_bytes = from->n_bytes;
    return ATTUNE_OK;
}

/* A model may be split over files, and a file may hold a vocabulary alone: neither is a model. */
static int check_whole(const struct checkpoint *cp, struct attune_error *err)
{
    uint64_t parts;

    if (gguf_get_u64(cp->files, "split.count", &parts) && parts > 1) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "%s: one of %llu parts of a model: merge them into one file first",
                                cp->shown, (unsigned long long)parts);
    }
    if (gguf_n_tensors(cp->files) == 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s: holds no tensors: a vocabulary alone is no model", cp->shown);
    }
    return ATTUNE_OK;
}

static int open_gguf(struct checkpoint *cp, const char *path, struct attune_error *err)
{
    struct gguf *file = NULL;
    int status = gguf_open(&file, path, err);

    if (status) {
        return status;
    }
    cp->files = file;
    cp->settings.gguf = file;
    cp->settings.file = cp->shown;
    cp->settings.architecture = get_text(cp, "general.architecture");
    cp->tensors = pool_alloc(&cp->pool, gguf_n_tensors(file) + 1, sizeof *cp->tensors);
    if (!cp->settings.architecture || !cp->tensors) {
        return checkpoint_no_memory(cp, err);
    }
    if (!cp->settings.architecture[0]) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: general.architecture is missing",
                                cp->shown);
    }
    status = check_whole(cp, err);
    for (; status == ATTUNE_OK && cp->n_tensors < gguf_n_tensors(file); cp->n_tensors++) {
        status =
            take_tensor(cp, &cp->tensors[cp->n_tensors], gguf_tensor_at(file, cp->n_tensors), err);
    }
    return status;
}

static void close_gguf(struct checkpoint *cp)
{
    gguf_close(cp->files);
    cp->files = NULL;
}

/* The file's name without folder and suffix. */
static const char *file_name(struct checkpoint *cp, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name);

    if (len > 5 && strcmp(name + len - 5, ".gguf") == 0) {
        len -= 5;
    }
    return pool_text(&cp->pool, name, len);
}

static int describe(struct checkpoint *cp, struct attune_model_info *info, struct attune_error *err)
{
    info->name = get_text(cp, "general.name");
    if (info->name && !info->name[0]) {
        info->name = file_name(cp, info->path);
    }
    info->architecture = cp->settings.architecture;
    info->license = get_text(cp, "general.license");
    info->description = get_text(cp, "general.description");
    info->training = get_text(cp, "attune.card.training");
    return info->name && info->license && info->description && info->training
               ? ATTUNE_OK
               : checkpoint_no_memory(cp, err);
}

static int make_tokenizer(struct attune_tokenizer **out, struct checkpoint *cp,
                          struct attune_error *err)
{
    int status = tokenizer_from_gguf(out, cp->files, err);

    if (status == ATTUNE_NOT_FOUND) {
        *out = NULL;
        return ATTUNE_OK;
    }
    if (status) {
        attune_error_prefix(err, cp->shown);
    }
    return status;
}

static size_t find_ends(const struct checkpoint *cp, attune_token *ids, size_t capacity)
{
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    size_t n = 0;
    uint64_t id;

    for (size_t i = 0; i < sizeof keys / sizeof *keys && n < capacity; i++) {
        if (gguf_get_u64(cp->files, keys[i], &id) && id <= INT32_MAX) {
            ids[n++] = (attune_token)id;
        }
    }
    return n;
}

static double find_advice(const struct checkpoint *cp, const char *param)
{
    static const struct {
        const char *param, *key;
    } keys[] = {
        {"temperature", "general.sampling.temp"},
        {"top_k", "general.sampling.top_k"},
        {"top_p", "general.sampling.top_p"},
        {"min_p", "general.sampling.min_p"},
        {"repeat_last_n", "general.sampling.penalty_last_n"},
        {"repeat_penalty", "general.sampling.penalty_repeat"},
    };
    double value;
    uint64_t whole;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].param, param) != 0) {
            continue;
        }
        if (gguf_get_f64(cp->files, keys[i].key, &value)) {
            return value;
        }
        return gguf_get_u64(cp->files, keys[i].key, &whole) ? (double)whole : NAN;
    }
    return NAN;
}

const struct format_ops format_gguf = {
    .name = "gguf",
    .knows = knows,
    .open = open_gguf,
    .close = close_gguf,
    .describe = describe,
    .tokenizer = make_tokenizer,
    .ends = find_ends,
    .advice = find_advice,
};
