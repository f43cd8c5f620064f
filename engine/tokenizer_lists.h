/* The long lists of a tokenizer.json, model.vocab and model.merges, read where they stand: a
 * library makes an object of every piece and every number, which takes longer than all the rest.
 *
 * Only what is exactly as expected is read here. Everything else (and every error, so that there is
 * one wording) is left to the library, which then reads the whole file. */
#ifndef ATTUNE_ENGINE_TOKENIZER_LISTS_H
#define ATTUNE_ENGINE_TOKENIZER_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_list {
    const char *s; /* from its bracket on, in the text; NULL: not there */
    size_t len;
    size_t n_texts, n_bytes; /* strings in it, their bytes (at most) */
};

struct json_lists {
    struct json_list vocab, merges;
};

/* Finds the lists in text, which ends in NUL, and writes the text with null in their places to
 * *rest (freed by the caller). False where the text has no such lists, or is not plain enough. */
bool lists_cut(struct json_lists *out, const char *text, size_t len, char **rest, size_t *rest_len);

/* Is at the end of the list, but for white space? */
bool list_ends(const struct json_list *list, const char *at);

/* A string that was read: in the text itself, or in buffer where it had escapes. */
struct list_text {
    const char *s;
    size_t len;
    char *buffer;
    size_t capacity;
};
void list_text_done(struct list_text *t);

/* Each reads at *at (white space before it goes) and moves *at behind; false, and *at anywhere,
 * where something else stands there. */
bool list_take(const char **at, char c);                /* *at stays where it is */
bool list_text(const char **at, struct list_text *out); /* no NUL in it */
bool list_whole(const char **at, int32_t *out);         /* 0 and more */
/* As the reference reads it: all digits as one whole number, converted to double, then one
 * multiplication or division by a power of ten. */
bool list_decimal(const char **at, double *out);

#endif
