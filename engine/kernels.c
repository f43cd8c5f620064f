/* Which instruction set does the arithmetic. */
#include <config.h>

#include "engine/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "engine/quant.h"

#define KERNEL(name) extern const struct kernel_ops kernel_##name;
#include "engine/tables.inc"
#undef KERNEL

static const struct kernel_ops *const kernels[] = {
#define KERNEL(name) &kernel_##name,
#include "engine/tables.inc"
#undef KERNEL
};

size_t kernels_count(void)
{
    return sizeof kernels / sizeof *kernels;
}

const struct kernel_ops *kernels_at(size_t i)
{
    return kernels[i];
}

const struct kernel_stored *kernels_stored(const struct kernel_ops *kernel, uint32_t ggml_type)
{
    for (const struct kernel_stored *s = kernel->stored; s->dots; s++) {
        if (s->ggml_type == ggml_type) {
            return s;
        }
    }
    return NULL;
}

void kernels_dots(const struct kernel_ops *kernel, const struct quant_ops *type, float *y,
                  const void *w, size_t row_bytes, size_t rows, const float *x, size_t n)
{
    const struct kernel_stored *stored = kernels_stored(kernel, type->ggml_type);

    if (stored) {
        stored->dots(y, w, row_bytes, rows, x, n);
    } else {
        kernel->unpacked_dots(y, w, row_bytes, rows, x, n, type);
    }
}

void kernels_widen(const struct kernel_ops *kernel, const struct quant_ops *type, float *out,
                   const void *row, size_t n)
{
    const struct kernel_stored *stored = kernels_stored(kernel, type->ggml_type);

    if (stored) {
        stored->widen(out, row, n);
    } else {
        kernel->unpacked_widen(out, row, n, type);
    }
}

void kernels_narrow(const struct kernel_ops *kernel, const struct quant_ops *type, void *row,
                    const float *x, size_t n)
{
    const struct kernel_stored *stored = kernels_stored(kernel, type->ggml_type);

    if (stored && stored->narrow) {
        stored->narrow(row, x, n);
    } else {
        type->from_float(row, x, n);
    }
}

static const struct kernel_ops *fastest(void)
{
    const struct kernel_ops *best = NULL;

    for (size_t i = 0; i < kernels_count(); i++) {
        if (kernels[i]->usable() && (!best || kernels[i]->speed > best->speed)) {
            best = kernels[i];
        }
    }
    return best;
}

int kernels_pick(const struct kernel_ops **out, struct attune_error *err)
{
    const char *wanted = getenv("ATTUNE_KERNEL");

    if (!wanted || !*wanted) {
        *out = fastest();
        return ATTUNE_OK;
    }
    for (size_t i = 0; i < kernels_count(); i++) {
        if (strcmp(kernels[i]->name, wanted) == 0) {
            *out = kernels[i];
            return kernels[i]->usable()
                       ? ATTUNE_OK
                       : attune_error_set(
                             err, ATTUNE_UNSUPPORTED, 0,
                             "ATTUNE_KERNEL=%s: this processor cannot run it; unset it", wanted);
        }
    }
    return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                            "ATTUNE_KERNEL=%s: no such kernel; use plain, avx2 or avx512", wanted);
}

const char *attune_engine_fingerprint(void)
{
    const struct kernel_ops *kernel;

    return kernels_pick(&kernel, NULL) == ATTUNE_OK ? kernel->fingerprint : fastest()->fingerprint;
}
