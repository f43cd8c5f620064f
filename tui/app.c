/* The loop: wait for the terminal, the worker, a signal or a verb; take what came; draw once if
 * anything changed, and never more often than the option fps says. Without events nothing is sent
 * and nothing is computed.
 *
 * A key goes to the first of these that wants it: Ctrl-C, the pager, the : line, the panel in focus
 * if the key is text and the panel takes text, the key map, the panel. */
#include <config.h>

#include "app.h"

#include <attune/library.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "bars.h"
#include "line.h"
#include "term.h"

enum {
    ESCAPE_WAIT_MS = 25,
    BUSY_WAIT_MS = 100,
    PING_WAIT_MS = 1,
    KEY_FRAME_MS = 5, /* a key is answered at once; what the worker says waits for its frame */
    LEAST_ROWS = 8,
    LEAST_COLS = 40
};
static const char pong[] = "\033]7770;pong\a";

static bool panel_exists(const char *name)
{
    return panel_find(name) != NULL;
}

void app_apply_conf(struct app *app)
{
    const char *theme = conf_get(&app->conf, OPTION_theme), *fgbg = getenv("COLORFGBG");
    const char *last = fgbg ? strrchr(fgbg, ';') : NULL;
    int background = last ? atoi(last + 1) : 0;

    app->canvas.light = strcmp(theme, "light") == 0 ||
                        (strcmp(theme, "auto") == 0 && (background == 7 || background == 15));
    app->bench.vi_keys = strcmp(conf_get(&app->conf, OPTION_keys), "vi") == 0;
    app->canvas.ascii = conf_yes(&app->conf, OPTION_ascii);
    app->canvas.ramp = ramp_find(conf_get(&app->conf, OPTION_ramp));
    for (size_t i = 0; i < app->conf.screens.n; i++) {
        struct screen *s = &app->conf.screens.list[i];

        s->layout = layout_prune(s->layout, panel_exists);
    }
    app->dirty = true;
}

static struct panel *panel_named(struct app *app, const char *name)
{
    for (size_t i = 0; i < panel_count(); i++) {
        if (strcmp(app->panels[i].ops->name, name) == 0) {
            return &app->panels[i];
        }
    }
    return NULL;
}

bool app_focus(struct app *app, const char *name)
{
    for (size_t i = 0; i < app->n_places; i++) {
        if (strcmp(app->places[i].panel, name) == 0) {
            app->focus = panel_named(app, name);
            app->next_is_command = false;
            app->dirty = true;
            return true;
        }
    }
    return false;
}

/* ---- drawing ---- */

/* Where the panels stand now; the focus moves if its panel is not on this screen. */
static void arrange(struct app *app, struct rect body)
{
    const struct screen *s =
        screens_find(&app->conf.screens, app->screen, app->canvas.rows, app->canvas.cols);
    const char *names[PLACES_MOST], *keep = app->focus ? app->focus->ops->name : NULL;
    size_t n = s && s->layout ? layout_panels(s->layout, names, PLACES_MOST) : 0;
    bool found = false;

    for (size_t i = 0; i < n; i++) {
        found |= keep && strcmp(names[i], keep) == 0;
    }
    if (!found) {
        keep = n > 0 ? names[0] : NULL;
        app->focus = keep ? panel_named(app, keep) : NULL;
    }
    app->n_places = n > 0 ? layout_place(s->layout, body, keep, app->places, PLACES_MOST) : 0;
}

static const char *title_of(const struct panel *panel, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s", panel->ops->title);
    if (panel->ops->title_text) {
        panel->ops->title_text(panel, out, capacity);
    }
    return out;
}

static void draw_panel(struct app *app, struct panel *panel, struct rect r)
{
    struct canvas *c = &app->canvas;
    char title[128];

    title_of(panel, title, sizeof title);
    panel->focused = panel == app->focus;
    panel->inside = r.rows >= 3 && r.cols >= 4 ? canvas_box(c, r, title, panel->focused) : r;
    c->cursor_y = c->cursor_x = -1;
    panel->ops->draw(panel, c, panel->inside);
}

