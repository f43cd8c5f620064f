/* The grid: cells, clipping, text, frames and bars. A wide character is a cell of width 2 and a
 * cell of width 0 to its right; whoever cuts one of the two in half leaves a blank where the other
 * was. Frames that touch share their lines: a line drawn over a line becomes the junction of both.
 */
#include <config.h>

#include "canvas.h"

#include <attune/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"

static const struct style plain = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};

static void set_blank(struct cell *cell, struct style s)
{
    *cell = (struct cell){.cp = {' '}, .n = 1, .width = 1, .style = s};
}

int canvas_init(struct canvas *c, int rows, int cols, enum colour_tier tier)
{
    *c = (struct canvas){.tier = tier, .cursor_y = -1, .cursor_x = -1};
    return canvas_resize(c, rows, cols);
}

int canvas_resize(struct canvas *c, int rows, int cols)
{
    struct cell *cells;

    rows = rows < 0 ? 0 : rows > 10000 ? 10000 : rows;
    cols = cols < 0 ? 0 : cols > 10000 ? 10000 : cols;
    cells = calloc((size_t)rows * (size_t)cols + 1, sizeof *cells);
    if (!cells) {
        return ATTUNE_MEMORY;
    }
    free(c->cells);
    c->cells = cells;
    c->rows = rows;
    c->cols = cols;
    canvas_clear(c);
    return ATTUNE_OK;
}

void canvas_done(struct canvas *c)
{
    if (c) {
        free(c->cells);
        c->cells = NULL;
        c->rows = c->cols = 0;
    }
}

void canvas_clear(struct canvas *c)
{
    for (size_t i = 0; i < (size_t)c->rows * (size_t)c->cols; i++) {
        set_blank(&c->cells[i], plain);
    }
    c->cursor_y = c->cursor_x = -1;
}

/* What is left of r on the canvas, absolute. */
static struct rect visible(const struct canvas *c, struct rect r)
{
    int bottom = r.y + r.rows < c->rows ? r.y + r.rows : c->rows;
    int right = r.x + r.cols < c->cols ? r.x + r.cols : c->cols;

    r.y = r.y < 0 ? 0 : r.y;
    r.x = r.x < 0 ? 0 : r.x;
    r.rows = bottom > r.y ? bottom - r.y : 0;
    r.cols = right > r.x ? right - r.x : 0;
    return r;
}

/* What stands for a glyph when only ASCII may be used; 0: nothing looks like it. */
static char look_alike(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
        char c;
    } table[] = {
        {0x00A0, 0x00A0, ' '}, {0x00B1, 0x00B1, '~'},  {0x00B7, 0x00B7, '.'}, {0x00D7, 0x00D7, 'x'},
        {0x2010, 0x2015, '-'}, {0x2018, 0x2019, '\''}, {0x201C, 0x201D, '"'}, {0x2022, 0x2022, '*'},
        {0x2026, 0x2026, '.'}, {0x2190, 0x2190, '<'},  {0x2191, 0x2191, '^'}, {0x2192, 0x2192, '>'},
        {0x2193, 0x2193, 'v'}, {0x21B5, 0x21B5, '$'},  {0x2212, 0x2212, '-'}, {0x221E, 0x221E, 'i'},
        {0x2248, 0x2248, '~'}, {0x2264, 0x2264, '<'},  {0x2265, 0x2265, '>'}, {0x2500, 0x2501, '-'},
        {0x2502, 0x2503, '|'}, {0x2504, 0x254B, '+'},  {0x2550, 0x2550, '='}, {0x2551, 0x2551, '|'},
        {0x2552, 0x2573, '+'}, {0x2581, 0x2584, '.'},  {0x2585, 0x258F, '#'}, {0x2591, 0x2591, '.'},
        {0x2592, 0x2592, ':'}, {0x2593, 0x2593, '#'},  {0x25A0, 0x25A0, '#'}, {0x25B2, 0x25B4, '^'},
        {0x25B6, 0x25B8, '>'}, {0x25BC, 0x25BE, 'v'},  {0x25C0, 0x25C2, '<'}, {0x25CB, 0x25CC, 'o'},
        {0x25CF, 0x25CF, '*'}, {0x2713, 0x2714, '+'},  {0x2717, 0x2718, 'x'}, {0x2580, 0x2580, '^'},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (cp >= table[i].first && cp <= table[i].last) {
            return table[i].c;
        }
    }
    return 0;
}

/* The cell at (y, x) is about to be written: its other half, if it has one, becomes a blank. */
static void cut_wide(struct canvas *c, int y, int x)
{
    struct cell *row = c->cells + (size_t)y * (size_t)c->cols;

    if (row[x].width == 2 && x + 1 < c->cols) {
        set_blank(&row[x + 1], row[x].style);
    } else if (row[x].width == 0 && x > 0) {
        set_blank(&row[x - 1], row[x - 1].style);
    }
}

