/* NumPy's format, version 1.0 (numpy.lib.format): a head as [queries, keys], all as [layers, heads,
 * queries, keys], little-endian floats. */
#include <config.h>

#include "map.h"

#include <string.h>

static int put_rows(struct map *m, FILE *f, int layer, int head, struct attune_error *err)
{
    int status = ATTUNE_OK;

    for (size_t q = m->q0; q < m->q1 && status == ATTUNE_OK; q++) {
        const float *row;

        status = map_row(m, layer, head, q, &row, err);
        if (status == ATTUNE_OK) {
            fwrite(row, sizeof *row, m->k1 - m->k0, f);
        }
    }
    return status;
}

static void put_header(FILE *f, const char *shape)
{
    enum { BEFORE = 10, UNIT = 64 };
    char text[256];
    int len = snprintf(text, sizeof text,
                       "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    int whole = (BEFORE + len + 1 + UNIT - 1) / UNIT * UNIT - BEFORE;

    fwrite("\x93NUMPY\x01", 1, 7, f);
    fputc('\0', f);
    fputc(whole & 255, f);
    fputc(whole >> 8, f);
    fprintf(f, "%-*s\n", whole - 1, text);
}

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    char shape[96];

    snprintf(shape, sizeof shape, "%zu, %zu", m->q1 - m->q0, m->k1 - m->k0);
    put_header(f, shape);
    return put_rows(m, f, m->layer, m->head, err);
}

static int write_all(struct map *m, FILE *f, struct attune_error *err)
{
    char shape[96];
    int status = ATTUNE_OK, heads = m->shape.n_heads;

    snprintf(shape, sizeof shape, "%d, %d, %zu, %zu", m->shape.n_layers, heads, m->q1 - m->q0,
             m->k1 - m->k0);
    put_header(f, shape);
    for (int i = 0; i < m->shape.n_layers * heads && status == ATTUNE_OK; i++) {
        status = put_rows(m, f, i / heads, i % heads, err);
    }
    return status;
}

const struct map_ops map_npy = {
    .name = "npy",
    .help = "NumPy's array",
    .write = write,
    .write_all = write_all,
};
