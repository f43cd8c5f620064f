/* The text of a generation and the stop texts that end it.
 *
 * A stop may begin in one token and end three tokens later, so the last bytes are held back as long
 * as they could still become a stop:
 *
 *     "Yes.\nQ"    with the stop "\nQ:"    text "Yes."   held "\nQ"
 *     + ":"        ends it                 text "Yes."
 *     + " why"     or releases             text "Yes.\nQ why"
 *
 * All memory is taken in _init. */
#ifndef ATTUNE_ENGINE_STOPS_H
#define ATTUNE_ENGINE_STOPS_H

#include <attune/error.h>

#include <stdbool.h>
#include <stddef.h>

struct stops {
    char **stop;      /* [n] copies */
    size_t *stop_len; /* [n] */
    size_t n;
    char *text; /* [len] released, NUL-terminated */
    size_t len, capacity;
    char *held; /* [n_held] */
    size_t n_held;
};

/* Room for max_bytes of text that comes in pieces of at most max_piece. */
int stops_init(struct stops *s, const char *const *stop, size_t n, size_t max_bytes,
               size_t max_piece, struct attune_error *err);
void stops_done(struct stops *s);

/* Adds bytes; true: a stop was completed, and text ends before it. */
bool stops_add(struct stops *s, const char *bytes, size_t len);
/* Whether this is one of the stops, whole. */
bool stops_has(const struct stops *s, const char *text);
/* No more bytes come: what was held back is text. */
void stops_flush(struct stops *s);

#endif
