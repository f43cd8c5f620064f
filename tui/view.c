/* Drawing that panels share. */
#include <config.h>

#include "view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"

int view_token(struct canvas *c, struct rect r, int y, int x, const char *bytes, size_t len,
               struct style s)
{
    struct style faint = s;
    int used = 0;

    faint.attrs |= ATTR_DIM;
    for (size_t at = 0; at < len;) {
        size_t n = 1;
        if (bytes[at] == ' ') {
            used += canvas_text(c, r, y, x + used, "\u00b7", 2, faint);
        } else {
            while (at + n < len && bytes[at + n] != ' ') {
                n++;
            }
            used += canvas_text(c, r, y, x + used, bytes + at, n, s);
        }
        at += n;
    }
    return used;
}

size_t view_id_bytes(const struct workbench *b, attune_token id, char out[VIEW_BYTES],
                     bool *special)
{
    const struct attune_tokenizer *tk = b->model ? attune_model_tokenizer(b->model) : NULL;
    enum attune_token_kind kind;
    const char *piece;
    size_t n;

    *special = false;
    if (!tk) {
        return (size_t)snprintf(out, VIEW_BYTES, "#%d", (int)id);
    }
    kind = attune_token_kind(tk, id);
    n = attune_token_bytes(tk, id, out, VIEW_BYTES);
    if (n > 0 && kind != ATTUNE_TOKEN_SPECIAL) {
        return n < VIEW_BYTES ? n : VIEW_BYTES;
    }
    *special = true;
    piece = attune_token_piece(tk, id);
    n = (size_t)snprintf(out, VIEW_BYTES, "%s", piece ? piece : "");
    if (n == 0) {
        n = (size_t)snprintf(out, VIEW_BYTES, "#%d", (int)id);
    }
    return n < VIEW_BYTES ? n : VIEW_BYTES - 1;
}

size_t view_position_bytes(const struct workbench *b, size_t i, char out[VIEW_BYTES], bool *special)
{
    size_t n = view_id_bytes(b, bench_token_at(b, i), out, special);

    if (*special || (b->model && attune_model_tokenizer(b->model))) {
        return n;
    }
    n = bench_token_bytes(b, i, out, VIEW_BYTES); /* a recorded step brings its own bytes */
    return n > 0 ? (n < VIEW_BYTES ? n : VIEW_BYTES)
                 : view_id_bytes(b, bench_token_at(b, i), out, special);
}

const char *view_hex(char *out, size_t capacity, const char *bytes, size_t n)
{
    size_t used = 0;

    if (capacity > 0) {
        out[0] = '\0';
    }
    for (size_t i = 0; i < n; i++) {
        if (used + 7 > capacity) {
            snprintf(out + used, capacity - used, "..");
            break;
        }
        used += (size_t)snprintf(out + used, capacity - used, "%s%02x", i > 0 ? " " : "",
                                 (unsigned char)bytes[i]);
    }
    return out;
}

const char *view_p(char out[VIEW_NUMBER], double p)
{
    if (p == 0) {
        return strcpy(out, "0");
    }
    snprintf(out, VIEW_NUMBER, p >= 0.0001 || !(p > 0) ? "%.4f" : "%.0e", p);
    return out;
}

const char *view_count(char out[VIEW_NUMBER], size_t n)
{
    char digits[VIEW_NUMBER];
    int len = snprintf(digits, sizeof digits, "%zu", n), to = 0;

    for (int i = 0; i < len && to + 2 < VIEW_NUMBER; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[to++] = ',';
        }
        out[to++] = digits[i];
    }
    out[to] = '\0';
    return out;
}

const char *view_dashed(char out[VIEW_NUMBER], const char *name)
{
    snprintf(out, VIEW_NUMBER, "%s", name);
    for (char *p = out; *p; p++) {
        if (*p == '_') {
            *p = '-';
        }
    }
    return out;
}

int view_right(struct canvas *c, struct rect r, int y, struct style s, const char *format, ...)
{
    char text[256];
    va_list args;
    int columns, x;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    columns = text_columns(text, strlen(text));
    x = columns < r.cols ? r.cols - columns : 0;
    canvas_text(c, r, y, x, text, strlen(text), s);
    return x;
}

void view_rule(struct canvas *c, struct rect r, int y, int from, int to, struct style s)
{
    for (int x = from < 0 ? 0 : from; x < to && x < r.cols; x++) {
        canvas_text(c, r, y, x, "\u2500", 3, s);
    }
}

int view_sentence(struct canvas *c, struct rect r, int y, struct style s, const char *format, ...)
{
    enum { MOST_LINES = 16 };
    struct edit_line lines[MOST_LINES];
    char text[512];
    va_list args;
    size_t n;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    n = edit_wrap(text, strlen(text), r.cols, lines, MOST_LINES);
    n = n < MOST_LINES ? n : MOST_LINES;
    for (size_t i = 0; i < n; i++) {
        canvas_text(c, r, y + (int)i, 0, text + lines[i].start, lines[i].end - lines[i].start, s);
    }
    return (int)n;
}

