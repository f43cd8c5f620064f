/* The transformer, from tokens to final hidden states, as the recipe says. Read with recipe.h
 * beside it.
 *
 *   embed -> [norm] -> layers -> [norm]
 *   layer: attention(norm x) and MLP(norm x), added to x in the order and place the recipe names
 *
 * A chunk of tokens goes through a layer together; each step is one call to the team, split so that
 * no sum is. */
#include <config.h>

#include "engine/context.h"
#include "engine/gemm.h"
#include "engine/quant.h"

#include <math.h>
#include <string.h>

/* ---- matrix products ---------------------------------------------------------------------------
 */

struct product {
    const struct matrix *m;
    float *y; /* [count, rows] */
    size_t ldy;
};

struct products { /* of the same input */
    struct attune_context *ctx;
    struct product list[3];
    int n;
    const float *x; /* [count, cols] */
    size_t ldx, count;
    float *gate;     /* list[1] is the gate of list[0] */
    bool activate;   /* list[0] goes through the activation */
    float *residual; /* list[0] is added to it: [count, rows] */
};

static const unsigned char *row_at(const struct matrix *m, size_t row)
{
    return (const unsigned char *)m->data + row * m->row_bytes;
}

static void widen_rows(const struct attune_context *ctx, const struct matrix *m, size_t row,
                       size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        kernels_widen(ctx->kernel, m->type, out + i * (size_t)m->cols, row_at(m, row + i),
                      (size_t)m->cols);
    }
}

/* Rows first .. last-1 of one product. One vector meets the rows as they are stored; several meet
 * rows that were widened once for all of them. */
static void multiply_rows(const struct attune_context *ctx, const struct product *p, const float *x,
                          size_t ldx, size_t count, size_t first, size_t last, float *wide)
{
    const struct matrix *m = p->m;
    size_t n = (size_t)m->cols;
    bool blas = ctx->fast && count >= 32, is_float = m->row_bytes == n * sizeof(float);
    size_t step = blas ? GEMM_ROWS : WIDE_ROWS;

    if (count == 1) {
        kernels_dots(ctx->kernel, m->type, p->y + first, row_at(m, first), m->row_bytes,
                     last - first, x, n);
        return;
    }
    for (size_t r = first; r < last; r += step) {
        size_t rows = last - r < step ? last - r : step;
        const float *w = wide;

        if (is_float && (uintptr_t)row_at(m, r) % sizeof(float) == 0) {
            w = (const float *)(const void *)row_at(m, r);
        } else {
            widen_rows(ctx, m, r, rows, wide);
        }
        if (blas) {
            gemm(p->y + r, p->ldy, w, n, rows, x, ldx, count, n);
        } else {
            ctx->kernel->panel(p->y + r, p->ldy, w, n, rows, x, ldx, count, n);
        }
    }
}

static void multiply(void *arg, int part, int n_parts)
{
    const struct products *all = arg;
    const struct attune_context *ctx = all->ctx;
    float *wide = ctx->wide + (size_t)part * ctx->wide_floats;
    size_t first, last;

    for (int i = 0; i < all->n; i++) {
        const struct product *p = &all->list[i];

        team_share((size_t)p->m->rows, 16, part, n_parts, &first, &last);
        if (first == last) {
            continue;
        }
        multiply_rows(ctx, p, all->x, all->ldx, all->count, first, last, wide);
        for (size_t t = 0; t < all->count && p->m->bias; t++) {
            ctx->kernel->add(p->y + t * p->ldy + first, p->m->bias + first, last - first);
        }
    }
    team_share((size_t)all->list[0].m->rows, 16, part, n_parts, &first, &last);
    for (size_t t = 0; t < all->count && first < last; t++) {
        float *y = all->list[0].y + t * all->list[0].ldy + first;

        if (all->gate) {
            ctx->kernel->gate(y, all->gate + t * all->list[1].ldy + first, last - first,
                              ctx->recipe->activation);
        } else if (all->activate) {
            ctx->kernel->activate(y, last - first, ctx->recipe->activation);
        }
        if (all->residual) {
            ctx->kernel->add(all->residual + t * all->list[0].ldy + first, y, last - first);
        }
    }
}

void forward_product(struct attune_context *ctx, const struct matrix *m, float *y, size_t ldy,
                     const float *x, size_t ldx, size_t count)
{
    struct products one = {
        .ctx = ctx,
        .list = {{m, y, ldy}},
        .n = 1,
        .x = x,
        .ldx = ldx,
        .count = count,
    };

    team_run(ctx->team, multiply, &one);
}

