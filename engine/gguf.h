/* A GGUF file, mapped and checked: metadata by key, tensors by name.
 * Format: ggml/docs/gguf.md, versions 2 and 3, little endian. All pointers are into the mapping and live
 * until gguf_close; strings in the file are not NUL-terminated, so they come with their length. */
#ifndef ATTUNE_ENGINE_GGUF_H
#define ATTUNE_ENGINE_GGUF_H

#include <attune/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gguf_type { /* numbers as in the file */
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY,
    GGUF_U64, GGUF_I64, GGUF_F64, GGUF_TYPE_COUNT
};

struct gguf_text {
    const char *s;
    size_t len;
};

struct gguf_value {
    enum gguf_type type;
    enum gguf_type of;   /* element type where type is GGUF_ARRAY (arrays of arrays are refused) */
    uint64_t n;          /* elements of an array, else 1 */
    const void *data;    /* scalars and arrays of scalars: little endian, not aligned */
    uint64_t offset;     /* of the value in the file, for messages */
    const struct gguf_text *texts; /* arrays of strings: [n], made when the file is opened */
};

struct gguf_tensor {
    struct gguf_text name;
    uint32_t type;       /* ggml type number */
    int n_dims;
    uint64_t dims[4];    /* as in the file: fastest first; missing ones are 1 */
    const void *data;    /* inside the mapping, size checked against the type's block size */
    uint64_t n_bytes;
};

struct gguf;

int gguf_open(struct gguf **out, const char *path, struct attune_error *err);
void gguf_close(struct gguf *file);

const struct gguf_value *gguf_find(const struct gguf *file, const char *key); /* NULL if absent */
/* False if absent or of another kind; any integer width fits an integer, any number a float. */
bool gguf_get_u64(const struct gguf *file, const char *key, uint64_t *out);
bool gguf_get_f64(const struct gguf *file, const char *key, double *out);
bool gguf_get_bool(const struct gguf *file, const char *key, bool *out);
bool gguf_get_text(const struct gguf *file, const char *key, struct gguf_text *out);
/* Element i of an array of numbers. */
double gguf_number_at(const struct gguf_value *value, uint64_t i);

/* All metadata, sorted by key. */
size_t gguf_n_values(const struct gguf *file);
const struct gguf_value *gguf_value_at(const struct gguf *file, size_t i, struct gguf_text *key);
/* What the elements of a value that is no string take in the file. */
size_t gguf_value_bytes(const struct gguf_value *value);

size_t gguf_n_tensors(const struct gguf *file);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, size_t i);
const char *gguf_tensor_type_name(uint32_t type); /* "Q8_0"; NULL if the format knows no such number */

#endif
