/* The sampler chain: the table of stages and of their knobs, a chain's values and order, and the
 * line of text that is the same chain. */
#include <config.h>

#include "sampler.h"

#include <attune/constraint.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/head_list.h"

#define SAMPLER(name) extern const struct sampler_ops sampler_##name;
#include "engine/tables.inc"
#undef SAMPLER

static const struct sampler_ops *const samplers[] = {
#define SAMPLER(name) &sampler_##name,
#include "engine/tables.inc"
#undef SAMPLER
};

enum { N_SAMPLERS = sizeof samplers / sizeof *samplers };
_Static_assert(N_SAMPLERS <= ATTUNE_MAX_STAGES, "an order of all stages fits the trace");

/* Where an order does not name the bias it comes first: llama.cpp has it there, and what a user
 * bans or forces should not depend on the other stages. */
static const char *const bias_stage = "bias";

/* Behind the bias, where there is one: the other stages choose among what is allowed. */
static const char *const constraint_stage = "constraint";

/* The order of stages of a program, and the values it samples with where nobody says otherwise:
 * transformers' GenerationConfig with do_sample, llama.cpp's common_params_sampling, Ollama's
 * DefaultOptions, vLLM's SamplingParams. */
static const struct {
    const char *name, *stages;
    double temperature, top_k, top_p, min_p;
} presets[] = {
    {"hf", "penalties,temperature,top_k,top_p,min_p,typical", 1, 50, 1, 0},
    {"llama.cpp", "penalties,top_n_sigma,top_k,typical,top_p,min_p,temperature", 0.8, 40, 0.95,
     0.05},
    {"ollama", "top_k,temperature,top_p,min_p", 0.8, 40, 0.9, 0},
    {"vllm", "penalties,temperature,min_p,top_k,top_p", 1, 0, 1, 0},
};
enum { N_PRESETS = sizeof presets / sizeof *presets };

size_t sampler_count(void)
{
    return N_SAMPLERS;
}

const struct sampler_ops *sampler_at(size_t i)
{
    return samplers[i];
}

size_t attune_param_count(void)
{
    size_t n = 0;

    for (size_t s = 0; s < N_SAMPLERS; s++) {
        n += samplers[s]->n_params;
    }
    return n;
}

const struct attune_param *attune_param_at(size_t i)
{
    for (size_t s = 0; s < N_SAMPLERS; s++) {
        if (i < samplers[s]->n_params) {
            return &samplers[s]->params[i];
        }
        i -= samplers[s]->n_params;
    }
    return NULL;
}

/* Index of a param, or the count if there is none of that name. */
static size_t param_index(const char *name)
{
    size_t i = 0, n = attune_param_count();

    while (i < n && strcmp(attune_param_at(i)->name, name) != 0) {
        i++;
    }
    return i;
}

const struct attune_param *attune_param_find(const char *name)
{
    return attune_param_at(param_index(name));
}

struct sampler_setting sampler_setting(const struct attune_chain *chain, size_t sampler)
{
    const double *values = chain->values;

    for (size_t s = 0; s < sampler; s++) {
        values += samplers[s]->n_params;
    }
    return (struct sampler_setting){values, chain->biases, chain->n_biases, chain->constraint};
}

bool sampler_active(const struct attune_chain *chain, size_t sampler)
{
    struct sampler_setting setting = sampler_setting(chain, sampler);
    const struct sampler_ops *ops = samplers[sampler];

    if (ops->active) {
        return ops->active(&setting);
    }
    for (size_t i = 0; i < ops->n_params; i++) {
        if (setting.values[i] != ops->params[i].off) {
            return true;
        }
    }
    return false;
}

static size_t chain_size(void)
{
    return sizeof(struct attune_chain) + attune_param_count() * sizeof(double);
}

int attune_chain_new(struct attune_chain **out, struct attune_error *err)
{
    struct attune_chain *chain = calloc(1, chain_size());

    *out = NULL;
    if (!chain) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a sampler chain");
    }
    for (size_t i = 0; i < attune_param_count(); i++) {
        chain->values[i] = attune_param_at(i)->off;
    }
    *out = chain;
    return attune_chain_order(chain, presets[0].name, err);
}

int attune_chain_copy(struct attune_chain **out, const struct attune_chain *from,
                      struct attune_error *err)
{
    struct attune_chain *chain = malloc(chain_size());
    struct sampler_bias *biases = malloc((from->n_biases + 1) * sizeof *biases);
    char *constraint = from->constraint ? strdup(from->constraint) : NULL;
    char *ablation = from->ablation ? strdup(from->ablation) : NULL;

