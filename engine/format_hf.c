/* A Hugging Face directory as a checkpoint: config.json, model.safetensors or its index with
 * shards, tokenizer.json; or the hub cache's folder of a model, whose refs/main names the snapshot
 * to take. Files are found by the names that the format gives them, never by looking what else lies
 * there. */
#include <config.h>

#include <attune/tensors.h>

#include <jansson.h>
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/checkpoint.h"
#include "engine/hub.h"
#include "engine/json_error.h"
#include "engine/mapping.h"
#include "engine/quant.h"
#include "engine/tokenizer.h"

enum { MAX_JSON = 1 << 26 }; /* the index of a model of a thousand layers is a few megabytes */

static const char single[] = "model.safetensors", index_name[] = "model.safetensors.index.json";

struct files {
    const char *folder;
    json_t *config, *generation, *index;
    struct attune_tensors **shards; /* [n_shards] */
    size_t n_shards;
};

static bool join(char out[4096], const char *folder, const char *name)
{
    return snprintf(out, 4096, "%s/%s", folder, name) < 4096;
}

static bool is_file(const char *folder, const char *name)
{
    char path[4096];
    struct stat st;

    return join(path, folder, name) && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The hub cache's folder of a model, with a model in it. */
static bool find_snapshot(char out[4096], const char *path)
{
    return hub_snapshot(out, path) && is_file(out, "config.json");
}

static bool knows(const char *path)
{
    char snapshot[4096];

    return is_file(path, "config.json") || find_snapshot(snapshot, path);
}

/* A JSON file of the directory; *out NULL if it is not there and need not be. */
static int load_json(json_t **out, const struct checkpoint *cp, const char *name, bool wanted,
                     struct attune_error *err)
{
    const struct files *files = cp->files;
    struct mapping map;
    json_error_t why;
    char path[4096], reason[160];
    int status;

    *out = NULL;
    if (!wanted && !is_file(files->folder, name)) {
        return ATTUNE_OK;
    }
    if (!join(path, files->folder, name)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s: the path is too long", cp->shown);
    }
    status = mapping_open(&map, path, err);
    if (status) {
        return status;
    }
    if (map.len > MAX_JSON) {
        status = attune_error_set(err, ATTUNE_FORMAT, 0, "%s: %zu bytes are too many for it",
                                  map.name, map.len);
    } else {
        /* of a key that stands there twice, readers differ in which one counts */
        *out = json_loadb((const char *)map.data, map.len, JSON_REJECT_DUPLICATES, &why);
        if (!json_is_object(*out)) {
            json_error_show(reason, (const char *)map.data, map.len, &why);
            status = attune_error_set(err, ATTUNE_FORMAT, *out ? 0 : (uint64_t)why.position,
                                      "%s: %s", map.name, *out ? "no JSON object" : reason);
            json_decref(*out);
            *out = NULL;
        }
    }
    mapping_close(&map);
    return status;
}

static int add_tensors(struct checkpoint *cp, const struct attune_tensors *shard, const char *name,
                       struct attune_error *err)
{
    const struct files *files = cp->files;
    char path[4096], shown[88];
    const char *file;

    join(path, files->folder, name);
    mapping_show(shown, path);
    file = pool_text(&cp->pool, shown, strlen(shown));
    if (!file) {
        return checkpoint_no_memory(cp, err);
    }
    for (size_t i = 0; i < attune_tensors_count(shard); i++) {
        const struct attune_tensor *from = attune_tensors_at(shard, i);
        struct tensor *t = &cp->tensors[cp->n_tensors++];

        *t = (struct tensor){.name = from->name,
                             .file = file,
                             .type = quant_by_dtype(from->dtype),
                             .type_name = from->dtype,
                             .n_dims = from->n_dims,
                             .data = from->data,
                             .n_bytes = from->n_bytes};
        memcpy(t->shape, from->shape, sizeof t->shape);
    }
    return ATTUNE_OK;
}

/* Opens one safetensors file; its name comes from the index, so it may not leave the directory. */
static int open_shard(struct checkpoint *cp, const char *name, struct attune_error *err)
{
    struct files *files = cp->files;
    char path[4096];

    if (strchr(name, '/') || !name[0] || name[0] == '.' || !join(path, files->folder, name)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s/model.safetensors.index.json: names the file '%.64s': it has "
                                "to be one beside the index",
                                cp->shown, name);
    }
    if (!is_file(files->folder, name) && files->index) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                "%s: file %.64s, named by model.safetensors.index.json, is missing",
                                cp->shown, name);
    }
    return attune_tensors_open(&files->shards[files->n_shards++], path, err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files that hold the tensors: each once, sorted. NULL if there is no memory. */
static const char **list_shards(struct checkpoint *cp, const json_t *map, size_t *n)
{
    const char **names = pool_alloc(&cp->pool, json_object_size(map) + 1, sizeof *names);
    const char *tensor;
    json_t *name;
    size_t all = 0;

    *n = 0;
    if (!names) {
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)map, tensor, name)
    {
        names[all++] = json_is_string(name) ? json_string_value(name) : "";
    }
    qsort(names, all, sizeof *names, by_text);
    for (size_t i = 0; i < all; i++) {
        if (*n == 0 || strcmp(names[*n - 1], names[i]) != 0) {
            names[(*n)++] = names[i];
        }
    }
    return names;
}

