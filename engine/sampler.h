/* A stage of the sampler chain, as its file sampler_NAME.c describes it, and the work area it works
 * on.
 *
 * The work area holds the candidates that are still in, side by side:
 *
 *     id      [n]  17   4   3  ...      logit  [n]  as reweighted so far (the caller's row is not
 * touched) weight  [n]  exp(logit - max), made when a stage asks for it
 *
 * A stage reads what it needs, then either rewrites logits and says so (sampler_reweighed), or
 * takes candidates away with sampler_cut or sampler_keep: these note in removed_by who did it. */
#ifndef ATTUNE_ENGINE_SAMPLER_H
#define ATTUNE_ENGINE_SAMPLER_H

#include "dist.h"

#include <attune/sampler.h>

struct sampler_bias {
    attune_token id;
    float bias; /* -inf bans, +inf forces */
};

struct sampler_setting {               /* what a stage of one chain is set to */
    const double *values;              /* [ops->n_params] in the order of its params */
    const struct sampler_bias *biases; /* [n_biases] by id; the chain's, for the bias stage */
    size_t n_biases;
    const char *constraint; /* or NULL */
};

struct sampler_work {
    size_t n, n_vocab;
    attune_token *id; /* [n] */
    float *logit;     /* [n] */
    double *weight;   /* [n], valid if weighed */
    float max;        /* largest logit */
    bool weighed;
    struct dist_sums sums;       /* of the weights, valid if weighed */
    const attune_token *history; /* [n_history] newest last */
    size_t n_history;
    const uint8_t *allowed; /* [V] of the constraint, or NULL */
    uint32_t *mark;         /* [V] zero when a stage begins and when it ends */
    float *key;             /* [V] scratch of a stage */

    /* Behind the helpers. */
    attune_token *other_id;        /* [V] */
    double *other_weight, *raw;    /* [V] raw: exp(logit - max) of the row as it came, by id */
    uint64_t *pairs, *other_pairs; /* [V] */
    uint8_t *removed_by;           /* [V] the trace's */
    uint8_t stage;                 /* what removed_by gets */
};

struct sampler_ops {
    const char *name; /* as in --order */
    const struct attune_param *params;
    size_t n_params;
    /* NULL: active when any value is not its off. */
    bool (*active)(const struct sampler_setting *setting);
    void (*apply)(struct sampler_work *work, const struct sampler_setting *setting);
    /* NULL, or what the stage does when all others are through, wherever it stands. */
    void (*last)(struct sampler_work *work, const struct sampler_setting *setting);
};

struct attune_chain {
    size_t n_stages;
    uint8_t stage[ATTUNE_MAX_STAGES]; /* [n_stages] indices of sampler_at; no index twice */
    struct sampler_bias *biases;      /* [n_biases] by id */
    size_t n_biases;
    char *constraint; /* or NULL */
    char *ablation;   /* what is ablated in the model, or NULL */
    double values[];  /* [attune_param_count()] in the order of attune_param_at */
};

size_t sampler_count(void);
const struct sampler_ops *sampler_at(size_t i);
struct sampler_setting sampler_setting(const struct attune_chain *chain, size_t sampler);
bool sampler_active(const struct attune_chain *chain, size_t sampler);

/* Puts the candidates in order: falling logit, ties by lower id. */
void sampler_sort(struct sampler_work *work);
/* Makes weight, sums and max valid. */
void sampler_weigh(struct sampler_work *work);
/* Says that logits were rewritten; those that became -inf or NaN go. */
void sampler_reweighed(struct sampler_work *work);
/* Takes the least likely away in coarse steps while the weight that goes is at most limit; returns
 * what went. What goes by this is never more than exact order would take, and is much cheaper to
 * find. */
double sampler_drop_tail(struct sampler_work *work, double limit);
/* Keeps the first n as they stand. */
void sampler_cut(struct sampler_work *work, size_t n);
/* Keeps the candidates whose key lies in low..high. key may be work->logit. */
void sampler_keep(struct sampler_work *work, const float *key /* [n] */, float low, float high);

/* trace.c: of rising numbers u [n] those that hit each kept token are added to count [n_kept]: the
 * same tokens that attune_trace_draw gives, in one walk. */
void trace_count(uint32_t *count, const struct attune_trace *trace, const double *u, size_t n);

#endif
