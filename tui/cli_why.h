/* What `attention --why` and `attention --contributions` print. */
#ifndef ATTUNE_TUI_CLI_WHY_H
#define ATTUNE_TUI_CLI_WHY_H

#include "cli.h"
#include "map.h"

/* Of m's kind, layer and head, the pair that --why names. */
int cli_why_pair(struct cli *cli, const struct map *m, struct attune_error *err);
/* Every head's part of the logit of --token (or the likeliest), at --position (or the last). */
int cli_why_logit(struct cli *cli, const struct map *m, struct attune_error *err);

#endif
