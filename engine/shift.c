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
    double kl = 0, back = 0, js = 0, moved = 0;

    attune_dist_of(&before, was, n);
    attune_dist_of(&after, is, n);
    for (size_t i = 0; i < n; i++) {
        double p = logp(&before, was[i]), q = logp(&after, is[i]), m = middle(p, q);

        kl += term(p, q);
        back += term(q, p);
        js += (term(p, m) + term(q, m)) / 2;
        moved += fabs(exp(p) - exp(q)) / 2;
    }
    *out = (struct attune_shift){
        .kl_bits = attune_bits(kl > 0 ? kl : 0),
        .kl_back_bits = attune_bits(back > 0 ? back : 0),
        .js_bits = attune_bits(js > 0 ? js : 0),
        .moved = moved,
        .same_top = before.n_top > 0 && after.n_top > 0 && before.top[0].id == after.top[0].id,
    };
}

void attune_shift_of_p(struct attune_shift *out, const double *was, const double *is, size_t n)
{
    double kl = 0, back = 0, js = 0, moved = 0;
    size_t top[2] = {0, 0};

    for (size_t i = 0; i < n; i++) {
        double p = was[i] > 0 ? log(was[i]) : -INFINITY, q = is[i] > 0 ? log(is[i]) : -INFINITY,
               m = middle(p, q);

        kl += term(p, q);
        back += term(q, p);
        js += (term(p, m) + term(q, m)) / 2;
        moved += fabs(exp(p) - exp(q)) / 2;
        top[0] = was[i] > was[top[0]] ? i : top[0];
        top[1] = is[i] > is[top[1]] ? i : top[1];
    }
    *out = (struct attune_shift){
        .kl_bits = attune_bits(kl > 0 ? kl : 0),
        .kl_back_bits = attune_bits(back > 0 ? back : 0),
        .js_bits = attune_bits(js > 0 ? js : 0),
        .moved = moved,
        .same_top = n > 0 && top[0] == top[1],
    };
}

void attune_shift_bytes(double out[ATTUNE_SHIFT_BYTES], const struct attune_tokenizer *tk,
                        const double *p, size_t n)
{
    char bytes[8];

    for (int i = 0; i < ATTUNE_SHIFT_BYTES; i++) {
        out[i] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i] > 0) {
            bool text = attune_token_kind(tk, (attune_token)i) != ATTUNE_TOKEN_SPECIAL &&
                        attune_token_bytes(tk, (attune_token)i, bytes, sizeof bytes) > 0;

            out[text ? (unsigned char)bytes[0] : ATTUNE_SHIFT_BYTES - 1] += p[i];
        }
    }
}
