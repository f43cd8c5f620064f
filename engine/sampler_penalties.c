/* Penalties for what was said already, over the last repeat_last_n tokens of the history.
 *
 * A token seen c times there has its logit divided by repeat_penalty if positive, else multiplied
 * (once, however often it was seen: Keskar et al., "CTRL", 2019), then lowered by c *
 * frequency_penalty + presence_penalty (OpenAI's API reference, "Frequency and presence
 * penalties"). */
#include <config.h>

#include "sampler.h"

enum { REPEAT, LAST_N, FREQUENCY, PRESENCE };

static const struct attune_param params[] = {
    [REPEAT] = {"repeat_penalty", "penalties",
                "divides positive, multiplies negative logits of recent tokens", 1, 1e-6, 1e6, 0.05,
                false},
    [LAST_N] = {"repeat_last_n", "penalties", "how many tokens back the penalties look", 64, 0,
                INT32_MAX, 16, true},
    [FREQUENCY] = {"frequency_penalty", "penalties", "taken off for each time a token was seen", 0,
                   -2, 2, 0.1, false},
    [PRESENCE] = {"presence_penalty", "penalties", "taken off once if a token was seen", 0, -2, 2,
                  0.1, false},
};

static bool active(const struct sampler_setting *setting)
{
    const double *v = setting->values;

    return v[LAST_N] > 0 && (v[REPEAT] != 1 || v[FREQUENCY] != 0 || v[PRESENCE] != 0);
}

static bool in_vocabulary(const struct sampler_work *work, attune_token id)
{
    return id >= 0 && (size_t)id < work->n_vocab;
}

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    const double *v = setting->values;
    size_t n = (double)work->n_history < v[LAST_N] ? work->n_history : (size_t)v[LAST_N];
    const attune_token *recent = work->history + (work->n_history - n);
    float repeat = (float)v[REPEAT];

    if (n == 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (in_vocabulary(work, recent[i])) {
            work->mark[recent[i]]++;
        }
    }
    for (size_t i = 0; i < work->n; i++) {
        uint32_t seen = work->mark[work->id[i]];

        if (seen) {
            float x = work->logit[i];

            x = x > 0 ? x / repeat : x * repeat;
            work->logit[i] = (float)(x - (seen * v[FREQUENCY] + v[PRESENCE]));
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (in_vocabulary(work, recent[i])) {
            work->mark[recent[i]] = 0;
        }
    }
    sampler_reweighed(work);
}

const struct sampler_ops sampler_penalties = {
    .name = "penalties",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .active = active,
    .apply = apply,
};
