/* Where heads are kept: queries as floats, keys and values in the type that was asked for, turned
 * to their positions. A row of the cache is a head of a token. */
#include <config.h>

#include "engine/cache.h"

#include "engine/quant.h"

#include <stdio.h>
#include <string.h>

/* What an engine's line says where keys and values are rounded. */
static const char said[] = "; kv ";

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

int cache_choose(struct attune_context *ctx, enum attune_kv_type type, struct attune_error *err)
{
    const struct stack *const stacks[] = {&ctx->recipe->main, &ctx->recipe->encoder};

    if (type < 0 || type >= ATTUNE_KV_COUNT) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "no such type of the cache: %d",
                                (int)type);
    }
    ctx->kv_type = type;
    ctx->kv = quant_by_name(attune_kv_type_text(type));
    for (size_t i = 0; i < 2; i++) {
        if (stacks[i]->n_layers > 0 && stacks[i]->head_dim % ctx->kv->block != 0) {
            return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                    "keys and values in %s come in blocks of %d, and heads of "
                                    "%.80s have %d dimensions: take f16 or f32",
                                    ctx->kv->name, ctx->kv->block, ctx->model->info.name,
                                    stacks[i]->head_dim);
        }
    }
    if (type != ATTUNE_KV_F32) {
        size_t len = strlen(ctx->engine);

        snprintf(ctx->engine + len, sizeof ctx->engine - len, "%s%s", said, ctx->kv->name);
    }
    return ATTUNE_OK;
}

enum attune_kv_type attune_engine_kv_type(const char *engine)
{
    const char *at = strstr(engine, said);

    for (int i = 0; at && i < ATTUNE_KV_COUNT; i++) {
        const char *text = attune_kv_type_text((enum attune_kv_type)i);
        size_t len = strlen(text);

        if (strncmp(at + sizeof said - 1, text, len) == 0 &&
            strchr("; ", at[sizeof said - 1 + len])) { /* the end counts as found */
            return (enum attune_kv_type)i;
        }
    }
    return ATTUNE_KV_F32;
}

const char *attune_kv_type_text(enum attune_kv_type type)
{
    static const char *const texts[] = {"f32", "f16", "q8_0"};

    _Static_assert(sizeof texts / sizeof *texts == ATTUNE_KV_COUNT, "a text for every type");
    return type >= 0 && type < ATTUNE_KV_COUNT ? texts[type] : "unknown";
}

int attune_kv_type_parse(enum attune_kv_type *out, const char *text, struct attune_error *err)
{
    for (int i = 0; i < ATTUNE_KV_COUNT; i++) {
        if (strcmp(text, attune_kv_type_text((enum attune_kv_type)i)) == 0) {
            *out = (enum attune_kv_type)i;
            return ATTUNE_OK;
        }
    }
    return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                            "keys and values in '%.40s': they are kept in f32, f16 or q8_0", text);
}

enum attune_kv_type attune_context_kv_type(const struct attune_context *ctx)
{
    return ctx->kv_type;
}

/* ---- places -------------------------------------------------------------------------------------
 */

size_t cache_row_bytes(const struct attune_context *ctx, const struct stack *stack)
{
    return quant_row_bytes(ctx->kv, (size_t)stack->head_dim);
}

float *cache_queries(const struct attune_context *ctx, const struct relation *rel, int layer,
                     int head)
{
    size_t plane = rel->from->capacity * (size_t)rel->from->stack->head_dim;
    size_t row = ctx->keep_queries ? (size_t)layer : 0;

    return rel->kept->queries + (row * (size_t)rel->from->stack->n_heads + (size_t)head) * plane;
}

unsigned char *cache_rows(const struct attune_context *ctx, const struct relation *rel,
                          unsigned char *cache, int layer, int kv_head)
{
    size_t plane = rel->to->capacity * cache_row_bytes(ctx, rel->from->stack);

    return cache + ((size_t)layer * (size_t)rel->from->stack->n_kv_heads + (size_t)kv_head) * plane;
}

void cache_widen(const struct attune_context *ctx, float *out, const unsigned char *rows, size_t n,
                 size_t d)
{
    size_t bytes = quant_row_bytes(ctx->kv, d);

    for (size_t i = 0; i < n; i++) {
        kernels_widen(ctx->kernel, ctx->kv, out + i * d, rows + i * bytes, d);
    }
}

