/* Nearest rows of the embedding. Each thread keeps the best of its share; they are merged by cosine
 * and id, so that the answer does not depend on how many there were. */
#include <config.h>

#include <attune/near.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/product.h"

struct search {
    const struct attune_context *ctx;
    const float *own; /* [e] */
    attune_token id;
    size_t n;                  /* wanted */
    struct attune_near *found; /* [parts, n] */
    size_t *n_found;           /* [parts] */
    float *rows;               /* [parts, e] */
};

static bool is_nearer(const struct attune_near *a, const struct attune_near *b)
{
    return a->cosine > b->cosine || (a->cosine == b->cosine && a->id < b->id);
}

static void offer(struct attune_near *list, size_t *n_list, size_t most,
                  const struct attune_near *one)
{
    size_t at = *n_list;

    if (most == 0 || (at == most && !is_nearer(one, &list[most - 1]))) {
        return;
    }
    at -= at == most;
    for (; at > 0 && is_nearer(one, &list[at - 1]); at--) {
        list[at] = list[at - 1];
    }
    list[at] = *one;
    *n_list += *n_list < most;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum[4] = {0};
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        for (size_t k = 0; k < 4; k++) {
            sum[k] += (double)a[i + k] * (double)b[i + k];
        }
    }
    for (; i < n; i++) {
        sum[0] += (double)a[i] * (double)b[i];
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

static void search_part(void *arg, int part, int n_parts)
{
    struct search *s = arg;
    const struct matrix *m = &s->ctx->recipe->embedding;
    size_t e = (size_t)m->cols, first, last, p = (size_t)part;
    float *row = s->rows + p * e;
    double own = dot(s->own, s->own, e);

    team_share((size_t)m->rows, 1, part, n_parts, &first, &last);
    for (size_t i = first; i < last; i++) {
        struct attune_near one = {.id = (attune_token)i};
        double length;

        product_widen(s->ctx, m, i, 1, row);
        length = own * dot(row, row, e);
        if (one.id == s->id || !(length > 0)) {
            continue;
        }
        one.cosine = (float)(dot(s->own, row, e) / sqrt(length));
        if (one.cosine == one.cosine) {
            offer(s->found + p * s->n, &s->n_found[p], s->n, &one);
        }
    }
}

int attune_near_tokens(struct attune_near *out, size_t n, size_t *found, struct attune_context *ctx,
                       attune_token id, struct attune_error *err)
{
    const struct matrix *m = &ctx->recipe->embedding;
    size_t e = (size_t)m->cols, parts = (size_t)team_threads(ctx->team);
    struct search s = {.ctx = ctx, .id = id, .n = n};
    float *own = malloc(e * sizeof *own);
    int status = ATTUNE_OK;

    *found = 0;
    s.own = own;
    s.rows = malloc(parts * e * sizeof *s.rows);
    s.found = calloc(parts * n + 1, sizeof *s.found);
    s.n_found = calloc(parts, sizeof *s.n_found);
    if (!own || !s.rows || !s.found || !s.n_found) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    } else if (id < 0 || id >= m->rows) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "token %d: the model knows 0 to %d",
                                  (int)id, m->rows - 1);
    }
    if (status == ATTUNE_OK) {
        product_widen(ctx, m, (size_t)id, 1, own);
        team_run(ctx->team, search_part, &s);
        for (size_t p = 0; p < parts; p++) {
            for (size_t i = 0; i < s.n_found[p]; i++) {
                offer(out, found, n, &s.found[p * n + i]);
            }
        }
    }
    free(own);
    free(s.rows);
    free(s.found);
    free(s.n_found);
    return status;
}
