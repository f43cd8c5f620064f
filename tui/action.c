/* What the screen can do, by name: the rows of actions.def, each with its function. Keys, the
 * configuration and the : line come here; an action that is none of these goes to the panels. */
#include <config.h>

#include "app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clipboard.h"
#include "line.h"
#include "term.h"

static void say_usage(struct app *app, const char *action)
{
    const struct action_text *text = action_find(action);

    bench_say(&app->bench, true, "%s %s: %s", text->name, text->arg, text->help);
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

/* Keys that come before the next frame go to a panel of the new screen. */
static void take_focus(struct app *app, const struct screen *screen)
{
    const char *names[PLACES_MOST];
    size_t n = screen->layout ? layout_panels(screen->layout, names, PLACES_MOST) : 0;

    for (size_t i = 0; i < n; i++) {
        if (app->focus && strcmp(names[i], app->focus->ops->name) == 0) {
            return;
        }
    }
    for (size_t i = 0; n > 0 && i < panel_count(); i++) {
        if (strcmp(app->panels[i].ops->name, names[0]) == 0) {
            app->focus = &app->panels[i];
            app->next_is_command = false;
        }
    }
}

static void do_screen(struct app *app, const char *arg)
{
    const struct screen *screen =
        screens_find(&app->conf.screens, arg, app->canvas.rows, app->canvas.cols);

    if (!screen) {
        bench_say(&app->bench, true, "%s: no such screen (F1 lists them)", arg[0] ? arg : "screen");
        return;
    }
    snprintf(app->screen, sizeof app->screen, "%s", arg);
    app->zoom = false;
    take_focus(app, screen);
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
               *param = app_param_name(name, arg, space ? (size_t)(space - arg) : strlen(arg));
    char *end;
    long ticks = space ? strtol(space + 1, &end, 10) : 1;

    if (!param || (space && (end == space + 1 || *end)) || ticks < -100000 || ticks > 100000) {
        say_usage(app, "tick");
        return;
    }
    bench_tick(&app->bench, param, (int)ticks);
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
    if (app_set_param(app, arg)) {
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
    const char *param = arg[0] ? app_param_name(name, arg, strlen(arg)) : NULL;

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

static void do_preset(struct app *app, const char *arg)
{
    bench_set_preset(&app->bench, arg);
}

static void do_constrain(struct app *app, const char *arg)
{
    bench_set_constraint(&app->bench, arg);
}

static void do_model(struct app *app, const char *arg)
{
    if (!arg[0]) {
        say_usage(app, "model");
        return;
    }
    if (strcmp(arg, "next") == 0) {
        bench_next_model(&app->bench);
    } else {
        bench_load_model(&app->bench, arg);
    }
}

static void do_task(struct app *app, const char *arg)
{
    bench_use_task(&app->bench, arg);
}

static void to_mask(struct app *app, bool forward)
{
    if (!bench_to_mask(&app->bench, forward)) {
        bench_say(&app->bench, true, "there is no mask in the text");
    }
}

static void do_mask_next(struct app *app, const char *arg)
{
    to_mask(app, true);
}

static void do_mask_previous(struct app *app, const char *arg)
{
    to_mask(app, false);
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

static void do_example(struct app *app, const char *arg)
{
    if (arg[0]) {
        bench_load_example(&app->bench, arg);
    } else {
        say_usage(app, "example");
    }
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

static void do_compare_runs(struct app *app, const char *arg)
{
    if (bench_compare(&app->bench, arg)) {
        do_screen(app, "compare");
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
    if (app_act(app, word, rest) || app_set_param(app, line) || start_verb(app, line)) {
        return;
    }
    bench_say(&app->bench, true,
              "%s: no such action, knob or verb (Tab completes, help lists them)", word);
}
