/* Logit bias: a number added to the logit of single tokens. -inf bans a token; +inf forces: only
 * the forced ones stay, sharing the mass by their own logits. */
#include <config.h>

#include "sampler.h"

#include <math.h>

static bool active(const struct sampler_setting *setting)
{
    return setting->n_biases > 0;
}

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    bool forced = false;

    for (size_t i = 0; i < setting->n_biases; i++) {
        if ((size_t)setting->biases[i].id < work->n_vocab) {
            work->mark[setting->biases[i].id] = (uint32_t)i + 1;
            forced = forced || setting->biases[i].bias == INFINITY;
        }
    }
    for (size_t i = 0; i < work->n; i++) {
        uint32_t mark = work->mark[work->id[i]];
        float bias = mark ? setting->biases[mark - 1].bias : 0;

        if (forced) {
            work->logit[i] = bias == INFINITY ? work->logit[i] : -INFINITY;
        } else if (mark) {
            work->logit[i] = bias == -INFINITY ? bias : work->logit[i] + bias;
        }
    }
    for (size_t i = 0; i < setting->n_biases; i++) {
        if ((size_t)setting->biases[i].id < work->n_vocab) {
            work->mark[setting->biases[i].id] = 0;
        }
    }
    sampler_reweighed(work);
}

const struct sampler_ops sampler_bias = {
    .name = "bias",
    .active = active,
    .apply = apply,
};
