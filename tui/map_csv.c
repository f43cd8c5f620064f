/* First line: the keys; then a line a query, its token first. All heads: a line a head with its
 * scores. */
#include <config.h>

#include "map.h"

#include <math.h>
#include <stdlib.h>

static void put_field(FILE *f, const struct map_token *token)
{
    fputc('"', f);
    for (size_t i = 0; i < token->len; i++) {
        if (token->bytes[i] == '"') {
            fputc('"', f);
        }
        fputc(token->bytes[i], f);
    }
    fputc('"', f);
}

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    int status = ATTUNE_OK;

    fputs("query", f);
    for (size_t k = m->k0; k < m->k1; k++) {
        fputc(',', f);
        put_field(f, &m->keys.tokens[k]);
    }
    fputc('\n', f);
    for (size_t q = m->q0; q < m->q1 && status == ATTUNE_OK; q++) {
        const float *row;

        status = map_row(m, m->layer, m->head, q, &row, err);
        if (status == ATTUNE_OK) {
            put_field(f, &m->queries.tokens[q]);
            for (size_t k = 0; k < m->k1 - m->k0; k++) {
                fprintf(f, ",%.9g", (double)row[k]);
            }
            fputc('\n', f);
        }
    }
    return status;
}

static int write_all(struct map *m, FILE *f, struct attune_error *err)
{
    int status = ATTUNE_OK, heads = m->shape.n_heads;

    fputs("layer,head,pattern", f);
    for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
        fprintf(f, ",%s", attune_head_score_text((enum attune_head_score)s));
    }
    fputc('\n', f);
    for (int i = 0; i < m->shape.n_layers * heads && status == ATTUNE_OK; i++) {
        struct attune_head head;
        float *cells;
        int rows, cols;

        status = map_pool(m, i / heads, i % heads, 1, &cells, &rows, &cols, &head, err);
        if (status == ATTUNE_OK) {
            free(cells);
            fprintf(f, "%d,%d,%s", i / heads, i % heads, attune_head_pattern_text(head.pattern));
            for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
                fputc(',', f);
                if (!isnan(head.scores[s])) {
                    fprintf(f, "%.9g", head.scores[s]);
                }
            }
            fputc('\n', f);
        }
    }
    return status;
}

const struct map_ops map_csv = {
    .name = "csv",
    .help = "a table; of all heads their scores",
    .write = write,
    .write_all = write_all,
};