/* The focus last: its frame lies over the shared lines, and the cursor is its own. The titles that
 * it covered come back. */
static void draw_panels(struct app *app, struct rect body)
{
    bool alone = app->zoom || body.rows < LEAST_ROWS - 3 || body.cols < LEAST_COLS;
    struct rect at = body;

    arrange(app, body);
    for (size_t i = 0; i < panel_count(); i++) {
        app->panels[i].inside = (struct rect){0, 0, 0, 0};
    }
    for (size_t i = 0; i < app->n_places; i++) {
        struct panel *panel = panel_named(app, app->places[i].panel);

        if (panel == app->focus) {
            at = alone ? body : app->places[i].rect;
        } else if (panel && !alone) {
            draw_panel(app, panel, app->places[i].rect);
        }
    }
    if (app->focus) {
        draw_panel(app, app->focus, at);
        for (size_t i = 0; i < app->n_places && !alone; i++) {
            struct panel *panel = panel_named(app, app->places[i].panel);
            char title[128];

            if (panel && panel != app->focus) {
                canvas_title(&app->canvas, app->places[i].rect,
                             title_of(panel, title, sizeof title), false);
            }
        }
    } else {
        canvas_print(&app->canvas, body, 0, 1, style_of(&app->canvas, ROLE_DIM), "%s",
                     "This screen has no panel; F1 shows the keys, : takes an action.");
    }
}

static void draw(struct app *app)
{
    struct canvas *c = &app->canvas;
    int rows, cols;
    struct rect top, knobs, status, body;

    term_size(app->term, &rows, &cols);
    if ((rows != c->rows || cols != c->cols) && canvas_resize(c, rows, cols) != ATTUNE_OK) {
        return; /* the old picture stays until there is memory */
    }
    canvas_clear(c);
    top = (struct rect){0, 0, rows > 2, cols};
    status = (struct rect){rows - 1, 0, 1, cols};
    knobs = (struct rect){rows - 2, 0, rows > 4, cols};
    body = (struct rect){top.rows, 0, rows - top.rows - knobs.rows - 1, cols};
    draw_panels(app, body);
    bars_top(c, top, &app->bench);
    bars_knobs(c, knobs, &app->bench);
    if (line_is_active()) {
        line_draw(c, status, body);
    } else if (rows < LEAST_ROWS || cols < LEAST_COLS) {
        canvas_fill(c, status, ' ', style_of(c, ROLE_WARN));
        canvas_print(c, status, 0, 0, style_of(c, ROLE_WARN),
                     "%dx%d is too small, %dx%d shows more", cols, rows, LEAST_COLS, LEAST_ROWS);
    } else {
        bars_status(c, status, &app->bench, &app->conf, app->focus ? app->focus->ops : NULL,
                    app->screen);
    }
    if (app->pager.open) {
        c->cursor_y = c->cursor_x = -1;
        pager_draw(&app->pager, c, (struct rect){0, 0, rows > 1 ? rows - 1 : rows, cols});
    }
    term_draw(app->term, c);
    app->urgent = false;
    app->dirty = false;
}

/* ---- keys ---- */

static void interrupt(struct app *app)
{
    if (app->pager.open) {
        pager_close(&app->pager);
    } else if (line_is_active()) {
        line_cancel();
    } else if (app->verb.pid) {
        verb_stop(&app->verb);
    } else if (bench_is_busy(&app->bench)) {
        bench_cancel(&app->bench);
    } else if (app->asked_to_quit) {
        app->quit = true;
        return;
    } else {
        bench_say(&app->bench, false, "nothing is running: Ctrl-C again or q leaves attune");
        app->asked_to_quit = true;
        return;
    }
    app->asked_to_quit = false;
}

static bool panel_key(struct app *app, const struct key *key)
{
    return app->focus && app->focus->ops->key && app->focus->ops->key(app->focus, key);
}

