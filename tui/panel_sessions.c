/* Every run that was saved, newest first, forks below what they go on from: replay it, have it
 * computed again and compared, put it back into the composer, or remove it. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "prompt_view.h"
#include "sessions_act.h"
#include "view.h"

/* The forest of the list as it is now; it costs less than to know whether it changed. Of a hoisted
 * branch its rows alone. */
const struct attune_run_record *sessions_selected(struct panel *panel)
{
    struct sessions_state *s = panel->state;
    struct workbench *b = panel->bench;

    forest_done(&s->forest);
    s->first = s->n = 0;
    if (!forest_init(&s->forest, b->runs, b->n_runs, s->joined)) {
        return NULL;
    }
    s->n = s->forest.n;
    for (size_t i = 0; s->root && i < b->n_runs; i++) {
        if (b->runs[i].id == s->root) {
            forest_branch(&s->forest, i, &s->first, &s->n);
        }
    }
    s->selected = s->selected < s->n ? s->selected : s->n ? s->n - 1 : 0;
    return s->n ? &b->runs[s->forest.order[s->first + s->selected]] : NULL;
}

static void end_panel(struct panel *panel)
{
    struct sessions_state *s = panel->state;

    forest_done(&s->forest);
}

static void ask(struct panel *panel)
{
    struct sessions_state *s = panel->state;
    struct workbench *b = panel->bench;
    bool newer = !b->replayed && b->run != s->asked_run && b->state != BENCH_GENERATING;

    if (b->worker && (!s->asked || newer)) {
        s->asked = true;
        s->asked_run = b->replayed ? s->asked_run : b->run;
        bench_list_runs(b, s->search[0] ? s->search : NULL);
    }
}

/* One line of a text, without its line breaks at either end. */
static const char *line_of(const char *text, size_t *len)
{
    while (*text == '\n') {
        text++;
    }
    *len = strcspn(text, "\n");
    return text;
}

/* What tells one run from another: how many shots, and the query (what comes before it is often the
 * same). */
static int draw_prompt(struct canvas *c, struct rect r, const struct attune_run_record *run)
{
    struct attune_prompt prompt;
    char shots[VIEW_NUMBER];
    const char *line;
    size_t len;
    int x = 0;

    if (run->prompt_json && *run->prompt_json &&
        attune_prompt_from_json(&prompt, run->prompt_json, strlen(run->prompt_json), NULL) ==
            ATTUNE_OK) {
        x = canvas_print(c, r, 0, 0, style_of(c, ROLE_DIM), "%s ",
                         run->n_decoder ? task_at(TASK_rewrite)->title
                                        : prompt_view_shots(shots, attune_prompt_shots(&prompt)));
        line = line_of(prompt.blocks[prompt.n - 1].text, &len);
        x += canvas_text(c, r, 0, x, line, len, style_of(c, ROLE_QUERY));
        attune_prompt_done(&prompt);
        return x;
    }
    line = line_of(run->prompt_text ? run->prompt_text : "", &len);
    return canvas_text(c, r, 0, x, line, len, style_of(c, ROLE_QUERY));
}

/* A fork begins as what stands above it: where it leaves that is what tells it apart. */
static int draw_fork(struct canvas *c, struct rect r, const struct attune_run_record *run,
                     const char *guides)
{
    int x = canvas_text(c, r, 0, 0, guides, strlen(guides), style_of(c, ROLE_DIM));

    return x + (run->fork_of
                    ? canvas_print(c, r, 0, x, style_of(c, ROLE_QUERY), "after step %zu",
                                   run->fork_steps)
                    : canvas_print(c, r, 0, x, style_of(c, ROLE_QUERY), "the same prompt"));
}

static void draw_output(struct canvas *c, struct rect r, const struct attune_run_record *run)
{
    int x = 0;

    for (size_t at = 0; at < run->output_len && x < r.cols; at++) {
        size_t from = at;
        while (at < run->output_len && run->output[at] != '\n') {
            at++;
        }
        x += canvas_text(c, r, 0, x, run->output + from, at - from, style_of(c, ROLE_TEXT));
        if (at < run->output_len) {
            x += canvas_text(c, r, 0, x, "\u21b5", 3, style_of(c, ROLE_DIM));
        }
    }
}

/* "2026-11-21T04:30:00Z" -> "11-21 04:30" */
static void draw_time(struct canvas *c, struct rect r, int y, int x, const char *created)
{
    if (created && strlen(created) >= 16) {
        canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "%.5s %.5s", created + 5, created + 11);
    }
}

