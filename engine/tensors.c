/* safetensors: 8 bytes of header length, a JSON header, the data (huggingface/safetensors,
 * "Format").
 *
 *   len:u64 {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...} data
 *
 * The header is untrusted: its length, every shape and every offset are checked against the file.
 */
#include <config.h>

#include <attune/tensors.h>

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/json_error.h"
#include "engine/mapping.h"
#include "engine/new_file.h"

enum { MAX_HEADER = 100000000 }; /* the reference implementation's own limit */

static const struct dtype {
    const char *name;
    unsigned bytes;
} dtypes[] = {
    {"F32", 4},  {"F16", 2}, {"BF16", 2},    {"F64", 8},     {"I64", 8},     {"I32", 4},
    {"I16", 2},  {"I8", 1},  {"U8", 1},      {"U16", 2},     {"U32", 4},     {"U64", 8},
    {"BOOL", 1}, {"C64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1},
};

struct attune_tensors {
    struct mapping map;
    json_t *header; /* owns the names */
    size_t n;
    struct attune_tensor *list; /* [n] sorted by name */
};

static const struct dtype *find_dtype(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            return &dtypes[i];
        }
    }
    return NULL;
}

/* Bytes of a tensor; false where the product overflows. */
static bool size_of(const struct attune_tensor *t, const struct dtype *dtype, uint64_t *out)
{
    uint64_t n = dtype->bytes;

    for (int i = 0; i < t->n_dims; i++) {
        if (__builtin_mul_overflow(n, t->shape[i], &n)) {
            return false;
        }
    }
    *out = n;
    return true;
}

static int malformed(const struct attune_tensors *file, const struct attune_tensor *t,
                     const char *what, struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_FORMAT, 8, "%s: tensor %.64s: %s", file->map.name, t->name,
                            what);
}

static int read_shape(const struct attune_tensors *file, struct attune_tensor *t,
                      const json_t *shape, struct attune_error *err)
{
    if (!json_is_array(shape)) {
        return malformed(file, t, "no shape", err);
    }
    if (json_array_size(shape) > ATTUNE_TENSOR_MAX_DIMS) {
        return malformed(file, t, "more than 8 dimensions", err);
    }
    t->n_dims = (int)json_array_size(shape);
    for (int i = 0; i < t->n_dims; i++) {
        const json_t *n = json_array_get(shape, (size_t)i);

        if (!json_is_integer(n) || json_integer_value(n) < 0) {
            return malformed(file, t, "a shape that is no list of sizes", err);
        }
        t->shape[i] = (uint64_t)json_integer_value(n);
    }
    return ATTUNE_OK;
}

static int read_tensor(const struct attune_tensors *file, struct attune_tensor *t,
                       const json_t *entry, size_t start, struct attune_error *err)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    const struct dtype *dtype;
    uint64_t bytes;
    int status;

    t->dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!t->dtype) {
        return malformed(file, t, "no dtype", err);
    }
    dtype = find_dtype(t->dtype);
    if (!dtype) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 8,
                                "%s: tensor %.64s has dtype %.16s, which is not supported",
                                file->map.name, t->name, t->dtype);
    }
    status = read_shape(file, t, json_object_get(entry, "shape"), err);
    if (status) {
        return status;
    }
    if (!json_is_integer(from) || !json_is_integer(to) || json_integer_value(from) < 0 ||
        json_integer_value(to) < json_integer_value(from) || json_array_size(offsets) != 2) {
        return malformed(file, t, "no data_offsets that could be right", err);
    }
    if (!size_of(t, dtype, &bytes) ||
        bytes != (uint64_t)(json_integer_value(to) - json_integer_value(from))) {
        return malformed(file, t, "its shape and its data_offsets contradict each other", err);
    }
    if ((uint64_t)json_integer_value(to) > file->map.len - start) {
        return attune_error_set(err, ATTUNE_FORMAT, file->map.len,
                                "%s: ends at byte %zu before tensor %.64s does: cut short",
                                file->map.name, file->map.len, t->name);
    }
    t->data = file->map.data + start + json_integer_value(from);
    t->n_bytes = bytes;
    return ATTUNE_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct attune_tensor *)a)->name, ((const struct attune_tensor *)b)->name);
}

static int read_header(struct attune_tensors *file, struct attune_error *err)
{
    uint64_t len = 0;
    json_error_t why;
    char reason[160];
    const char *name;
    json_t *entry;
    int status;

    if (file->map.len >= sizeof len) {
        memcpy(&len, file->map.data, sizeof len);
    }
    if (len < 2 || len > MAX_HEADER || len > file->map.len - sizeof len ||
        file->map.data[sizeof len] != '{') {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s: no safetensors file, or cut short in its header",
                                file->map.name);
    }
    file->header = json_loadb((const char *)file->map.data + sizeof len, (size_t)len,
                              JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(file->header)) {
        if (!file->header) {
            json_error_show(reason, (const char *)file->map.data + sizeof len, (size_t)len, &why);
        }
        return attune_error_set(err, ATTUNE_FORMAT, sizeof len, "%s: header: %s", file->map.name,
                                file->header ? "no JSON object" : reason);
    }
    file->list = calloc(json_object_size(file->header) + 1, sizeof *file->list);
    if (!file->list) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "%s: out of memory", file->map.name);
    }
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        file->list[file->n].name = name;
        status = read_tensor(file, &file->list[file->n], entry, sizeof len + (size_t)len, err);
        if (status) {
            return status;
        }
        file->n++;
    }
    qsort(file->list, file->n, sizeof *file->list, by_name);
    return ATTUNE_OK;
}

