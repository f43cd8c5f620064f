/* Attention: what positions add, who sees whom, weights, and what they select. A map that somebody
 * asks for later (attention.c) comes out of the same weights. No more of a map than a block of
 * queries stands in memory at once. */
#include <config.h>

#include "engine/attend.h"

#include "engine/cache.h"
#include "engine/product.h"

#include <math.h>
#include <string.h>

/* ---- positions
 * ------------------------------------------------------------------------------------- */

/* Angles of the rows that are still missing, in double: position x base^(-2i / dims) / factor. The
 * frequencies are worked out once a call, a column at a time. */
void attend_prepare(struct attune_context *ctx, struct side *side, size_t until)
{
    const struct recipe *r = ctx->recipe;
    size_t half = (size_t)r->rotary_dims / 2, width = (size_t)r->rotary_dims;

    side->n_keys = until;
    if (r->position != POSITION_ROTARY || side->n_rotary >= until) {
        return;
    }
    for (size_t i = 0; i < half; i++) {
        double frequency = pow(r->rotary_base, -2.0 * (double)i / r->rotary_dims);

        for (size_t t = side->n_rotary; t < until; t++) {
            double angle = (double)t * r->rotary_scale * frequency;

            angle /= r->rotary_factors ? (double)r->rotary_factors[i] : 1.0;
            side->rotary[t * width + 2 * i] = (float)cos(angle);
            side->rotary[t * width + 2 * i + 1] = (float)sin(angle);
        }
    }
    side->n_rotary = until;
}

/* ALiBi (Press et al. 2022): a geometric row of slopes for the largest power of two heads, then
 * every other one of a row twice as dense. */
static void set_slopes(struct side *side)
{
    int n_heads = side->stack->n_heads, power = 1;

    while (power * 2 <= n_heads) {
        power *= 2;
    }
    for (int h = 0; h < n_heads; h++) {
        double exponent = h < power ? -8.0 * (h + 1) / power : -4.0 * (2 * (h - power) + 1) / power;

        side->slopes[h] = (float)pow(2.0, exponent);
    }
}

/* T5's bucket of a distance (Raffel et al. 2020; transformers, _relative_position_bucket): near
 * ones have their own, far ones share, logarithmically. Single precision, as there: it decides
 * where one ends. */
static size_t bucket_of(const struct recipe *r, bool causal, long distance /* key - query */)
{
    long buckets = r->relative_buckets, first = 0, exact;
    float share;

    if (!causal) {
        buckets /= 2;
        first = distance > 0 ? buckets : 0;
    }
    distance = distance > 0 ? (causal ? 0 : distance) : -distance;
    exact = buckets / 2;
    if (distance < exact || exact < 1) {
        return (size_t)(first + (distance < buckets ? distance : buckets - 1));
    }
    if (distance >= r->relative_distance) { /* also where a file says less than `exact` */
        return (size_t)(first + buckets - 1);
    }
    share = logf((float)distance / (float)exact) /
            (float)log((double)r->relative_distance / (double)exact) * (float)(buckets - exact);
    exact += (long)share;
    return (size_t)(first + (exact < buckets ? exact : buckets - 1));
}

static void set_relative(struct attune_context *ctx, struct side *side)
{
    const struct stack *stack = side->stack;
    size_t n = side->capacity, heads = (size_t)stack->n_heads;

    for (size_t at = 0; at < 2 * n - 1; at++) {
        size_t bucket = bucket_of(ctx->recipe, stack->causal, (long)at - (long)n + 1);

        product_widen(ctx, &stack->relative, bucket, 1, ctx->q); /* [H] of the bucket */
        for (size_t h = 0; h < heads; h++) {
            side->relative[h * 2 * n + at] = ctx->q[h];
        }
    }
}

void attend_start(struct attune_context *ctx, struct side *side)
{
    if (ctx->recipe->position == POSITION_ALIBI) {
        set_slopes(side);
    }
    if (matrix_there(&side->stack->relative)) {
        set_relative(ctx, side);
    }
}

/* ---- who sees whom
 * -------------------------------------------------------------------------------------- */

struct relation attend_self(const struct side *side)
{
    return (struct relation){side, side, &side->self, side->stack->causal};
}

struct relation attend_cross(const struct side *side, const struct side *memory)
{
    return (struct relation){side, memory, &side->cross, false};
}

