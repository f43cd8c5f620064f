/* vi's keys in the composer (set keys vi). Escape commands, i and its like type again.
 *
 *   [count] motion                 h l w b e 0 ^ $ gg G; j and k go over the rows as they are seen
 *   [count] d|c|y [count] motion   dd, cc, yy: whole lines
 *   x X D C Y s S r~ p P u Ctrl-r  i a I A o O
 *
 * A command works on the field under the cursor, as editing does. */
#include <config.h>

#include "prompt_act.h"

#include <stdlib.h>
#include <string.h>

#include "edit.h"

static void reset(struct prompt_vi *vi)
{
    vi->count = vi->change_count = 0;
    vi->change = vi->pending = '\0';
}

void prompt_vi_done(struct prompt_vi *vi)
{
    free(vi->kept);
    memset(vi, 0, sizeof *vi);
}

static size_t line_start(const struct edit *e, size_t at)
{
    const char *text = edit_text(e);

    while (at > 0 && text[at - 1] != '\n') {
        at--;
    }
    return at;
}

static size_t line_end(const struct edit *e, size_t at)
{
    return at + strcspn(edit_text(e) + at, "\n");
}

static size_t first_word(const struct edit *e, size_t at)
{
    size_t start = line_start(e, at);

    return start + strspn(edit_text(e) + start, " \t");
}

/* Where a motion leads from the cursor; the cursor is moved there and back to ask the editor. */
static size_t once(struct edit *e, enum edit_motion motion)
{
    return edit_target(e, motion);
}

/* w: to the first letter of the next word. */
static size_t word_begin(struct edit *e)
{
    size_t from = edit_cursor(e), end, begin;

    edit_place(e, once(e, EDIT_WORD_RIGHT));
    end = edit_cursor(e);
    edit_place(e, once(e, EDIT_WORD_RIGHT)); /* the end of the word behind */
    begin = once(e, EDIT_WORD_LEFT);
    begin = begin > from && edit_cursor(e) > end ? begin : edit_length(e);
    edit_place(e, from);
    return begin;
}

/* e: onto the last letter of this word or the next. */
static size_t word_end(struct edit *e)
{
    size_t from = edit_cursor(e), to;

    edit_place(e, once(e, EDIT_RIGHT));
    to = once(e, EDIT_WORD_RIGHT);
    edit_place(e, to);
    to = to > from ? once(e, EDIT_LEFT) : to;
    edit_place(e, from);
    return to;
}

static size_t step(struct edit *e, uint32_t key)
{
    size_t at = edit_cursor(e);

    switch (key) {
    case 'h': return at > line_start(e, at) ? once(e, EDIT_LEFT) : at;
    case 'l':
    case ' ': return at < line_end(e, at) ? once(e, EDIT_RIGHT) : at;
    case 'w': return word_begin(e);
    case 'b': return once(e, EDIT_WORD_LEFT);
    case 'e': return word_end(e);
    case '0': return line_start(e, at);
    case '^': return first_word(e, at);
    case '$': return line_end(e, at);
    case 'j': return once(e, EDIT_DOWN);
    case 'k': return once(e, EDIT_UP);
    case 'G': return edit_length(e);
    case 'g': return 0;
    default: return SIZE_MAX;
    }
}

static size_t target(struct edit *e, uint32_t key, long count)
{
    size_t from = edit_cursor(e), to = from;

    for (long i = 0; i < count; i++) {
        to = step(e, key);
        if (to == SIZE_MAX || to == edit_cursor(e)) {
            break;
        }
        edit_place(e, to);
    }
    edit_place(e, from);
    return to;
}

