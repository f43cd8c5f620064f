/* A stage of the sampler chain, as its file sampler_NAME.c describes it. */
#ifndef ATTUNE_ENGINE_SAMPLER_H
#define ATTUNE_ENGINE_SAMPLER_H

#include <attune/sampler.h>

struct sampler_ops {
    const char *name; /* as in --order */
    const struct attune_param *params;
    size_t n_params;
};

#endif
