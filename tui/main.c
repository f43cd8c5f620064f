/* attune: a verb, or the screen. */
#include <config.h>

#include "cli.h"

#include <locale.h>
#include <string.h>

static int list_verbs(FILE *out)
{
    fprintf(out, "attune %s: a terminal workbench for prompts\n\n"
                 "usage: attune [MODEL]            opens the workbench\n"
                 "       attune VERB [OPTIONS]     see attune VERB --help\n\n", PACKAGE_VERSION);
    for (size_t i = 0; i < cmd_count(); i++) {
        fprintf(out, "  %-12s %s\n", cmd_at(i)->name, cmd_at(i)->help);
    }
    return CLI_OK;
}

int main(int argc, char **argv)
{
    const struct cmd_ops *cmd;

    setlocale(LC_CTYPE, "");
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("attune %s\n", PACKAGE_VERSION);
        return CLI_OK;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
        return list_verbs(stdout);
    }
    cmd = argc > 1 ? cmd_find(argv[1]) : NULL;
    return cmd ? cli_run(cmd, argc - 1, argv + 1, stdout, stderr) : list_verbs(stderr);
}
