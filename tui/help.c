/* What there is: the help, and what Tab offers. Both grow from the tables of actions, options,
 * bindings, parameters, panels and verbs. */
#include <config.h>

#include "app.h"

#include <attune/library.h>
#include <stdlib.h>
#include <string.h>

#include "bars.h"
#include "cli.h"

static void print_bindings(FILE *out, const struct app *app, const char *where, bool with_alt,
                           const char *heading)
{
    bool first = true;

    for (size_t i = 0; i < app->conf.keymap.n; i++) {
        const struct binding *b = &app->conf.keymap.list[i];
        char label[64];

        if (strcmp(b->where, where) == 0) {
            bars_key_label(&b->key, with_alt && b->key.kind == KEY_CHAR && b->key.mods == 0, label,
                           sizeof label);
            if (first) {
                fprintf(out, "\1%s\n", heading);
            }
            fprintf(out, "  %-12s %-30s %s%s%s\n", label, b->help, b->action, b->arg[0] ? " " : "",
                    b->arg);
            first = false;
        }
    }
    if (!first) {
        fputc('\n', out);
    }
}

static void print_help(FILE *out, const struct app *app)
{
    char heading[160];

    if (app->focus) {
        snprintf(heading, sizeof heading, "%s: %s", app->focus->ops->title, app->focus->ops->help);
        print_bindings(out, app, app->focus->ops->name, app->focus->ops->takes_text, heading);
        if (app->focus->ops->takes_text) {
            fprintf(out, "  Characters are typed here. Alt with a letter, or Escape and then the "
                         "letter, is the\n"
                         "  letter of the lists below.\n\n");
        }
    }
    snprintf(heading, sizeof heading, "Screen %s", app->screen);
    if (!app->focus || strcmp(app->screen, app->focus->ops->name) != 0) {
        print_bindings(out, app, app->screen, false, heading);
    }
    print_bindings(out, app, "all", false, "Everywhere");
    for (size_t i = 0; i < panel_count(); i++) {
        if ((!app->focus || panel_at(i) != app->focus->ops) &&
            strcmp(panel_at(i)->name, app->screen) != 0) {
            snprintf(heading, sizeof heading, "%s (%s): %s", panel_at(i)->title, panel_at(i)->name,
                     panel_at(i)->help);
            print_bindings(out, app, panel_at(i)->name, panel_at(i)->takes_text, heading);
        }
    }
    fprintf(out, "\1Actions: bind them to keys, or type them after :\n");
    for (size_t i = 0; i < action_count(); i++) {
        snprintf(heading, sizeof heading, "%s %s", action_at(i)->name, action_at(i)->arg);
        fprintf(out, "  %-24s %s\n", heading, action_at(i)->help);
    }
    fprintf(out, "\n\1Options: set NAME VALUE, here and in attune.conf\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        snprintf(heading, sizeof heading, "%s = %s", option_name(i), conf_get(&app->conf, i));
        fprintf(out, "  %-24s %s (%s)\n", heading, option_help(i), option_values(i));
    }
    fprintf(out, "\n\1Knobs: NAME VALUE, or tick NAME STEPS\n");
    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *p = attune_param_at(i);

        snprintf(heading, sizeof heading, "%s %.6g..%.6g", p->name, p->min, p->max);
        fprintf(out, "  %-24s %s\n", heading, p->help);
    }
    fprintf(out, "\n\1Screens\n");
    for (size_t i = 0; i < app->conf.screens.n; i++) {
        const struct screen *s = &app->conf.screens.list[i];

        snprintf(heading, sizeof heading, s->min_cols ? "%s, from %d columns" : "%s", s->name,
                 s->min_cols);
        fprintf(out, "  %-24s %s\n", heading, s->text);
    }
    fprintf(out, "\n\1Verbs: type them after : too; in a shell, attune VERB --help\n");
    for (size_t i = 0; i < cmd_count(); i++) {
        fprintf(out, "  %-24s %s\n", cmd_at(i)->name, cmd_at(i)->help);
    }
}

/* Only the lines that hold the word. */
static char *filter(char *text, const char *word)
{
    char *out = text, *next;

    for (char *line = text; *line; line = next) {
        char *end = strchr(line, '\n');
        size_t len = (size_t)(end - line);

        next = end + 1;
        *end = '\0';
        if (strcasestr(line, word)) {
            memmove(out, line, len);
            out += len;
            *out++ = '\n';
        }
    }
    *out = '\0';
    return text;
}

