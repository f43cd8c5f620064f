/* Forks below what they go on from. */
#include <config.h>

#include "forest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    int64_t id;
    long at;
};

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const struct entry *)a)->id, y = ((const struct entry *)b)->id;

    return (x > y) - (x < y);
}

/* The place of the run that this one goes on from, or n: also where that run is not listed. A run
 * is older than its forks, so nothing stands below itself. */
static long parent_of(const struct attune_run_record *run, const struct entry *entries, size_t n)
{
    const struct entry key = {.id = run->fork_of}, *found = NULL;

    if (run->fork_of && run->fork_of < run->id) {
        found = bsearch(&key, entries, n, sizeof *entries, by_id);
    }
    return found ? found->at : (long)n;
}

static void put_in_order(struct forest *f)
{
    long at = f->child[f->n];
    size_t row = 0;

    while (at != FOREST_NONE) {
        f->order[row++] = (size_t)at;
        if (f->child[at] != FOREST_NONE) {
            at = f->child[at];
            continue;
        }
        while (at != (long)f->n && f->next[at] == FOREST_NONE) {
            at = f->parent[at];
        }
        at = at == (long)f->n ? FOREST_NONE : f->next[at];
    }
}

bool forest_init(struct forest *f, const struct attune_run_record *runs, size_t n)
{
    struct entry *entries = calloc(n + 1, sizeof *entries);

    *f = (struct forest){n, calloc(n + 1, sizeof(long)), calloc(n + 1, sizeof(long)),
                         calloc(n + 1, sizeof(long)), calloc(n + 1, sizeof(size_t))};
    if (!entries || !f->parent || !f->child || !f->next || !f->order) {
        free(entries);
        forest_done(f);
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        f->parent[i] = f->child[i] = f->next[i] = FOREST_NONE;
    }
    for (size_t i = 0; i < n; i++) {
        entries[i] = (struct entry){runs[i].id, (long)i};
    }
    qsort(entries, n, sizeof *entries, by_id);
    for (size_t i = n; i-- > 0;) {
        f->parent[i] = parent_of(&runs[i], entries, n);
        f->next[i] = f->child[f->parent[i]];
        f->child[f->parent[i]] = (long)i;
    }
    free(entries);
    put_in_order(f);
    return true;
}

void forest_done(struct forest *f)
{
    free(f->parent);
    free(f->child);
    free(f->next);
    free(f->order);
    memset(f, 0, sizeof *f);
}

size_t forest_guides(char *out, size_t capacity, const struct forest *f, size_t at,
                     const char *const glyphs[4])
{
    const char *parts[FOREST_DEEPEST];
    size_t depth = 0, shown, len = 0;

    for (long i = (long)at; f->parent[i] != (long)f->n; i = f->parent[i]) {
        depth++;
    }
    shown = depth < FOREST_DEEPEST ? depth : FOREST_DEEPEST;
    for (long i = (long)at, k = (long)shown; k-- > 0; i = f->parent[i]) {
        bool last = f->next[i] == FOREST_NONE;

        parts[k] = glyphs[(i == (long)at ? 2 : 0) + last];
    }
    *out = '\0';
    for (size_t k = 0; k < shown && len + strlen(parts[k]) < capacity; k++) {
        len += (size_t)snprintf(out + len, capacity - len, "%s", parts[k]);
    }
    return depth;
}
