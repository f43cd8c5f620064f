/* The composer: task, shots and query as blocks, each field edited where it stands between the
 * template's own words, so that what is on the screen is what is sent.
 *
 * Everything typed goes through compose.c; after a change the prompt of the workbench is written
 * anew and the worker answers with tokens and a distribution. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose.h"
#include "edit.h"
#include "flow.h"
#include "prompt_view.h"
#include "view.h"

struct prompt_state { /* a history for each task: undo does not lead from one into another */
    struct compose composes[TASK_COUNT], *compose;
    enum task_name task; /* whose fields are shown */
    struct prompt_place at;
    int goal;    /* column that Up and Down keep to; -1: where the cursor is */
    size_t top;  /* first row shown */
    int columns; /* of the last draw: Up and Down move over the same rows that are seen */
    int rows;
};

static int open_prompt(struct panel *panel)
{
    struct prompt_state *s = panel->state;

    s->goal = -1;
    s->columns = 60;
    s->rows = 10;
    s->task = panel->bench->task;
    s->compose = &s->composes[s->task];
    if (compose_init(s->compose, &panel->bench->prompt) != ATTUNE_OK) {
        return ATTUNE_MEMORY;
    }
    s->at.block = s->compose->now->n - 1;
    return ATTUNE_OK;
}

static void close_prompt(struct panel *panel)
{
    struct prompt_state *s = panel->state;

    for (int i = 0; i < TASK_COUNT; i++) {
        compose_done(&s->composes[i]);
    }
}

static struct edit *field(const struct prompt_state *s)
{
    return compose_field(s->compose, s->at.block, s->at.answer);
}

static bool is_shown(const struct prompt_state *s, size_t block, bool answer)
{
    return block < s->compose->now->n &&
           task_shows(s->task, s->compose->now->blocks[block].kind, answer) &&
           compose_field(s->compose, block, answer);
}

/* The cursor stays on a block and a field that exist. */
static void keep_place(struct prompt_state *s)
{
    if (!is_shown(s, s->at.block, false)) {
        s->at.block = s->compose->now->n - 1;
    }
    if (!is_shown(s, s->at.block, s->at.answer)) {
        s->at.answer = false;
    }
}

/* Another task has come: its own fields and its own history. */
static void take_task(struct panel *panel)
{
    struct prompt_state *s = panel->state;

    if (s->task == panel->bench->task) {
        return;
    }
    s->task = panel->bench->task;
    s->compose = &s->composes[s->task];
    if (!s->compose->now && compose_init(s->compose, &panel->bench->prompt) != ATTUNE_OK) {
        bench_say(panel->bench, true, "out of memory");
        return;
    }
    s->at = (struct prompt_place){s->compose->now->n - 1, false};
    s->top = 0;
    s->goal = -1;
    keep_place(s);
    edit_place(field(s), edit_length(field(s)));
}

static void take(struct panel *panel)
{
    struct prompt_state *s = panel->state;

    take_task(panel);
    if (s->compose->now) {
        compose_take(s->compose, &panel->bench->prompt);
        keep_place(s);
    }
}

/* After a change here: into the workbench, and on to the worker. */
static bool put(struct panel *panel)
{
    struct prompt_state *s = panel->state;
    struct attune_error err;

    keep_place(s);
    s->goal = -1;
    if (compose_put(s->compose, &panel->bench->prompt, &err) != ATTUNE_OK) {
        bench_say(panel->bench, true, "%s", err.text);
        return true;
    }
    bench_prompt_changed(panel->bench);
    return true;
}

static bool fail(struct panel *panel, const char *text)
{
    bench_say(panel->bench, true, "%s", text);
    return true;
}

