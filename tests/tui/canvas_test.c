#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/cells.h"

static void assert_shown(const char *bytes, size_t len, const char *shown, int columns,
                         size_t taken)
{
    struct glyph g = next_glyph(bytes, len);

    assert_string_equal(g.shown, shown);
    assert_int_equal(g.columns, columns);
    assert_int_equal(g.bytes, taken);
}

static void glyphs_follow_the_rule(void **state)
{
    static const struct {
        const char *bytes, *shown;
        int columns;
        size_t taken;
    } rows[] = {
        {"a", "a", 1, 1},
        {"é", "é", 1, 2},
        {"e\u0301x", "e\u0301", 1, 3},
        {"日本", "日", 2, 3},
        {"\u0301", "\u25CC\u0301", 1, 2},
        {"\n", "\u21B5", 1, 1},
        {"\t", "\u2192", 1, 1},
        {"\r", "^M", 2, 1},
        {"\x1b[2J", "^[", 2, 1},
        {"\x7f", "^?", 2, 1},
        {"\u200Dx", "<200D>", 6, 3},
        {"\u202E", "<202E>", 6, 3},
        {"\u2028", "<2028>", 6, 3},
        {"\xc2\x9b"
         "2J",
         "<009B>", 6, 2},
        {"\uFEFF", "<FEFF>", 6, 3},
        {"\uFE0F", "<FE0F>", 6, 3},
        {"\xe4", "<E4>", 4, 1},
        {"\xe4\xb8", "<E4>", 4, 1},
        {"\xc0\x80", "<C0>", 4, 1},
        {"\xed\xa0\x80", "<ED>", 4, 1},
        {"\xf4\x90\x80\x80", "<F4>", 4, 1},
        {"\U0001F600!", "\U0001F600", 2, 4},
        {"\U0001F468\u200D\U0001F469\u200D\U0001F467x", "\U0001F468+", 3, 18},
        {"\U0001F44D\U0001F3FDx", "\U0001F44D+", 3, 8},
        {"\U0010FFFF", "<10FFFF>", 8, 4},
        {"a\u0300\u0301\u0302\u0303", "a\u0300\u0301\u0302", 1, 7},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_shown(rows[i].bytes, strlen(rows[i].bytes), rows[i].shown, rows[i].columns,
                     rows[i].taken);
    }
    assert_shown("\0b", 2, "^@", 2, 1);
    assert_int_equal(next_glyph("", 0).bytes, 0);
}

/* Whatever the bytes: every glyph takes some, fits its buffer, and shows no control character. */
static void any_bytes_make_harmless_glyphs(void **state)
{
    uint32_t seed = 1;
    char bytes[64];

    for (int round = 0; round < 20000; round++) {
        size_t len = 1 + (size_t)round % sizeof bytes;

        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (char)(seed >> 24);
            if (round % 3 == 0 && (seed & 0x700) == 0 && i + 3 <= len) { /* often something valid */
                memcpy(bytes + i, "\u200D", 3);
                i += 2;
            }
        }
        for (size_t at = 0; at < len;) {
            struct glyph g = next_glyph(bytes + at, len - at);
            uint32_t cp;
            int columns = 0;

            assert_true(g.bytes > 0 && g.bytes <= len - at);
            assert_true(strlen(g.shown) < sizeof g.shown);
            for (size_t i = 0, n; g.shown[i]; i += n) {
                n = cells_decode(&cp, g.shown + i, strlen(g.shown + i));
                assert_true(n > 0);
                assert_true(cells_width(cp) >= 0);
                columns += cells_width(cp);
            }
            assert_int_equal(columns, g.columns);
            at += g.bytes;
        }
    }
}

static void assert_dump(const struct canvas *c, const char *expected)
{
    char *dump = canvas_dump(c);

    assert_string_equal(dump, expected);
    free(dump);
}

static const struct style plain = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};

static void text_is_clipped_and_wide_characters_stay_whole(void **state)
{
    struct canvas c;
    struct rect r = {0, 1, 2, 4};

    assert_int_equal(canvas_init(&c, 3, 8, TIER_256), 0);
    assert_int_equal(canvas_text(&c, r, 0, 0, "日本語", 9, plain), 4);
    assert_int_equal(canvas_text(&c, r, 1, 1, "x日本", 7, plain), 3);
    assert_int_equal(canvas_text(&c, r, 2, 0, "below", 5, plain), 4);
    assert_dump(&c, " 日本\n  x日\n\n");
    canvas_clear(&c);
    canvas_text(&c, r, 0, 0, "a日", 4, plain);
    canvas_text(&c, r, 1, 0, "abc日", 6, plain);
    canvas_text(&c, r, 0, -1, "日z", 4, plain);
    assert_dump(&c, "  z\n abc\n\n"); /* a right half at column 0, its neighbour was overwritten */
    canvas_clear(&c);
    canvas_text(&c, r, 0, 0, "日本", 6, plain);
    canvas_text(&c, r, 0, 1, "|", 1, plain);
    assert_dump(&c, "  |本\n\n\n");
    canvas_text(&c, r, 0, 2, "|", 1, plain);
    assert_dump(&c, "  ||\n\n\n");
    canvas_text(&c, r, 0, 1, "本", 3, plain);
    assert_dump(&c, "  本\n\n\n");
    assert_int_equal(text_columns("a日\x1b", 5), 5);
    canvas_done(&c);
}

