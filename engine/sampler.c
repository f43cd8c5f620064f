/* The sampler chain: the table of stages and of their knobs. */
#include <config.h>

#include "sampler.h"

#include <string.h>

#define SAMPLER(name) extern const struct sampler_ops sampler_##name;
#include "engine/tables.inc"
#undef SAMPLER

static const struct sampler_ops *const samplers[] = {
#define SAMPLER(name) &sampler_##name,
#include "engine/tables.inc"
#undef SAMPLER
    NULL,
};

size_t attune_param_count(void)
{
    size_t n = 0;

    for (size_t s = 0; samplers[s]; s++) {
        n += samplers[s]->n_params;
    }
    return n;
}

const struct attune_param *attune_param_at(size_t i)
{
    for (size_t s = 0; samplers[s]; s++) {
        if (i < samplers[s]->n_params) {
            return &samplers[s]->params[i];
        }
        i -= samplers[s]->n_params;
    }
    return NULL;
}

const struct attune_param *attune_param_find(const char *name)
{
    for (size_t i = 0; i < attune_param_count(); i++) {
        if (strcmp(attune_param_at(i)->name, name) == 0) {
            return attune_param_at(i);
        }
    }
    return NULL;
}
