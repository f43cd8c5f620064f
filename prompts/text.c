/* Byte buffers that grow. A failed allocation is remembered and told once, at the end. */
#include <config.h>

#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int text_no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

void text_add(struct text *text, const void *bytes, size_t len)
{
    if (text->failed) {
        return;
    }
    if (text->capacity - text->len <= len) {
        size_t capacity = text->capacity ? text->capacity : 64;
        char *data;

        while (capacity - text->len <= len && capacity <= SIZE_MAX / 2) {
            capacity *= 2;
        }
        data = capacity - text->len > len ? realloc(text->data, capacity) : NULL;
        if (!data) {
            text->failed = true;
            return;
        }
        text->data = data;
        text->capacity = capacity;
    }
    if (len) {
        memcpy(text->data + text->len, bytes, len);
    }
    text->len += len;
    text->data[text->len] = '\0';
}

void text_put(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_done(struct text *text)
{
    free(text->data);
    memset(text, 0, sizeof *text);
}

int text_take(struct text *text, char **out, size_t *len, struct attune_error *err)
{
    text_add(text, "", 0);
    if (text->failed) {
        text_done(text);
        *out = NULL;
        return text_no_memory(err);
    }
    *out = text->data;
    if (len) {
        *len = text->len;
    }
    memset(text, 0, sizeof *text);
    return ATTUNE_OK;
}

char *text_copy(const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy) {
        if (len) {
            memcpy(copy, bytes, len);
        }
        copy[len] = '\0';
    }
    return copy;
}

int text_read_file(char **out, size_t *len, const char *path, size_t limit,
                   struct attune_error *err)
{
    FILE *f = fopen(path, "rb");
    struct text text = {0};
    char part[16384];
    size_t got;
    int status = ATTUNE_OK;

    *out = NULL;
    if (!f) {
        return attune_error_set(err, errno == ENOENT ? ATTUNE_NOT_FOUND : ATTUNE_IO, 0, "%s: %s",
                                path, strerror(errno));
    }
    while (status == ATTUNE_OK && (got = fread(part, 1, sizeof part, f)) > 0) {
        text_add(&text, part, got);
        if (text.len > limit) {
            status =
                attune_error_set(err, ATTUNE_FULL, 0, "%s: larger than %zu bytes", path, limit);
        }
    }
    if (status == ATTUNE_OK && ferror(f)) {
        status = attune_error_set(err, ATTUNE_IO, text.len, "%s: %s", path, strerror(errno));
    }
    if (status == ATTUNE_OK) {
        status = text_take(&text, out, len, err);
    }
    text_done(&text);
    fclose(f);
    return status;
}