/* Every tensor that the index names has to stand in the file that it names. */
static int check_index(struct checkpoint *cp, const json_t *map, const char *const *names, size_t n,
                       struct attune_error *err)
{
    struct files *files = cp->files;
    const char *tensor;
    json_t *name;

    json_object_foreach((json_t *)(uintptr_t)map, tensor, name)
    {
        const char *file = json_string_value(name);
        const char *const *at = bsearch(&file, names, n, sizeof *names, by_text);

        if (!at || !attune_tensors_find(files->shards[at - names], tensor)) {
            return attune_error_set(err, ATTUNE_FORMAT, 0,
                                    "%s: tensor %.64s is not in %.64s, where the index has it",
                                    cp->shown, tensor, file ? file : "?");
        }
    }
    return ATTUNE_OK;
}

/* Weights that other programs keep in the place where the safetensors are missing. */
static int say_no_tensors(const struct checkpoint *cp, struct attune_error *err)
{
    static const char *const others[] = {
        "pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack",
        "model.ckpt.index",  "consolidated.00.pth",          "model.onnx",
    };
    const struct files *files = cp->files;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (is_file(files->folder, others[i])) {
            return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                    "%s: holds %s, but no model.safetensors: let the model's own "
                                    "library save it as that",
                                    cp->shown, others[i]);
        }
    }
    return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: neither %s nor %s is there", cp->shown,
                            single, index_name);
}

static int open_tensors(struct checkpoint *cp, struct attune_error *err)
{
    struct files *files = cp->files;
    const char *const alone[] = {single}, *const *names = alone;
    const json_t *map = NULL;
    size_t n = 1, n_tensors = 0;
    int status = ATTUNE_OK;

    if (!is_file(files->folder, single)) {
        if (!is_file(files->folder, index_name)) {
            return say_no_tensors(cp, err);
        }
        status = load_json(&files->index, cp, index_name, true, err);
        map = json_object_get(files->index, "weight_map");
        if (status == ATTUNE_OK && (!json_is_object(map) || json_object_size(map) == 0)) {
            status = attune_error_set(err, ATTUNE_FORMAT, 0,
                                      "%s/model.safetensors.index.json: no weight_map", cp->shown);
        }
        if (status) {
            return status;
        }
        names = (const char *const *)list_shards(cp, map, &n);
    }
    files->shards = pool_alloc(&cp->pool, n + 1, sizeof *files->shards);
    if (!names || !files->shards) {
        return checkpoint_no_memory(cp, err);
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        status = open_shard(cp, names[i], err);
        n_tensors += status == ATTUNE_OK ? attune_tensors_count(files->shards[i]) : 0;
    }
    if (status == ATTUNE_OK && map) {
        status = check_index(cp, map, names, n, err);
    }
    cp->tensors =
        status == ATTUNE_OK ? pool_alloc(&cp->pool, n_tensors + 1, sizeof *cp->tensors) : NULL;
    if (!cp->tensors) {
        return status ? status : checkpoint_no_memory(cp, err);
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        status = add_tensors(cp, files->shards[i], names[i], err);
    }
    return status;
}

static int open_settings(struct checkpoint *cp, struct attune_error *err)
{
    struct files *files = cp->files;
    const char *type;
    char shown[88 + 16];
    int status = load_json(&files->config, cp, "config.json", true, err);

    if (status ||
        (status = load_json(&files->generation, cp, "generation_config.json", false, err))) {
        return status;
    }
    snprintf(shown, sizeof shown, "%s/config.json", cp->shown);
    cp->settings.json = files->config;
    cp->settings.file = pool_text(&cp->pool, shown, strlen(shown));
    if (!cp->settings.file) {
        return checkpoint_no_memory(cp, err);
    }
    type = json_string_value(json_object_get(files->config, "model_type"));
    if (!type) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: model_type is missing",
                                cp->settings.file);
    }
    cp->settings.architecture = type;
    return ATTUNE_OK;
}

static int open_hf(struct checkpoint *cp, const char *path, struct attune_error *err)
{
    struct files *files = pool_alloc(&cp->pool, 1, sizeof *files);
    char folder[4096];
    int status;

    if (!files) {
        return checkpoint_no_memory(cp, err);
    }
    cp->files = files;
    if (is_file(path, "config.json") || !find_snapshot(folder, path)) {
        snprintf(folder, sizeof folder, "%s", path);
    }
    for (size_t len = strlen(folder); len > 1 && folder[len - 1] == '/'; len--) {
        folder[len - 1] = '\0';
    }
    files->folder = pool_text(&cp->pool, folder, strlen(folder));
    if (!files->folder) {
        return checkpoint_no_memory(cp, err);
    }
    mapping_show(cp->shown, folder);
    status = open_settings(cp, err);
    if (status == ATTUNE_OK) {
        status = open_tensors(cp, err);
    }
    if (status == ATTUNE_OK && join(folder, files->folder, files->index ? index_name : single)) {
        mapping_show(cp->shown, folder); /* what is missing is missing there */
    }
    return status;
}

