/* Two to four saved runs side by side: every one aligned by token with the first.
 *
 * A row has a cell for each run; the first's is what the others are measured against. Everything
 * belongs to the comparison: attune_compare_done. */
#ifndef ATTUNE_COMPARE_H
#define ATTUNE_COMPARE_H

#include <attune/diff.h>
#include <attune/progress.h>

#define ATTUNE_COMPARE_MOST 4

struct attune_compare_cell {
    int64_t at;        /* place in the steps of its run, -1: it has none here */
    bool same;         /* the token that the first has in this row */
    bool same_context; /* all that was read before is the same */
    bool same_bits;    /* the same logits */
    double low, high;  /* total variation against the first's distribution (diff.h); equal: exact,
                          NaN: there is nothing to measure */
};

struct attune_compare_row {
    struct attune_compare_cell cells[ATTUNE_COMPARE_MOST];
};

struct attune_compare_field { /* what made the runs, where it differs */
    const char *name;         /* static */
    char *values[ATTUNE_COMPARE_MOST];
};

struct attune_compare {
    size_t n; /* runs */
    struct attune_diff_side sides[ATTUNE_COMPARE_MOST];
    bool same_prompt[ATTUNE_COMPARE_MOST];    /* reads what the first does */
    double tokens_per_s[ATTUNE_COMPARE_MOST]; /* by the timings of its steps; 0: none */
    struct attune_compare_field *fields;      /* [n_fields] */
    size_t n_fields;
    struct attune_compare_row *rows; /* [n_rows] */
    size_t n_rows;
    size_t n_exact;        /* cells whose distance was computed again */
    size_t n_not_measured; /* steps that a model gave other bits for: their bounds stay */
};

/* Runs [n], 2 to ATTUNE_COMPARE_MOST of them. */
int attune_compare_runs(struct attune_compare *out, struct attune_store *store, const int64_t *runs,
                        size_t n, struct attune_error *err);

/* The distances exactly, of those runs that this model made: their logits are computed again and
 * count where they have the recorded digest. Whatever it does not reach keeps its bounds. */
int attune_compare_exactly(struct attune_compare *compare, const struct attune_model *model,
                           int n_threads, struct attune_progress *progress,
                           struct attune_error *err);
void attune_compare_done(struct attune_compare *compare);

#endif
