/* score --choices: which answers there are, and how probable each is. */
#ifndef ATTUNE_TUI_CLI_LABELS_H
#define ATTUNE_TUI_CLI_LABELS_H

#include "cli.h"

/* The whole of `score` with --choices; an exit status. */
int cli_labels(struct cli *cli);

#endif
