#include <config.h>

#include "tui/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tui/canvas.h"

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void check(const struct edit *e, const char *text)
{
    assert_string_equal(edit_text(e), text);
    assert_int_equal(edit_length(e), strlen(text));
    assert_true(edit_cursor(e) <= edit_length(e));
}

static void move(struct edit *e, enum edit_motion motion)
{
    edit_place(e, edit_target(e, motion));
}

static void type(struct edit *e, const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        assert_true(edit_insert(e, text + i, 1));
    }
}

/* The naive twin: a plain array that knows insertion and deletion, and every state it ever had. */
struct twin {
    char *states[2000];
    size_t n;
};

static void keep_state(struct twin *twin, const char *text)
{
    assert_true(twin->n < 2000);
    twin->states[twin->n++] = strdup(text);
}

static char *splice(const char *text, size_t from, size_t to, const char *with)
{
    size_t len = strlen(text);
    char *out = malloc(len + strlen(with) + 1);

    memcpy(out, text, from);
    strcpy(out + from, with);
    strcat(out, text + to);
    return out;
}

static void random_edits_equal_a_naive_twin(void **state)
{
    static const char *const snippets[] = {
        "a",     " ",    "é",  "日本",    "\n",    "e\u0301", "\U0001F469\u200D\U0001F4BB",
        "word ", "\xff", "\t", "x\ny\nz", "\u0301"};
    struct twin twin = {0};
    struct edit *e = edit_new("", 0);
    uint32_t seed = 7;

    keep_state(&twin, "");
    for (int i = 0; i < 1500; i++) {
        size_t len = edit_length(e), at = next_random(&seed) % (len + 1);
        const char *with = snippets[next_random(&seed) % 12];
        char *expected;
        edit_place(e, at);
        at = edit_cursor(e);
        if (next_random(&seed) % 3 == 0 && len > 0) {
            size_t to = at + next_random(&seed) % 9;
            to = to < len ? to : len;
            expected = splice(edit_text(e), at, to, "");
            assert_true(edit_delete(e, at, to));
        } else {
            expected = splice(edit_text(e), at, at, with);
            assert_true(edit_paste(e, with, strlen(with)));
            assert_int_equal(edit_cursor(e), at + strlen(with));
        }
        check(e, expected);
        keep_state(&twin, expected);
        free(expected);
    }
    /* Deletes of one grapheme may share a step, so states may be passed over, but only in order. */
    size_t place = twin.n - 1, steps = 0;
    while (edit_undo(e)) {
        size_t before = place;
        while (place > 0 && (place == before || strcmp(twin.states[place], edit_text(e)) != 0)) {
            place--;
        }
        assert_string_equal(edit_text(e), twin.states[place]);
        steps++;
    }
    check(e, "");
    assert_true(steps > 1000);
    while (edit_redo(e)) {
        steps--;
    }
    assert_int_equal(steps, 0);
    check(e, twin.states[twin.n - 1]);
    for (size_t i = 0; i < twin.n; i++) {
        free(twin.states[i]);
    }
    edit_free(e);
}

static void typing_is_undone_by_words(void **state)
{
    struct edit *e = edit_new("", 0);

    type(e, "the movie was");
    assert_true(edit_undo(e));
    check(e, "the movie ");
    assert_true(edit_undo(e));
    check(e, "the ");
    assert_true(edit_redo(e));
    check(e, "the movie ");
    type(e, "x");
    assert_false(edit_redo(e));
    edit_place(e, 0);
    type(e, "y");
    check(e, "ythe movie x");
    assert_true(edit_undo(e));
    check(e, "the movie x");
    assert_int_equal(edit_cursor(e), 0);
    edit_free(e);
}

static void backspaces_join_and_restore_the_cursor(void **state)
{
    struct edit *e = edit_new("one two", 7);

    for (int i = 0; i < 5; i++) {
        edit_delete(e, edit_target(e, EDIT_LEFT), edit_cursor(e));
    }
    check(e, "on");
    assert_true(edit_undo(e));
    check(e, "one");
    assert_true(edit_undo(e));
    check(e, "one two");
    assert_int_equal(edit_cursor(e), 7);
    assert_false(edit_undo(e));
    edit_free(e);
}

static void paste_and_set_are_their_own_steps(void **state)
{
    struct edit *e = edit_new("", 0);

    type(e, "ab");
    edit_paste(e, "cd", 2);
    type(e, "ef");
    assert_true(edit_undo(e));
    check(e, "abcd");
    assert_true(edit_undo(e));
    check(e, "ab");
    edit_set(e, "whole\nnew", 9);
    edit_set(e, "whole\nnew", 9);
    check(e, "whole\nnew");
    assert_true(edit_undo(e));
    check(e, "ab");
    edit_free(e);
}

static void motion_is_by_grapheme(void **state)
{
    const char *text = "ae\u0301\U0001F468\u200D\U0001F469\u200D\U0001F467\u65e5\xff"
                       "b";
    const size_t borders[] = {0, 1, 4, 22, 25, 26, 27};
    struct edit *e = edit_new(text, strlen(text));

    assert_int_equal(edit_cursor(e), 27);
    for (size_t i = 7; i-- > 0;) {
        assert_int_equal(edit_cursor(e), borders[i]);
        move(e, EDIT_LEFT);
    }
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(edit_cursor(e), borders[i]);
        move(e, EDIT_RIGHT);
    }
    edit_place(e, 10);
    assert_int_equal(edit_cursor(e), 4);
    edit_free(e);
}

