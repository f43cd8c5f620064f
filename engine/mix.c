/* Mixtures of heads, a block of rows at a time: every map that is mixed comes from
 * attune_attention_slice, and so is what the forward pass used. */
#include <config.h>

#include <attune/mix.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/attend.h"
#include "engine/head_list.h"
#include "engine/product.h"

enum { ROWS_AT_ONCE = 64 };

struct attune_mix {
    struct attune_context *ctx;
    struct attune_mix_options options; /* heads: owned */
    struct attune_attention_shape shape;
    float *weights; /* [L, H] of a sum; 0: left out */
    float *norms;   /* [n_keys] ||O v||, as of `edition` */
    float *rows;    /* [n_rows, n_keys] of a rollout, from first_row on, as of `edition` */
    size_t first_row, n_rows, n_keys;
    uint64_t edition;
};

static const struct {
    const char *text, *help;
} ways[] = {
#define WAY(name, text, help) {text, help},
    ATTUNE_MIX_LIST(WAY)
#undef WAY
};
_Static_assert(sizeof ways / sizeof *ways == ATTUNE_MIX_COUNT, "every way");

const char *attune_mix_way_text(enum attune_mix_way way)
{
    return (size_t)way < ATTUNE_MIX_COUNT ? ways[way].text : "";
}

const char *attune_mix_way_help(enum attune_mix_way way)
{
    return (size_t)way < ATTUNE_MIX_COUNT ? ways[way].help : "";
}

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

/* ---- making one ---- */

/* Adds an item of the list to the weights. */
static int add_heads(struct attune_mix *mix, const struct head_item *item, struct attune_error *err)
{
    int layers = mix->shape.n_layers, heads = mix->shape.n_heads,
        len = (int)(item->len < 40 ? item->len : 40);
    char number[32] = "1", *end;
    float value;

    if (item->stack != ATTUNE_STACK_SELF || item->part != PART_HEAD || item->layer >= layers ||
        item->head >= heads) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "'%.*s': a sum is over heads; there are layers 0 to %d, heads 0 to "
                                "%d",
                                len, item->text, layers - 1, heads - 1);
    }
    if (item->value && item->value_len < sizeof number) {
        memcpy(number, item->value, item->value_len);
        number[item->value_len] = '\0';
    }
    value = strtof(number, &end);
    if (end == number || *end || !isfinite(value) || (item->value && !item->value_len)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "'%.*s': behind the colon stands a number",
                                len, item->text);
    }
    for (int i = 0; i < layers * heads; i++) {
        if ((item->layer < 0 || item->layer == i / heads) &&
            (item->head < 0 || item->head == i % heads)) {
            mix->weights[i] += value;
        }
    }
    return ATTUNE_OK;
}

static int read_heads(struct attune_mix *mix, struct attune_error *err)
{
    const char *list = mix->options.heads ? mix->options.heads : "", *at = list;
    struct head_item item;
    int got, n = 0, status = ATTUNE_OK;

    mix->weights =
        calloc((size_t)mix->shape.n_layers * (size_t)mix->shape.n_heads + 1, sizeof *mix->weights);
    if (!mix->weights) {
        return no_memory(err);
    }
    while (status == ATTUNE_OK && (got = head_list_next(&item, list, &at, err)) != 0) {
        status = got < 0 ? -got : add_heads(mix, &item, err);
        n++;
    }
    return status == ATTUNE_OK && n == 0
               ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "a sum wants its heads, such as 0.1:0.5,2.3:1")
               : status;
}

static int check(const struct attune_mix *mix, struct attune_error *err)
{
    const struct attune_mix_options *o = &mix->options;
    bool one = o->way == ATTUNE_MIX_HEAD || o->way == ATTUNE_MIX_NORM;
    int layers = mix->shape.n_layers, heads = mix->shape.n_heads;

    if ((unsigned)o->way >= ATTUNE_MIX_COUNT || o->layer >= layers || (one && o->layer < 0) ||
        (one && (o->head < 0 || o->head >= heads))) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "layer %d, head %d: there are layers 0 to %d, heads 0 to %d",
                                o->layer, o->head, layers - 1, heads - 1);
    }
    if (o->way == ATTUNE_MIX_ROLLOUT && o->kind == ATTUNE_STACK_CROSS) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a rollout follows one text: ask for that of the encoder or of the "
                                "decoder");
    }
    return ATTUNE_OK;
}