/* ---- norms and positions
 * ------------------------------------------------------------------------- */

struct norming {
    const struct attune_context *ctx;
    float *out;     /* [count, d] */
    const float *x; /* [count, d] */
    const struct norm *norm;
    size_t count;
};

static void norm_rows(void *arg, int part, int n_parts)
{
    const struct norming *job = arg;
    const struct recipe *r = job->ctx->recipe;
    size_t d = (size_t)r->d_model, first, last;

    team_share(job->count, 1, part, n_parts, &first, &last);
    for (size_t t = first; t < last; t++) {
        job->ctx->kernel->norm(job->out + t * d, job->x + t * d, job->norm->weight, job->norm->bias,
                               d, r->norm, r->norm_eps);
    }
}

/* out = norm(x), or x itself where the recipe has no such norm. out may be x. */
static void normalize(struct attune_context *ctx, float *out, const float *x,
                      const struct norm *norm, size_t count)
{
    struct norming job = {ctx, out, x, norm, count};
    size_t d = (size_t)ctx->recipe->d_model;

    if (!norm->weight) {
        if (out != x) {
            memcpy(out, x, count * d * sizeof *out);
        }
    } else if (count < 4) {
        norm_rows(&job, 0, 1); /* cheaper than waking anybody */
    } else {
        team_run(ctx->team, norm_rows, &job);
    }
}

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
static void fill_rotary(struct attune_context *ctx, size_t until)
{
    const struct recipe *r = ctx->recipe;
    size_t half = (size_t)r->rotary_dims / 2, width = (size_t)r->rotary_dims;

    if (r->position != POSITION_ROTARY || ctx->n_rotary >= until) {
        return;
    }
    for (size_t i = 0; i < half; i++) {
        double frequency = pow(r->rotary_base, -2.0 * (double)i / r->rotary_dims);

        for (size_t t = ctx->n_rotary; t < until; t++) {
            double angle = (double)t * r->rotary_scale * frequency;

            angle /= r->rotary_factors ? (double)r->rotary_factors[i] : 1.0;
            ctx->rotary[t * width + 2 * i] = (float)cos(angle);
            ctx->rotary[t * width + 2 * i + 1] = (float)sin(angle);
        }
    }
    ctx->n_rotary = until;
}

/* One head vector of one token: norm, turn, and store where the cache keeps it. */
static void place_head(const struct attune_context *ctx, float *to, const float *from,
                       const struct norm *norm, size_t position)
{
    const struct recipe *r = ctx->recipe;
    size_t head_dim = (size_t)r->head_dim;

    if (norm && norm->weight) {
        ctx->kernel->norm(to, from, norm->weight, norm->bias, head_dim, r->norm, r->norm_eps);
    } else {
        memcpy(to, from, head_dim * sizeof *to);
    }
    if (norm && r->position == POSITION_ROTARY) {
        rotate(r, to, ctx->rotary + position * (size_t)r->rotary_dims);
    }
}

static size_t query_layer(const struct attune_context *ctx, int layer)
{
    return ctx->keep_queries ? (size_t)layer : 0;
}

/* [N, D] of one head. */
static float *queries_of(const struct attune_context *ctx, int layer, int head)
{
    size_t plane = ctx->capacity * (size_t)ctx->recipe->head_dim;

    return ctx->queries +
           (query_layer(ctx, layer) * (size_t)ctx->recipe->n_heads + (size_t)head) * plane;
}

static float *cache_of(const struct attune_context *ctx, float *cache, int layer, int kv_head)
{
    size_t plane = ctx->capacity * (size_t)ctx->recipe->head_dim;

    return cache + ((size_t)layer * (size_t)ctx->recipe->n_kv_heads + (size_t)kv_head) * plane;
}

struct placing {
    struct attune_context *ctx;
    int layer;
    size_t count;
};

/* q, k, v of a chunk into the caches, head by head. */
static void place_heads(void *arg, int part, int n_parts)
{
    const struct placing *job = arg;
    struct attune_context *ctx = job->ctx;
    const struct recipe *r = ctx->recipe;
    const struct layer *layer = &r->decoder.layers[job->layer];
    size_t head_dim = (size_t)r->head_dim, q_width = (size_t)r->n_heads * head_dim;
    size_t kv_width = (size_t)r->n_kv_heads * head_dim, first, last;

    team_share(job->count, 1, part, n_parts, &first, &last);
    for (size_t t = first; t < last; t++) {
        size_t position = ctx->n + t, at = position * head_dim;

        for (int h = 0; h < r->n_heads; h++) {
            place_head(ctx, queries_of(ctx, job->layer, h) + at,
                       ctx->q + t * q_width + (size_t)h * head_dim, &layer->q_norm, position);
        }
        for (int g = 0; g < r->n_kv_heads; g++) {
            const float *k = ctx->k + t * kv_width + (size_t)g * head_dim;
            const float *v = ctx->v + t * kv_width + (size_t)g * head_dim;

            place_head(ctx, cache_of(ctx, ctx->keys, job->layer, g) + at, k, &layer->k_norm,
                       position);
            place_head(ctx, cache_of(ctx, ctx->values, job->layer, g) + at, v, NULL, position);
        }
    }
}