static void set_cell(struct canvas *c, int y, int x, const uint32_t *cp, int n, int width,
                     struct style s)
{
    struct cell *cell = c->cells + (size_t)y * (size_t)c->cols + x;

    for (int i = 0; i < width; i++) {
        cut_wide(c, y, x + i);
    }
    cell[0] = (struct cell){.n = (uint8_t)n, .width = (uint8_t)width, .style = s};
    memcpy(cell->cp, cp, (size_t)n * sizeof *cp);
    if (width == 2) {
        cell[1] = (struct cell){.style = s};
    }
}

void canvas_put(struct canvas *c, struct rect clip, int y, int x, const uint32_t *cp, int n,
                int width, struct style s)
{
    bool fits = x >= clip.x && x + width <= clip.x + clip.cols;
    uint32_t one = ' ';

    if (y < clip.y || y >= clip.y + clip.rows) {
        return;
    }
    if (c->ascii && (cp[0] >= 0x7F || n > 1)) {
        one = cp[0] < 0x7F ? cp[0] : (uint32_t)(unsigned char)look_alike(cp[0]);
        if (one == 0 || n > 1) {
            one = one ? one : '?';
            s = style_reverse(s);
        }
        fits = false;
    }
    if (fits) {
        set_cell(c, y, x, cp, n, width, s);
        return;
    }
    /* Column by column; a wide character over the edge leaves its visible half blank. */
    for (int i = x; i < x + width; i++) {
        if (i >= clip.x && i < clip.x + clip.cols) {
            set_cell(c, y, i, &one, 1, 1, s);
        }
    }
}

/* The cells of what a glyph shows, from column x on. */
static void put_shown(struct canvas *c, struct rect clip, int y, int x, const char *shown,
                      struct style s)
{
    uint32_t cell[4], cp;
    size_t len = strlen(shown), at = 0, step;
    int n = 0, width = 0;

    while (at < len && (step = cells_decode(&cp, shown + at, len - at)) > 0) {
        int w = cells_width(cp);

        if (n > 0 && (w > 0 || n == 4)) {
            canvas_put(c, clip, y, x, cell, n, width, s);
            x += width;
            n = 0;
        }
        if (n == 0) {
            width = w > 0 ? w : 1;
        }
        cell[n++] = cp;
        at += step;
    }
    if (n > 0) {
        canvas_put(c, clip, y, x, cell, n, width, s);
    }
}

static struct style shown_style(const struct glyph *g, char first, struct style s)
{
    if (!g->escaped || (unsigned char)g->shown[0] == 0xE2 /* U+25CC */) {
        if (first == '\n' || first == '\t') {
            s.attrs |= ATTR_DIM;
        }
        return s;
    }
    return style_reverse(s);
}

int canvas_text(struct canvas *c, struct rect r, int y, int x, const char *text, size_t len,
                struct style s)
{
    struct rect clip = visible(c, r);
    int used = 0, limit = r.cols - x;

    for (size_t at = 0; at < len && used < limit;) {
        struct glyph g = next_glyph(text + at, len - at);

        put_shown(c, clip, r.y + y, r.x + x + used, g.shown, shown_style(&g, text[at], s));
        at += g.bytes;
        used += g.columns;
    }
    return used < limit ? used : limit > 0 ? limit : 0;
}

int canvas_print(struct canvas *c, struct rect r, int y, int x, struct style s, const char *format,
                 ...)
{
    char small[512], *text = small;
    va_list args;
    int n, used;

    va_start(args, format);
    n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n < 0) {
        return 0;
    }
    if ((size_t)n >= sizeof small && (text = malloc((size_t)n + 1))) {
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    if (!text) {
        return 0;
    }
    used = canvas_text(c, r, y, x, text, (size_t)n, s);
    if (text != small) {
        free(text);
    }
    return used;
}

void canvas_fill(struct canvas *c, struct rect r, uint32_t cp, struct style s)
{
    struct rect clip = visible(c, r);

    if (cells_width(cp) != 1) {
        cp = ' ';
    }
    for (int y = clip.y; y < clip.y + clip.rows; y++) {
        for (int x = clip.x; x < clip.x + clip.cols; x++) {
            canvas_put(c, clip, y, x, &cp, 1, 1, s);
        }
    }
}

enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8 };

/* Indexed by the directions a line leaves the cell in. */
static const uint32_t lines[16] = {
    ' ',    0x2502, 0x2502, 0x2502, 0x2500, 0x2518, 0x2510, 0x2524,
    0x2500, 0x2514, 0x250C, 0x251C, 0x2500, 0x2534, 0x252C, 0x253C,
};