    *out = NULL;
    if (!chain || !biases || (from->constraint && !constraint) || (from->ablation && !ablation)) {
        free(chain);
        free(biases);
        free(constraint);
        free(ablation);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a sampler chain");
    }
    memcpy(chain, from, chain_size());
    if (from->n_biases > 0) {
        memcpy(biases, from->biases, from->n_biases * sizeof *biases);
    }
    chain->biases = biases;
    chain->constraint = constraint;
    chain->ablation = ablation;
    *out = chain;
    return ATTUNE_OK;
}

void attune_chain_free(struct attune_chain *chain)
{
    if (chain) {
        free(chain->biases);
        free(chain->constraint);
        free(chain->ablation);
        free(chain);
    }
}

int attune_chain_set_ablation(struct attune_chain *chain, const char *text,
                              struct attune_error *err)
{
    const char *at = text ? text : "";
    char *copy = NULL;
    struct head_item item;
    int got;

    while ((got = head_list_next(&item, text ? text : "", &at, err)) > 0) {
    }
    if (got < 0) {
        return -got;
    }
    if (text && *text && !(copy = strdup(text))) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for an ablation");
    }
    free(chain->ablation);
    chain->ablation = copy;
    return ATTUNE_OK;
}

const char *attune_chain_ablation(const struct attune_chain *chain)
{
    return chain->ablation ? chain->ablation : "";
}

int attune_chain_set(struct attune_chain *chain, const char *param, double value,
                     struct attune_error *err)
{
    size_t i = param_index(param);
    const struct attune_param *p = attune_param_at(i);

    if (!p) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: no such sampling value", param);
    }
    if (!(value >= p->min && value <= p->max) || (p->integer && value != floor(value))) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s %g: wants a %s from %.10g to %.10g",
                                param, value, p->integer ? "whole number" : "number", p->min,
                                p->max);
    }
    chain->values[i] = value + 0.0; /* no -0: it would be written as one */
    return ATTUNE_OK;
}

double attune_chain_get(const struct attune_chain *chain, const char *param)
{
    size_t i = param_index(param);

    return i < attune_param_count() ? chain->values[i] : NAN;
}

/* The stage called name [len], or N_SAMPLERS. */
static size_t stage_index(const char *name, size_t len)
{
    size_t s = 0;

    while (s < N_SAMPLERS &&
           (strlen(samplers[s]->name) != len || strncmp(samplers[s]->name, name, len) != 0)) {
        s++;
    }
    return s;
}

static int refuse_stage(const char *order, size_t at, size_t len, struct attune_error *err)
{
    char all[160] = "";

    for (size_t s = 0; s < N_SAMPLERS; s++) {
        size_t used = strlen(all);

        snprintf(all + used, sizeof all - used, "%s%s", s ? ", " : "", samplers[s]->name);
    }
    return attune_error_set(err, ATTUNE_ARGUMENT, at,
                            "order: no stage '%.*s'; there are %s, and the orders hf, "
                            "llama.cpp, ollama, vllm",
                            len < 40 ? (int)len : 40, order + at, all);
}

/* A stage that the order does not name, at a place near its head. */
static void put_first(struct attune_chain *chain, const char *name, size_t place)
{
    size_t s = stage_index(name, strlen(name));

    for (size_t i = 0; i < chain->n_stages; i++) {
        if (chain->stage[i] == s) {
            return;
        }
    }
    if (place == 1 && strcmp(samplers[chain->stage[0]]->name, bias_stage) != 0) {
        place = 0;
    }
    memmove(chain->stage + place + 1, chain->stage + place, chain->n_stages - place);
    chain->stage[place] = (uint8_t)s;
    chain->n_stages++;
}