/* ---- attention ----------------------------------------------------------------------------------
 */

void forward_weights(const struct attune_context *ctx, int layer, int head, size_t q0, size_t rows,
                     float *out, size_t ld)
{
    const struct recipe *r = ctx->recipe;
    size_t head_dim = (size_t)r->head_dim;
    const float *q = queries_of(ctx, layer, head) + q0 * head_dim;
    const float *k = cache_of(ctx, ctx->keys, layer, head / (r->n_heads / r->n_kv_heads));
    float scale = r->scale_by_layer ? r->attention_scale / (float)(layer + 1) : r->attention_scale;

    ctx->kernel->panel(out, ld, k, head_dim, q0 + rows, q, head_dim, rows, head_dim);
    for (size_t i = 0; i < rows; i++) {
        ctx->kernel->softmax(out + i * ld, q0 + i + 1, scale, ctx->slopes[head]);
    }
}

struct attending {
    struct attune_context *ctx;
    int layer;
    size_t count;
};

/* Heads x blocks of queries, dealt out in turn: late blocks see more keys than early ones. */
static void attend(void *arg, int part, int n_parts)
{
    const struct attending *job = arg;
    struct attune_context *ctx = job->ctx;
    const struct recipe *r = ctx->recipe;
    size_t head_dim = (size_t)r->head_dim, width = (size_t)r->n_heads * head_dim;
    size_t n_blocks = (job->count + QUERY_BLOCK - 1) / QUERY_BLOCK;
    float *scores = ctx->scores + (size_t)part * QUERY_BLOCK * ctx->capacity;

    for (size_t item = (size_t)part; item < n_blocks * (size_t)r->n_heads;
         item += (size_t)n_parts) {
        int head = (int)(item % (size_t)r->n_heads);
        size_t t = item / (size_t)r->n_heads * QUERY_BLOCK;
        size_t rows = job->count - t < QUERY_BLOCK ? job->count - t : QUERY_BLOCK;
        const float *v =
            cache_of(ctx, ctx->values, job->layer, head / (r->n_heads / r->n_kv_heads));

        forward_weights(ctx, job->layer, head, ctx->n + t, rows, scores, ctx->capacity);
        ctx->kernel->weigh(ctx->heads + t * width + (size_t)head * head_dim, width, scores,
                           ctx->capacity, rows, ctx->n + t + 1, 1, v, head_dim, head_dim);
    }
}

/* out [count, d] += O attention(h), or = for residual NULL */
static void attention_block(struct attune_context *ctx, int l, const float *h, size_t count,
                            float *residual)
{
    const struct recipe *r = ctx->recipe;
    const struct layer *layer = &r->decoder.layers[l];
    size_t d = (size_t)r->d_model, width = (size_t)r->n_heads * (size_t)r->head_dim;
    size_t kv_width = (size_t)r->n_kv_heads * (size_t)r->head_dim;
    struct products qkv = {
        .ctx = ctx,
        .list = {{&layer->q, ctx->q, width},
                 {&layer->k, ctx->k, kv_width},
                 {&layer->v, ctx->v, kv_width}},
        .n = 3,
        .x = h,
        .ldx = d,
        .count = count,
    };
    struct placing placing = {ctx, l, count};
    struct attending attending = {ctx, l, count};
    struct products output = {
        .ctx = ctx,
        .list = {{&layer->o, ctx->sum, d}},
        .n = 1,
        .x = ctx->heads,
        .ldx = width,
        .count = count,
        .residual = residual,
    };

    team_run(ctx->team, multiply, &qkv);
    if (count < 4) {
        place_heads(&placing, 0, 1);
    } else {
        team_run(ctx->team, place_heads, &placing);
    }
    team_run(ctx->team, attend, &attending);
    team_run(ctx->team, multiply, &output);
}

