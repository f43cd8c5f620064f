/* The library: prompts, templates and pools of shots, found while one types; the one under the
 * cursor is shown below the list, and Enter puts it into the composer. */
#include <config.h>

#include "panel.h"

#include <attune/library.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "prompt_view.h"
#include "view.h"

enum { POOL_SHOTS = 4 }; /* of a pool that is put into the composer */

struct library_state {
    struct attune_library_item *items; /* [n] that hold the words looked for */
    size_t n, selected, top;
    int rows;
    char search[128], found[128]; /* wanted, and what items are of */
    bool read;
};

static void close_library(struct panel *panel)
{
    struct library_state *s = panel->state;

    attune_library_items_free(s->items, s->n);
}

/* The list for the words as they are now. */
static void look(struct panel *panel)
{
    struct library_state *s = panel->state;
    struct attune_error err;

    if (s->read && strcmp(s->search, s->found) == 0) {
        return;
    }
    attune_library_items_free(s->items, s->n);
    s->items = NULL;
    s->n = 0;
    if (attune_library_browse(&s->items, &s->n, s->search, &err) != ATTUNE_OK) {
        bench_say(panel->bench, true, "%s", err.text);
    }
    strcpy(s->found, s->search);
    s->read = true;
    s->selected = s->top = 0;
}

static int open_library(struct panel *panel)
{
    look(panel); /* the title counts them */
    return ATTUNE_OK;
}

static void draw_item(const struct library_state *s, struct canvas *c, struct rect r, int y,
                      size_t i, bool focused)
{
    const struct attune_library_item *item = &s->items[i];
    enum role role = item->kind[0] == 'p'   ? ROLE_QUERY
                     : item->kind[0] == 't' ? ROLE_FORM
                                            : ROLE_SHOT;
    struct style name = style_of(c, item->broken ? ROLE_ERROR : role);
    char shots[VIEW_NUMBER];
    int x, about = r.cols >= 60 ? 34 : 0;

    if (i == s->selected) {
        struct style chosen = style_of(c, focused ? ROLE_SELECT : ROLE_ACCENT);

        name.bg = chosen.bg;
        name.fg = chosen.fg;
        name.attrs |= chosen.attrs | ATTR_BOLD;
    }
    canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%-8s", item->kind);
    x = 9 +
        view_clip(c, view_cell(r, y, 9, (about ? about - 2 : r.cols) - 9), 0, 0, name, item->name);
    if (about) {
        view_clip(c, r, y, about, style_of(c, item->broken ? ROLE_ERROR : ROLE_TEXT), item->about);
    } else if (item->kind[0] == 'p' && x + 12 < r.cols) {
        view_right(c, r, y, style_of(c, ROLE_DIM), " %s", prompt_view_shots(shots, item->shots));
    }
}

