/* Shots to choose from: the rows of a file, and ways to choose some of them.
 *
 * JSON Lines with "input" and "output" (or "text" and "label"), or CSV (RFC 4180) with a header line of
 * those names; a path, or a name among "prompts/shots". A choice depends on the rows, the way and the
 * seed alone, so it can be made again; the prompt records it (attune_prompt_note, "shots"). */
#ifndef ATTUNE_POOL_H
#define ATTUNE_POOL_H

#include <attune/progress.h>
#include <attune/prompt.h>

struct attune_model;

struct attune_pool_row {
    char *input, *output;
    size_t line; /* it begins on, from 1 */
};
struct attune_pool_broken {
    size_t line;
    char text[160]; /* what is wrong with it */
};
struct attune_pool { /* owned by the caller; a zeroed struct is empty and may be done */
    char *name;      /* as it was asked for */
    char *path;
    struct attune_pool_row *rows; /* [n] in the order of the file */
    size_t n, capacity;
    struct attune_pool_broken *broken; /* [n_broken] lines left out, where that was chosen */
    size_t n_broken;
};

/* A broken line is an error with its number; with skip_broken it is listed and the rest is taken. Rows
 * past `most` are not read (negative: all are). */
int attune_pool_load(struct attune_pool *out, const char *path_or_name, long most, bool skip_broken,
                     struct attune_error *err);
void attune_pool_done(struct attune_pool *pool);

enum attune_pick {
    ATTUNE_PICK_FIRST,
    ATTUNE_PICK_RANDOM,   /* in the order drawn */
    ATTUNE_PICK_BALANCED, /* labels in turn, in the order they first occur; each label's rows drawn */
    ATTUNE_PICK_NEAREST,  /* by the cosine to the query, the nearest last: it stands before the query */
    ATTUNE_PICK_COUNT
};
const char *attune_pick_text(enum attune_pick how); /* "first", "random", "balanced", "nearest" */
bool attune_pick_find(enum attune_pick *out, const char *name);

struct attune_pick_options {
    enum attune_pick how;
    long count;    /* negative: all */
    uint64_t seed; /* random, balanced */
    /* nearest: an encoder, and the text that shots shall be near to */
    const struct attune_model *encoder;
    const char *query;
    int n_threads;
};

/* Chosen rows, counted from 0, into rows [count or pool->n] (caller's storage) with their number. near
 * [count or pool->n] gets the cosines of a nearest choice; may be NULL. A pool of fewer rows than are
 * asked for is ATTUNE_ARGUMENT with both numbers. */
int attune_pool_pick(size_t *rows, double *near, size_t *n, const struct attune_pool *pool,
                     const struct attune_pick_options *options, struct attune_progress *progress,
                     struct attune_error *err);

/* Chooses, and puts the chosen behind the shots that stand there. All of them, or none and an error. */
int attune_prompt_pick_shots(struct attune_prompt *prompt, const struct attune_pool *pool,
                             const struct attune_pick_options *options,
                             struct attune_progress *progress, struct attune_error *err);

#endif