int attune_mix_new(struct attune_mix **out, struct attune_context *ctx,
                   const struct attune_mix_options *options, struct attune_error *err)
{
    struct attune_mix *mix = calloc(1, sizeof *mix);
    int status;

    *out = NULL;
    if (!mix) {
        return no_memory(err);
    }
    mix->ctx = ctx;
    mix->options = *options;
    mix->options.heads = options->heads ? strdup(options->heads) : NULL;
    status = options->heads && !mix->options.heads
                 ? no_memory(err)
                 : attune_attention_shape(&mix->shape, ctx, options->kind, err);
    if (status == ATTUNE_OK) {
        status = check(mix, err);
    }
    if (status == ATTUNE_OK && options->way == ATTUNE_MIX_SUM) {
        status = read_heads(mix, err);
    }
    if (status != ATTUNE_OK) {
        attune_mix_free(mix);
        return status;
    }
    *out = mix;
    return ATTUNE_OK;
}

void attune_mix_free(struct attune_mix *mix)
{
    if (mix) {
        free((char *)mix->options.heads);
        free(mix->weights);
        free(mix->norms);
        free(mix->rows);
        free(mix);
    }
}

const struct attune_mix_options *attune_mix_options_of(const struct attune_mix *mix)
{
    return &mix->options;
}

void attune_mix_title(char *out, size_t capacity, const struct attune_mix_options *o, int n_layers)
{
    const char *way = attune_mix_way_text(o->way);
    int last = o->layer < 0 ? n_layers - 1 : o->layer;

    if (o->way == ATTUNE_MIX_SUM) {
        snprintf(out, capacity, "sum %s", o->heads ? o->heads : "");
    } else if (o->way == ATTUNE_MIX_HEAD || o->way == ATTUNE_MIX_NORM) {
        snprintf(out, capacity, "layer %d of 0-%d, head %d%s", o->layer, n_layers - 1, o->head,
                 o->way == ATTUNE_MIX_NORM ? ", weights times ||O v||" : "");
    } else if (o->way == ATTUNE_MIX_ROLLOUT) {
        snprintf(out, capacity, last > 0 ? "%s of layers 0-%d" : "%s of layer %d", way, last);
    } else if (o->layer < 0) {
        snprintf(out, capacity, "%s of all heads of layers 0-%d", way, n_layers - 1);
    } else {
        snprintf(out, capacity, "%s of the heads of layer %d of 0-%d", way, o->layer, n_layers - 1);
    }
}

/* ---- heads over each other ---- */

static bool is_cancelled(const struct attune_progress *progress)
{
    return progress && atomic_load(&progress->cancel);
}

static int cancelled(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_CANCELLED, 0, "cancelled");
}

/* out [n] takes in the weights of one more head. */
static void take_in(float *out, const float *head, size_t n, enum attune_mix_way way, float factor)
{
    if (way == ATTUNE_MIX_MAX) {
        for (size_t i = 0; i < n; i++) {
            out[i] = out[i] > head[i] ? out[i] : head[i];
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] += factor * head[i];
    }
}

/* Layers first .. last of the slice onto each other; one: scratch of the size of the slice. */
static int overlay(struct attune_mix *mix, int first, int last, size_t q0, size_t nq, size_t k0,
                   size_t nk, float *one, float *out, struct attune_progress *progress,
                   struct attune_error *err)
{
    int heads = mix->shape.n_heads, status = ATTUNE_OK;
    enum attune_mix_way way = mix->options.way;

    memset(out, 0, nq * nk * sizeof *out);
    for (int i = first * heads; i < (last + 1) * heads && status == ATTUNE_OK; i++) {
        float factor = mix->weights ? mix->weights[i] : 1.0f / (float)((last - first + 1) * heads);

        if (factor == 0) {
            continue;
        }
        if (is_cancelled(progress)) {
            return cancelled(err);
        }
        status = attune_attention_slice(mix->ctx, mix->options.kind, i / heads, i % heads, q0, nq,
                                        k0, nk, one, err);
        if (status == ATTUNE_OK) {
            take_in(out, one, nq * nk, way, factor);
        }
    }
    return status;
}

/* ---- the length of values ---- */

static const struct attention *attention_of(const struct attune_mix *mix, const struct side *from)
{
    const struct layer *layer = &from->stack->layers[mix->options.layer];

    return mix->options.kind == ATTUNE_STACK_CROSS ? &layer->cross : &layer->self;
}

/* gram [D, D] = O' O of the head's columns, so that ||O v||^2 = v' gram v. */
static int find_gram(const struct attune_mix *mix, const struct side *from, double *gram,
                     struct attune_error *err)
{
    const struct matrix *o = &attention_of(mix, from)->o;
    size_t d = (size_t)from->stack->head_dim;
    float *row = malloc((size_t)o->cols * sizeof *row);

