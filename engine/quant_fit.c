/* The scale that makes small integers of a few floats with the least error: some step sizes are
 * tried, each is made the best for its own integers by least squares, and the best of these counts.
 */
#include <config.h>

#include "engine/quant.h"

#include <math.h>

enum { TRIES = 9 }; /* step sizes on either side of the plain one, a tenth of an integer apart */

int quant_round(float x, int low, int high)
{
    float nearest = rintf(x);

    return nearest <= (float)low ? low : nearest >= (float)high ? high : (int)nearest;
}

float quant_fit(signed char *q, const float *x, int n, int low, int high)
{
    float most = 0, best = 0, scale = 0;

    for (int i = 0; i < n; i++) {
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
        q[i] = 0;
    }
    if (!(fabsf(most) > 1e-30f) || isinf(most)) {
        return 0;
    }
    for (int try = -TRIES; try <= TRIES; try++) {
        float inverse =
            ((float)low + 0.1f * (float)try) / most; /* the largest lands on the longer side */
        float product = 0, square = 0;

        for (int i = 0; i < n; i++) {
            float value = (float)quant_round(x[i] * inverse, low, high), weight = x[i] * x[i];

            product += weight * x[i] * value;
            square += weight * value * value;
        }
        /* The error is what is left of sum(w x x) after product^2 / square. */
        if (square > 0 && product * product > best * square) {
            best = product * product / square;
            scale = product / square;
            for (int i = 0; i < n; i++) {
                q[i] = (signed char)quant_round(x[i] * inverse, low, high);
            }
        }
    }
    return scale;
}

/* Least squares of x against scale q - minimum, with weights; false where q does not vary. */
static int solve(float *scale, float *minimum, const unsigned char *q, const float *x,
                 const float *weight, int n)
{
    double w = 0, wq = 0, wqq = 0, wx = 0, wqx = 0, det;

    for (int i = 0; i < n; i++) {
        double a = (double)weight[i], b = (double)q[i], c = (double)x[i];

        w += a;
        wq += a * b;
        wqq += a * b * b;
        wx += a * c;
        wqx += a * b * c;
    }
    det = w * wqq - wq * wq;
    if (!(det > 0)) {
        return 0;
    }
    *scale = (float)((w * wqx - wq * wx) / det);
    *minimum = (float)(-(wqq * wx - wq * wqx) / det);
    if (*minimum < 0) { /* not allowed: the best without one */
        *minimum = 0;
        *scale = (float)(wqx / wqq);
    }
    return *scale > 0;
}

float quant_fit_minimum(unsigned char *q, float *minimum, const float *x, int n, int high)
{
    float least = 0, most = x[0], mean_square = 0, weight[32], best = INFINITY, scale = 0;
    unsigned char tried[32];

    for (int i = 0; i < n; i++) {
        least = fminf(least, x[i]);
        most = fmaxf(most, x[i]);
        mean_square += x[i] * x[i] / (float)n;
        q[i] = 0;
    }
    *minimum = -least;
    if (!(most > least) || isinf(most) || isinf(least)) {
        return 0;
    }
    for (int i = 0; i < n; i++) {
        weight[i] = sqrtf(mean_square) + fabsf(x[i]); /* large values count more */
    }
    for (int try = -TRIES; try <= 2 * TRIES; try++) {
        float inverse = ((float)high + 0.1f * (float)try) / (most - least), s, m, error = 0;

        for (int i = 0; i < n; i++) {
            tried[i] = (unsigned char)quant_round((x[i] - least) * inverse, 0, high);
        }
        if (!solve(&s, &m, tried, x, weight, n)) { /* all alike: the plain step says it */
            s = (most - least) / (float)high;
            m = -least;
        }
        for (int i = 0; i < n; i++) {
            float off = s * (float)tried[i] - m - x[i];

            error += weight[i] * off * off;
        }
        if (error < best) {
            best = error;
            scale = s;
            *minimum = m;
            memcpy(q, tried, (size_t)n);
        }
    }
    return scale;
}
