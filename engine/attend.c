/* Attention: positions turned or added, heads placed where they are kept, weights, and what they
 * select. A map that somebody asks for later (attention.c) comes out of the same attend_weights. */
#include <config.h>

#include "engine/attend.h"

#include "engine/product.h"

#include <math.h>
#include <string.h>

/* ---- positions
 * ------------------------------------------------------------------------------------- */

static void rotate(const struct recipe *r, float *head /* [D] */,
                   const float *table /* [rotary_dims / 2, 2] */)
{
    int half = r->rotary_dims / 2;
    int stride = r->rotary_pairs == ROTARY_HALF ? 1 : 2,
        partner = r->rotary_pairs == ROTARY_HALF ? half : 1;

    for (int i = 0; i < half; i++) {
        float *a = head + i * stride, *b = a + partner;
        float c = table[2 * i], s = table[2 * i + 1], x = *a, y = *b;

        *a = x * c - y * s;
        *b = x * s + y * c;
    }
}

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

/* ---- where heads are kept
 * -------------------------------------------------------------------------- */

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

/* [N, D] of one head. */
static float *queries_of(const struct attune_context *ctx, const struct relation *rel, int layer,
                         int head)
{
    size_t plane = rel->from->capacity * (size_t)rel->from->stack->head_dim;
    size_t row = ctx->keep_queries ? (size_t)layer : 0;

    return rel->kept->queries + (row * (size_t)rel->from->stack->n_heads + (size_t)head) * plane;
}

static float *cache_of(const struct relation *rel, float *cache, int layer, int kv_head)
{
    size_t plane = rel->to->capacity * (size_t)rel->from->stack->head_dim;

    return cache + ((size_t)layer * (size_t)rel->from->stack->n_kv_heads + (size_t)kv_head) * plane;
}

void attend_query(const struct attune_context *ctx, const struct relation *relation, int layer,
                  int head, size_t q, float *out)
{
    size_t d = (size_t)relation->from->stack->head_dim;

    memcpy(out, queries_of(ctx, relation, layer, head) + q * d, d * sizeof *out);
}

static int kv_head(const struct relation *relation, int head)
{
    const struct stack *stack = relation->from->stack;

    return head / (stack->n_heads / stack->n_kv_heads);
}

void attend_key(const struct relation *relation, int layer, int head, size_t k, float *out)
{
    size_t d = (size_t)relation->from->stack->head_dim;

    memcpy(out, cache_of(relation, relation->kept->keys, layer, kv_head(relation, head)) + k * d,
           d * sizeof *out);
}

void attend_value(const struct relation *relation, int layer, int head, size_t k, float *out)
{
    size_t d = (size_t)relation->from->stack->head_dim;

    memcpy(out, cache_of(relation, relation->kept->values, layer, kv_head(relation, head)) + k * d,
           d * sizeof *out);
}

struct placing {
    struct attune_context *ctx;
    const struct relation *rel;
    const struct attention *attention;
    int layer;
    size_t at, count;
    bool queries, keys;
};

/* One head vector of one token: norm, turn, and store where the cache keeps it. */
static void place_head(const struct placing *job, float *to, const float *from,
                       const struct norm *norm, size_t position)
{
    const struct recipe *r = job->ctx->recipe;
    size_t head_dim = (size_t)job->rel->from->stack->head_dim;

    if (norm && norm->weight) {
        job->ctx->kernel->norm(to, from, norm->weight, norm->bias, head_dim, r->norm, r->norm_eps);
    } else {
        memcpy(to, from, head_dim * sizeof *to);
    }
    if (norm && r->position == POSITION_ROTARY) {
        rotate(r, to, job->rel->from->rotary + position * (size_t)r->rotary_dims);
    }
}

static void place_heads(void *arg, int part, int n_parts)
{
    const struct placing *job = arg;
    const struct attune_context *ctx = job->ctx;
    const struct stack *stack = job->rel->from->stack;
    const struct kept *kept = job->rel->kept;
    size_t head_dim = (size_t)stack->head_dim, q_width = (size_t)stack->n_heads * head_dim;
    size_t kv_width = (size_t)stack->n_kv_heads * head_dim, first, last;

    team_share(job->count, 1, part, n_parts, &first, &last);
    for (size_t t = first; t < last; t++) {
        size_t position = job->at + t, at = position * head_dim;

        for (int h = 0; h < stack->n_heads && job->queries; h++) {
            place_head(job, queries_of(ctx, job->rel, job->layer, h) + at,
                       ctx->q + t * q_width + (size_t)h * head_dim, &job->attention->q_norm,
                       position);
        }
        for (int g = 0; g < stack->n_kv_heads && job->keys; g++) {
            const float *k = ctx->k + t * kv_width + (size_t)g * head_dim;
            const float *v = ctx->v + t * kv_width + (size_t)g * head_dim;

            place_head(job, cache_of(job->rel, kept->keys, job->layer, g) + at, k,
                       &job->attention->k_norm, position);
            place_head(job, cache_of(job->rel, kept->values, job->layer, g) + at, v, NULL,
                       position);
        }
    }
}

