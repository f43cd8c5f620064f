/* attune note: a note on a session, a run or a step; looked for as prompts and outputs are. */
#include <config.h>

#include "cli_store.h"

#include <stdlib.h>
#include <string.h>

/* The note of this very place, or "". */
static int print_note(struct cli *cli, struct attune_store *store, const struct attune_place *place,
                      struct attune_error *err)
{
    struct attune_mark *marks;
    size_t n;
    int status = attune_store_marks(store, place, &marks, &n, err);
    const char *text = "";

    for (size_t i = 0; i < n; i++) {
        if (marks[i].kind == ATTUNE_MARK_NOTE && marks[i].run == place->run &&
            marks[i].at_step == place->at_step) {
            text = marks[i].text;
        }
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, err);
    } else if (cli->json) {
        status = cli_print_json(cli, json_pack("{s:o}", "note", cli_json_text(text, strlen(text))));
    } else if (*text) {
        cli_print_text(cli, text, strlen(text));
        fputc('\n', cli->out);
    }
    attune_marks_free(marks, n);
    return status;
}

static int run(struct cli *cli)
{
    const struct attune_place place = cli_place(cli->args[0]);
    const char *text = cli->n_args > 1 ? cli->args[1] : NULL;
    struct attune_store *store;
    struct attune_error err = {0};
    int status = cli_open_store(cli, &store, text ? ATTUNE_STORE_WRITE : ATTUNE_STORE_READ, &err);

    if (status == ATTUNE_OK && text) {
        status = attune_store_mark(store, &place, ATTUNE_MARK_NOTE, *text ? text : NULL,
                                   *text != '\0', &err);
    }
    status = status == ATTUNE_OK ? print_note(cli, store, &place, &err) : cli_fail(cli, &err);
    attune_store_close(store);
    return status;
}

const struct cmd_ops cmd_note = {
    .name = "note",
    .args = "ID [TEXT]",
    .help = "the note on a session, a run or a step (RUN:STEP): shows it, sets it, or with \"\" "
            "takes it off",
    .groups = CLI_DB,
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
