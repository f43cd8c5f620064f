/* attune library: prompts, templates and pools of shots that are known by name, and what is in
 * them. */
#include <config.h>

#include "cli.h"

#include <attune/library.h>
#include <string.h>

static const struct cli_option options[] = {
    {"search", 0, "WORDS", "only what holds all of these words, in name, purpose or text"},
    {"kind", 0, "KIND", "only prompts, templates or shots"},
    {"show", 0, NULL, "with the text of each"},
    {NULL, 0, NULL, NULL},
};

static json_t *describe(const struct attune_library_item *item, bool show)
{
    json_t *row = json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", item->kind, "name",
                            cli_json_text(item->name, strlen(item->name)), "use",
                            cli_json_text(item->use, strlen(item->use)), "about",
                            cli_json_text(item->about, strlen(item->about)), "path",
                            cli_json_text(item->path, strlen(item->path)));

    if (strcmp(item->kind, "template") != 0) {
        json_object_set_new(row, "shots", json_integer((json_int_t)item->shots));
    }
    if (item->broken) {
        json_object_set_new(row, "broken", json_true());
    }
    if (show) {
        json_object_set_new(row, "text", cli_json_text(item->text, strlen(item->text)));
    }
    return row;
}

static void print_item(struct cli *cli, const struct attune_library_item *item, bool show)
{
    char row[128];

    snprintf(row, sizeof row, "%-8s  %-26s  ", item->kind, item->name);
    cli_print_text(cli, row, strlen(row));
    cli_print_text(cli, item->about, strlen(item->about));
    fputc('\n', cli->out);
    for (const char *line = item->text; show && *line;) {
        size_t len = strcspn(line, "\n");

        fputs("    ", cli->out);
        cli_print_text(cli, line, len);
        fputc('\n', cli->out);
        line += len + (line[len] == '\n');
    }
}

/* "prompts" and "prompt" both name a kind. */
static bool is_kind(const char *wanted, const char *kind)
{
    size_t len = strlen(kind);

    return !wanted ||
           (strncmp(wanted, kind, len) == 0 && (!wanted[len] || strcmp(wanted + len, "s") == 0));
}

static int run(struct cli *cli)
{
    const char *kind = cli_value(cli, "kind");
    json_t *rows = cli->json ? json_array() : NULL;
    struct attune_library_item *items;
    struct attune_error err;
    bool show = cli_has(cli, "show");
    size_t n, shown = 0;
    int status;

    if (kind && !is_kind(kind, "prompt") && !is_kind(kind, "template") && !is_kind(kind, "shots")) {
        json_decref(rows);
        return cli_wrong(cli, "library: --kind %s: there are prompts, templates and shots", kind);
    }
    status = attune_library_browse(&items, &n, cli_value(cli, "search"), &err);
    if (status != ATTUNE_OK) {
        json_decref(rows);
        return cli_fail(cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_kind(kind, items[i].kind)) {
            continue;
        }
        shown++;
        if (cli->json) {
            json_array_append_new(rows, describe(&items[i], show));
        } else {
            print_item(cli, &items[i], show);
        }
    }
    attune_library_items_free(items, n);
    if (cli->json) {
        return cli_print_json(cli, rows);
    }
    if (shown == 0) {
        cli_note(cli, "nothing in the library holds these words");
    }
    return CLI_OK;
}

const struct cmd_ops cmd_library = {
    .name = "library",
    .args = "[--search WORDS] [--kind prompts|templates|shots]",
    .help = "list the prompts, templates and shots that are known by name",
    .options = options,
    .max_args = 0,
    .run = run,
};
