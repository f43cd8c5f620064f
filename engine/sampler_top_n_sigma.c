/* Top-n-sigma: tokens stay whose logit is at most n standard deviations below the largest. The rule
 * does not change with the temperature: both sides of it are divided alike. Tang et al.:
 * "Top-n-sigma: not all logits are you need", 2024. */
#include <config.h>

#include "sampler.h"

#include <math.h>

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    double mean = 0, variance = 0;
    float max = dist_max(work->logit, work->n, NULL);

    if (max == INFINITY) {
        return;
    }
    for (size_t i = 0; i < work->n; i++) {
        mean += work->logit[i];
    }
    mean /= (double)work->n;
    for (size_t i = 0; i < work->n; i++) {
        double distance = work->logit[i] - mean;

        variance += distance * distance;
    }
    variance /= (double)work->n;
    sampler_keep(work, work->logit, (float)(max - setting->values[0] * sqrt(variance)), INFINITY);
}

static const struct attune_param params[] = {
    {"top_n_sigma", "top_n_sigma",
     "keep logits at most so many standard deviations below the largest", 0, 0, 100, 0.1, false},
};

const struct sampler_ops sampler_top_n_sigma = {
    .name = "top_n_sigma",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .apply = apply,
};
