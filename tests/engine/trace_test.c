/* The chain against a twin that is as plain as can be: an array of flags, doubles, qsort, libm. */
#include <config.h>

#include <attune/rng.h>
#include <attune/sampler.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/engine/applied.h"

enum { MAX_V = 6000 };

struct twin {
    size_t n;
    float logit[MAX_V];
    double p[MAX_V]; /* of what is in */
    uint8_t removed_by[MAX_V];
    attune_token order[MAX_V]; /* by falling logit, all ids */
};

static const float *order_key;

static int by_falling_key(const void *a, const void *b)
{
    attune_token x = *(const attune_token *)a, y = *(const attune_token *)b;

    return order_key[x] != order_key[y] ? (order_key[x] < order_key[y] ? 1 : -1)
           : x < y                      ? -1
                                        : x > y;
}

static void refresh(struct twin *t)
{
    double max = -INFINITY, sum = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (!t->removed_by[i] && t->logit[i] > max) {
            max = t->logit[i];
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        t->p[i] = t->removed_by[i]  ? 0
                  : max == INFINITY ? t->logit[i] == INFINITY
                                    : exp(t->logit[i] - max);
        sum += t->p[i];
        t->order[i] = (attune_token)i;
    }
    for (size_t i = 0; i < t->n; i++) {
        t->p[i] /= sum;
    }
    order_key = t->logit;
    qsort(t->order, t->n, sizeof *t->order, by_falling_key);
}

static void twin_penalties(struct twin *t, const struct attune_chain *c, uint8_t me,
                           const attune_token *h, size_t n)
{
    size_t last = (size_t)attune_chain_get(c, "repeat_last_n");

    h += n > last ? n - last : 0;
    n = n > last ? last : n;
    for (size_t i = 0; i < t->n; i++) {
        size_t seen = 0;
        float repeat = (float)attune_chain_get(c, "repeat_penalty");

        for (size_t k = 0; k < n; k++) {
            seen += h[k] == (attune_token)i;
        }
        if (seen) {
            t->logit[i] = t->logit[i] < 0 ? t->logit[i] * repeat : t->logit[i] / repeat;
            t->logit[i] = (float)(t->logit[i] - (seen * attune_chain_get(c, "frequency_penalty") +
                                                 attune_chain_get(c, "presence_penalty")));
        }
    }
}

static void twin_temperature(struct twin *t, const struct attune_chain *c, uint8_t me,
                             const attune_token *h, size_t n)
{
    for (size_t i = 0; i < t->n; i++) {
        t->logit[i] /= (float)attune_chain_get(c, "temperature");
    }
}