static void draw_run(const struct panel *panel, struct canvas *c, struct rect r, int y, size_t row)
{
    static const char *const glyphs[] = {"\u2502 ", "  ", "\u251c\u2500", "\u2514\u2500"};
    const struct sessions_state *s = panel->state;
    const struct workbench *b = panel->bench;
    const size_t place = s->forest.order[s->first + row];
    const struct attune_run_record *run = &b->runs[place];
    bool chosen = row == s->selected, wide = r.cols >= 72, shows_model = r.cols >= 112;
    char guides[6 * FOREST_DEEPEST + 1];
    int x = 0, left = r.cols, half;

    canvas_print(c, r, y, x, style_of(c, chosen && panel->focused ? ROLE_SELECT : ROLE_VALUE),
                 "%s%4lld",
                 chosen                        ? "\u25b8"
                 : bench_is_marked(b, run->id) ? "\u2713"
                 : run->bookmarked             ? "\u2605"
                 : run->id == b->run           ? "\u2022"
                                               : " ",
                 (long long)run->id);
    x += 6;
    if (r.cols >= 64) {
        draw_time(c, r, y, x, run->created);
        x += 12;
    }
    if (shows_model) {
        canvas_print(c, view_cell(r, y, x, 15), 0, 0, style_of(c, ROLE_DIM), "%s", run->model_name);
        x += 16;
    }
    if (wide) {
        left = r.cols - 18;
        canvas_print(c, r, y, left, style_of(c, ROLE_DIM), " %4zu %s", run->n_steps,
                     run->origin && *run->origin     ? run->origin
                     : run->stop == ATTUNE_STOP_NONE ? "cut off"
                                                     : attune_stop_text(run->stop));
    }
    if (wide && run->tags && *run->tags) {
        int cells = (left - x) / 4;

        left -= cells + 1;
        view_clip(c, view_cell(r, y, left + 1, cells), 0, 0, style_of(c, ROLE_VALUE), run->tags);
    }
    half = (left - x - 3) * (wide ? 55 : 50) / 100;
    if (forest_guides(guides, sizeof guides, &s->forest, place, glyphs)) {
        draw_fork(c, view_cell(r, y, x, half), run, guides);
    } else {
        draw_prompt(c, view_cell(r, y, x, half), run);
    }
    canvas_text(c, r, y, x + half + 1, "\u2192", 3, style_of(c, ROLE_DIM));
    draw_output(c, view_cell(r, y, x + half + 3, left - x - half - 3), run);
}

static void draw_detail(struct panel *panel, struct canvas *c, struct rect r, int y)
{
    const struct sessions_state *s = panel->state;
    const struct attune_run_record *run = sessions_selected(panel);
    char text[160];
    int x = 0;

    if (panel->typing) {
        canvas_print(c, r, y, 0, style_of(c, ROLE_VALUE), "/%s\u258f", s->search);
        return;
    }
    if (!run) {
        return;
    }
    if (run->bookmarked) {
        x += view_pair(c, r, y, x, "bookmark", *run->bookmark ? run->bookmark : "\u2605");
    }
    if (run->tags && *run->tags) {
        x += view_pair(c, r, y, x, "tags", run->tags);
    }
    if (run->note && *run->note) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(run->note, "\n"), run->note);
        x += view_pair(c, r, y, x, "note", text);
    }
    x += view_pair(c, r, y, x, "model", run->model_name ? run->model_name : "");
    snprintf(text, sizeof text, "%llu", (unsigned long long)run->seed);
    x += view_pair(c, r, y, x, "seed", text);
    view_clip(c, r, y, x, style_of(c, ROLE_DIM), run->chain ? run->chain : "");
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct sessions_state *s = panel->state;
    const struct workbench *b = panel->bench;
    int foot = inside.rows >= 4;
    struct rect r = view_rows(inside, 0, inside.rows - foot);

    ask(panel);
    sessions_selected(panel);
    s->rows = r.rows;
    if (b->n_runs == 0) {
        if (foot && panel->typing) {
            draw_detail(panel, c, inside, inside.rows - 1);
        }
        if (s->search[0]) {
            view_sentence(c, inside, 0, style_of(c, ROLE_DIM), "No run holds \"%s\".", s->search);
        } else {
            view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                          "No run is saved yet: every run you start is kept here by itself.");
        }
        return;
    }
    s->top = view_scroll(s->top, s->selected, s->n, r.rows);
    for (int y = 0; y < r.rows && s->top + (size_t)y < s->n; y++) {
        draw_run(panel, c, r, y, s->top + (size_t)y);
    }
    if (foot) {
        draw_detail(panel, c, inside, inside.rows - 1);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct sessions_state *s = panel->state;
    size_t n = panel->bench->n_runs;

    if (s->search[0]) {
        snprintf(out, capacity, "Runs \u00b7 %zu with \"%s\"", n, s->search);
    } else {
        snprintf(out, capacity, "Runs \u00b7 %zu%s", n, s->joined ? ", equal prompts joined" : "");
    }
    if (s->root) {
        size_t len = strlen(out);

        snprintf(out + len, capacity - len, " \u00b7 only run %lld and below", (long long)s->root);
    }
}

