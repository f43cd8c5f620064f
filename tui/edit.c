/* The text editor behind the composer: a growable text, a cursor and a log of changes.
 *
 * A change replaces n_removed bytes at `at` by n_inserted others, and keeps both:
 *
 *     changes   [ done ... done | undone ... undone ]
 *                               ^ n_done: undo steps left of it, redo right of it
 *
 * A change is logged before it is made, so when memory runs out the text stands as it was. Moving
 * bytes costs microseconds at 100,000 characters: a gap buffer would buy nothing and take the plain
 * edit_text away. */
#include <config.h>

#include "edit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "canvas.h"

enum join { JOIN_NEVER, JOIN_TYPED, JOIN_ERASED };

struct change {
    size_t at, n_removed, n_inserted;
    char *removed, *inserted;
    size_t cursor; /* where it stood before */
    enum join join;
};

struct edit {
    char *text;
    size_t len, capacity; /* capacity counts the NUL */
    size_t cursor;
    struct change *changes;
    size_t n_changes, n_done, changes_capacity;
    bool may_join; /* nothing but typing happened since the last change */
};

/* One code point, or one byte that is none: never 0 bytes where there are some. */
static size_t decode(const char *text, size_t len, int32_t *cp)
{
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)(len > 4 ? 4 : len), cp);

    if (n > 0) {
        return (size_t)n;
    }
    *cp = -1;
    return len > 0;
}

static size_t grapheme_length(const char *text, size_t len)
{
    utf8proc_int32_t state = 0;
    int32_t cp, next;
    size_t n = decode(text, len, &cp);

    while (cp >= 0 && n < len) {
        size_t more = decode(text + n, len - n, &next);
        if (next < 0 || utf8proc_grapheme_break_stateful(cp, next, &state)) {
            break;
        }
        n += more;
        cp = next;
    }
    return n;
}

static size_t line_start(const struct edit *e, size_t at)
{
    while (at > 0 && e->text[at - 1] != '\n') {
        at--;
    }
    return at;
}

static size_t line_end(const struct edit *e, size_t at)
{
    const char *end = memchr(e->text + at, '\n', e->len - at);

    return end ? (size_t)(end - e->text) : e->len;
}

static bool is_printable_ascii(char c)
{
    return c >= ' ' && c < 0x7f;
}

/* Nothing joins over a line break, nor between two printable ASCII characters (UAX 29, GB4, GB5,
 * GB999). */
static bool is_certain_border(const struct edit *e, size_t at)
{
    return at == 0 || e->text[at - 1] == '\n' ||
           (is_printable_ascii(e->text[at - 1]) && is_printable_ascii(e->text[at]));
}

/* The last grapheme border at or before `at`, counted from one that is certain. */
static size_t snap(const struct edit *e, size_t at)
{
    size_t border = at;

    while (!is_certain_border(e, border)) {
        border--;
    }
    while (border < at) {
        size_t n = grapheme_length(e->text + border, e->len - border);
        if (border + n > at) {
            break;
        }
        border += n;
    }
    return border;
}

static size_t before(const struct edit *e, size_t at)
{
    return at == 0 ? 0 : snap(e, at - 1);
}

static size_t after(const struct edit *e, size_t at)
{
    size_t from = snap(e, at);

    return from < e->len ? from + grapheme_length(e->text + from, e->len - from) : e->len;
}

