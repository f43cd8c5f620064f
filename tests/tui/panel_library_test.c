/* The library on the screen: what there is, found while one types, put into the composer. */
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

struct desk {
    struct workbench bench;
    struct panel panel;
    struct canvas canvas;
};

static void start(struct desk *d, int rows, int cols)
{
    fixture_filled(&d->bench);
    d->panel = fixture_open("library", &d->bench);
    assert_int_equal(canvas_init(&d->canvas, rows, cols, TIER_256), ATTUNE_OK);
    free(fixture_draw(&d->panel, &d->canvas));
}

static void stop(struct desk *d)
{
    fixture_close(&d->panel);
    canvas_done(&d->canvas);
    fixture_done(&d->bench);
}

static void expect(struct desk *d, const char *text)
{
    char *screen = fixture_draw(&d->panel, &d->canvas);

    if (!strstr(screen, text)) {
        fail_msg("\"%s\" is not on the screen:\n%s", text, screen);
    }
    free(screen);
}

static bool act(struct desk *d, const char *action, const char *arg)
{
    return d->panel.ops->action(&d->panel, action, arg);
}

static void what_is_typed_narrows_the_list(void **state)
{
    struct desk d;

    start(&d, 24, 80);
    expect(&d, "answer-few-shot");
    act(&d, "library_find", "");
    for (const char *c = "french one"; *c; c++) {
        char one[2] = {*c, '\0'};
        assert_true(fixture_key(&d.panel, one));
    }
    expect(&d, "/french one");
    expect(&d, "translate-one-shot");
    expect(&d, "English: The cat chased the mouse.");
    fixture_key(&d.panel, "escape");
    expect(&d, "answer-few-shot");
    act(&d, "library_find", "nothing has these words");
    expect(&d, "Nothing in the library holds");
    stop(&d);
}

static void enter_puts_the_chosen_into_the_composer(void **state)
{
    struct desk d;

    start(&d, 24, 100);
    act(&d, "library_find", "summarise-few-shot");
    act(&d, "library_put", NULL);
    assert_string_equal(d.bench.prompt.form.name, "summary");
    assert_int_equal(attune_prompt_shots(&d.bench.prompt), 3);
    act(&d, "library_find", "template remark function below");
    act(&d, "library_put", NULL);
    assert_string_equal(d.bench.prompt.form.name, "code");
    act(&d, "library_find", "shots plurals mice");
    expect(&d, "12 rows");
    act(&d, "library_put", NULL);
    assert_int_equal(attune_prompt_shots(&d.bench.prompt), 7);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_typed_narrows_the_list),
        cmocka_unit_test(enter_puts_the_chosen_into_the_composer),
    };
    return cmocka_run_group_tests_name("panel_library", tests, NULL, NULL);
}