static bool bound_key(struct app *app, const struct key *key)
{
    const struct binding *b = keymap_lookup(
        &app->conf.keymap, app->focus ? app->focus->ops->name : NULL, app->screen, key);

    if (!b) {
        return false;
    }
    if (!app_act(app, b->action, b->arg)) {
        bench_say(&app->bench, true, "%s: nothing on this screen does that", b->action);
    }
    return true;
}

static bool is_inside(struct rect r, const struct key *key)
{
    return key->y >= r.y && key->y < r.y + r.rows && key->x >= r.x && key->x < r.x + r.cols;
}

/* A click goes to the panel under it and takes the focus there; the wheel moves what is under it.
 */
static void mouse_key(struct app *app, const struct key *key)
{
    for (size_t i = 0; i < app->n_places; i++) {
        struct panel *panel = panel_named(app, app->places[i].panel);
        bool wheel = key->button >= 64;

        if (!panel || !is_inside(panel->inside, key)) {
            continue;
        }
        if (key->press && !wheel && !key->drag && panel != app->focus) {
            app_focus(app, panel->ops->name);
        }
        if (panel->ops->key && !panel->ops->key(panel, key) && wheel && key->press) {
            struct key arrow = {.kind = KEY_NAMED,
                                .code = key->button == 64 ? NAMED_UP : NAMED_DOWN};

            panel->ops->key(panel, &arrow);
        }
        return;
    }
}

static void plain_key(struct app *app, const struct key *key)
{
    bool typed = key->kind == KEY_CHAR && !(key->mods & (MOD_CTRL | MOD_ALT));
    bool takes_text = app->focus && (app->focus->ops->takes_text || app->focus->typing);
    bool escape = key->kind == KEY_NAMED && key->code == NAMED_ESCAPE && key->mods == 0;
    bool is_command = app->next_is_command;
    struct key other = *key;
    char text[64];

    app->next_is_command = false;
    if (typed && takes_text && !is_command && panel_key(app, key)) {
        return;
    }
    if (bound_key(app, key) || (!is_command && panel_key(app, key))) {
        return;
    }
    if (key->mods & MOD_ALT) { /* Alt with a letter is the letter where letters are typed */
        other.mods &= ~(unsigned)MOD_ALT;
        if (bound_key(app, &other)) {
            return;
        }
    }
    if (escape && takes_text && !is_command) {
        app->next_is_command = true;
        bench_say(&app->bench, false,
                  "Escape: the next key is a command (? shows them all, Escape goes back)");
    } else if (!escape && key_text(key, text, sizeof text) > 0) {
        bench_say(&app->bench, false, "%s does nothing here (F1 shows the keys)", text);
    }
}

static void take_key(struct app *app, const struct key *key)
{
    bool stop = key->kind == KEY_CHAR && key->code == 'c' && key->mods == MOD_CTRL;

    if (key->kind == KEY_PING) {
        app->ping = getenv("ATTUNE_TEST") != NULL;
        return;
    }
    if (key->kind == KEY_BAD || key->kind == KEY_FOCUS_IN || key->kind == KEY_FOCUS_OUT) {
        return;
    }
    app->dirty = true;
    app->urgent = true;
    if (key->kind != KEY_MOUSE || key->press) {
        app->bench.message[0] = '\0';
    }
    if (stop) {
        interrupt(app);
        return;
    }
    app->asked_to_quit = false;
    if (app->pager.open) {
        pager_key(&app->pager, key);
    } else if (line_is_active()) {
        const char *line = line_key(key);

        if (line) {
            app_execute(app, line);
        }
    } else if (key->kind == KEY_MOUSE) {
        mouse_key(app, key);
    } else if (key->kind == KEY_PASTE) {
        if (!panel_key(app, key)) {
            bench_say(&app->bench, false, "this panel takes no text: nothing was pasted");
        }
    } else {
        plain_key(app, key);
    }
}

