/* What can go wrong, and how the library says it.
 *
 * A function that can fail returns an int: ATTUNE_OK (0) or one of the codes below, and describes the
 * failure in the caller's struct attune_error (which may be NULL). The text is one sentence for a
 * person: what, where, what to do. No thread-local state, nothing is printed, nothing exits.
 */
#ifndef ATTUNE_ERROR_H
#define ATTUNE_ERROR_H

#include <stdint.h>

/* STATUS(name, text): every code there is. */
#define ATTUNE_STATUS_LIST(STATUS)                                                                 \
    STATUS(OK, "no error")                                                                         \
    STATUS(MEMORY, "out of memory")                                                                \
    STATUS(IO, "cannot be read or written")                                                        \
    STATUS(FORMAT, "malformed")                                                                    \
    STATUS(UNSUPPORTED, "not supported")                                                           \
    STATUS(ARGUMENT, "wrong argument")                                                             \
    STATUS(NOT_FOUND, "not found")                                                                 \
    STATUS(FULL, "does not fit")                                                                   \
    STATUS(BUSY, "in use by someone else")                                                         \
    STATUS(MISMATCH, "differs from what was recorded")                                             \
    STATUS(CANCELLED, "cancelled")

enum attune_status {
#define STATUS(name, text) ATTUNE_##name,
    ATTUNE_STATUS_LIST(STATUS)
#undef STATUS
        ATTUNE_STATUS_COUNT
};

struct attune_error {
    int status;
    uint64_t where; /* byte offset in the file or text at fault; 0 where that means nothing */
    char text[240]; /* NUL-terminated UTF-8, free of control bytes */
};

/* Fills err (when not NULL) and returns status, so that a failure is one statement. Control bytes
 * and broken UTF-8 that arrive through the arguments are escaped. */
int attune_error_set(struct attune_error *err, int status, uint64_t where, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

/* Puts "prefix: " before the text that err already holds; for callers that know more of the place. */
void attune_error_prefix(struct attune_error *err, const char *prefix);

/* The general text of a code; never NULL. */
const char *attune_status_text(int status);

#endif
