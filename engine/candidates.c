/* The work area of the sampler chain: candidates side by side, weighed and sorted only when a stage
 * asks, and closed up whenever some of them go. */
#include <config.h>

#include "sampler.h"

#include <float.h>
#include <math.h>
#include <string.h>

void sampler_weigh(struct sampler_work *work)
{
    if (!work->weighed) {
        work->max = dist_max(work->logit, work->n, NULL);
        dist_weigh(work->weight, &work->sums, work->logit, work->n, work->max);
        work->weighed = true;
    }
}

/* Weights stay as long as they are relative to the largest that is left. */
static void closed_up(struct sampler_work *work)
{
    float max = dist_max(work->logit, work->n, NULL);

    work->weighed = work->weighed && max == work->max;
    work->max = max;
    if (work->weighed) {
        dist_sum(&work->sums, work->weight, work->logit, work->n, max);
    }
}

void sampler_keep(struct sampler_work *work, const float *key, float low, float high)
{
    size_t n = 0;

    for (size_t i = 0; i < work->n; i++) {
        bool kept = key[i] >= low && key[i] <= high;

        if (!kept) {
            work->removed_by[work->id[i]] = work->stage;
        }
        work->id[n] = work->id[i];
        work->logit[n] = work->logit[i];
        work->weight[n] = work->weight[i];
        n += kept;
    }
    if (n != work->n) {
        work->n = n;
        closed_up(work);
    }
}

void sampler_cut(struct sampler_work *work, size_t n)
{
    if (n < work->n) {
        for (size_t i = n; i < work->n; i++) {
            work->removed_by[work->id[i]] = work->stage;
        }
        work->n = n;
        closed_up(work);
    }
}

/* A bucket holds the logits that share sign, exponent and first two digits. */
double sampler_drop_tail(struct sampler_work *work, double limit)
{
    enum { SHIFT = 21, BUCKETS = 1 << (32 - SHIFT), WORTH_IT = 4096 };
    double mass[BUCKETS] = {0}, gone = 0;
    uint32_t bucket = 0;

    if (work->n < WORTH_IT) {
        return 0;
    }
    sampler_weigh(work);
    for (size_t i = 0; i < work->n; i++) {
        mass[dist_key(work->logit[i]) >> SHIFT] += work->weight[i];
    }
    while (bucket < dist_key(work->max) >> SHIFT && gone + mass[bucket] <= limit) {
        gone += mass[bucket++];
    }
    sampler_keep(work, work->logit, dist_unkey(bucket << SHIFT), INFINITY);
    return gone;
}

void sampler_reweighed(struct sampler_work *work)
{
    bool all = true;

    for (size_t i = 0; i < work->n; i++) {
        all = all && work->logit[i] >= -FLT_MAX;
    }
    work->weighed = false;
    if (!all) {
        sampler_keep(work, work->logit, -FLT_MAX, INFINITY);
    }
}

static bool is_sorted(const struct sampler_work *work)
{
    for (size_t i = 1; i < work->n; i++) {
        float before = work->logit[i - 1], here = work->logit[i];

        if (before < here || (before == here && work->id[i - 1] > work->id[i])) {
            return false;
        }
    }
    return true;
}

/* The sort is stable and its key is the logit, so candidates must stand by id first: they do until
 * something sorted them; then the ids are sorted too, as low digits of the same pairs. */
static void by_id(struct sampler_work *work)
{
    size_t i = 1;

    while (i < work->n && work->id[i - 1] < work->id[i]) {
        i++;
    }
    if (i >= work->n) {
        return;
    }
    for (i = 0; i < work->n; i++) {
        work->pairs[i] = (uint64_t) ~(uint32_t)work->id[i] << 32 | i;
    }
    dist_sort(work->pairs, work->other_pairs, work->n);
    for (i = 0; i < work->n; i++) {
        uint32_t from = (uint32_t)work->pairs[i];

        work->other_id[i] = work->id[from];
        work->other_weight[i] = work->weight[from];
        work->key[i] = work->logit[from];
    }
    memcpy(work->id, work->other_id, work->n * sizeof *work->id);
    memcpy(work->weight, work->other_weight, work->n * sizeof *work->weight);
    memcpy(work->logit, work->key, work->n * sizeof *work->logit);
}

void sampler_sort(struct sampler_work *work)
{
    attune_token *id = work->id;
    double *weight = work->weight;

    if (is_sorted(work)) {
        return;
    }
    by_id(work);
    for (size_t i = 0; i < work->n; i++) {
        work->pairs[i] = (uint64_t)dist_key(work->logit[i]) << 32 | i;
    }
    dist_sort(work->pairs, work->other_pairs, work->n);
    for (size_t i = 0; i < work->n; i++) {
        uint32_t from = (uint32_t)work->pairs[i];

        work->other_id[i] = id[from];
        work->other_weight[i] = weight[from];
        work->logit[i] = dist_unkey((uint32_t)(work->pairs[i] >> 32));
    }
    work->id = work->other_id;
    work->other_id = id;
    work->weight = work->other_weight;
    work->other_weight = weight;
}
