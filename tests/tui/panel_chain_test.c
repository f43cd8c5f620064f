/* The chain as a list, and who said what a knob is set to. */
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
#include "tui/workbench_event.h"

struct desk {
    struct workbench bench;
    struct panel panel;
    struct canvas canvas;
};

static void start(struct desk *d)
{
    fixture_filled(&d->bench);
    d->panel = fixture_open("chain", &d->bench);
    assert_int_equal(canvas_init(&d->canvas, 14, 70, TIER_256), ATTUNE_OK);
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

static void act(struct desk *d, const char *action)
{
    assert_true(d->panel.ops->action(&d->panel, action, ""));
}

static const char *stage(const struct desk *d, size_t i)
{
    return attune_chain_stage(d->bench.chain, i);
}

static void stages_move_and_the_result_follows(void **state)
{
    struct desk d;
    size_t kept;

    start(&d);
    expect(&d, "penalties");
    expect(&d, "top-k         40");
    assert_string_equal(stage(&d, 2), "temperature");
    kept = d.bench.trace.n_kept;
    fixture_key(&d.panel, "down");
    fixture_key(&d.panel, "down");
    expect(&d, "\u25b8temperature");
    for (int i = 0; i < 3;
         i++) { /* behind top-p: fewer stay where the cut sees the flatter logits */
        act(&d, "stage_down");
    }
    assert_string_equal(stage(&d, 2), "top_k");
    assert_string_equal(stage(&d, 4), "min_p");
    assert_string_equal(stage(&d, 5), "temperature");
    expect(&d, "\u25b8temperature");
    assert_true(d.bench.trace.n_kept > 0 && kept > 0);
    act(&d, "stage_up");
    assert_string_equal(stage(&d, 4), "temperature");
    fixture_key(&d.panel, "home");
    act(&d, "stage_up");
    assert_true(d.bench.message_is_error);
    stop(&d);
}

static void stages_are_switched_added_and_dropped(void **state)
{
    struct desk d;

    start(&d);
    for (int i = 0; i < 3; i++) {
        fixture_key(&d.panel, "down");
    }
    expect(&d, "\u25b8top-k         40");
    act(&d, "stage_switch");
    expect(&d, "\u25b8top-k         off");
    assert_true(attune_chain_get(d.bench.chain, "top_k") == 0);
    act(&d, "stage_switch");
    expect(&d, "\u25b8top-k         40");
    act(&d, "more");
    expect(&d, "\u25b8top-k         41");
    fixture_key(&d.panel, "end");
    expect(&d, "\u25b8+ top-n-sigma not in the order");
    act(&d, "stage_switch");
    expect(&d, "\u25b8top-n-sigma   1 ");
    assert_string_equal(stage(&d, attune_chain_n_stages(d.bench.chain) - 1), "top_n_sigma");
    act(&d, "stage_drop");
    expect(&d, "+ top-n-sigma set, but not in the order");
    stop(&d);
}

static void presets_follow_one_another(void **state)
{
    struct desk d;

    start(&d);
    act(&d, "preset_next");
    assert_string_equal(stage(&d, 2), "top_n_sigma");
    assert_true(attune_chain_get(d.bench.chain, "temperature") == 0.8);
    act(&d, "preset_next");
    act(&d, "preset_next");
    assert_true(attune_chain_get(d.bench.chain, "top_k") == 0);
    assert_string_equal(stage(&d, 3), "min_p");
    act(&d, "preset_next");
    assert_true(attune_chain_get(d.bench.chain, "top_k") == 50);
    stop(&d);
}

static void a_constraint_masks_and_comes_back(void **state)
{
    struct desk d;
    const struct attune_stage_trace *t;
    const char *label = "constraint";

    start(&d);
    d.bench.shown_step = -1;
    assert_int_equal(bench_set_constraint(&d.bench, "choices:yes,no"), ATTUNE_OK);
    assert_string_equal(stage(&d, 1), label);
    t = &d.bench.trace.stage[1];
    assert_true(t->active && t->survivors > 0 && t->survivors < 10);
    expect(&d, "choices");
    fixture_key(&d.panel, "home");
    fixture_key(&d.panel, "down");
    act(&d, "stage_switch");
    assert_null(attune_chain_constraint(d.bench.chain));
    assert_int_not_equal(bench_set_constraint(&d.bench, "choices:yes,,no"), ATTUNE_OK);
    assert_true(d.bench.message_is_error);
    stop(&d);
}

static void the_last_who_says_something_counts(void **state)
{
    struct desk d;
    struct workbench *b = &d.bench;

    start(&d);
    assert_int_equal(bench_origin(b, "top_k"), ORIGIN_USER);
    assert_int_equal(bench_origin(b, "typical"), ORIGIN_BUILTIN);
    assert_int_equal(bench_give(b, ORIGIN_MODEL, "top_k", 20, NULL), ATTUNE_OK);
    assert_int_equal(bench_give(b, ORIGIN_FILE, "top_k", 30, NULL), ATTUNE_OK);
    assert_true(attune_chain_get(b->chain, "top_k") == 40);
    bench_reset_param(b, "top_k");
    assert_true(attune_chain_get(b->chain, "top_k") == 30);
    assert_int_equal(bench_origin(b, "top_k"), ORIGIN_FILE);
    assert_int_equal(bench_give_chain(b, ORIGIN_SESSION, "temperature=0.3 top_k=7", NULL),
                     ATTUNE_OK);
    assert_int_equal(bench_origin(b, "top_k"), ORIGIN_SESSION);
    assert_int_equal(bench_origin(b, "top_p"), ORIGIN_SESSION);
    assert_true(attune_chain_get(b->chain, "top_p") == 1);
    bench_set_param(b, "top_k", 9);
    assert_int_equal(bench_origin(b, "top_k"), ORIGIN_USER);
    assert_int_not_equal(bench_give(b, ORIGIN_USER, "top_p", 2, NULL), ATTUNE_OK);
    assert_true(attune_chain_get(b->chain, "top_p") == 1);
    bench_reset_param(b, NULL);
    assert_true(attune_chain_get(b->chain, "top_k") == 30);
    assert_true(attune_chain_get(b->chain, "temperature") == 1);
    bench_set_param(b, "max_tokens", 5);
    assert_int_equal(b->max_tokens, 5);
    bench_reset_param(b, "max_tokens");
    assert_int_equal(b->max_tokens, 128);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_move_and_the_result_follows),
        cmocka_unit_test(stages_are_switched_added_and_dropped),
        cmocka_unit_test(presets_follow_one_another),
        cmocka_unit_test(a_constraint_masks_and_comes_back),
        cmocka_unit_test(the_last_who_says_something_counts),
    };
    return cmocka_run_group_tests_name("panel_chain", tests, NULL, NULL);
}
