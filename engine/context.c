/* A context: one arena, the tokens it holds, and how it follows a new input by its common prefix.
 */
#include <config.h>

#include "engine/context.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine/gemm.h"

const char *attune_stack_text(enum attune_stack stack)
{
    static const char *const texts[] = {"self", "encoder", "decoder", "cross"};

    _Static_assert(sizeof texts / sizeof *texts == ATTUNE_STACK_COUNT, "a text for every stack");
    return stack >= 0 && stack < ATTUNE_STACK_COUNT ? texts[stack] : "unknown";
}

/* ---- the arena
 * ------------------------------------------------------------------------------------ */

struct part { /* one array of the arena */
    void **at;
    size_t unit;     /* bytes an element */
    size_t count[4]; /* its shape; 0 is 1 */
};

enum { ALIGN = 64, MAX_PARTS = 24 };

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

static size_t longest_row(const struct recipe *r)
{
    size_t n = (size_t)(r->d_model > r->d_ff ? r->d_model : r->d_ff);
    size_t width = (size_t)r->n_heads * (size_t)r->head_dim;

    return n > width ? n : width;
}

/* Every array with its shape; also the addresses it is to be found at. Returns how many there are.
 */
static size_t list_parts(struct attune_context *ctx, struct part *parts, size_t n)
{
    const struct recipe *r = ctx->recipe;
    size_t f = sizeof(float), d = (size_t)r->d_model, head_dim = (size_t)r->head_dim;
    size_t layers = (size_t)r->decoder.n_layers, heads = (size_t)r->n_heads,
           kv = (size_t)r->n_kv_heads;
    size_t chunk = n < CHUNK ? n : CHUNK, threads = (size_t)team_threads(ctx->team);
    const struct part all[] = {
        {(void **)&ctx->tokens, sizeof *ctx->tokens, {n}},
        {(void **)&ctx->keys, f, {layers, kv, n, head_dim}},
        {(void **)&ctx->values, f, {layers, kv, n, head_dim}},
        {(void **)&ctx->queries, f, {ctx->keep_queries ? layers : 1, heads, n, head_dim}},
        {(void **)&ctx->final, f, {n, d}},
        {(void **)&ctx->hidden,
         f,
         {ctx->keep_hidden ? layers + 1 : 1, ctx->keep_hidden ? n : 1, d}},
        {(void **)&ctx->rotary, f, {n, (size_t)r->rotary_dims}},
        {(void **)&ctx->slopes, f, {heads}},
        {(void **)&ctx->x, f, {chunk, d}},
        {(void **)&ctx->h, f, {chunk, d}},
        {(void **)&ctx->h2, f, {chunk, d}},
        {(void **)&ctx->sum, f, {chunk, d}},
        {(void **)&ctx->q, f, {chunk, heads, head_dim}},
        {(void **)&ctx->k, f, {chunk, kv, head_dim}},
        {(void **)&ctx->v, f, {chunk, kv, head_dim}},
        {(void **)&ctx->heads, f, {chunk, heads, head_dim}},
        {(void **)&ctx->up, f, {chunk, (size_t)r->d_ff}},
        {(void **)&ctx->gate, f, {chunk, (size_t)r->d_ff}},
        {(void **)&ctx->scores, f, {threads, QUERY_BLOCK, n}},
        {(void **)&ctx->wide, f, {threads, ctx->wide_floats}},
    };

    _Static_assert(sizeof all / sizeof *all <= MAX_PARTS, "room for every part");
    memcpy(parts, all, sizeof all);
    return sizeof all / sizeof *all;
}

/* Bytes of the whole arena for n positions, or SIZE_MAX. */
static size_t arena_size(struct attune_context *ctx, size_t n)
{
    struct part parts[MAX_PARTS];
    size_t total = 0, n_parts = list_parts(ctx, parts, n);

    for (size_t i = 0; i < n_parts; i++) {
        size_t bytes = part_bytes(&parts[i]);

        if (bytes == SIZE_MAX || total > SIZE_MAX - bytes) {
            return SIZE_MAX;
        }
        total += bytes;
    }
    return total;
}

static size_t physical_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : SIZE_MAX / 4;
}

/* How many positions: what was asked for, or what the model was made for as long as half of the
 * memory holds it. */
static int choose_capacity(struct attune_context *ctx, int wanted, struct attune_error *err)
{
    const struct recipe *r = ctx->recipe;
    size_t limit = SIZE_MAX, memory = physical_memory(), bytes;

    if (r->position == POSITION_LEARNED) {
        limit = (size_t)(r->decoder.positions.rows - r->position_offset);
    }
    if (wanted < 0 || (size_t)wanted > limit) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a context of %d: this model has %zu learned positions", wanted,
                                limit);
    }
    ctx->capacity = wanted ? (size_t)wanted : (size_t)r->n_context;
    ctx->capacity = ctx->capacity < limit ? ctx->capacity : limit;
    while (!wanted && ctx->capacity > 512 && arena_size(ctx, ctx->capacity) > memory / 2) {
        ctx->capacity /= 2;
    }
    bytes = arena_size(ctx, ctx->capacity);
    if (bytes > memory) {
        return attune_error_set(
            err, ATTUNE_FULL, 0,
            "a context of %zu positions takes %.1f GB and this machine has %.1f GB: "
            "ask for fewer with --context",
            ctx->capacity, (double)bytes / 1e9, (double)memory / 1e9);
    }
    ctx->arena_bytes = bytes;
    return ATTUNE_OK;
}

