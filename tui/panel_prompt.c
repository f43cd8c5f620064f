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
#include "prompt_act.h"
#include "prompt_view.h"
#include "view.h"

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
    prompt_vi_done(&s->vi);
}

struct edit *prompt_field(const struct prompt_state *s)
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
    edit_place(prompt_field(s), edit_length(prompt_field(s)));
}

void prompt_take(struct panel *panel)
{
    struct prompt_state *s = panel->state;

    take_task(panel);
    if (!s->compose->now) {
        return;
    }
    if (panel->bench->draft == BENCH_DRAFT_BEFORE) {
        compose_before(s->compose, &panel->bench->prompt);
    } else if (panel->bench->draft == BENCH_DRAFT_LEFT) { /* nothing of before can be undone */
        compose_done(s->compose);
        if (compose_init(s->compose, &panel->bench->prompt) != ATTUNE_OK) {
            bench_say(panel->bench, true, "out of memory");
            return;
        }
        s->at = (struct prompt_place){s->compose->now->n - 1, false};
    } else {
        compose_take(s->compose, &panel->bench->prompt);
    }
    keep_place(s);
    if (panel->bench->draft != BENCH_DRAFT_NONE && panel->bench->undos != 0) {
        bool again = panel->bench->undos > 0;

        panel->bench->draft = BENCH_DRAFT_NONE;
        panel->bench->undos += again ? -1 : 1;
        prompt_act(panel, again ? "undo" : "redo", NULL);
    }
    panel->bench->draft = BENCH_DRAFT_NONE;
}

/* After a change here: into the workbench, and on to the worker. */
bool prompt_put(struct panel *panel)
{
    struct prompt_state *s = panel->state;
    struct attune_error err;

    keep_place(s);
    s->goal = -1;
    if (s->journaled != s->compose->n_done) { /* a step began: what stood before it is whole */
        bench_journal(panel->bench);
        s->journaled = s->compose->n_done;
    }
    panel->bench->drafted = true;
    if (compose_put(s->compose, &panel->bench->prompt, &err) != ATTUNE_OK) {
        bench_say(panel->bench, true, "%s", err.text);
        return true;
    }
    bench_prompt_changed(panel->bench);
    return true;
}

bool prompt_fail(struct panel *panel, const char *text)
{
    bench_say(panel->bench, true, "%s", text);
    return true;
}

static void draw(struct panel *panel, struct canvas *canvas, struct rect inside)
{
    struct prompt_state *s = panel->state;
    struct prompt_view view;

    prompt_take(panel);
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

    snprintf(out, capacity, "Prompt \u00b7 %s \u00b7 %s%s", p->form.name ? p->form.name : "",
             prompt_view_shots(shots, attune_prompt_shots(p)),
             panel->bench->vi_keys && ((struct prompt_state *)panel->state)->vi.command
                 ? " \u00b7 command"
                 : "");
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
    edit_place(prompt_field(s), forward ? 0 : edit_length(prompt_field(s)));
    return true;
}

static bool move(struct prompt_state *s, enum edit_motion motion)
{
    struct edit *e = prompt_field(s);
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
    offset = flow_offset(&l.flows[s->at.block], s->at.answer, edit_cursor(prompt_field(s)));
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
            edit_place(prompt_field(s), cursor);
            by -= step;
        }
    }
    flows_done(&l);
    return true;
}

bool prompt_rows(struct panel *panel, long by)
{
    return move_rows(panel->state, by);
}

bool prompt_to_block(struct prompt_state *s, bool forward)
{
    size_t to = s->at.block + (forward ? 1 : (size_t)-1);

    while (to < s->compose->now->n && !is_shown(s, to, false)) {
        to += forward ? 1 : (size_t)-1;
    }
    if (to < s->compose->now->n) {
        s->at = (struct prompt_place){to, false};
        edit_place(prompt_field(s), edit_length(prompt_field(s)));
    }
    s->goal = -1;
    return true;
}

/* ---- editing ---- */

bool prompt_insert(struct panel *panel, const char *text, size_t len, bool paste)
{
    struct prompt_state *s = panel->state;

    if (memchr(text, '\0', len)) {
        return prompt_fail(panel, "a prompt cannot hold a NUL byte");
    }
    if (!compose_insert(s->compose, prompt_field(s), text, len, paste)) {
        return prompt_fail(panel, "out of memory");
    }
    return prompt_put(panel);
}

static bool erase(struct panel *panel, enum edit_motion motion)
{
    struct prompt_state *s = panel->state;
    size_t from = edit_cursor(prompt_field(s)), to = edit_target(prompt_field(s), motion);

    if (from == to) {
        return true;
    }
    if (!compose_erase(s->compose, prompt_field(s), from < to ? from : to, from < to ? to : from)) {
        return prompt_fail(panel, "out of memory");
    }
    return prompt_put(panel);
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
    case NAMED_ENTER: return prompt_insert(panel, "\n", 1, false);
    case NAMED_BACKSPACE: return erase(panel, word ? EDIT_WORD_LEFT : EDIT_LEFT);
    case NAMED_DELETE: return erase(panel, word ? EDIT_WORD_RIGHT : EDIT_RIGHT);
    case NAMED_LEFT: return move(s, word ? EDIT_WORD_LEFT : EDIT_LEFT);
    case NAMED_RIGHT: return move(s, word ? EDIT_WORD_RIGHT : EDIT_RIGHT);
    case NAMED_HOME: return move(s, word ? EDIT_START : EDIT_LINE_START);
    case NAMED_END: return move(s, word ? EDIT_END : EDIT_LINE_END);
    case NAMED_UP: return word ? prompt_to_block(s, false) : move_rows(s, -1);
    case NAMED_DOWN: return word ? prompt_to_block(s, true) : move_rows(s, 1);
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
            edit_place(prompt_field(s), cursor);
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
    size_t len = key->kind == KEY_CHAR && key->code ? encode(key->code, bytes) : 0;

    if (!s->compose->now) {
        return false;
    }
    prompt_take(panel);
    if (panel->bench->vi_keys && prompt_vi_key(panel, key, bytes, len)) {
        return true;
    }
    if (panel->bench->vi_keys && s->vi.command && key->kind == KEY_CHAR) {
        return false;
    }
    switch (key->kind) {
    case KEY_CHAR:
        if (key->mods & MOD_ALT || key->code == 0) {
            return false;
        }
        return key->mods & MOD_CTRL ? control_key(panel, key->code)
                                    : prompt_insert(panel, bytes, len, false);
    case KEY_PASTE: return prompt_insert(panel, key->paste, key->paste_len, true);
    case KEY_NAMED: return named_key(panel, key);
    case KEY_MOUSE: return mouse_key(panel, key);
    default: return false;
    }
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
    .action = prompt_act,
};
