/* GGUF: one pass over the header, in which every count, length and offset is held against what is
 * left of the file before it is used. Tensor data is never touched.
 *
 *   "GGUF" version:u32 n_tensors:u64 n_kv:u64
 *   n_kv x { key:string type:u32 value }          string: len:u64 bytes; array: type:u32 n:u64
 * values n_tensors x { name:string n_dims:u32 dims:u64[n_dims] type:u32 offset:u64 } padding to
 * general.alignment, data                                        (ggml/docs/gguf.md) */
#include <config.h>

#include "engine/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mapping.h"

/* What the format says of its tensor types; which of them can be computed with, quant.h knows. */
static const struct gguf_type_size {
    const char *name; /* NULL: a number that the format does not use (any more) */
    uint32_t block, bytes;
} type_sizes[] = {
    [0] = {"F32", 1, 4},         [1] = {"F16", 1, 2},         [2] = {"Q4_0", 32, 18},
    [3] = {"Q4_1", 32, 20},      [6] = {"Q5_0", 32, 22},      [7] = {"Q5_1", 32, 24},
    [8] = {"Q8_0", 32, 34},      [9] = {"Q8_1", 32, 36},      [10] = {"Q2_K", 256, 84},
    [11] = {"Q3_K", 256, 110},   [12] = {"Q4_K", 256, 144},   [13] = {"Q5_K", 256, 176},
    [14] = {"Q6_K", 256, 210},   [15] = {"Q8_K", 256, 292},   [16] = {"IQ2_XXS", 256, 66},
    [17] = {"IQ2_XS", 256, 74},  [18] = {"IQ3_XXS", 256, 98}, [19] = {"IQ1_S", 256, 50},
    [20] = {"IQ4_NL", 32, 18},   [21] = {"IQ3_S", 256, 110},  [22] = {"IQ2_S", 256, 82},
    [23] = {"IQ4_XS", 256, 136}, [24] = {"I8", 1, 1},         [25] = {"I16", 1, 2},
    [26] = {"I32", 1, 4},        [27] = {"I64", 1, 8},        [28] = {"F64", 1, 8},
    [29] = {"IQ1_M", 256, 56},   [30] = {"BF16", 1, 2},       [34] = {"TQ1_0", 256, 54},
    [35] = {"TQ2_0", 256, 66},   [39] = {"MXFP4", 32, 17},
};

static const uint8_t scalar_sizes[GGUF_TYPE_COUNT] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

struct pair {
    struct gguf_text key;
    struct gguf_value value;
};

struct gguf {
    struct mapping map;
    uint32_t version;
    size_t n_pairs, n_tensors;
    struct pair *pairs; /* [n_pairs] sorted by key */
    struct gguf_tensor *tensors;
};

struct reader {
    const struct mapping *map;
    size_t at;
    struct attune_error *err;
};

static int cut_short(struct reader *r, const char *what)
{
    return attune_error_set(r->err, ATTUNE_FORMAT, r->at,
                            "%s: ends at byte %zu inside %s: cut short", r->map->name, r->map->len,
                            what);
}

static size_t left(const struct reader *r)
{
    return r->map->len - r->at;
}

static int read_u32(struct reader *r, uint32_t *out, const char *what)
{
    if (left(r) < sizeof *out) {
        return cut_short(r, what);
    }
    memcpy(out, r->map->data + r->at, sizeof *out);
    r->at += sizeof *out;
    return ATTUNE_OK;
}

static int read_u64(struct reader *r, uint64_t *out, const char *what)
{
    if (left(r) < sizeof *out) {
        return cut_short(r, what);
    }
    memcpy(out, r->map->data + r->at, sizeof *out);
    r->at += sizeof *out;
    return ATTUNE_OK;
}

