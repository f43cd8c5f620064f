/* nsp: does the second sentence follow the first? */
#include <config.h>

#include "cli_task.h"

enum { BAR_WIDTH = 32 };

static const struct cli_option options[] = {
    {"pair", 0, "TEXT|@FILE", "the second sentence"},
    {NULL, 0, NULL, NULL},
};

static int run(struct cli *cli)
{
    struct cli_task task = {0};
    struct attune_error err = {0};
    char bar[3 * BAR_WIDTH + 1];
    double is_next = 0;
    int status;

    if (!cli_has(cli, "pair") && !cli_has(cli, "ids")) {
        return cli_wrong(cli, "nsp: wants --pair TEXT, the second sentence");
    }
    status =
        cli_task_ask(cli, &task, ATTUNE_OUTPUT_NEXT_SENTENCE, (struct cli_task_options){0}, &err);
    if (status == ATTUNE_OK) {
        status = attune_task_follows(&is_next, task.ctx, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, json_pack("{s:f}", "is_next", is_next));
    } else {
        cli_show_bar(bar, is_next, BAR_WIDTH);
        fprintf(cli->out, "follows      %8.5f  %s\n", is_next, bar);
        cli_show_bar(bar, 1 - is_next, BAR_WIDTH);
        fprintf(cli->out, "does not     %8.5f  %s\n", 1 - is_next, bar);
    }
    cli_task_done(&task);
    return status;
}

const struct cmd_ops cmd_nsp = {
    .name = "nsp",
    .args = "",
    .help = "how probably the second sentence follows the first",
    .groups = CLI_MODEL | CLI_PROMPT,
    .options = options,
    .run = run,
};
