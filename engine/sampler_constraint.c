/* The constraint on the generated text: what may not come next goes. The mask is made in front of
 * the chain (constraint.c), here it only takes away. */
#include <config.h>

#include "sampler.h"

static bool active(const struct sampler_setting *setting)
{
    return setting->constraint != NULL;
}

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    if (!work->allowed) {
        return;
    }
    for (size_t i = 0; i < work->n; i++) {
        work->key[i] = work->allowed[work->id[i]];
    }
    sampler_keep(work, work->key, 1, 1);
}

const struct sampler_ops sampler_constraint = {
    .name = "constraint",
    .active = active,
    .apply = apply,
};