static void no_coordinates_can_hurt(void **state)
{
    struct canvas c;

    assert_int_equal(canvas_init(&c, 2, 3, TIER_8), 0);
    for (int y = -3; y < 5; y++) {
        for (int x = -7; x < 9; x++) {
            for (int rows = -1; rows < 4; rows++) {
                struct rect r = {y, x, rows, rows + 2};

                canvas_text(&c, r, y, x, "日本\x01\xff", 8, plain);
                canvas_fill(&c, r, 0x2588, plain);
                canvas_box(&c, r, "title", rows & 1);
                canvas_bar(&c, r, 0, x, 3, 0.4, plain);
                canvas_heat(&c, r, y, x, 3, 0.5f, RAMP_MAGMA);
                canvas_heat_pair(&c, r, y, x, 0.5f, 0.1f, RAMP_MAGMA);
                canvas_cursor(&c, r, y, x);
                assert_true(c.cursor_y >= -1 && c.cursor_y < 2 && c.cursor_x < 3);
            }
        }
    }
    assert_int_equal(canvas_resize(&c, 0, 0), 0);
    canvas_print(&c, (struct rect){0, 0, 1, 1}, 0, 0, plain, "%s", "x");
    assert_dump(&c, "");
    canvas_done(&c);
    canvas_done(&c);
}

static void frames_that_touch_share_their_lines(void **state)
{
    struct canvas c;
    struct rect in;

    assert_int_equal(canvas_init(&c, 5, 11, TIER_MONO), 0);
    in = canvas_box(&c, (struct rect){0, 0, 3, 11}, "ab", false);
    assert_int_equal(in.y, 1);
    assert_int_equal(in.cols, 9);
    canvas_box(&c, (struct rect){2, 0, 3, 6}, "日本", false);
    canvas_box(&c, (struct rect){2, 5, 3, 6}, NULL, true);
    assert_dump(&c, "┌─ ab ────┐\n"
                    "│         │\n"
                    "├─  ─┬────┤\n"
                    "│    │    │\n"
                    "└────┴────┘\n");
    c.ascii = true;
    canvas_clear(&c);
    canvas_box(&c, (struct rect){0, 0, 2, 8}, "é日", false);
    assert_dump(&c, "+- ???"
                    "-+\n+------+\n\n\n\n");
    canvas_done(&c);
}

static void bars_count_in_eighths(void **state)
{
    struct canvas c;
    struct rect r = {0, 0, 4, 4};

    assert_int_equal(canvas_init(&c, 4, 4, TIER_MONO), 0);
    canvas_bar(&c, r, 0, 0, 4, 1.0, plain);
    canvas_bar(&c, r, 1, 0, 4, 0.5 + 1.0 / 32, plain);
    canvas_bar(&c, r, 2, 0, 4, 1e-9, plain);
    canvas_bar(&c, r, 3, 0, 4, 0.0, plain);
    assert_dump(&c, "████\n██▏\n▏\n\n");
    c.ascii = true;
    canvas_clear(&c);
    canvas_bar(&c, r, 0, 0, 4, 0.5, plain);
    assert_dump(&c, "##\n\n\n\n");
    canvas_done(&c);
}

static void long_output_is_printed_whole(void **state)
{
    struct canvas c;
    char text[2001];

    memset(text, 'x', 2000);
    text[2000] = '\0';
    assert_int_equal(canvas_init(&c, 1, 3000, TIER_MONO), 0);
    assert_int_equal(canvas_print(&c, (struct rect){0, 0, 1, 3000}, 0, 0, plain, "%s", text), 2000);
    canvas_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glyphs_follow_the_rule),
        cmocka_unit_test(any_bytes_make_harmless_glyphs),
        cmocka_unit_test(text_is_clipped_and_wide_characters_stay_whole),
        cmocka_unit_test(no_coordinates_can_hurt),
        cmocka_unit_test(frames_that_touch_share_their_lines),
        cmocka_unit_test(bars_count_in_eighths),
        cmocka_unit_test(long_output_is_printed_whole),
    };
    return cmocka_run_group_tests_name("canvas", tests, NULL, NULL);
}
