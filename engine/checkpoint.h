/* What a path holds, whatever the format: named tensors, a configuration, perhaps a tokenizer.
 * A format is a part format_NAME.c. Everything lives until checkpoint_close. */
#ifndef ATTUNE_ENGINE_CHECKPOINT_H
#define ATTUNE_ENGINE_CHECKPOINT_H

#include <attune/model.h>
#include <attune/tensors.h>

#include "engine/settings.h"
#include "engine/pool.h"

struct quant_ops;
struct late_rows;

struct tensor {
    const char *name;
    const char *file;             /* as messages show it */
    const struct quant_ops *type; /* NULL: stored in a way nothing here computes with */
    const char *type_name;        /* as the format spells it: "Q8_0", "BF16", "I64" */
    int n_dims;
    uint64_t shape[ATTUNE_TENSOR_MAX_DIMS]; /* row-major, slowest first, in every format */
    const void *data;
    uint64_t n_bytes;
    bool used; /* the recipe points to it */
};

struct checkpoint {
    const struct format_ops *format;
    char shown[88]; /* as messages show it: the path, then the file that lists the tensors */
    struct settings settings;
    struct tensor *tensors; /* [n_tensors] sorted by name */
    size_t n_tensors;
    struct pool pool;
    struct late_rows *late; /* what waits to be put in order (late.h) */
    void *files; /* the format's own */
};

struct format_ops {
    const char *name;
    /* A quick look, without complaint. */
    bool (*knows)(const char *path);
    /* Fills shown, settings, tensors (in any order) and files. On failure close is called all the
     * same. */
    int (*open)(struct checkpoint *cp, const char *path, struct attune_error *err);
    void (*close)(struct checkpoint *cp);
    /* name, architecture, license, description, training; never NULL, "" where the files say
     * nothing. */
    int (*describe)(struct checkpoint *cp, struct attune_model_info *info,
                    struct attune_error *err);
    /* *out NULL: there is none. */
    int (*tokenizer)(struct attune_tokenizer **out, struct checkpoint *cp,
                     struct attune_error *err);
    /* The ids that the files call ends of a text: at most capacity of them. Returns how many. */
    size_t (*ends)(const struct checkpoint *cp, attune_token *ids, size_t capacity);
    /* The value that the files advise for a knob of the sampler, or NaN. */
    double (*advice)(const struct checkpoint *cp, const char *param);
};

int checkpoint_open(struct checkpoint **out, const char *path, struct attune_error *err);
void checkpoint_close(struct checkpoint *cp);

struct tensor *checkpoint_find(const struct checkpoint *cp, const char *name); /* NULL if absent */

/* Fails with "out of memory". */
int checkpoint_no_memory(const struct checkpoint *cp, struct attune_error *err);

#endif
