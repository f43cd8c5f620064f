/* What a run shows: tokens, output, knobs and the list of runs. */
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

static void start(struct desk *d, const char *name, int rows, int cols)
{
    fixture_filled(&d->bench);
    d->panel = fixture_open(name, &d->bench);
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

static void the_cursor_walks_over_every_token(void **state)
{
    struct desk d;
    char text[64];
    size_t n;

    start(&d, "tokens", 12, 60);
    n = bench_n_tokens(&d.bench);
    fixture_key(&d.panel, "home");
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(d.bench.token_cursor, i);
        snprintf(text, sizeof text, "%zu/%zu ", i + 1, n);
        expect(&d, text);
        snprintf(text, sizeof text, "id %d", (int)bench_token_at(&d.bench, i));
        expect(&d, text);
        fixture_key(&d.panel, "right");
    }
    assert_int_equal(d.bench.token_cursor, n - 1);
    for (size_t i = 0; i < n && d.bench.token_cursor > 0; i++) {
        fixture_key(&d.panel, i < 200 ? "up" : "left");
        if (i > 100) {
            fixture_key(&d.panel, "home");
        }
    }
    assert_true(d.bench.token_cursor < 60);
    stop(&d);
}

static void a_token_of_the_run_shows_its_numbers(void **state)
{
    struct desk d;

    start(&d, "tokens", 12, 100);
    fixture_key(&d.panel, "end");
    expect(&d, "step 7 p 0.1125");
    expect(&d, "rank 50");
    assert_int_equal(d.bench.shown_step, 7);
    d.panel.ops->action(&d.panel, "colour", "");
    expect(&d, "surprisal 0");
    d.panel.ops->action(&d.panel, "colour", "entropy");
    expect(&d, "entropy 0");
    stop(&d);
}

static void blocks_are_named_under_the_cursor(void **state)
{
    struct desk d;

    start(&d, "tokens", 12, 100);
    for (size_t i = 0; i < d.bench.tokens.n; i++) {
        if (!d.bench.tokens.special[i] && d.bench.tokens.start[i] == 0) {
            d.bench.token_cursor = i;
        }
    }
    expect(&d, "task");
    d.bench.token_cursor = d.bench.tokens.n - 1;
    expect(&d, "query template");
    stop(&d);
}

static void output_follows_the_prompt(void **state)
{
    struct desk d;
    char *screen, *at;

    start(&d, "output", 12, 80);
    screen = fixture_draw(&d.panel, &d.canvas);
    at = strstr(screen, "Sentiment:");
    assert_non_null(at);
    assert_non_null(strstr(screen, "8 tokens, all tokens asked for"));
    assert_non_null(strstr(screen, "103.4 tokens/s"));
    free(screen);
    fixture_key(&d.panel, "right");
    fixture_key(&d.panel, "right");
    assert_int_equal(d.bench.step_cursor, 2);
    assert_int_equal(d.bench.shown_step, 2);
    assert_int_equal(d.bench.token_cursor, d.bench.tokens.n + 2);
    expect(&d, "step 2 ");
    stop(&d);
}

/* A character cut over three tokens is one character on the screen. */
static void bytes_are_joined_before_they_are_drawn(void **state)
{
    struct desk d;

    start(&d, "output", 12, 80);
    for (int i = 0; i < 3; i++) {
        d.bench.steps[i].n_bytes = 1;
        d.bench.steps[i].bytes[0] = "\xe6\x97\xa5"[i];
    }
    expect(&d, "\u65e5");
    stop(&d);
}

static void a_verdict_is_shown(void **state)
{
    struct desk d;

    start(&d, "output", 12, 80);
    d.bench.verdict.steps = d.bench.verdict.identical = 8;
    strcpy(d.bench.verdict.what, "all 8 steps have equal bits");
    expect(&d, "\u2713 all 8 steps have equal bits");
    d.bench.verdict.identical = 3;
    expect(&d, "\u2717");
    stop(&d);
}

static void knobs_turn_and_reset(void **state)
{
    struct desk d;

    start(&d, "knobs", 1, 100);
    expect(&d, "temp 0.70");
    expect(&d, "top-k 40");
    fixture_key(&d.panel, "right");
    expect(&d, "temp 0.75");
    fixture_key(&d.panel, "-");
    expect(&d, "temp 0.70");
    d.panel.ops->action(&d.panel, "knob_reset", "");
    expect(&d, "temp 1.00");
    d.panel.ops->action(&d.panel, "knob", "top_p 0.5");
    expect(&d, "top-p 0.5");
    d.panel.ops->action(&d.panel, "knob", "top_p none");
    assert_true(d.bench.message_is_error);
    d.panel.ops->action(&d.panel, "knob", "temperature 0");
    expect(&d, "0 greedy");
    d.panel.ops->action(&d.panel, "knob_reset", "all");
    expect(&d, "top-k off");
    expect(&d, "seed random");
    stop(&d);
}

