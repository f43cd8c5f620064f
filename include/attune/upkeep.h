/* The database as a thing that grows and may break: how large it is, whether all of it is right,
 * and the room of what was removed given back. */
#ifndef ATTUNE_UPKEEP_H
#define ATTUNE_UPKEEP_H

#include <attune/progress.h>
#include <attune/store.h>

struct attune_store_stats {
    int schema;
    uint64_t file_bytes, log_bytes; /* the file, and the log beside it that is not yet in it */
    uint64_t free_bytes;            /* of the file: what vacuum gives back */
    uint64_t sessions, runs, steps; /* steps: of all runs */
    uint64_t nodes, texts, marks;   /* what they are kept in; shared ones count once */
    uint64_t states;                /* of the journal */
    uint64_t pins, pin_bytes;       /* what steps have in full */
    double bytes_per_step;          /* the file without what is free, over all steps; 0: no steps */
};
int attune_store_stats(struct attune_store_stats *out, struct attune_store *store,
                       struct attune_error *err);

/* Everything there is looked at: the pages of the file, that no row refers to nothing, that every
 * node and text is what its hash says, that runs have no holes, and (where the database is open for
 * writing) that the index of words fits the texts. */
struct attune_store_check {
    uint64_t nodes, texts; /* whose hashes were computed again */
    uint64_t n_problems;
    char **problems; /* the first of them as sentences, [n_told] */
    size_t n_told;
};
/* OK whatever was found: problems are in *out. */
int attune_store_check(struct attune_store_check *out, struct attune_store *store,
                       struct attune_progress *progress, struct attune_error *err);
void attune_store_check_done(struct attune_store_check *check);

/* Writes the file anew without what is free, and empties the log. */
int attune_store_vacuum(struct attune_store *store, struct attune_error *err);

#endif
