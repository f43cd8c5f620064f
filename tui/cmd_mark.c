/* attune mark: tags and bookmarks on sessions, runs and steps. */
#include <config.h>

#include "cli_store.h"

#include <string.h>

static const struct cli_option options[] = {
    {"bookmark", 0, "NAME", "a bookmark of this name (which may be empty)"},
    {"no-bookmark", 0, NULL, "takes the bookmark off"},
    {NULL, 0, NULL, NULL},
};

static void print_mark(struct cli *cli, const struct attune_mark *mark)
{
    cli_print_line(cli, mark->session, strlen(mark->session), 80);
    if (mark->run) {
        fprintf(cli->out, "  %lld", (long long)mark->run);
    }
    if (mark->at_step) {
        fprintf(cli->out, ":%llu", (unsigned long long)mark->step);
    }
    fprintf(cli->out, "  %s  ", attune_mark_kind_text(mark->kind));
    cli_print_line(cli, mark->text, strlen(mark->text), 120);
    fputc('\n', cli->out);
}

static int print_marks(struct cli *cli, struct attune_store *store,
                       const struct attune_place *place, struct attune_error *err)
{
    struct attune_mark *marks;
    size_t n;
    int status = attune_store_marks(store, place, &marks, &n, err);

    if (status != ATTUNE_OK) {
        return cli_fail(cli, err);
    }
    if (cli->json) {
        status = cli_print_json(cli, cli_json_marks(marks, n));
    }
    for (size_t i = 0; i < n && !cli->json; i++) {
        print_mark(cli, &marks[i]);
    }
    attune_marks_free(marks, n);
    return status;
}

/* What the words behind the place ask for; nothing is changed by asking for nothing. */
static int change(struct cli *cli, struct attune_store *store, const struct attune_place *place,
                  struct attune_error *err)
{
    const char *bookmark = cli_value(cli, "bookmark");
    int status = ATTUNE_OK;

    for (int i = 1; status == ATTUNE_OK && i < cli->n_args; i++) {
        const char *tag = cli->args[i];

        status = attune_store_mark(store, place, ATTUNE_MARK_TAG,
                                   tag + (*tag == '+' || *tag == '-'), *tag != '-', err);
    }
    if (status == ATTUNE_OK && bookmark) {
        status = attune_store_mark(store, place, ATTUNE_MARK_BOOKMARK, bookmark, true, err);
    }
    if (status == ATTUNE_OK && cli_has(cli, "no-bookmark")) {
        status = attune_store_mark(store, place, ATTUNE_MARK_BOOKMARK, NULL, false, err);
    }
    return status;
}

static int run(struct cli *cli)
{
    struct attune_place place = {0};
    bool changes = cli->n_args > 1 || cli_has(cli, "bookmark") || cli_has(cli, "no-bookmark");
    struct attune_store *store;
    struct attune_error err = {0};
    int status =
        cli_open_store(cli, &store, changes ? ATTUNE_STORE_WRITE : ATTUNE_STORE_READ, &err);

    if (cli->n_args) {
        place = cli_place(cli->args[0]);
    }
    if (status == ATTUNE_OK) {
        status = change(cli, store, &place, &err);
    }
    status = status == ATTUNE_OK ? print_marks(cli, store, &place, &err) : cli_fail(cli, &err);
    attune_store_close(store);
    return status;
}

const struct cmd_ops cmd_mark = {
    .name = "mark",
    .args = "[ID [+TAG|-TAG]...]",
    .help = "tags and bookmarks of a session (its name), a run (its number) or a step (RUN:STEP)",
    .groups = CLI_DB | CLI_DASHED,
    .options = options,
    .max_args = -1,
    .run = run,
};
