/* The chain at work on a row of logits: stage after stage over the candidates, noting after each
 * who is left, what raw mass they hold, and which stage took whom. Then the draw.
 *
 * raw logits [V] -> candidates -> stage 0 -> ... -> stage n-1 -> (greedy) -> sorted -> p, kept,
 * draw */
#include <config.h>

#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct attune_scratch {
    struct sampler_work work;
    struct dist_sums raw_sums;
    attune_token *ids[2]; /* [V] the work area swaps these */
    double *weights[2];   /* [V] */
    double total;         /* of the final weights, added in the order of kept */
    uint64_t memory[];
};

/* Per token of the vocabulary: 8-byte arrays first (raw, 2 weights, 2 pairs), then 4-byte ones
 * (logit, key, mark, 2 ids). */
enum { WIDE = 5, NARROW = 5 };

int attune_trace_init(struct attune_trace *trace, size_t n_vocab, struct attune_error *err)
{
    struct attune_scratch *s = NULL;
    size_t half = (n_vocab + 1) / 2;
    uint64_t *at;

    memset(trace, 0, sizeof *trace);
    if (n_vocab == 0 || n_vocab > INT32_MAX) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "a vocabulary of %zu tokens cannot be sampled from", n_vocab);
    }
    s = calloc(1, sizeof *s + (WIDE * n_vocab + NARROW * half) * sizeof(uint64_t));
    trace->scratch = s;
    trace->removed_by = calloc(n_vocab, sizeof *trace->removed_by);
    trace->p = calloc(n_vocab, sizeof *trace->p);
    trace->kept = calloc(n_vocab, sizeof *trace->kept);
    if (!s || !trace->removed_by || !trace->p || !trace->kept) {
        attune_trace_done(trace);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a trace over %zu tokens",
                                n_vocab);
    }
    at = s->memory;
    s->work.raw = (double *)at;
    s->weights[0] = (double *)(at += n_vocab);
    s->weights[1] = (double *)(at += n_vocab);
    s->work.pairs = at += n_vocab;
    s->work.other_pairs = at += n_vocab;
    s->work.logit = (float *)(at += n_vocab);
    s->work.key = (float *)(at += half);
    s->work.mark = (uint32_t *)(at += half);
    s->ids[0] = (attune_token *)(at += half);
    s->ids[1] = (attune_token *)(at + half);
    trace->n_vocab = n_vocab;
    return ATTUNE_OK;
}

void attune_trace_done(struct attune_trace *trace)
{
    if (trace) {
        free(trace->scratch);
        free(trace->removed_by);
        free(trace->p);
        free(trace->kept);
        memset(trace, 0, sizeof *trace);
    }
}

/* The likeliest of the raw row alone, with all of the mass. */
static void rescue(struct attune_trace *trace, struct sampler_work *work)
{
    work->n = 1;
    work->id[0] = trace->raw.top[0].id;
    work->logit[0] = 0;
    work->weighed = false;
    trace->removed_by[work->id[0]] = ATTUNE_KEPT;
    trace->rescued = true;
}

/* Every token with a logit becomes a candidate, in id order, with its raw weight. */
static void gather(struct attune_trace *trace, const float *logits)
{
    struct attune_scratch *s = trace->scratch;
    struct sampler_work *work = &s->work;
    size_t n = 0;

    dist_measure(&trace->raw, &s->raw_sums, work->raw, logits, trace->n_vocab);
    work->id = s->ids[0];
    work->other_id = s->ids[1];
    work->weight = s->weights[0];
    work->other_weight = s->weights[1];
    work->n_vocab = trace->n_vocab;
    work->removed_by = trace->removed_by;
    work->max = trace->raw.max_logit;
    work->sums = s->raw_sums;
    work->weighed = true;
    trace->rescued = false;
    for (size_t i = 0; i < trace->n_vocab; i++) {
        bool possible = logits[i] > -INFINITY;

        work->id[n] = (attune_token)i;
        work->logit[n] = logits[i];
        work->weight[n] = work->raw[i];
        trace->removed_by[i] = possible ? ATTUNE_KEPT : ATTUNE_IMPOSSIBLE;
        n += possible;
    }
    work->n = n;
    if (n == 0) {
        rescue(trace, work);
    }
}

static double raw_mass(const struct attune_scratch *s)
{
    double sum = 0;

    for (size_t i = 0; i < s->work.n; i++) {
        sum += s->work.raw[s->work.id[i]];
    }
    return s->raw_sums.sum > 0 ? sum / s->raw_sums.sum : 0;
}

