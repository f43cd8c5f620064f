/* Bytes to glyphs, by one rule for every view. Terminals agree on a base of one or two columns with
 * up to three marks on it; that is drawn as it is. Everything else is shown instead of sent:
 *
 *   LF TAB               U+21B5 U+2192
 *   other C0, DEL        ^X
 *   a mark without base  U+25CC and the mark
 *   emoji sequence       its first emoji and "+"
 *   ZWJ, selectors, bidi controls, C1, unassigned   <200D>
 *   a byte that is no UTF-8                         <E4>
 *
 * Widths are libc's in C.UTF-8, whatever the locale of the process; grapheme borders are
 * utf8proc's. */
#include <config.h>

#include "cells.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>
#include <wchar.h>

enum { MAX_MARKS = 3 };

static locale_t width_locale;
static pthread_once_t width_once = PTHREAD_ONCE_INIT;

static void open_width_locale(void)
{
    width_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

size_t cells_decode(uint32_t *cp, const char *text, size_t len)
{
    utf8proc_int32_t code;
    utf8proc_ssize_t n;

    if (len == 0) {
        return 0;
    }
    n = utf8proc_iterate((const utf8proc_uint8_t *)text, len < 4 ? (utf8proc_ssize_t)len : 4,
                         &code);
    if (n <= 0 || code < 0) {
        return 0;
    }
    *cp = (uint32_t)code;
    return (size_t)n;
}

size_t cells_encode(char out[4], uint32_t cp)
{
    return (size_t)utf8proc_encode_char((utf8proc_int32_t)cp, (utf8proc_uint8_t *)out);
}

/* Selectors, tags and fillers: of width 0 like marks, but they draw nothing. */
static bool is_invisible(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x034F, 0x034F}, {0x115F, 0x115F}, {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x2028, 0x2029},
        {0x3164, 0x3164}, {0xFE00, 0xFE0F}, {0xFFA0, 0xFFA0}, {0xE0000, 0xE0FFF},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (cp >= ranges[i].first && cp <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

int cells_width(uint32_t cp)
{
    locale_t before;
    int width;

    if (cp < 0x7F) {
        return cp < 0x20 ? -1 : 1;
    }
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return -1;
    default: break;
    }
    if (is_invisible(cp)) {
        return -1;
    }
    pthread_once(&width_once, open_width_locale);
    if (!width_locale) {
        return wcwidth((wchar_t)cp);
    }
    before = uselocale(width_locale);
    width = wcwidth((wchar_t)cp);
    uselocale(before);
    return width > 2 ? -1 : width;
}

static bool is_pictograph(uint32_t cp)
{
    return utf8proc_get_property((utf8proc_int32_t)cp)->boundclass ==
           UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

static struct glyph escape(size_t bytes, const char *format, unsigned value)
{
    struct glyph g = {.bytes = bytes, .escaped = true};

    /* The formats are the literals below. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    g.columns = snprintf(g.shown, sizeof g.shown, format, value);
#pragma GCC diagnostic pop
    return g;
}

/* Where the grapheme that starts with `first` (of n bytes) ends. */
static size_t grapheme_end(const char *text, size_t len, uint32_t first, size_t n)
{
    utf8proc_int32_t state = 0;
    uint32_t before = first, cp;
    size_t step;

    while (
        n < len && (step = cells_decode(&cp, text + n, len - n)) > 0 &&
        !utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)cp, &state)) {
        before = cp;
        n += step;
    }
    return n;
}

static size_t take_marks(const char *text, size_t len, size_t n, int most)
{
    uint32_t cp;
    size_t step;

    while (most-- > 0 && n < len && (step = cells_decode(&cp, text + n, len - n)) > 0 &&
           cells_width(cp) == 0) {
        n += step;
    }
    return n;
}

static struct glyph lone_mark(const char *text, size_t len)
{
    struct glyph g = {.columns = 1, .escaped = true};

    g.bytes = take_marks(text, len, 0, MAX_MARKS);
    memcpy(g.shown, "\u25CC", 3);
    memcpy(g.shown + 3, text, g.bytes);
    return g;
}

struct glyph next_glyph(const char *text, size_t len)
{
    struct glyph g = {0};
    uint32_t cp = 0;
    size_t n;

    if (len == 0) {
        return g;
    }
    n = cells_decode(&cp, text, len);
    if (n == 0) {
        return escape(1, "<%02X>", (unsigned char)text[0]);
    }
    if (cp == '\n' || cp == '\t') {
        g = (struct glyph){.bytes = 1, .columns = 1, .escaped = true};
        memcpy(g.shown, cp == '\n' ? "\u21B5" : "\u2192", 4);
        return g;
    }
    if (cp < 0x20 || cp == 0x7F) {
        return escape(1, "^%c", cp ^ 0x40);
    }
    if (cp < 0x7F && (len == 1 || (unsigned char)text[1] < 0x80)) {
        return (struct glyph){.bytes = 1, .columns = 1, .shown = {text[0]}};
    }
    g.columns = cells_width(cp);
    if (g.columns < 0) {
        return escape(n, "<%04X>", cp);
    }
    if (g.columns == 0) {
        return lone_mark(text, len);
    }
    g.bytes = take_marks(text, len, n, MAX_MARKS);
    memcpy(g.shown, text, g.bytes);
    if (is_pictograph(cp) && grapheme_end(text, len, cp, n) > g.bytes) {
        g.bytes = grapheme_end(text, len, cp, n);
        memset(g.shown + n, 0, sizeof g.shown - n);
        g.shown[n] = '+';
        g.columns++;
        g.escaped = true;
    }
    return g;
}

int text_columns(const char *text, size_t len)
{
    int columns = 0;

    for (size_t at = 0; at < len;) {
        struct glyph g = next_glyph(text + at, len - at);

        at += g.bytes;
        columns += g.columns;
    }
    return columns;
}
