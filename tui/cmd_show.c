/* attune show: a saved run with what made it, or the runs of a session. */
#include <config.h>

#include "cli_store.h"

#include <stdlib.h>
#include <string.h>

#include "forest.h"

static const struct cli_option options[] = {
    {"steps", 0, NULL, "the steps as a table"},
    {NULL, 0, NULL, NULL},
};

static void print_field(struct cli *cli, const char *name, const char *value)
{
    fprintf(cli->out, "%-10s ", name);
    cli_print_line(cli, value, strlen(value), 500);
    fputc('\n', cli->out);
}

static void print_number(struct cli *cli, const char *name, uint64_t value)
{
    fprintf(cli->out, "%-10s %llu\n", name, (unsigned long long)value);
}

static int print_steps(struct cli *cli, struct attune_store *store, int64_t run,
                       struct attune_error *err)
{
    struct attune_step *steps;
    size_t n;
    int status = attune_store_load_steps(store, run, &steps, &n, err);

    fprintf(cli->out, "\n%6s %7s %9s %9s %5s %8s %10s  %s\n", "step", "id", "p", "p raw", "rank",
            "bits", "u", "token");
    for (size_t i = 0; i < n; i++) {
        fprintf(cli->out, "%6llu %7d %9.6f %9.6f %5u %8.4f %10.8f  ",
                (unsigned long long)steps[i].index, (int)steps[i].id, steps[i].p, steps[i].p_raw,
                steps[i].rank, steps[i].entropy_bits, steps[i].draw.u);
        cli_print_line(cli, steps[i].bytes, steps[i].n_bytes, 40);
        fputc('\n', cli->out);
    }
    free(steps);
    return status;
}

static int print_run(struct cli *cli, struct attune_store *store, const struct attune_run_record *r,
                     struct attune_error *err)
{
    print_number(cli, "run", (uint64_t)r->id);
    print_field(cli, "session", r->session);
    print_field(cli, "created", r->created);
    print_field(cli, "model", r->model_name);
    print_field(cli, "path", r->model_path);
    print_field(cli, "engine", r->engine);
    print_field(cli, "chain", r->chain);
    print_number(cli, "seed", r->seed);
    fprintf(cli->out, "%-10s %zu read, %zu produced of %zu asked for\n", "tokens",
            r->n_prompt + r->n_decoder, r->n_steps, r->max_tokens);
    if (*r->origin) {
        print_field(cli, "origin", r->origin);
        print_field(cli, "details", r->details);
    }
    print_field(cli, "stop",
                *r->origin                    ? "not known: it came as text"
                : r->stop == ATTUNE_STOP_NONE ? "none: it was cut off or is still running"
                                              : attune_stop_text(r->stop));
    if (r->fast) {
        print_field(cli, "exact", "no: made with --fast");
    }
    if (r->fork_of) {
        fprintf(cli->out, "%-10s of run %lld behind %zu of its steps\n", "fork",
                (long long)r->fork_of, r->fork_steps);
    }
    if (*r->tags) {
        print_field(cli, "tags", r->tags);
    }
    if (*r->note) {
        print_field(cli, "note", r->note);
    }
    fputs("\nprompt\n", cli->out);
    cli_print_text(cli, r->prompt_text, r->prompt_text_len);
    fputs("\n\noutput\n", cli->out);
    cli_print_text(cli, r->output, r->output_len);
    fputc('\n', cli->out);
    return cli_has(cli, "steps") ? print_steps(cli, store, r->id, err) : ATTUNE_OK;
}

static void print_branch(struct cli *cli, const struct attune_run_record *r, const char *guides)
{
    fprintf(cli->out, "%5lld  %.19s  %4zu tokens  %-11s  %s", (long long)r->id, r->created,
            r->n_steps,
            *r->origin                    ? r->origin
            : r->stop == ATTUNE_STOP_NONE ? "cut off"
                                          : attune_stop_text(r->stop),
            guides);
    if (r->fork_of) {
        fprintf(cli->out, "after step %zu of %lld | ", r->fork_steps, (long long)r->fork_of);
    } else {
        cli_print_line(cli, r->prompt_text, r->prompt_text_len, 40);
        fputs(" | ", cli->out);
    }
    cli_print_line(cli, r->output, r->output_len, 40);
    if (*r->tags) {
        fputs("  [", cli->out);
        cli_print_line(cli, r->tags, strlen(r->tags), 60);
        fputc(']', cli->out);
    }
    fputc('\n', cli->out);
}

static int print_session(struct cli *cli, const struct attune_run_record *runs, size_t n)
{
    static const char *const glyphs[] = {"|  ", "   ", "|- ", "`- "};
    struct forest forest;
    json_t *list;

    if (!cli->json) {
        if (!forest_init(&forest, runs, n, false)) {
            return cli_fail(cli, &(struct attune_error){ATTUNE_MEMORY, 0, "out of memory"});
        }
        for (size_t i = 0; i < n; i++) {
            char guides[3 * FOREST_DEEPEST + 1];

            forest_guides(guides, sizeof guides, &forest, forest.order[i], glyphs);
            print_branch(cli, &runs[forest.order[i]], guides);
        }
        forest_done(&forest);
        return CLI_OK;
    }
    list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, cli_json_row(&runs[i]));
    }
    return cli_print_json(cli, list);
}

static int run(struct cli *cli)
{
    struct attune_store *store;
    struct attune_run_record *runs = NULL;
    struct attune_error err = {0};
    json_t *object;
    size_t n = 0;
    int status = cli_open_store(cli, &store, ATTUNE_STORE_READ, &err);

    if (status == ATTUNE_OK) {
        status = cli_load_runs(store, cli->args[0], &runs, &n, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (!cli_run_number(cli->args[0])) {
        status = print_session(cli, runs, n);
    } else if (cli->json) {
        object = cli_json_run(store, &runs[0], true, &err);
        status = object ? cli_print_json(cli, object) : cli_fail(cli, &err);
    } else {
        status = print_run(cli, store, &runs[0], &err) == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
    }
    attune_run_records_free(runs, n);
    attune_store_close(store);
    return status;
}

const struct cmd_ops cmd_show = {
    .name = "show",
    .args = "ID",
    .help = "a saved run (its number), or the runs of a session (its name)",
    .groups = CLI_DB,
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
