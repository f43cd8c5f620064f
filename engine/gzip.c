/* Reads files through zlib, which passes by what is not compressed. */
#include <config.h>

#include "engine/gzip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/mapping.h"

enum { LARGE = 1 << 24, MOST_TIMES = 100 }; /* tokenizers pack to a fifth, zeros to a thousandth */

int gzip_read(char **out, size_t *len, const char *path, size_t max, struct attune_error *err)
{
    gzFile file;
    char *text = NULL, shown[88];
    size_t n = 0, capacity = 0;
    int got = 0, code = Z_OK, status = ATTUNE_OK;

    *out = NULL;
    mapping_show(shown, path);
    file = gzopen(path, "rb");
    if (!file) {
        return attune_error_set(err, ATTUNE_IO, 0, "%s: %s", shown,
                                errno ? strerror(errno) : "out of memory");
    }
    gzbuffer(file, 1 << 17);
    do {
        n += (size_t)got;
        if (n > max) {
            status =
                attune_error_set(err, ATTUNE_FORMAT, max, "%s: is more than %zu bytes", shown, max);
            goto done;
        }
        if (n > LARGE && n / MOST_TIMES > (size_t)gzoffset(file)) {
            status =
                attune_error_set(err, ATTUNE_FORMAT, n,
                                 "%s: unpacks to more than %d times its size", shown, MOST_TIMES);
            goto done;
        }
        if (capacity - n < 1 << 16) {
            char *more = realloc(text, capacity = capacity ? capacity * 2 : 1 << 20);

            if (!more) {
                status = attune_error_set(err, ATTUNE_MEMORY, 0, "%s: out of memory", shown);
                goto done;
            }
            text = more;
        }
        errno = 0;
        got = gzread(file, text + n,
                     (unsigned)(capacity - n - 1 > 1 << 30 ? 1 << 30 : capacity - n - 1));
    } while (got > 0);
    gzerror(file, &code);
    if (got < 0 || code == Z_BUF_ERROR) {
        status =
            attune_error_set(err, code == Z_ERRNO ? ATTUNE_IO : ATTUNE_FORMAT, n, "%s: %s", shown,
                             code == Z_ERRNO       ? strerror(errno)
                             : code == Z_BUF_ERROR ? "the gzip stream ends too early"
                                                   : "the gzip stream is damaged");
        goto done;
    }
    text[n] = '\0';
    *out = text;
    *len = n;
    text = NULL;
done:
    free(text);
    gzclose(file);
    return status;
}
