/* Contexts that hold more than a prompt: a saved run, or what the model writes by itself. */
#ifndef ATTUNE_TUI_CLI_SAVED_H
#define ATTUNE_TUI_CLI_SAVED_H

#include "cli.h"

/* Prompt and steps of a run, as they were read there; its model unless -m names one. */
int cli_open_saved(struct cli *cli, struct cli_context *out, int64_t run, struct attune_error *err);
/* The context goes on by the likeliest token, to the model's end or `most` tokens. */
int cli_write_greedily(struct cli *cli, struct cli_context *c, size_t most,
                       struct attune_error *err);

#endif
