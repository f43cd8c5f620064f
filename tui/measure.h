/* How expected a token was, as a tint: surprisal, rank or entropy, of the prompt from one pass with
 * the text as it stands, of the run from its steps. For every panel that colours tokens. */
#ifndef ATTUNE_TUI_MEASURE_H
#define ATTUNE_TUI_MEASURE_H

#include "view.h"

enum measure { MEASURE_PLAIN, MEASURE_SURPRISAL, MEASURE_RANK, MEASURE_ENTROPY, MEASURE_COUNT };
const char *measure_name(enum measure measure);

/* What is known of token i of prompt and run given those before it; false: nothing. */
bool measure_score(const struct workbench *b, size_t i, struct score *out);
/* 0..1, or NaN without a measure. */
float measure_shade(const struct workbench *b, const struct score *score, enum measure measure);
/* "surprisal 0 [ramp] 12+ bits". */
void measure_legend(const struct workbench *b, struct canvas *c, struct rect r, int y, int x,
                    enum measure measure);
/* Asks for the scores of the prompt where they are not there; *asked is the panel's, the revision
 * it asked for last. */
void measure_ask(struct workbench *b, uint64_t *asked);

#endif
