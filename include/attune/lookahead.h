/* What could follow: the likeliest tokens, behind each of them the likeliest again, and how probable each
 * path is as a whole. Pull only: start, next, next, ..., free; one thread at a time.
 *
 *     breadth 2, depth 2      " a" 0.5 ---- " b" 0.8   joint 0.40
 *                                      `--- " c" 0.1   joint 0.05
 *                             " d" 0.3 ---- ...
 *
 * What stands in front is held by the context and so is every path down to where it parts: a node costs
 * one decode step, a leaf none. The context is borrowed; _free leaves it as it was at the start. */
#ifndef ATTUNE_LOOKAHEAD_H
#define ATTUNE_LOOKAHEAD_H

#include <attune/context.h>
#include <attune/sampler.h>

#define ATTUNE_LOOKAHEAD_DEPTH 16
#define ATTUNE_LOOKAHEAD_MOST 65536 /* nodes */

struct attune_lookahead_options { /* zero means default */
    int breadth;  /* children of a node (3), at most ATTUNE_DIST_TOP */
    int depth;    /* tokens of a path (3), at most ATTUNE_LOOKAHEAD_DEPTH */
    double least; /* a path that is less probable than this is not followed (0: all are) */
};

struct attune_lookahead_node { /* plain data; in the order of a walk that goes down first */
    attune_token id;
    int parent;   /* -1: it follows what the context held */
    int depth;    /* 1: the next token */
    uint32_t rank; /* among its siblings' distribution, 0 the likeliest */
    double p;     /* given what stands before it */
    double joint; /* of the path: the product of its p */
    double entropy_bits; /* of what follows; NaN where nothing was asked */
    bool is_end;  /* nothing follows: the model ends here */
};

struct attune_lookahead;

/* chain NULL: the model's own probabilities; else what is left of them. The context holds at least one
 * token. ATTUNE_ARGUMENT where the tree would have more nodes than fit, with the number. */
int attune_lookahead_start(struct attune_lookahead **out, struct attune_context *ctx,
                           const struct attune_chain *chain,
                           const struct attune_lookahead_options *options, struct attune_error *err);
/* 1: one more node; 0: that was all; negative: minus a status (ATTUNE_CANCELLED: what is there stands). */
int attune_lookahead_next(struct attune_lookahead *l, struct attune_progress *progress,
                          struct attune_error *err);
/* Borrowed until the next call. */
const struct attune_lookahead_node *attune_lookahead_nodes(const struct attune_lookahead *l, size_t *n);
size_t attune_lookahead_evaluated(const struct attune_lookahead *l); /* tokens that were read for it */
void attune_lookahead_free(struct attune_lookahead *l);

#endif
