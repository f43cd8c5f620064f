/* Runs side by side, as the worker would have compared them. */
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

struct desk {
    struct workbench bench;
    struct panel panel;
    struct canvas canvas;
};

static struct attune_step *spell(const char *word)
{
    struct attune_step *steps = calloc(strlen(word) + 1, sizeof *steps);

    for (size_t i = 0; word[i]; i++) {
        steps[i].index = i;
        steps[i].id = word[i];
        steps[i].n_bytes = 1;
        steps[i].bytes[0] = word[i];
        steps[i].p_raw = 0.25;
        steps[i].entropy_bits = 1.5;
    }
    return steps;
}

/* Columns of letters, a dot where a run has none; every row is 0.2 to 0.3 away from the first. */
static struct attune_compare *comparison(const char *const columns[], size_t n)
{
    struct attune_compare *c = calloc(1, sizeof *c);

    c->n = n;
    c->n_rows = strlen(columns[0]);
    c->rows = calloc(c->n_rows, sizeof *c->rows);
    for (size_t k = 0; k < n; k++) {
        struct attune_diff_side *side = &c->sides[k];
        char word[64] = "";

        for (size_t i = 0; i < c->n_rows; i++) {
            struct attune_compare_cell *cell = &c->rows[i].cells[k];
            bool there = columns[k][i] != '.';

            *cell = (struct attune_compare_cell){.at = there ? (int64_t)strlen(word) : -1,
                                                 .same = columns[k][i] == columns[0][i],
                                                 .low = there && k ? 0.2 : NAN,
                                                 .high = there && k ? 0.3 : NAN};
            strncat(word, &columns[k][i], there);
        }
        side->record.id = (int64_t)(10 + k);
        side->record.model_name = strdup("tiny");
        side->steps = spell(word);
        side->n = strlen(word);
        c->tokens_per_s[k] = 50;
    }
    c->fields = calloc(1, sizeof *c->fields);
    c->n_fields = 1;
    c->fields[0].name = "temperature";
    for (size_t k = 0; k < n; k++) {
        c->fields[0].values[k] = strdup(k ? "0.9" : "0.2");
    }
    return c;
}

static void start(struct desk *d, const char *const columns[], size_t n, int rows, int cols)
{
    fixture_filled(&d->bench);
    d->bench.compare = comparison(columns, n);
    d->panel = fixture_open("compare", &d->bench);
    assert_int_equal(canvas_init(&d->canvas, rows, cols, TIER_256), ATTUNE_OK);
    free(fixture_draw(&d->panel, &d->canvas));
}

static void stop(struct desk *d)
{
    fixture_close(&d->panel);
    canvas_done(&d->canvas);
    fixture_done(&d->bench);
}

static void expect(struct desk *d, const char *text, bool there)
{
    char *screen = fixture_draw(&d->panel, &d->canvas);

    if (!strstr(screen, text) == there) {
        fail_msg("\"%s\" is%s on the screen:\n%s", text, there ? " not" : "", screen);
    }
    free(screen);
}

static void columns_stand_side_by_side(void **state)
{
    static const char *const columns[] = {"ab.d", "axcd", "abcd"};
    struct desk d;

    start(&d, columns, 3, 14, 90);
    expect(&d, "run 10", true);
    expect(&d, "run 12", true);
    expect(&d, "temperature 0.2", true);
    expect(&d, "temperature 0.9", true);
    expect(&d, "per s 50.0", true);
    expect(&d, "\u2260 x", true);
    expect(&d, "\u22640.30", true);
    expect(&d, "step 0 p 0.2500 bits 1.50", true);
    d.bench.compare->rows[1].cells[1].high = 0.2;
    expect(&d, "0.200", true);
    stop(&d);
}

static void differences_are_found_by_a_key(void **state)
{
    static const char *const columns[] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
                                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac"};
    struct desk d;

    start(&d, columns, 2, 12, 60);
    expect(&d, "\u2260 c", false);
    assert_true(d.panel.ops->action(&d.panel, "difference_next", ""));
    expect(&d, "\u2260 c", true);
    expect(&d, "step 29", true);
    d.panel.ops->action(&d.panel, "difference_next", "");
    assert_non_null(strstr(d.bench.message, "no difference below"));
    fixture_key(&d.panel, "right");
    expect(&d, "\u25b8 c", true);
    fixture_key(&d.panel, "home");
    expect(&d, "step 29", false);
    stop(&d);
}

static void it_draws_in_any_size(void **state)
{
    static const char *const columns[] = {"ab", "ab", "cd", ".d"};
    struct desk d;

    start(&d, columns, 4, 3, 8);
    for (int rows = 1; rows < 12; rows++) {
        for (int cols = 1; cols < 50; cols += 3) {
            assert_int_equal(canvas_resize(&d.canvas, rows, cols), ATTUNE_OK);
            free(fixture_draw(&d.panel, &d.canvas));
        }
    }
    stop(&d);
}

static void runs_are_marked_in_the_list(void **state)
{
    struct workbench b;
    struct panel panel;

    fixture_filled(&b);
    panel = fixture_open("sessions", &b);
    assert_true(panel.ops->action(&panel, "run_mark", ""));
    assert_true(bench_is_marked(&b, b.runs[0].id));
    assert_false(panel.ops->action(&panel, "compare_runs", "")); /* goes on to the screen */
    assert_int_equal(b.n_marked, 2);
    assert_true(bench_compare(&b, ""));
    assert_false(bench_compare(&b, "1 2 3 4 5"));
    assert_false(bench_compare(&b, "1 x"));
    bench_mark_run(&b, b.runs[0].id);
    assert_false(bench_is_marked(&b, b.runs[0].id));
    for (int64_t i = 50; i < 60; i++) {
        bench_mark_run(&b, i);
    }
    assert_int_equal(b.n_marked, ATTUNE_COMPARE_MOST);
    assert_non_null(strstr(b.message, "marked already"));
    fixture_close(&panel);
    fixture_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_side_by_side),
        cmocka_unit_test(differences_are_found_by_a_key),
        cmocka_unit_test(it_draws_in_any_size),
        cmocka_unit_test(runs_are_marked_in_the_list),
    };
    return cmocka_run_group_tests_name("panel_compare", tests, NULL, NULL);
}