/* Runs one hook of a stage; now holds the state it finds, and then the state it leaves. */
static void run(struct attune_trace *trace, struct attune_stage_trace *now, size_t stage,
                void (*hook)(struct sampler_work *, const struct sampler_setting *),
                const struct sampler_setting *setting)
{
    struct sampler_work *work = &trace->scratch->work;
    size_t before = work->n;
    bool rescued = false;

    work->stage = (uint8_t)(stage + 1);
    hook(work, setting);
    if (work->n == 0) {
        rescue(trace, work);
        rescued = true;
    }
    sampler_weigh(work);
    if (work->n != before || rescued) {
        now->mass = raw_mass(trace->scratch);
    }
    now->survivors = work->n;
    now->entropy_bits = attune_bits(dist_entropy(&work->sums));
}

/* Sorted, divided by the total, and spread over the vocabulary. */
static void finish(struct attune_trace *trace)
{
    struct attune_scratch *s = trace->scratch;
    struct sampler_work *work = &s->work;

    sampler_sort(work);
    sampler_weigh(work);
    s->total = 0;
    for (size_t i = 0; i < work->n; i++) {
        s->total += work->weight[i];
    }
    memset(trace->p, 0, trace->n_vocab * sizeof *trace->p);
    for (size_t i = 0; i < work->n; i++) {
        trace->p[work->id[i]] = (float)(work->weight[i] / s->total);
    }
    memcpy(trace->kept, work->id, work->n * sizeof *trace->kept);
    trace->n_kept = work->n;
}

void attune_chain_apply(struct attune_trace *trace, const struct attune_chain *chain,
                        const float *logits, const attune_token *history, size_t n_history)
{
    struct sampler_work *work = &trace->scratch->work;
    struct attune_stage_trace now = {.mass = 1};

    gather(trace, logits);
    work->history = history;
    work->n_history = n_history;
    work->allowed = trace->allowed;
    now.survivors = work->n;
    now.mass = trace->rescued ? 0 : 1;
    now.entropy_bits = attune_bits(trace->raw.entropy);
    trace->n_stages = chain->n_stages;
    for (size_t i = 0; i < chain->n_stages; i++) {
        const struct sampler_ops *ops = sampler_at(chain->stage[i]);
        struct sampler_setting setting = sampler_setting(chain, chain->stage[i]);

        now.stage = ops->name;
        now.active = sampler_active(chain, chain->stage[i]);
        if (now.active) {
            run(trace, &now, i, ops->apply, &setting);
        }
        trace->stage[i] = now;
    }
    for (size_t i = 0; i < chain->n_stages; i++) {
        const struct sampler_ops *ops = sampler_at(chain->stage[i]);
        struct sampler_setting setting = sampler_setting(chain, chain->stage[i]);

        if (trace->stage[i].active && ops->last) {
            size_t before = now.survivors;

            run(trace, &now, i, ops->last, &setting);
            if (now.survivors != before) {
                now.stage = ops->name;
                now.active = true;
                trace->stage[i] = now;
            }
        }
    }
    finish(trace);
    trace->kept_mass = now.mass;
    trace->entropy_bits = attune_bits(dist_entropy(&work->sums));
}

void attune_trace_draw(struct attune_draw *out, const struct attune_trace *trace, double u)
{
    const struct attune_scratch *s = trace->scratch;
    double before = 0, sum = 0;

    *out = (struct attune_draw){trace->kept[0], u, 0, 1};
    for (size_t i = 0; i < trace->n_kept; i++) {
        before = sum;
        sum += s->work.weight[i];
        if (s->work.weight[i] > 0) { /* a token whose probability underflowed has no interval */
            *out = (struct attune_draw){trace->kept[i], u, before / s->total, sum / s->total};
        }
        if (u < sum / s->total) {
            break;
        }
    }
}

void trace_count(uint32_t *count, const struct attune_trace *trace, const double *u, size_t n)
{
    const struct attune_scratch *s = trace->scratch;
    double sum = 0;
    size_t last = 0, at = 0;

    for (size_t i = 0; i < trace->n_kept && at < n; i++) {
        sum += s->work.weight[i];
        last = s->work.weight[i] > 0 ? i : last;
        for (; at < n && u[at] < sum / s->total; at++) {
            count[i]++;
        }
    }
    count[last] += (uint32_t)(n - at); /* past the sum, by rounding */
}
