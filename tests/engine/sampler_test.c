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

#include "engine/sampler.h"

enum { V = 500 };

static struct attune_chain *parse(const char *text)
{
    struct attune_chain *chain = NULL;
    struct attune_error err = {0};

    if (attune_chain_parse(&chain, text, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return chain;
}

static void assert_refused(const char *text, const char *why)
{
    struct attune_chain *chain = NULL;
    struct attune_error err = {0};

    assert_int_not_equal(attune_chain_parse(&chain, text, &err), ATTUNE_OK);
    assert_null(chain);
    if (!strstr(err.text, why)) {
        fail_msg("%s: says '%s', not '%s'", text, err.text, why);
    }
}

static void every_stage_and_value_has_a_name_and_help(void **state)
{
    for (size_t i = 0; i < sampler_count(); i++) {
        const struct sampler_ops *ops = sampler_at(i);

        assert_non_null(ops->apply);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(ops->name, sampler_at(j)->name);
        }
        for (size_t j = 0; j < ops->n_params; j++) {
            assert_string_equal(ops->params[j].stage, ops->name);
        }
    }
    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *p = attune_param_at(i);

        assert_ptr_equal(attune_param_find(p->name), p);
        assert_true(strlen(p->help) > 10 && !strchr(p->help, '\n'));
        assert_true(p->min <= p->off && p->off <= p->max && p->step != 0);
    }
    assert_null(attune_param_at(attune_param_count()));
    assert_null(attune_param_find("no_such"));
}

static void a_row(float *logits, uint64_t seed)
{
    for (size_t i = 0; i < V; i++) {
        logits[i] = (float)(attune_rng_uniform(seed, i) * 16 - 8);
    }
}

/* Every stage alone, at values all over its ranges: it never empties, its off value changes
 * nothing, and what is set reads back from the text. */
static void every_value_does_no_harm(void **state)
{
    float logits[V], copy[V];
    attune_token history[V];
    struct attune_trace trace;
    struct attune_chain *off = parse(""), *chain;

    a_row(logits, 3);
    memcpy(copy, logits, sizeof copy);
    for (size_t i = 0; i < V; i++) {
        history[i] = (attune_token)(i * 7 % 50);
    }
    assert_int_equal(attune_trace_init(&trace, V, NULL), ATTUNE_OK);
    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *p = attune_param_at(i);
        double at[] = {p->off,     p->min, p->max, p->min + (p->max - p->min) / 3,
                       p->off + 1, 0.5,    2,      40};

        for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
            double value = p->integer ? floor(at[k]) : at[k];
            char text[200];

            assert_int_equal(attune_chain_copy(&chain, off, NULL), ATTUNE_OK);
            if (value >= p->min && value <= p->max) {
                assert_int_equal(attune_chain_set(chain, p->name, value, NULL), ATTUNE_OK);
                assert_true(attune_chain_get(chain, p->name) == value);
            } else {
                assert_int_equal(attune_chain_set(chain, p->name, value, NULL), ATTUNE_ARGUMENT);
            }
            attune_chain_text(chain, text, sizeof text);
            attune_chain_apply(&trace, chain, logits, history, V);
            assert_true(trace.n_kept >= 1 && !trace.rescued);
            assert_memory_equal(logits, copy, sizeof copy);
            if (k == 0) {
                assert_int_equal(trace.n_kept, V);
                for (size_t s = 0; s < trace.n_stages; s++) {
                    assert_false(trace.stage[s].active);
                }
                for (size_t id = 0; id < V; id++) {
                    assert_true(fabs(trace.p[id] - attune_dist_p(&trace.raw, logits[id])) < 1e-8);
                }
            }
            attune_chain_free(chain);
        }
    }
    attune_trace_done(&trace);
    attune_chain_free(off);
}