size_t attend_keys(const struct relation *relation, size_t query)
{
    return relation->causal ? query + 1 : relation->to->n_keys;
}

/* ---- weights
 * --------------------------------------------------------------------------------------- */

/* Lines of one table of weights: `rows` queries of one head, or one query of several heads that
 * read the same keys. */
struct lines {
    const struct relation *rel;
    int layer, head, n_heads;
    size_t q0, rows;
};

static size_t count_of(const struct lines *l)
{
    return (size_t)l->n_heads * l->rows;
}

static int kv_head_of(const struct lines *l)
{
    const struct stack *stack = l->rel->from->stack;

    return l->head / (stack->n_heads / stack->n_kv_heads);
}

/* out[i] [n_keys] = K q of line i. One query meets the keys as they are kept; several meet keys
 * that were widened once for all of them. */
static void score(const struct attune_context *ctx, const struct lines *l, float *wide, float *out,
                  size_t ld)
{
    const struct relation *rel = l->rel;
    size_t d = (size_t)rel->from->stack->head_dim, bytes = cache_row_bytes(ctx, rel->from->stack);
    size_t n = attend_keys(rel, l->q0 + l->rows - 1), count = count_of(l);
    size_t ldq = l->n_heads > 1 ? rel->from->capacity * d : d;
    const float *q = cache_queries(ctx, rel, l->layer, l->head) + l->q0 * d;
    const unsigned char *keys = cache_rows(ctx, rel, rel->kept->keys, l->layer, kv_head_of(l));

    if (count == 1) {
        kernels_dots(ctx->kernel, ctx->kv, out, keys, bytes, n, q, d);
        return;
    }
    if (ctx->kv_type == ATTUNE_KV_F32) {
        ctx->kernel->panel(out, ld, (const float *)(const void *)keys, d, n, q, ldq, count, d);
        return;
    }
    for (size_t k = 0; k < n; k += WIDE_ROWS) {
        size_t some = n - k < WIDE_ROWS ? n - k : WIDE_ROWS;

        cache_widen(ctx, wide, keys + k * bytes, some, d);
        ctx->kernel->panel(out + k, ld, wide, d, some, q, ldq, count, d);
    }
}

static void weights_of(const struct attune_context *ctx, const struct lines *l, float *wide,
                       float *out, size_t ld)
{
    const struct recipe *r = ctx->recipe;
    const struct side *from = l->rel->from, *to = l->rel->to;
    bool relative = from == to && matrix_there(&from->stack->relative);
    float scale = from->stack->attention_scale / (r->scale_by_layer ? (float)(l->layer + 1) : 1.0f);

    score(ctx, l, wide, out, ld);
    for (size_t i = 0; i < count_of(l); i++) {
        size_t head = (size_t)l->head + (l->n_heads > 1 ? i : 0);
        size_t query = l->q0 + (l->n_heads > 1 ? 0 : i), n = attend_keys(l->rel, query);
        float *row = out + i * ld;

        if (relative) {
            ctx->kernel->add(row, from->relative + (2 * head + 1) * from->capacity - 1 - query, n);
        }
        for (size_t key = 0; key < n && to->masked; key++) {
            row[key] = to->padded[key] ? -INFINITY : row[key];
        }
        ctx->kernel->softmax(row, n, scale, from == to ? from->slopes[head] : 0);
    }
}

void attend_terms(const struct attune_context *ctx, const struct relation *relation, int layer,
                  int head, size_t q, size_t k, float *scale, float *added, float *sloped)
{
    const struct recipe *r = ctx->recipe;
    const struct side *from = relation->from, *to = relation->to;
    bool relative = from == to && matrix_there(&from->stack->relative);

    *scale = from->stack->attention_scale / (r->scale_by_layer ? (float)(layer + 1) : 1.0f);
    *added = relative
                 ? from->relative[(size_t)head * 2 * from->capacity + from->capacity - 1 + k - q]
                 : 0;
    *sloped =
        from == to ? from->slopes[head] * ((float)k - (float)(attend_keys(relation, q) - 1)) : 0;
}

void attend_weights(const struct attune_context *ctx, const struct relation *relation, int layer,
                    int head, size_t q0, size_t rows, float *wide, float *out, size_t ld)
{
    weights_of(ctx, &(struct lines){relation, layer, head, 1, q0, rows}, wide, out, ld);
}