static void twin_top_k(struct twin *t, const struct attune_chain *c, uint8_t me,
                       const attune_token *h, size_t n)
{
    size_t k = (size_t)attune_chain_get(c, "top_k"), seen = 0;
    float kth = -INFINITY;

    for (size_t i = 0; i < t->n && k > 0; i++) {
        if (!t->removed_by[t->order[i]] && ++seen == k) {
            kth = t->logit[t->order[i]];
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        t->removed_by[i] = !t->removed_by[i] && t->logit[i] < kth ? me : t->removed_by[i];
    }
}

static void twin_top_p(struct twin *t, const struct attune_chain *c, uint8_t me,
                       const attune_token *h, size_t n)
{
    double gone = 0;
    size_t left = 0;

    for (size_t i = 0; i < t->n; i++) {
        left += !t->removed_by[i];
    }
    for (size_t i = t->n; i-- > 0 && left > 1 && attune_chain_get(c, "top_p") < 1;) {
        if (!t->removed_by[t->order[i]]) {
            gone += t->p[t->order[i]];
            if (gone > 1 - attune_chain_get(c, "top_p")) {
                break;
            }
            t->removed_by[t->order[i]] = me;
            left--;
        }
    }
}

static void twin_min_p(struct twin *t, const struct attune_chain *c, uint8_t me,
                       const attune_token *h, size_t n)
{
    double max = 0;

    for (size_t i = 0; i < t->n; i++) {
        max = t->p[i] > max ? t->p[i] : max;
    }
    for (size_t i = 0; i < t->n; i++) {
        if (!t->removed_by[i] && t->p[i] < attune_chain_get(c, "min_p") * max) {
            t->removed_by[i] = me;
        }
    }
}

static void twin_typical(struct twin *t, const struct attune_chain *c, uint8_t me,
                         const attune_token *h, size_t n)
{
    static float distance[MAX_V];
    static attune_token order[MAX_V];
    double entropy = 0, mass = 0;
    float limit = 0;

    if (attune_chain_get(c, "typical") == 1) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        entropy -= t->p[i] > 0 ? t->p[i] * log(t->p[i]) : 0;
    }
    for (size_t i = 0; i < t->n; i++) {
        distance[i] = t->removed_by[i] ? -INFINITY : -(float)fabs(-log(t->p[i]) - entropy);
        order[i] = (attune_token)i;
    }
    order_key = distance;
    qsort(order, t->n, sizeof *order, by_falling_key);
    for (size_t i = 0; i < t->n && mass < attune_chain_get(c, "typical"); i++) {
        mass += t->p[order[i]];
        limit = t->removed_by[order[i]] ? limit : distance[order[i]];
    }
    for (size_t i = 0; i < t->n; i++) { /* logs of other libraries: a rounding of room for ties */
        if (!t->removed_by[i] && distance[i] < limit * (1 + 1e-6f)) {
            t->removed_by[i] = me;
        }
    }
}

static void twin_bias(struct twin *t, const struct attune_chain *c, uint8_t me,
                      const attune_token *h, size_t n)
{
}

static const struct {
    const char *name;
    void (*apply)(struct twin *, const struct attune_chain *, uint8_t, const attune_token *,
                  size_t);
} twins[] = {
    {"penalties", twin_penalties}, {"temperature", twin_temperature},
    {"top_k", twin_top_k},         {"top_p", twin_top_p},
    {"min_p", twin_min_p},         {"typical", twin_typical},
    {"bias", twin_bias},
};

static void apply_twin(struct twin *t, const struct attune_trace *trace,
                       const struct attune_chain *chain, const float *logits,
                       const attune_token *history, size_t n_history)
{
    static double raw[MAX_V];

    for (size_t i = 0; i < t->n; i++) {
        t->logit[i] = logits[i] != logits[i] ? -INFINITY : logits[i];
        t->removed_by[i] = logits[i] > -INFINITY ? ATTUNE_KEPT : ATTUNE_IMPOSSIBLE;
    }
    refresh(t);
    memcpy(raw, t->p, sizeof raw);
    for (size_t s = 0; s < attune_chain_n_stages(chain); s++) {
        double mass = 0, entropy = 0;
        size_t left = 0;

        for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
            if (strcmp(twins[i].name, attune_chain_stage(chain, s)) == 0) {
                twins[i].apply(t, chain, (uint8_t)(s + 1), history, n_history);
            }
        }
        refresh(t);
        for (size_t i = 0; i < t->n; i++) {
            left += !t->removed_by[i];
            mass += t->removed_by[i] ? 0 : raw[i];
            entropy -= t->p[i] > 0 ? t->p[i] * log2(t->p[i]) : 0;
        }
        assert_string_equal(trace->stage[s].stage, attune_chain_stage(chain, s));
        assert_int_equal(trace->stage[s].survivors, left);
        assert_true(fabs(trace->stage[s].mass - mass) < 1e-12);
        assert_true(fabs(trace->stage[s].entropy_bits - entropy) < 1e-10);
    }
}

