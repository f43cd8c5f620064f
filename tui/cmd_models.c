/* models: what lies in the user's library and what ships, as far as it opens. */
#include <config.h>

#include "cli.h"

#include <attune/library.h>

#include <stdlib.h>
#include <string.h>

static json_t *describe(const struct attune_library_entry *entry,
                        const struct attune_model_info *info)
{
    return json_pack("{s:o, s:o, s:s, s:s}", "name",
                     cli_json_text(entry->name, strlen(entry->name)), "path",
                     cli_json_text(entry->path, strlen(entry->path)), "family", info->family,
                     "kind", attune_model_kind_text(info->kind));
}

static void print_row(struct cli *cli, const struct attune_library_entry *entry, const char *kind,
                      const char *family)
{
    char row[256];

    snprintf(row, sizeof row, "%-20s  %-8s  %-10s  ", entry->name, kind, family);
    cli_print_text(cli, row, strlen(row));
    cli_print_text(cli, entry->path, strlen(entry->path));
    fputc('\n', cli->out);
}

/* A file that does not open is no reason to hide the others: it is listed with what is wrong with
 * it. */
static void list_one(struct cli *cli, const struct attune_library_entry *entry, json_t *rows)
{
    const struct attune_model_options options = {.header_only = true};
    struct attune_model *model;
    struct attune_error err = {0};

    if (cli_open_path(cli, &model, entry->path, &options, &err) != ATTUNE_OK) {
        if (cli->json) {
            cli_note(cli, "%s", err.text);
        } else {
            print_row(cli, entry, "-", "-");
            fprintf(cli->out, "    %s\n", err.text);
        }
        return;
    }
    if (cli->json) {
        json_array_append_new(rows, describe(entry, attune_model_info(model)));
    } else {
        print_row(cli, entry, attune_model_kind_text(attune_model_info(model)->kind),
                  attune_model_info(model)->family);
    }
    attune_model_close(model);
}

static int run(struct cli *cli)
{
    struct attune_library_entry *list;
    struct attune_error err;
    json_t *rows = cli->json ? json_array() : NULL;
    size_t n;
    int status = attune_library_list(&list, &n, "models", &err);

    if (status) {
        json_decref(rows);
        return cli_fail(cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        list_one(cli, &list[i], rows);
    }
    attune_library_list_free(list, n);
    if (cli->json) {
        return cli_print_json(cli, rows);
    }
    if (n == 0) {
        cli_note(cli, "no models in the library: give -m a GGUF file or a Hugging Face directory");
    }
    return CLI_OK;
}

const struct cmd_ops cmd_models = {
    .name = "models",
    .args = "",
    .help = "list the models that -m knows by name",
    .max_args = 0,
    .run = run,
};
