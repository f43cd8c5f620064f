/* Top-k: the k likeliest stay, and with them all that tie with the k-th (as in transformers'
 * TopKLogitsWarper). Fan, Lewis, Dauphin: "Hierarchical neural story generation", ACL 2018. */
#include <config.h>

#include "sampler.h"

#include <math.h>

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    size_t k = (size_t)setting->values[0];

    if (k < work->n) {
        sampler_keep(work, work->logit, dist_select(work->logit, work->n, k), INFINITY);
    }
}

static const struct attune_param params[] = {
    {"top_k", "top_k", "keep the k likeliest", 0, 0, INT32_MAX, 1, true},
};

const struct sampler_ops sampler_top_k = {
    .name = "top_k",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .apply = apply,
};
