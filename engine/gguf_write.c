/* GGUF out: the header grows in memory, the data is filled in through a mapping of the finished
 * size. (ggml/docs/gguf.md) */
#include <config.h>

#include "engine/gguf_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/new_file.h"

enum { ALIGNMENT = 32 };

struct bytes {
    unsigned char *data;
    size_t n, capacity;
};

struct gguf_writer {
    struct new_file file;
    struct bytes pairs, infos;
    uint64_t n_pairs, n_tensors, data_bytes;
    uint64_t *offsets; /* [n_tensors] from the start of the data */
    size_t offsets_capacity;
    bool failed; /* out of memory */
    unsigned char *map;
    size_t map_len, data_at;
};

static void put(struct gguf_writer *w, struct bytes *to, const void *data, size_t n)
{
    if (to->capacity - to->n < n) {
        size_t capacity = 2 * (to->n + n) + 256;
        unsigned char *grown = n > SIZE_MAX / 4 - to->n ? NULL : realloc(to->data, capacity);

        if (!grown) {
            w->failed = true;
            return;
        }
        to->data = grown;
        to->capacity = capacity;
    }
    if (n) {
        memcpy(to->data + to->n, data, n);
    }
    to->n += n;
}

static void put_u32(struct gguf_writer *w, struct bytes *to, uint32_t value)
{
    put(w, to, &value, sizeof value);
}

static void put_u64(struct gguf_writer *w, struct bytes *to, uint64_t value)
{
    put(w, to, &value, sizeof value);
}

static void put_text(struct gguf_writer *w, struct bytes *to, struct gguf_text text)
{
    put_u64(w, to, text.len);
    put(w, to, text.s, text.len);
}

static struct gguf_text text_of(const char *s)
{
    return (struct gguf_text){s, strlen(s)};
}

static void put_key(struct gguf_writer *w, struct gguf_text key, enum gguf_type type)
{
    put_text(w, &w->pairs, key);
    put_u32(w, &w->pairs, type);
    w->n_pairs++;
}

static void put_array(struct gguf_writer *w, const char *key, enum gguf_type of, size_t n)
{
    put_key(w, text_of(key), GGUF_ARRAY);
    put_u32(w, &w->pairs, of);
    put_u64(w, &w->pairs, n);
}

void gguf_write_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    put_key(w, text_of(key), GGUF_U32);
    put_u32(w, &w->pairs, value);
}

void gguf_write_f32(struct gguf_writer *w, const char *key, float value)
{
    put_key(w, text_of(key), GGUF_F32);
    put(w, &w->pairs, &value, sizeof value);
}

void gguf_write_bool(struct gguf_writer *w, const char *key, bool value)
{
    put_key(w, text_of(key), GGUF_BOOL);
    put(w, &w->pairs, &(unsigned char){value}, 1);
}

void gguf_write_name(struct gguf_writer *w, const char *key, struct gguf_text text)
{
    put_key(w, text_of(key), GGUF_STRING);
    put_text(w, &w->pairs, text);
}

void gguf_write_text(struct gguf_writer *w, const char *key, const char *text)
{
    gguf_write_name(w, key, text_of(text));
}

void gguf_write_bytes(struct gguf_writer *w, const char *key, const void *bytes, size_t n)
{
    put_array(w, key, GGUF_U8, n);
    put(w, &w->pairs, bytes, n);
}

void gguf_write_texts(struct gguf_writer *w, const char *key, const struct gguf_text *texts,
                      size_t n)
{
    put_array(w, key, GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) {
        put_text(w, &w->pairs, texts[i]);
    }
}

void gguf_write_i32s(struct gguf_writer *w, const char *key, const int32_t *values, size_t n)
{
    put_array(w, key, GGUF_I32, n);
    put(w, &w->pairs, values, n * sizeof *values);
}

void gguf_write_f32s(struct gguf_writer *w, const char *key, const float *values, size_t n)
{
    put_array(w, key, GGUF_F32, n);
    put(w, &w->pairs, values, n * sizeof *values);
}

