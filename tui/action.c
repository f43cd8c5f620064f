/* What the screen can do, by name: the rows of actions.def, each with its function. Keys, the
 * configuration and the : line come here; an action that is none of these goes to the panels. */
#include <config.h>

#include "app.h"

#include <attune/library.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bars.h"
#include "cli.h"
#include "clipboard.h"
#include "line.h"
#include "term.h"

static void say_usage(struct app *app, const char *action)
{
    const struct action_text *text = action_find(action);

    bench_say(&app->bench, true, "%s %s: %s", text->name, text->arg, text->help);
}

/* "top-p" and "top_p" are the same. */
static const char *param_name(char out[64], const char *word, size_t len)
{
    snprintf(out, 64, "%.*s", (int)(len < 63 ? len : 63), word);
    for (char *at = out; *at; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    if (strcmp(out, "n") == 0 || strcmp(out, "max_tokens") == 0) {
        return "max_tokens";
    }
    if (strcmp(out, "seed") == 0) {
        return "seed";
    }
    return attune_param_find(out) ? attune_param_find(out)->name : NULL;
}

static void do_quit(struct app *app, const char *arg)
{
    app->quit = true;
}

static void do_help(struct app *app, const char *arg)
{
    app_show_help(app, arg);
}

static void do_command(struct app *app, const char *arg)
{
    char text[256];

    snprintf(text, sizeof text, "%s%s", arg, arg[0] ? " " : "");
    line_begin(text);
}

static void do_run(struct app *app, const char *arg)
{
    bench_run(&app->bench);
}

static void do_cancel(struct app *app, const char *arg)
{
    if (app->verb.pid) {
        verb_stop(&app->verb);
    } else {
        bench_cancel(&app->bench);
    }
}

static void do_screen(struct app *app, const char *arg)
{
    if (!screens_find(&app->conf.screens, arg, app->canvas.rows, app->canvas.cols)) {
        bench_say(&app->bench, true, "%s: no such screen (F1 lists them)", arg[0] ? arg : "screen");
        return;
    }
    snprintf(app->screen, sizeof app->screen, "%s", arg);
    app->zoom = false;
}

static void do_focus(struct app *app, const char *arg)
{
    size_t at = 0, n = app->n_places;
    bool next = strcmp(arg, "next") == 0;

    if (n == 0) {
        return;
    }
    if (!next && strcmp(arg, "previous") != 0) {
        if (!app_focus(app, arg)) {
            bench_say(&app->bench, true, "%s: no such panel on this screen",
                      arg[0] ? arg : "focus");
        }
        return;
    }
    while (at < n && app->focus && strcmp(app->places[at].panel, app->focus->ops->name) != 0) {
        at++;
    }
    app_focus(app, app->places[(at + (next ? 1 : n - 1)) % n].panel);
}

static void do_zoom(struct app *app, const char *arg)
{
    app->zoom = !app->zoom;
}

static void do_tick(struct app *app, const char *arg)
{
    char name[64];
    const char *space = strrchr(arg, ' '),
               *param = param_name(name, arg, space ? (size_t)(space - arg) : strlen(arg));
    char *end;
    long ticks = space ? strtol(space + 1, &end, 10) : 1;

    if (!param || (space && (end == space + 1 || *end)) || ticks < -100000 || ticks > 100000) {
        say_usage(app, "tick");
        return;
    }
    bench_tick(&app->bench, param, (int)ticks);
}

/* "temperature 0.7", also with = between. */
static bool set_param(struct app *app, const char *text)
{
    char name[64];
    size_t len = strcspn(text, " ="), gap = strspn(text + len, " =");
    const char *param = param_name(name, text, len), *value = text + len + gap;
    double number;
    char *end;

    if (!param) {
        return false;
    }
    if (strcmp(param, "seed") == 0 && strcmp(value, "random") == 0) {
        app->bench.seed_is_fixed = false;
        return true;
    }
    number = strtod(value, &end);
    if (!value[0] || end == value || *end) {
        bench_say(&app->bench, true, "%s: wants a number", param);
        return true;
    }
    bench_set_param(&app->bench, param, number);
    return true;
}

static void do_set(struct app *app, const char *arg)
{
    char line[512];
    struct attune_error err;

    if (!arg[0]) {
        say_usage(app, "set");
        return;
    }
    snprintf(line, sizeof line, "set %s", arg);
    if (set_param(app, arg)) {
        return;
    }
    if (conf_line(&app->conf, line, &err) != ATTUNE_OK) {
        bench_say(&app->bench, true, "%s", err.text);
        return;
    }
    app_apply_conf(app);
    term_mouse(app->term, conf_yes(&app->conf, OPTION_mouse));
}

static void do_reset(struct app *app, const char *arg)
{
    char name[64];
    const char *param = arg[0] ? param_name(name, arg, strlen(arg)) : NULL;

    if (arg[0] && !param) {
        bench_say(&app->bench, true, "%s: no such knob", arg);
        return;
    }
    bench_reset_param(&app->bench, param);
}

static void do_order(struct app *app, const char *arg)
{
    bench_set_order(&app->bench, arg);
}

static void do_chain(struct app *app, const char *arg)
{
    bench_set_chain(&app->bench, arg);
}

static void do_model(struct app *app, const char *arg)
{
    if (!arg[0]) {
        say_usage(app, "model");
        return;
    }
    bench_load_model(&app->bench, arg);
}

/* The run that an action is for: its argument, else the one on screen. */
static bool run_id(struct app *app, const char *action, const char *arg, int64_t *out)
{
    char *end;

    *out = arg[0] ? strtoll(arg, &end, 10) : app->bench.run;
    if ((arg[0] && (end == arg || *end)) || *out <= 0) {
        say_usage(app, action);
        return false;
    }
    return true;
}

static void do_replay(struct app *app, const char *arg)
{
    int64_t run;

    if (run_id(app, "replay", arg, &run)) {
        bench_replay(&app->bench, run, false);
    }
}

static void do_verify(struct app *app, const char *arg)
{
    int64_t run;

    if (run_id(app, "verify", arg, &run)) {
        bench_replay(&app->bench, run, true);
    }
}

static void do_restore(struct app *app, const char *arg)
{
    int64_t run;

    if (run_id(app, "restore", arg, &run)) {
        bench_restore(&app->bench, run);
    }
}

static void do_search(struct app *app, const char *arg)
{
    bench_list_runs(&app->bench, arg[0] ? arg : NULL);
}

static void do_step(struct app *app, const char *arg)
{
    char *end;
    long n = strtol(arg, &end, 10);

    if (!arg[0] || *end || n < 0) {
        say_usage(app, "step");
        return;
    }
    bench_use_step(&app->bench, (size_t)n);
}

static void do_cursor(struct app *app, const char *arg)
{
    char *end;
    long by = strtol(arg, &end, 10);

    if (!arg[0] || *end) {
        say_usage(app, "cursor");
        return;
    }
    bench_move_cursor(&app->bench, by);
}

static void do_copy(struct app *app, const char *arg)
{
    struct workbench *b = &app->bench;
    struct {
        const char *name, *text;
        size_t len;
    } what[] = {
        {"output", b->output, b->output_len},
        {"sent", b->text.text, b->text.len},
        {"query", b->prompt.n ? b->prompt.blocks[b->prompt.n - 1].text : NULL, 0},
    };
    char *bytes;
    size_t i = 0, len;

    what[2].len = what[2].text ? strlen(what[2].text) : 0;
    while (arg[0] && i < 3 && strcmp(what[i].name, arg) != 0) {
        i++;
    }
    if (i == 3 || !what[i].text || what[i].len == 0) {
        bench_say(b, true, i == 3 ? "copy: output, sent or query" : "there is no %s to copy yet",
                  i == 3 ? "" : what[i].name);
        return;
    }
    if (what[i].len > CLIPBOARD_MOST) {
        bench_say(b, true, "%zu bytes are more than terminals take for the clipboard (%d)",
                  what[i].len, CLIPBOARD_MOST);
        return;
    }
    bytes = clipboard_sequence(what[i].text, what[i].len, getenv("TMUX") != NULL, &len);
    if (bytes) {
        term_write(app->term, bytes, len);
        bench_say(b, false, "%s: %zu bytes to the clipboard", what[i].name, what[i].len);
    }
    free(bytes);
}

static bool write_file(int fd, const char *text)
{
    size_t len = strlen(text), at = 0;

    while (at < len) {
        ssize_t n = write(fd, text + at, len - at);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* The block that "task", "query" or a shot's number means. */
static bool find_block(const struct attune_prompt *prompt, const char *arg, size_t *out)
{
    char *end;
    long n = strtol(arg, &end, 10);

    if (strcmp(arg, "task") == 0) {
        *out = 0;
    } else if (!arg[0] || strcmp(arg, "query") == 0) {
        *out = prompt->n - 1;
    } else {
        *out = (size_t)n;
        return !*end && n >= 1 && (size_t)n + 1 < prompt->n;
    }
    return prompt->n > 0;
}

static void do_editor(struct app *app, const char *arg)
{
    const char *visual = getenv("VISUAL"),
               *editor = visual && visual[0] ? visual : getenv("EDITOR");
    const char *folder = getenv("TMPDIR");
    struct attune_prompt *prompt = &app->bench.prompt;
    struct attune_error err;
    char path[512], command[600], sh[] = "sh", c[] = "-c", *text = NULL;
    char *argv[] = {sh, c, command, sh, path, NULL};
    size_t block, len;
    int fd, status;

    if (!find_block(prompt, arg, &block)) {
        say_usage(app, "editor");
        return;
    }
    snprintf(path, sizeof path, "%s/attune-XXXXXX", folder && folder[0] ? folder : "/tmp");
    snprintf(command, sizeof command, "%s \"$1\"", editor && editor[0] ? editor : "vi");
    fd = mkstemp(path);
    if (fd < 0 || !write_file(fd, prompt->blocks[block].text)) {
        bench_say(&app->bench, true, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        return;
    }
    close(fd);
    status = term_run(app->term, argv);
    if (status != 0) {
        bench_say(&app->bench, true, "%s ended with status %d: nothing was changed", command,
                  status);
    } else if (cli_read_file(&text, &len, path, &err) != ATTUNE_OK ||
               attune_prompt_set(prompt, block, text, prompt->blocks[block].answer, &err) !=
                   ATTUNE_OK) {
        bench_say(&app->bench, true, "%s", err.text);
    } else {
        bench_prompt_changed(&app->bench);
    }
    free(text);
    unlink(path);
}

static void do_mouse(struct app *app, const char *arg)
{
    do_set(app, strcmp(arg, "on") == 0 ? "mouse yes" : "mouse no");
}

static void do_redraw(struct app *app, const char *arg)
{
    term_repaint(app->term);
}

static void do_suspend(struct app *app, const char *arg)
{
    term_suspend(app->term);
}

static const struct {
    const char *name;
    void (*run)(struct app *app, const char *arg);
} runs[] = {
#define ACTION(name, arg, help) {#name, do_##name},
#include "actions.def"
#undef ACTION
};

static bool panel_act(struct panel *panel, const char *action, const char *arg)
{
    return panel && panel->ops->action && panel->ops->action(panel, action, arg);
}

bool app_act(struct app *app, const char *action, const char *arg)
{
    arg = arg ? arg : "";
    app->dirty = true;
    if (panel_act(app->focus, action, arg)) {
        return true;
    }
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (strcmp(runs[i].name, action) == 0) {
            runs[i].run(app, arg);
            return true;
        }
    }
    for (size_t i = 0; i < panel_count(); i++) {
        bool shown = false;

        for (size_t k = 0; k < app->n_places; k++) {
            shown |= strcmp(app->places[k].panel, app->panels[i].ops->name) == 0;
        }
        if (shown && &app->panels[i] != app->focus && panel_act(&app->panels[i], action, arg)) {
            return true;
        }
    }
    return false;
}

/* A verb with the model on screen, unless the line names one. */
static bool start_verb(struct app *app, const char *line)
{
    struct attune_error err;
    char **words, **full;
    size_t n, extra = 0, first;
    const struct cmd_ops *cmd;
    char m[] = "-m";
    bool started = false;

    if (conf_split(&words, &n, line, &err) != ATTUNE_OK) {
        bench_say(&app->bench, true, "%s", err.text);
        return true;
    }
    first = n > 0 && strcmp(words[0], "attune") == 0;
    cmd = n > first ? cmd_find(words[first]) : NULL;
    full = cmd ? calloc(n + 3, sizeof *full) : NULL;
    if (full) {
        bool has_model = !(cmd->groups & CLI_MODEL) || !app->bench.model_path;

        for (size_t i = first; i < n; i++) {
            has_model |= strncmp(words[i], "-m", 2) == 0 || strncmp(words[i], "--model", 7) == 0;
            full[i - first] = words[i];
        }
        extra = n - first;
        if (!has_model) {
            full[extra++] = m;
            full[extra++] = app->bench.model_path;
        }
        started = true;
        if (verb_start(&app->verb, full, &err) != ATTUNE_OK) {
            bench_say(&app->bench, true, "%s", err.text);
        } else {
            bench_say(&app->bench, false, "%s is running, Ctrl-C stops it", cmd->name);
        }
    }
    free(full);
    free(words);
    return started;
}

void app_verb_ended(struct app *app)
{
    char title[80];
    char *text =
        app->verb.out && app->verb.len > 0 ? strdup(app->verb.out) : strdup("(it printed nothing)");

    snprintf(title, sizeof title, "exit status %d%s", app->verb.status,
             app->verb.cut ? ", output cut after 4 MiB" : "");
    app->bench.message[0] = '\0';
    pager_show(&app->pager, title, text);
    app->dirty = true;
}

void app_execute(struct app *app, const char *line)
{
    struct attune_error err;
    char word[64];
    const char *rest;
    size_t len;
    int status;

    line += strspn(line, " \t:");
    len = strcspn(line, " \t");
    if (len == 0) {
        return;
    }
    snprintf(word, sizeof word, "%.*s", (int)len, line);
    rest = line + len + strspn(line + len, " \t");
    app->dirty = true;
    if (strcmp(word, "set") != 0) { /* set also knows the knobs, below */
        status = conf_line(&app->conf, line, &err);
        if (status == ATTUNE_OK) {
            app_apply_conf(app);
            return;
        }
        if (status != ATTUNE_NOT_FOUND || strcmp(word, "unbind") == 0) {
            bench_say(&app->bench, true, "%s", err.text);
            return;
        }
    }
    if (app_act(app, word, rest) || set_param(app, line) || start_verb(app, line)) {
        return;
    }
    bench_say(&app->bench, true,
              "%s: no such action, knob or verb (Tab completes, help lists them)", word);
}

/* ---- help and completion ---- */

static void print_bindings(FILE *out, const struct app *app, const char *where, const char *heading)
{
    bool first = true;

    for (size_t i = 0; i < app->conf.keymap.n; i++) {
        const struct binding *b = &app->conf.keymap.list[i];
        char label[64];

        if (strcmp(b->where, where) == 0) {
            bars_key_label(&b->key, label, sizeof label);
            if (first) {
                fprintf(out, "\1%s\n", heading);
            }
            fprintf(out, "  %-12s %-34s %s%s%s\n", label, b->help, b->action, b->arg[0] ? " " : "",
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
        print_bindings(out, app, app->focus->ops->name, heading);
        if (app->focus->ops->takes_text) {
            fprintf(out, "  Characters are typed here. Alt with a letter, or Escape and then the "
                         "letter, is the\n"
                         "  letter of the lists below.\n\n");
        }
    }
    snprintf(heading, sizeof heading, "Screen %s", app->screen);
    print_bindings(out, app, app->screen, heading);
    print_bindings(out, app, "all", "Everywhere");
    for (size_t i = 0; i < panel_count(); i++) {
        if (!app->focus || panel_at(i) != app->focus->ops) {
            snprintf(heading, sizeof heading, "%s (%s): %s", panel_at(i)->title, panel_at(i)->name,
                     panel_at(i)->help);
            print_bindings(out, app, panel_at(i)->name, heading);
        }
    }
    fprintf(out, "\1Actions: bind them to keys, or type them after :\n");
    for (size_t i = 0; i < action_count(); i++) {
        snprintf(heading, sizeof heading, "%s %s", action_at(i)->name, action_at(i)->arg);
        fprintf(out, "  %-32s %s\n", heading, action_at(i)->help);
    }
    fprintf(out, "\n\1Options: set NAME VALUE, here and in attune.conf\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        snprintf(heading, sizeof heading, "%s = %s", option_name(i), conf_get(&app->conf, i));
        fprintf(out, "  %-32s %s (%s)\n", heading, option_help(i), option_values(i));
    }
    fprintf(out, "\n\1Knobs: NAME VALUE, or tick NAME STEPS\n");
    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *p = attune_param_at(i);

        snprintf(heading, sizeof heading, "%s %.6g..%.6g", p->name, p->min, p->max);
        fprintf(out, "  %-32s %s\n", heading, p->help);
    }
    fprintf(out, "\n\1Screens\n");
    for (size_t i = 0; i < app->conf.screens.n; i++) {
        const struct screen *s = &app->conf.screens.list[i];

        snprintf(heading, sizeof heading, s->min_cols ? "%s, from %d columns" : "%s", s->name,
                 s->min_cols);
        fprintf(out, "  %-32s %s\n", heading, s->text);
    }
    fprintf(out, "\n\1Verbs: type them after : too; in a shell, attune VERB --help\n");
    for (size_t i = 0; i < cmd_count(); i++) {
        fprintf(out, "  %-32s %s\n", cmd_at(i)->name, cmd_at(i)->help);
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
