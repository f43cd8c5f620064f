/* From what the context keeps: products of a pair, and the straight way from every head to a logit.
 *
 *   u [d]   = (row of the token) through the head on top and the last norm, backwards
 *   r [H*D] = O' u of a layer; a head's part is r[h] . z,  z [D] = sum over keys of weight * value
 *
 * Sums are in double: these numbers are looked at, and nothing is computed from them. */
#include <config.h>

#include <attune/why.h>

#include <attune/mix.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/attend.h"
#include "engine/product.h"

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static struct relation relation_of(const struct attune_context *ctx, enum attune_stack kind)
{
    return kind == ATTUNE_STACK_CROSS ? attend_cross(&ctx->main, &ctx->encoder)
                                      : attend_self(context_side(ctx, kind));
}

/* ---- a pair ---- */

size_t attune_why_width(const struct attune_context *ctx, enum attune_stack kind)
{
    struct attune_attention_shape shape;

    return attune_attention_shape(&shape, ctx, kind, NULL) == ATTUNE_OK
               ? (size_t)relation_of(ctx, kind).from->stack->head_dim
               : 0;
}

static int check_pair(const struct attune_context *ctx, enum attune_stack kind, size_t q, size_t k,
                      struct attune_error *err)
{
    struct attune_attention_shape shape;
    struct relation rel;
    int status = attune_attention_shape(&shape, ctx, kind, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (q >= shape.n_queries || k >= shape.n_keys) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "query %zu, key %zu: there are %zu and %zu, counted from 0", q, k,
                                shape.n_queries, shape.n_keys);
    }
    rel = relation_of(ctx, kind);
    if (k >= attend_keys(&rel, q) || (rel.to->masked && rel.to->padded[k])) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "query %zu does not see key %zu: it %s", q,
                                k, k >= attend_keys(&rel, q) ? "comes later" : "is padding");
    }
    return ATTUNE_OK;
}

static int find_weights(struct attune_why_pair *out, struct attune_context *ctx,
                        enum attune_stack kind, int layer, int head, size_t q, size_t k,
                        struct attune_error *err)
{
    const struct attune_mix_options options = {
        .kind = kind, .way = ATTUNE_MIX_NORM, .layer = layer, .head = head};
    struct attune_mix *mix = NULL;
    float weight = 0, weighted = 0;
    int status = attune_attention_slice(ctx, kind, layer, head, q, 1, k, 1, &weight, err);

    if (status == ATTUNE_OK) {
        status = attune_mix_new(&mix, ctx, &options, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_mix_slice(mix, q, 1, k, 1, &weighted, NULL, err);
    }
    attune_mix_free(mix);
    out->weight = (double)weight;
    out->value_norm = weight > 0 ? (double)weighted / (double)weight : NAN;
    return status;
}

int attune_why_pair(struct attune_why_pair *out, float *products, struct attune_context *ctx,
                    enum attune_stack kind, int layer, int head, size_t q, size_t k,
                    struct attune_error *err)
{
    struct relation rel;
    size_t d;
    float scale, added, sloped, *key;
    int status = check_pair(ctx, kind, q, k, err);

