/* A pinned distribution on the screen: what moved, before and after the knobs. */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fixture.h"

static void a_pin_holds_while_things_change(void **state)
{
    struct workbench b;
    struct panel panel;
    struct canvas canvas;
    struct bench_shift now = {0};
    struct attune_shift want;
    char *screen, text[64];
    double *was, *is;
    size_t n;

    fixture_filled(&b);
    panel = fixture_open("shift", &b);
    assert_int_equal(canvas_init(&canvas, 20, 76, TIER_256), ATTUNE_OK);
    screen = fixture_draw(&panel, &canvas);
    assert_non_null(strstr(screen, "Pin a distribution"));
    free(screen);
    assert_false(bench_shift(&now, &b));

    n = b.trace.n_vocab;
    was = calloc(n, sizeof *was);
    is = calloc(n, sizeof *is);
    for (size_t i = 0; i < n; i++) {
        was[i] = (double)b.trace.p[i];
    }
    panel.ops->action(&panel, "pin", "");
    screen = fixture_draw(&panel, &canvas);
    assert_non_null(strstr(screen, "nothing moved"));
    free(screen);
    bench_set_param(&b, "temperature", 3);
    for (size_t i = 0; i < n; i++) {
        is[i] = (double)b.trace.p[i];
    }
    attune_shift_of_p(&want, was, is, n);
    assert_true(bench_shift(&now, &b));
    assert_true(now.shift[1].kl_bits == want.kl_bits && now.shift[1].moved == want.moved);
    assert_true(now.shift[0].moved == 0); /* knobs change nothing in front of them */
    screen = fixture_draw(&panel, &canvas);
    snprintf(text, sizeof text, "%.4f %7.4f %6.2f%%", want.kl_back_bits, want.js_bits,
             100 * want.moved);
    if (!strstr(screen, text)) {
        fail_msg("\"%s\" is not in\n%s", text, screen);
    }
    assert_non_null(strstr(screen, "temperature=3"));
    free(screen);
    fixture_key(&panel, "down");
    panel.ops->action(&panel, "face", "");
    screen = fixture_draw(&panel, &canvas);
    assert_non_null(strstr(screen, "nothing moved"));
    free(screen);
    for (size_t i = 0; i < n; i++) { /* what is no number moves everything, and breaks nothing */
        b.logits[i] = i == 3 ? 1.0f : NAN;
    }
    bench_set_param(&b, "temperature", 1);
    assert_true(bench_shift(&now, &b));
    assert_true(isinf(now.shift[0].kl_bits));
    free(fixture_draw(&panel, &canvas));
    panel.ops->action(&panel, "unpin", "");
    assert_false(bench_shift(&now, &b));
    bench_shift_done(&now);
    canvas_done(&canvas);
    fixture_close(&panel);
    fixture_done(&b);
    free(was);
    free(is);
}

static void another_vocabulary_is_met_on_bytes(void **state)
{
    struct workbench b;
    struct panel panel;
    struct canvas canvas;
    char *screen;

    fixture_filled(&b);
    panel = fixture_open("shift", &b);
    assert_int_equal(canvas_init(&canvas, 24, 100, TIER_256), ATTUNE_OK);
    assert_int_equal(bench_pin(&b), ATTUNE_OK);
    b.pin.vocabulary++; /* as if the model had been another one */
    bench_set_param(&b, "temperature", 4);
    screen = fixture_draw(&panel, &canvas);
    assert_non_null(strstr(screen, "next byte"));
    free(screen);
    canvas_done(&canvas);
    fixture_close(&panel);
    fixture_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_holds_while_things_change),
        cmocka_unit_test(another_vocabulary_is_met_on_bytes),
    };
    return cmocka_run_group_tests_name("panel_shift", tests, NULL, NULL);
}