    if (!row) {
        return no_memory(err);
    }
    memset(gram, 0, d * d * sizeof *gram);
    for (int r = 0; r < o->rows; r++) {
        const float *w = row + (size_t)mix->options.head * d;

        product_widen(mix->ctx, o, (size_t)r, 1, row);
        for (size_t i = 0; i < d; i++) {
            for (size_t j = 0; j < d; j++) {
                gram[i * d + j] += (double)w[i] * (double)w[j];
            }
        }
    }
    free(row);
    return ATTUNE_OK;
}

static int find_norms(struct attune_mix *mix, struct attune_error *err)
{
    bool cross = mix->options.kind == ATTUNE_STACK_CROSS;
    const struct relation rel = cross ? attend_cross(&mix->ctx->main, &mix->ctx->encoder)
                                      : attend_self(context_side(mix->ctx, mix->options.kind));
    size_t d = (size_t)rel.from->stack->head_dim;
    double *gram = malloc(d * d * sizeof *gram);
    float *norms = malloc((mix->shape.n_keys + 1) * sizeof *norms), *v = malloc(d * sizeof *v);
    int status = gram && norms && v ? find_gram(mix, rel.from, gram, err) : no_memory(err);

    for (size_t k = 0; k < mix->shape.n_keys && status == ATTUNE_OK; k++) {
        double sum = 0;

        attend_value(mix->ctx, &rel, mix->options.layer, mix->options.head, k, v);
        for (size_t i = 0; i < d; i++) {
            double part = 0;

            for (size_t j = 0; j < d; j++) {
                part += gram[i * d + j] * (double)v[j];
            }
            sum += part * (double)v[i];
        }
        norms[k] = (float)sqrt(sum > 0 ? sum : 0);
    }
    free(gram);
    free(v);
    if (status != ATTUNE_OK) {
        free(norms);
        return status;
    }
    free(mix->norms);
    mix->norms = norms;
    return ATTUNE_OK;
}

/* ---- rollout ---- */

struct step { /* rows become (rows + rows M) / 2, a block of M's rows at a time */
    const struct attune_context *ctx;
    const float *rows; /* [n, keys] */
    float *next;       /* [n, keys] */
    float *scratch;    /* [threads, keys] */
    const float *mean; /* [count, keys] rows at .. of M */
    size_t n, keys, at, count;
};

static void step_rows(void *arg, int part, int n_parts)
{
    const struct step *s = arg;
    float *sum = s->scratch + (size_t)part * s->keys;
    size_t first, last;

    team_share(s->n, 1, part, n_parts, &first, &last);
    for (size_t r = first; r < last; r++) {
        s->ctx->kernel->weigh(sum, s->keys, s->rows + r * s->keys + s->at, s->keys, 1, s->count, 0,
                              s->mean, s->keys, s->keys, false);
        s->ctx->kernel->add(s->next + r * s->keys, sum, s->keys);
    }
}

/* Through one layer, down. Halves are taken at the end, so that next begins as rows. */
static int step_layer(struct attune_mix *mix, int layer, struct step *s, float *one, float *mean,
                      size_t until, struct attune_progress *progress, struct attune_error *err)
{
    int status = ATTUNE_OK;

    memcpy(s->next, s->rows, s->n * s->keys * sizeof *s->next);
    s->mean = mean;
    for (s->at = 0; s->at < until && status == ATTUNE_OK; s->at += s->count) {
        s->count = until - s->at < ROWS_AT_ONCE ? until - s->at : ROWS_AT_ONCE;
        status = overlay(mix, layer, layer, s->at, s->count, 0, s->keys, one, mean, progress, err);
        if (status == ATTUNE_OK) {
            team_run(mix->ctx->team, step_rows, s);
        }
    }
    for (size_t i = 0; i < s->n * s->keys; i++) {
        s->next[i] *= 0.5f;
    }
    return status;
}

static int roll_out(struct attune_mix *mix, size_t q0, size_t q1, struct attune_progress *progress,
                    struct attune_error *err)
{
    size_t keys = mix->shape.n_keys, n = q1 - q0;
    bool causal = mix->options.kind == ATTUNE_STACK_SELF
                      ? mix->ctx->main.stack->causal
                      : mix->options.kind == ATTUNE_STACK_DECODER;
    float *rows = calloc(n * keys + 1, sizeof *rows), *next = malloc((n * keys + 1) * sizeof *next),
          *one = malloc(ROWS_AT_ONCE * keys * sizeof *one),
          *mean = malloc(ROWS_AT_ONCE * keys * sizeof *mean),
          *scratch = malloc((size_t)team_threads(mix->ctx->team) * keys * sizeof *scratch);
    int status = rows && next && one && mean && scratch ? ATTUNE_OK : no_memory(err);

