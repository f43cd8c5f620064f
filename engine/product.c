/* Matrix products of a chunk of tokens, shared among the threads by rows, so that no sum is split.
 */
#include <config.h>

#include "engine/product.h"

#include "engine/activations.h"
#include "engine/gemm.h"
#include "engine/quant.h"

static const unsigned char *row_at(const struct matrix *m, size_t row)
{
    return (const unsigned char *)m->data + row * m->row_bytes;
}

void product_widen(const struct attune_context *ctx, const struct matrix *m, size_t row, size_t n,
                   float *out)
{
    for (size_t i = 0; i < n; i++) {
        kernels_widen(ctx->kernel, m->type, out + i * (size_t)m->cols, row_at(m, row + i),
                      (size_t)m->cols);
    }
}

_Static_assert(4 * INTEGER_ROWS <= WIDE_ROWS * sizeof(float), "integers have the room of floats");

/* Rounded vectors meet this matrix. */
static bool is_rounded(const struct attune_context *ctx, const struct matrix *m)
{
    return ctx->activations == ATTUNE_ACTIVATIONS_Q8 && activations_quantised(m);
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
            product_widen(ctx, m, r, rows, wide);
        }
        if (blas) {
            gemm(p->y + r, p->ldy, w, n, rows, x, ldx, count, n);
        } else {
            ctx->kernel->panel(p->y + r, p->ldy, w, n, rows, x, ldx, count, n);
        }
    }
}

/* The same for integers: `wide` is where they lay rows out. */
static void multiply_integers(const struct attune_context *ctx, const struct product *p,
                              size_t count, size_t first, size_t last, float *wide)
{
    const struct matrix *m = p->m;
    struct integer_rows rows = {m->type, row_at(m, first), m->row_bytes, last - first,
                                (size_t)m->cols};
    struct integer_vectors x = {ctx->rounded, count, rows.n / 32};

    ctx->integer->product(p->y + first, p->ldy, &rows, &x, wide);
}

/* Rows between two looks at whether the work is still wanted: a few milliseconds for a chunk. */
enum { STRIDE = 2 * WIDE_ROWS };

static void multiply(void *arg, int part, int n_parts)
{
    const struct products *all = arg;
    const struct attune_context *ctx = all->ctx;
    float *wide = ctx->wide + (size_t)part * ctx->wide_floats;
    size_t first, last, stride = all->count == 1 ? SIZE_MAX / 2 : ctx->fast ? GEMM_ROWS : STRIDE;

    for (int i = 0; i < all->n; i++) {
        const struct product *p = &all->list[i];

        team_share((size_t)p->m->rows, 16, part, n_parts, &first, &last);
        if (first == last) {
            continue;
        }
        for (size_t r = first; r < last && !context_stops(ctx); r += stride) {
            size_t end = last - r < stride ? last : r + stride;

            if (is_rounded(ctx, p->m)) {
                multiply_integers(ctx, p, all->count, r, end, wide);
            } else {
                multiply_rows(ctx, p, all->x, all->ldx, all->count, r, end, wide);
            }
        }
        for (size_t t = 0; t < all->count && p->m->bias; t++) {
            ctx->kernel->add(p->y + t * p->ldy + first, p->m->bias + first, last - first);
        }
    }
    team_share((size_t)all->list[0].m->rows, 16, part, n_parts, &first, &last);
    for (size_t t = 0; t < all->count && first < last; t++) {
        float *y = all->list[0].y + t * all->list[0].ldy + first;

        if (all->gate) {
            ctx->kernel->gate(y, all->gate + t * all->list[1].ldy + first, last - first,
                              all->activation);
        } else if (all->activation != ACT_IDENTITY) {
            ctx->kernel->activate(y, last - first, all->activation);
        }
        if (all->residual) {
            ctx->kernel->add(all->residual + t * all->list[0].ldy + first, y, last - first);
        }
    }
}

static void round_vectors(void *arg, int part, int n_parts)
{
    const struct products *all = arg;
    const struct attune_context *ctx = all->ctx;
    struct integer_vectors to = {ctx->rounded, all->count, (size_t)all->list[0].m->cols / 32};
    size_t first, last;

    team_share(all->count, 1, part, n_parts, &first, &last);
    for (size_t t = first; t < last; t++) {
        ctx->integer->round(&to, t, all->x + t * all->ldx);
    }
}

void products_run(struct attune_context *ctx, struct products *all)
{
    bool rounded = false;

    all->ctx = ctx;
    for (int i = 0; i < all->n; i++) {
        rounded = rounded || is_rounded(ctx, all->list[i].m);
    }
    if (rounded && all->count < 4) {
        round_vectors(all, 0, 1); /* cheaper than waking anybody */
    } else if (rounded) {
        team_run(ctx->team, round_vectors, all);
    }
    team_run(ctx->team, multiply, all);
}

void product_run(struct attune_context *ctx, const struct matrix *m, float *y, size_t ldy,
                 const float *x, size_t ldx, size_t count)
{
    struct products one = {
        .list = {{m, y, ldy}},
        .n = 1,
        .x = x,
        .ldx = ldx,
        .count = count,
        .activation = ACT_IDENTITY,
    };

    products_run(ctx, &one);
}
