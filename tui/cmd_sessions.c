/* attune sessions: what was saved, all of it or what a search names. */
#include <config.h>

#include "cli_store.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"search", 0, "WORDS",
     "those with all the words, each by its beginning, in a prompt, an output or a note; or with "
     "them in the name; tag:T, temperature:0.5..1 and the like among them are filters"},
    {"tag", 0, "T", "those with this tag on them, on a run or on a step"},
    {"model", 'm', "NAME", "runs of a model with this in its name"},
    {"since", 0, "DATE", "runs from this date on: 2026, 2026-11, 2026-11-21T07"},
    {"until", 0, "DATE", "runs up to this date, itself included"},
    {"stop", 0, "REASON", "runs that ended so: length, eos, stop, interrupted, error, none"},
    {"where", 0, "NAME=LOW..HIGH",
     "runs with a knob, seed, tokens or max_tokens in this range; LOW, HIGH or the dots may be "
     "left "
     "out"},
    {NULL, 0, NULL, NULL},
};

/* NAME=LOW..HIGH; the name is a copy that range.name owns. */
static int read_range(struct cli *cli, struct attune_run_range *out, const char *text)
{
    const char *equals = strchr(text, '=');
    char *name = equals ? strndup(text, (size_t)(equals - text)) : NULL;

    out->name = name;
    if (!name || !*name || attune_run_range_parse(out, equals + 1, NULL) != ATTUNE_OK) {
        return cli_wrong(cli, "sessions: --where wants NAME=LOW..HIGH or NAME=VALUE, not %s", text);
    }
    for (char *c = name; *c; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    return CLI_OK;
}

static void print_row(struct cli *cli, const struct attune_session_row *row, bool searched)
{
    fprintf(cli->out, "%.19s  %4zu %s  ", row->updated, row->n_runs,
            row->n_runs == 1 ? "run " : "runs");
    cli_print_line(cli, row->name, strlen(row->name), 80);
    if (*row->tags) {
        fputs("  [", cli->out);
        cli_print_line(cli, row->tags, strlen(row->tags), 60);
        fputc(']', cli->out);
    }
    for (size_t k = 0; k < row->n_matches && searched; k++) {
        fprintf(cli->out, "%s%lld", k ? ", " : "  found in ",
                (long long)row->matches[row->n_matches - 1 - k]);
    }
    fputc('\n', cli->out);
}

static json_t *of_row(const struct attune_session_row *row, bool searched)
{
    json_t *object = json_pack("{s:o, s:s, s:s, s:I}", "session",
                               cli_json_text(row->name, strlen(row->name)), "created", row->created,
                               "updated", row->updated, "runs", (json_int_t)row->n_runs);
    json_t *found = json_array();

    for (size_t k = row->n_matches; k-- > 0;) {
        json_array_append_new(found, json_integer((json_int_t)row->matches[k]));
    }
    if (searched) {
        json_object_set(object, "matches", found);
    }
    json_decref(found);
    json_object_set_new(object, "tags", cli_json_words(row->tags));
    json_object_set_new(object, "note", cli_json_text(row->note, strlen(row->note)));
    return object;
}

static int print(struct cli *cli, const struct attune_session_row *rows, size_t n, bool searched)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        if (cli->json) {
            json_array_append_new(list, of_row(&rows[i], searched));
        } else {
            print_row(cli, &rows[i], searched);
        }
    }
    if (cli->json) {
        return cli_print_json(cli, list);
    }
    json_decref(list);
    return CLI_OK;
}

static int list(struct cli *cli, const struct attune_run_query *query)
{
    bool searched = query->search || query->tag || query->model || query->stop || query->since ||
                    query->until || query->n_ranges;
    struct attune_store *store;
    struct attune_session_row *rows = NULL;
    struct attune_error err = {0};
    size_t n = 0;
    int status = cli_open_store(cli, &store, ATTUNE_STORE_READ, &err);

    if (status == ATTUNE_NOT_FOUND) { /* nothing was saved yet: no sessions, no failure */
        cli_note(cli, "%s", err.text);
        return print(cli, NULL, 0, false);
    }
    if (status == ATTUNE_OK) {
        status = attune_store_sessions(store, query, &rows, &n, &err);
    }
    status = status == ATTUNE_OK ? print(cli, rows, n, searched) : cli_fail(cli, &err);
    attune_session_rows_free(rows, n);
    attune_store_close(store);
    return status;
}

/* What the options say stands over what the words of --search say. */
static void put_options(struct cli *cli, struct attune_run_query *query)
{
    const struct {
        const char *name, **to;
    } options_of[] = {{"tag", &query->tag},
                      {"model", &query->model},
                      {"stop", &query->stop},
                      {"since", &query->since},
                      {"until", &query->until}};

    for (size_t i = 0; i < sizeof options_of / sizeof *options_of; i++) {
        const char *value = cli_value(cli, options_of[i].name);

        *options_of[i].to = value ? value : *options_of[i].to;
    }
}

static int run(struct cli *cli)
{
    size_t n = cli_count(cli, "where");
    const char *words = cli_value(cli, "search");
    struct attune_run_range *ranges = calloc(n + 1 + ATTUNE_SEARCH_RANGES, sizeof *ranges);
    struct attune_run_search search;
    struct attune_run_query query;
    struct attune_error err;
    int status = CLI_OK;

    if (!ranges || attune_run_search_init(&search, words ? words : "", &err) != ATTUNE_OK) {
        free(ranges);
        return cli_fail(cli, &(struct attune_error){ATTUNE_MEMORY, 0, "out of memory"});
    }
    query = search.query;
    put_options(cli, &query);
    memcpy(ranges + n, search.ranges, sizeof search.ranges);
    query.ranges = ranges;
    query.n_ranges = n + search.query.n_ranges;
    for (size_t i = 0; status == CLI_OK && i < n; i++) {
        status = read_range(cli, &ranges[i], cli_value_at(cli, "where", i));
    }
    if (status == CLI_OK) {
        status = list(cli, &query);
    }
    for (size_t i = 0; i < n; i++) {
        free((char *)ranges[i].name);
    }
    free(ranges);
    attune_run_search_done(&search);
    return status;
}

const struct cmd_ops cmd_sessions = {
    .name = "sessions",
    .args = "[--search WORDS] [--tag T] [--where NAME=LOW..HIGH]",
    .help = "what was saved, or what of it a search names",
    .groups = CLI_DB,
    .options = options,
    .run = run,
};
