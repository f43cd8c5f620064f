/* The composer: what is typed reaches the prompt, the cursor reaches every field, and the screen
 * says what is sent. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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
    d->panel = fixture_open("prompt", &d->bench);
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

static void expect_title(struct desk *d, const char *text)
{
    char title[128];

    d->panel.ops->title_text(&d->panel, title, sizeof title);
    assert_non_null(strstr(title, text));
}

static bool act(struct desk *d, const char *action, const char *arg)
{
    return d->panel.ops->action(&d->panel, action, arg);
}

static void type(struct desk *d, const char *text)
{
    for (; *text; text++) {
        char one[2] = {*text, '\0'};
        assert_true(fixture_key(&d->panel, *text == '\n' ? "enter" : one));
    }
}

static const struct attune_block *query(const struct desk *d)
{
    return &d->bench.prompt.blocks[d->bench.prompt.n - 1];
}

static void blocks_stand_as_they_are_sent(void **state)
{
    struct desk d;

    start(&d, 24, 60);
    expect_title(&d, "sentiment");
    expect_title(&d, "2-shot");
    expect(&d, "\u25cf Task \u2500");
    expect(&d, "Classify the review.\u21b5\u21b5\n");
    expect(&d, "Review: A quiet, moving film.\nSentiment: positive\u21b5\u21b5\n");
    expect(&d, "Review: The plot\u2192never moves,\nand neither^A did I.\nSentiment:\n");
    stop(&d);
}

static void counts_of_blocks_add_up(void **state)
{
    struct desk d;
    char total[64];
    char *screen, *at;
    size_t sum = 0, bytes = 0;

    start(&d, 24, 60);
    screen = fixture_draw(&d.panel, &d.canvas);
    for (at = screen; (at = strstr(at, " token")); at++) {
        char *from = at;
        while (from[-1] >= '0' && from[-1] <= '9') {
            from--;
        }
        sum += strtoul(from, NULL, 10);
        bytes += strtoul(strstr(at, "\u00b7 ") + 3, NULL, 10);
    }
    for (size_t i = 0; i < d.bench.tokens.n; i++) {
        sum += d.bench.tokens.special[i];
    }
    assert_int_equal(sum, d.bench.tokens.n);
    assert_int_equal(bytes, d.bench.text.len);
    snprintf(total, sizeof total, "%zu prompt", d.bench.tokens.n);
    assert_non_null(strstr(screen, total));
    free(screen);
    stop(&d);
}

static void typing_reaches_the_prompt_and_enter_does_not_send(void **state)
{
    struct desk d;
    uint64_t revision;

    start(&d, 20, 60);
    revision = d.bench.revision;
    act(&d, "clear", "");
    assert_string_equal(query(&d)->text, "");
    type(&d, "Dull.\nLong.");
    assert_string_equal(query(&d)->text, "Dull.\nLong.");
    assert_true(d.bench.revision > revision);
    assert_int_not_equal(d.bench.state, BENCH_GENERATING);
    fixture_key(&d.panel, "backspace");
    fixture_key(&d.panel, "ctrl-w");
    assert_string_equal(query(&d)->text, "Dull.\n");
    act(&d, "undo", "");
    act(&d, "undo", "");
    assert_string_equal(query(&d)->text, "Dull.\nLong.");
    stop(&d);
}

static void paste_is_one_step_whatever_it_holds(void **state)
{
    const char *text = "a\tb\n\u65e5\u672c :q!\n";
    struct key paste = {.kind = KEY_PASTE, .paste = text, .paste_len = strlen(text)};
    struct desk d;

    start(&d, 20, 60);
    act(&d, "clear", "");
    assert_true(d.panel.ops->key(&d.panel, &paste));
    assert_string_equal(query(&d)->text, text);
    act(&d, "undo", "");
    assert_string_equal(query(&d)->text, "");
    stop(&d);
}

/* Typing a mark at every stop shows which field the cursor was in. */
static void up_and_down_reach_every_field(void **state)
{
    struct desk d;
    size_t n;

    start(&d, 20, 60);
    for (int i = 0; i < 40; i++) {
        fixture_key(&d.panel, "up");
    }
    type(&d, "@");
    n = d.bench.prompt.n;
    assert_non_null(strchr(d.bench.prompt.blocks[0].text, '@'));
    for (int i = 0; i < 40; i++) {
        fixture_key(&d.panel, "down");
        fixture_key(&d.panel, "end");
        type(&d, "#");
    }
    for (size_t i = 1; i + 1 < n; i++) {
        assert_non_null(strchr(d.bench.prompt.blocks[i].text, '#'));
        assert_non_null(strchr(d.bench.prompt.blocks[i].answer, '#'));
    }
    assert_non_null(strchr(query(&d)->text, '#'));
    assert_non_null(strchr(query(&d)->answer, '#'));
    stop(&d);
}

