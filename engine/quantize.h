/* What a converted file is to hold, listed before it is written. */
#ifndef ATTUNE_ENGINE_QUANTIZE_H
#define ATTUNE_ENGINE_QUANTIZE_H

#include "engine/gguf_write.h"
#include "engine/quant.h"

struct quantize_item { /* one tensor */
    char name[96];
    int n_dims;
    uint64_t dims[4]; /* fastest first */
    const struct quant_ops *from, *to;
    size_t n_rows; /* of dims[0] elements */
    struct {
        const void *data;
        size_t n_rows;
    } parts[3]; /* its rows, one part below the other */
    size_t
        head_rows; /* rows of a head whose order changes from halves to neighbours; 0: they stay */
    uint64_t n_bytes; /* in the new file */
};

struct quantize_list {
    struct quantize_item *items; /* [n] */
    size_t n, capacity;
    bool fresh; /* from another format: what is no matrix becomes float32 */
};

int quantize_add(struct quantize_list *list, const struct quantize_item *item);

struct quantize_value {
    struct gguf_text key;
    const struct gguf_value *value;
};

#endif
