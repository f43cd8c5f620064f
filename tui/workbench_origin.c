/* Who said what a knob is set to. Of every value there may be one from each of these, and the last
 * in the list that has one counts:
 *
 *     built-in   model       file    session     user
 *     off        its files   `chain` a restored  the keys and
 *                advise      option  run         the : line
 *
 * Resetting a knob takes away what the user and the session said. */
#include <config.h>

#include "workbench.h"

#include "workbench_event.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[ORIGIN_COUNT] = {"built-in", "model", "file", "session", "user"};

const char *bench_origin_text(enum bench_origin origin)
{
    return texts[origin];
}

/* Place in the table of values: params in their order, then max_tokens; MOST_KNOBS: none. */
static size_t knob_index(const char *name)
{
    size_t n = attune_param_count();

    for (size_t i = 0; i < n && i + 1 < BENCH_KNOBS; i++) {
        if (strcmp(attune_param_at(i)->name, name) == 0) {
            return i;
        }
    }
    return strcmp(name, "max_tokens") == 0 && n < BENCH_KNOBS ? n : BENCH_KNOBS;
}

static const char *knob_name(size_t i)
{
    return i < attune_param_count() ? attune_param_at(i)->name : "max_tokens";
}

static size_t knob_count(void)
{
    return attune_param_count() < BENCH_KNOBS ? attune_param_count() + 1 : BENCH_KNOBS;
}

enum bench_origin bench_origin(const struct workbench *b, const char *name)
{
    size_t i = knob_index(name);

    for (int who = ORIGIN_COUNT - 1; who > ORIGIN_BUILTIN; who--) {
        if (strcmp(name, "order") == 0 ? b->given[who].order[0] != '\0'
                                       : i < BENCH_KNOBS && b->given[who].says[i]) {
            return (enum bench_origin)who;
        }
    }
    if (strcmp(name, "seed") == 0 && b->seed_is_fixed) {
        return ORIGIN_USER;
    }
    return ORIGIN_BUILTIN;
}

/* The value that counts among those of who and before. */
static double value_up_to(const struct workbench *b, size_t i, enum bench_origin who)
{
    for (int w = who; w > ORIGIN_BUILTIN; w--) {
        if (b->given[w].says[i]) {
            return b->given[w].value[i];
        }
    }
    return i < attune_param_count() ? attune_param_at(i)->off : FIRST_MAX_TOKENS;
}

/* It goes to where it is used. */
static int apply_value(struct workbench *b, size_t i, struct attune_error *err)
{
    double value = value_up_to(b, i, ORIGIN_USER);

    if (i < attune_param_count()) {
        return attune_chain_set(b->chain, knob_name(i), value, err);
    }
    b->max_tokens = (size_t)value;
    return ATTUNE_OK;
}

static void apply_order(struct workbench *b)
{
    enum bench_origin who = bench_origin(b, "order");

    attune_chain_order(b->chain, who == ORIGIN_BUILTIN ? "hf" : b->given[who].order, NULL);
}

int bench_give(struct workbench *b, enum bench_origin who, const char *name, double value,
               struct attune_error *err)
{
    size_t i = knob_index(name);
    int status = ATTUNE_OK;

    if (i == BENCH_KNOBS) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: no such knob", name);
    }
    if (i < attune_param_count()) { /* its range holds for what is not seen yet as well */
        status = attune_chain_set(b->chain, name, value, err);
    } else if (!(value >= 0 && value <= 9007199254740992.0)) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "max_tokens %g: wants a whole number from 0 on", value);
    }
    if (status == ATTUNE_OK) {
        b->given[who].says[i] = true;
        b->given[who].value[i] = value;
        status = apply_value(b, i, err);
    }
    return status;
}

int bench_give_order(struct workbench *b, enum bench_origin who, const char *order,
                     struct attune_error *err)
{
    char before[sizeof b->given->order];
    int status;

