/* Tints for tokens. */
#include <config.h>

#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "strip.h"

static const char *const names[] = {"plain", "surprisal", "rank", "entropy"};
_Static_assert(sizeof names / sizeof *names == MEASURE_COUNT, "a name for every measure");

enum { MOST_SURPRISAL = 12 }; /* bits; rarer tokens share the last colour */

const char *measure_name(enum measure measure)
{
    return names[measure];
}

static double most_bits(const struct workbench *b)
{
    return b->trace.n_vocab > 1 ? log2((double)b->trace.n_vocab) : 16;
}

float measure_shade(const struct workbench *b, const struct score *score, enum measure measure)
{
    double v = NAN;

    switch (measure) {
    case MEASURE_SURPRISAL: v = score->p > 0 ? -log2((double)score->p) / MOST_SURPRISAL : 1; break;
    case MEASURE_RANK: v = log2(1 + (double)score->rank) / most_bits(b); break;
    case MEASURE_ENTROPY: v = (double)score->entropy_bits / most_bits(b); break;
    default: break;
    }
    return (float)(v < 0 ? 0 : v > 1 ? 1 : v);
}

bool measure_score(const struct workbench *b, size_t i, struct score *out)
{
    if (i >= strip_prompt(b)) {
        const struct attune_step *step = &b->steps[i - strip_prompt(b)];
        *out = (struct score){(float)step->p_raw, (float)step->entropy_bits, step->rank};
        return true;
    }
    if (b->replayed || b->score.revision != b->answered || i >= b->score.n ||
        isnan(b->score.scores[i].p)) {
        return false;
    }
    *out = b->score.scores[i];
    return true;
}

void measure_ask(struct workbench *b, uint64_t *asked)
{
    if (!b->worker || bench_n_encoder(b) > 0 || !b->evaluated || b->replayed || bench_is_stale(b) ||
        b->state == BENCH_GENERATING || *asked == b->answered) {
        return;
    }
    *asked = b->answered;
    if (b->score.revision != b->answered || b->score.n < b->tokens.n) {
        bench_request_score(b);
    }
}

void measure_legend(const struct workbench *b, struct canvas *c, struct rect r, int y, int x,
                    enum measure measure)
{
    char low[VIEW_NUMBER] = "0", high[VIEW_NUMBER];

    x += canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "%s ", names[measure]);
    switch (measure) {
    case MEASURE_SURPRISAL: snprintf(high, sizeof high, "%d+ bits", MOST_SURPRISAL); break;
    case MEASURE_RANK:
        strcpy(low, "1st");
        snprintf(high, sizeof high, "%zu", b->trace.n_vocab ? b->trace.n_vocab : 65536);
        break;
    default: snprintf(high, sizeof high, "%.1f bits", most_bits(b)); break;
    }
    view_ramp(c, r, y, x, r.cols - x >= 46 ? 16 : 6, low, high, c->ramp);
}
