/* run --beams: the likeliest texts by beam search, and the tree they stand in. */
#ifndef ATTUNE_TUI_CLI_BEAMS_H
#define ATTUNE_TUI_CLI_BEAMS_H

#include "cli.h"

/* The whole of `run` with --beams; an exit status. */
int cli_beams(struct cli *cli);

#endif