    memset(out, 0, sizeof *out);
    if (status == ATTUNE_OK) { /* layer and head are checked there */
        status = find_weights(out, ctx, kind, layer, head, q, k, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    rel = relation_of(ctx, kind);
    d = (size_t)rel.from->stack->head_dim;
    key = malloc(d * sizeof *key);
    if (!key) {
        return no_memory(err);
    }
    attend_query(ctx, &rel, layer, head, q, products);
    attend_key(ctx, &rel, layer, head, k, key);
    attend_terms(ctx, &rel, layer, head, q, k, &scale, &added, &sloped);
    for (size_t i = 0; i < d; i++) {
        double product = (double)products[i] * (double)key[i] * (double)scale;

        products[i] = (float)product;
        out->products += product;
    }
    out->scale = (double)scale;
    out->added = (double)added * (double)scale + (double)sloped;
    out->score = out->products + out->added;
    free(key);
    return ATTUNE_OK;
}

/* ---- the straight way to a logit ---- */

struct way {
    struct attune_context *ctx;
    size_t position;
    double *u;      /* [d] */
    double *r;      /* [H*D] */
    float *row;     /* a row of a matrix, or of weights, or a value */
    float *weights; /* [longest] */
    double biases;
};

static int refuse(const struct attune_context *ctx, const char *why, struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                            "%.60s: no head has a straight way to a logit here: %s",
                            ctx->model->info.name, why);
}

static int check_logit(const struct attune_context *ctx, size_t position, attune_token token,
                       attune_token against, struct attune_error *err)
{
    const struct recipe *r = ctx->recipe;
    const struct output *top = &r->outputs[ATTUNE_OUTPUT_TOKENS];
    int n = r->n_vocab;

    if (!matrix_there(&top->out)) {
        return refuse(ctx, "it has no token scores", err);
    }
    if (r->post_norm || r->residual_after_norm) {
        return refuse(ctx, "its stream is normed after every block", err);
    }
    if (matrix_there(&top->dense) && (top->activation != ACT_IDENTITY || top->norm.weight)) {
        return refuse(ctx, "what stands on top is not linear", err);
    }
    if (ctx->ablation) {
        return refuse(ctx, "an ablation is on, take it off first", err);
    }
    if (position >= ctx->main.n) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "position %zu: the context holds %zu, counted from 0", position,
                                ctx->main.n);
    }
    if (token < 0 || token >= n ||
        (against != ATTUNE_TOKEN_NONE && (against < 0 || against >= n))) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "token %d: the model knows 0 to %d",
                                token < 0 || token >= n ? (int)token : (int)against, n - 1);
    }
    return ATTUNE_OK;
}

/* to [cols] += factor * row of a matrix */
static void add_row(struct way *w, const struct matrix *m, size_t row, double factor, double *to)
{
    product_widen(w->ctx, m, row, 1, w->row);
    for (int i = 0; i < m->cols; i++) {
        to[i] += factor * (double)w->row[i];
    }
}

/* u, from the token's row back through what stands on top and the last norm. */
static int find_direction(struct way *w, attune_token token, attune_token against,
                          struct attune_error *err)
{
    const struct recipe *r = w->ctx->recipe;
    const struct output *top = &r->outputs[ATTUNE_OUTPUT_TOKENS];
    const struct norm *norm = &r->main.final_norm;
    size_t d = (size_t)r->d_model;
    double *from = calloc((size_t)top->out.cols + 1, sizeof *from), mean = 0;
    float scale = w->ctx->main.scales[w->position];

    if (!from) {
        return no_memory(err);
    }
    add_row(w, &top->out, (size_t)token, 1, from);
    if (against != ATTUNE_TOKEN_NONE) {
        add_row(w, &top->out, (size_t)against, -1, from);
    }
    memset(w->u, 0, d * sizeof *w->u);
    if (matrix_there(&top->dense)) {
        for (int i = 0; i < top->dense.rows; i++) {
            add_row(w, &top->dense, (size_t)i, from[i], w->u);
        }
    } else {
        memcpy(w->u, from, d * sizeof *w->u);
    }
    for (size_t i = 0; i < d; i++) {
        w->u[i] *=
            (double)r->logit_scale * (norm->weight ? (double)norm->weight[i] : 1) * (double)scale;
        mean += w->u[i] / (double)d;
    }
    for (size_t i = 0; i < d && norm->weight && r->norm == NORM_LAYER; i++) {
        w->u[i] -= mean; /* that norm takes the mean away */
    }
    free(from);
    return ATTUNE_OK;
}

