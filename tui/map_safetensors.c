/* safetensors with one tensor "attention": [queries, keys], or [layers, heads, queries, keys].
 * Written a row at a time, as its size is known beforehand. */
#include <config.h>

#include "map.h"

#include <inttypes.h>
#include <string.h>

static int put(struct map *m, FILE *f, bool all, struct attune_error *err)
{
    char shape[96], text[256];
    uint64_t nq = m->q1 - m->q0, nk = m->k1 - m->k0, header;
    int n = all ? m->shape.n_layers * m->shape.n_heads : 1, len, status = ATTUNE_OK;

    snprintf(shape, sizeof shape, all ? "%d,%d," : "", m->shape.n_layers, m->shape.n_heads);
    len = snprintf(text, sizeof text,
                   "{\"attention\":{\"dtype\":\"F32\",\"shape\":[%s%" PRIu64 ",%" PRIu64
                   "],\"data_offsets\":[0,%" PRIu64 "]}}",
                   shape, nq, nk, (uint64_t)n * nq * nk * sizeof(float));
    header = (uint64_t)(len + 7) / 8 * 8;
    for (int i = 0; i < 8; i++) {
        fputc((int)(header >> (8 * i) & 255), f);
    }
    fprintf(f, "%-*s", (int)header, text);
    for (int i = 0; i < n && status == ATTUNE_OK; i++) {
        int layer = all ? i / m->shape.n_heads : m->layer,
            head = all ? i % m->shape.n_heads : m->head;

        for (size_t q = m->q0; q < m->q1 && status == ATTUNE_OK; q++) {
            const float *row;

            status = map_row(m, layer, head, q, &row, err);
            if (status == ATTUNE_OK) {
                fwrite(row, sizeof *row, (size_t)nk, f);
            }
        }
    }
    return status;
}

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    return put(m, f, false, err);
}

static int write_all(struct map *m, FILE *f, struct attune_error *err)
{
    return put(m, f, true, err);
}

const struct map_ops map_safetensors = {
    .name = "safetensors",
    .help = "one tensor \"attention\"",
    .write = write,
    .write_all = write_all,
};
