/* From a path to named tensors: asks the formats in turn, sorts what they found, finds by name. */
#include <config.h>

#include "engine/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/mapping.h"

#define FORMAT(name) extern const struct format_ops format_##name;
#include "engine/tables.inc"
#undef FORMAT

static const struct format_ops *const formats[] = {
#define FORMAT(name) &format_##name,
#include "engine/tables.inc"
#undef FORMAT
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static int sort_tensors(struct checkpoint *cp, struct attune_error *err)
{
    if (cp->n_tensors) {
        qsort(cp->tensors, cp->n_tensors, sizeof *cp->tensors, by_name);
    }
    for (size_t i = 1; i < cp->n_tensors; i++) {
        if (by_name(&cp->tensors[i - 1], &cp->tensors[i]) == 0) {
            return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: tensor %.64s stands there twice",
                                    cp->tensors[i].file, cp->tensors[i].name);
        }
    }
    return ATTUNE_OK;
}

static int open_format(struct checkpoint *cp, const char *path, struct attune_error *err)
{
    struct stat st;

    mapping_show(cp->shown, path);
    if (stat(path, &st) != 0) {
        return attune_error_set(err, errno == ENOENT ? ATTUNE_NOT_FOUND : ATTUNE_IO, 0, "%s: %s",
                                cp->shown, strerror(errno));
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) { /* opening a FIFO would wait for ever */
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: neither a file nor a directory",
                                cp->shown);
    }
    if (S_ISREG(st.st_mode) && st.st_size == 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "%s: empty file", cp->shown);
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (formats[i]->knows(path)) {
            cp->format = formats[i];
            return cp->format->open(cp, path, err);
        }
    }
    if (S_ISREG(st.st_mode) && strlen(path) > 12 &&
        strcmp(path + strlen(path) - 12, ".safetensors") == 0) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "%s: weights alone: give the directory with their config.json",
                                cp->shown);
    }
    return attune_error_set(err, ATTUNE_FORMAT, 0,
                            "%s: not a model (neither GGUF nor a directory with config.json)",
                            cp->shown);
}

int checkpoint_open(struct checkpoint **out, const char *path, struct attune_error *err)
{
    struct checkpoint *cp = calloc(1, sizeof *cp);
    int status;

    *out = NULL;
    if (!cp) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    cp->settings.pool = &cp->pool;
    cp->settings.err = err;
    status = open_format(cp, path, err);
    if (status == ATTUNE_OK) {
        status = sort_tensors(cp, err);
    }
    if (status) {
        checkpoint_close(cp);
        return status;
    }
    *out = cp;
    return ATTUNE_OK;
}

void checkpoint_close(struct checkpoint *cp)
{
    if (!cp) {
        return;
    }
    if (cp->format) {
        cp->format->close(cp);
    }
    pool_done(&cp->pool);
    free(cp);
}

struct tensor *checkpoint_find(const struct checkpoint *cp, const char *name)
{
    struct tensor wanted = {.name = name};

    return cp->n_tensors ? bsearch(&wanted, cp->tensors, cp->n_tensors, sizeof wanted, by_name)
                         : NULL;
}

int checkpoint_no_memory(const struct checkpoint *cp, struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "%s: out of memory", cp->shown);
}
