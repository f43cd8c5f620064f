/* attune sessions: what was saved. */
#include <config.h>

#include "cli_store.h"

#include <string.h>

static const struct cli_option options[] = {
    {"search", 0, "WORDS",
     "those with all the words, each by its beginning, in a prompt or an output; or with them in "
     "the name"},
    {NULL, 0, NULL, NULL},
};

/* Numbers of the found runs of a session. */
static json_t *matches(const char *session, const struct attune_run_record *runs, size_t n)
{
    json_t *list = json_array();

    for (size_t i = n; i-- > 0;) {
        if (strcmp(runs[i].session, session) == 0) {
            json_array_append_new(list, json_integer((json_int_t)runs[i].id));
        }
    }
    return list;
}

static int print(struct cli *cli, const struct attune_session_row *rows, size_t n,
                 const struct attune_run_record *runs, size_t n_runs, bool searched)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *found = matches(rows[i].name, runs, n_runs);

        if (cli->json) {
            json_t *row = json_pack("{s:o, s:s, s:s, s:I}", "session",
                                    cli_json_text(rows[i].name, strlen(rows[i].name)), "created",
                                    rows[i].created, "updated", rows[i].updated, "runs",
                                    (json_int_t)rows[i].n_runs);

            if (searched) {
                json_object_set(row, "matches", found);
            }
            json_array_append_new(list, row);
        } else {
            fprintf(cli->out, "%.19s  %4zu %s  ", rows[i].updated, rows[i].n_runs,
                    rows[i].n_runs == 1 ? "run " : "runs");
            cli_print_line(cli, rows[i].name, strlen(rows[i].name), 80);
            for (size_t k = 0; k < json_array_size(found) && searched; k++) {
                fprintf(cli->out, "%s%lld", k ? ", " : "  found in ",
                        (long long)json_integer_value(json_array_get(found, k)));
            }
            fputc('\n', cli->out);
        }
        json_decref(found);
    }
    if (cli->json) {
        return cli_print_json(cli, list);
    }
    json_decref(list);
    return CLI_OK;
}

static int run(struct cli *cli)
{
    const char *search = cli_value(cli, "search");
    const struct attune_run_query query = {.search = search};
    struct attune_store *store;
    struct attune_session_row *rows = NULL;
    struct attune_run_record *runs = NULL;
    struct attune_error err = {0};
    size_t n = 0, n_runs = 0;
    int status = cli_open_store(cli, &store, ATTUNE_STORE_READ, &err);

    if (status == ATTUNE_NOT_FOUND) { /* nothing was saved yet: no sessions, no failure */
        return print(cli, NULL, 0, NULL, 0, false);
    }
    if (status == ATTUNE_OK) {
        status = attune_store_sessions(store, search, &rows, &n, &err);
    }
    if (status == ATTUNE_OK && search) {
        status = attune_store_list(store, &query, &runs, &n_runs, &err);
    }
    status = status == ATTUNE_OK ? print(cli, rows, n, runs, n_runs, search != NULL)
                                 : cli_fail(cli, &err);
    attune_run_records_free(runs, n_runs);
    attune_session_rows_free(rows, n);
    attune_store_close(store);
    return status;
}

const struct cmd_ops cmd_sessions = {
    .name = "sessions",
    .args = "[--search WORDS]",
    .help = "what was saved",
    .groups = CLI_DB,
    .options = options,
    .run = run,
};
