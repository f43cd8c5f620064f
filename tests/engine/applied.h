/* A chain of a line of text, applied to a row of logits. Included after cmocka.h. */
#ifndef ATTUNE_TESTS_APPLIED_H
#define ATTUNE_TESTS_APPLIED_H

#include <attune/sampler.h>

static inline struct attune_chain *apply(struct attune_trace *trace, const char *text,
                                         const float *logits, size_t n)
{
    struct attune_chain *chain;

    assert_int_equal(attune_chain_parse(&chain, text, NULL), ATTUNE_OK);
    assert_int_equal(attune_trace_init(trace, n, NULL), ATTUNE_OK);
    attune_chain_apply(trace, chain, logits, NULL, 0);
    return chain;
}

static inline void finish(struct attune_trace *trace, struct attune_chain *chain)
{
    attune_trace_done(trace);
    attune_chain_free(chain);
}

#endif