int attune_tensors_open(struct attune_tensors **out, const char *path, struct attune_error *err)
{
    struct attune_tensors *file = calloc(1, sizeof *file);
    int status;

    *out = NULL;
    if (!file) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    status = mapping_open(&file->map, path, err);
    if (status == ATTUNE_OK) {
        status = read_header(file, err);
    }
    if (status) {
        attune_tensors_close(file);
        return status;
    }
    *out = file;
    return ATTUNE_OK;
}

void attune_tensors_close(struct attune_tensors *file)
{
    if (!file) {
        return;
    }
    free(file->list);
    json_decref(file->header);
    mapping_close(&file->map);
    free(file);
}

size_t attune_tensors_count(const struct attune_tensors *file)
{
    return file->n;
}

const struct attune_tensor *attune_tensors_at(const struct attune_tensors *file, size_t i)
{
    return i < file->n ? &file->list[i] : NULL;
}

const struct attune_tensor *attune_tensors_find(const struct attune_tensors *file, const char *name)
{
    struct attune_tensor wanted = {.name = name};

    return bsearch(&wanted, file->list, file->n, sizeof wanted, by_name);
}

/* The entry of one tensor whose data starts at offset; NULL if it cannot be. */
static json_t *describe(const struct attune_tensor *t, uint64_t offset)
{
    json_t *shape = json_array();

    for (int i = 0; i < t->n_dims; i++) {
        json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", t->dtype, "shape", shape, "data_offsets",
                     (json_int_t)offset, (json_int_t)(offset + t->n_bytes));
}

/* The header with its length in front, padded with spaces so that the data starts at a multiple
 * of 8. */
static char *make_header(const struct attune_tensor *tensors, size_t n, size_t *len,
                         const char *path, struct attune_error *err)
{
    json_t *object = json_object();
    char *text = NULL, *header = NULL;
    uint64_t offset = 0, padded;

    for (size_t i = 0; i < n; i++) {
        const struct attune_tensor *t = &tensors[i];
        const struct dtype *dtype = find_dtype(t->dtype);
        uint64_t bytes = 0;

        if (!dtype || t->n_dims < 0 || t->n_dims > ATTUNE_TENSOR_MAX_DIMS ||
            !size_of(t, dtype, &bytes) || bytes != t->n_bytes || json_object_get(object, t->name) ||
            bytes > (uint64_t)INT64_MAX - offset) {
            attune_error_set(err, ATTUNE_ARGUMENT, 0,
                             "%s: tensor %.64s: its name, dtype, shape and size cannot be written",
                             path, t->name);
            goto done;
        }
        if (json_object_set_new(object, t->name, describe(t, offset)) != 0) {
            attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s: tensor %.64s: its name is not UTF-8",
                             path, t->name);
            goto done;
        }
        offset += bytes;
    }
    text = json_dumps(object, JSON_COMPACT);
    padded = text ? (strlen(text) + 7) / 8 * 8 : 0;
    header = text ? malloc(sizeof padded + padded) : NULL;
    if (!header) {
        attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        goto done;
    }
    memcpy(header, &padded, sizeof padded);
    memset(header + sizeof padded, ' ', padded);
    memcpy(header + sizeof padded, text, strlen(text));
    *len = sizeof padded + (size_t)padded;
done:
    free(text);
    json_decref(object);
    return header;
}

static bool write_all(int fd, const void *data, uint64_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len < 1 << 30 ? (size_t)len : 1 << 30);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (uint64_t)n;
    }
    return true;
}

int attune_tensors_write(const char *path, const struct attune_tensor *tensors, size_t n,
                         struct attune_error *err)
{
    struct attune_error own = {0};
    struct new_file file = {.fd = -1};
    char shown[88], *header;
    size_t header_len = 0;
    bool written;
    int status;

    err = err ? err : &own;
    mapping_show(shown, path);
    header = make_header(tensors, n, &header_len, shown, err);
    if (!header) {
        return err->status;
    }
    status = new_file_open(&file, path, err);
    written = status == ATTUNE_OK && write_all(file.fd, header, header_len);
    for (size_t i = 0; i < n && written; i++) {
        written = write_all(file.fd, tensors[i].data, tensors[i].n_bytes);
    }
    if (status == ATTUNE_OK) {
        status = written ? new_file_commit(&file, err) : new_file_failed(&file, errno, err);
    }
    if (status == ATTUNE_OK) {
        err->status = ATTUNE_OK;
    }
    new_file_drop(&file);
    free(header);
    return status;
}
