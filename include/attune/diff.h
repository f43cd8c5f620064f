/* Two saved runs side by side: what made them where it differs, and their steps aligned by token.
 *
 * The alignment keeps the longest common subsequence of tokens together; what stands between is
 * paired in order. Everything belongs to the diff: attune_diff_done. */
#ifndef ATTUNE_DIFF_H
#define ATTUNE_DIFF_H

#include <attune/store.h>

struct attune_diff_field {
    const char *name; /* "seed", "temperature", ...; static */
    char *a, *b;
};

struct attune_diff_row {
    int64_t a, b;      /* place in the steps of either side, -1: it has none here */
    bool same;         /* the same token */
    bool same_context; /* all that was read before is the same */
    bool same_bits;    /* the same logits */
    /* How far the distributions are apart, as total variation of the raw probabilities (0 equal, 1
     * disjoint). The candidates that were saved bound it: NaN where a side is missing. */
    double low, high;
};

struct attune_diff_side {
    struct attune_run_record record;
    struct attune_step *steps; /* [n] */
    size_t n;
};

struct attune_diff {
    struct attune_diff_side a, b;
    struct attune_diff_field *fields; /* [n_fields] */
    size_t n_fields;
    struct attune_diff_row *rows; /* [n_rows] */
    size_t n_rows, n_same;        /* n_same: rows with the same token on both sides */
    bool same_prompt;             /* the same ids were read before the first step */
    bool equal;                   /* no field, no token and no bit of the logits differs */
};

int attune_diff_runs(struct attune_diff *out, struct attune_store *store, int64_t a, int64_t b,
                     struct attune_error *err);
void attune_diff_done(struct attune_diff *diff);

/* The rows alone. *out: free(). */
int attune_diff_steps(struct attune_diff_row **out, size_t *n, const struct attune_step *a,
                      size_t n_a, const struct attune_step *b, size_t n_b, bool same_prompt,
                      struct attune_error *err);

#endif
