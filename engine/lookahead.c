/* The look-ahead tree. It is walked down first, so that the context always holds the path to the
 * node at hand and going on to a sibling takes back one token. */
#include <config.h>

#include <attune/lookahead.h>

#include <math.h>
#include <stdlib.h>

#include "engine/context.h"

struct level { /* the children of one node on the path, and how far they were gone through */
    struct attune_candidate children[ATTUNE_DIST_TOP];
    int n, next;
    int node; /* whose they are; -1: the root */
};

struct attune_lookahead {
    struct attune_context *ctx;
    const struct attune_chain *chain; /* or NULL */
    struct attune_lookahead_options options;
    struct attune_lookahead_node *nodes; /* [capacity] */
    size_t n, capacity, start, evaluated;
    float *logits; /* [n_vocab] */
    size_t n_vocab;
    struct attune_trace trace; /* with a chain */
    struct level path[ATTUNE_LOOKAHEAD_DEPTH];
    int n_levels;
};

/* breadth + breadth^2 + ...; 0: too many. */
static size_t count_nodes(int breadth, int depth)
{
    size_t all = 0, level = 1;

    for (int i = 0; i < depth; i++) {
        level *= (size_t)breadth;
        all += level;
        if (all > ATTUNE_LOOKAHEAD_MOST) {
            return 0;
        }
    }
    return all;
}

/* What follows what the context holds, as the children of a node. */
static int look(struct attune_lookahead *l, int node, struct attune_error *err)
{
    struct level *level = &l->path[l->n_levels];
    attune_token never = l->ctx->recipe->never;
    size_t length = attune_context_length(l->ctx);
    struct attune_dist dist;
    double entropy;
    int status = attune_context_logits(l->ctx, length - 1, 1, l->logits, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (never != ATTUNE_TOKEN_NONE) {
        l->logits[never] = -INFINITY;
    }
    *level = (struct level){.node = node};
    if (l->chain) {
        attune_chain_apply(&l->trace, l->chain, l->logits, attune_context_tokens(l->ctx), length);
        for (size_t i = 0; i < l->trace.n_kept && level->n < l->options.breadth; i++) {
            attune_token id = l->trace.kept[i];
            level->children[level->n++] =
                (struct attune_candidate){id, l->logits[id], (double)l->trace.p[id]};
        }
        entropy = l->trace.entropy_bits;
    } else {
        attune_dist_of(&dist, l->logits, l->n_vocab);
        for (size_t i = 0; i < dist.n_top && level->n < l->options.breadth; i++) {
            if (dist.top[i].p > 0) {
                level->children[level->n++] = dist.top[i];
            }
        }
        entropy = attune_bits(dist.entropy);
    }
    if (node >= 0) {
        l->nodes[node].entropy_bits = entropy;
    }
    l->n_levels++;
    return ATTUNE_OK;
}

static int check(const struct attune_lookahead *l, struct attune_error *err)
{
    const struct attune_lookahead_options *o = &l->options;

    if (!l->ctx->main.stack->causal) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "an encoder has no next token: there is nothing to look ahead to");
    }
    if (attune_context_length(l->ctx) == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the prompt is empty: there is nothing to go on from");
    }
    if (o->breadth < 1 || o->breadth > ATTUNE_DIST_TOP || o->depth < 1 ||
        o->depth > ATTUNE_LOOKAHEAD_DEPTH) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "breadth %d, depth %d: they go from 1 to %d and %d", o->breadth,
                                o->depth, ATTUNE_DIST_TOP, ATTUNE_LOOKAHEAD_DEPTH);
    }
    if (count_nodes(o->breadth, o->depth) == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "breadth %d and depth %d make more than %d nodes: take less of one",
                                o->breadth, o->depth, ATTUNE_LOOKAHEAD_MOST);
    }
    return ATTUNE_OK;
}

