/* The memory of a context: every array with its shape, in one mapping. */
#include <config.h>

#include "engine/arena.h"

#include <sys/mman.h>

#include "engine/cache.h"
#include "engine/gemm.h"
#include "engine/memory.h"

struct part {        /* one array of the arena */
    void *at;        /* of the pointer to it */
    size_t unit;     /* bytes an element */
    size_t count[4]; /* its shape; 0 is 1 */
};

enum { ALIGN = 64, MAX_PARTS = 64 };

/* Bytes of a part, or SIZE_MAX if they cannot be counted. */
static size_t part_bytes(const struct part *part)
{
    size_t bytes = part->unit;

    for (size_t i = 0; i < 4; i++) {
        size_t n = part->count[i] ? part->count[i] : 1;

        if (bytes > (SIZE_MAX - ALIGN) / n) {
            return SIZE_MAX;
        }
        bytes *= n;
    }
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

struct parts {
    struct part list[MAX_PARTS];
    size_t n;
};

static void put(struct parts *parts, void *at, size_t unit, size_t a, size_t b, size_t c, size_t d)
{
    parts->list[parts->n++] = (struct part){at, unit, {a, b, c, d}};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What a side keeps for as long as it holds its tokens. */
static void list_side(const struct attune_context *ctx, struct parts *parts, struct side *side,
                      size_t n)
{
    const struct recipe *r = ctx->recipe;
    const struct stack *stack = side->stack;
    size_t f = sizeof(float), d = (size_t)r->d_model, head_dim = (size_t)stack->head_dim;
    size_t layers = (size_t)stack->n_layers, heads = (size_t)stack->n_heads,
           kv = (size_t)stack->n_kv_heads;
    bool hidden = ctx->keep_hidden, relative = matrix_there(&stack->relative);
    size_t kept = ctx->keep_queries ? layers : 1, row = cache_row_bytes(ctx, stack);

    put(parts, &side->tokens, sizeof *side->tokens, n, 1, 1, 1);
    put(parts, &side->types, sizeof *side->types, n, 1, 1, 1);
    put(parts, &side->padded, sizeof *side->padded, n, 1, 1, 1);
    put(parts, &side->self.keys, row, layers, kv, n, 1);
    put(parts, &side->self.values, row, layers, kv, n, 1);
    put(parts, &side->self.queries, f, kept, heads, n, head_dim);
    if (matrix_there(&stack->layers[0].cross.q)) {
        put(parts, &side->cross.keys, row, layers, kv, n, 1);
        put(parts, &side->cross.values, row, layers, kv, n, 1);
        put(parts, &side->cross.queries, f, kept, heads, n, head_dim);
    }
    put(parts, &side->final, f, n, d, 1, 1);
    put(parts, &side->scales, f, n, 1, 1, 1);
    put(parts, &side->middle, f, hidden ? layers : 1, hidden ? n : 1, d, 1);
    put(parts, &side->hidden, f, hidden ? layers + 1 : 1, hidden ? n : 1, d, 1);
    put(parts, &side->rotary, f, n, (size_t)r->rotary_dims, 1, 1);
    put(parts, &side->slopes, f, heads, 1, 1, 1);
    put(parts, &side->relative, f, relative ? heads : 1, relative ? n : 1, 2, 1);
}

/* Tokens that go through a layer together: without an order among them, all. */
static size_t chunk_of(const struct attune_context *ctx, size_t n)
{
    bool whole = !ctx->main.stack->causal || ctx->encoder.stack->n_layers > 0;

    return whole || n < CHUNK ? n : CHUNK;
}

/* Every array with its shape, and the address it is to be found at, for n positions a side. */
static void list_parts(struct attune_context *ctx, struct parts *parts, size_t n)
{
    const struct recipe *r = ctx->recipe;
    const struct stack *main = &r->main, *encoder = &r->encoder;
    size_t f = sizeof(float), wide = (size_t)larger((size_t)r->d_model, (size_t)r->d_embedding);
    size_t q = larger((size_t)main->n_heads * (size_t)main->head_dim,
                      (size_t)encoder->n_heads * (size_t)encoder->head_dim);
    size_t kv = larger((size_t)main->n_kv_heads * (size_t)main->head_dim,
                       (size_t)encoder->n_kv_heads * (size_t)encoder->head_dim);
    size_t ff = larger((size_t)main->d_ff, (size_t)encoder->d_ff);
    size_t chunk = chunk_of(ctx, n), threads = (size_t)team_threads(ctx->team);

    parts->n = 0;
    list_side(ctx, parts, &ctx->main, n);
    if (encoder->n_layers > 0) {
        list_side(ctx, parts, &ctx->encoder, n);
    }
    put(parts, &ctx->x, f, chunk, wide, 1, 1);
    put(parts, &ctx->h, f, chunk, wide, 1, 1);
    put(parts, &ctx->h2, f, chunk, wide, 1, 1);
    put(parts, &ctx->sum, f, chunk, wide, 1, 1);
    put(parts, &ctx->q, f, chunk, q, 1, 1);
    put(parts, &ctx->k, f, chunk, kv, 1, 1);
    put(parts, &ctx->v, f, chunk, kv, 1, 1);
    put(parts, &ctx->heads, f, chunk, q, 1, 1);
    put(parts, &ctx->up, f, chunk, ff, 1, 1);
    put(parts, &ctx->gate, f, chunk, ff, 1, 1);
    put(parts, &ctx->scores, f, threads, QUERY_BLOCK, n, 1);
    ctx->wide_floats = (ctx->fast ? GEMM_ROWS : WIDE_ROWS) * larger(larger(wide, ff), q);
    put(parts, &ctx->wide, f, threads, ctx->wide_floats, 1, 1);
    if (ctx->activations == ATTUNE_ACTIVATIONS_Q8) {
        put(parts, &ctx->rounded, sizeof *ctx->rounded, chunk, larger(larger(wide, ff), q) / 32 + 1,
            1, 1);
    }
}

/* Bytes of the whole arena for n positions, or SIZE_MAX. */
static size_t arena_size(struct attune_context *ctx, size_t n)
{
    struct parts parts;
    size_t total = 0;

    list_parts(ctx, &parts, n);
    for (size_t i = 0; i < parts.n; i++) {
        size_t bytes = part_bytes(&parts.list[i]);

        if (bytes == SIZE_MAX || total > SIZE_MAX - bytes) {
            return SIZE_MAX;
        }
        total += bytes;
    }
    return total;
}

/* The positions that a table of them has, or as many as one likes. */
static size_t positions_of(const struct recipe *r, const struct stack *stack)
{
    return matrix_there(&stack->positions) ? (size_t)(stack->positions.rows - r->position_offset)
                                           : SIZE_MAX;
}

/* How many positions: what was asked for, or what the model was made for as long as half of the
 * memory holds it. */
static int choose_capacity(struct attune_context *ctx, size_t *out, int wanted,
                           struct attune_error *err)
{
    const struct recipe *r = ctx->recipe;
    size_t limit = positions_of(r, &r->main), half = memory_limit().bytes / 2, n;

    if (r->encoder.n_layers > 0 && positions_of(r, &r->encoder) < limit) {
        limit = positions_of(r, &r->encoder);
    }
    if (wanted < 0 || (size_t)wanted > limit) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a context of %d: this model has %zu learned positions", wanted,
                                limit);
    }
    n = wanted ? (size_t)wanted : (size_t)r->n_context;
    n = n < limit ? n : limit;
    while (!wanted && n > 512 && arena_size(ctx, n) > half) {
        n /= 2;
    }
    *out = n;
    return ATTUNE_OK;
}

