/* Pieces of text that remember where they come from, and the memory of one call. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/unicode.h"

struct arena_block {
    struct arena_block *before;
    size_t used, size;
    max_align_t data[];
};

void *arena_get(struct arena *arena, size_t n, size_t size)
{
    enum { LEAST = 1 << 16, ALIGN = sizeof(max_align_t) };
    struct arena_block *block = arena->last;
    size_t need;
    void *p;

    if (size && n > (SIZE_MAX >> 2) / size) {
        return NULL;
    }
    need = (n * size + ALIGN - 1) / ALIGN * ALIGN;
    if (!block || block->size - block->used < need) {
        size_t room = block && block->size < (1 << 24) ? block->size * 2 : LEAST;

        room = need > room ? need : room;
        if (arena->limit && (room > arena->limit || arena->held > arena->limit - room)) {
            arena->full = true;
            return NULL;
        }
        block = malloc(sizeof *block + room);
        if (!block) {
            return NULL;
        }
        *block = (struct arena_block){arena->last, 0, room};
        arena->last = block;
        arena->held += room;
    }
    p = (char *)block->data + block->used;
    block->used += need;
    return p;
}

void arena_done(struct arena *arena)
{
    for (struct arena_block *block = arena->last, *before; block; block = before) {
        before = block->before;
        free(block);
    }
    arena->last = NULL;
    arena->held = 0;
}

size_t arena_limit(size_t n)
{
    enum { BASE = 1 << 26, FACTOR = 4096 };

    return n > (SIZE_MAX - BASE) / FACTOR ? SIZE_MAX : BASE + FACTOR * n;
}

int arena_failed(const struct arena *arena, struct attune_error *err)
{
    return arena->full ? attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                          "the steps of this tokenizer make more than %zu MB of "
                                          "the text: one multiplies what another has multiplied",
                                          arena->limit >> 20)
                       : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

struct span piece_span(const struct piece *p, size_t at, size_t n)
{
    size_t start = at, end = at + n;

    if (p->align) {
        return (struct span){p->align[at].start, p->align[end - 1].end};
    }
    while (!p->raw && start > 0 && (p->s[start] & 0xc0) == 0x80) {
        start--;
    }
    while (!p->raw && end < p->len && (p->s[end] & 0xc0) == 0x80) {
        end++;
    }
    return (struct span){(uint32_t)(p->origin + start), (uint32_t)(p->origin + end)};
}

struct piece piece_part(const struct piece *p, size_t start, size_t end)
{
    struct piece part = *p;

    part.s += start;
    part.len = end - start;
    part.origin =
        p->align ? (start < p->len ? p->align[start].start : p->origin) : p->origin + start;
    part.align = p->align ? p->align + start : NULL;
    return part;
}

void builder_init(struct builder *b, struct encoding *e, size_t capacity)
{
    *b = (struct builder){.e = e, .capacity = capacity + 16};
    b->s = arena_get(&e->arena, b->capacity, 1);
    b->align = arena_get(&e->arena, b->capacity, sizeof *b->align);
    b->failed = !b->s || !b->align;
}

static void grow(struct builder *b, size_t need)
{
    size_t capacity = (b->capacity + need) * 2;
    char *s = arena_get(&b->e->arena, capacity, 1);
    struct span *align = arena_get(&b->e->arena, capacity, sizeof *align);

    if (!s || !align) {
        b->failed = true;
        return;
    }
    memcpy(s, b->s, b->n);
    memcpy(align, b->align, b->n * sizeof *align);
    b->s = s;
    b->align = align;
    b->capacity = capacity;
}

void builder_add(struct builder *b, const char *s, size_t len, struct span span)
{
    if (!b->failed && b->capacity - b->n < len) {
        grow(b, len);
    }
    if (b->failed) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        b->s[b->n] = s[i];
        b->align[b->n++] = span;
    }
}

void builder_add_char(struct builder *b, uint32_t c, struct span span)
{
    char bytes[4];

    builder_add(b, bytes, unicode_encode(bytes, c), span);
}

void builder_add_piece(struct builder *b, const struct piece *p, size_t start, size_t end)
{
    size_t len = end - start;

    if (!b->failed && b->capacity - b->n < len) {
        grow(b, len);
    }
    if (b->failed || len == 0) {
        return;
    }
    memcpy(b->s + b->n, p->s + start, len);
    if (p->align) {
        memcpy(b->align + b->n, p->align + start, len * sizeof *b->align);
    } else {
        uint32_t c, origin = (uint32_t)p->origin;

        for (size_t i = start, n; i < end; i += n) {
            struct span span;

            if ((unsigned char)p->s[i] < 0x80) {
                n = 1;
                b->align[b->n + i - start] =
                    (struct span){origin + (uint32_t)i, origin + (uint32_t)i + 1};
                continue;
            }
            span = piece_span(p, i, n = unicode_decode(p->s + i, end - i, &c));

            for (size_t k = 0; k < n; k++) {
                b->align[b->n + i - start + k] = span;
            }
        }
    }
    b->n += len;
}

void builder_add_mapped(struct builder *b, const struct piece *p, size_t start, size_t end,
                        const unsigned char *map)
{
    size_t at = b->n;

    builder_add_piece(b, p, start, end);
    for (; !b->failed && at < b->n; at++) {
        b->s[at] = (char)map[(unsigned char)b->s[at]];
    }
}

int builder_finish(struct builder *b, struct piece *p)
{
    if (b->failed) {
        return encoding_no_memory(b->e);
    }
    p->s = b->s;
    p->len = b->n;
    p->align = b->align;
    return ATTUNE_OK;
}

int encoding_no_memory(const struct encoding *e)
{
    return arena_failed(&e->arena, e->err);
}
