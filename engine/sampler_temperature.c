/* Temperature: every logit is divided by T. T = 0 is greedy: when all other stages are
 * through, the likeliest that is left stays alone. */
#include <config.h>

#include "sampler.h"

#include <math.h>

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    double t = setting->values[0];
    float divisor = (float)t, max = dist_max(work->logit, work->n, NULL);

    if (t == 0 || max == INFINITY) {
        return;
    }
    if (divisor > 0 && isfinite(max / divisor)) {
        for (size_t i = 0; i < work->n; i++) {
            work->logit[i] /= divisor;
        }
    } else { /* so cold that quotients overflow: only distances from the likeliest matter */
        for (size_t i = 0; i < work->n; i++) {
            work->logit[i] = (float)(((double)work->logit[i] - max) / t);
        }
    }
    sampler_reweighed(work);
}

static void last(struct sampler_work *work, const struct sampler_setting *setting)
{
    size_t best = 0;

    if (setting->values[0] != 0) {
        return;
    }
    for (size_t i = 1; i < work->n; i++) {
        if (work->logit[i] > work->logit[best] ||
            (work->logit[i] == work->logit[best] && work->id[i] < work->id[best])) {
            best = i;
        }
    }
    for (size_t i = 0; i < work->n; i++) {
        work->key[i] = i == best;
    }
    sampler_keep(work, work->key, 1, 1);
}

static const struct attune_param params[] = {
    {"temperature", "temperature", "below 1 sharper, above 1 flatter, 0 is greedy", 1, 0, 100, 0.05,
     false},
};

const struct sampler_ops sampler_temperature = {
    .name = "temperature",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .apply = apply,
    .last = last,
};
