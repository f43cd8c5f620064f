/* Rows that a file has in another order than the recipe wants: turned round, or dealt out group by
 * group. Opening a model notes them; they are put in order when somebody evaluates, all threads at
 * work. */
#ifndef ATTUNE_ENGINE_LATE_H
#define ATTUNE_ENGINE_LATE_H

#include "engine/checkpoint.h"
#include "engine/team.h"

/* Where the rows of a part stand in a tensor of `total` rows: row i of the part is row
 * first + i / run * stride + i % run. */
struct rows {
    size_t n, total, first, run, stride;
};

static inline size_t rows_source(const struct rows *rows, size_t i)
{
    return rows->first + i / rows->run * rows->stride + i % rows->run;
}

struct late_rows {
    struct late_rows *next;
    char *out; /* [rows.n, row_bytes], zeros until then */
    const struct tensor *tensor;
    struct rows rows;
    size_t row_bytes;
    size_t element; /* stored [in, out]: bytes of an element; 0: rows as they are */
};

/* Puts all that wait in order and lets go of the file's own pages. False where that was cancelled:
 * then all wait as before. progress (NULL: nobody watches) counts bytes. */
bool late_fill(struct checkpoint *cp, struct team *team, struct attune_progress *progress);

#endif