static void close_hf(struct checkpoint *cp)
{
    struct files *files = cp->files;

    if (!files) {
        return;
    }
    for (size_t i = 0; i < files->n_shards; i++) {
        attune_tensors_close(files->shards[i]);
    }
    json_decref(files->index);
    json_decref(files->generation);
    json_decref(files->config);
    cp->files = NULL;
}

/* What people call the model: the directory's name; org/name for one in the hub cache. */
static const char *name_of(struct checkpoint *cp, const char *path)
{
    char real[4096], *base, *dashes, *hub;

    if (!realpath(path, real)) {
        snprintf(real, sizeof real, "%s", path);
    }
    hub = strstr(real, "/models--");
    base = strrchr(real, '/');
    base = base ? base + 1 : real;
    if (hub) {
        base = hub + strlen("/models--");
        base[strcspn(base, "/")] = '\0';
        dashes = strstr(base, "--");
        if (dashes) {
            *dashes = '/';
            memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
        }
    }
    return pool_text(&cp->pool, base, strlen(base));
}

/* The value of `license:` in the front matter of README.md; "" where there is none. */
static const char *find_license(struct checkpoint *cp)
{
    const struct files *files = cp->files;
    char path[4096], line[256], *value = NULL;
    FILE *f = is_file(files->folder, "README.md") && join(path, files->folder, "README.md")
                  ? fopen(path, "r")
                  : NULL;
    const char *found = "";

    if (f && fgets(line, sizeof line, f) && strncmp(line, "---", 3) == 0) {
        while (!value && fgets(line, sizeof line, f) && strncmp(line, "---", 3) != 0) {
            if (strncmp(line, "license:", 8) == 0) {
                value = line + 8 + strspn(line + 8, " \t'\"");
                value[strcspn(value, "\r\n'\"#")] = '\0';
            }
        }
    }
    if (value) {
        size_t len = strlen(value);

        while (len && value[len - 1] == ' ') {
            len--;
        }
        found = pool_text(&cp->pool, value, len);
    }
    if (f) {
        fclose(f);
    }
    return found;
}

static int describe(struct checkpoint *cp, struct attune_model_info *info, struct attune_error *err)
{
    const char *class_name =
        settings_text(&cp->settings, "architectures/0", cp->settings.architecture);

    info->name = name_of(cp, info->path);
    info->architecture = class_name;
    info->license = find_license(cp);
    info->description = "";
    info->training = "";
    return info->name && info->license ? ATTUNE_OK : checkpoint_no_memory(cp, err);
}

static int make_tokenizer(struct attune_tokenizer **out, struct checkpoint *cp,
                          struct attune_error *err)
{
    const struct files *files = cp->files;
    int status = tokenizer_from_folder(out, files->folder, err);

    return status == ATTUNE_NOT_FOUND ? ATTUNE_OK : status; /* a model may come without */
}

/* One id, or a list of them. */
static size_t read_ends(const json_t *value, attune_token *ids, size_t capacity)
{
    size_t n = 0, count = json_is_array(value) ? json_array_size(value) : 1;

    for (size_t i = 0; i < count && n < capacity; i++) {
        const json_t *id = json_is_array(value) ? json_array_get(value, i) : value;

        if (json_is_integer(id) && json_integer_value(id) >= 0 &&
            json_integer_value(id) <= INT32_MAX) {
            ids[n++] = (attune_token)json_integer_value(id);
        }
    }
    return n;
}

static size_t find_ends(const struct checkpoint *cp, attune_token *ids, size_t capacity)
{
    const struct files *files = cp->files;
    size_t n = read_ends(json_object_get(files->generation, "eos_token_id"), ids, capacity);

    return n ? n : read_ends(json_object_get(files->config, "eos_token_id"), ids, capacity);
}

/* generation_config.json, by its own names. What is off there as here says nothing. */
static double find_advice(const struct checkpoint *cp, const char *param)
{
    static const struct {
        const char *param, *key;
    } keys[] = {
        {"temperature", "temperature"},
        {"top_k", "top_k"},
        {"top_p", "top_p"},
        {"min_p", "min_p"},
        {"typical", "typical_p"},
        {"repeat_penalty", "repetition_penalty"},
        {"max_tokens", "max_new_tokens"},
    };
    const struct files *files = cp->files;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(files->generation, keys[i].key);

        if (strcmp(keys[i].param, param) == 0 && json_is_number(value)) {
            return json_number_value(value);
        }
    }
    return NAN;
}

const struct format_ops format_hf = {
    .name = "hf",
    .knows = knows,
    .open = open_hf,
    .close = close_hf,
    .describe = describe,
    .tokenizer = make_tokenizer,
    .ends = find_ends,
    .advice = find_advice,
};
