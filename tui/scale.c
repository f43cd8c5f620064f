/* Scales: linear up to the most; log from 1e-4; rank, by which share of the values is smaller; and
 * by row, where every query has its own most. */
#include <config.h>

#include "scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const attention_scales[SCALE_COUNT] = {"linear", "log", "rank", "per row"};
static const double least_log = 1e-4; /* where the log scale begins */

enum attention_scale scale_find(const char *name)
{
    int i = 0;

    while (i < SCALE_COUNT && strcmp(attention_scales[i], name) != 0) {
        i++;
    }
    return strcmp(name, "row") == 0 ? SCALE_ROW : (enum attention_scale)i;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

struct shades shades_make(enum attention_scale scale, const float *values, size_t n, int columns,
                          bool skip_first)
{
    struct shades s = {.scale = scale};
    float first = 0;

    if (scale == SCALE_RANK) {
        s.sorted = malloc((n + 1) * sizeof *s.sorted);
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) {
            continue;
        }
        if (skip_first && i % (size_t)columns == 0) {
            first = values[i] > first ? values[i] : first;
            continue;
        }
        s.most = values[i] > s.most ? values[i] : s.most;
        if (s.sorted) {
            s.sorted[s.n] = values[i];
        }
        s.n++;
    }
    if (s.n == 0 && skip_first) { /* there is no other column */
        free(s.sorted);
        return shades_make(scale, values, n, columns, false);
    }
    s.beyond = first > s.most;
    if (s.sorted) {
        qsort(s.sorted, s.n, sizeof *s.sorted, compare_floats);
    }
    return s;
}

void shades_done(struct shades *s)
{
    free(s->sorted);
    s->sorted = NULL;
}

/* The share of values below this one. */
static float rank_of(const struct shades *s, float v)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->sorted[middle] < v) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low = low < s->n ? low : s->n - 1;
    return s->n > 1 ? (float)low / (float)(s->n - 1) : 1;
}

float shades_at(const struct shades *s, float v, float row_most)
{
    double most = s->scale == SCALE_ROW ? row_most : s->most;

    if (isnan(v)) {
        return v;
    }
    if (most <= 0 || v < 0) { /* of a weighted sum */
        return 0;
    }
    if (s->scale == SCALE_RANK && s->sorted && s->n > 0) {
        return rank_of(s, v);
    }
    if (s->scale == SCALE_LOG) {
        double low = most > least_log ? least_log : most / 10;
        return v <= low ? 0 : v >= most ? 1 : (float)(log(v / low) / log(most / low));
    }
    return (float)(v < most ? v / most : 1);
}

float shades_row_most(const float *row, int n, bool skip_first)
{
    float most = 0;

    for (int i = skip_first; i < n; i++) {
        most = row[i] > most ? row[i] : most;
    }
    return most > 0 ? most : row[0];
}

void shades_ends(const struct shades *s, char low[32], char high[32])
{
    strcpy(low, "0");
    snprintf(high, 32, s->beyond ? "%.3f+" : "%.3f", (double)s->most);
    if (s->scale == SCALE_LOG) {
        snprintf(low, 32, "%g", s->most > least_log ? least_log : (double)s->most / 10);
    } else if (s->scale == SCALE_RANK) {
        strcpy(low, "lowest");
        strcpy(high, "highest");
    } else if (s->scale == SCALE_ROW) {
        strcpy(high, "row's most");
    }
}
