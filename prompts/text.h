/* Byte buffers that grow, for everything in prompts/ that builds text. */
#ifndef ATTUNE_PROMPTS_TEXT_H
#define ATTUNE_PROMPTS_TEXT_H

#include <attune/error.h>
#include <stdbool.h>
#include <stddef.h>

struct text { /* zeroed is empty; data is NUL-terminated once anything was added */
    char *data;
    size_t len, capacity;
    bool failed; /* out of memory: further adds do nothing, text_take says so */
};

void text_add(struct text *text, const void *bytes, size_t len);
void text_put(struct text *text, const char *string);
void text_done(struct text *text);
/* Hands the bytes over (never NULL on success) and empties the buffer. */
int text_take(struct text *text, char **out, size_t *len, struct attune_error *err);

/* A copy of len bytes with a NUL behind; NULL without memory. */
char *text_copy(const char *bytes, size_t len);

/* All of a file, NUL-terminated. Files past `limit` bytes are refused. */
int text_read_file(char **out, size_t *len, const char *path, size_t limit,
                   struct attune_error *err);

int text_no_memory(struct attune_error *err);

#endif