static int make_arena(struct attune_context *ctx, struct attune_error *err)
{
    struct part parts[MAX_PARTS];
    size_t n_parts = list_parts(ctx, parts, ctx->capacity);
    char *at;

    /* Pages come when they are touched: positions that stay empty cost nothing. */
    ctx->arena = mmap(NULL, ctx->arena_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ctx->arena == MAP_FAILED) {
        ctx->arena = NULL;
        return attune_error_set(err, ATTUNE_MEMORY, 0,
                                "%.1f GB for a context of %zu positions cannot be had (is there a "
                                "limit on memory, as by ulimit -v?): ask for fewer with --context",
                                (double)ctx->arena_bytes / 1e9, ctx->capacity);
    }
    at = ctx->arena;
    for (size_t i = 0; i < n_parts; i++) {
        *parts[i].at = at;
        at += part_bytes(&parts[i]);
    }
    return ATTUNE_OK;
}

/* ALiBi (Press et al. 2022): a geometric row of slopes for the largest power of two heads, then
 * every other one of a row twice as dense. */
static void set_slopes(struct attune_context *ctx)
{
    int n_heads = ctx->recipe->n_heads, power = 1;

    while (power * 2 <= n_heads) {
        power *= 2;
    }
    for (int h = 0; h < n_heads && ctx->recipe->position == POSITION_ALIBI; h++) {
        double exponent = h < power ? -8.0 * (h + 1) / power : -4.0 * (2 * (h - power) + 1) / power;

        ctx->slopes[h] = (float)pow(2.0, exponent);
    }
}

int attune_context_new(struct attune_context **out, const struct attune_model *model,
                       const struct attune_context_options *options, struct attune_error *err)
{
    static const struct attune_context_options defaults;
    struct attune_context *ctx = calloc(1, sizeof *ctx);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int status;

    *out = NULL;
    if (!ctx) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    options = options ? options : &defaults;
    ctx->model = model;
    ctx->recipe = &model->recipe;
    ctx->fast = options->fast;
    ctx->keep_queries = !options->no_queries;
    ctx->keep_hidden = options->keep_hidden;
    ctx->wide_floats = (options->fast ? GEMM_ROWS : WIDE_ROWS) * longest_row(ctx->recipe);
    status = kernels_pick(&ctx->kernel, err);
    if (status == ATTUNE_OK && model->info.kind != ATTUNE_DECODER) {
        status = attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                  "%s: a model of kind %s cannot be evaluated yet",
                                  model->info.name, attune_model_kind_text(model->info.kind));
    }
    if (status == ATTUNE_OK && !ctx->recipe->embedding.data) {
        status =
            attune_error_set(err, ATTUNE_ARGUMENT, 0, "the model was opened for its header only");
    }
    if (status == ATTUNE_OK) {
        status = team_new(&ctx->team,
                          options->n_threads > 0 ? options->n_threads
                          : cores > 0            ? (int)cores
                                                 : 1,
                          err);
    }
    if (status == ATTUNE_OK) {
        status = choose_capacity(ctx, options->n_context, err);
    }
    if (status == ATTUNE_OK) {
        status = make_arena(ctx, err);
    }
    if (status != ATTUNE_OK) {
        attune_context_free(ctx);
        return status;
    }
    if (ctx->fast) {
        gemm_start();
    }
    set_slopes(ctx);
    *out = ctx;
    return ATTUNE_OK;
}

void attune_context_free(struct attune_context *ctx)
{
    if (ctx) {
        team_free(ctx->team);
        if (ctx->arena) {
            munmap(ctx->arena, ctx->arena_bytes);
        }
        free(ctx);
    }
}

/* ---- what it holds
 * ---------------------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int check_tokens(const struct attune_context *ctx, const attune_token *ids, size_t n,
                        size_t before, struct attune_error *err)
{
    if (n > ctx->capacity - before) {
        return attune_error_set(
            err, ATTUNE_FULL, 0,
            "%zu tokens do not fit the context of %zu: shorten the prompt or give a larger "
            "--context",
            before + n, ctx->capacity);
    }
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= ctx->recipe->embedding.rows) {
            return attune_error_set(err, ATTUNE_ARGUMENT, i,
                                    "token %zu is %d: the model knows ids from 0 to %d", i,
                                    (int)ids[i], ctx->recipe->embedding.rows - 1);
        }
    }
    return ATTUNE_OK;
}

/* Evaluates what follows position ctx->n, chunk by chunk. */
static int extend(struct attune_context *ctx, const attune_token *ids, size_t n,
                  struct attune_progress *progress, struct attune_error *err)
{
    double start = now_ms();
    int status = ATTUNE_OK;

