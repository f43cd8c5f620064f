/* The transformer, from tokens to final hidden states, as the recipe says. Read with recipe.h
 * beside it.
 *
 *   embed -> [norm] -> [project] -> layers -> [norm]
 *   layer: attention(norm x), attention to the encoder, MLP(norm x), added to x in the order and
 * place that the recipe names
 *
 * A chunk of tokens goes through a layer together; each step is one call to the team, split so that
 * no sum is. */
#include <config.h>

#include "engine/ablate.h"
#include "engine/attend.h"
#include "engine/product.h"

#include <math.h>
#include <string.h>

struct norming {
    const struct attune_context *ctx;
    float *out;     /* [count, width] */
    const float *x; /* [count, width] */
    const struct norm *norm;
    size_t width, count;
};

static void norm_rows(void *arg, int part, int n_parts)
{
    const struct norming *job = arg;
    const struct recipe *r = job->ctx->recipe;
    size_t first, last, n = job->width;

    team_share(job->count, 1, part, n_parts, &first, &last);
    for (size_t t = first; t < last; t++) {
        job->ctx->kernel->norm(job->out + t * n, job->x + t * n, job->norm->weight, job->norm->bias,
                               n, r->norm, r->norm_eps);
    }
}

void forward_norm(struct attune_context *ctx, float *out, const float *x, size_t width,
                  const struct norm *norm, size_t count)
{
    struct norming job = {ctx, out, x, norm, width, count};

    if (!norm->weight) {
        if (out != x) {
            memcpy(out, x, count * width * sizeof *out);
        }
    } else if (count < 4) {
        norm_rows(&job, 0, 1); /* cheaper than waking anybody */
    } else {
        team_run(ctx->team, norm_rows, &job);
    }
}

/* The stream is as wide as the model. */
static void normalize(struct attune_context *ctx, float *out, const float *x,
                      const struct norm *norm, size_t count)
{
    forward_norm(ctx, out, x, (size_t)ctx->recipe->d_model, norm, count);
}

/* ---- blocks
 * ---------------------------------------------------------------------------------------- */

struct chunk { /* tokens on their way through a layer */
    struct side *side;
    int layer;
    size_t count;
};

static const struct layer *layer_of(const struct chunk *c)
{
    return &c->side->stack->layers[c->layer];
}

static void clamp(const struct attune_context *ctx, float *x, size_t n)
{
    float limit = ctx->recipe->clamp_qkv;

    for (size_t i = 0; limit > 0 && i < n; i++) {
        x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
    }
}

/* residual [count, d] += O (what the heads say) */
static void attend_and_add(struct attune_context *ctx, const struct relation *rel,
                           const struct attention *a, const struct chunk *c, float *residual)
{
    const struct stack *stack = c->side->stack;
    enum ablate_block block = rel->from == rel->to ? ABLATE_SELF : ABLATE_CROSS;
    bool stopped = ablate_stops(ctx, c->side, c->layer, block);
    struct products output = {
        .list = {{&a->o, ctx->sum, (size_t)ctx->recipe->d_model}},
        .n = 1,
        .x = ctx->heads,
        .ldx = (size_t)stack->n_heads * (size_t)stack->head_dim,
        .count = c->count,
        .residual = stopped ? NULL : residual,
    };

    attend(ctx, rel, c->layer, c->side->n, c->count);
    ablate_heads(ctx, rel, c->layer, c->count);
    products_run(ctx, &output);
    if (stopped) {
        ablate_block(ctx, c->side, c->layer, block, residual, c->count);
    }
}

static void attention_block(struct attune_context *ctx, const struct chunk *c, const float *h,
                            float *residual)
{
    const struct attention *a = &layer_of(c)->self;
    const struct stack *stack = c->side->stack;
    struct relation rel = attend_self(c->side);
    size_t width = (size_t)stack->n_heads * (size_t)stack->head_dim;
    size_t kv_width = (size_t)stack->n_kv_heads * (size_t)stack->head_dim;
    struct products qkv = {
        .list = {{&a->q, ctx->q, width}, {&a->k, ctx->k, kv_width}, {&a->v, ctx->v, kv_width}},
        .n = 3,
        .x = h,
        .ldx = (size_t)ctx->recipe->d_model,
        .count = c->count,
    };

    products_run(ctx, &qkv);
    clamp(ctx, ctx->q, c->count * width);
    clamp(ctx, ctx->k, c->count * kv_width);
    clamp(ctx, ctx->v, c->count * kv_width);
    attend_place(ctx, &rel, a, c->layer, c->side->n, c->count, true, true);
    attend_and_add(ctx, &rel, a, c, residual);
}