/* ---- values
 * -------------------------------------------------------------------------------------- */

/* What each line says, from its weights p: into ctx->heads, the chunk's token t being the first
 * line's. Values that are kept in another type are widened in blocks; the last block holds all keys
 * that not every line sees. */
static void say(const struct attune_context *ctx, const struct lines *l, size_t t, float *wide,
                const float *p, size_t ld)
{
    const struct relation *rel = l->rel;
    size_t d = (size_t)rel->from->stack->head_dim, bytes = cache_row_bytes(ctx, rel->from->stack);
    size_t width = (size_t)rel->from->stack->n_heads * d, ldo = l->n_heads > 1 ? d : width;
    size_t n = attend_keys(rel, l->q0), growth = rel->causal && l->n_heads == 1 ? 1 : 0;
    float *out = ctx->heads + t * width + (size_t)l->head * d;
    const unsigned char *values = cache_rows(ctx, rel, rel->kept->values, l->layer, kv_head_of(l));
    size_t k = 0, block = WIDE_ROWS - QUERY_BLOCK;

    if (ctx->kv_type == ATTUNE_KV_F32) {
        ctx->kernel->weigh(out, ldo, p, ld, count_of(l), n, growth,
                           (const float *)(const void *)values, d, d, false);
        return;
    }
    for (; n - k > block; k += block) {
        cache_widen(ctx, wide, values + k * bytes, block, d);
        ctx->kernel->weigh(out, ldo, p + k, ld, count_of(l), block, 0, wide, d, d, k > 0);
    }
    cache_widen(ctx, wide, values + k * bytes, n - k + (l->rows - 1) * growth, d);
    ctx->kernel->weigh(out, ldo, p + k, ld, count_of(l), n - k, growth, wide, d, d, k > 0);
}

/* ---- all heads
 * -------------------------------------------------------------------------------------- */

struct attending {
    struct attune_context *ctx;
    const struct relation *rel;
    int layer;
    size_t q0, count;
    int together; /* heads that read the same keys at once: one query alone has no other company */
};

/* How many heads of a group go together, so that there is a part for every thread. */
static int company(const struct attune_context *ctx, const struct stack *stack, size_t count)
{
    int group = stack->n_heads / stack->n_kv_heads, parts = 1;

    if (count > 1) {
        return 1;
    }
    while (parts < group && ((group + parts - 1) / parts > QUERY_BLOCK ||
                             stack->n_kv_heads * parts < team_threads(ctx->team))) {
        parts++;
    }
    return (group + parts - 1) / parts;
}

/* Heads x blocks of queries, dealt out in turn: late blocks see more keys than early ones. */
static void attend_part(void *arg, int part, int n_parts)
{
    const struct attending *job = arg;
    struct attune_context *ctx = job->ctx;
    const struct stack *stack = job->rel->from->stack;
    int group = stack->n_heads / stack->n_kv_heads;
    size_t pieces = (size_t)((group + job->together - 1) / job->together);
    size_t across = pieces * (size_t)stack->n_kv_heads, ld = context_longest(ctx);
    size_t n_blocks = (job->count + QUERY_BLOCK - 1) / QUERY_BLOCK;
    float *scores = ctx->scores + (size_t)part * QUERY_BLOCK * ld;
    float *wide = ctx->wide + (size_t)part * ctx->wide_floats;

    for (size_t item = (size_t)part; item < n_blocks * across && !context_stops(ctx);
         item += (size_t)n_parts) {
        size_t t = item / across * QUERY_BLOCK, rest = job->count - t;
        int first = (int)(item % across % pieces) * job->together, left = group - first;
        struct lines lines = {job->rel,
                              job->layer,
                              (int)(item % across / pieces) * group + first,
                              left < job->together ? left : job->together,
                              job->q0 + t,
                              rest < QUERY_BLOCK ? rest : QUERY_BLOCK};

        weights_of(ctx, &lines, wide, scores, ld);
        say(ctx, &lines, t, wide, scores, ld);
    }
}

void attend(struct attune_context *ctx, const struct relation *relation, int layer, size_t q0,
            size_t count)
{
    struct attending job = {ctx, relation, layer,
                            q0,  count,    company(ctx, relation->from->stack, count)};

    team_run(ctx->team, attend_part, &job);
}
