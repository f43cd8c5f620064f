#include <config.h>

#include "engine/late.h"

#include <string.h>

#include "engine/mapping.h"

/* Rows r0 .. last-1 of a matrix whose columns lie together in the file. */
static void turn(const struct late_rows *late, size_t r0, size_t last)
{
    enum { TILE = 32 }; /* both sides of a tile stay in the cache */
    size_t element = late->element, cols = late->row_bytes / element;
    const char *in = late->tensor->data;

    for (; r0 < last; r0 += TILE) {
        for (size_t c0 = 0; c0 < cols; c0 += TILE) {
            for (size_t r = r0; r < last && r < r0 + TILE; r++) {
                const char *from = in + rows_source(&late->rows, r) * element;

                for (size_t c = c0; c < cols && c < c0 + TILE; c++) {
                    memcpy(late->out + (r * cols + c) * element,
                           from + c * late->rows.total * element, element);
                }
            }
        }
    }
}

static void fill(void *arg, int part, int n_parts)
{
    for (const struct late_rows *late = arg; late; late = late->next) {
        size_t first, last;

        team_share(late->rows.n, 32, part, n_parts, &first, &last);
        if (late->element) {
            turn(late, first, last);
        }
        for (size_t i = first; i < last && !late->element; i++) {
            memcpy(late->out + i * late->row_bytes,
                   (const char *)late->tensor->data + rows_source(&late->rows, i) * late->row_bytes,
                   late->row_bytes);
        }
    }
}

void late_fill(struct checkpoint *cp, struct team *team)
{
    team_run(team, fill, cp->late);
    for (const struct late_rows *late = cp->late; late; late = late->next) {
        mapping_forget(late->tensor->data, (size_t)late->tensor->n_bytes);
    }
    cp->late = NULL;
}
