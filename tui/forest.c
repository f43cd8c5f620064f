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

bool forest_same_prompt(const struct attune_run_record *a, const struct attune_run_record *b)
{
    return a->n_prompt > 0 && a->n_prompt == b->n_prompt &&
           memcmp(a->prompt_ids, b->prompt_ids, a->n_prompt * sizeof *a->prompt_ids) == 0;
}

/* Equal prompts together, the oldest run of each first. */
static int by_prompt(const void *a, const void *b, void *runs)
{
    const struct attune_run_record *x = (struct attune_run_record *)runs + *(const long *)a,
                                   *y = (struct attune_run_record *)runs + *(const long *)b;
    int order = (x->n_prompt > y->n_prompt) - (x->n_prompt < y->n_prompt);

    if (order == 0 && x->n_prompt) {
        order = memcmp(x->prompt_ids, y->prompt_ids, x->n_prompt * sizeof *x->prompt_ids);
    }
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* Gives roots with equal prompts one of them to stand below. */
static bool join(struct forest *f, const struct attune_run_record *runs, long *parents)
{
    long *roots = calloc(f->n + 1, sizeof *roots);
    size_t n = 0;

    for (size_t i = 0; roots && i < f->n; i++) {
        if (parents[i] == (long)f->n) {
            roots[n++] = (long)i;
        }
    }
    if (roots) {
        qsort_r(roots, n, sizeof *roots, by_prompt, (void *)runs);
    }
    for (size_t i = 1, first = 0; roots && i < n; i++) {
        if (forest_same_prompt(&runs[roots[i]], &runs[roots[first]])) {
            parents[roots[i]] = roots[first];
        } else {
            first = i;
        }
    }
    free(roots);
    return roots != NULL;
}

bool forest_init(struct forest *f, const struct attune_run_record *runs, size_t n, bool joined)
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
    for (size_t i = 0; i < n; i++) {
        f->parent[i] = parent_of(&runs[i], entries, n);
    }
    if (joined && !join(f, runs, f->parent)) {
        free(entries);
        forest_done(f);
        return false;
    }
    for (size_t i = n; i-- > 0;) {
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

size_t forest_row(const struct forest *f, size_t at)
{
    size_t row = 0;

    while (row < f->n && f->order[row] != at) {
        row++;
    }
    return row;
}

void forest_branch(const struct forest *f, size_t at, size_t *first, size_t *n)
{
    size_t row = forest_row(f, at);

    *first = row;
    *n = row < f->n;
    for (row++; row < f->n; row++, ++*n) {
        long up = f->parent[f->order[row]];

        while (up != (long)f->n && up != (long)at) {
            up = f->parent[up];
        }
        if (up != (long)at) {
            break;
        }
    }
}
