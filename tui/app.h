/* The screen: a terminal, the panels, the workbench behind them, and one loop. */
#ifndef ATTUNE_TUI_APP_H
#define ATTUNE_TUI_APP_H

#include "conf.h"
#include "line.h"
#include "pager.h"
#include "panel.h"
#include "verb.h"

enum { PLACES_MOST = 16 };

struct app {
    struct term *term;
    struct canvas canvas;
    struct workbench bench;
    struct conf conf;
    struct input *input;
    struct pager pager;
    struct verb verb;
    struct panel *panels; /* [panel_count()] one of each kind, open as long as the app */
    char screen[32];
    struct place places[PLACES_MOST]; /* as last drawn */
    size_t n_places;
    struct panel *focus; /* NULL: there is no panel */
    bool zoom;
    bool next_is_command;           /* Escape in a panel that takes text */
    bool asked_to_quit;             /* one Ctrl-C with nothing to stop */
    bool quit, dirty, urgent, ping; /* urgent: a key waits for its answer */
};

struct app_options {
    const char *model; /* NULL: the default */
    const char *db, *log;
    const char *example; /* what the composer begins with, or NULL */
    int threads, context;
    enum attune_activations activations;
    enum attune_kv_type kv_type;
    int colour; /* enum colour_tier or -1 */
    bool ascii;
};

/* Opens the screen and runs it to its end. Returns an exit status; what went wrong is one line on
 * err. */
int app_run(const struct app_options *options, FILE *err);

/* action.c: what keys and the : line do. False: nobody knows the action. */
/* action_knob.c: "top-p" as its param is called, in out or of static storage; NULL: there is none. */
const char *app_param_name(char out[64], const char *word, size_t len);
bool app_set_param(struct app *app, const char *text); /* "top_p 0.9"; false: no such knob */
bool app_act(struct app *app, const char *action, const char *arg);
void app_execute(struct app *app, const char *line);
void app_verb_ended(struct app *app);
/* Puts the focus on a panel of the screen, by name. */
bool app_focus(struct app *app, const char *panel);
/* What the settings changed. */
void app_apply_conf(struct app *app);
/* help.c */
void app_show_help(struct app *app, const char *word);
void app_complete(void *app, const char *line, struct line_words *words);

#endif