static void draw(struct panel *panel, struct canvas *canvas, struct rect inside)
{
    struct prompt_state *s = panel->state;
    struct prompt_view view;

    take(panel);
    if (!s->compose->now || inside.cols < 1 || inside.rows < 1) {
        return;
    }
    s->columns = prompt_view_columns(inside);
    s->rows = inside.rows;
    view = (struct prompt_view){.bench = panel->bench,
                                .compose = s->compose,
                                .at = s->at,
                                .focused = panel->focused,
                                .top = s->top};
    prompt_view_draw(&view, canvas, inside);
    s->top = view.top;
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct attune_prompt *p = &panel->bench->prompt;
    const struct task *task = task_at(panel->bench->task);
    char shots[VIEW_NUMBER];

    if (!task->shots) {
        snprintf(out, capacity, "Prompt \u00b7 %s", task->title);
        return;
    }

    snprintf(out, capacity, "Prompt \u00b7 %s \u00b7 %s", p->form.name ? p->form.name : "",
             prompt_view_shots(shots, attune_prompt_shots(p)));
}

/* ---- moving ---- */

/* To the next field in reading order, entered from its near side. */
static bool cross(struct prompt_state *s, bool forward)
{
    struct prompt_place at = s->at;

    if (forward && !at.answer && is_shown(s, at.block, true)) {
        at.answer = true;
    } else if (!forward && at.answer) {
        at.answer = false;
    } else {
        do {
            at.block += forward ? 1 : (size_t)-1;
        } while (at.block < s->compose->now->n && !is_shown(s, at.block, false));
        at.answer = !forward && is_shown(s, at.block, true);
    }
    if (at.block >= s->compose->now->n) {
        return false;
    }
    s->at = at;
    edit_place(field(s), forward ? 0 : edit_length(field(s)));
    return true;
}

static bool move(struct prompt_state *s, enum edit_motion motion)
{
    struct edit *e = field(s);
    size_t to = edit_target(e, motion);
    bool forward = motion == EDIT_RIGHT || motion == EDIT_WORD_RIGHT;

    s->goal = -1;
    if (to == edit_cursor(e) && (forward || motion == EDIT_LEFT || motion == EDIT_WORD_LEFT)) {
        cross(s, forward);
        return true;
    }
    edit_place(e, to);
    return true;
}

/* Up and Down by rows as they are drawn, over block borders; rows where nothing can be edited are
 * passed over. */
static bool move_rows(struct prompt_state *s, long by)
{
    struct flows l;
    struct flow_row *row;
    size_t offset, at, cursor;
    bool answer;
    long step = by < 0 ? -1 : 1;

    if (flows_init(&l, s->compose, s->task, s->columns) != ATTUNE_OK) {
        return true;
    }
    offset = flow_offset(&l.flows[s->at.block], s->at.answer, edit_cursor(field(s)));
    at = flows_row(&l, s->at.block, offset);
    row = &l.rows[at];
    if (s->goal < 0) {
        s->goal = text_columns(l.flows[row->block].text + row->start, offset - row->start);
    }
    while (by != 0 && at + (size_t)step < l.n_rows) {
        at += (size_t)step;
        row = &l.rows[at];
        offset = prompt_view_at_column(&l.flows[row->block], row, s->goal);
        if (!row->head && flow_nearest(&l.flows[row->block], row, offset, &answer, &cursor)) {
            s->at = (struct prompt_place){row->block, answer};
            edit_place(field(s), cursor);
            by -= step;
        }
    }
    flows_done(&l);
    return true;
}

static bool to_block(struct prompt_state *s, bool forward)
{
    size_t to = s->at.block + (forward ? 1 : (size_t)-1);

    while (to < s->compose->now->n && !is_shown(s, to, false)) {
        to += forward ? 1 : (size_t)-1;
    }
    if (to < s->compose->now->n) {
        s->at = (struct prompt_place){to, false};
        edit_place(field(s), edit_length(field(s)));
    }
    s->goal = -1;
    return true;
}

/* ---- editing ---- */