static int read_text(struct reader *r, struct gguf_text *out, const char *what)
{
    uint64_t len = 0;
    int status = read_u64(r, &len, what);

    if (status) {
        return status;
    }
    if (len > left(r)) {
        return attune_error_set(
            r->err, ATTUNE_FORMAT, r->at - sizeof len,
            "%s: %s at byte %zu claims %llu bytes, %zu are left: damaged or cut short",
            r->map->name, what, r->at - sizeof len, (unsigned long long)len, left(r));
    }
    *out = (struct gguf_text){(const char *)r->map->data + r->at, (size_t)len};
    r->at += (size_t)len;
    return ATTUNE_OK;
}

/* A name as messages show it: at most 64 bytes of it. */
static const char *shown(char out[72], struct gguf_text text)
{
    snprintf(out, 72, "%.*s%s", (int)(text.len > 64 ? 64 : text.len), text.s,
             text.len > 64 ? "..." : "");
    return out;
}

static int read_texts(struct reader *r, struct gguf_value *value)
{
    struct gguf_text *texts;

    if (value->n > left(r) / sizeof(uint64_t)) { /* each has at least its length */
        return cut_short(r, "an array of strings");
    }
    texts = calloc(value->n ? (size_t)value->n : 1, sizeof *texts);
    if (!texts) {
        return attune_error_set(r->err, ATTUNE_MEMORY, r->at, "%s: out of memory", r->map->name);
    }
    value->texts = texts;
    for (uint64_t i = 0; i < value->n; i++) {
        int status = read_text(r, &texts[i], "a string");

        if (status) {
            return status;
        }
    }
    return ATTUNE_OK;
}

static int read_elements(struct reader *r, struct gguf_value *value, enum gguf_type type)
{
    value->data = r->map->data + r->at;
    if (type == GGUF_STRING) {
        return read_texts(r, value);
    }
    if (value->n > left(r) / scalar_sizes[type]) {
        return cut_short(r, "a value");
    }
    r->at += (size_t)value->n * scalar_sizes[type];
    return ATTUNE_OK;
}

static int read_pair(struct reader *r, struct pair *pair)
{
    struct gguf_value *value = &pair->value;
    uint32_t type = 0, of;
    char name[72];
    int status = read_text(r, &pair->key, "a key");

    if (status || (status = read_u32(r, &type, "the type of a value"))) {
        return status;
    }
    value->offset = r->at;
    value->n = 1;
    of = type;
    if (type == GGUF_ARRAY && ((status = read_u32(r, &of, "an array")) ||
                               (status = read_u64(r, &value->n, "an array")))) {
        return status;
    }
    if (type >= GGUF_TYPE_COUNT || of >= GGUF_TYPE_COUNT || of == GGUF_ARRAY) {
        return attune_error_set(r->err, ATTUNE_FORMAT, value->offset,
                                "%s: key %s has a value of unknown type %lu%s", r->map->name,
                                shown(name, pair->key), (unsigned long)of,
                                of == GGUF_ARRAY ? " (an array of arrays)" : "");
    }
    value->type = (enum gguf_type)type;
    value->of = (enum gguf_type)of;
    return read_elements(r, value, value->of);
}