void attend_place(struct attune_context *ctx, const struct relation *relation,
                  const struct attention *attention, int layer, size_t at, size_t count,
                  bool queries, bool keys)
{
    struct placing job = {ctx, relation, attention, layer, at, count, queries, keys};

    if (count < 4) {
        place_heads(&job, 0, 1); /* cheaper than waking anybody */
    } else {
        team_run(ctx->team, place_heads, &job);
    }
}

/* ---- weights
 * --------------------------------------------------------------------------------------- */

void attend_weights(const struct attune_context *ctx, const struct relation *relation, int layer,
                    int head, size_t q0, size_t rows, float *out, size_t ld)
{
    const struct recipe *r = ctx->recipe;
    const struct side *from = relation->from, *to = relation->to;
    int group = from->stack->n_heads / from->stack->n_kv_heads;
    size_t head_dim = (size_t)from->stack->head_dim;
    const float *q = queries_of(ctx, relation, layer, head) + q0 * head_dim;
    const float *k = cache_of(relation, relation->kept->keys, layer, head / group);
    const float *relative = from == to && matrix_there(&from->stack->relative)
                                ? from->relative + (size_t)head * 2 * from->capacity
                                : NULL;
    float scale = from->stack->attention_scale / (r->scale_by_layer ? (float)(layer + 1) : 1.0f);
    float slope = from == to ? from->slopes[head] : 0;

    ctx->kernel->panel(out, ld, k, head_dim, attend_keys(relation, q0 + rows - 1), q, head_dim,
                       rows, head_dim);
    for (size_t i = 0; i < rows; i++) {
        float *row = out + i * ld;
        size_t n = attend_keys(relation, q0 + i);

        if (relative) {
            ctx->kernel->add(row, relative + from->capacity - 1 - (q0 + i), n);
        }
        for (size_t key = 0; key < n && to->masked; key++) {
            row[key] = to->padded[key] ? -INFINITY : row[key];
        }
        ctx->kernel->softmax(row, n, scale, slope);
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

struct attending {
    struct attune_context *ctx;
    const struct relation *rel;
    int layer;
    size_t q0, count;
};

/* Heads x blocks of queries, dealt out in turn: late blocks see more keys than early ones. */
static void attend_part(void *arg, int part, int n_parts)
{
    const struct attending *job = arg;
    struct attune_context *ctx = job->ctx;
    const struct stack *stack = job->rel->from->stack;
    size_t head_dim = (size_t)stack->head_dim, width = (size_t)stack->n_heads * head_dim;
    size_t n_blocks = (job->count + QUERY_BLOCK - 1) / QUERY_BLOCK, ld = context_longest(ctx);
    float *scores = ctx->scores + (size_t)part * QUERY_BLOCK * ld;

    for (size_t item = (size_t)part;
         item < n_blocks * (size_t)stack->n_heads && !context_stops(ctx); item += (size_t)n_parts) {
        int head = (int)(item % (size_t)stack->n_heads);
        size_t t = item / (size_t)stack->n_heads * QUERY_BLOCK;
        size_t rows = job->count - t < QUERY_BLOCK ? job->count - t : QUERY_BLOCK;
        const float *v = cache_of(job->rel, job->rel->kept->values, job->layer,
                                  head / (stack->n_heads / stack->n_kv_heads));

        attend_weights(ctx, job->rel, job->layer, head, job->q0 + t, rows, scores, ld);
        ctx->kernel->weigh(ctx->heads + t * width + (size_t)head * head_dim, width, scores, ld,
                           rows, attend_keys(job->rel, job->q0 + t), job->rel->causal ? 1 : 0, v,
                           head_dim, head_dim);
    }
}

void attend(struct attune_context *ctx, const struct relation *relation, int layer, size_t q0,
            size_t count)
{
    struct attending job = {ctx, relation, layer, q0, count};

    team_run(ctx->team, attend_part, &job);
}