    for (size_t r = 0; status == ATTUNE_OK && r < n; r++) {
        rows[r * keys + q0 + r] = 1;
    }
    for (int l = mix->options.layer < 0 ? mix->shape.n_layers - 1 : mix->options.layer;
         l >= 0 && status == ATTUNE_OK; l--) {
        struct step step = {
            .ctx = mix->ctx, .rows = rows, .next = next, .scratch = scratch, .n = n, .keys = keys};
        float *swap = rows;

        status = step_layer(mix, l, &step, one, mean, causal ? q1 : keys, progress, err);
        rows = next;
        next = swap;
    }
    free(next);
    free(one);
    free(mean);
    free(scratch);
    if (status != ATTUNE_OK) {
        free(rows);
        return status;
    }
    free(mix->rows);
    mix->rows = rows;
    mix->first_row = q0;
    mix->n_rows = n;
    return ATTUNE_OK;
}

/* ---- asking ---- */

/* Forgets what belongs to another text. */
static int refresh(struct attune_mix *mix, struct attune_error *err)
{
    int status = attune_attention_shape(&mix->shape, mix->ctx, mix->options.kind, err);

    if (mix->edition != mix->ctx->edition || mix->n_keys != mix->shape.n_keys) {
        free(mix->rows);
        free(mix->norms);
        mix->rows = mix->norms = NULL;
        mix->n_rows = 0;
        mix->edition = mix->ctx->edition;
        mix->n_keys = mix->shape.n_keys;
    }
    return status;
}

int attune_mix_prepare(struct attune_mix *mix, size_t q0, size_t q1,
                       struct attune_progress *progress, struct attune_error *err)
{
    int status = refresh(mix, err);

    if (status == ATTUNE_OK && (q0 > q1 || q1 > mix->shape.n_queries)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "queries %zu to %zu: the context holds %zu", q0, q1,
                                mix->shape.n_queries);
    }
    if (status == ATTUNE_OK && mix->options.way == ATTUNE_MIX_NORM && !mix->norms) {
        status = find_norms(mix, err);
    }
    if (status != ATTUNE_OK || mix->options.way != ATTUNE_MIX_ROLLOUT ||
        (mix->rows && q0 >= mix->first_row && q1 <= mix->first_row + mix->n_rows)) {
        return status;
    }
    return roll_out(mix, q0, q1, progress, err);
}

static int mix_block(struct attune_mix *mix, size_t q0, size_t nq, size_t k0, size_t nk, float *one,
                     float *out, struct attune_progress *progress, struct attune_error *err)
{
    const struct attune_mix_options *o = &mix->options;
    int status;

    if (o->way == ATTUNE_MIX_ROLLOUT) {
        for (size_t i = 0; i < nq; i++) {
            memcpy(out + i * nk, mix->rows + (q0 - mix->first_row + i) * mix->n_keys + k0,
                   nk * sizeof *out);
        }
        return ATTUNE_OK;
    }
    if (o->way != ATTUNE_MIX_HEAD && o->way != ATTUNE_MIX_NORM) {
        bool all = o->layer < 0 || o->way == ATTUNE_MIX_SUM;

        return overlay(mix, all ? 0 : o->layer, all ? mix->shape.n_layers - 1 : o->layer, q0, nq,
                       k0, nk, one, out, progress, err);
    }
    status = attune_attention_slice(mix->ctx, o->kind, o->layer, o->head, q0, nq, k0, nk, out, err);
    for (size_t i = 0; status == ATTUNE_OK && o->way == ATTUNE_MIX_NORM && i < nq * nk; i++) {
        out[i] *= mix->norms[k0 + i % nk];
    }
    return status;
}

int attune_mix_slice(struct attune_mix *mix, size_t q0, size_t nq, size_t k0, size_t nk, float *out,
                     struct attune_progress *progress, struct attune_error *err)
{
    float *one = NULL;
    int status = attune_mix_prepare(mix, q0, q0 + nq, progress, err);

    if (status == ATTUNE_OK && (k0 > mix->n_keys || nk > mix->n_keys - k0)) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "keys %zu to %zu: the context holds %zu",
                                  k0, k0 + nk, mix->n_keys);
    }
    if (status == ATTUNE_OK && nq > 0) {
        one = malloc((nq < ROWS_AT_ONCE ? nq : ROWS_AT_ONCE) * nk * sizeof *one + 1);
        status = one ? ATTUNE_OK : no_memory(err);
    }
    for (size_t q = 0, n; q < nq && status == ATTUNE_OK; q += n) {
        n = nq - q < ROWS_AT_ONCE ? nq - q : ROWS_AT_ONCE;
        status = is_cancelled(progress)
                     ? cancelled(err)
                     : mix_block(mix, q0 + q, n, k0, nk, one, out + q * nk, progress, err);
    }
    free(one);
    return status;
}
