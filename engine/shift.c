/* Divergences of two distributions over one vocabulary (Kullback and Leibler 1951; Lin 1991). */
#include <config.h>

#include <attune/shift.h>

#include <math.h>

/* p log (p / q) for log probabilities; 0 where p is. */
static double term(double log_p, double log_q)
{
    return log_p == -INFINITY ? 0 : exp(log_p) * (log_p - log_q);
}

static double logp(const struct attune_dist *dist, float logit)
{
    return logit > -INFINITY ? attune_dist_logp(dist, logit) : -INFINITY;
}

/* log of the mean of two probabilities */
static double middle(double a, double b)
{
    double most = a > b ? a : b, other = a > b ? b : a;

    return most == -INFINITY ? most : most + log1p(exp(other - most)) - log(2);
}

void attune_shift_of(struct attune_shift *out, const float *was, const float *is, size_t n)
{
    struct attune_dist before, after;
    double kl = 0, js = 0, moved = 0;

    attune_dist_of(&before, was, n);
    attune_dist_of(&after, is, n);
    for (size_t i = 0; i < n; i++) {
        double p = logp(&before, was[i]), q = logp(&after, is[i]), m = middle(p, q);

        kl += term(p, q);
        js += (term(p, m) + term(q, m)) / 2;
        moved += fabs(exp(p) - exp(q)) / 2;
    }
    *out = (struct attune_shift){
        .kl_bits = attune_bits(kl > 0 ? kl : 0),
        .js_bits = attune_bits(js > 0 ? js : 0),
        .moved = moved,
        .same_top = before.n_top > 0 && after.n_top > 0 && before.top[0].id == after.top[0].id,
    };
}
