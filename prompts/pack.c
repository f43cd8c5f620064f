/* Floats through zstd, the one file that includes it. The bytes of all floats are laid out plane by
 * plane, lowest first: signs and exponents, which repeat, then stand together. */
#include <config.h>

#include "pack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "text.h"

enum { LEVEL = 9 };

int pack_floats(void **out, size_t *len, const float *values, size_t n, struct attune_error *err)
{
    const unsigned char *bytes = (const unsigned char *)values;
    unsigned char *planes = malloc(4 * n + 1);
    size_t bound = ZSTD_compressBound(4 * n), used;

    *out = malloc(bound);
    *len = 0;
    if (!planes || !*out) {
        free(planes);
        free(*out);
        *out = NULL;
        return text_no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 4; k++) {
            planes[k * n + i] = bytes[4 * i + k];
        }
    }
    used = ZSTD_compress(*out, bound, planes, 4 * n, LEVEL);
    free(planes);
    if (ZSTD_isError(used)) {
        free(*out);
        *out = NULL;
        return attune_error_set(err, ATTUNE_MEMORY, 0, "compressing: %s", ZSTD_getErrorName(used));
    }
    *len = used;
    return ATTUNE_OK;
}

int unpack_floats(float **out, size_t n, const void *bytes, size_t len, struct attune_error *err)
{
    unsigned char *planes, *to;
    size_t got;

    *out = NULL;
    if (ZSTD_getFrameContentSize(bytes, len) != 4 * (unsigned long long)n) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "a pin does not hold what its shape says");
    }
    planes = malloc(4 * n + 1);
    *out = malloc(4 * n + 1);
    to = (unsigned char *)*out;
    if (!planes || !*out) {
        free(planes);
        free(*out);
        *out = NULL;
        return text_no_memory(err);
    }
    got = ZSTD_decompress(planes, 4 * n, bytes, len);
    for (size_t i = 0; got == 4 * n && i < n; i++) {
        for (size_t k = 0; k < 4; k++) {
            to[4 * i + k] = planes[k * n + i];
        }
    }
    free(planes);
    if (got != 4 * n) {
        free(*out);
        *out = NULL;
        return attune_error_set(err, ATTUNE_FORMAT, 0, "a pin is damaged");
    }
    return ATTUNE_OK;
}