void attend_query(const struct attune_context *ctx, const struct relation *relation, int layer,
                  int head, size_t q, float *out)
{
    size_t d = (size_t)relation->from->stack->head_dim;

    memcpy(out, cache_queries(ctx, relation, layer, head) + q * d, d * sizeof *out);
}

/* Row k of what a head reads. */
static void widen_row(const struct attune_context *ctx, const struct relation *rel,
                      unsigned char *cache, int layer, int head, size_t k, float *out)
{
    const struct stack *stack = rel->from->stack;
    int kv_head = head / (stack->n_heads / stack->n_kv_heads);

    cache_widen(ctx, out,
                cache_rows(ctx, rel, cache, layer, kv_head) + k * cache_row_bytes(ctx, stack), 1,
                (size_t)stack->head_dim);
}

void attend_key(const struct attune_context *ctx, const struct relation *relation, int layer,
                int head, size_t k, float *out)
{
    widen_row(ctx, relation, relation->kept->keys, layer, head, k, out);
}

void attend_value(const struct attune_context *ctx, const struct relation *relation, int layer,
                  int head, size_t k, float *out)
{
    widen_row(ctx, relation, relation->kept->values, layer, head, k, out);
}

/* ---- what comes in ------------------------------------------------------------------------------
 */

struct placing {
    struct attune_context *ctx;
    const struct relation *rel;
    const struct attention *attention;
    int layer;
    size_t at, count;
    bool queries, keys;
};

/* One head vector of one token normed and turned, where it stands. */
static void turn(const struct placing *job, float *head, const struct norm *norm, size_t position)
{
    const struct recipe *r = job->ctx->recipe;
    size_t head_dim = (size_t)job->rel->from->stack->head_dim;

    if (norm->weight) {
        job->ctx->kernel->norm(head, head, norm->weight, norm->bias, head_dim, r->norm,
                               r->norm_eps);
    }
    if (r->position == POSITION_ROTARY) {
        rotate(r, head, job->rel->from->rotary + position * (size_t)r->rotary_dims);
    }
}

static void place_token(const struct placing *job, size_t t)
{
    const struct attune_context *ctx = job->ctx;
    const struct relation *rel = job->rel;
    const struct stack *stack = rel->from->stack;
    size_t d = (size_t)stack->head_dim, bytes = cache_row_bytes(ctx, stack);
    size_t position = job->at + t;

    for (int h = 0; h < stack->n_heads && job->queries; h++) {
        float *q = ctx->q + (t * (size_t)stack->n_heads + (size_t)h) * d;

        turn(job, q, &job->attention->q_norm, position);
        memcpy(cache_queries(ctx, rel, job->layer, h) + position * d, q, d * sizeof *q);
    }
    for (int g = 0; g < stack->n_kv_heads && job->keys; g++) {
        size_t from = (t * (size_t)stack->n_kv_heads + (size_t)g) * d, to = position * bytes;

        turn(job, ctx->k + from, &job->attention->k_norm, position);
        kernels_narrow(ctx->kernel, ctx->kv,
                       cache_rows(ctx, rel, rel->kept->keys, job->layer, g) + to, ctx->k + from, d);
        kernels_narrow(ctx->kernel, ctx->kv,
                       cache_rows(ctx, rel, rel->kept->values, job->layer, g) + to, ctx->v + from,
                       d);
    }
}

static void place_tokens(void *arg, int part, int n_parts)
{
    const struct placing *job = arg;
    size_t first, last;

    team_share(job->count, 1, part, n_parts, &first, &last);
    for (size_t t = first; t < last; t++) {
        place_token(job, t);
    }
}

void attend_place(struct attune_context *ctx, const struct relation *relation,
                  const struct attention *attention, int layer, size_t at, size_t count,
                  bool queries, bool keys)
{
    struct placing job = {ctx, relation, attention, layer, at, count, queries, keys};

    if (count < 4) {
        place_tokens(&job, 0, 1); /* cheaper than waking anybody */
    } else {
        team_run(ctx->team, place_tokens, &job);
    }
}
