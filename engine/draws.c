/* Many draws from one distribution, and whether their counts are what chance makes of it.
 *
 * The numbers are those that a run with this seed would draw, step after step; sorted, one walk
 * along the cumulative distribution serves them all. */
#include <config.h>

#include "sampler.h"

#include <attune/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Upper tail of the chi-square distribution: the regularised incomplete gamma function Q(k/2, x/2),
 * by its series below a + 1 and its continued fraction above (Abramowitz and Stegun, 6.5.29
 * and 6.5.31). */
static double upper_tail(double chi_square, size_t freedom)
{
    enum { MOST = 10000 };
    double a = (double)freedom / 2, x = chi_square / 2, front;

    if (freedom == 0 || x <= 0) {
        return 1;
    }
    front = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;

        for (int i = 1; i < MOST && term > sum * 1e-16; i++) {
            sum += term *= x / (a + i);
        }
        return fmax(1 - front * sum, 0);
    } else {
        double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;

        for (int i = 1; i < MOST; i++) {
            double an = -i * (i - a), step;

            b += 2;
            d = 1 / (an * d + b);
            c = b + an / c;
            step = c * d;
            h *= step;
            if (fabs(step - 1) < 1e-15) {
                break;
            }
        }
        return front * h;
    }
}

/* Kept tokens in order of falling p, neighbours together until each cell expects at least
 * MIN_EXPECTED. */
static void test(struct attune_draws *out, const struct attune_trace *trace)
{
    enum { MIN_EXPECTED = 5 };
    double expected = 0, drawn = 0, left = (double)out->n;
    size_t cells = 0;

    for (size_t i = 0; i < trace->n_kept; i++) {
        expected += (double)out->n * (double)trace->p[trace->kept[i]];
        drawn += (double)out->count[i];
        /* what remains behind must fill a cell as well */
        if (expected >= MIN_EXPECTED &&
            (left - expected >= MIN_EXPECTED || i + 1 == trace->n_kept)) {
            out->chi_square += (drawn - expected) * (drawn - expected) / expected;
            left -= expected;
            expected = drawn = 0;
            cells++;
        }
    }
    if (expected > 0) {
        out->chi_square += (drawn - expected) * (drawn - expected) / expected;
        cells++;
    }
    out->freedom = cells > 1 ? cells - 1 : 0;
    out->p_value = upper_tail(out->chi_square, out->freedom);
}

int attune_draws_make(struct attune_draws *out, const struct attune_trace *trace, uint64_t seed,
                      size_t n, struct attune_error *err)
{
    double *u = malloc((n + 1) * sizeof *u);

    *out = (struct attune_draws){.n = n, .n_kept = trace->n_kept};
    out->count = calloc(trace->n_kept + 1, sizeof *out->count);
    if (!u || !out->count) {
        free(u);
        attune_draws_done(out);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu draws", n);
    }
    for (size_t i = 0; i < n; i++) {
        u[i] = attune_rng_uniform(seed, i);
    }
    qsort(u, n, sizeof *u, rising);
    trace_count(out->count, trace, u, n);
    free(u);
    test(out, trace);
    return ATTUNE_OK;
}

void attune_draws_done(struct attune_draws *draws)
{
    if (draws) {
        free(draws->count);
        memset(draws, 0, sizeof *draws);
    }
}
