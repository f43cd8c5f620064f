/* How a distribution spreads, and single tokens in it, for verbs that print one. */
#ifndef ATTUNE_TUI_CLI_SPREAD_H
#define ATTUNE_TUI_CLI_SPREAD_H

#include <attune/dist.h>

#include "cli.h"

struct cli_spread { /* borrowed, all of it */
    const struct attune_dist *dist;
    const float *logits;       /* [n] */
    const attune_token *order; /* [n] by falling logit */
    size_t n;
};

/* Sets "perplexity", "nucleus" and "tail". */
void cli_spread_json(json_t *out, const struct cli_spread *s);
void cli_spread_print(FILE *out, const struct cli_spread *s);

/* The rank of what somebody looks for: an id (12, #12), else the likeliest token with exactly these
 * bytes, else the likeliest that holds them. n: there is none. */
size_t cli_spread_find(const struct cli_spread *s, const struct attune_tokenizer *tk,
                       const char *what);

#endif