/* ---- actions ---- */

/* The list of another search; the cursor goes to its newest run. */
static bool find(struct panel *panel, const char *arg)
{
    struct sessions_state *s = panel->state;

    memmove(s->search, arg ? arg : "", arg ? strnlen(arg, sizeof s->search - 1) + 1 : 1);
    s->search[sizeof s->search - 1] = '\0';
    s->asked = false;
    s->selected = 0;
    panel->bench->frame++;
    return true;
}

/* Every key that is typed searches again. */
static bool type(struct panel *panel, const struct key *key)
{
    struct sessions_state *s = panel->state;
    size_t len = strlen(s->search);
    char text[sizeof s->search + 8];

    memcpy(text, s->search, len + 1);
    if (key->kind == KEY_CHAR && !(key->mods & (MOD_CTRL | MOD_ALT))) {
        size_t n = cells_encode(text + len, key->code);

        if (len + n >= sizeof s->search) {
            return true;
        }
        text[len + n] = '\0';
        return find(panel, text);
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
    struct sessions_state *s = panel->state;

    if (move == VIEW_STAY || move == VIEW_LEFT || move == VIEW_RIGHT) {
        return false;
    }
    s->selected = view_moved(move, s->selected, s->n, s->rows);
    s->to_remove = 0;
    panel->bench->frame++;
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    const struct attune_run_record *run = sessions_selected(panel);

    if (strcmp(name, "find") == 0) {
        return find(panel, arg);
    }
    if (strcmp(name, "find_typing") == 0) {
        panel->typing = true;
        return find(panel, "");
    }
    if (strcmp(name, "relist") == 0) {
        ((struct sessions_state *)panel->state)->asked = false;
        panel->bench->frame++;
        return true;
    }
    if (panel->typing && strncmp(name, "run_", 4) == 0) { /* Enter ends the typing first */
        panel->typing = false;
        panel->bench->frame++;
        return true;
    }
    if (strcmp(name, "run_replay") == 0 || strcmp(name, "run_verify") == 0) {
        if (run) {
            bench_replay(panel->bench, run->id, name[4] == 'v');
        }
        return true;
    }
    if (strcmp(name, "run_restore") == 0) {
        if (run) {
            bench_restore(panel->bench, run->id);
        }
        return true;
    }
    if (strcmp(name, "compare_runs") == 0) { /* the one under the cursor belongs to it */
        if (run && !*(arg ? arg : "") && panel->bench->n_marked == 1 &&
            !bench_is_marked(panel->bench, run->id)) {
            bench_mark_run(panel->bench, run->id);
        }
        return false;
    }
    if (strcmp(name, "run_back") == 0 || strcmp(name, "run_forward") == 0) {
        bench_back(panel->bench, name[4] == 'f');
        return true;
    }
    if (strcmp(name, "run_mark") == 0) {
        if (run) {
            bench_mark_run(panel->bench, run->id);
            move(panel, VIEW_DOWN);
        }
        return true;
    }
    return sessions_act(panel, name, arg ? arg : "", run) || move(panel, view_move_of_action(name));
}

static bool key(struct panel *panel, const struct key *key)
{
    struct sessions_state *s = panel->state;
    size_t row = s->top + (size_t)(key->y - panel->inside.y);

    if (key->kind == KEY_MOUSE && key->press && key->button == 0) {
        if (row < s->n) {
            s->selected = row;
            panel->bench->frame++;
        }
        return true;
    }
    if (panel->typing && type(panel, key)) {
        return true;
    }
    if (key->kind == KEY_NAMED && key->code == NAMED_ENTER) {
        return action(panel, "run_replay", NULL);
    }
    if (key->kind == KEY_NAMED && key->mods == 0 &&
        (key->code == NAMED_LEFT || key->code == NAMED_RIGHT)) {
        return sessions_act(panel, key->code == NAMED_LEFT ? "parent" : "child", "",
                            sessions_selected(panel));
    }
    return move(panel, view_move_of_key(key));
}

const struct panel_ops panel_sessions = {
    .name = "sessions",
    .title = "Runs",
    .help = "every saved run: replay, verify bit for bit, put back into the composer",
    .state_size = sizeof(struct sessions_state),
    .close = end_panel,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
