/* A page of its own: a table of coloured cells that say their tokens and weight when pointed at. */
#include <config.h>

#include "map.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_CELLS = 256, LABEL = 24 };

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title><style>\n"
    "body{font:14px sans-serif;margin:2em;color:#111;background:#fff}\n"
    "table{border-collapse:collapse}\n"
    "td{min-width:14px;height:14px;padding:0}\n"
    "td:hover{outline:2px solid #d00}\n"
    "th{font:12px monospace;font-weight:normal;text-align:right;padding:0 6px;white-space:nowrap}\n"
    "thead th{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;padding:6px 0}\n"
    "p i{display:inline-block;width:12px;height:14px}\n"
    "</style></head><body>\n<h1>%s</h1>\n";

static void put_escaped(FILE *f, const struct map_token *token)
{
    char text[128];

    map_label(text, sizeof text, token, LABEL);
    for (const char *at = text; *at; at++) {
        switch (*at) {
        case '<': fputs("&lt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        default: fputc(*at, f);
        }
    }
}

static void put_legend(FILE *f, const struct map *m, const struct shades *s, int rows, int cols)
{
    char low[32], high[32], pooling[96];

    shades_ends(s, low, high);
    map_pooling(m, rows, cols, pooling, sizeof pooling);
    fprintf(f, "<p>A row is a query, a column a key. %s: %s ", attention_scales[m->scale], low);
    for (int i = 0; i < 24; i++) {
        fprintf(f, "<i style=\"background:#%06x\"></i>",
                (unsigned)ramp_rgb(m->ramp, true, (float)i / 23));
    }
    fprintf(f, " %s%s%s</p>\n", high, *pooling ? "; " : "", pooling);
}

static void put_row(FILE *f, const struct map *m, const struct shades *s, const float *row, int y,
                    int rows, int cols)
{
    size_t q = m->q0 + (size_t)y * (m->q1 - m->q0) / (size_t)rows;
    float most = shades_row_most(row, cols, m->k0 == 0);

    fputs("<tr><th>", f);
    put_escaped(f, &m->queries.tokens[q]);
    fputs("</th>", f);
    for (int x = 0; x < cols; x++) {
        size_t k = m->k0 + (size_t)x * (m->k1 - m->k0) / (size_t)cols;

        if (isnan(row[x])) {
            fputs("<td></td>", f);
            continue;
        }
        fprintf(f, "<td style=\"background:#%06x\" title=\"%zu ",
                (unsigned)ramp_rgb(m->ramp, true, shades_at(s, row[x], most)), q + 1);
        put_escaped(f, &m->queries.tokens[q]);
        fprintf(f, " at %zu ", k + 1);
        put_escaped(f, &m->keys.tokens[k]);
        fprintf(f, ": %.4f\"></td>", (double)row[x]);
    }
    fputs("</tr>\n", f);
}

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    struct shades s;
    char title[256];
    float *cells;
    int rows, cols, status;

    status = map_pool(m, m->layer, m->head, MOST_CELLS, &cells, &rows, &cols, NULL, err);
    if (status != ATTUNE_OK) {
        return status;
    }
    s = shades_make(m->scale, cells, (size_t)rows * (size_t)cols, cols, m->k0 == 0);
    map_title(m, false, title, sizeof title);
    for (char *at = title; *at; at++) { /* a model's name is the file's own */
        *at = *at == '<' || *at == '&' ? '_' : *at;
    }
    fprintf(f, head, title, title);
    put_legend(f, m, &s, rows, cols);
    fputs("<table><thead><tr><td></td>", f);
    for (int x = 0; x < cols; x++) {
        fputs("<th>", f);
        put_escaped(f, &m->keys.tokens[m->k0 + (size_t)x * (m->k1 - m->k0) / (size_t)cols]);
        fputs("</th>", f);
    }
    fputs("</tr></thead>\n", f);
    for (int y = 0; y < rows; y++) {
        put_row(f, m, &s, cells + (size_t)y * (size_t)cols, y, rows, cols);
    }
    fputs("</table></body></html>\n", f);
    shades_done(&s);
    free(cells);
    return ATTUNE_OK;
}

const struct map_ops map_html = {
    .name = "html",
    .help = "a page; cells say their weight",
    .write = write,
};