int attune_lookahead_start(struct attune_lookahead **out, struct attune_context *ctx,
                           const struct attune_chain *chain,
                           const struct attune_lookahead_options *options, struct attune_error *err)
{
    static const struct attune_lookahead_options defaults;
    struct attune_lookahead *l = calloc(1, sizeof *l);
    int status;

    *out = NULL;
    if (!l) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    l->ctx = ctx;
    l->chain = chain;
    l->options = options ? *options : defaults;
    l->options.breadth += l->options.breadth == 0 ? 3 : 0;
    l->options.depth += l->options.depth == 0 ? 3 : 0;
    l->start = attune_context_length(ctx);
    l->n_vocab = (size_t)attune_model_info(ctx->model)->n_vocab;
    status = check(l, err);
    if (status == ATTUNE_OK) {
        l->capacity = count_nodes(l->options.breadth, l->options.depth);
        l->nodes = calloc(l->capacity, sizeof *l->nodes);
        l->logits = malloc(l->n_vocab * sizeof *l->logits);
        status = l->nodes && l->logits
                     ? ATTUNE_OK
                     : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu nodes",
                                        l->capacity);
    }
    if (status == ATTUNE_OK && chain) {
        status = attune_chain_check(chain, l->n_vocab, err);
    }
    if (status == ATTUNE_OK && chain) {
        status = attune_trace_init(&l->trace, l->n_vocab, err);
    }
    if (status == ATTUNE_OK) {
        status = look(l, -1, err);
    }
    if (status != ATTUNE_OK) {
        attune_lookahead_free(l);
        return status;
    }
    *out = l;
    return ATTUNE_OK;
}

/* Reads the node and looks behind it. */
static int descend(struct attune_lookahead *l, int node, struct attune_progress *progress,
                   struct attune_error *err)
{
    int status = attune_context_append(l->ctx, &l->nodes[node].id, 1, progress, err);

    if (status == ATTUNE_OK) {
        l->evaluated++;
        status = look(l, node, err);
    }
    return status;
}

int attune_lookahead_next(struct attune_lookahead *l, struct attune_progress *progress,
                          struct attune_error *err)
{
    struct level *level;
    struct attune_lookahead_node *node;
    const struct attune_candidate *child;
    int at, status = ATTUNE_OK;

    if (progress && atomic_load(&progress->cancel)) {
        return -attune_error_set(err, ATTUNE_CANCELLED, 0, "look-ahead cancelled");
    }
    while (l->n_levels > 0 &&
           l->path[l->n_levels - 1].next == l->path[l->n_levels - 1].n) { /* back up */
        l->n_levels--;
        attune_context_truncate(l->ctx, l->start + (l->n_levels > 0 ? (size_t)l->n_levels - 1 : 0));
    }
    if (l->n_levels == 0) {
        return 0;
    }
    level = &l->path[l->n_levels - 1];
    child = &level->children[level->next];
    at = (int)l->n;
    node = &l->nodes[l->n++];
    *node = (struct attune_lookahead_node){
        .id = child->id,
        .parent = level->node,
        .depth = l->n_levels,
        .rank = (uint32_t)level->next++,
        .p = child->p,
        .joint = child->p * (level->node >= 0 ? l->nodes[level->node].joint : 1),
        .entropy_bits = NAN,
        .is_end = attune_model_is_end(l->ctx->model, child->id),
    };
    if (node->depth < l->options.depth && !node->is_end && node->joint >= l->options.least &&
        attune_context_length(l->ctx) < attune_context_capacity(l->ctx)) {
        status = descend(l, at, progress, err);
    }
    return status == ATTUNE_OK ? 1 : -status;
}

const struct attune_lookahead_node *attune_lookahead_nodes(const struct attune_lookahead *l,
                                                           size_t *n)
{
    *n = l->n;
    return l->nodes;
}

size_t attune_lookahead_evaluated(const struct attune_lookahead *l)
{
    return l->evaluated;
}

void attune_lookahead_free(struct attune_lookahead *l)
{
    if (l) {
        attune_context_truncate(l->ctx, l->start);
        attune_trace_done(&l->trace);
        free(l->nodes);
        free(l->logits);
        free(l);
    }
}
