/* Lines over the screen with up, down, page and end; long lines are cut and can be moved sideways.
 */
#include <config.h>

#include "pager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pager_close(struct pager *p)
{
    free(p->text);
    free(p->lines);
    *p = (struct pager){0};
}

void pager_show(struct pager *p, const char *title, char *text)
{
    pager_close(p);
    if (text) {
        p->text = text;
        snprintf(p->title, sizeof p->title, "%s", title);
        p->open = true;
    }
}

/* Bytes of the line (len of them) that fit into cols columns. */
static size_t fitting(const char *line, size_t len, int cols)
{
    size_t at = 0, blank = 0;

    for (int x = 0; at < len;) {
        struct glyph g = next_glyph(line + at, len - at);

        x += g.columns;
        if (x > cols && at > 0) {
            return blank > 0 ? blank : at;
        }
        blank = line[at] == ' ' && x > cols / 2 ? at + 1 : blank;
        at += g.bytes;
    }
    return len;
}

static bool add_row(struct pager *p, size_t *capacity, size_t start, size_t len)
{
    if (p->n == *capacity) {
        size_t more = *capacity * 2 + 64;
        struct pager_row *rows = realloc(p->lines, more * sizeof *rows);

        if (!rows) {
            return false;
        }
        p->lines = rows;
        *capacity = more;
    }
    p->lines[p->n++] = (struct pager_row){start, len};
    return true;
}

static void wrap(struct pager *p, int cols)
{
    size_t capacity = 0, end;

    free(p->lines);
    p->lines = NULL;
    p->n = 0;
    p->cols = cols;
    for (size_t at = 0; p->text[at]; at = end + (p->text[end] == '\n')) {
        size_t start = at;

        end = at + strcspn(p->text + at, "\n");
        do {
            size_t len = fitting(p->text + start, end - start, cols);

            if (!add_row(p, &capacity, start, len)) {
                return;
            }
            start += len;
        } while (start < end);
    }
}

static void clamp(struct pager *p, long top)
{
    long last = (long)p->n - p->rows;

    p->top = (size_t)(top > last ? last > 0 ? last : 0 : top > 0 ? top : 0);
}

void pager_draw(struct pager *p, struct canvas *c, struct rect r)
{
    struct style plain = style_of(c, ROLE_TEXT);
    struct rect inside;

    canvas_fill(c, r, ' ', plain);
    inside = canvas_box(c, r, p->title, true);
    p->rows = inside.rows > 0 ? inside.rows : 1;
    if (!p->lines || p->cols != inside.cols - 2) {
        wrap(p, inside.cols - 2);
    }
    clamp(p, (long)p->top);
    for (int y = 0; y < inside.rows && p->top + (size_t)y < p->n; y++) {
        struct pager_row row = p->lines[p->top + (size_t)y];
        const char *line = p->text + row.start;
        bool heading = row.len > 0 && line[0] == '\1';

        canvas_text(c, inside, y, 1, line + heading, row.len - heading,
                    heading ? style_of(c, ROLE_ACCENT) : plain);
    }
    if (p->n > (size_t)p->rows) {
        struct rect foot = {r.y + r.rows - 1, r.x, 1, r.cols - 2};

        canvas_print(c, foot, 0, foot.cols > 24 ? foot.cols - 22 : 0, style_of(c, ROLE_TITLE),
                     " %zu-%zu of %zu ", p->top + 1,
                     p->top + (size_t)p->rows < p->n ? p->top + (size_t)p->rows : p->n, p->n);
    }
}

static long motion(const struct pager *p, const struct key *key)
{
    long page = p->rows > 2 ? p->rows - 1 : 1, all = (long)p->n;

    if (key->kind == KEY_MOUSE) {
        return key->button == 64 ? -3 : key->button == 65 ? 3 : 0;
    }
    if (key->kind == KEY_CHAR) {
        switch (key->code) {
        case 'j': return 1;
        case 'k': return -1;
        case ' ':
        case 'f': return page;
        case 'b': return -page;
        case 'g': return -all;
        case 'G': return all;
        default: return 0;
        }
    }
    switch (key->kind == KEY_NAMED ? key->code : NAMED_COUNT) {
    case NAMED_DOWN: return 1;
    case NAMED_UP: return -1;
    case NAMED_PAGEDOWN: return page;
    case NAMED_PAGEUP: return -page;
    case NAMED_HOME: return -all;
    case NAMED_END: return all;
    default: return 0;
    }
}

void pager_key(struct pager *p, const struct key *key)
{
    static const char *const closing[] = {"q", "escape", "enter",  "f1",
                                          "?", "ctrl-c", "ctrl-q", "f10"};
    long by = motion(p, key);
    struct key other;

    if (by != 0) {
        clamp(p, (long)p->top + by);
        return;
    }
    for (size_t i = 0; i < sizeof closing / sizeof *closing; i++) {
        if (key_parse(&other, closing[i]) && key_same(&other, key)) {
            pager_close(p);
            return;
        }
    }
}