static bool keep(struct prompt_vi *vi, const char *text, size_t len, bool lines)
{
    char *copy = malloc(len + 1);

    if (!copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    free(vi->kept);
    vi->kept = copy;
    vi->kept_lines = lines;
    return true;
}

static bool erase(struct panel *panel, size_t from, size_t to)
{
    struct prompt_state *s = panel->state;

    if (from < to && !compose_erase(s->compose, prompt_field(s), from, to)) {
        return prompt_fail(panel, "out of memory");
    }
    return from >= to || prompt_put(panel);
}

/* An operator over [from, to). Whole lines are kept without the break at their end. */
static bool operate(struct panel *panel, char operation, size_t from, size_t to, bool lines)
{
    struct prompt_state *s = panel->state;
    struct edit *e = prompt_field(s);

    if (!keep(&s->vi, edit_text(e) + from, to - from, lines)) {
        return prompt_fail(panel, "out of memory");
    }
    if (operation == 'y') {
        edit_place(e, from);
        return true;
    }
    s->vi.command = operation != 'c';
    if (lines && operation == 'd') { /* one of the breaks around the lines goes with them */
        to += to < edit_length(e);
        from -= to == edit_length(e) && from > 0 && edit_text(e)[to - 1] != '\n';
    }
    return erase(panel, from, to);
}

static bool operate_lines(struct panel *panel, char operation, size_t from, size_t to)
{
    struct edit *e = prompt_field(panel->state);

    return operate(panel, operation, line_start(e, from), line_end(e, to), true);
}

/* The motion behind d, c or y. */
static bool operate_to(struct panel *panel, uint32_t key, long count)
{
    struct prompt_state *s = panel->state;
    struct edit *e = prompt_field(s);
    char operation = s->vi.change;
    size_t from = edit_cursor(e), to;

    reset(&s->vi);
    if (key == 'w' && operation == 'c') {
        key = 'e'; /* as vi has it: the gap behind the word stays */
    }
    to = target(e, key, count);
    if (to == SIZE_MAX) {
        return true;
    }
    if (key == 'j' || key == 'k' || key == 'G' || key == 'g') {
        return operate_lines(panel, operation, from < to ? from : to, from < to ? to : from);
    }
    if (key == 'e' && to < edit_length(e)) {
        edit_place(e, to);
        to = once(e, EDIT_RIGHT);
        edit_place(e, from);
    }
    return operate(panel, operation, from < to ? from : to, from < to ? to : from, false);
}

static bool type(struct panel *panel, size_t at, const char *text)
{
    struct prompt_state *s = panel->state;

    s->vi.command = false;
    edit_place(prompt_field(s), at);
    return !*text || prompt_insert(panel, text, strlen(text), true);
}

static bool paste(struct panel *panel, bool behind)
{
    struct prompt_state *s = panel->state;
    struct edit *e = prompt_field(s);
    size_t at = edit_cursor(e), len = s->vi.kept ? strlen(s->vi.kept) : 0;
    char *text;
    bool done;

    if (!s->vi.kept) {
        return prompt_fail(panel, "nothing was deleted or yanked yet");
    }
    if (!s->vi.kept_lines) {
        edit_place(e, behind && at < line_end(e, at) ? once(e, EDIT_RIGHT) : at);
        done = prompt_insert(panel, s->vi.kept, len, true);
        e = prompt_field(s);
        edit_place(e, len > 0 ? once(e, EDIT_LEFT) : edit_cursor(e));
        return done;
    }
    text = malloc(len + 2);
    if (!text) {
        return prompt_fail(panel, "out of memory");
    }
    memcpy(text + behind, s->vi.kept, len);
    text[behind ? 0 : len] = '\n';
    at = behind ? line_end(e, at) : line_start(e, at);
    edit_place(e, at);
    done = prompt_insert(panel, text, len + 1, true);
    edit_place(prompt_field(s), at + behind);
    free(text);
    return done;
}

/* Commands that begin typing, or need no motion. */
static bool plain(struct panel *panel, uint32_t key, long count)
{
    struct prompt_state *s = panel->state;
    struct edit *e = prompt_field(s);
    size_t at = edit_cursor(e), end = line_end(e, at);

    switch (key) {
    case 'i': return type(panel, at, "");
    case 'a': return type(panel, at < end ? once(e, EDIT_RIGHT) : at, "");
    case 'I': return type(panel, first_word(e, at), "");
    case 'A': return type(panel, end, "");
    case 'o': return type(panel, end, "\n");
    case 'O':
        type(panel, line_start(e, at), "\n");
        edit_place(prompt_field(s), line_start(e, at));
        return true;
    case 'x': return operate(panel, 'd', at, target(e, 'l', count), false);
    case 'X': return operate(panel, 'd', target(e, 'h', count), at, false);
    case 's': return operate(panel, 'c', at, target(e, 'l', count), false);
    case 'D': return operate(panel, 'd', at, end, false);
    case 'C': return operate(panel, 'c', at, end, false);
    case 'S': return operate_lines(panel, 'c', at, at);
    case 'Y': return operate_lines(panel, 'y', at, at);
    case 'p':
    case 'P': return paste(panel, key == 'p');
    case 'u': return prompt_act(panel, "undo", NULL);
    default: return true; /* a letter that means nothing types nothing */
    }
}

static bool replace(struct panel *panel, const char *text, size_t len)
{
    struct prompt_state *s = panel->state;
    struct edit *e = prompt_field(s);
    size_t at = edit_cursor(e);

    if (at >= line_end(e, at)) {
        return true;
    }
    erase(panel, at, once(e, EDIT_RIGHT));
    prompt_insert(panel, text, len, true);
    edit_place(prompt_field(s), at);
    return true;
}

static bool command(struct panel *panel, uint32_t key, const char *text, size_t len)
{
    struct prompt_state *s = panel->state;
    struct prompt_vi *vi = &s->vi;
    long count;

    if (vi->pending == 'r' && text) {
        reset(vi);
        return replace(panel, text, len);
    }
    if (key >= '0' && key <= '9' && (key > '0' || vi->count > 0)) {
        vi->count = vi->count < 10000 ? vi->count * 10 + (long)(key - '0') : vi->count;
        return true;
    }
    count = (vi->count > 0 ? vi->count : 1) * (vi->change_count > 0 ? vi->change_count : 1);
    if (key == 'g' && vi->pending != 'g') {
        vi->pending = 'g';
        return true;
    }
    if (key == 'r' && !vi->change) {
        vi->pending = 'r';
        return true;
    }
    if (vi->change && key == (uint32_t)vi->change) {
        size_t from = edit_cursor(prompt_field(s)), to = target(prompt_field(s), 'j', count - 1);
        char operation = vi->change;

        reset(vi);
        return operate_lines(panel, operation, from, to);
    }
    if (vi->change) {
        return operate_to(panel, key, count);
    }
    if (key == 'd' || key == 'c' || key == 'y') {
        vi->change_count = vi->count;
        vi->count = 0;
        vi->change = (char)key;
        return true;
    }
    reset(vi);
    if (key == 'j' || key == 'k') {
        return prompt_rows(panel, key == 'j' ? count : -count);
    }
    if (target(prompt_field(s), key, 1) != SIZE_MAX) {
        edit_place(prompt_field(s), target(prompt_field(s), key, count));
        return true;
    }
    return plain(panel, key, count);
}

bool prompt_vi_key(struct panel *panel, const struct key *key, const char *text, size_t len)
{
    struct prompt_state *s = panel->state;
    struct prompt_vi *vi = &s->vi;

    if (key->kind == KEY_NAMED && key->code == NAMED_ESCAPE && key->mods == 0) {
        bool was = !vi->command || vi->change || vi->pending || vi->count;

        reset(vi);
        vi->command = true;
        panel->bench->frame++;
        return was; /* else the next key is a command of the screen, as elsewhere */
    }
    if (!vi->command) {
        return false;
    }
    if (key->kind == KEY_NAMED && key->mods == 0) {
        switch (key->code) {
        case NAMED_ENTER: return command(panel, 'j', NULL, 0);
        case NAMED_BACKSPACE: return command(panel, 'h', NULL, 0);
        case NAMED_DELETE: return command(panel, 'x', NULL, 0);
        default: return false;
        }
    }
    if (key->kind != KEY_CHAR || (key->mods & MOD_ALT)) {
        return false;
    }
    if (key->mods & MOD_CTRL) {
        return key->code == 'r' && prompt_act(panel, "redo", NULL);
    }
    if (key->code == ':' || key->code == '?') {
        return false;
    }
    panel->bench->frame++;
    return command(panel, key->code, text, len);
}