static int text_order(struct gguf_text a, struct gguf_text b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.s, b.s, n) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_key(const void *a, const void *b)
{
    return text_order(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static int read_pairs(struct reader *r, struct gguf *file, uint64_t n)
{
    char name[72];

    if (n > left(r) / 13) { /* length of the key, type, one byte */
        return attune_error_set(
            r->err, ATTUNE_FORMAT, 16,
            "%s: claims %llu metadata keys, more than it can hold: damaged or cut short",
            r->map->name, (unsigned long long)n);
    }
    file->pairs = calloc(n ? (size_t)n : 1, sizeof *file->pairs);
    if (!file->pairs) {
        return attune_error_set(r->err, ATTUNE_MEMORY, 0, "%s: out of memory", r->map->name);
    }
    for (; file->n_pairs < n; file->n_pairs++) {
        int status = read_pair(r, &file->pairs[file->n_pairs]);

        if (status) {
            file->n_pairs++; /* its strings are freed with the rest */
            return status;
        }
    }
    qsort(file->pairs, file->n_pairs, sizeof *file->pairs, by_key);
    for (size_t i = 1; i < file->n_pairs; i++) {
        if (by_key(&file->pairs[i - 1], &file->pairs[i]) == 0) {
            return attune_error_set(r->err, ATTUNE_FORMAT, file->pairs[i].value.offset,
                                    "%s: key %s stands there twice", r->map->name,
                                    shown(name, file->pairs[i].key));
        }
    }
    return ATTUNE_OK;
}

static int read_dims(struct reader *r, struct gguf_tensor *t, const char *name)
{
    uint32_t n_dims = 0;
    int status = read_u32(r, &n_dims, "a tensor's shape");

    if (status) {
        return status;
    }
    if (n_dims < 1 || n_dims > 4) {
        return attune_error_set(r->err, ATTUNE_FORMAT, r->at - 4,
                                "%s: tensor %s has %lu dimensions (1 to 4 are possible)",
                                r->map->name, name, (unsigned long)n_dims);
    }
    t->n_dims = (int)n_dims;
    for (int i = 0; i < 4; i++) {
        t->dims[i] = 1;
        if (i < t->n_dims && (status = read_u64(r, &t->dims[i], "a tensor's shape"))) {
            return status;
        }
        if (t->dims[i] == 0) {
            return attune_error_set(r->err, ATTUNE_FORMAT, r->at - 8,
                                    "%s: tensor %s has a dimension of 0", r->map->name, name);
        }
    }
    return ATTUNE_OK;
}

/* Bytes of a tensor by its type and shape. */
static int size_tensor(struct reader *r, struct gguf_tensor *t, const char *name)
{
    const struct gguf_type_size *type;
    uint64_t n = 1;

    if (t->type >= sizeof type_sizes / sizeof *type_sizes || !type_sizes[t->type].name) {
        return attune_error_set(r->err, ATTUNE_UNSUPPORTED, r->at - 12,
                                "%s: tensor %s has type %lu, which this format does not know",
                                r->map->name, name, (unsigned long)t->type);
    }
    type = &type_sizes[t->type];
    if (t->dims[0] % type->block) {
        return attune_error_set(r->err, ATTUNE_FORMAT, r->at - 12,
                                "%s: tensor %s: rows of %llu do not divide into %s blocks of %lu",
                                r->map->name, name, (unsigned long long)t->dims[0], type->name,
                                (unsigned long)type->block);
    }
    for (int i = 0; i < 4; i++) {
        if (__builtin_mul_overflow(n, t->dims[i], &n)) {
            n = UINT64_MAX;
            break;
        }
    }
    if (n == UINT64_MAX ||
        __builtin_mul_overflow(n / type->block, (uint64_t)type->bytes, &t->n_bytes)) {
        return attune_error_set(r->err, ATTUNE_FORMAT, r->at - 12,
                                "%s: tensor %s: its dimensions overflow", r->map->name, name);
    }
    return ATTUNE_OK;
}

static int read_tensor(struct reader *r, struct gguf_tensor *t, uint64_t *offset)
{
    char name[72];
    int status = read_text(r, &t->name, "a tensor's name");

    if (status || (status = read_dims(r, t, shown(name, t->name))) ||
        (status = read_u32(r, &t->type, "a tensor's type")) ||
        (status = read_u64(r, offset, "a tensor's offset"))) {
        return status;
    }
    return size_tensor(r, t, name);
}

static int read_alignment(struct reader *r, const struct gguf *file, uint64_t *out)
{
    const struct gguf_value *value = gguf_find(file, "general.alignment");

    *out = 32;
    if (value && (!gguf_get_u64(file, "general.alignment", out) || *out < 8 || *out > 1 << 20 ||
                  (*out & (*out - 1)))) {
        return attune_error_set(r->err, ATTUNE_FORMAT, value->offset,
                                "%s: general.alignment is no power of two from 8 on", r->map->name);
    }
    return ATTUNE_OK;
}

static int place_tensor(struct reader *r, struct gguf_tensor *t, uint64_t offset, size_t start,
                        uint64_t alignment)
{
    size_t room = start < r->map->len ? r->map->len - start : 0;
    char name[72];

    if (offset % alignment) {
        return attune_error_set(r->err, ATTUNE_FORMAT, start,
                                "%s: tensor %s is not aligned to %llu bytes", r->map->name,
                                shown(name, t->name), (unsigned long long)alignment);
    }
    if (offset > room || t->n_bytes > room - offset) {
        return attune_error_set(r->err, ATTUNE_FORMAT, r->map->len,
                                "%s: ends at byte %zu before tensor %s does: cut short",
                                r->map->name, r->map->len, shown(name, t->name));
    }
    t->data = r->map->data + start + offset;
    return ATTUNE_OK;
}

static int read_tensors(struct reader *r, struct gguf *file, uint64_t n)
{
    uint64_t *offsets = NULL, alignment;
    size_t start;
    int status;

    if (n > left(r) / 32) { /* length of the name, n_dims, one dimension, type, offset */
        return attune_error_set(
            r->err, ATTUNE_FORMAT, 8,
            "%s: claims %llu tensors, more than it can hold: damaged or cut short", r->map->name,
            (unsigned long long)n);
    }
    file->tensors = calloc(n ? (size_t)n : 1, sizeof *file->tensors);
    offsets = calloc(n ? (size_t)n : 1, sizeof *offsets);
    if (!file->tensors || !offsets) {
        status = attune_error_set(r->err, ATTUNE_MEMORY, 0, "%s: out of memory", r->map->name);
        goto done;
    }
    status = read_alignment(r, file, &alignment);
    for (; status == ATTUNE_OK && file->n_tensors < n; file->n_tensors++) {
        status = read_tensor(r, &file->tensors[file->n_tensors], &offsets[file->n_tensors]);
    }
    start = (r->at + alignment - 1) / alignment * alignment;
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = place_tensor(r, &file->tensors[i], offsets[i], start, alignment);
    }
done:
    free(offsets);
    return status;
}

static int read_file(struct reader *r, struct gguf *file)
{
    uint64_t n_tensors = 0, n_pairs = 0;
    int status;

    if (left(r) < 4 || memcmp(r->map->data, "GGUF", 4) != 0) {
        return attune_error_set(r->err, ATTUNE_FORMAT, 0, "%s: not a GGUF file", r->map->name);
    }
    r->at = 4;
    if ((status = read_u32(r, &file->version, "the header"))) {
        return status;
    }
    if (file->version != 2 && file->version != 3) {
        return attune_error_set(r->err, ATTUNE_UNSUPPORTED, 4,
                                "%s: GGUF version %lu%s (2 and 3 can be read)", r->map->name,
                                (unsigned long)file->version,
                                file->version & 0xffff ? "" : ", big endian,");
    }
    if ((status = read_u64(r, &n_tensors, "the header")) ||
        (status = read_u64(r, &n_pairs, "the header")) || (status = read_pairs(r, file, n_pairs))) {
        return status;
    }
    return read_tensors(r, file, n_tensors);
}

int gguf_open(struct gguf **out, const char *path, struct attune_error *err)
{
    struct gguf *file = calloc(1, sizeof *file);
    struct reader r = {.err = err};
    int status;

    *out = NULL;
    if (!file) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    r.map = &file->map;
    status = mapping_open(&file->map, path, err);
    if (status == ATTUNE_OK) {
        status = read_file(&r, file);
    }
    if (status) {
        gguf_close(file);
        return status;
    }
    *out = file;
    return ATTUNE_OK;
}

void gguf_close(struct gguf *file)
{
    if (!file) {
        return;
    }
    for (size_t i = 0; i < file->n_pairs; i++) {
        free((void *)(uintptr_t)file->pairs[i].value.texts);
    }
    free(file->pairs);
    free(file->tensors);
    mapping_close(&file->map);
    free(file);
}

const struct gguf_value *gguf_find(const struct gguf *file, const char *key)
{
    struct pair wanted = {.key = {key, strlen(key)}};
    const struct pair *pair =
        bsearch(&wanted, file->pairs, file->n_pairs, sizeof *file->pairs, by_key);

    return pair ? &pair->value : NULL;
}

/* Element i as a signed or unsigned whole number; false for other types. */
static bool get_whole(const struct gguf_value *value, uint64_t i, uint64_t *magnitude,
                      bool *negative)
{
    const unsigned char *at = (const unsigned char *)value->data + i * scalar_sizes[value->of];
    uint64_t u = 0;
    int64_t s;

    switch (value->of) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64:
        memcpy(&u, at, scalar_sizes[value->of]);
        *negative = false;
        *magnitude = u;
        return true;
    case GGUF_I8: {
        int8_t x;
        memcpy(&x, at, sizeof x);
        s = x;
        break;
    }
    case GGUF_I16: {
        int16_t x;
        memcpy(&x, at, sizeof x);
        s = x;
        break;
    }
    case GGUF_I32: {
        int32_t x;
        memcpy(&x, at, sizeof x);
        s = x;
        break;
    }
    case GGUF_I64: memcpy(&s, at, sizeof s); break;
    default: return false;
    }
    *negative = s < 0;
    *magnitude = s < 0 ? 0 - (uint64_t)s : (uint64_t)s;
    return true;
}

