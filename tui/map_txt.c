/* A character a weight, so that a head's pattern shows in any terminal and any log. */
#include <config.h>

#include "map.h"

#include <string.h>

enum { LABEL = 14, TOP = 12 };

/* A label cut or padded to so many columns. */
static void put_label(FILE *f, const struct map_token *token, int columns)
{
    char text[128];

    map_label(text, sizeof text, token, columns);
    fprintf(f, "%s%*s", text, columns - text_columns(text, strlen(text)), "");
}

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    static const char ramp[] = " .:-=+*#%@";
    char title[256];
    int status = ATTUNE_OK;

    map_title(m, false, title, sizeof title);
    fprintf(f, "%s\na row a query, a column a key; '%s' from 0 to 1%s\n", title, ramp,
            m->mix ? " or more" : "");
    for (size_t q = m->q0; q < m->q1 && status == ATTUNE_OK; q++) {
        size_t nk = m->k1 - m->k0, top = 0;
        const float *row;

        status = map_row(m, m->layer, m->head, q, &row, err);
        if (status != ATTUNE_OK) {
            break;
        }
        fprintf(f, "%4zu ", q);
        put_label(f, &m->queries.tokens[q], LABEL);
        fputs(" |", f);
        for (size_t k = 0; k < nk; k++) {
            int level = (int)(row[k] * 9.999f);

            top = row[k] > row[top] ? k : top;
            fputc(ramp[level < 0 ? 0 : level > 9 ? 9 : level], f);
        }
        fprintf(f, "| %.3f on %zu ", (double)row[top], m->k0 + top);
        put_label(f, &m->keys.tokens[m->k0 + top], TOP);
        fputc('\n', f);
    }
    return status;
}

const struct map_ops map_txt = {
    .name = "txt",
    .help = "a character a weight",
    .write = write,
};