int arena_make(struct attune_context *ctx, int wanted, struct attune_error *err)
{
    struct parts parts;
    struct memory_limit memory = memory_limit();
    size_t n = 0, bytes;
    int status = choose_capacity(ctx, &n, wanted, err);
    char *at;

    if (status != ATTUNE_OK) {
        return status;
    }
    bytes = arena_size(ctx, n);
    if (bytes > memory.bytes) {
        return attune_error_set(err, ATTUNE_FULL, 0,
                                "a context of %zu positions takes %.1f GB and %s %.1f GB: "
                                "ask for fewer with --context",
                                n, (double)bytes / 1e9, memory.of, (double)memory.bytes / 1e9);
    }
    /* Pages come when they are touched: positions that stay empty cost nothing. */
    ctx->arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ctx->arena == MAP_FAILED) {
        ctx->arena = NULL;
        return attune_error_set(err, ATTUNE_MEMORY, 0,
                                "%.1f GB for a context of %zu positions cannot be had (is there a "
                                "limit on memory, as by ulimit -v?): ask for fewer with --context",
                                (double)bytes / 1e9, n);
    }
    ctx->arena_bytes = bytes;
    list_parts(ctx, &parts, n);
    at = ctx->arena;
    for (size_t i = 0; i < parts.n; i++) {
        *(void **)parts.list[i].at = at;
        at += part_bytes(&parts.list[i]);
    }
    ctx->chunk = chunk_of(ctx, n);
    ctx->main.capacity = n;
    ctx->encoder.capacity = ctx->encoder.stack->n_layers > 0 ? n : 0;
    return ATTUNE_OK;
}

void arena_free(struct attune_context *ctx)
{
    if (ctx->arena) {
        munmap(ctx->arena, ctx->arena_bytes);
    }
}
