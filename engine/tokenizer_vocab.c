/* The vocabulary: spellings in one arena, ids as offsets into it, one open hash table for the way
 * back. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

uint64_t hash_bytes(const char *s, size_t len)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ len, word;

    for (; len >= 8; s += 8, len -= 8) {
        memcpy(&word, s, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, s, len);
    h = (h ^ word) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}

int vocab_init(struct vocab *v, size_t n_pieces, size_t n_bytes, struct attune_error *err)
{
    memset(v, 0, sizeof *v);
    if (n_pieces > 1 << 26 || n_bytes > UINT32_MAX / 2) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "a vocabulary of %zu pieces is too large",
                                n_pieces);
    }
    v->n_slots = 64;
    while (v->n_slots < n_pieces * 2) {
        v->n_slots *= 2;
    }
    v->slots = calloc(v->n_slots, sizeof *v->slots);
    v->text_capacity = n_bytes + n_pieces + 64;
    v->text = malloc(v->text_capacity);
    return v->slots && v->text ? ATTUNE_OK
                               : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

void vocab_done(struct vocab *v)
{
    free(v->text);
    free(v->offset);
    free(v->length);
    free(v->kind);
    free(v->added);
    free(v->slots);
    memset(v, 0, sizeof *v);
}

static bool resize(void **array, size_t old, size_t n, size_t size, int fill)
{
    char *more = realloc(*array, n * size);

    if (!more) {
        return false;
    }
    memset(more + old * size, fill, (n - old) * size);
    *array = more;
    return true;
}

/* Room for ids up to id. Gaps are allowed, but not out of all proportion to what is there. */
static int reserve_id(struct vocab *v, attune_token id, struct attune_error *err)
{
    size_t need = (size_t)id + 1, n = v->capacity;

    if (id < 0 || (need > (1 << 16) && need / 8 > v->n_slots)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "id %ld of a vocabulary of %zu pieces is out of range", (long)id,
                                v->n_pieces);
    }
    if (need > n) {
        n = need < n * 2 ? n * 2 : need < 1024 ? 1024 : need;
        if (!resize((void **)&v->offset, v->capacity, n, sizeof *v->offset, 0xff) ||
            !resize((void **)&v->length, v->capacity, n, sizeof *v->length, 0) ||
            !resize((void **)&v->kind, v->capacity, n, sizeof *v->kind, ATTUNE_TOKEN_UNUSED) ||
            !resize((void **)&v->added, v->capacity, n, sizeof *v->added, 0)) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
        v->capacity = n;
    }
    v->size = need > v->size ? need : v->size;
    return ATTUNE_OK;
}

static uint32_t *find_slot(const struct vocab *v, const char *s, size_t len)
{
    size_t i = hash_bytes(s, len) & (v->n_slots - 1);

    while (v->slots[i]) {
        uint32_t id = v->slots[i] - 1;

        if (v->length[id] == len && memcmp(v->text + v->offset[id], s, len) == 0) {
            break;
        }
        i = (i + 1) & (v->n_slots - 1);
    }
    return &v->slots[i];
}

static int rehash(struct vocab *v, struct attune_error *err)
{
    size_t old = v->n_slots;
    uint32_t *before = v->slots;

    v->slots = calloc(old * 2, sizeof *v->slots);
    if (!v->slots) {
        v->slots = before;
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    v->n_slots = old * 2;
    for (size_t i = 0; i < old; i++) {
        if (before[i]) {
            uint32_t id = before[i] - 1;

            *find_slot(v, v->text + v->offset[id], v->length[id]) = before[i];
        }
    }
    free(before);
    return ATTUNE_OK;
}

int vocab_add(struct vocab *v, attune_token id, const char *s, size_t len, bool again,
              struct attune_error *err)
{
    int status = reserve_id(v, id, err);
    uint32_t *slot;

    if (status == ATTUNE_OK && v->offset[id] != UINT32_MAX) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "id %ld stands for both \"%.40s\" and \"%.*s\"", (long)id,
                                v->text + v->offset[id], (int)(len < 40 ? len : 40), s);
    }
    if (status == ATTUNE_OK && v->n_pieces * 2 >= v->n_slots) {
        status = rehash(v, err);
    }
    if (status) {
        return status;
    }
    if (v->text_capacity - v->text_len <= len) {
        size_t capacity = v->text_capacity * 2 + len + 1;
        char *more = capacity < UINT32_MAX ? realloc(v->text, capacity) : NULL;

        if (!more) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
        v->text = more;
        v->text_capacity = capacity;
    }
    slot = find_slot(v, s, len);
    if (*slot && !again) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "\"%.*s\" has two ids, %lu and %ld",
                                (int)(len < 80 ? len : 80), s, (unsigned long)*slot - 1, (long)id);
    }
    memcpy(v->text + v->text_len, s, len);
    v->text[v->text_len + len] = '\0';
    v->offset[id] = (uint32_t)v->text_len;
    v->length[id] = (uint32_t)len;
    v->kind[id] = ATTUNE_TOKEN_NORMAL;
    v->text_len += len + 1;
    v->n_pieces++;
    if (!*slot) {
        *slot = (uint32_t)id + 1;
    }
    return ATTUNE_OK;
}

attune_token vocab_find(const struct vocab *v, const char *s, size_t len)
{
    return v->n_slots ? (attune_token)*find_slot(v, s, len) - 1 : ATTUNE_TOKEN_NONE;
}

const char *vocab_piece(const struct vocab *v, attune_token id, size_t *len)
{
    if (id < 0 || (size_t)id >= v->size || v->offset[id] == UINT32_MAX) {
        *len = 0;
        return NULL;
    }
    *len = v->length[id];
    return v->text + v->offset[id];
}