double gguf_number_at(const struct gguf_value *value, uint64_t i)
{
    const unsigned char *at = (const unsigned char *)value->data + i * scalar_sizes[value->of];
    uint64_t magnitude;
    bool negative;

    if (get_whole(value, i, &magnitude, &negative)) {
        return negative ? -(double)magnitude : (double)magnitude;
    }
    if (value->of == GGUF_F32) {
        float x;

        memcpy(&x, at, sizeof x);
        return x;
    }
    if (value->of == GGUF_F64) {
        double x;

        memcpy(&x, at, sizeof x);
        return x;
    }
    return value->of == GGUF_BOOL ? *at != 0 : 0;
}

bool gguf_get_u64(const struct gguf *file, const char *key, uint64_t *out)
{
    const struct gguf_value *value = gguf_find(file, key);
    uint64_t magnitude;
    bool negative;

    if (!value || value->type == GGUF_ARRAY || !get_whole(value, 0, &magnitude, &negative) ||
        negative) {
        return false;
    }
    *out = magnitude;
    return true;
}

bool gguf_get_f64(const struct gguf *file, const char *key, double *out)
{
    const struct gguf_value *value = gguf_find(file, key);

    if (!value || value->type == GGUF_ARRAY || value->type == GGUF_STRING ||
        value->type == GGUF_BOOL) {
        return false;
    }
    *out = gguf_number_at(value, 0);
    return true;
}