/* ---- the loop ---- */

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void take_input(struct app *app, bool readable)
{
    char bytes[4096];
    struct key key;

    if (readable) {
        size_t n = term_read(app->term, bytes, sizeof bytes);

        if (n == 0) {
            app->quit = true; /* the terminal is gone */
            return;
        }
        input_feed(app->input, bytes, n);
    }
    while (!app->quit && input_next(app->input, &key, !readable)) {
        take_key(app, &key);
    }
}

static void take_signals(struct app *app)
{
    unsigned came = term_signals(app->term);

    app->quit |= (came & TERM_QUIT) != 0;
    if (came & TERM_STOP) {
        term_suspend(app->term);
    }
    app->dirty |= came != 0;
}

static int wait_ms(const struct app *app, long since_draw)
{
    long frame = app->urgent ? KEY_FRAME_MS : 1000 / conf_number(&app->conf, OPTION_fps);

    if (app->dirty) {
        return since_draw >= frame ? 0 : (int)(frame - since_draw);
    }
    if (app->ping) {
        return PING_WAIT_MS;
    }
    if (input_pending(app->input)) {
        return ESCAPE_WAIT_MS;
    }
    return bench_is_busy(&app->bench) ? BUSY_WAIT_MS : -1;
}

static void loop(struct app *app)
{
    long drawn = now_ms() - 1000;
    bool busy;

    draw(app);
    while (!app->quit) {
        struct pollfd fds[] = {{term_fd(app->term), POLLIN, 0},
                               {term_signal_fd(app->term), POLLIN, 0},
                               {bench_wake_fd(&app->bench), POLLIN, 0},
                               {app->verb.fd, POLLIN, 0}};
        int n = poll(fds, 4, wait_ms(app, now_ms() - drawn));

        if (n < 0 && errno != EINTR) {
            break;
        }
        take_signals(
            app); /* always: one may have come after poll had looked, but before the bytes */
        if ((n > 0 && fds[0].revents) || (n == 0 && input_pending(app->input))) {
            take_input(app, n > 0);
        }
        if (n > 0 && fds[3].revents && verb_read(&app->verb)) {
            app_verb_ended(app);
        }
        busy = bench_is_busy(
            &app->bench); /* before the poll: what it posted before it rested is then taken too */
        app->dirty |= bench_poll(&app->bench);
        if (app->dirty && (app->ping || wait_ms(app, now_ms() - drawn) == 0)) {
            draw(app);
            drawn = now_ms();
        } else if (app->ping && !app->dirty && !busy && !app->verb.pid &&
                   !input_pending(app->input)) {
            /* A turn without drawing: what panels ask for while they draw was answered and is
             * shown. */
            term_write(app->term, pong, sizeof pong - 1);
            app->ping = false;
        }
    }
}

/* ---- opening and closing ---- */

static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char folder[4096], *path = NULL;
    int n = state && state[0] == '/' ? snprintf(folder, sizeof folder, "%s/attune", state)
            : home && home[0] ? snprintf(folder, sizeof folder, "%s/.local/state/attune", home)
                              : 0;

    if (n <= 0 || (size_t)n >= sizeof folder || getenv("ATTUNE_TEST")) {
        return NULL;
    }
    for (char *at = folder + 1; *at; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(folder, 0700);
            *at = '/';
        }
    }
    mkdir(folder, 0700);
    return asprintf(&path, "%s/history", folder) < 0 ? NULL : path;
}

static int read_conf(struct app *app, FILE *problems, struct attune_error *error)
{
    char *path;
    int status = conf_init(&app->conf, error);

    if (status == ATTUNE_OK && (path = attune_library_config_path())) {
        conf_file(&app->conf, path, problems);
        free(path);
    }
    return status;
}

