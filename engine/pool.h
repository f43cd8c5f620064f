/* Memory that lives as long as what it belongs to: allocated piece by piece, freed all at once. */
#ifndef ATTUNE_ENGINE_POOL_H
#define ATTUNE_ENGINE_POOL_H

#include <stddef.h>

struct pool_block;
struct pool { /* zero: empty */
    struct pool_block *last;
};

/* n x size zeroed bytes, aligned to 64; NULL if there is no memory or the product overflows. */
void *pool_alloc(struct pool *pool, size_t n, size_t size);
/* A NUL-terminated copy. */
char *pool_text(struct pool *pool, const char *s, size_t len);
void pool_done(struct pool *pool);

#endif
