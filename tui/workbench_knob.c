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

/* The constraint that the chain has now, over this model's vocabulary; made once for each. */
static int make_constraint(struct workbench *b, bool begins, struct attune_error *err)
{
    const char *spec = attune_chain_constraint(b->chain);

    if (b->constraint && strcmp(b->constraint_text, spec) == 0) {
        return ATTUNE_OK;
    }
    attune_constraint_free(b->constraint);
    b->constraint = NULL;
    free(b->constraint_text);
    b->constraint_text = strdup(spec);
    if (!b->constraint_text) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a constraint");
    }
    return attune_constraint_new(&b->constraint, spec, b->model, begins, err);
}

/* The mask of what is shown: the text so far is what the run made in front of it. A position of the
 * prompt was not generated, and nothing holds it. */
static int mask(struct workbench *b, const attune_token *ids, size_t n, struct attune_error *err)
{
    size_t made = b->shown_step >= 0 ? (size_t)b->steps[b->shown_step].index : 0, count;
    bool begins = b->model && attune_model_info(b->model)->kind == ATTUNE_SEQ2SEQ;
    int status;

    b->trace.allowed = NULL;
    if (!attune_chain_constraint(b->chain) || !b->model || !task_generates(b->task) ||
        b->shown_prompt > 0) {
        return ATTUNE_OK;
    }
    made = made < n ? made : n;
    status = make_constraint(b, begins, err);
    if (status != ATTUNE_OK) {
        return status;
    }
    attune_constraint_reset(b->constraint);
    for (size_t i = n - made; status == ATTUNE_OK && i < n; i++) {
        status = attune_constraint_advance(b->constraint, ids[i], err);
    }
    return status == ATTUNE_OK
               ? attune_constraint_mask(&b->trace.allowed, &count, b->constraint, err)
               : status;
}

void bench_apply_chain(struct workbench *b)
{
    struct attune_error err;
    attune_token *ids;
    size_t n;
    struct timespec from, to;

    b->frame++;
    if (!b->evaluated || bench_history(b, &ids, &n) != ATTUNE_OK) {
        return;
    }
    if (mask(b, ids, n, &err) != ATTUNE_OK) {
        bench_fail(b, &err);
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
        if (param[0] == 's') {
            bench_set_seed(b, (uint64_t)value);
            return ATTUNE_OK;
        }
    }
    if (bench_give(b, ORIGIN_USER, param, value, &err) != ATTUNE_OK) {
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

    if (bench_give_order(b, ORIGIN_USER, order, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

int bench_set_chain(struct workbench *b, const char *text)
{
    struct attune_error err;
    char *before = strdup(attune_chain_ablation(b->chain));
    int status = bench_give_chain(b, ORIGIN_USER, text, &err);
    bool ablates = status == ATTUNE_OK && before &&
                   strcmp(attune_chain_ablation(b->chain), before) != 0;

    free(before);
    if (status != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_apply_chain(b);
    if (ablates && b->model) {
        bench_prompt_changed(b); /* it is not the sampler's alone */
    }
    return ATTUNE_OK;
}

int bench_set_preset(struct workbench *b, const char *name)
{
    struct attune_error err;

    if (bench_give_preset(b, name, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

int bench_set_constraint(struct workbench *b, const char *spec)
{
    struct attune_error err;

    if (attune_chain_constrain(b->chain, spec, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_apply_chain(b);
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