    if (progress) {
        atomic_store(&progress->done, 0);
        atomic_store(&progress->total, n * (size_t)ctx->recipe->decoder.n_layers);
    }
    ctx->stats.evaluated = 0;
    while (n > 0 && status == ATTUNE_OK) {
        size_t count = n < CHUNK ? n : CHUNK;

        memcpy(ctx->tokens + ctx->n, ids, count * sizeof *ids);
        status = forward(ctx, count, progress, err);
        if (status == ATTUNE_OK) {
            ctx->stats.evaluated += count;
            ids += count;
            n -= count;
        }
    }
    ctx->stats.eval_ms = now_ms() - start;
    return status;
}

int attune_context_sync(struct attune_context *ctx, const struct attune_input *input,
                        struct attune_progress *progress, struct attune_error *err)
{
    size_t common = 0;
    int status = check_tokens(ctx, input->ids, input->n, 0, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (input->type_ids || input->decoder_ids) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a decoder reads ids alone: no type ids, no decoder ids");
    }
    for (size_t i = 0; input->mask && i < input->n; i++) {
        if (!input->mask[i]) {
            return attune_error_set(err, ATTUNE_ARGUMENT, i,
                                    "a decoder reads every token: none may be masked");
        }
    }
    while (common < ctx->n && common < input->n && ctx->tokens[common] == input->ids[common]) {
        common++;
    }
    ctx->n = common;
    ctx->stats.reused = common;
    return extend(ctx, input->ids + common, input->n - common, progress, err);
}

int attune_context_append(struct attune_context *ctx, const attune_token *ids, size_t n,
                          struct attune_progress *progress, struct attune_error *err)
{
    int status = check_tokens(ctx, ids, n, ctx->n, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    ctx->stats.reused = ctx->n;
    return extend(ctx, ids, n, progress, err);
}

void attune_context_truncate(struct attune_context *ctx, size_t n)
{
    ctx->n = n < ctx->n ? n : ctx->n;
}

size_t attune_context_length(const struct attune_context *ctx)
{
    return ctx->n;
}

size_t attune_context_capacity(const struct attune_context *ctx)
{
    return ctx->capacity;
}

int attune_context_threads(const struct attune_context *ctx)
{
    return team_threads(ctx->team);
}

const attune_token *attune_context_tokens(const struct attune_context *ctx)
{
    return ctx->tokens;
}

const struct attune_model *attune_context_model(const struct attune_context *ctx)
{
    return ctx->model;
}

/* ---- what comes out
 * ---------------------------------------------------------------------------------- */

static int check_range(const struct attune_context *ctx, size_t first, size_t n,
                       struct attune_error *err)
{
    if (first > ctx->n || n > ctx->n - first) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "positions %zu to %zu: the context holds %zu", first, first + n,
                                ctx->n);
    }
    return ATTUNE_OK;
}

int attune_context_logits(struct attune_context *ctx, size_t first, size_t n, float *out,
                          struct attune_error *err)
{
    const struct recipe *r = ctx->recipe;
    size_t d = (size_t)r->d_model, n_vocab = (size_t)r->n_vocab;
    int status = check_range(ctx, first, n, err);

    for (size_t done = 0, count; done < n && status == ATTUNE_OK; done += count) {
        const float *x = ctx->final + (first + done) * d;

        count = n - done < CHUNK ? n - done : CHUNK;
        if (r->logit_scale != 1.0f) {
            for (size_t i = 0; i < count * d; i++) {
                ctx->x[i] = x[i] * r->logit_scale;
            }
            x = ctx->x;
        }
        forward_product(ctx, &r->head, out + done * n_vocab, n_vocab, x, d, count);
    }
    return status;
}

int attune_context_hidden(struct attune_context *ctx, enum attune_stack stack, int layer,
                          size_t first, size_t n, float *out, struct attune_error *err)
{
    size_t d = (size_t)ctx->recipe->d_model;
    int n_layers = ctx->recipe->decoder.n_layers;

    if (stack != ATTUNE_STACK_SELF) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a decoder has one stack: ask for 'self', not '%s'",
                                attune_stack_text(stack));
    }
    if (!ctx->keep_hidden) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "this context does not keep hidden states");
    }
    if (layer < 0 || layer > n_layers) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "hidden layer %d: there are 0 to %d",
                                layer, n_layers);
    }
    if (check_range(ctx, first, n, err) != ATTUNE_OK) {
        return ATTUNE_ARGUMENT;
    }
    memcpy(out, ctx->hidden + ((size_t)layer * ctx->capacity + first) * d, n * d * sizeof *out);
    return ATTUNE_OK;
}

struct attune_context_stats attune_context_stats(const struct attune_context *ctx)
{
    const struct recipe *r = ctx->recipe;
    struct attune_context_stats stats = ctx->stats;

    stats.bytes = ctx->arena_bytes;
    stats.query_bytes = ctx->keep_queries
                            ? (uint64_t)r->decoder.n_layers * (uint64_t)r->n_heads * ctx->capacity *
                                  (uint64_t)r->head_dim * sizeof(float)
                            : 0;
    return stats;
}