static bool insert(struct panel *panel, const char *text, size_t len, bool paste)
{
    struct prompt_state *s = panel->state;

    if (memchr(text, '\0', len)) {
        return fail(panel, "a prompt cannot hold a NUL byte");
    }
    if (!compose_insert(s->compose, field(s), text, len, paste)) {
        return fail(panel, "out of memory");
    }
    return put(panel);
}

static bool erase(struct panel *panel, enum edit_motion motion)
{
    struct prompt_state *s = panel->state;
    size_t from = edit_cursor(field(s)), to = edit_target(field(s), motion);

    if (from == to) {
        return true;
    }
    if (!compose_erase(s->compose, field(s), from < to ? from : to, from < to ? to : from)) {
        return fail(panel, "out of memory");
    }
    return put(panel);
}

static size_t encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

static bool named_key(struct panel *panel, const struct key *key)
{
    struct prompt_state *s = panel->state;
    bool word = key->mods & (MOD_CTRL | MOD_ALT);

    switch (key->code) {
    case NAMED_ENTER: return insert(panel, "\n", 1, false);
    case NAMED_BACKSPACE: return erase(panel, word ? EDIT_WORD_LEFT : EDIT_LEFT);
    case NAMED_DELETE: return erase(panel, word ? EDIT_WORD_RIGHT : EDIT_RIGHT);
    case NAMED_LEFT: return move(s, word ? EDIT_WORD_LEFT : EDIT_LEFT);
    case NAMED_RIGHT: return move(s, word ? EDIT_WORD_RIGHT : EDIT_RIGHT);
    case NAMED_HOME: return move(s, word ? EDIT_START : EDIT_LINE_START);
    case NAMED_END: return move(s, word ? EDIT_END : EDIT_LINE_END);
    case NAMED_UP: return word ? to_block(s, false) : move_rows(s, -1);
    case NAMED_DOWN: return word ? to_block(s, true) : move_rows(s, 1);
    case NAMED_PAGEUP: return move_rows(s, -(s->rows > 2 ? s->rows - 2 : 1));
    case NAMED_PAGEDOWN: return move_rows(s, s->rows > 2 ? s->rows - 2 : 1);
    default: return false;
    }
}

/* Where emacs and readline have them. */
static bool control_key(struct panel *panel, uint32_t letter)
{
    struct prompt_state *s = panel->state;

    switch (letter) {
    case 'a': return move(s, EDIT_LINE_START);
    case 'e': return move(s, EDIT_LINE_END);
    case 'd': return erase(panel, EDIT_RIGHT);
    case 'h': return erase(panel, EDIT_LEFT);
    case 'k': return erase(panel, EDIT_LINE_END);
    case 'u': return erase(panel, EDIT_LINE_START);
    case 'w': return erase(panel, EDIT_WORD_LEFT);
    default: return false;
    }
}

/* A click puts the cursor where it was made. */
static bool mouse_key(struct panel *panel, const struct key *key)
{
    struct prompt_state *s = panel->state;
    struct flows l;
    struct flow_row *row;
    size_t at = s->top + (size_t)(key->y - panel->inside.y), cursor;
    bool answer;

    if (key->button == 64 || key->button == 65) {
        return move_rows(s, key->button == 64 ? -3 : 3);
    }
    if (!key->press || key->drag || key->button != 0 || key->y < panel->inside.y ||
        flows_init(&l, s->compose, s->task, s->columns) != ATTUNE_OK) {
        return false;
    }
    if (at < l.n_rows && !l.rows[at].head) {
        row = &l.rows[at];
        if (flow_nearest(&l.flows[row->block], row,
                         prompt_view_at_column(&l.flows[row->block], row, key->x - panel->inside.x),
                         &answer, &cursor)) {
            s->at = (struct prompt_place){row->block, answer};
            edit_place(field(s), cursor);
            s->goal = -1;
        }
    }
    flows_done(&l);
    return true;
}