static int add_heads(struct way *w, const struct relation *rel, enum attune_stack kind, int layer,
                     const struct attention *a, double *out, struct attune_error *err)
{
    const struct stack *stack = rel->from->stack;
    size_t d = (size_t)stack->head_dim, n = attend_keys(rel, w->position);
    int status = ATTUNE_OK;

    memset(w->r, 0, (size_t)stack->n_heads * d * sizeof *w->r);
    for (int i = 0; i < a->o.rows; i++) {
        add_row(w, &a->o, (size_t)i, w->u[i], w->r);
        w->biases += a->o.bias ? w->u[i] * (double)a->o.bias[i] : 0;
    }
    for (int h = 0; h < stack->n_heads && status == ATTUNE_OK; h++) {
        double sum = 0;

        status =
            attune_attention_slice(w->ctx, kind, layer, h, w->position, 1, 0, n, w->weights, err);
        for (size_t k = 0; k < n && status == ATTUNE_OK; k++) {
            double part = 0;

            if (w->weights[k] == 0) {
                continue;
            }
            attend_value(w->ctx, rel, layer, h, k, w->row);
            for (size_t i = 0; i < d; i++) {
                part += w->r[(size_t)h * d + i] * (double)w->row[i];
            }
            sum += (double)w->weights[k] * part;
        }
        out[h] = sum;
    }
    return status;
}

static int read_logit(double *out, struct attune_context *ctx, size_t position, attune_token token,
                      attune_token against, struct attune_error *err)
{
    float *logits = malloc((size_t)ctx->recipe->n_vocab * sizeof *logits);
    int status = logits ? attune_context_logits(ctx, position, 1, logits, err) : no_memory(err);

    if (status == ATTUNE_OK) {
        *out = (double)logits[token] - (against == ATTUNE_TOKEN_NONE ? 0 : (double)logits[against]);
    }
    free(logits);
    return status;
}

int attune_why_logit(struct attune_why_logit *out, double *self, double *cross,
                     struct attune_context *ctx, size_t position, attune_token token,
                     attune_token against, struct attune_progress *progress,
                     struct attune_error *err)
{
    const struct recipe *r = ctx->recipe;
    const struct stack *stack = &r->main;
    const struct relation from = attend_self(&ctx->main),
                          other = attend_cross(&ctx->main, &ctx->encoder);
    size_t width = (size_t)stack->n_heads * (size_t)stack->head_dim, d = (size_t)r->d_model;
    size_t longest = width > d ? width : d;
    struct way w = {.ctx = ctx, .position = position};
    enum attune_stack kind = r->encoder.n_layers > 0 ? ATTUNE_STACK_DECODER : ATTUNE_STACK_SELF;
    int status = check_logit(ctx, position, token, against, err);

    memset(out, 0, sizeof *out);
    if (status != ATTUNE_OK) {
        return status;
    }
    longest = longest > (size_t)r->d_embedding ? longest : (size_t)r->d_embedding;
    w.u = malloc(d * sizeof *w.u);
    w.r = malloc(width * sizeof *w.r);
    w.row = malloc(longest * sizeof *w.row);
    w.weights = malloc((context_longest(ctx) + 1) * sizeof *w.weights);
    status = w.u && w.r && w.row && w.weights
                 ? read_logit(&out->logit, ctx, position, token, against, err)
                 : no_memory(err);
    if (status == ATTUNE_OK) {
        status = find_direction(&w, token, against, err);
    }
    for (int l = 0; l < stack->n_layers && status == ATTUNE_OK; l++) {
        const struct layer *layer = &stack->layers[l];
        size_t at = (size_t)l * (size_t)stack->n_heads;

        if (progress && atomic_load(&progress->cancel)) {
            status = attune_error_set(err, ATTUNE_CANCELLED, 0, "cancelled");
            break;
        }
        status = add_heads(&w, &from, kind, l, &layer->self, self + at, err);
        if (status == ATTUNE_OK && cross && matrix_there(&layer->cross.q)) {
            status = add_heads(&w, &other, ATTUNE_STACK_CROSS, l, &layer->cross, cross + at, err);
        }
        for (int h = 0; h < stack->n_heads && status == ATTUNE_OK; h++) {
            out->heads += self[at + (size_t)h] + (cross ? cross[at + (size_t)h] : 0);
        }
    }
    out->scale = (double)ctx->main.scales[position];
    out->biases = w.biases;
    out->rest = out->logit - out->heads - out->biases;
    free(w.u);
    free(w.r);
    free(w.row);
    free(w.weights);
    return status;
}