static unsigned line_directions(const struct cell *cell)
{
    for (unsigned i = 3; i < 16; i++) {
        if (i != 4 && i != 8 && cell->n == 1 && cell->cp[0] == lines[i]) {
            return i;
        }
    }
    return 0;
}

static void put_line(struct canvas *c, struct rect clip, int y, int x, unsigned directions,
                     struct style s)
{
    uint32_t cp;

    if (y < clip.y || y >= clip.y + clip.rows || x < clip.x || x >= clip.x + clip.cols) {
        return;
    }
    cp = lines[directions | line_directions(&c->cells[(size_t)y * (size_t)c->cols + (size_t)x])];
    canvas_put(c, clip, y, x, &cp, 1, 1, s);
}

void canvas_title(struct canvas *c, struct rect r, const char *title, bool focused)
{
    struct rect head = {r.y, r.x + 2, 1, r.cols - 4};
    struct style s =
        focused ? style_reverse(style_of(c, ROLE_FRAME_FOCUS)) : style_of(c, ROLE_TITLE);

    if (title && title[0] && r.rows > 1 && head.cols > 0) {
        canvas_print(c, head, 0, 0, s, " %s ", title);
    }
}

struct rect canvas_box(struct canvas *c, struct rect r, const char *title, bool focused)
{
    struct rect clip = visible(c, r);
    struct style frame = style_of(c, focused ? ROLE_FRAME_FOCUS : ROLE_FRAME);
    int bottom = r.y + r.rows - 1, right = r.x + r.cols - 1;

    if (r.rows < 2 || r.cols < 2) {
        return r;
    }
    for (int x = r.x + 1; x < right; x++) {
        put_line(c, clip, r.y, x, LEFT | RIGHT, frame);
        put_line(c, clip, bottom, x, LEFT | RIGHT, frame);
    }
    for (int y = r.y + 1; y < bottom; y++) {
        put_line(c, clip, y, r.x, UP | DOWN, frame);
        put_line(c, clip, y, right, UP | DOWN, frame);
    }
    put_line(c, clip, r.y, r.x, DOWN | RIGHT, frame);
    put_line(c, clip, r.y, right, DOWN | LEFT, frame);
    put_line(c, clip, bottom, r.x, UP | RIGHT, frame);
    put_line(c, clip, bottom, right, UP | LEFT, frame);
    canvas_title(c, r, title, focused);
    return (struct rect){r.y + 1, r.x + 1, r.rows - 2, r.cols - 2};
}

void canvas_bar(struct canvas *c, struct rect r, int y, int x, int cols, double fraction,
                struct style s)
{
    struct rect clip = visible(c, r);
    int eighths;

    fraction = fraction > 0 ? fraction < 1 ? fraction : 1 : 0; /* NaN draws nothing */
    eighths = (int)(fraction * cols * 8 + 0.5);
    if (fraction > 0 && eighths == 0) {
        eighths = 1;
    }
    for (int i = 0; i < cols && i * 8 < eighths && x + i < r.cols; i++) {
        int part = eighths - i * 8 < 8 ? eighths - i * 8 : 8;
        uint32_t cp = 0x2590u - (uint32_t)part; /* U+2588 is whole, U+258F one eighth */

        canvas_put(c, clip, r.y + y, r.x + x + i, &cp, 1, 1, s);
    }
}

void canvas_cursor(struct canvas *c, struct rect r, int y, int x)
{
    struct rect clip = visible(c, r);
    bool inside = r.y + y >= clip.y && r.y + y < clip.y + clip.rows && r.x + x >= clip.x &&
                  r.x + x < clip.x + clip.cols;

    c->cursor_y = inside ? r.y + y : -1;
    c->cursor_x = inside ? r.x + x : -1;
}

char *canvas_dump(const struct canvas *c)
{
    /* Four code points of four bytes a cell, and the line break. */
    char *out = malloc((size_t)c->rows * ((size_t)c->cols * 16 + 1) + 1), *p = out;

    for (int y = 0; out && y < c->rows; y++) {
        const struct cell *row = c->cells + (size_t)y * (size_t)c->cols;
        int last = c->cols;

        while (last > 0 && row[last - 1].n == 1 && row[last - 1].cp[0] == ' ') {
            last--;
        }
        for (int x = 0; x < last; x++) {
            for (int i = 0; i < row[x].n; i++) {
                p += cells_encode(p, row[x].cp[i]);
            }
        }
        *p++ = '\n';
    }
    if (out) {
        *p = '\0';
    }
    return out;
}
