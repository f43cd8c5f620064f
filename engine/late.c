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

struct filling {
    const struct late_rows *list;
    struct attune_progress *progress;
};

static bool stops(const struct filling *job)
{
    return job->progress && atomic_load(&job->progress->cancel);
}

/* Some rows of one matrix: a few hundred kilobytes between two looks at the progress. */
static void fill_rows(const struct filling *job, const struct late_rows *late, size_t first,
                      size_t last)
{
    if (late->element) {
        turn(late, first, last);
    }
    for (size_t i = first; i < last && !late->element; i++) {
        memcpy(late->out + i * late->row_bytes,
               (const char *)late->tensor->data + rows_source(&late->rows, i) * late->row_bytes,
               late->row_bytes);
    }
    if (job->progress) {
        atomic_fetch_add(&job->progress->done, (last - first) * late->row_bytes);
    }
}

static void fill(void *arg, int part, int n_parts)
{
    enum { ROWS = 64 };
    const struct filling *job = arg;

    for (const struct late_rows *late = job->list; late; late = late->next) {
        size_t first, last;

        team_share(late->rows.n, 32, part, n_parts, &first, &last);
        for (size_t i = first; i < last && !stops(job); i += ROWS) {
            fill_rows(job, late, i, last - i < ROWS ? last : i + ROWS);
        }
    }
}

bool late_fill(struct checkpoint *cp, struct team *team, struct attune_progress *progress)
{
    struct filling job = {cp->late, progress};
    size_t total = 0;

    for (const struct late_rows *late = cp->late; late; late = late->next) {
        total += late->rows.n * late->row_bytes;
    }
    if (progress) {
        atomic_store(&progress->done, 0);
        atomic_store(&progress->total, total);
    }
    team_run(team, fill, &job);
    if (stops(&job)) {
        return false;
    }
    for (const struct late_rows *late = cp->late; late; late = late->next) {
        mapping_forget(late->tensor->data, (size_t)late->tensor->n_bytes);
    }
    cp->late = NULL;
    return true;
}
