/* The look-ahead tree against contexts that read every path from the start. */
#include <config.h>

#include <attune/lookahead.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

enum { T = 12 };

struct desk {
    struct golden g;
    struct attune_context *ctx;
    size_t n_vocab;
};

static void start(struct desk *d, int positions)
{
    const struct attune_context_options options = {.n_context = positions};

    assert_true(golden_open(&d->g, "gguf/llama-f32"));
    golden_random_ids(d->g.ids, T, &d->g, 9);
    assert_int_equal(attune_context_new(&d->ctx, d->g.model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(d->ctx, d->g.ids, T, NULL, NULL), ATTUNE_OK);
    d->n_vocab = (size_t)attune_model_info(d->g.model)->n_vocab;
}

static void stop(struct desk *d)
{
    attune_context_free(d->ctx);
    golden_close(&d->g);
}

static size_t grow(struct attune_lookahead *l)
{
    size_t n = 0;

    while (attune_lookahead_next(l, NULL, NULL) == 1) {
        n++;
    }
    return n;
}

/* The distribution behind the prompt and this path, by a context that has read nothing else. */
static void read_path(struct attune_dist *out, float *logits, const struct desk *d,
                      const attune_token *path, size_t n)
{
    struct attune_context *ctx;

    assert_int_equal(attune_context_new(&ctx, d->g.model, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(ctx, d->g.ids, T, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(ctx, path, n, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_logits(ctx, T + n - 1, 1, logits, NULL), ATTUNE_OK);
    attune_dist_of(out, logits, d->n_vocab);
    attune_context_free(ctx);
}

static void every_path_is_what_it_would_be_alone(void **state)
{
    const struct attune_lookahead_options options = {.breadth = 3, .depth = 3};
    const struct attune_lookahead_node *nodes;
    struct attune_lookahead *l;
    struct attune_dist dist;
    struct desk d;
    float *logits;
    size_t n, inner = 0;

    start(&d, 0);
    logits = calloc(d.n_vocab, sizeof *logits);
    assert_int_equal(attune_lookahead_start(&l, d.ctx, NULL, &options, NULL), ATTUNE_OK);
    assert_int_equal(grow(l), 3 + 9 + 27);
    nodes = attune_lookahead_nodes(l, &n);
    assert_int_equal(n, 39);
    for (size_t i = 0; i < n; i++) {
        attune_token path[3];
        double joint = 1;
        int depth = 0;

        for (int at = nodes[i].parent; at >= 0; at = nodes[at].parent) {
            depth++;
        }
        assert_int_equal(nodes[i].depth, depth + 1);
        for (int at = nodes[i].parent, k = depth; at >= 0; at = nodes[at].parent) {
            path[--k] = nodes[at].id;
            joint *= nodes[at].p;
        }
        read_path(&dist, logits, &d, path, (size_t)depth);
        assert_int_equal(nodes[i].id, dist.top[nodes[i].rank].id);
        assert_true(nodes[i].p == dist.top[nodes[i].rank].p); /* the same bits */
        assert_true(fabs(nodes[i].joint - joint * nodes[i].p) < 1e-12);
        inner += !isnan(nodes[i].entropy_bits);
    }
    assert_int_equal(inner, 12);
    assert_int_equal(attune_lookahead_evaluated(l), 12); /* a step for each that has children */
    attune_lookahead_free(l);
    assert_int_equal(attune_context_length(d.ctx), T);
    read_path(&dist, logits, &d, NULL, 0);
    free(logits);
    stop(&d);
}

static void the_knobs_decide_who_is_there(void **state)
{
    const struct attune_lookahead_options options = {.breadth = 8, .depth = 2};
    const struct attune_lookahead_node *nodes;
    struct attune_lookahead *l;
    struct attune_chain *chain;
    struct desk d;
    double sum = 0;
    size_t n;

    start(&d, 0);
    assert_int_equal(attune_chain_parse(&chain, "order=hf top_k=2", NULL), ATTUNE_OK);
    assert_int_equal(attune_lookahead_start(&l, d.ctx, chain, &options, NULL), ATTUNE_OK);
    assert_int_equal(grow(l), 2 + 4);
    nodes = attune_lookahead_nodes(l, &n);
    for (size_t i = 0; i < n; i++) {
        sum += nodes[i].depth == 2 ? nodes[i].joint : 0;
    }
    assert_true(fabs(sum - 1) < 1e-6); /* two of two are all there is */
    attune_lookahead_free(l);
    attune_chain_free(chain);
    stop(&d);
}

static void improbable_paths_and_full_contexts_end_early(void **state)
{
    struct attune_lookahead_options options = {.breadth = 4, .depth = 4, .least = 0.9999};
    struct attune_lookahead *l;
    struct desk d;

    start(&d, T + 1);
    assert_int_equal(attune_lookahead_start(&l, d.ctx, NULL, &options, NULL), ATTUNE_OK);
    assert_int_equal(grow(l), 4);
    attune_lookahead_free(l);
    options.least = 0;
    assert_int_equal(attune_lookahead_start(&l, d.ctx, NULL, &options, NULL), ATTUNE_OK);
    assert_int_equal(grow(l), 4 + 16); /* there is one position left */
    attune_lookahead_free(l);
    stop(&d);
}

static void cancelled_it_leaves_all_as_it_was(void **state)
{
    struct attune_lookahead_options options = {.breadth = 4, .depth = 3};
    struct attune_progress progress = {0};
    struct attune_error err = {0};
    struct attune_lookahead *l;
    struct desk d;
    size_t n;

    start(&d, 0);
    assert_int_equal(attune_lookahead_start(&l, d.ctx, NULL, &options, &err), ATTUNE_OK);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(attune_lookahead_next(l, &progress, &err), 1);
    }
    atomic_store(&progress.cancel, 1);
    assert_int_equal(attune_lookahead_next(l, &progress, &err), -ATTUNE_CANCELLED);
    attune_lookahead_nodes(l, &n);
    assert_int_equal(n, 7);
    attune_lookahead_free(l);
    assert_int_equal(attune_context_length(d.ctx), T);
    options.breadth = 33;
    assert_int_equal(attune_lookahead_start(&l, d.ctx, NULL, &options, &err), ATTUNE_ARGUMENT);
    options = (struct attune_lookahead_options){.breadth = 20, .depth = 10};
    assert_int_equal(attune_lookahead_start(&l, d.ctx, NULL, &options, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "take less"));
    assert_null(l);
    attune_context_truncate(d.ctx, 0);
    assert_int_equal(attune_lookahead_start(&l, d.ctx, NULL, NULL, &err), ATTUNE_ARGUMENT);
    attune_lookahead_free(NULL);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_is_what_it_would_be_alone),
        cmocka_unit_test(the_knobs_decide_who_is_there),
        cmocka_unit_test(improbable_paths_and_full_contexts_end_early),
        cmocka_unit_test(cancelled_it_leaves_all_as_it_was),
    };
    return cmocka_run_group_tests_name("lookahead", tests, NULL, NULL);
}