static void compare(struct twin *t, const char *text, const float *logits, size_t n,
                    const attune_token *history, size_t n_history)
{
    struct attune_trace trace;
    struct attune_chain *chain;
    size_t kept = 0;

    assert_int_equal(attune_chain_parse(&chain, text, NULL), ATTUNE_OK);
    assert_int_equal(attune_trace_init(&trace, n, NULL), ATTUNE_OK);
    attune_chain_apply(&trace, chain, logits, history, n_history);
    t->n = n;
    apply_twin(t, &trace, chain, logits, history, n_history);
    for (size_t i = 0; i < n; i++) {
        if (trace.removed_by[i] != t->removed_by[i]) {
            fail_msg("%s: token %zu was removed by %d, not %d", text, i, trace.removed_by[i],
                     t->removed_by[i]);
        }
        assert_true(fabs(trace.p[i] - t->p[i]) <= 1e-7 * t->p[i] + 1e-45);
        if (!t->removed_by[t->order[i]]) {
            assert_int_equal(trace.kept[kept++], t->order[i]);
        }
    }
    assert_int_equal(trace.n_kept, kept);
    attune_trace_done(&trace);
    attune_chain_free(chain);
}

/* Rows with ties, NaN, infinities and runs of zeros; chains with any of the values in any order. */
static void every_chain_equals_its_twin(void **state)
{
    static const char *const orders[] = {
        "hf",   "llama.cpp",           "ollama",
        "vllm", "typical,top_p,top_k", "min_p,top_p,temperature,typical,penalties,top_k"};
    static struct twin twin;
    static float logits[MAX_V];
    attune_token history[300];

    for (uint64_t seed = 0; seed < 1500; seed++) {
        size_t n = seed % 50 == 49 ? MAX_V : 1 + seed * 13 % 300,
               n_history = seed % 3 ? seed % 300 : 0;
        double u[12];
        char text[400];

        for (uint64_t i = 0; i < 12; i++) {
            u[i] = attune_rng_uniform_stream(seed, i, 1);
        }
        for (size_t i = 0; i < n; i++) {
            double x = (attune_rng_uniform(seed, i) - 0.5) * 40 * u[0];

            logits[i] = (float)(seed % 4 == 1 ? floor(x) / 2 : x);
            logits[i] = seed % 5 == 2 && i % 11 == 3   ? -INFINITY
                        : seed % 7 == 2 && i % 13 == 4 ? NAN
                                                       : logits[i];
        }
        if (seed % 29 == 3) {
            logits[n / 2] = INFINITY;
        }
        for (size_t i = 0; i < n_history; i++) {
            history[i] = (attune_token)(attune_rng_uniform_stream(seed, i, 2) * (double)(n + 3));
        }
        snprintf(text, sizeof text, "order=%s temperature=%.3f", orders[seed % 6],
                 u[1] < 0.5 ? 1 : 0.05 + u[1] * 2);
        if (u[2] < 0.4) {
            snprintf(text + strlen(text), sizeof text - strlen(text), " top_k=%d",
                     (int)(u[3] * 60));
        }
        if (u[4] < 0.4) {
            snprintf(text + strlen(text), sizeof text - strlen(text), " top_p=%.12f", u[5]);
        }
        if (u[6] < 0.3) {
            snprintf(text + strlen(text), sizeof text - strlen(text), " min_p=%.12f", u[7] * u[7]);
        }
        if (u[8] < 0.3) {
            snprintf(text + strlen(text), sizeof text - strlen(text), " typical=%.12f", u[9]);
        }
        if (u[10] < 0.4) {
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     " repeat_penalty=%.3f repeat_last_n=%d frequency_penalty=%.2f "
                     "presence_penalty=%.2f",
                     0.5 + u[11], (int)(u[9] * 200), u[7] - 0.5, u[5] - 0.5);
        }
        if (n > 1 || logits[0] > -INFINITY) {
            compare(&twin, text, logits, n, history, n_history);
        }
    }
}

