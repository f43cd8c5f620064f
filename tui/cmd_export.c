/* attune export: a session or a run as one JSON document that import takes back without loss. */
#include <config.h>

#include "cli_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A file that could not be written whole is not left behind. */
static int write_file(const char *path, const char *text, size_t len, struct attune_error *err)
{
    FILE *f = fopen(path, "wb");
    bool good = f && fwrite(text, 1, len, f) == len && fputc('\n', f) != EOF;
    int why = errno;

    if (f && fclose(f) != 0 && good) {
        good = false;
        why = errno;
    }
    if (!good && f) {
        remove(path);
    }
    return good ? ATTUNE_OK : attune_error_set(err, ATTUNE_IO, 0, "%s: %s", path, strerror(why));
}

static int run(struct cli *cli)
{
    const char *id = cli->args[0], *path = cli_value(cli, "output");
    struct attune_store *store;
    struct attune_error err = {0};
    char *json = NULL;
    size_t len = 0;
    int status = cli_open_store(cli, &store, ATTUNE_STORE_READ, &err);

    if (status == ATTUNE_OK) {
        status = attune_store_export(store, id, cli_run_number(id), &json, &len, &err);
    }
    if (status == ATTUNE_OK && path && strcmp(path, "-") != 0) {
        status = write_file(path, json, len, &err);
    } else if (status == ATTUNE_OK) {
        fwrite(json, 1, len, cli->out);
        fputc('\n', cli->out);
    }
    free(json);
    attune_store_close(store);
    return status == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cmd_ops cmd_export = {
    .name = "export",
    .args = "ID [-o FILE]",
    .help = "a session (its name) or a run (its number) as one JSON document",
    .groups = CLI_DB | CLI_OUTPUT,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