static void left_and_right_cross_fields_and_come_back(void **state)
{
    struct desk d;
    int steps = 0;

    start(&d, 30, 40);
    for (int i = 0; i < 400; i++) {
        fixture_key(&d.panel, "left");
    }
    type(&d, "@");
    assert_int_equal(d.bench.prompt.blocks[0].text[0], '@');
    while (!strchr(query(&d)->answer, '@') && steps++ < 400) {
        free(fixture_draw(&d.panel, &d.canvas));
        assert_true(d.canvas.cursor_y >= 0);
        fixture_key(&d.panel, "right");
        if (steps == 300) {
            type(&d, "@");
        }
    }
    assert_non_null(strchr(query(&d)->answer, '@'));
    stop(&d);
}

static void shots_are_one_key_each(void **state)
{
    struct desk d;

    start(&d, 30, 60);
    act(&d, "shot_add", "");
    expect_title(&d, "3-shot");
    type(&d, "new");
    assert_string_equal(d.bench.prompt.blocks[3].text, "new");
    act(&d, "shot_duplicate", "");
    assert_int_equal(d.bench.prompt.n, 6);
    assert_string_equal(d.bench.prompt.blocks[4].text, "new");
    act(&d, "shot_up", "");
    act(&d, "shot_up", "");
    act(&d, "shot_up", "");
    assert_string_equal(d.bench.prompt.blocks[1].text, "new");
    act(&d, "shot_up", "");
    assert_true(d.bench.message_is_error);
    act(&d, "block_switch", "");
    assert_true(d.bench.prompt.blocks[1].off);
    expect(&d, "\u25cb Shot 1");
    expect_title(&d, "3-shot");
    act(&d, "shot_remove", "");
    act(&d, "shot_remove", "");
    expect_title(&d, "2-shot");
    act(&d, "shot_remove", "");
    expect_title(&d, "one-shot");
    act(&d, "shot_remove", "");
    expect_title(&d, "zero-shot");
    act(&d, "undo", "");
    expect_title(&d, "one-shot");
    act(&d, "redo", "");
    expect_title(&d, "zero-shot");
    stop(&d);
}

static void what_nobody_sees_is_said(void **state)
{
    struct desk d;

    start(&d, 20, 60);
    fixture_key(&d.panel, "down");
    fixture_key(&d.panel, "down");
    type(&d, " ");
    expect(&d, "Sentiment:\u00b7\n");
    expect(&d, "! ends in a space");
    d.bench.max_tokens = 1000;
    expect(&d, "early");
    d.bench.n_context = 10;
    expect(&d, "too many");
    stop(&d);
}

static void a_template_without_a_place_is_told(void **state)
{
    char name[] = "bare", task[] = "", shot[] = "{{input}}{{output}}\n",
         query_form[] = "{{input}}{{output}}";
    const struct attune_template form = {name, task, shot, query_form};
    struct desk d;

    start(&d, 20, 60);
    assert_int_equal(attune_prompt_use(&d.bench.prompt, &form, NULL), ATTUNE_OK);
    expect(&d, "no place");
    expect(&d, "Classify the review.");
    act(&d, "undo", "");
    assert_string_equal(d.bench.prompt.form.name, "sentiment");
    stop(&d);
}