static bool is_word(const char *text, size_t len)
{
    int32_t cp;

    decode(text, len, &cp);
    if (cp < 0) {
        return false;
    }
    switch (utf8proc_category(cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
    }
}

static bool is_word_at(const struct edit *e, size_t at)
{
    return is_word(e->text + at, e->len - at);
}

static bool reserve_text(struct edit *e, size_t len)
{
    size_t capacity = e->capacity;
    char *text;

    if (len >= SIZE_MAX / 4) {
        return false;
    }
    while (capacity < len + 1) {
        capacity *= 2;
    }
    if (capacity == e->capacity) {
        return true;
    }
    text = realloc(e->text, capacity);
    if (!text) {
        return false;
    }
    e->text = text;
    e->capacity = capacity;
    return true;
}

static void release_change(struct change *c)
{
    free(c->removed);
    free(c->inserted);
    memset(c, 0, sizeof *c);
}

static void forget_undone(struct edit *e)
{
    while (e->n_changes > e->n_done) {
        release_change(&e->changes[--e->n_changes]);
    }
}

static struct change *reserve_change(struct edit *e)
{
    if (e->n_changes == e->changes_capacity) {
        size_t capacity = e->changes_capacity ? 2 * e->changes_capacity : 16;
        struct change *changes = realloc(e->changes, capacity * sizeof *changes);
        if (!changes) {
            return NULL;
        }
        e->changes = changes;
        e->changes_capacity = capacity;
    }
    return &e->changes[e->n_changes];
}

static char *copy_bytes(const char *bytes, size_t n)
{
    char *copy = malloc(n + 1);

    if (copy) {
        memcpy(copy, bytes, n);
        copy[n] = '\0';
    }
    return copy;
}

/* to + from -> *to, at its end or, with `front`, before it. */
static bool grow_bytes(char **to, size_t *n, const char *from, size_t n_from, bool front)
{
    char *grown = realloc(*to, *n + n_from + 1);

    if (!grown) {
        return false;
    }
    *to = grown;
    if (front) {
        memmove(grown + n_from, grown, *n);
        memcpy(grown, from, n_from);
    } else {
        memcpy(grown + *n, from, n_from);
    }
    *n += n_from;
    grown[*n] = '\0';
    return true;
}

/* Typing goes on in the step before it until a word begins; so one undo takes one word. */
static bool extend_typed(struct edit *e, struct change *last, const char *text, size_t len)
{
    bool starts_word = is_word(text, len) && !is_word_at(e, before(e, last->at + last->n_inserted));

    return last->at + last->n_inserted == e->cursor && !starts_word &&
           last->inserted[last->n_inserted - 1] != '\n' &&
           grow_bytes(&last->inserted, &last->n_inserted, text, len, false);
}

/* The same for Backspace (towards the front) and Delete, one grapheme at a time. */
static bool extend_erased(struct edit *e, struct change *last, size_t from, size_t to)
{
    bool backwards = to == last->at;
    const char *bytes = e->text + from;

    if (!backwards && from != last->at) {
        return false;
    }
    if (is_word(bytes, to - from) && !is_word(last->removed, last->n_removed)) {
        return false;
    }
    if (!grow_bytes(&last->removed, &last->n_removed, bytes, to - from, backwards)) {
        return false;
    }
    last->at = from;
    return true;
}

static bool extend(struct edit *e, size_t from, size_t to, const char *text, size_t len,
                   enum join join)
{
    struct change *last = e->n_done > 0 ? &e->changes[e->n_done - 1] : NULL;

    if (!last || !e->may_join || join == JOIN_NEVER || last->join != join ||
        e->n_done != e->n_changes) {
        return false;
    }
    return join == JOIN_TYPED ? extend_typed(e, last, text, len) : extend_erased(e, last, from, to);
}

static void apply(struct edit *e, size_t at, size_t n_removed, const char *inserted,
                  size_t n_inserted)
{
    memmove(e->text + at + n_inserted, e->text + at + n_removed, e->len - at - n_removed + 1);
    memcpy(e->text + at, inserted, n_inserted);
    e->len = e->len - n_removed + n_inserted;
}

static bool replace(struct edit *e, size_t from, size_t to, const char *text, size_t len,
                    enum join join, size_t cursor)
{
    struct change *c;

    if (len > SIZE_MAX / 4 || !reserve_text(e, e->len - (to - from) + len)) {
        return false;
    }
    if (!extend(e, from, to, text, len, join)) {
        forget_undone(e);
        c = reserve_change(e);
        if (!c) {
            return false;
        }
        *c = (struct change){.at = from,
                             .n_removed = to - from,
                             .n_inserted = len,
                             .removed = copy_bytes(e->text + from, to - from),
                             .inserted = copy_bytes(text, len),
                             .cursor = e->cursor,
                             .join = join};
        if (!c->removed || !c->inserted) {
            release_change(c);
            return false;
        }
        e->n_changes++;
        e->n_done++;
    }
    apply(e, from, to - from, text, len);
    e->cursor = cursor;
    e->may_join = true;
    return true;
}

struct edit *edit_new(const char *text, size_t len)
{
    struct edit *e = calloc(1, sizeof *e);

    if (!e) {
        return NULL;
    }
    e->capacity = 64;
    e->text = malloc(e->capacity);
    if (!e->text || !reserve_text(e, len)) {
        edit_free(e);
        return NULL;
    }
    if (len > 0) {
        memcpy(e->text, text, len);
    }
    e->text[len] = '\0';
    e->len = e->cursor = len;
    return e;
}

void edit_free(struct edit *e)
{
    if (!e) {
        return;
    }
    e->n_done = 0;
    forget_undone(e);
    free(e->changes);
    free(e->text);
    free(e);
}

const char *edit_text(const struct edit *e)
{
    return e->text;
}

size_t edit_length(const struct edit *e)
{
    return e->len;
}

size_t edit_cursor(const struct edit *e)
{
    return e->cursor;
}

void edit_place(struct edit *e, size_t at)
{
    at = at < e->len ? snap(e, at) : e->len;
    if (at != e->cursor) {
        e->cursor = at;
        e->may_join = false;
    }
}

void edit_set(struct edit *e, const char *text, size_t len)
{
    if (len == e->len && memcmp(text, e->text, len) == 0) {
        return;
    }
    replace(e, 0, e->len, text, len, JOIN_NEVER, e->cursor < len ? e->cursor : len);
    e->cursor = snap(e, e->cursor);
}

bool edit_insert(struct edit *e, const char *text, size_t len)
{
    return len == 0 || replace(e, e->cursor, e->cursor, text, len, JOIN_TYPED, e->cursor + len);
}

bool edit_paste(struct edit *e, const char *text, size_t len)
{
    return len == 0 || replace(e, e->cursor, e->cursor, text, len, JOIN_NEVER, e->cursor + len);
}

bool edit_delete(struct edit *e, size_t from, size_t to)
{
    size_t cursor = e->cursor;
    bool single;

    to = to < e->len ? to : e->len;
    if (from >= to) {
        return true;
    }
    if (cursor >= to) {
        cursor -= to - from;
    } else if (cursor > from) {
        cursor = from;
    }
    single = to == after(e, from);
    return replace(e, from, to, "", 0, single ? JOIN_ERASED : JOIN_NEVER, cursor);
}

bool edit_undo(struct edit *e)
{
    struct change *c;

    if (e->n_done == 0) {
        return false;
    }
    c = &e->changes[e->n_done - 1];
    if (!reserve_text(e, e->len - c->n_inserted + c->n_removed)) {
        return false;
    }
    apply(e, c->at, c->n_inserted, c->removed, c->n_removed);
    e->n_done--;
    e->cursor = c->cursor;
    e->may_join = false;
    return true;
}

bool edit_redo(struct edit *e)
{
    struct change *c;

    if (e->n_done == e->n_changes) {
        return false;
    }
    c = &e->changes[e->n_done];
    if (!reserve_text(e, e->len - c->n_removed + c->n_inserted)) {
        return false;
    }
    apply(e, c->at, c->n_removed, c->inserted, c->n_inserted);
    e->n_done++;
    e->cursor = c->at + c->n_inserted;
    e->may_join = false;
    return true;
}

size_t edit_steps(const struct edit *e)
{
    return e->n_done;
}

static size_t word_left(const struct edit *e)
{
    size_t at = e->cursor;

    while (at > 0 && !is_word_at(e, before(e, at))) {
        at = before(e, at);
    }
    while (at > 0 && is_word_at(e, before(e, at))) {
        at = before(e, at);
    }
    return at;
}

static size_t word_right(const struct edit *e)
{
    size_t at = e->cursor;

    while (at < e->len && !is_word_at(e, at)) {
        at = after(e, at);
    }
    while (at < e->len && is_word_at(e, at)) {
        at = after(e, at);
    }
    return at;
}

/* The place `column` graphemes into the line that starts at `start`, or its end. */
static size_t place_in_line(const struct edit *e, size_t start, size_t column)
{
    size_t end = line_end(e, start);

    while (column-- > 0 && start < end) {
        start += grapheme_length(e->text + start, end - start);
    }
    return start;
}

static size_t vertical(const struct edit *e, bool down)
{
    size_t start = line_start(e, e->cursor), end = line_end(e, e->cursor), column = 0;

    if (down ? end == e->len : start == 0) {
        return e->cursor;
    }
    for (size_t at = start; at < e->cursor; column++) {
        at += grapheme_length(e->text + at, e->cursor - at);
    }
    return place_in_line(e, down ? end + 1 : line_start(e, start - 1), column);
}

size_t edit_target(const struct edit *e, enum edit_motion motion)
{
    switch (motion) {
    case EDIT_LEFT: return before(e, e->cursor);
    case EDIT_RIGHT: return after(e, e->cursor);
    case EDIT_WORD_LEFT: return word_left(e);
    case EDIT_WORD_RIGHT: return word_right(e);
    case EDIT_LINE_START: return line_start(e, e->cursor);
    case EDIT_LINE_END: return line_end(e, e->cursor);
    case EDIT_UP: return vertical(e, false);
    case EDIT_DOWN: return vertical(e, true);
    case EDIT_START: return 0;
    case EDIT_END: return e->len;
    case EDIT_MOTION_COUNT: break;
    }
    return e->cursor;
}

/* Bytes and columns of what stands at the front; plain ASCII, most of any prompt, needs no look at
 * the tables. */
static size_t measure(const char *text, size_t len, int *columns)
{
    unsigned char first = (unsigned char)text[0];
    struct glyph g;

    if (first >= ' ' && first < 0x7f && (len < 2 || (unsigned char)text[1] < 0x80)) {
        *columns = 1;
        return 1;
    }
    g = next_glyph(text, first == '\r' ? 1 : len);
    *columns = g.columns;
    return g.bytes > 0 ? g.bytes : 1;
}

/* One line from `start`: to its line break, or to the last space that fits, or as far as it goes. A
 * single space may hang over the right edge, so that a line does not begin with the gap between two
 * words. */
static size_t wrap_line(const char *text, size_t len, size_t start, int columns)
{
    size_t at = start, gap = 0;
    int used = 0, width;

    while (at < len && text[at] != '\n') {
        size_t n = measure(text + at, len - at, &width);
        bool space = text[at] == ' ' && n == 1;
        if (used + width > columns && at > start) {
            if (space && used == columns) {
                return at + 1;
            }
            return gap > start ? gap : at;
        }
        used += width;
        at += n;
        if (space) {
            gap = at;
        }
    }
    return at;
}

size_t edit_wrap(const char *text, size_t len, int columns, struct edit_line *out, size_t capacity)
{
    size_t n = 0, at = 0;

    if (columns < 1) {
        columns = 1;
    }
    for (;;) {
        size_t end = wrap_line(text, len, at, columns);
        bool hard = end < len && text[end] == '\n';
        if (n < capacity) {
            out[n] = (struct edit_line){.start = at, .end = end, .hard = hard};
        }
        n++;
        if (end >= len) {
            return n;
        }
        at = end + (hard ? 1 : 0);
    }
}
