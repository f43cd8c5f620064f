/* Top-p (nucleus): from the unlikeliest upwards, tokens go while the mass that goes is at most 1 -
 * p; the likeliest always stays. Among equals the higher id goes first. Holtzman et al.: "The
 * curious case of neural text degeneration", ICLR 2020. */
#include <config.h>

#include "sampler.h"

static void apply(struct sampler_work *work, const struct sampler_setting *setting)
{
    double gone, limit;
    size_t n;

    sampler_weigh(work);
    limit = (1.0 - setting->values[0]) * work->sums.sum;
    gone = sampler_drop_tail(work, limit);
    sampler_sort(work);
    n = work->n;
    while (n > 1) {
        gone += work->weight[n - 1];
        if (gone > limit) {
            break;
        }
        n--;
    }
    sampler_cut(work, n);
}

static const struct attune_param params[] = {
    {"top_p", "top_p", "nucleus: the smallest set whose mass reaches p", 1, 0, 1, 0.05, false},
};

const struct sampler_ops sampler_top_p = {
    .name = "top_p",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .apply = apply,
};