static void the_table_says_where_values_come_from(void **state)
{
    struct desk d;

    start(&d, "knobs", 14, 100);
    expect(&d, "user     keep the k likeliest");
    expect(&d, "built-in new tokens at most");
    d.panel.ops->action(&d.panel, "knob", "order ollama");
    expect(&d, "ollama");
    expect(&d, "this order has no such stage");
    stop(&d);
}

static void runs_are_listed_and_removed_when_asked_twice(void **state)
{
    struct desk d;

    start(&d, "sessions", 10, 100);
    expect(&d, "11-21 04:30");
    expect(&d, "^[[31m red^G");
    expect(&d, "<202E>");
    fixture_key(&d.panel, "down");
    expect(&d, "\u25b8  11");
    d.panel.ops->action(&d.panel, "run_remove", "");
    assert_non_null(strstr(d.bench.message, "once more"));
    d.bench.message[0] = '\0';
    fixture_key(&d.panel, "up");
    d.panel.ops->action(&d.panel, "run_remove", "");
    assert_non_null(strstr(d.bench.message, "once more"));
    stop(&d);
}

static void say(char **to, const char *text)
{
    free(*to);
    *to = strdup(text);
}

static void forks_tags_and_notes_are_drawn(void **state)
{
    struct desk d;

    start(&d, "sessions", 10, 110);
    assert_true(d.bench.n_runs >= 3);
    d.bench.runs[0].fork_of = d.bench.runs[2].id;
    d.bench.runs[0].fork_steps = 5;
    say(&d.bench.runs[1].tags, "good paper");
    say(&d.bench.runs[1].note, "the turn\nof it");
    expect(&d, "\u2514\u2500after step 5");
    expect(&d, "good paper");
    fixture_key(&d.panel, "home");
    expect(&d, "tags good paper note the turn");
    stop(&d);
}

static void titled(struct desk *d, const char *text)
{
    char title[200];

    d->panel.ops->title_text(&d->panel, title, sizeof title);
    if (!strstr(title, text)) {
        fail_msg("\"%s\" is not in \"%s\"", text, title);
    }
}

static void the_list_is_searched_while_one_types(void **state)
{
    struct desk d;

    start(&d, "sessions", 10, 100);
    assert_false(fixture_key(&d.panel, "x"));
    assert_true(d.panel.ops->action(&d.panel, "find_typing", ""));
    assert_true(d.panel.typing);
    fixture_key(&d.panel, "s");
    fixture_key(&d.panel, "\u00e9");
    expect(&d, "/s\u00e9");
    fixture_key(&d.panel, "backspace");
    fixture_key(&d.panel, "o");
    titled(&d, "with \"so\"");
    assert_true(d.panel.ops->action(&d.panel, "run_replay", "")); /* Enter: no more typing */
    assert_false(d.panel.typing);
    titled(&d, "with \"so\"");
    assert_false(fixture_key(&d.panel, "x"));
    assert_true(d.panel.ops->action(&d.panel, "find_typing", ""));
    for (int i = 0; i < 300; i++) {
        fixture_key(&d.panel, "w");
    }
    expect(&d, "/www");
    fixture_key(&d.panel, "escape");
    assert_false(d.panel.typing);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cursor_walks_over_every_token),
        cmocka_unit_test(a_token_of_the_run_shows_its_numbers),
        cmocka_unit_test(blocks_are_named_under_the_cursor),
        cmocka_unit_test(output_follows_the_prompt),
        cmocka_unit_test(bytes_are_joined_before_they_are_drawn),
        cmocka_unit_test(a_verdict_is_shown),
        cmocka_unit_test(knobs_turn_and_reset),
        cmocka_unit_test(the_table_says_where_values_come_from),
        cmocka_unit_test(runs_are_listed_and_removed_when_asked_twice),
        cmocka_unit_test(forks_tags_and_notes_are_drawn),
        cmocka_unit_test(the_list_is_searched_while_one_types),
    };
    return cmocka_run_group_tests_name("panel_run", tests, NULL, NULL);
}