static void shots_come_from_a_pool_by_choice_and_undo_takes_them_back(void **state)
{
    struct desk d;
    char *record;

    start(&d, 24, 80);
    act(&d, "load_shots", "reviews 3 random 7");
    expect_title(&d, "5-shot");
    assert_non_null(strstr(d.bench.message, "3 of 16 shots of reviews, random, seed 7"));
    assert_non_null(strstr(d.bench.prompt.record, "\"pick\":\"random\",\"seed\":\"7\""));
    record = strdup(d.bench.prompt.record);
    act(&d, "undo", NULL);
    expect_title(&d, "2-shot");
    assert_null(d.bench.prompt.record);
    act(&d, "load_shots", "reviews 3 random 7");
    assert_string_equal(d.bench.prompt.record, record);
    act(&d, "load_shots", "reviews 99 balanced");
    assert_non_null(strstr(d.bench.message, "has 16 shots, 99 were asked for"));
    act(&d, "load_shots", "reviews 1");
    expect_title(&d, "6-shot");
    free(record);
    stop(&d);
}

static void variables_are_set_from_the_command_line(void **state)
{
    struct desk d;

    start(&d, 24, 80);
    act(&d, "clear", NULL);
    type(&d, "{{topic}}");
    expect(&d, "braces are sent as they are");
    act(&d, "variable", "topic two words");
    assert_true(d.bench.prompt.fill);
    assert_string_equal(attune_prompt_variable(&d.bench.prompt, "topic"), "two words");
    act(&d, "variable", "topic");
    assert_null(attune_prompt_variable(&d.bench.prompt, "topic"));
    act(&d, "variable", "a b");
    act(&d, "variable", "1 b");
    assert_non_null(strstr(d.bench.message, "cannot be the name"));
    act(&d, "undo", NULL);
    act(&d, "undo", NULL);
    assert_string_equal(attune_prompt_variable(&d.bench.prompt, "topic"), "two words");
    stop(&d);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void a_long_paste_stays_quick(void **state)
{
    size_t len = 100000;
    char *text = malloc(len);
    struct key paste = {.kind = KEY_PASTE, .paste = text, .paste_len = len};
    struct desk d;
    double start_ms;

    for (size_t i = 0; i < len; i++) {
        text[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 26);
    }
    start(&d, 24, 80);
    assert_true(d.panel.ops->key(&d.panel, &paste));
    start_ms = now_ms();
    for (int i = 0; i < 10; i++) {
        type(&d, "x");
        fixture_key(&d.panel, "up");
        free(fixture_draw(&d.panel, &d.canvas));
    }
    assert_true(now_ms() - start_ms < 10 * 150.0);
    free(text);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_stand_as_they_are_sent),
        cmocka_unit_test(counts_of_blocks_add_up),
        cmocka_unit_test(typing_reaches_the_prompt_and_enter_does_not_send),
        cmocka_unit_test(paste_is_one_step_whatever_it_holds),
        cmocka_unit_test(up_and_down_reach_every_field),
        cmocka_unit_test(left_and_right_cross_fields_and_come_back),
        cmocka_unit_test(shots_are_one_key_each),
        cmocka_unit_test(what_nobody_sees_is_said),
        cmocka_unit_test(a_template_without_a_place_is_told),
        cmocka_unit_test(shots_come_from_a_pool_by_choice_and_undo_takes_them_back),
        cmocka_unit_test(variables_are_set_from_the_command_line),
        cmocka_unit_test(a_long_paste_stays_quick),
    };
    return cmocka_run_group_tests_name("panel_prompt", tests, NULL, NULL);
}