/* The keys and values are there already: forward_memory. */
static void cross_block(struct attune_context *ctx, const struct chunk *c, const float *h,
                        float *residual)
{
    const struct attention *a = &layer_of(c)->cross;
    const struct stack *stack = c->side->stack;
    struct relation rel = attend_cross(c->side, &ctx->encoder);

    product_run(ctx, &a->q, ctx->q, (size_t)stack->n_heads * (size_t)stack->head_dim, h,
                (size_t)ctx->recipe->d_model, c->count);
    attend_place(ctx, &rel, a, c->layer, c->side->n, c->count, true, false);
    attend_and_add(ctx, &rel, a, c, residual);
}

void forward_memory(struct attune_context *ctx)
{
    const struct stack *stack = ctx->main.stack;
    struct relation rel = attend_cross(&ctx->main, &ctx->encoder);
    size_t d = (size_t)ctx->recipe->d_model;
    size_t width = (size_t)stack->n_kv_heads * (size_t)stack->head_dim;

    for (int l = 0; l < stack->n_layers; l++) {
        const struct attention *a = &stack->layers[l].cross;
        struct products kv = {
            .list = {{&a->k, ctx->k, width}, {&a->v, ctx->v, width}},
            .n = 2,
            .x = ctx->encoder.final,
            .ldx = d,
            .count = ctx->encoder.n,
        };

        products_run(ctx, &kv);
        attend_place(ctx, &rel, a, l, 0, ctx->encoder.n, false, true);
    }
}

/* residual [count, d] += D act(U h [, G h]) */
static void mlp_block(struct attune_context *ctx, const struct chunk *c, const float *h,
                      float *residual)
{
    const struct layer *layer = layer_of(c);
    size_t d = (size_t)ctx->recipe->d_model, width = (size_t)c->side->stack->d_ff;
    bool gated = matrix_there(&layer->gate),
         stopped = ablate_stops(ctx, c->side, c->layer, ABLATE_MLP);
    struct products up = {
        .list = {{&layer->up, ctx->up, width}, {&layer->gate, ctx->gate, width}},
        .n = gated ? 2 : 1,
        .x = h,
        .ldx = d,
        .count = c->count,
        .gate = gated ? ctx->gate : NULL,
        .activation = ctx->recipe->activation,
    };
    struct products down = {
        .list = {{&layer->down, ctx->sum, d}},
        .n = 1,
        .x = ctx->up,
        .ldx = width,
        .count = c->count,
        .residual = stopped ? NULL : residual,
    };

    products_run(ctx, &up);
    products_run(ctx, &down);
    if (stopped) {
        ablate_block(ctx, c->side, c->layer, ABLATE_MLP, residual, c->count);
    }
}

/* ---- the whole
 * ------------------------------------------------------------------------------------- */

typedef void block_fn(struct attune_context *ctx, const struct chunk *c, const float *h,
                      float *residual);

/* One block with its norm and its residual sum, as most families have them. */
static void pass(struct attune_context *ctx, const struct chunk *c, const struct norm *norm,
                 block_fn *block)
{
    const struct recipe *r = ctx->recipe;

    if (r->post_norm) {
        block(ctx, c, ctx->x, ctx->x);
        normalize(ctx, ctx->x, ctx->x, norm, c->count);
        return;
    }
    normalize(ctx, ctx->h, ctx->x, norm, c->count);
    if (r->residual_after_norm) {
        memcpy(ctx->x, ctx->h, c->count * (size_t)r->d_model * sizeof *ctx->x);
    }
    block(ctx, c, ctx->h, ctx->x);
}

static void keep_middle(const struct attune_context *ctx, const struct chunk *c)
{
    size_t d = (size_t)ctx->recipe->d_model;

    if (ctx->keep_hidden) {
        memcpy(c->side->middle + ((size_t)c->layer * c->side->capacity + c->side->n) * d, ctx->x,
               c->count * d * sizeof *ctx->x);
    }
}

static void run_layer(struct attune_context *ctx, const struct chunk *c)
{
    const struct layer *layer = layer_of(c);

    if (ctx->recipe->parallel_residual) {
        normalize(ctx, ctx->h, ctx->x, &layer->self.norm, c->count);
        normalize(ctx, ctx->h2, ctx->x, &layer->mlp_norm, c->count);
        attention_block(ctx, c, ctx->h, ctx->x);
        keep_middle(ctx, c);
        mlp_block(ctx, c, ctx->h2, ctx->x);
        return;
    }
    pass(ctx, c, &layer->self.norm, attention_block);
    if (matrix_there(&layer->cross.q)) {
        pass(ctx, c, &layer->cross.norm, cross_block);
    }
    keep_middle(ctx, c);
    pass(ctx, c, &layer->mlp_norm, mlp_block);
}