static void text_is_the_chain(void **state)
{
    static const char *const orders[] = {"hf",   "llama.cpp", "ollama",
                                         "vllm", "top_k",     "typical,bias,top_p"};

    for (uint64_t seed = 0; seed < 500; seed++) {
        struct attune_chain *chain = parse(""), *again;
        char text[2000], second[2000];
        size_t len;

        assert_int_equal(attune_chain_order(chain, orders[seed % 6], NULL), ATTUNE_OK);
        for (size_t i = 0; i < attune_param_count(); i++) {
            const struct attune_param *p = attune_param_at(i);
            double x = p->min + attune_rng_uniform(seed, i) * (fmin(p->max, 300) - p->min);

            if (attune_rng_uniform(seed, i + 100) < 0.5) {
                assert_int_equal(attune_chain_set(chain, p->name, p->integer ? floor(x) : x, NULL),
                                 ATTUNE_OK);
            }
        }
        for (size_t i = 0; i < seed % 4; i++) {
            float bias = i == 1   ? -INFINITY
                         : i == 2 ? INFINITY
                                  : (float)attune_rng_uniform(seed, i + 200);

            assert_int_equal(
                attune_chain_bias(chain, (attune_token)(seed * 31 % (i + 7)), bias, NULL),
                ATTUNE_OK);
        }
        len = attune_chain_text(chain, text, sizeof text);
        assert_int_equal(len, strlen(text));
        again = parse(text);
        attune_chain_text(again, second, sizeof second);
        assert_string_equal(text, second);
        assert_int_equal(attune_chain_n_stages(chain), attune_chain_n_stages(again));
        for (size_t i = 0; i < attune_chain_n_stages(chain); i++) {
            assert_string_equal(attune_chain_stage(chain, i), attune_chain_stage(again, i));
        }
        for (size_t i = 0; i < attune_param_count(); i++) {
            const char *name = attune_param_at(i)->name;

            assert_true(attune_chain_get(chain, name) == attune_chain_get(again, name));
        }
        attune_chain_free(again);
        attune_chain_free(chain);
    }
}

static void text_looks_as_the_header_says(void **state)
{
    struct attune_chain *chain = parse(" top_k=40\ttemperature=0.7 ");
    char text[200], small[10];
    size_t len;

    len = attune_chain_text(chain, text, sizeof text);
    assert_string_equal(
        text, "order=penalties,temperature,top_k,top_p,min_p,typical temperature=0.7 top_k=40");
    assert_int_equal(attune_chain_text(chain, small, sizeof small), len);
    assert_string_equal(small, "order=pen");
    assert_int_equal(attune_chain_text(chain, NULL, 0), len);
    assert_string_equal(attune_chain_stage(chain, 0), "bias");
    assert_null(attune_chain_stage(chain, attune_chain_n_stages(chain)));
    attune_chain_free(chain);

    chain = parse("order=top_k,bias logit_bias=7:-inf,5:1.5,7:inf");
    attune_chain_text(chain, text, sizeof text);
    assert_string_equal(text, "order=top_k,bias logit_bias=5:1.5,7:inf");
    assert_int_equal(attune_chain_bias(chain, 5, 0, NULL), ATTUNE_OK);
    assert_int_equal(attune_chain_bias(chain, 6, 0, NULL), ATTUNE_OK);
    attune_chain_text(chain, text, sizeof text);
    assert_string_equal(text, "order=top_k,bias logit_bias=7:inf");
    attune_chain_free(chain);
}

static void what_is_wrong_is_said(void **state)
{
    struct attune_chain *chain = parse("logit_bias=10:1");
    struct attune_error err;

    assert_refused("top_p=1.5", "from 0 to 1");
    assert_refused("top_p=nan", "from 0 to 1");
    assert_refused("top_k=1.5", "whole number");
    assert_refused("top_k=", "wants a number");
    assert_refused("top_k", "not name=value");
    assert_refused("heat=1", "no such");
    assert_refused("order=top_k,top_k", "twice");
    assert_refused("order=", "no stage ''");
    assert_refused("order=top_k,,top_p", "no stage ''");
    assert_refused("order=mirostat", "penalties");
    assert_refused("logit_bias=5", "ID:BIAS");
    assert_refused("logit_bias=-5:1", "ID:BIAS");
    assert_refused("logit_bias=5:1,", "ID:BIAS");
    assert_refused("logit_bias=5:nan", "wants a token id and a number");
    assert_int_equal(attune_chain_check(chain, 11, &err), ATTUNE_OK);
    assert_int_equal(attune_chain_check(chain, 10, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "no token 10"));
    assert_true(isnan(attune_chain_get(chain, "heat")));
    attune_chain_free(chain);
    attune_chain_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stage_and_value_has_a_name_and_help),
        cmocka_unit_test(every_value_does_no_harm),
        cmocka_unit_test(text_is_the_chain),
        cmocka_unit_test(text_looks_as_the_header_says),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
