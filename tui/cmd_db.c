/* attune db: the database as a file: where it is, whether it is right, how large, made smaller. */
#include <config.h>

#include "cli_store.h"

#include <attune/upkeep.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int say_path(struct cli *cli, const char *path)
{
    if (cli->json) {
        return cli_print_json(cli, json_pack("{s:o}", "path", cli_json_text(path, strlen(path))));
    }
    fprintf(cli->out, "%s\n", path);
    return CLI_OK;
}

static int print_path(struct cli *cli, struct attune_store *store, struct attune_error *err)
{
    (void)err;
    return say_path(cli, attune_store_path(store));
}

static int print_stats(struct cli *cli, struct attune_store *store, struct attune_error *err)
{
    struct attune_store_stats s;

    if (attune_store_stats(&s, store, err) != ATTUNE_OK) {
        return cli_fail(cli, err);
    }
    if (cli->json) {
        return cli_print_json(
            cli,
            json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
                      "schema", s.schema, "file_bytes", (json_int_t)s.file_bytes, "log_bytes",
                      (json_int_t)s.log_bytes, "free_bytes", (json_int_t)s.free_bytes, "sessions",
                      (json_int_t)s.sessions, "runs", (json_int_t)s.runs, "steps",
                      (json_int_t)s.steps, "nodes", (json_int_t)s.nodes, "texts",
                      (json_int_t)s.texts, "marks", (json_int_t)s.marks, "journal_states",
                      (json_int_t)s.states, "pins", (json_int_t)s.pins, "pin_bytes",
                      (json_int_t)s.pin_bytes, "bytes_per_step", cli_json_real(s.bytes_per_step)));
    }
    fprintf(cli->out, "%-10s %d\n", "schema", s.schema);
    fprintf(cli->out,
            "%-10s %" PRIu64 " bytes, %" PRIu64 " of them free, and %" PRIu64 " in the log\n",
            "file", s.file_bytes, s.free_bytes, s.log_bytes);
    fprintf(cli->out, "%-10s %" PRIu64 " in %" PRIu64 " %s\n", "runs", s.runs, s.sessions,
            s.sessions == 1 ? "session" : "sessions");
    fprintf(cli->out, "%-10s %" PRIu64 ", kept in %" PRIu64 " nodes and %" PRIu64 " texts\n",
            "steps", s.steps, s.nodes, s.texts);
    fprintf(cli->out, "%-10s %" PRIu64 "\n", "marks", s.marks);
    fprintf(cli->out, "%-10s %" PRIu64 " states of the composer and of what was opened\n",
            "journal", s.states);
    if (s.pins) {
        fprintf(cli->out, "%-10s %" PRIu64 " in %" PRIu64 " bytes\n", "pins", s.pins, s.pin_bytes);
    }
    if (s.steps) {
        fprintf(cli->out, "%-10s %.0f bytes a step with everything\n", "growth", s.bytes_per_step);
    }
    return CLI_OK;
}

static int check(struct cli *cli, struct attune_store *store, struct attune_error *err)
{
    struct attune_store_check found;
    json_t *list = json_array();
    bool right;

    if (attune_store_check(&found, store, &cli->progress, err) != ATTUNE_OK) {
        json_decref(list);
        return cli_fail(cli, err);
    }
    for (size_t i = 0; i < found.n_told; i++) {
        if (cli->json) {
            json_array_append_new(list,
                                  cli_json_text(found.problems[i], strlen(found.problems[i])));
        } else {
            fprintf(cli->out, "%s\n", found.problems[i]);
        }
    }
    right = found.n_problems == 0;
    if (cli->json) {
        cli_print_json(cli,
                       json_pack("{s:b, s:I, s:I, s:I, s:O}", "right", right, "nodes",
                                 (json_int_t)found.nodes, "texts", (json_int_t)found.texts,
                                 "n_problems", (json_int_t)found.n_problems, "problems", list));
    } else {
        fprintf(cli->out, "%s: %" PRIu64 " nodes and %" PRIu64 " texts looked at, %" PRIu64 " %s\n",
                right ? "all is right" : "damaged", found.nodes, found.texts, found.n_problems,
                found.n_problems == 1 ? "problem" : "problems");
    }
    json_decref(list);
    attune_store_check_done(&found);
    return right ? CLI_OK : CLI_DIFFERS;
}

static int vacuum(struct cli *cli, struct attune_store *store, struct attune_error *err)
{
    struct attune_store_stats before, after;
    int status = attune_store_stats(&before, store, err);

    if (status == ATTUNE_OK) {
        status = attune_store_vacuum(store, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_store_stats(&after, store, err);
    }
    if (status != ATTUNE_OK) {
        return cli_fail(cli, err);
    }
    if (cli->json) {
        return cli_print_json(cli, json_pack("{s:I, s:I}", "bytes_before",
                                             (json_int_t)(before.file_bytes + before.log_bytes),
                                             "bytes_after",
                                             (json_int_t)(after.file_bytes + after.log_bytes)));
    }
    fprintf(cli->out, "%" PRIu64 " bytes, %" PRIu64 " before\n", after.file_bytes + after.log_bytes,
            before.file_bytes + before.log_bytes);
    return CLI_OK;
}

static const struct action {
    const char *name;
    enum attune_store_mode mode;
    int (*run)(struct cli *cli, struct attune_store *store, struct attune_error *err);
} actions[] = {
    {"path", ATTUNE_STORE_READ, print_path},
    {"stats", ATTUNE_STORE_READ, print_stats},
    {"check", ATTUNE_STORE_WRITE, check},
    {"vacuum", ATTUNE_STORE_WRITE, vacuum},
};

static int act(struct cli *cli, const struct action *action)
{
    struct attune_error err = {0};
    struct attune_store *store;
    char *path;
    int status;

    /* looking must not make a database: it is opened for writing only once it is there */
    status = cli_open_store(cli, &store, ATTUNE_STORE_READ, &err);
    if (status == ATTUNE_NOT_FOUND && action->run == print_path &&
        cli_store_path(cli, &path, &err) == ATTUNE_OK) {
        status = say_path(cli, path);
        free(path);
        return status;
    }
    if (status == ATTUNE_FORMAT && action->run == check) {
        status = cli_open_store(cli, &store, ATTUNE_STORE_SALVAGE, &err);
    } else if (status == ATTUNE_OK && action->mode == ATTUNE_STORE_WRITE) {
        struct attune_store *writer;

        if (cli_open_store(cli, &writer, ATTUNE_STORE_WRITE, &err) == ATTUNE_OK) {
            attune_store_close(store);
            store = writer;
        }
    }
    status = status == ATTUNE_OK ? action->run(cli, store, &err) : cli_fail(cli, &err);
    attune_store_close(store);
    return status;
}

static int run(struct cli *cli)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, cli->args[0]) == 0) {
            return act(cli, &actions[i]);
        }
    }
    return cli_wrong(cli, "db: path, stats, check or vacuum, not %s", cli->args[0]);
}

const struct cmd_ops cmd_db = {
    .name = "db",
    .args = "path|stats|check|vacuum",
    .help = "the database: where it is, how large, whether all of it is right, made smaller",
    .groups = CLI_DB,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
