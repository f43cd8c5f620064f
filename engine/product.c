/* Matrix products of a chunk of tokens, shared among the threads by rows, so that no sum is split.
 */
#include <config.h>

#include "engine/product.h"

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
                              all->activation);
        } else if (all->activation != ACT_IDENTITY) {
            ctx->kernel->activate(y, last - first, all->activation);
        }
        if (all->residual) {
            ctx->kernel->add(all->residual + t * all->list[0].ldy + first, y, last - first);
        }
    }
}

void products_run(struct attune_context *ctx, struct products *all)
{
    all->ctx = ctx;
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