static void the_order_of_stages_matters(void **state)
{
    const float logits[] = {3, 2, 1};
    struct attune_trace trace;
    struct attune_chain *chain = apply(&trace, "order=hf top_p=0.8 temperature=0.5", logits, 3);

    assert_int_equal(trace.n_kept, 1);
    assert_int_equal(trace.kept[0], 0);
    finish(&trace, chain);
    chain = apply(&trace, "order=llama.cpp top_p=0.8 temperature=0.5", logits, 3);
    assert_int_equal(trace.n_kept, 2);
    assert_int_equal(trace.kept[1], 1);
    assert_int_equal(trace.removed_by[2], 5 + 1); /* bias, penalties, sigma, top_k, typical */
    assert_true(fabs(trace.kept_mass - (1 - attune_dist_p(&trace.raw, 1))) < 1e-15);
    finish(&trace, chain);
}

static void a_cut_on_the_very_edge_removes(void **state)
{
    const float flat[] = {2, 2, 2, 2};
    struct attune_trace trace;
    struct attune_chain *chain = apply(&trace, "top_p=0.75", flat, 4);

    assert_int_equal(trace.n_kept, 3); /* what goes is 0.25, which is not more than 1 - 0.75 */
    assert_int_equal(trace.removed_by[3], 5);
    finish(&trace, chain);
    chain = apply(&trace, "top_p=0", flat, 4);
    assert_int_equal(trace.n_kept, 1);
    assert_int_equal(trace.kept[0], 0);
    finish(&trace, chain);
    chain = apply(&trace, "min_p=1", flat, 4);
    assert_int_equal(trace.n_kept, 4);
    finish(&trace, chain);
    chain = apply(&trace, "top_k=1", flat, 4);
    assert_int_equal(trace.n_kept, 4);
    finish(&trace, chain);
}

static void ties_that_rounding_makes_go_by_id(void **state)
{
    float logits[] = {1.95f, 0, -5};
    struct attune_trace trace;
    struct attune_chain *chain;

    while (logits[0] / 0.9f != nextafterf(logits[0], 3) / 0.9f) {
        logits[0] = nextafterf(logits[0], 3);
    }
    logits[1] = nextafterf(logits[0], 3);
    chain = apply(&trace, "order=top_p,temperature top_p=0.99 temperature=0.9", logits, 3);
    assert_int_equal(trace.n_kept, 2);
    assert_true(trace.p[0] == trace.p[1]);
    assert_int_equal(trace.kept[0], 0);
    finish(&trace, chain);
}

static void zero_temperature_takes_the_likeliest_survivor(void **state)
{
    const float logits[] = {1, 4, 4, 9, -2};
    struct attune_trace trace;
    struct attune_chain *chain = apply(&trace, "temperature=0 logit_bias=3:-inf", logits, 5);

    assert_int_equal(trace.n_kept, 1);
    assert_int_equal(trace.kept[0], 1); /* the lower id of the two */
    assert_true(trace.p[1] == 1 && trace.entropy_bits == 0);
    assert_int_equal(trace.removed_by[3], 1);
    assert_int_equal(trace.removed_by[2], 3);
    assert_string_equal(trace.stage[2].stage, "temperature");
    assert_int_equal(trace.stage[2].survivors, 1);
    assert_int_equal(trace.stage[6].survivors, 4);
    assert_false(trace.rescued);
    finish(&trace, chain);
}

static void near_zero_temperature_does_not_overflow(void **state)
{
    const float logits[] = {4, 5, 5, -3e38f};
    struct attune_trace trace;
    struct attune_chain *chain = apply(&trace, "temperature=1e-40", logits, 4);

    assert_true(trace.p[1] == 0.5f && trace.p[2] == 0.5f && trace.p[0] == 0);
    finish(&trace, chain);
    chain = apply(&trace, "temperature=1e-300", logits, 4);
    assert_true(trace.p[1] == 0.5f && trace.p[2] == 0.5f && trace.p[0] == 0);
    finish(&trace, chain);
}

