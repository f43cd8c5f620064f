/* Named tensors in a safetensors file: reading goldens and logits, writing what a verb computes.
 *
 * The file is mapped: names and data are borrowed from it and valid until attune_tensors_close.
 * Format: huggingface/safetensors, README "Format". Offsets, shapes and the header are checked
 * before anything is multiplied or read. */
#ifndef ATTUNE_TENSORS_H
#define ATTUNE_TENSORS_H

#include <attune/error.h>
#include <stddef.h>
#include <stdint.h>

#define ATTUNE_TENSOR_MAX_DIMS 8

struct attune_tensor {
    const char *name;
    const char *dtype; /* "F32", "F16", "BF16", "I64", "I32", "U8", ...: as the file says */
    int n_dims;
    uint64_t shape[ATTUNE_TENSOR_MAX_DIMS]; /* row-major, slowest first */
    const void *data;
    uint64_t n_bytes;
};

struct attune_tensors;

int attune_tensors_open(struct attune_tensors **out, const char *path, struct attune_error *err);
void attune_tensors_close(struct attune_tensors *file);
size_t attune_tensors_count(const struct attune_tensors *file);
const struct attune_tensor *attune_tensors_at(const struct attune_tensors *file, size_t i);
const struct attune_tensor *attune_tensors_find(const struct attune_tensors *file, const char *name);

/* Writes n tensors, through a temporary file beside path that replaces it when all is on disk. */
int attune_tensors_write(const char *path, const struct attune_tensor *tensors, size_t n,
                         struct attune_error *err);

#endif
