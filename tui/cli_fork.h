/* run --fork RUN:STEP: what a saved run had in front of it there, and what made it. The step itself
 * is made anew; with --token it is taken as given. */
#ifndef ATTUNE_TUI_CLI_FORK_H
#define ATTUNE_TUI_CLI_FORK_H

#include "cli_store.h"

#include <attune/prompt.h>

struct cli_fork {
    struct attune_run_record origin;
    size_t kept;                  /* of the origin's steps */
    attune_token token;           /* put in behind them, or ATTUNE_TOKEN_NONE */
    struct attune_prompt *prompt; /* the origin's as blocks, or NULL */
    struct attune_prompt blocks;
};

/* Reads --fork and --token, the run they name, its model, and into `source` a context (empty) and
 * all ids that stand before the first new step. */
int cli_fork_open(struct cli_fork *out, struct cli *cli, struct attune_store *store,
                  struct cli_context *source, size_t *room, struct attune_error *err);
void cli_fork_done(struct cli_fork *fork);

/* What the flags do not say, the saved run says. options->stops keep belonging to the fork. */
void cli_fork_options(const struct cli_fork *fork, struct cli *cli,
                      struct attune_generate_options *options);

#endif
