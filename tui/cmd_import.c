/* attune import: takes back what export wrote, or what the tool llm logged, whole or not at all. */
#include <config.h>

#include "cli_store.h"

#include <attune/llm.h>

#include <stdlib.h>
#include <string.h>

/* A database, by its first bytes: logs.db of llm. */
static bool is_database(const char *path)
{
    char head[16] = "";
    FILE *f = strcmp(path, "-") ? fopen(path, "rb") : NULL;
    bool is = f && fread(head, 1, 16, f) == 16 && memcmp(head, "SQLite format 3", 16) == 0;

    if (f) {
        fclose(f);
    }
    return is;
}

static int import_llm(struct cli *cli)
{
    struct attune_store *store = NULL;
    struct attune_llm_import done = {0};
    struct attune_error err = {0};
    int status = cli_open_store(cli, &store, ATTUNE_STORE_WRITE, &err);

    if (status == ATTUNE_OK) {
        status = attune_store_import_llm(&done, store, cli->args[0], &err);
    }
    attune_store_close(store);
    if (status != ATTUNE_OK) {
        return cli_fail(cli, &err);
    }
    if (cli->json) {
        return cli_print_json(cli, json_pack("{s:s, s:I, s:I}", "origin", "llm", "runs",
                                             (json_int_t)done.n_runs, "known",
                                             (json_int_t)done.n_known));
    }
    fprintf(cli->out, "%zu responses of llm as runs, %zu were here already\n", done.n_runs,
            done.n_known);
    return CLI_OK;
}

static int run(struct cli *cli)
{
    struct attune_store *store = NULL;
    struct attune_run_record *runs = NULL;
    struct attune_error err = {0};
    char *json = NULL, *session = NULL;
    size_t len = 0, n = 0;
    int status;

    if (is_database(cli->args[0])) {
        return import_llm(cli);
    }
    status = cli_read_file(&json, &len, cli->args[0], &err);

    if (status == ATTUNE_OK) {
        status = cli_open_store(cli, &store, ATTUNE_STORE_WRITE, &err);
    }
    if (status == ATTUNE_OK) {
        status = attune_store_import(store, json, len, &session, &err);
        if (status != ATTUNE_OK) {
            attune_error_prefix(&err, cli->args[0]);
        }
    }
    if (status == ATTUNE_OK) {
        status = cli_load_runs(store, session, &runs, &n, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        json_t *numbers = json_array();

        for (size_t i = 0; i < n; i++) {
            json_array_append_new(numbers, json_integer((json_int_t)runs[i].id));
        }
        status = cli_print_json(cli, json_pack("{s:o, s:o}", "session",
                                               cli_json_text(session, strlen(session)), "runs",
                                               numbers));
    } else {
        fprintf(cli->out, "%zu %s in session ", n, n == 1 ? "run" : "runs");
        cli_print_line(cli, session, strlen(session), 300);
        fputc('\n', cli->out);
    }
    attune_run_records_free(runs, n);
    attune_store_close(store);
    free(session);
    free(json);
    return status;
}

const struct cmd_ops cmd_import = {
    .name = "import",
    .args = "FILE",
    .help = "an exported document back as a session (- is standard input); logs.db of the tool llm",
    .groups = CLI_DB,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