static bool key(struct panel *panel, const struct key *key)
{
    struct prompt_state *s = panel->state;
    char bytes[4];

    if (!s->compose->now) {
        return false;
    }
    take(panel);
    switch (key->kind) {
    case KEY_CHAR:
        if (key->mods & MOD_ALT || key->code == 0) {
            return false;
        }
        return key->mods & MOD_CTRL ? control_key(panel, key->code)
                                    : insert(panel, bytes, encode(key->code, bytes), false);
    case KEY_PASTE: return insert(panel, key->paste, key->paste_len, true);
    case KEY_NAMED: return named_key(panel, key);
    case KEY_MOUSE: return mouse_key(panel, key);
    default: return false;
    }
}

/* ---- actions ---- */

static bool need_shots(struct panel *panel)
{
    const struct task *task = task_at(panel->bench->task);

    return task->shots ||
           !fail(panel, "shots and templates belong to completion: a decoder's task");
}

/* A new shot behind the one under the cursor, or as the last one when the cursor is on task or
 * query. */
static bool shot_add(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    bool on_shot = s->compose->now->blocks[s->at.block].kind == ATTUNE_BLOCK_SHOT;
    size_t at = on_shot ? s->at.block + 1 : s->compose->now->n - 1;

    if (!need_shots(panel)) {
        return true;
    }
    if (!compose_add(s->compose, at, "", "")) {
        return fail(panel, "out of memory");
    }
    s->at = (struct prompt_place){at, false};
    return put(panel);
}

static bool need_shot(struct panel *panel)
{
    struct prompt_state *s = panel->state;

    if (s->compose->now->blocks[s->at.block].kind == ATTUNE_BLOCK_SHOT) {
        return true;
    }
    return !fail(panel, "the cursor is on no shot: move it into one, or add one first");
}

static bool shot_remove(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;

    return !need_shot(panel) || (compose_remove(s->compose, s->at.block) && put(panel));
}

static bool shot_duplicate(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    const struct compose_block *b = &s->compose->now->blocks[s->at.block];

    if (!need_shot(panel)) {
        return true;
    }
    if (!compose_add(s->compose, s->at.block + 1, edit_text(b->text), edit_text(b->answer))) {
        return fail(panel, "out of memory");
    }
    s->at.block++;
    return put(panel);
}

static bool shift_shot(struct panel *panel, size_t by)
{
    struct prompt_state *s = panel->state;

    if (!need_shot(panel)) {
        return true;
    }
    if (!compose_move(s->compose, s->at.block, s->at.block + by)) {
        return fail(panel, "the shot stands at the end already");
    }
    s->at.block += by;
    return put(panel);
}

static bool shot_up(struct panel *panel, const char *arg)
{
    return shift_shot(panel, (size_t)-1);
}

static bool shot_down(struct panel *panel, const char *arg)
{
    return shift_shot(panel, 1);
}

static bool block_switch(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;

    return !need_shots(panel) || !compose_switch(s->compose, s->at.block) || put(panel);
}

static bool block_next(struct panel *panel, const char *arg)
{
    return to_block(panel->state, true);
}

static bool block_previous(struct panel *panel, const char *arg)
{
    return to_block(panel->state, false);
}

static bool use_template(struct panel *panel, const char *name)
{
    struct attune_template form;
    struct attune_error err;
    int status = attune_template_load(&form, name, &err);

    if (status == ATTUNE_OK) {
        status = attune_prompt_use(&panel->bench->prompt, &form, &err);
        attune_template_done(&form);
    }
    if (status != ATTUNE_OK) {
        return fail(panel, err.text);
    }
    take(panel);
    bench_say(panel->bench, false, "template %s", name);
    return put(panel);
}

