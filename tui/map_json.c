/* One object: kind, layer, head, the tokens of rows and columns, the weights. Written as it is
 * computed, so that a long map needs no memory. All heads: their scores. */
#include <config.h>

#include "map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void put_text(FILE *f, const char *bytes, size_t len)
{
    json_t *text = cli_json_text(bytes, len);

    if (text) {
        json_dumpf(text, f, JSON_ENCODE_ANY | JSON_COMPACT);
    }
    json_decref(text);
}

static void put_tokens(FILE *f, const struct map_axis *axis, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        fputc(i > from ? ',' : '[', f);
        put_text(f, axis->tokens[i].bytes ? axis->tokens[i].bytes : "", axis->tokens[i].len);
    }
    fputc(']', f);
}

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    int status = ATTUNE_OK;

    if (m->mix) {
        const struct attune_mix_options *o = attune_mix_options_of(m->mix);

        fprintf(f, "{\"kind\":\"%s\",\"mix\":\"%s\",", attune_stack_text(m->kind),
                attune_mix_way_text(o->way));
        fprintf(f, o->way == ATTUNE_MIX_SUM || o->layer < 0 ? "\"layer\":null," : "\"layer\":%d,",
                o->layer);
        fprintf(f, o->way == ATTUNE_MIX_NORM ? "\"head\":%d," : "\"head\":null,", o->head);
        if (o->way == ATTUNE_MIX_SUM) {
            fputs("\"heads\":", f);
            put_text(f, o->heads, strlen(o->heads));
            fputc(',', f);
        }
    } else {
        fprintf(f, "{\"kind\":\"%s\",\"layer\":%d,\"head\":%d,", attune_stack_text(m->kind),
                m->layer, m->head);
    }
    if (m->q0 > 0 || m->k0 > 0) {
        fprintf(f, "\"first_row\":%zu,\"first_col\":%zu,", m->q0, m->k0);
    }
    fputs("\"rows\":", f);
    put_tokens(f, &m->queries, m->q0, m->q1);
    fputs(",\"cols\":", f);
    put_tokens(f, &m->keys, m->k0, m->k1);
    fputs(",\"weights\":", f);
    for (size_t q = m->q0; q < m->q1 && status == ATTUNE_OK; q++) {
        const float *row;

        status = map_row(m, m->layer, m->head, q, &row, err);
        fputc(q > m->q0 ? ',' : '[', f);
        for (size_t k = 0; status == ATTUNE_OK && k < m->k1 - m->k0; k++) {
            fprintf(f, "%c%.9g", k > 0 ? ',' : '[', (double)row[k]);
        }
        fputc(']', f);
    }
    fputs("]}\n", f);
    return status;
}

static int write_all(struct map *m, FILE *f, struct attune_error *err)
{
    int status = ATTUNE_OK, heads = m->shape.n_heads;

    fprintf(f, "{\"kind\":\"%s\",\"tokens\":", attune_stack_text(m->kind));
    put_tokens(f, &m->keys, m->k0, m->k1);
    fputs(",\"heads\":", f);
    for (int i = 0; i < m->shape.n_layers * heads && status == ATTUNE_OK; i++) {
        struct attune_head head;
        float *cells;
        int rows, cols;

        status = map_pool(m, i / heads, i % heads, 1, &cells, &rows, &cols, &head, err);
        if (status == ATTUNE_OK) {
            free(cells);
            fprintf(f, "%c{\"layer\":%d,\"head\":%d,\"pattern\":\"%s\"", i > 0 ? ',' : '[',
                    i / heads, i % heads, attune_head_pattern_text(head.pattern));
            for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
                fprintf(f, ",\"%s\":", attune_head_score_text((enum attune_head_score)s));
                fprintf(f, isnan(head.scores[s]) ? "null" : "%.9g", head.scores[s]);
            }
            fputc('}', f);
        }
    }
    fputs("]}\n", f);
    return status;
}

const struct map_ops map_json = {
    .name = "json",
    .help = "tokens and weights; of all heads their scores",
    .write = write,
    .write_all = write_all,
};
