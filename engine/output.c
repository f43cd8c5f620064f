/* What comes out: the final hidden states, what stands on top of them, and the states between the
 * layers. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "engine/product.h"

static const struct {
    const char *text;
    bool every_token;
} outputs[ATTUNE_OUTPUT_COUNT] = {
    [ATTUNE_OUTPUT_TOKENS] = {"tokens", true},
    [ATTUNE_OUTPUT_NEXT_SENTENCE] = {"next-sentence", false},
    [ATTUNE_OUTPUT_SPAN] = {"span", true},
    [ATTUNE_OUTPUT_LABELS] = {"labels", false},
    [ATTUNE_OUTPUT_TOKEN_LABELS] = {"token-labels", true},
    [ATTUNE_OUTPUT_POOLED] = {"pooled", false},
};

const char *attune_output_text(enum attune_output output)
{
    return output >= 0 && output < ATTUNE_OUTPUT_COUNT ? outputs[output].text : "unknown";
}

struct attune_output_shape attune_model_output(const struct attune_model *model,
                                               enum attune_output output)
{
    const struct output *o = &model->recipe.outputs[output];
    bool out = matrix_there(&o->out), dense = matrix_there(&o->dense);

    return (struct attune_output_shape){
        .there = out || dense,
        .every_token = outputs[output].every_token,
        .width = out     ? o->out.rows
                 : dense ? o->dense.rows
                         : 0,
    };
}

static int check_range(const struct side *side, size_t first, size_t n, struct attune_error *err)
{
    if (first > side->n || n > side->n - first) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "positions %zu to %zu: the context holds %zu", first, first + n,
                                side->n);
    }
    return ATTUNE_OK;
}

/* "tokens, next-sentence": what this model has. */
static void list_outputs(const struct attune_model *model, char out[96])
{
    size_t at = 0;

    snprintf(out, 96, "none, its states alone");
    for (int i = 0; i < ATTUNE_OUTPUT_COUNT && at < 70; i++) {
        if (attune_model_output(model, (enum attune_output)i).there) {
            at += (size_t)snprintf(out + at, 96 - at, "%s%s", at ? ", " : "", outputs[i].text);
        }
    }
}

/* A chunk of rows x [count, d] through dense, activation, norm and out. */
static void compute(struct attune_context *ctx, const struct output *o, const float *x,
                    size_t count, float *out)
{
    size_t d = (size_t)ctx->recipe->d_model;

    if (matrix_there(&o->dense)) {
        size_t width = (size_t)o->dense.rows;
        bool last = !matrix_there(&o->out);
        float *y = last ? out : ctx->h;
        struct products dense = {
            .list = {{&o->dense, y, width}},
            .n = 1,
            .x = x,
            .ldx = d,
            .count = count,
            .activation = o->activation,
        };

        products_run(ctx, &dense);
        forward_norm(ctx, y, y, width, &o->norm, count);
        if (last) {
            return;
        }
        x = y;
        d = width;
    }
    product_run(ctx, &o->out, out, (size_t)o->out.rows, x, d, count);
}

void output_rows(struct attune_context *ctx, enum attune_output output, const float *rows, size_t n,
                 float *out)
{
    const struct recipe *r = ctx->recipe;
    size_t d = (size_t)r->d_model, width = (size_t)attune_model_output(ctx->model, output).width;

    for (size_t done = 0, count; done < n; done += count) {
        const float *x = rows + done * d;

        count = n - done < CHUNK ? n - done : CHUNK;
        count = count < ctx->chunk ? count : ctx->chunk;
        if (r->logit_scale != 1.0f) {
            for (size_t i = 0; i < count * d; i++) {
                ctx->x[i] = x[i] * r->logit_scale;
            }
            x = ctx->x;
        }
        compute(ctx, &r->outputs[output], x, count, out + done * width);
    }
}

int attune_context_output(struct attune_context *ctx, enum attune_output output, size_t first,
                          size_t n, float *out, struct attune_error *err)
{
    struct attune_output_shape shape = attune_model_output(ctx->model, output);
    size_t d = (size_t)ctx->recipe->d_model;
    int status = check_range(&ctx->main, first, n, err);
    char there[96];

    if (status == ATTUNE_OK && !shape.there) {
        list_outputs(ctx->model, there);
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%.80s has no output '%s' (it has: %s)",
                                ctx->model->info.name, outputs[output].text, there);
    }
    if (status == ATTUNE_OK && !shape.every_token && (first != 0 || n != 1)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "output '%s' is read at the first token alone",
                                outputs[output].text);
    }
    if (status == ATTUNE_OK) {
        output_rows(ctx, output, ctx->main.final + first * d, n, out);
    }
    return status;
}