/* With a name that template, without one the next in the list. */
static bool use_named_template(struct panel *panel, const char *arg)
{
    struct attune_library_entry *list;
    struct attune_error err;
    size_t n, at = 0;
    bool done;

    if (!need_shots(panel)) {
        return true;
    }
    if (arg && *arg) {
        return use_template(panel, arg);
    }
    if (attune_library_list(&list, &n, "prompts/templates", &err) != ATTUNE_OK) {
        return fail(panel, err.text);
    }
    while (at < n && strcmp(list[at].name, panel->bench->prompt.form.name) != 0) {
        at++;
    }
    done = n == 0 ? fail(panel, "no templates were found in the library")
                  : use_template(panel, list[at < n ? (at + 1) % n : 0].name);
    attune_library_list_free(list, n);
    return done;
}

/* FILE or a name in the library, and how many of its rows. */
static bool load_shots(struct panel *panel, const char *arg)
{
    struct attune_error err;
    char name[512], *path = NULL;
    const char *space = arg ? strrchr(arg, ' ') : NULL;
    long count = space ? view_long(space + 1, -2) : -1;
    int status;

    if (!need_shots(panel)) {
        return true;
    }
    if (!arg || !*arg) {
        return fail(panel, "load_shots: wants a file and, if not all, how many of its rows");
    }
    if (count == -2) { /* the last word belongs to the name */
        space = NULL;
        count = -1;
    }
    snprintf(name, sizeof name, "%.*s", space ? (int)(space - arg) : (int)strlen(arg), arg);
    status = attune_library_find(&path, "prompts/shots", name, &err);
    if (status == ATTUNE_OK) {
        status = attune_prompt_load_shots(&panel->bench->prompt, path, count, &err);
    }
    free(path);
    if (status != ATTUNE_OK) {
        return fail(panel, err.text);
    }
    take(panel);
    return put(panel);
}

/* Where something is to be filled in: the mask, or the next sentinel. */
static bool mask(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    const char *text = edit_text(field(s)), *mask;
    int nth = 0;

    if (!panel->bench->model || task_at(s->task)->shots || s->task == TASK_compare) {
        return fail(panel, "a mask is for models that fill one: encoders, and T5 by its sentinels");
    }
    while ((mask = task_mask(panel->bench->model, nth)) && strstr(text, mask) &&
           task_mask(panel->bench->model, nth + 1) != mask) {
        nth++;
    }
    return mask ? insert(panel, mask, strlen(mask), true)
                : fail(panel, nth ? "this model has no more sentinels" : "this model has no mask");
}

static bool clear(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    struct edit *e = field(s);

    if (edit_length(e) == 0) {
        return fail(panel, "the field is empty already");
    }
    return !compose_erase(s->compose, e, 0, edit_length(e)) || put(panel);
}

static bool undo(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    struct edit *where;

    if (!compose_undo(s->compose, &where)) {
        return fail(panel, "nothing to undo");
    }
    prompt_place_find(&s->at, s->compose, where);
    return put(panel);
}

static bool redo(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    struct edit *where;

    if (!compose_redo(s->compose, &where)) {
        return fail(panel, "nothing to redo");
    }
    prompt_place_find(&s->at, s->compose, where);
    return put(panel);
}

static const struct {
    const char *name;
    bool (*run)(struct panel *panel, const char *arg);
} actions[] = {
    {"shot_add", shot_add},
    {"shot_remove", shot_remove},
    {"shot_duplicate", shot_duplicate},
    {"shot_up", shot_up},
    {"shot_down", shot_down},
    {"block_switch", block_switch},
    {"block_next", block_next},
    {"block_previous", block_previous},
    {"template", use_named_template},
    {"load_shots", load_shots},
    {"clear", clear},
    {"mask", mask},
    {"undo", undo},
    {"redo", redo},
};

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct prompt_state *s = panel->state;

    if (!s->compose->now) {
        return false;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0) {
            take(panel);
            return actions[i].run(panel, arg);
        }
    }
    return false;
}

const struct panel_ops panel_prompt = {
    .name = "prompt",
    .title = "Prompt",
    .help = "compose task, shots and query; what you see is what is sent",
    .state_size = sizeof(struct prompt_state),
    .takes_text = true,
    .open = open_prompt,
    .close = close_prompt,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