/* residual [count, d] += D act(U h [, G h]) */
static void mlp_block(struct attune_context *ctx, int l, const float *h, size_t count,
                      float *residual)
{
    const struct recipe *r = ctx->recipe;
    const struct layer *layer = &r->decoder.layers[l];
    size_t d = (size_t)r->d_model, width = (size_t)r->d_ff;
    bool gated = layer->gate.data != NULL;
    struct products up = {
        .ctx = ctx,
        .list = {{&layer->up, ctx->up, width}, {&layer->gate, ctx->gate, width}},
        .n = gated ? 2 : 1,
        .x = h,
        .ldx = d,
        .count = count,
        .gate = gated ? ctx->gate : NULL,
        .activate = true,
    };
    struct products down = {
        .ctx = ctx,
        .list = {{&layer->down, ctx->sum, d}},
        .n = 1,
        .x = ctx->up,
        .ldx = width,
        .count = count,
        .residual = residual,
    };

    team_run(ctx->team, multiply, &up);
    team_run(ctx->team, multiply, &down);
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

static void run_layer(struct attune_context *ctx, int l, size_t count)
{
    const struct recipe *r = ctx->recipe;
    const struct layer *layer = &r->decoder.layers[l];
    size_t bytes = count * (size_t)r->d_model * sizeof *ctx->x;

    if (r->post_norm) {
        attention_block(ctx, l, ctx->x, count, ctx->x);
        normalize(ctx, ctx->x, ctx->x, &layer->attention_norm, count);
        mlp_block(ctx, l, ctx->x, count, ctx->x);
        normalize(ctx, ctx->x, ctx->x, &layer->mlp_norm, count);
        return;
    }
    normalize(ctx, ctx->h, ctx->x, &layer->attention_norm, count);
    if (r->parallel_residual) {
        normalize(ctx, ctx->h2, ctx->x, &layer->mlp_norm, count);
        attention_block(ctx, l, ctx->h, count, ctx->x);
        mlp_block(ctx, l, ctx->h2, count, ctx->x);
        return;
    }
    if (r->residual_after_norm) {
        memcpy(ctx->x, ctx->h, bytes);
    }
    attention_block(ctx, l, ctx->h, count, ctx->x);
    normalize(ctx, ctx->h, ctx->x, &layer->mlp_norm, count);
    if (r->residual_after_norm) {
        memcpy(ctx->x, ctx->h, bytes);
    }
    mlp_block(ctx, l, ctx->h, count, ctx->x);
}

/* x[t] = scale * embedding[token] + position row, for positions n .. n+count-1 */
static void embed(struct attune_context *ctx, size_t count)
{
    const struct recipe *r = ctx->recipe;
    size_t d = (size_t)r->d_model;

    for (size_t t = 0; t < count; t++) {
        float *x = ctx->x + t * d;

        widen_rows(ctx, &r->embedding, (size_t)ctx->tokens[ctx->n + t], 1, x);
        if (r->embedding_scale != 1.0f) {
            for (size_t i = 0; i < d; i++) {
                x[i] *= r->embedding_scale;
            }
        }
        if (r->position == POSITION_LEARNED) {
            widen_rows(ctx, &r->decoder.positions, ctx->n + t + (size_t)r->position_offset, 1,
                       ctx->sum);
            ctx->kernel->add(x, ctx->sum, d);
        }
    }
    normalize(ctx, ctx->x, ctx->x, &r->decoder.embedding_norm, count);
}

static void keep_hidden(struct attune_context *ctx, int layer, const float *x, size_t count)
{
    size_t d = (size_t)ctx->recipe->d_model;

    if (ctx->keep_hidden) {
        memcpy(ctx->hidden + ((size_t)layer * ctx->capacity + ctx->n) * d, x,
               count * d * sizeof *x);
    }
}

int forward(struct attune_context *ctx, size_t count, struct attune_progress *progress,
            struct attune_error *err)
{
    const struct recipe *r = ctx->recipe;
    float *final = ctx->final + ctx->n * (size_t)r->d_model;

    fill_rotary(ctx, ctx->n + count);
    embed(ctx, count);
    for (int l = 0; l < r->decoder.n_layers; l++) {
        if (progress && atomic_load(&progress->cancel)) {
            return attune_error_set(err, ATTUNE_CANCELLED, 0, "evaluation cancelled");
        }
        keep_hidden(ctx, l, ctx->x, count);
        run_layer(ctx, l, count);
        if (progress) {
            atomic_fetch_add(&progress->done, count);
        }
    }
    normalize(ctx, final, ctx->x, &r->decoder.final_norm, count);
    keep_hidden(ctx, r->decoder.n_layers, final, count);
    ctx->n += count;
    return ATTUNE_OK;
}
