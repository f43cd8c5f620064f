/* Logits that stand in a file. */
#include <config.h>

#include "cli_logits.h"

#include <attune/tensors.h>
#include <stdlib.h>
#include <string.h>

static int last_row(float **out, size_t *n, const struct attune_tensor *t, const char *path,
                    struct attune_error *err)
{
    uint64_t width = t->n_dims > 0 ? t->shape[t->n_dims - 1] : 0,
             rows = width ? t->n_bytes / sizeof(float) / width : 0;

    if (strcmp(t->dtype, "F32") != 0 || width == 0 || rows == 0 || width > INT32_MAX) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: tensor %s is not a row of F32 logits",
                                path, t->name);
    }
    *out = malloc((size_t)width * sizeof **out);
    if (!*out) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu logits",
                                (size_t)width);
    }
    *n = (size_t)width;
    memcpy(*out, (const char *)t->data + (rows - 1) * width * sizeof **out, *n * sizeof **out);
    return ATTUNE_OK;
}

int cli_read_logits(float **out, size_t *n, const char *path, const char *name,
                    struct attune_error *err)
{
    const struct attune_tensor *t;
    struct attune_tensors *file;
    int status = attune_tensors_open(&file, path, err);

    *out = NULL;
    if (status != ATTUNE_OK) {
        return status;
    }
    t = name                              ? attune_tensors_find(file, name)
        : attune_tensors_count(file) == 1 ? attune_tensors_at(file, 0)
                                          : NULL;
    if (t) {
        status = last_row(out, n, t, path, err);
    } else if (name) {
        status = attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: no tensor %s", path, name);
    } else {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "%s: holds %zu tensors: say which with --tensor NAME", path,
                                  attune_tensors_count(file));
    }
    attune_tensors_close(file);
    return status;
}