bool gguf_get_bool(const struct gguf *file, const char *key, bool *out)
{
    const struct gguf_value *value = gguf_find(file, key);

    if (!value || value->type != GGUF_BOOL) {
        return false;
    }
    *out = gguf_number_at(value, 0) != 0;
    return true;
}

bool gguf_get_text(const struct gguf *file, const char *key, struct gguf_text *out)
{
    const struct gguf_value *value = gguf_find(file, key);

    if (!value || value->type != GGUF_STRING) {
        return false;
    }
    *out = value->texts[0];
    return true;
}

size_t gguf_n_values(const struct gguf *file)
{
    return file->n_pairs;
}

const struct gguf_value *gguf_value_at(const struct gguf *file, size_t i, struct gguf_text *key)
{
    *key = file->pairs[i].key;
    return &file->pairs[i].value;
}

size_t gguf_value_bytes(const struct gguf_value *value)
{
    return (size_t)value->n * scalar_sizes[value->type == GGUF_ARRAY ? value->of : value->type];
}

size_t gguf_n_tensors(const struct gguf *file)
{
    return file->n_tensors;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, size_t i)
{
    return &file->tensors[i];
}

const char *gguf_tensor_type_name(uint32_t type)
{
    return type < sizeof type_sizes / sizeof *type_sizes ? type_sizes[type].name : NULL;
}