static int open_panels(struct app *app)
{
    app->panels = calloc(panel_count() + 1, sizeof *app->panels);
    for (size_t i = 0; app->panels && i < panel_count(); i++) {
        struct panel *p = &app->panels[i];

        p->ops = panel_at(i);
        p->bench = &app->bench;
        p->state = calloc(1, p->ops->state_size + 1);
        if (!p->state || (p->ops->open && p->ops->open(p) != ATTUNE_OK)) {
            return ATTUNE_MEMORY;
        }
    }
    return app->panels ? ATTUNE_OK : ATTUNE_MEMORY;
}

static void close_panels(struct app *app)
{
    for (size_t i = 0; app->panels && i < panel_count(); i++) {
        struct panel *p = &app->panels[i];

        if (p->state && p->ops->close) {
            p->ops->close(p);
        }
        free(p->state);
    }
    free(app->panels);
}

/* The worker's threads must not take signals: they inherit what is blocked while they start. */
static int open_bench(struct app *app, const struct app_options *options,
                      struct attune_error *error)
{
    struct bench_options bench = {options->model, options->db, options->threads, options->context,
                                  conf_get(&app->conf, OPTION_chain),
                                  options->activations, options->kv_type};
    sigset_t all, before;
    int status;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    status = bench_open(&app->bench, &bench, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static int open_app(struct app *app, const struct app_options *options, struct attune_error *error,
                    FILE *problems)
{
    struct term_options term = {.colour = options->colour, .log = options->log};
    char *history = NULL;
    int status = read_conf(app, problems, error);

    if (status != ATTUNE_OK) {
        return status;
    }
    for (int tier = 0; term.colour < 0 && tier < TIER_COUNT; tier++) {
        static const char *const tiers[TIER_COUNT] = {"mono", "8", "256", "direct"};

        term.colour = strcmp(conf_get(&app->conf, OPTION_colour), tiers[tier]) == 0 ? tier : -1;
    }
    term.no_mouse = !conf_yes(&app->conf, OPTION_mouse);
    if ((status = term_open(&app->term, &term, error)) != ATTUNE_OK) {
        return status;
    }
    app->input = input_new();
    if (!app->input || canvas_init(&app->canvas, 0, 0, term_tier(app->term)) != ATTUNE_OK) {
        return attune_error_set(error, ATTUNE_MEMORY, 0, "out of memory");
    }
    app_apply_conf(app);
    app->canvas.ascii |= options->ascii;
    snprintf(app->screen, sizeof app->screen, "%s", conf_get(&app->conf, OPTION_start));
    if ((status = open_bench(app, options, error)) != ATTUNE_OK) {
        return status;
    }
    if (options->example) {
        bench_load_example(&app->bench, options->example);
    }
    if (open_panels(app) != ATTUNE_OK) {
        return attune_error_set(error, ATTUNE_MEMORY, 0, "out of memory");
    }
    history = history_path();
    status = line_open(history, conf_number(&app->conf, OPTION_history), app_complete, app);
    free(history);
    return status == 0 ? ATTUNE_OK : attune_error_set(error, ATTUNE_MEMORY, 0, "out of memory");
}

int app_run(const struct app_options *options, FILE *err)
{
    struct app app = {0};
    struct attune_error error = {0};
    char *problems = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&problems, &len);
    int status;

    verb_init(&app.verb);
    status = out ? open_app(&app, options, &error, out)
                 : attune_error_set(&error, ATTUNE_MEMORY, 0, "out of memory");
    if (out) {
        fclose(out);
    }
    if (status == ATTUNE_OK) {
        if (len > 0) {
            pager_show(&app.pager, "Lines of the configuration that were left out", problems);
            problems = NULL;
        }
        loop(&app);
    }
    line_close();
    if (app.panels) {
        close_panels(&app);
    }
    if (app.bench.chain) {
        bench_close(&app.bench);
    }
    verb_done(&app.verb);
    pager_close(&app.pager);
    term_close(app.term);
    canvas_done(&app.canvas);
    input_free(app.input);
    conf_done(&app.conf);
    free(problems);
    if (status != ATTUNE_OK) {
        fprintf(err, "attune: %s\n", error.text);
    }
    return status == ATTUNE_OK ? 0 : 1;
}
