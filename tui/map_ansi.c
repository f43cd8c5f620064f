/* Coloured text for a terminal of 256 colours: two columns a cell, a legend with numbers. */
#include <config.h>

#include "map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 120, LABEL = 12 };

static void put_colour(FILE *f, const struct map *m, float v)
{
    fprintf(f, "\033[48;5;%dm", ramp_256(m->ramp, false, v));
}

static void put_legend(FILE *f, const struct map *m, const struct shades *s, const char *pooling)
{
    char low[32], high[32];

    shades_ends(s, low, high);
    fprintf(f, "%s %s ", attention_scales[m->scale], low);
    for (int i = 0; i < 16; i++) {
        put_colour(f, m, (float)i / 15);
        fputc(' ', f);
    }
    fprintf(f, "\033[0m %s%s%s\n", high, *pooling ? ", " : "", pooling);
}

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    struct shades s;
    char text[256];
    float *cells;
    int rows, cols, status;

    status = map_pool(m, m->layer, m->head, MOST_CELLS, &cells, &rows, &cols, NULL, err);
    if (status != ATTUNE_OK) {
        return status;
    }
    s = shades_make(m->scale, cells, (size_t)rows * (size_t)cols, cols, m->k0 == 0);
    map_title(m, false, text, sizeof text);
    fprintf(f, "\033[1m%s\033[0m\n", text);
    map_pooling(m, rows, cols, text, sizeof text);
    put_legend(f, m, &s, text);
    for (int y = 0; y < rows; y++) {
        const float *row = cells + (size_t)y * (size_t)cols;
        size_t q = m->q0 + (size_t)y * (m->q1 - m->q0) / (size_t)rows;
        float most = shades_row_most(row, cols, m->k0 == 0);

        map_label(text, sizeof text, &m->queries.tokens[q], LABEL);
        fprintf(f, "%s%*s ", text, LABEL - text_columns(text, strlen(text)), "");
        for (int x = 0; x < cols; x++) {
            if (isnan(row[x])) {
                fputs("\033[0m  ", f);
            } else {
                put_colour(f, m, shades_at(&s, row[x], most));
                fputs("  ", f);
            }
        }
        fputs("\033[0m\n", f);
    }
    shades_done(&s);
    free(cells);
    return ATTUNE_OK;
}

const struct map_ops map_ansi = {
    .name = "ansi",
    .help = "coloured text: cat shows it",
    .write = write,
};