void gguf_write_value(struct gguf_writer *w, struct gguf_text key, const struct gguf_value *value)
{
    put_key(w, key, value->type);
    if (value->type == GGUF_ARRAY) {
        put_u32(w, &w->pairs, value->of);
        put_u64(w, &w->pairs, value->n);
    }
    if (value->texts) {
        for (uint64_t i = 0; i < value->n; i++) {
            put_text(w, &w->pairs, value->texts[i]);
        }
    } else {
        put(w, &w->pairs, value->data, gguf_value_bytes(value));
    }
}

void gguf_write_tensor(struct gguf_writer *w, struct gguf_text name, uint32_t type, int n_dims,
                       const uint64_t *dims, uint64_t n_bytes)
{
    if (w->n_tensors == w->offsets_capacity) {
        size_t capacity = 2 * w->offsets_capacity + 64;
        uint64_t *grown = realloc(w->offsets, capacity * sizeof *grown);

        if (!grown) {
            w->failed = true;
            return;
        }
        w->offsets = grown;
        w->offsets_capacity = capacity;
    }
    put_text(w, &w->infos, name);
    put_u32(w, &w->infos, (uint32_t)n_dims);
    for (int i = 0; i < n_dims; i++) {
        put_u64(w, &w->infos, dims[i]);
    }
    put_u32(w, &w->infos, type);
    put_u64(w, &w->infos, w->data_bytes);
    w->offsets[w->n_tensors++] = w->data_bytes;
    w->data_bytes += (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int gguf_write_new(struct gguf_writer **out, const char *path, struct attune_error *err)
{
    struct gguf_writer *w = calloc(1, sizeof *w);
    int status;

    *out = w;
    if (!w) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    status = new_file_open(&w->file, path, err);
    if (status) {
        gguf_write_free(w);
        *out = NULL;
    }
    return status;
}

void gguf_write_free(struct gguf_writer *w)
{
    if (!w) {
        return;
    }
    if (w->map) {
        munmap(w->map, w->map_len);
    }
    new_file_drop(&w->file);
    free(w->pairs.data);
    free(w->infos.data);
    free(w->offsets);
    free(w);
}

/* The room is taken at once: on a full disk that fails here, not as a signal in the middle. */
int gguf_write_begin(struct gguf_writer *w, struct attune_error *err)
{
    struct bytes head = {0};
    int why;

    put(w, &head, "GGUF", 4);
    put_u32(w, &head, 3);
    put_u64(w, &head, w->n_tensors);
    put_u64(w, &head, w->n_pairs);
    put(w, &head, w->pairs.data, w->pairs.n);
    put(w, &head, w->infos.data, w->infos.n);
    w->data_at = (head.n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (w->failed || w->data_bytes > SIZE_MAX / 2 - w->data_at) {
        free(head.data);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    w->map_len = w->data_at + (size_t)w->data_bytes;
    why = posix_fallocate(w->file.fd, 0, (off_t)w->map_len);
    if (!why) {
        w->map = mmap(NULL, w->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, w->file.fd, 0);
        why = w->map == MAP_FAILED ? errno : 0;
        w->map = why ? NULL : w->map;
    }
    if (!why) {
        memcpy(w->map, head.data, head.n);
    }
    free(head.data);
    return why ? new_file_failed(&w->file, why, err) : ATTUNE_OK;
}

void *gguf_write_data(struct gguf_writer *w, size_t i)
{
    return w->map + w->data_at + w->offsets[i];
}

const char *gguf_write_path(const struct gguf_writer *w)
{
    return w->file.temporary;
}

/* Disks are slow: piece by piece, so that it can be cancelled. */
int gguf_write_commit(struct gguf_writer *w, struct attune_progress *progress,
                      struct attune_error *err)
{
    enum { PIECE = 8 << 20 };

    for (size_t at = 0; at < w->map_len; at += PIECE) {
        size_t n = w->map_len - at < PIECE ? w->map_len - at : PIECE;

        if (progress && atomic_load(&progress->cancel)) {
            return attune_error_set(err, ATTUNE_CANCELLED, 0, "cancelled: nothing was written");
        }
        if (msync(w->map + at, n, MS_SYNC) != 0) {
            return new_file_failed(&w->file, errno, err);
        }
    }
    return new_file_commit(&w->file, err);
}