/* The text of the chosen one, as much as fits. */
static void draw_text(const struct library_state *s, struct canvas *c, struct rect r)
{
    const struct attune_library_item *item = &s->items[s->selected];
    const char *line = item->text;
    int y = 1;

    if (r.rows < 3) {
        return;
    }
    view_rule(c, r, 0, 0, r.cols, style_of(c, ROLE_FRAME));
    canvas_print(c, r, 0, 1, style_of(c, ROLE_DIM), " %s ", item->name);
    if (r.cols < 60) {
        y += view_sentence(c, r, y, style_of(c, item->broken ? ROLE_ERROR : ROLE_DIM), "%s",
                           item->about);
    }
    for (; y < r.rows && *line; y++) {
        size_t len = strcspn(line, "\n");

        canvas_text(c, r, y, 0, line, len, style_of(c, ROLE_TEXT));
        line += len + (line[len] == '\n');
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct library_state *s = panel->state;
    int foot = panel->typing || s->search[0] ? 1 : 0, below;
    struct rect r;

    look(panel);
    if (foot && inside.rows >= 2) {
        canvas_print(c, inside, inside.rows - 1, 0, style_of(c, ROLE_ACCENT), "/%s%s", s->search,
                     panel->typing ? "\u2588" : "");
    }
    r = view_rows(inside, 0, inside.rows - (inside.rows >= 2 ? foot : 0));
    if (s->n == 0) {
        view_sentence(c, r, 0, style_of(c, ROLE_DIM),
                      s->search[0] ? "Nothing in the library holds \"%s\"."
                                   : "No library was found%s: ATTUNE_DATADIR names its folder.",
                      s->search);
        return;
    }
    below = r.rows >= 12 ? r.rows * 45 / 100 : 0;
    s->rows = r.rows - below;
    s->top = view_scroll(s->top, s->selected, s->n, s->rows);
    for (int y = 0; y < s->rows && s->top + (size_t)y < s->n; y++) {
        draw_item(s, c, view_rows(r, 0, s->rows), y, s->top + (size_t)y, panel->focused);
    }
    draw_text(s, c, view_rows(r, s->rows, below));
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct library_state *s = panel->state;

    if (s->search[0]) {
        snprintf(out, capacity, "Library \u00b7 %zu with \"%s\"", s->n, s->search);
    } else {
        snprintf(out, capacity, "Library \u00b7 %zu", s->n);
    }
}

/* ---- actions ---- */

static int use_template(struct workbench *b, const struct attune_library_item *item,
                        struct attune_error *err)
{
    struct attune_template form;
    int status = attune_template_load(&form, item->path, err);

    if (status == ATTUNE_OK) {
        status = attune_prompt_use(&b->prompt, &form, err);
        attune_template_done(&form);
    }
    return status;
}

/* A prompt takes the composer over, a template goes around what is there, shots join it; all of
 * them are one step of undo. */
static bool put(struct panel *panel)
{
    struct library_state *s = panel->state;
    struct workbench *b = panel->bench;
    const struct attune_library_item *item = s->selected < s->n ? &s->items[s->selected] : NULL;
    struct attune_error err;
    int status = ATTUNE_OK;

    if (!item) {
        return true;
    }
    if (!task_at(b->task)->shots) {
        bench_say(b, true, "prompts of the library belong to completion: a decoder's task");
        return true;
    }
    if (item->kind[0] == 'p') {
        if (bench_load_example(b, item->path) == ATTUNE_OK) {
            bench_say(b, false, "%s is in the composer", item->name);
        }
        return true;
    }
    if (item->kind[0] == 't') {
        status = use_template(b, item, &err);
    } else {
        status = attune_prompt_load_shots(&b->prompt, item->path,
                                          item->shots < POOL_SHOTS ? (long)item->shots : POOL_SHOTS,
                                          &err);
    }
    if (status != ATTUNE_OK) {
        bench_say(b, true, "%s", err.text);
        return true;
    }
    bench_say(b, false, item->kind[0] == 't' ? "template %s" : "the first shots of %s", item->name);
    bench_prompt_changed(b);
    return true;
}

static bool find(struct panel *panel, const char *words)
{
    struct library_state *s = panel->state;

    snprintf(s->search, sizeof s->search, "%s", words ? words : "");
    panel->bench->frame++;
    return true;
}

/* Every key that is typed searches again. */
static bool type(struct panel *panel, const struct key *key)
{
    struct library_state *s = panel->state;
    size_t len = strlen(s->search);
    char text[sizeof s->search + 8];

    memcpy(text, s->search, len + 1);
    if (key->kind == KEY_CHAR && !(key->mods & (MOD_CTRL | MOD_ALT))) {
        size_t n = cells_encode(text + len, key->code);

        text[len + n] = '\0';
        return len + n >= sizeof s->search || find(panel, text);
    }
    if (key->kind != KEY_NAMED) {
        return false;
    }
    switch (key->code) {
    case NAMED_BACKSPACE:
        while (len > 0 && ((unsigned char)text[--len] & 0xc0) == 0x80) {
        }
        text[len] = '\0';
        return find(panel, text);
    case NAMED_ESCAPE: panel->typing = false; return find(panel, "");
    case NAMED_ENTER:
        panel->typing = false;
        panel->bench->frame++;
        return true;
    default: return false;
    }
}

static bool move(struct panel *panel, enum view_move move)
{
    struct library_state *s = panel->state;

    if (move == VIEW_STAY || move == VIEW_LEFT || move == VIEW_RIGHT) {
        return false;
    }
    s->selected = view_moved(move, s->selected, s->n, s->rows);
    panel->bench->frame++;
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct library_state *s = panel->state;

    if (strcmp(name, "library_find") == 0) {
        panel->typing = !arg || !*arg;
        return find(panel, arg);
    }
    if (strcmp(name, "library_put") == 0) {
        if (panel->typing) { /* Enter ends the typing first */
            panel->typing = false;
            panel->bench->frame++;
            return true;
        }
        look(panel);
        return put(panel);
    }
    if (strcmp(name, "relist") == 0) {
        s->read = false;
        panel->bench->frame++;
        return true;
    }
    return move(panel, view_move_of_action(name));
}

static bool key(struct panel *panel, const struct key *key)
{
    struct library_state *s = panel->state;
    size_t row = s->top + (size_t)(key->y - panel->inside.y);

    if (key->kind == KEY_MOUSE && key->press && key->button == 0) {
        if (key->y >= panel->inside.y && key->y < panel->inside.y + s->rows && row < s->n) {
            s->selected = row;
            panel->bench->frame++;
        }
        return true;
    }
    if (panel->typing && type(panel, key)) {
        return true;
    }
    return move(panel, view_move_of_key(key));
}

const struct panel_ops panel_library = {
    .name = "library",
    .title = "Library",
    .help = "prompts, templates and shots known by name; Enter puts one into the composer",
    .state_size = sizeof(struct library_state),
    .open = open_library,
    .close = close_library,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