/* Row of the table of positions for a token; *counted counts those before it that are no padding.
 */
static size_t position_row(const struct recipe *r, attune_token token, size_t position,
                           size_t *counted)
{
    size_t offset = (size_t)r->position_offset;

    if (!r->skip_padding) {
        return position + offset;
    }
    return token == r->padding ? offset - 1 : offset + (*counted)++;
}

static void add_row(struct attune_context *ctx, float *x, const struct matrix *m, size_t row)
{
    product_widen(ctx, m, row, 1, ctx->sum);
    ctx->kernel->add(x, ctx->sum, (size_t)m->cols);
}

/* x[t] = scale * embedding[token] + position + segment, for positions n .. n+count-1. Positions as
 * wide as the model come after the projection where the embedding is narrower. */
static void embed(struct attune_context *ctx, const struct side *side, size_t count)
{
    const struct recipe *r = ctx->recipe;
    const struct stack *stack = side->stack;
    size_t d = (size_t)r->d_model, e = (size_t)r->d_embedding, counted = 0;
    bool project = matrix_there(&r->project_in), placed = matrix_there(&stack->positions);
    bool early = placed && (!project || stack->positions.cols == r->d_embedding);
    float *rows = project ? ctx->h : ctx->x; /* [count, e] */

    for (size_t t = 0; t < count; t++) {
        attune_token token = side->tokens[side->n + t];
        float *x = rows + t * e;

        product_widen(ctx, &r->embedding, (size_t)token, 1, x);
        for (size_t i = 0; r->embedding_scale != 1.0f && i < e; i++) {
            x[i] *= r->embedding_scale;
        }
        if (matrix_there(&stack->segments)) {
            add_row(ctx, x, &stack->segments, side->types[side->n + t]);
        }
        if (early) {
            add_row(ctx, x, &stack->positions, position_row(r, token, side->n + t, &counted));
        }
    }
    forward_norm(ctx, rows, rows, e, &stack->embedding_norm, count);
    if (project) {
        product_run(ctx, &r->project_in, ctx->x, d, rows, e, count);
    }
    for (size_t t = 0; t < count && placed && !early; t++) {
        add_row(ctx, ctx->x + t * d, &stack->positions, side->n + t + (size_t)r->position_offset);
    }
}

static void keep_hidden(const struct attune_context *ctx, struct side *side, int layer,
                        const float *x, size_t count)
{
    size_t d = (size_t)ctx->recipe->d_model;

    if (ctx->keep_hidden) {
        memcpy(side->hidden + ((size_t)layer * side->capacity + side->n) * d, x,
               count * d * sizeof *x);
    }
}

/* What the last norm divides by, kept: with it held, a logit is linear in the stream (why.c). */
static void keep_scales(const struct attune_context *ctx, struct side *side, size_t count)
{
    const struct recipe *r = ctx->recipe;
    size_t d = (size_t)r->d_model;

    for (size_t t = 0; t < count; t++) {
        const float *x = ctx->x + t * d;
        double mean = 0, squares = 0;

        for (size_t i = 0; i < d && r->norm == NORM_LAYER; i++) {
            mean += (double)x[i];
        }
        mean /= (double)d;
        for (size_t i = 0; i < d; i++) {
            squares += ((double)x[i] - mean) * ((double)x[i] - mean);
        }
        side->scales[side->n + t] =
            side->stack->final_norm.weight
                ? (float)(1 / sqrt(squares / (double)d + (double)r->norm_eps))
                : 1;
    }
}

int forward(struct attune_context *ctx, struct side *side, size_t count,
            struct attune_progress *progress, struct attune_error *err)
{
    const struct stack *stack = side->stack;
    float *final = side->final + side->n * (size_t)ctx->recipe->d_model;

    ctx->edition++;
    ctx->progress = progress;
    attend_prepare(ctx, side, side->n + count);
    embed(ctx, side, count);
    for (int l = 0; l < stack->n_layers && !context_stops(ctx); l++) {
        struct chunk chunk = {side, l, count};

        keep_hidden(ctx, side, l, ctx->x, count);
        run_layer(ctx, &chunk);
        if (progress) {
            atomic_fetch_add(&progress->done, count);
        }
    }
    keep_scales(ctx, side, count);
    normalize(ctx, final, ctx->x, &stack->final_norm, count);
    if (context_stops(ctx)) { /* whoever sees it left something out */
        ctx->progress = NULL;
        side->n_keys = side->n;
        return attune_error_set(err, ATTUNE_CANCELLED, 0, "evaluation cancelled");
    }
    ctx->progress = NULL;
    keep_hidden(ctx, side, stack->n_layers, final, count);
    side->n += count;
    return ATTUNE_OK;
}
