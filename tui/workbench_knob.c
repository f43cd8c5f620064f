/* The workbench's knobs: each change applies the chain again to the logits that are there. */
#include <config.h>

#include "workbench.h"

#include "workbench_event.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOKENS_A_TICK = 8 };

void bench_apply_chain(struct workbench *b)
{
    attune_token *ids;
    size_t n;
    struct timespec from, to;

    b->frame++;
    if (!b->evaluated || bench_history(b, &ids, &n) != ATTUNE_OK) {
        return;
    }
    n = task_generates(b->task) ? n : 0; /* a position to fill repeats nothing */
    clock_gettime(CLOCK_MONOTONIC, &from);
    b->applied++;
    attune_chain_apply(&b->trace, b->chain, b->logits, ids, n);
    clock_gettime(CLOCK_MONOTONIC, &to);
    b->trace_ms =
        (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    free(ids);
}

int bench_set_param(struct workbench *b, const char *param, double value)
{
    struct attune_error err;

    if (strcmp(param, "max_tokens") == 0 || strcmp(param, "seed") == 0) {
        if (!(value >= 0 && value <= 9007199254740992.0)) {
            bench_say(b, true, "%s %g: wants a whole number from 0 on", param, value);
            return ATTUNE_ARGUMENT;
        }
        if (param[0] == 'm') {
            b->max_tokens = (size_t)value;
        } else {
            b->seed = (uint64_t)value;
            b->seed_is_fixed = true;
        }
        b->frame++;
        return ATTUNE_OK;
    }
    if (attune_chain_set(b->chain, param, value, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

void bench_set_seed(struct workbench *b, uint64_t seed)
{
    b->seed = seed & INT64_MAX;
    b->seed_is_fixed = true;
    b->frame++;
}

/* The value a number of ticks away, inside the range. A negative step multiplies: 40 becomes 48,
 * not 41. */
static double ticked(const struct attune_param *p, double value, int ticks)
{
    double next = value;

    for (int i = 0; i < abs(ticks); i++) {
        double before = next;

        if (p->step < 0) {
            next = before == 0 ? (ticks > 0 ? 1 : 0)
                   : ticks > 0 ? before * -p->step
                               : before / -p->step;
        } else {
            next = before + (ticks > 0 ? p->step : -p->step);
        }
        if (p->integer) {
            next = ticks > 0 ? fmax(round(next), before + 1) : fmin(round(next), before - 1);
        }
    }
    if (p->step > 0 && !p->integer) {
        next = round(next / p->step) * p->step; /* ticks meet the same values on the way back */
    }
    return fmin(fmax(next, p->min), p->max);
}

int bench_tick(struct workbench *b, const char *param, int ticks)
{
    const struct attune_param *p;

    if (strcmp(param, "max_tokens") == 0) {
        double value = (double)b->max_tokens + (double)ticks * TOKENS_A_TICK;

        return bench_set_param(b, param, value < 0 ? 0 : value);
    }
    if (strcmp(param, "seed") == 0) {
        uint64_t by = ticks < 0 ? (uint64_t) - (int64_t)ticks : (uint64_t)ticks;

        if (ticks < 0) {
            by = b->seed > by ? b->seed - by : 0;
        } else {
            by = b->seed < INT64_MAX - by ? b->seed + by : INT64_MAX;
        }
        bench_set_seed(b, by);
        return ATTUNE_OK;
    }
    p = attune_param_find(param);
    if (!p) {
        bench_say(b, true, "%s: no such knob", param);
        return ATTUNE_NOT_FOUND;
    }
    return bench_set_param(b, param, ticked(p, attune_chain_get(b->chain, param), ticks));
}

int bench_set_order(struct workbench *b, const char *order)
{
    struct attune_error err;

    if (attune_chain_order(b->chain, order, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

int bench_set_chain(struct workbench *b, const char *text)
{
    struct attune_error err;
    struct attune_chain *chain;
    bool ablates;

    if (attune_chain_parse(&chain, text, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    ablates = strcmp(attune_chain_ablation(chain), attune_chain_ablation(b->chain)) != 0;
    attune_chain_free(b->chain);
    b->chain = chain;
    bench_apply_chain(b);
    if (ablates && b->model) {
        bench_prompt_changed(b); /* it is not the sampler's alone */
    }
    return ATTUNE_OK;
}

int bench_set_bias(struct workbench *b, attune_token id, float bias)
{
    struct attune_error err;

    if (id < 0 || (b->trace.n_vocab && (size_t)id >= b->trace.n_vocab)) {
        bench_say(b, true, "bias: there is no token %d (ids go from 0 to %zu)", (int)id,
                  b->trace.n_vocab - 1);
        return ATTUNE_ARGUMENT;
    }
    if (attune_chain_bias(b->chain, id, bias, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

void bench_reset_param(struct workbench *b, const char *param)
{
    const struct attune_param *p;

    if (!param || strcmp(param, "max_tokens") == 0) {
        b->max_tokens = FIRST_MAX_TOKENS;
    }
    if (!param || strcmp(param, "seed") == 0) {
        b->seed_is_fixed = false;
    }
    for (size_t i = 0; i < attune_param_count(); i++) {
        p = attune_param_at(i);
        if (!param || strcmp(param, p->name) == 0) {
            attune_chain_set(b->chain, p->name, p->off, NULL);
        }
    }
    bench_apply_chain(b);
}