    if (strlen(order) >= sizeof before) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "order: the list is too long");
    }
    memcpy(before, b->given[who].order, sizeof before);
    snprintf(b->given[who].order, sizeof before, "%s", order);
    status = attune_chain_order(b->chain, order, err);
    if (status != ATTUNE_OK) {
        memcpy(b->given[who].order, before, sizeof before);
    }
    apply_order(b);
    return status;
}

/* Stages as a list that an order is made of. */
static void order_of(char *out, size_t capacity, const struct attune_chain *chain)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < attune_chain_n_stages(chain) && used < capacity; i++) {
        used += (size_t)snprintf(out + used, capacity - used, "%s%s", i ? "," : "",
                                 attune_chain_stage(chain, i));
    }
}

int bench_give_chain(struct workbench *b, enum bench_origin who, const char *text,
                     struct attune_error *err)
{
    struct attune_chain *chain;
    char order[sizeof b->given->order];
    int status = attune_chain_parse(&chain, text, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    for (size_t i = 0; i < attune_param_count() && i < BENCH_KNOBS; i++) {
        double value = attune_chain_get(chain, knob_name(i));
        bool says = who >= ORIGIN_SESSION || value != attune_param_at(i)->off;

        b->given[who].says[i] = says;
        b->given[who].value[i] = value;
        b->given[ORIGIN_USER].says[i] = b->given[ORIGIN_USER].says[i] && who == ORIGIN_USER;
    }
    order_of(order, sizeof order, chain);
    if (who >= ORIGIN_SESSION || strstr(text, "order=")) {
        snprintf(b->given[who].order, sizeof order, "%s", order);
        b->given[ORIGIN_USER].order[0] = who < ORIGIN_USER ? '\0' : b->given[who].order[0];
    }
    attune_chain_free(b->chain);
    b->chain = chain; /* with its bans and its constraint */
    for (size_t i = 0; i < knob_count(); i++) {
        apply_value(b, i, NULL);
    }
    apply_order(b);
    return ATTUNE_OK;
}

/* What is as it would be anyway nobody needs to say. */
int bench_give_preset(struct workbench *b, const char *name, struct attune_error *err)
{
    struct attune_chain *chain;
    int status = attune_chain_copy(&chain, b->chain, err);

    if (status == ATTUNE_OK) {
        status = attune_chain_preset(chain, name, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < attune_param_count() && i < BENCH_KNOBS; i++) {
        double value = attune_chain_get(chain, knob_name(i));

        b->given[ORIGIN_USER].says[i] = value != value_up_to(b, i, ORIGIN_SESSION);
        b->given[ORIGIN_USER].value[i] = value;
        status = apply_value(b, i, err);
    }
    attune_chain_free(chain);
    return status == ATTUNE_OK ? bench_give_order(b, ORIGIN_USER, name, err) : status;
}

void bench_take_advice(struct workbench *b)
{
    for (size_t i = 0; i < knob_count(); i++) {
        double value = b->model ? attune_model_advice(b->model, knob_name(i)) : NAN;

        b->given[ORIGIN_MODEL].says[i] = false;
        if (!isnan(value)) {
            bench_give(b, ORIGIN_MODEL, knob_name(i), value, NULL); /* out of range: no advice */
        }
        apply_value(b, i, NULL);
    }
}

void bench_reset_param(struct workbench *b, const char *param)
{
    for (size_t i = 0; i < knob_count(); i++) {
        if (!param || strcmp(param, knob_name(i)) == 0) {
            b->given[ORIGIN_USER].says[i] = b->given[ORIGIN_SESSION].says[i] = false;
            apply_value(b, i, NULL);
        }
    }
    if (!param || strcmp(param, "seed") == 0) {
        b->seed_is_fixed = false;
    }
    if (!param || strcmp(param, "order") == 0) {
        b->given[ORIGIN_USER].order[0] = b->given[ORIGIN_SESSION].order[0] = '\0';
        apply_order(b);
    }
    bench_apply_chain(b);
}
