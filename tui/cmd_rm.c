/* attune rm: removes sessions or runs; their text is overwritten in the file. */
#include <config.h>

#include "cli_store.h"

#include <glob.h>
#include <string.h>

/* A copy made before an older schema was brought forward still has everything in it: say so. */
static void note_backups(struct cli *cli, const char *path)
{
    char pattern[4096];
    glob_t found;

    if (snprintf(pattern, sizeof pattern, "%s.backup-v*", path) < (int)sizeof pattern &&
        glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            cli_note(cli, "%s: this backup was not touched and may hold what was removed",
                     found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

static const struct cli_option options[] = {
    {"branch", 0, NULL, "with a run every run that goes on from it"},
    {NULL, 0, NULL, NULL},
};

static int remove_one(struct cli *cli, struct attune_store *store, const char *id,
                      struct attune_error *err)
{
    int64_t number = cli_run_number(id);
    size_t n;

    return !number                  ? attune_store_remove_session(store, id, err)
           : cli_has(cli, "branch") ? attune_store_remove_branch(store, number, &n, err)
                                    : attune_store_remove_run(store, number, err);
}

static int run(struct cli *cli)
{
    struct attune_store *store;
    struct attune_error err = {0};
    json_t *removed = json_array();
    int status = cli_open_store(cli, &store, ATTUNE_STORE_WRITE, &err);

    for (int i = 0; status == ATTUNE_OK && i < cli->n_args; i++) {
        status = remove_one(cli, store, cli->args[i], &err);
        if (status == ATTUNE_OK) {
            json_array_append_new(removed, cli_json_text(cli->args[i], strlen(cli->args[i])));
        }
    }
    if (store && json_array_size(removed)) {
        note_backups(cli, attune_store_path(store));
    }
    attune_store_close(store);
    if (status == ATTUNE_OK && cli->json) {
        return cli_print_json(cli, json_pack("{s:o}", "removed", removed));
    }
    json_decref(removed);
    return status == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cmd_ops cmd_rm = {
    .name = "rm",
    .args = "ID... [--branch]",
    .help = "removes sessions (by name) or runs (by number) and overwrites their text",
    .groups = CLI_DB,
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
