/* Locally typical sampling: tokens stay whose surprise -log p is nearest to the entropy, until
 * their mass reaches the value; the one that crosses it stays, and all that tie with it.
 *
 * Distances are compared as float32, as in transformers' TypicalLogitsWarper.
 * Meister, Pimentel, Wiher, Cotterell: "Locally typical sampling", TACL 2023. */
#include <config.h>

#include "sampler.h"

#include <math.h>

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    double mass = 0, entropy, log_sum;
    size_t crossing = 0;

    sampler_weigh(work);
    entropy = dist_entropy(&work->sums);
    log_sum = log(work->sums.sum);
    for (size_t i = 0; i < work->n; i++) {
        bool sure = work->max == INFINITY && work->logit[i] == INFINITY;
        double surprise = log_sum - (sure ? 0 : (double)work->logit[i] - work->max);

        work->key[i] = (float)fabs(surprise - entropy);
        work->pairs[i] = (uint64_t)dist_key(-work->key[i]) << 32 | i;
    }
    dist_sort(work->pairs, work->other_pairs, work->n);
    for (size_t i = 0; i < work->n; i++) {
        crossing = i;
        mass += work->weight[(uint32_t)work->pairs[i]];
        if (mass / work->sums.sum >= setting->values[0]) {
            break;
        }
    }
    sampler_keep(work, work->key, 0, work->key[(uint32_t)work->pairs[crossing]]);
}

static const struct attune_param params[] = {
    {"typical", "typical", "mass of the tokens whose surprise is nearest to the entropy", 1, 0, 1,
     0.05, false},
};

const struct sampler_ops sampler_typical = {
    .name = "typical",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .apply = apply,
};