int attune_chain_order(struct attune_chain *chain, const char *order, struct attune_error *err)
{
    const char *list = order;
    bool used[N_SAMPLERS] = {false};
    uint8_t stage[N_SAMPLERS];
    size_t n = 0;

    for (size_t i = 0; i < N_PRESETS; i++) {
        if (strcmp(order, presets[i].name) == 0) {
            list = presets[i].stages;
        }
    }
    for (size_t at = 0;; at++) {
        size_t len = strcspn(list + at, ","), s = stage_index(list + at, len);

        if (s == N_SAMPLERS) {
            return refuse_stage(list, at, len, err);
        }
        if (used[s]) {
            return attune_error_set(err, ATTUNE_ARGUMENT, at, "order: the stage %s is named twice",
                                    samplers[s]->name);
        }
        used[s] = true;
        stage[n++] = (uint8_t)s;
        at += len;
        if (!list[at]) {
            break;
        }
    }
    memcpy(chain->stage, stage, n);
    chain->n_stages = n;
    put_first(chain, bias_stage, 0);
    if (chain->constraint) {
        put_first(chain, constraint_stage, 1);
    }
    return ATTUNE_OK;
}

int attune_chain_constrain(struct attune_chain *chain, const char *constraint,
                           struct attune_error *err)
{
    char *copy = NULL;
    size_t n = 0;

    if (constraint && *constraint) {
        int status = attune_constraint_check(constraint, err);

        if (status != ATTUNE_OK) {
            return status;
        }
        copy = strdup(constraint);
        if (!copy) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a constraint");
        }
    }
    free(chain->constraint);
    chain->constraint = copy;
    for (size_t i = 0; i < chain->n_stages; i++) {
        bool is_it = strcmp(samplers[chain->stage[i]]->name, constraint_stage) == 0;

        chain->stage[n] = chain->stage[i];
        n += copy || !is_it;
    }
    chain->n_stages = n;
    if (copy) {
        put_first(chain, constraint_stage, 1);
    }
    return ATTUNE_OK;
}

const char *attune_chain_constraint(const struct attune_chain *chain)
{
    return chain->constraint;
}

const char *attune_chain_preset_name(size_t i)
{
    return i < N_PRESETS ? presets[i].name : NULL;
}

int attune_chain_preset(struct attune_chain *chain, const char *name, struct attune_error *err)
{
    for (size_t i = 0; i < N_PRESETS; i++) {
        if (strcmp(presets[i].name, name) != 0) {
            continue;
        }
        for (size_t k = 0; k < attune_param_count(); k++) {
            chain->values[k] = attune_param_at(k)->off;
        }
        chain->values[param_index("temperature")] = presets[i].temperature;
        chain->values[param_index("top_k")] = presets[i].top_k;
        chain->values[param_index("top_p")] = presets[i].top_p;
        chain->values[param_index("min_p")] = presets[i].min_p;
        return attune_chain_order(chain, name, err);
    }
    return attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                            "no preset '%.40s'; there are hf, llama.cpp, ollama and vllm", name);
}

size_t attune_chain_n_stages(const struct attune_chain *chain)
{
    return chain->n_stages;
}

const char *attune_chain_stage(const struct attune_chain *chain, size_t i)
{
    return i < chain->n_stages ? samplers[chain->stage[i]]->name : NULL;
}

int attune_chain_bias(struct attune_chain *chain, attune_token id, float bias,
                      struct attune_error *err)
{
    struct sampler_bias *more;
    size_t at = 0;

    if (id < 0 || bias != bias) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "logit bias %ld:%g: wants a token id and a number, inf or -inf",
                                (long)id, (double)bias);
    }
    while (at < chain->n_biases && chain->biases[at].id < id) {
        at++;
    }
    if (at < chain->n_biases && chain->biases[at].id == id) {
        chain->biases[at].bias = bias;
        if (bias == 0) {
            memmove(&chain->biases[at], &chain->biases[at + 1],
                    (--chain->n_biases - at) * sizeof *chain->biases);
        }
        return ATTUNE_OK;
    }
    if (bias == 0) {
        return ATTUNE_OK;
    }
    more = realloc(chain->biases, (chain->n_biases + 1) * sizeof *more);
    if (!more) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a logit bias");
    }
    chain->biases = more;
    memmove(&more[at + 1], &more[at], (chain->n_biases++ - at) * sizeof *more);
    more[at] = (struct sampler_bias){id, bias};
    return ATTUNE_OK;
}

int attune_chain_check(const struct attune_chain *chain, size_t n_vocab, struct attune_error *err)
{
    /* by id: the last is the largest */
    attune_token id = chain->n_biases ? chain->biases[chain->n_biases - 1].id : 0;

    if ((size_t)id >= n_vocab) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "logit bias: no token %ld, the vocabulary has ids 0 to %zu",
                                (long)id, n_vocab - 1);
    }
    return ATTUNE_OK;
}
