/* attune export: a session or a run as the document that import takes back, or as a report. */
#include <config.h>

#include "cli_store.h"

#include <attune/export.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A file that could not be written whole is not left behind. */
static int write_file(const char *path, const char *text, size_t len, struct attune_error *err)
{
    FILE *f = fopen(path, "wb");
    bool good =
        f && fwrite(text, 1, len, f) == len && (text[len - 1] == '\n' || fputc('\n', f) != EOF);
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

static const struct cli_option options[] = {
    {"format", 0, "NAME",
     "json (import takes it back), markdown, html or asciicast; else by the file's name"},
    {"salvage", 0, NULL, "of a damaged database, what can be read"},
    {NULL, 0, NULL, NULL},
};

/* What --format says, else the suffix of the file, else JSON. */
static const char *choose_format(struct cli *cli, const char *path)
{
    const char *format = cli_value(cli, "format"), *dot = path ? strrchr(path, '.') : NULL;

    for (size_t i = 0; !format && dot && i < attune_export_count(); i++) {
        if (strcmp(dot + 1, attune_export_suffix(i)) == 0) {
            format = attune_export_name(i);
        }
    }
    return format ? format : "json";
}

static int run(struct cli *cli)
{
    const char *id = cli->args[0], *path = cli_value(cli, "output");
    struct attune_store *store;
    struct attune_error err = {0};
    char *text = NULL;
    size_t len = 0, lost = 0;
    int status = cli_open_store(
        cli, &store, cli_has(cli, "salvage") ? ATTUNE_STORE_SALVAGE : ATTUNE_STORE_READ, &err);

    if (status == ATTUNE_OK) {
        status = attune_export(&text, &len, store, id, cli_run_number(id), choose_format(cli, path),
                               &lost, &err);
    }
    if (status == ATTUNE_OK && path && strcmp(path, "-") != 0) {
        status = write_file(path, text, len, &err);
    } else if (status == ATTUNE_OK) {
        fwrite(text, 1, len, cli->out);
        fputs(text[len - 1] == '\n' ? "" : "\n", cli->out);
    }
    if (status == ATTUNE_OK && lost) {
        cli_note(cli, "%zu %s could not be read and %s left out", lost, lost == 1 ? "run" : "runs",
                 lost == 1 ? "is" : "are");
    }
    free(text);
    attune_store_close(store);
    return status == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cmd_ops cmd_export = {
    .name = "export",
    .args = "ID [-o FILE]",
    .help = "a session (its name) or a run (its number) as a document, a report or a recording",
    .groups = CLI_DB | CLI_OUTPUT,
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
