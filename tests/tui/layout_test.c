#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/layout.h"

/* "name y,x rows x cols; ..." */
static const char *placed(const char *text, int rows, int cols, const char *keep)
{
    static char out[600];
    struct layout *layout;
    struct place places[16];
    size_t n;

    assert_int_equal(layout_parse(&layout, text, NULL), 0);
    n = layout_place(layout, (struct rect){0, 0, rows, cols}, keep, places, 16);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        struct rect r = places[i].rect;

        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s %d,%d %dx%d", i ? "; " : "",
                 places[i].panel, r.y, r.x, r.rows, r.cols);
    }
    layout_free(layout);
    return out;
}

static void neighbours_share_a_line_and_fill_the_screen(void **state)
{
    assert_string_equal(placed("a", 21, 80, NULL), "a 0,0 21x80");
    assert_string_equal(placed("a|b", 21, 80, NULL), "a 0,0 21x41; b 0,40 21x40");
    assert_string_equal(placed("a/b:75", 21, 80, NULL), "a 0,0 6x80; b 5,0 16x80");
    assert_string_equal(placed("a/b/c:55 | d/e", 21, 81, NULL),
                        "a 0,0 6x41; b 5,0 5x41; c 9,0 12x41; d 0,40 11x41; e 10,40 11x41");
    assert_string_equal(placed("(a | b):30 / c", 21, 80, NULL),
                        "a 0,0 7x41; b 0,40 7x40; c 6,0 15x80");
    assert_string_equal(placed("a:25 | b", 21, 99, NULL), "a 0,0 21x25; b 0,24 21x75");
}

static void what_has_no_room_is_left_out(void **state)
{
    assert_string_equal(placed("a/b/c/d", 7, 80, NULL), "a 0,0 3x80; b 2,0 3x80; c 4,0 3x80");
    assert_string_equal(placed("a/b/c/d", 7, 80, "d"), "a 0,0 3x80; b 2,0 3x80; d 4,0 3x80");
    assert_string_equal(placed("a|b|c", 5, 20, "b"), "b 0,0 5x20");
    assert_string_equal(placed("a|b", 1, 1, NULL), "a 0,0 1x1");
    assert_string_equal(placed("a:99/b/c", 9, 80, NULL), "a 0,0 5x80; b 4,0 3x80; c 6,0 3x80");
}

static void random_sizes_tile_exactly(void **state)
{
    static const char *const texts[] = {"a/b/c:55 | d/e", "a | (b | c/d):60 / e | f",
                                        "a:90 | b:90 | c:90 / d"};

    for (size_t t = 0; t < 3; t++) {
        struct layout *layout;

        assert_int_equal(layout_parse(&layout, texts[t], NULL), 0);
        for (int rows = 1; rows < 60; rows += 3) {
            for (int cols = 1; cols < 200; cols += 7) {
                struct place places[16];
                size_t n = layout_place(layout, (struct rect){0, 0, rows, cols}, NULL, places, 16);
                char *covered = calloc((size_t)rows * (size_t)cols, 1);

                assert_true(n >= 1);
                for (size_t i = 0; i < n; i++) {
                    struct rect r = places[i].rect;

                    assert_true(r.y >= 0 && r.x >= 0 && r.y + r.rows <= rows &&
                                r.x + r.cols <= cols);
                    for (int y = r.y; y < r.y + r.rows; y++) {
                        memset(covered + y * cols + r.x, 1, (size_t)r.cols);
                    }
                }
                assert_null(memchr(covered, 0, (size_t)rows * (size_t)cols));
                free(covered);
            }
        }
        layout_free(layout);
    }
}

static void wrong_layouts_are_refused_with_the_place(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "layout, column 1: the name of a panel is wanted"},
        {"a |", "layout, column 4: the name of a panel is wanted"},
        {"a:0", "layout, column 2: after : a share of 1 to 99 percent is wanted"},
        {"a:100", "layout, column 2: after : a share of 1 to 99 percent is wanted"},
        {"(a | b", "layout, column 7: a ) is missing"},
        {"a b", "layout, column 3: | or / or the end is wanted"},
        {"((((((((a))))))))", "layout, column 7: too many parentheses inside one another"},
        {"a|a|a|a|a|a|a|a|a|a|a|a|a", "layout, column 26: too many panels beside one another"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct layout *layout;
        struct attune_error err;

        assert_int_equal(layout_parse(&layout, rows[i].text, &err), ATTUNE_FORMAT);
        assert_null(layout);
        assert_string_equal(err.text, rows[i].error);
    }
}

static bool is_not_b(const char *panel)
{
    return strcmp(panel, "b") != 0;
}

static void screens_have_variants_by_size(void **state)
{
    struct screens s = {0};
    struct attune_error err;
    const char *names[8];
    struct layout *layout;

    assert_int_equal(screens_add(&s, "x", "", "a", &err), 0);
    assert_int_equal(screens_add(&s, "x", "120", "a|b", &err), 0);
    assert_int_equal(screens_add(&s, "x", "120x50", "a/b", &err), 0);
    assert_int_equal(screens_add(&s, "y", "100", "c", &err), 0);
    assert_int_equal(screens_add(&s, "x", "120", "b|a", &err), 0);
    assert_int_equal(s.n, 4);
    assert_string_equal(screens_find(&s, "x", 24, 80)->text, "a");
    assert_string_equal(screens_find(&s, "x", 24, 120)->text, "b|a");
    assert_string_equal(screens_find(&s, "x", 60, 200)->text, "a/b");
    assert_string_equal(screens_find(&s, "y", 24, 80)->text, "c");
    assert_null(screens_find(&s, "z", 24, 80));
    screens_done(&s);
    assert_int_equal(layout_parse(&layout, "a/b | b | c:30", &err), 0);
    assert_int_equal(layout_panels(layout, names, 8), 4);
    layout = layout_prune(layout, is_not_b);
    assert_int_equal(layout_panels(layout, names, 8), 2);
    assert_string_equal(names[1], "c");
    layout_free(layout);
    assert_int_equal(layout_parse(&layout, "b|b", &err), 0);
    assert_null(layout_prune(layout, is_not_b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_share_a_line_and_fill_the_screen),
        cmocka_unit_test(what_has_no_room_is_left_out),
        cmocka_unit_test(random_sizes_tile_exactly),
        cmocka_unit_test(wrong_layouts_are_refused_with_the_place),
        cmocka_unit_test(screens_have_variants_by_size),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