size_t view_scroll(size_t top, size_t cursor, size_t n, int rows)
{
    size_t height = rows > 0 ? (size_t)rows : 1;

    if (cursor < top) {
        top = cursor;
    }
    if (cursor >= top + height) {
        top = cursor - height + 1;
    }
    if (n < height) {
        return 0;
    }
    return top > n - height ? n - height : top;
}

struct rect view_cell(struct rect r, int y, int x, int columns)
{
    columns = columns < r.cols - x ? columns : r.cols - x;
    return (struct rect){r.y + y, r.x + x, y >= 0 && y<r.rows, columns> 0 ? columns : 0};
}

struct rect view_rows(struct rect r, int from, int rows)
{
    from = from < 0 ? 0 : from < r.rows ? from : r.rows;
    rows = rows < 0 ? 0 : rows < r.rows - from ? rows : r.rows - from;
    return (struct rect){r.y + from, r.x, rows, r.cols};
}

int view_pair(struct canvas *c, struct rect r, int y, int x, const char *key, const char *value)
{
    int used = text_columns(key, strlen(key)) + 1 + text_columns(value, strlen(value));

    if (x + used > r.cols) {
        return 0;
    }
    used = canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "%s ", key);
    return used + canvas_text(c, r, y, x + used, value, strlen(value), style_of(c, ROLE_VALUE)) + 1;
}

int view_clip(struct canvas *c, struct rect r, int y, int x, struct style s, const char *text)
{
    int used = canvas_text(c, r, y, x, text, strlen(text), s);

    if (text_columns(text, strlen(text)) > r.cols - x && x < r.cols) {
        canvas_text(c, r, y, r.cols - 1, "\u2026", 3, s);
    }
    return used;
}

int view_ramp(struct canvas *c, struct rect r, int y, int x, int cols, const char *low,
              const char *high, enum ramp ramp)
{
    int used = canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "%s ", low);

    for (int i = 0; i < cols; i++) {
        canvas_heat(c, r, y, x + used + i, 1, cols > 1 ? (float)i / (float)(cols - 1) : 1.0f, ramp);
    }
    used += cols;
    return used + canvas_print(c, r, y, x + used, style_of(c, ROLE_DIM), " %s", high);
}

enum view_move view_move_of_key(const struct key *key)
{
    if (key->kind == KEY_MOUSE) {
        return key->button == 64 ? VIEW_UP : key->button == 65 ? VIEW_DOWN : VIEW_STAY;
    }
    if (key->kind != KEY_NAMED) {
        return VIEW_STAY;
    }
    switch (key->code) {
    case NAMED_LEFT: return VIEW_LEFT;
    case NAMED_RIGHT: return VIEW_RIGHT;
    case NAMED_UP: return VIEW_UP;
    case NAMED_DOWN: return VIEW_DOWN;
    case NAMED_PAGEUP: return VIEW_PAGE_UP;
    case NAMED_PAGEDOWN: return VIEW_PAGE_DOWN;
    case NAMED_HOME: return VIEW_FIRST;
    case NAMED_END: return VIEW_LAST;
    default: return VIEW_STAY;
    }
}

enum view_move view_move_of_action(const char *action)
{
    static const struct {
        const char *name;
        enum view_move move;
    } names[] = {
        {"left", VIEW_LEFT},   {"right", VIEW_RIGHT},     {"up", VIEW_UP},
        {"down", VIEW_DOWN},   {"page_up", VIEW_PAGE_UP}, {"page_down", VIEW_PAGE_DOWN},
        {"first", VIEW_FIRST}, {"last", VIEW_LAST},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].name, action) == 0) {
            return names[i].move;
        }
    }
    return VIEW_STAY;
}

size_t view_moved(enum view_move move, size_t at, size_t n, int rows)
{
    size_t page = rows > 2 ? (size_t)rows - 1 : 1, last = n > 0 ? n - 1 : 0;

    switch (move) {
    case VIEW_UP: return at > 0 ? at - 1 : 0;
    case VIEW_DOWN: return at < last ? at + 1 : last;
    case VIEW_PAGE_UP: return at > page ? at - page : 0;
    case VIEW_PAGE_DOWN: return at + page < last ? at + page : last;
    case VIEW_FIRST: return 0;
    case VIEW_LAST: return last;
    default: return at < last ? at : last;
    }
}

long view_long(const char *arg, long otherwise)
{
    char *end;
    long value;

    if (!arg || !*arg) {
        return otherwise;
    }
    errno = 0;
    value = strtol(arg, &end, 10);
    return *end == '\0' && errno == 0 ? value : otherwise;
}
