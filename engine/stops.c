/* Stop texts, matched byte by byte across the borders of tokens. */
#include <config.h>

#include "stops.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int stops_init(struct stops *s, const char *const *stop, size_t n, size_t max_bytes,
               size_t max_piece, struct attune_error *err)
{
    size_t longest = 0;

    memset(s, 0, sizeof *s);
    s->stop = calloc(n + 1, sizeof *s->stop);
    s->stop_len = calloc(n + 1, sizeof *s->stop_len);
    if (!s->stop || !s->stop_len) {
        goto out_of_memory;
    }
    for (; s->n < n; s->n++) {
        s->stop_len[s->n] = strlen(stop[s->n]);
        if (s->stop_len[s->n] == 0) {
            stops_done(s);
            return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                    "a stop text is empty: it would end every run");
        }
        s->stop[s->n] = strdup(stop[s->n]);
        if (!s->stop[s->n]) {
            goto out_of_memory;
        }
        longest = s->stop_len[s->n] > longest ? s->stop_len[s->n] : longest;
    }
    if (max_bytes > SIZE_MAX / 2 || longest + max_piece > SIZE_MAX / 2) {
        goto out_of_memory;
    }
    s->capacity = max_bytes;
    s->text = malloc(max_bytes + 1);
    s->held = malloc(longest + max_piece + 1);
    if (!s->text || !s->held) {
        goto out_of_memory;
    }
    s->text[0] = '\0';
    return ATTUNE_OK;

out_of_memory:
    stops_done(s);
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu bytes of generated text",
                            max_bytes);
}

void stops_done(struct stops *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->stop[i]);
    }
    free(s->stop);
    free(s->stop_len);
    free(s->text);
    free(s->held);
    memset(s, 0, sizeof *s);
}

/* The first n held bytes become text. */
static void release(struct stops *s, size_t n)
{
    size_t room = s->capacity - s->len, taken = n < room ? n : room;

    memcpy(s->text + s->len, s->held, taken);
    s->len += taken;
    s->text[s->len] = '\0';
    s->n_held -= n;
    memmove(s->held, s->held + n, s->n_held);
}

/* How many bytes of a stop the held bytes from `at` on spell. */
static size_t spelled(const struct stops *s, size_t stop, size_t at)
{
    size_t n = 0;

    while (at + n < s->n_held && n < s->stop_len[stop] && s->held[at + n] == s->stop[stop][n]) {
        n++;
    }
    return n;
}

bool stops_add(struct stops *s, const char *bytes, size_t len)
{
    size_t undecided;

    memcpy(s->held + s->n_held, bytes, len);
    s->n_held += len;
    undecided = s->n_held;
    for (size_t at = 0; at < s->n_held; at++) {
        for (size_t i = 0; i < s->n; i++) {
            size_t n = spelled(s, i, at);

            if (n == s->stop_len[i]) {
                release(s, at);
                s->n_held = 0;
                return true;
            }
            if (at + n == s->n_held && at < undecided) {
                undecided = at;
            }
        }
    }
    release(s, undecided);
    return false;
}

bool stops_has(const struct stops *s, const char *text)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->stop[i], text) == 0) {
            return true;
        }
    }
    return false;
}

void stops_flush(struct stops *s)
{
    release(s, s->n_held);
}
