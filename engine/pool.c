/* Memory freed all at once. */
#include <config.h>

#include "engine/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

struct pool_block { /* stands in the 64 bytes before what was asked for */
    struct pool_block *before;
    void *raw; /* what calloc gave: large pieces are pages that nobody has touched */
};

void *pool_alloc(struct pool *pool, size_t n, size_t size)
{
    size_t bytes;
    struct pool_block *block;
    char *raw;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2) {
        return NULL;
    }
    raw = calloc(1, bytes + 2 * ALIGNMENT);
    if (!raw) {
        return NULL;
    }
    block = (struct pool_block *)(void *)(raw + ALIGNMENT - (uintptr_t)raw % ALIGNMENT);
    block->before = pool->last;
    block->raw = raw;
    pool->last = block;
    return (char *)block + ALIGNMENT;
}

char *pool_text(struct pool *pool, const char *s, size_t len)
{
    char *copy = pool_alloc(pool, len + 1, 1);

    if (copy && len) {
        memcpy(copy, s, len);
    }
    return copy;
}

void pool_done(struct pool *pool)
{
    while (pool->last) {
        struct pool_block *before = pool->last->before;

        free(pool->last->raw);
        pool->last = before;
    }
}