void app_show_help(struct app *app, const char *word)
{
    char *text = NULL, title[80];
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out) {
        return;
    }
    print_help(out, app);
    fclose(out);
    snprintf(title, sizeof title, word[0] ? "Help: %s" : "Help (q leaves)", word);
    if (word[0] && filter(text, word)[0] == '\0') {
        bench_say(&app->bench, true, "help: no line holds \"%s\"", word);
        free(text);
        return;
    }
    pager_show(&app->pager, title, text);
}

static void add_library(struct line_words *words, const char *kind)
{
    struct attune_library_entry *list;
    size_t n;

    if (attune_library_list(&list, &n, kind, NULL) == ATTUNE_OK) {
        for (size_t i = 0; i < n; i++) {
            line_add_word(words, list[i].name);
        }
        attune_library_list_free(list, n);
    }
}

static void add_params(struct line_words *words)
{
    for (size_t i = 0; i < attune_param_count(); i++) {
        line_add_word(words, attune_param_at(i)->name);
    }
    line_add_word(words, "max_tokens");
    line_add_word(words, "seed");
}

static void add_first_words(struct app *app, struct line_words *words)
{
    static const char *const conf[] = {"bind", "unbind"};

    for (size_t i = 0; i < action_count(); i++) {
        line_add_word(words, action_at(i)->name);
    }
    for (size_t i = 0; i < 2; i++) {
        line_add_word(words, conf[i]);
    }
    for (size_t i = 0; i < app->conf.keymap.n; i++) { /* actions of panels, each once */
        const char *name = app->conf.keymap.list[i].action;
        bool seen = action_find(name) != NULL;

        for (size_t k = 0; k < i && !seen; k++) {
            seen = strcmp(app->conf.keymap.list[k].action, name) == 0;
        }
        if (!seen) {
            line_add_word(words, name);
        }
    }
    add_params(words);
    for (size_t i = 0; i < cmd_count(); i++) {
        if (!action_find(cmd_at(i)->name)) {
            line_add_word(words, cmd_at(i)->name);
        }
    }
}

void app_complete(void *user, const char *line, struct line_words *words)
{
    struct app *app = user;
    char word[64];

    line += strspn(line, " \t:");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(line, " \t"), line);
    if (!word[0]) {
        add_first_words(app, words);
    } else if (strcmp(word, "set") == 0) {
        for (int i = 0; i < OPTION_COUNT; i++) {
            line_add_word(words, option_name(i));
        }
        add_params(words);
    } else if (strcmp(word, "tick") == 0 || strcmp(word, "reset") == 0) {
        add_params(words);
    } else if (strcmp(word, "model") == 0 || strcmp(word, "card") == 0) {
        add_library(words, "models");
        line_add_word(words, "next");
    } else if (strcmp(word, "task") == 0) {
        for (int i = 0; i < TASK_COUNT; i++) {
            if (app->bench.model && task_fits((enum task_name)i, app->bench.model)) {
                line_add_word(words, task_at((enum task_name)i)->name);
            }
        }
    } else if (strcmp(word, "example") == 0) {
        add_library(words, "prompts/examples");
    } else if (strcmp(word, "template") == 0) {
        add_library(words, "prompts/templates");
    } else if (strcmp(word, "load_shots") == 0) {
        add_library(words, "prompts/shots");
    } else if (strcmp(word, "order") == 0) {
        static const char *const orders[] = {"hf", "llama.cpp", "ollama", "vllm"};

        for (size_t i = 0; i < 4; i++) {
            line_add_word(words, orders[i]);
        }
    } else if (strcmp(word, "screen") == 0) {
        for (size_t i = 0; i < app->conf.screens.n; i++) {
            line_add_word(words, app->conf.screens.list[i].name);
        }
    } else if (strcmp(word, "focus") == 0 || strcmp(word, "bind") == 0 ||
               strcmp(word, "unbind") == 0) {
        for (size_t i = 0; i < panel_count(); i++) {
            line_add_word(words, panel_at(i)->name);
        }
        line_add_word(words, word[0] == 'f' ? "next" : "all");
    }
}