static void biases_ban_force_and_shift(void **state)
{
    const float logits[] = {1, 2, 3, 4};
    struct attune_trace trace;
    struct attune_chain *chain = apply(&trace, "logit_bias=3:-inf,0:3,99:5", logits, 4);

    assert_int_equal(trace.kept[0], 0); /* 4 now */
    assert_true(trace.p[3] == 0);
    assert_int_equal(trace.removed_by[3], 1);
    finish(&trace, chain);
    chain = apply(&trace, "logit_bias=0:inf,1:inf", logits, 4);
    assert_int_equal(trace.n_kept, 2);
    assert_true(fabs(trace.p[1] / trace.p[0] - exp(1)) < 1e-6);
    finish(&trace, chain);
}

static void an_empty_chain_is_rescued(void **state)
{
    const float logits[] = {1, 2, NAN}, nothing[] = {NAN, -INFINITY};
    struct attune_trace trace;
    struct attune_chain *chain =
        apply(&trace, "logit_bias=0:-inf,1:-inf,2:-inf top_p=0.5", logits, 3);

    assert_true(trace.rescued);
    assert_int_equal(trace.n_kept, 1);
    assert_int_equal(trace.kept[0], 1);
    assert_true(trace.p[1] == 1);
    assert_int_equal(trace.removed_by[0], 1);
    assert_int_equal(trace.removed_by[1], ATTUNE_KEPT);
    assert_int_equal(trace.removed_by[2], ATTUNE_IMPOSSIBLE);
    attune_chain_apply(&trace, chain, (const float[]){1, 2, 3}, NULL, 0);
    assert_true(trace.rescued);
    assert_int_equal(trace.kept[0], 2);
    finish(&trace, chain);
    chain = apply(&trace, "", nothing, 2);
    assert_true(trace.rescued && trace.p[0] == 1 && trace.kept_mass == 0);
    attune_chain_apply(&trace, chain, logits, NULL, 0);
    assert_false(trace.rescued);
    finish(&trace, chain);
}

static void the_same_row_gives_the_same_bits(void **state)
{
    static float logits[MAX_V], first[MAX_V];
    struct attune_trace trace;
    struct attune_chain *chain;

    for (uint64_t i = 0; i < MAX_V; i++) {
        logits[i] = (float)(attune_rng_uniform(9, i) * 30);
    }
    chain = apply(&trace, "order=llama.cpp typical=0.9 top_p=0.8 temperature=1.3", logits, MAX_V);
    memcpy(first, trace.p, sizeof first);
    for (int k = 0; k < 3; k++) {
        attune_chain_apply(&trace, chain, first, NULL, 0); /* something else in between */
        attune_chain_apply(&trace, chain, logits, NULL, 0);
        assert_memory_equal(first, trace.p, sizeof first);
    }
    finish(&trace, chain);
}

static void a_vocabulary_of_nothing_is_refused(void **state)
{
    struct attune_trace trace;
    struct attune_error err;

    assert_int_equal(attune_trace_init(&trace, 0, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_trace_init(&trace, (size_t)INT32_MAX + 1, &err), ATTUNE_ARGUMENT);
    attune_trace_done(&trace);
    attune_trace_done(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chain_equals_its_twin),
        cmocka_unit_test(the_order_of_stages_matters),
        cmocka_unit_test(a_cut_on_the_very_edge_removes),
        cmocka_unit_test(ties_that_rounding_makes_go_by_id),
        cmocka_unit_test(zero_temperature_takes_the_likeliest_survivor),
        cmocka_unit_test(near_zero_temperature_does_not_overflow),
        cmocka_unit_test(biases_ban_force_and_shift),
        cmocka_unit_test(an_empty_chain_is_rescued),
        cmocka_unit_test(the_same_row_gives_the_same_bits),
        cmocka_unit_test(a_vocabulary_of_nothing_is_refused),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
