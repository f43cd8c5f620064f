/* Min-p: what has at least this share of the likeliest token's probability stays.
 * Nguyen et al.: "Turning up the heat: min-p sampling for creative and coherent LLM outputs", 2024.
 */
#include <config.h>

#include "sampler.h"

#include <math.h>

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    sampler_weigh(work);
    for (size_t i = 0; i < work->n; i++) { /* the likeliest has weight 1 */
        work->key[i] = work->weight[i] >= setting->values[0];
    }
    sampler_keep(work, work->key, 1, 1);
}

static const struct attune_param params[] = {
    {"min_p", "min_p", "keep what has at least this share of the likeliest", 0, 0, 1, 0.01, false},
};

const struct sampler_ops sampler_min_p = {
    .name = "min_p",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .apply = apply,
};