int attune_context_logits(struct attune_context *ctx, size_t first, size_t n, float *out,
                          struct attune_error *err)
{
    return attune_context_output(ctx, ATTUNE_OUTPUT_TOKENS, first, n, out, err);
}

/* ---- states
 * ---------------------------------------------------------------------------------------- */

const struct side *context_side(const struct attune_context *ctx, enum attune_stack stack)
{
    bool two = ctx->encoder.capacity > 0, causal = ctx->main.stack->causal;

    switch (stack) {
    case ATTUNE_STACK_SELF: return &ctx->main;
    case ATTUNE_STACK_ENCODER: return two ? &ctx->encoder : causal ? NULL : &ctx->main;
    case ATTUNE_STACK_DECODER: return causal ? &ctx->main : NULL;
    default: return NULL;
    }
}

static int find_side(const struct attune_context *ctx, enum attune_stack stack,
                     const struct side **out, struct attune_error *err)
{
    *out = context_side(ctx, stack);
    return *out ? ATTUNE_OK
                : attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                   "%.80s has no stack '%s': it is of kind %s",
                                   ctx->model->info.name, attune_stack_text(stack),
                                   attune_model_kind_text(ctx->model->info.kind));
}

/* OPT-350m: the last states leave the projection that its head begins with. */
static const struct matrix *last_projection(const struct attune_context *ctx,
                                            const struct side *side)
{
    const struct recipe *r = ctx->recipe;

    return side == &ctx->main && r->hidden_beyond < r->main.n_layers
               ? &r->outputs[ATTUNE_OUTPUT_TOKENS].dense
               : NULL;
}

int attune_context_states_width(const struct attune_context *ctx, enum attune_stack stack)
{
    const struct side *side = context_side(ctx, stack);
    const struct matrix *last = side ? last_projection(ctx, side) : NULL;

    return !side ? 0 : last ? last->rows : ctx->recipe->d_model;
}

int attune_context_states(struct attune_context *ctx, enum attune_stack stack, size_t first,
                          size_t n, float *out, struct attune_error *err)
{
    const struct side *side;
    const struct matrix *last;
    size_t d = (size_t)ctx->recipe->d_model;
    int status = find_side(ctx, stack, &side, err);

    if (status == ATTUNE_OK) {
        status = check_range(side, first, n, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    last = last_projection(ctx, side);
    if (last) {
        for (size_t done = 0, count; done < n; done += count) {
            count = n - done < ctx->chunk ? n - done : ctx->chunk;
            product_run(ctx, last, out + done * (size_t)last->rows, (size_t)last->rows,
                        side->final + (first + done) * d, d, count);
        }
    } else {
        memcpy(out, side->final + first * d, n * d * sizeof *out);
    }
    return ATTUNE_OK;
}

int attune_context_hidden_count(const struct attune_context *ctx, enum attune_stack stack)
{
    const struct side *side = context_side(ctx, stack);

    return !side                ? 0
           : side == &ctx->main ? ctx->recipe->hidden_beyond + 1
                                : side->stack->n_layers + 1;
}

/* One of the kept states, of `count` there are. */
static int fetch_kept(const struct attune_context *ctx, const struct side *side, const float *kept,
                      int layer, int count, size_t first, size_t n, float *out,
                      struct attune_error *err)
{
    size_t d = (size_t)ctx->recipe->d_model;
    int status;

    if (!ctx->keep_hidden) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "this context does not keep hidden states");
    }
    if (layer < 0 || layer >= count) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "hidden layer %d: there are 0 to %d",
                                layer, count - 1);
    }
    status = check_range(side, first, n, err);
    if (status == ATTUNE_OK) {
        memcpy(out, kept + ((size_t)layer * side->capacity + first) * d, n * d * sizeof *out);
    }
    return status;
}

int attune_context_middle(struct attune_context *ctx, enum attune_stack stack, int layer,
                          size_t first, size_t n, float *out, struct attune_error *err)
{
    const struct side *side;
    int status = find_side(ctx, stack, &side, err);

    return status == ATTUNE_OK ? fetch_kept(ctx, side, side->middle, layer, side->stack->n_layers,
                                            first, n, out, err)
                               : status;
}

int attune_context_hidden(struct attune_context *ctx, enum attune_stack stack, int layer,
                          size_t first, size_t n, float *out, struct attune_error *err)
{
    const struct side *side;
    int count = attune_context_hidden_count(ctx, stack), status = find_side(ctx, stack, &side, err);

    return status == ATTUNE_OK
               ? fetch_kept(ctx, side, side->hidden, layer, count, first, n, out, err)
               : status;
}