static void words_and_lines(void **state)
{
    const char *text = "f\u00fcr (x_1), \u65e5\u672c\nsecond line\n\nend";
    struct edit *e = edit_new(text, strlen(text));

    edit_place(e, 0);
    move(e, EDIT_WORD_RIGHT);
    assert_int_equal(edit_cursor(e), 4);
    move(e, EDIT_WORD_RIGHT);
    assert_int_equal(edit_cursor(e), 9);
    move(e, EDIT_WORD_RIGHT);
    assert_int_equal(edit_cursor(e), 18);
    move(e, EDIT_WORD_LEFT);
    assert_int_equal(edit_cursor(e), 12);
    move(e, EDIT_DOWN);
    assert_memory_equal(edit_text(e) + edit_cursor(e) - 4, "line\n\n", 6);
    move(e, EDIT_DOWN);
    assert_int_equal(edit_cursor(e), strlen(text) - 4);
    move(e, EDIT_DOWN);
    move(e, EDIT_LINE_END);
    assert_int_equal(edit_cursor(e), strlen(text));
    move(e, EDIT_DOWN);
    assert_int_equal(edit_cursor(e), strlen(text));
    move(e, EDIT_START);
    move(e, EDIT_UP);
    assert_int_equal(edit_cursor(e), 0);
    move(e, EDIT_LINE_END);
    assert_int_equal(edit_cursor(e), 18);
    move(e, EDIT_LINE_START);
    assert_int_equal(edit_cursor(e), 0);
    edit_free(e);
}

static void expect_lines(const char *text, int columns, const char *const *lines, size_t n)
{
    struct edit_line out[16];

    assert_int_equal(edit_wrap(text, strlen(text), columns, out, 16), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(out[i].end - out[i].start, strlen(lines[i]));
        assert_memory_equal(text + out[i].start, lines[i], strlen(lines[i]));
    }
}

static void wrapping_keeps_words_and_wide_characters_whole(void **state)
{
    expect_lines("", 10, (const char *const[]){""}, 1);
    expect_lines("a\n", 10, (const char *const[]){"a", ""}, 2);
    expect_lines("the quick fox", 9, (const char *const[]){"the quick ", "fox"}, 2);
    expect_lines("the quick fox", 8, (const char *const[]){"the ", "quick ", "fox"}, 3);
    expect_lines("abcdefgh", 3, (const char *const[]){"abc", "def", "gh"}, 3);
    expect_lines("\u65e5\u672c\u8a9e", 5, (const char *const[]){"\u65e5\u672c", "\u8a9e"}, 2);
    expect_lines("\u65e5\u672c", 1, (const char *const[]){"\u65e5", "\u672c"}, 2);
    expect_lines("ab\n\ncd", 1, (const char *const[]){"a", "b", "", "c", "d"}, 5);
    expect_lines("ab", 0, (const char *const[]){"a", "b"}, 2);
}

static void wrapped_lines_cover_every_byte_and_fit(void **state)
{
    static const char *const snippets[] = {"a",       " ",  "word", "日", "\n",
                                           "e\u0301", "  ", "\xff", "\t", "-"};
    uint32_t seed = 3;

    for (int round = 0; round < 300; round++) {
        char text[400] = "";
        struct edit_line lines[400];
        int columns = 1 + (int)(next_random(&seed) % 20);
        for (int i = 0; i < 40; i++) {
            strcat(text, snippets[next_random(&seed) % 10]);
        }
        size_t len = strlen(text), n = edit_wrap(text, len, columns, lines, 400), at = 0;
        assert_true(n <= 400);
        for (size_t i = 0; i < n; i++) {
            size_t fit = lines[i].end;
            assert_int_equal(lines[i].start, at);
            assert_true(lines[i].end >= lines[i].start);
            fit -= fit > at && text[fit - 1] == ' ';
            struct glyph first = next_glyph(text + at, len - at);
            assert_true(text_columns(text + at, fit - at) <= columns || at + first.bytes >= fit);
            at = lines[i].end + lines[i].hard;
            assert_true(!lines[i].hard || text[lines[i].end] == '\n');
        }
        assert_int_equal(at, len);
        assert_int_equal(edit_wrap(text, len, columns, lines, 1), n);
    }
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* 100,000 characters, one line: a keystroke with its motion and the wrap stays far below a frame.
 * The limit is generous, for sanitizers and busy machines; a quadratic step anywhere would pass it
 * a hundred times over. */
static void a_long_text_edits_without_lag(void **state)
{
    size_t len = 100000;
    char *text = malloc(len + 1);
    struct edit_line line;
    struct edit *e;
    double start;

    for (size_t i = 0; i < len; i++) {
        text[i] = i % 6 == 5 ? ' ' : 'x';
    }
    e = edit_new(text, len);
    edit_place(e, len / 2);
    start = now_ms();
    for (int i = 0; i < 100; i++) {
        edit_insert(e, "y", 1);
        move(e, EDIT_WORD_LEFT);
        edit_wrap(edit_text(e), edit_length(e), 80, &line, 1);
    }
    assert_true(now_ms() - start < 100 * 33.0);
    while (edit_undo(e)) {
    }
    assert_memory_equal(edit_text(e), text, len);
    edit_free(e);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_edits_equal_a_naive_twin),
        cmocka_unit_test(typing_is_undone_by_words),
        cmocka_unit_test(backspaces_join_and_restore_the_cursor),
        cmocka_unit_test(paste_and_set_are_their_own_steps),
        cmocka_unit_test(motion_is_by_grapheme),
        cmocka_unit_test(words_and_lines),
        cmocka_unit_test(wrapping_keeps_words_and_wide_characters_whole),
        cmocka_unit_test(wrapped_lines_cover_every_byte_and_fit),
        cmocka_unit_test(a_long_text_edits_without_lag),
    };
    return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
