/* vi's keys in the composer, each against what the text and the cursor are after it. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fixture.h"

/* What is typed (a line break is Enter, \x1b is Escape) into a query that holds `before`, its
 * cursor at |; afterwards it is `after`: the cursor is found by typing | where it stands. */
static void vi(const char *before, const char *keys, const char *after)
{
    struct workbench bench;
    struct panel panel;
    struct canvas canvas;
    const struct attune_block *query;
    const char *bar = strchr(before, '|');
    struct key paste = {.kind = KEY_PASTE};
    char text[256];

    fixture_filled(&bench);
    bench.vi_keys = true;
    panel = fixture_open("prompt", &bench);
    assert_int_equal(canvas_init(&canvas, 24, 60, TIER_256), ATTUNE_OK);
    free(fixture_draw(&panel, &canvas));
    panel.ops->action(&panel, "clear", NULL);
    snprintf(text, sizeof text, "%s",
             bar + 1); /* what stands behind the cursor, then what is before */
    paste.paste = text;
    paste.paste_len = strlen(text);
    panel.ops->key(&panel, &paste);
    fixture_key(&panel, "ctrl-home");
    snprintf(text, sizeof text, "%.*s", (int)(bar - before), before);
    paste.paste_len = strlen(text);
    panel.ops->key(&panel, &paste);
    for (const char *k = keys; *k; k++) {
        char one[2] = {*k, '\0'};

        fixture_key(&panel, *k == '\x1b' ? "escape" : *k == '\n' ? "enter" : one);
    }
    fixture_key(&panel, "escape");
    fixture_key(&panel, "i");
    fixture_key(&panel, "|");
    query = &bench.prompt.blocks[bench.prompt.n - 1];
    if (strcmp(query->text, after) != 0) {
        fail_msg("%s: \"%s\" is not \"%s\"", keys, query->text, after);
    }
    fixture_close(&panel);
    canvas_done(&canvas);
    fixture_done(&bench);
}

static void motions(void **state)
{
    vi("one two three|",
       "\x1b"
       "0",
       "|one two three");
    vi("|one two three", "\x1bw", "one |two three");
    vi("|one two three",
       "\x1b"
       "2w",
       "one two |three");
    vi("|one two three",
       "\x1b"
       "9w",
       "one two three|");
    vi("one two| three",
       "\x1b"
       "b",
       "one |two three");
    vi("|one two three",
       "\x1b"
       "e",
       "on|e two three");
    vi("|one two three", "\x1b$", "one two three|");
    vi("  one| two", "\x1b^", "  |one two");
    vi("one\ntw|o\nthree", "\x1bgg", "|one\ntwo\nthree");
    vi("on|e", "\x1bhh", "|one");
    vi("on|e\ntwo", "\x1blllll", "one|\ntwo");
}

static void changes_and_what_they_keep(void **state)
{
    vi("one |two three",
       "\x1b"
       "dw",
       "one |three");
    vi("one |two three",
       "\x1b"
       "d2w",
       "one |");
    vi("|one two three",
       "\x1b"
       "2dw",
       "|three");
    vi("one |two three",
       "\x1b"
       "cwX\x1b",
       "one X| three");
    vi("one |two three",
       "\x1b"
       "D",
       "one |");
    vi("one t|wo",
       "\x1b"
       "d0",
       "|wo");
    vi("|abc", "\x1bxp", "b|ac");
    vi("|abc",
       "\x1b"
       "2x",
       "|c");
    vi("ab|c", "\x1bX", "a|c");
    vi("|abc", "\x1brz", "|zbc");
    vi("one\n|two\nthree",
       "\x1b"
       "dd",
       "one\n|three");
    vi("one\ntwo\n|three",
       "\x1b"
       "dd",
       "one\ntwo|");
    vi("|one\ntwo\nthree",
       "\x1b"
       "2ddp",
       "three\n|one\ntwo");
    vi("|one\ntwo", "\x1byyP", "|one\none\ntwo");
    vi("on|e\ntwo",
       "\x1b"
       "ccX\x1b",
       "X|\ntwo");
    vi("one |two", "\x1bywP", "one tw|otwo");
}

static void typing_begins_and_ends(void **state)
{
    vi("on|e",
       "\x1b"
       "ax\x1b",
       "onex|");
    vi("|one",
       "\x1b"
       "Ax\x1b",
       "onex|");
    vi("  one|", "\x1bIx\x1b", "  x|one");
    vi("|one\ntwo", "\x1box\x1b", "one\nx|\ntwo");
    vi("one\n|two", "\x1bOx\x1b", "one\nx|\ntwo");
    vi("|one two",
       "\x1b"
       "dwu",
       "|one two");
    vi("|one", "\x1bqZ\x1b", "|one"); /* letters that mean nothing type nothing */
    vi("|abc",
       "\x1b"
       "d\x1bx",
       "|bc");
}

static void graphemes_are_one_letter(void **state)
{
    vi("|e\xcc\x81x", "\x1bx", "|x");
    vi("|\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbbx", "\x1blD",
       "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(motions),
        cmocka_unit_test(changes_and_what_they_keep),
        cmocka_unit_test(typing_begins_and_ends),
        cmocka_unit_test(graphemes_are_one_letter),
    };
    return cmocka_run_group_tests_name("prompt_vi", tests, NULL, NULL);
}
