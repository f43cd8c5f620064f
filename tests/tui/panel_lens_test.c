/* The lens on the screen: its numbers against a context that reads the same tokens and its
 * window. */
#include <config.h>

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fixture.h"

static void settle(struct workbench *b)
{
    for (int turn = 0; bench_is_busy(b); turn++) {
        struct pollfd fd = {.fd = bench_wake_fd(b), .events = POLLIN};

        assert_true(turn < 100000);
        poll(&fd, 1, 50);
        bench_poll(b);
    }
    bench_poll(b);
}

static void open_bench(struct workbench *b, const char *golden, const char *text)
{
    const char *folder = getenv("ATTUNE_GOLDEN");
    struct attune_error err = {0};
    char path[4096];
    const struct bench_options options = {.model_path = path, .n_threads = 2};

    snprintf(path, sizeof path, "%s/%s", folder ? folder : "tests/golden", golden);
    assert_int_equal(bench_open(b, &options, &err), ATTUNE_OK);
    settle(b);
    assert_int_equal(attune_prompt_set(&b->prompt, b->prompt.n - 1, text, NULL, NULL), ATTUNE_OK);
    bench_prompt_changed(b);
    settle(b);
}

/* Drawn until nothing more is asked. */
static char *drawn(struct workbench *b, struct panel *panel, struct canvas *c)
{
    free(fixture_draw(panel, c));
    settle(b);
    return fixture_draw(panel, c);
}

static void its_numbers_are_those_of_the_engine(void **state)
{
    struct workbench b;
    struct panel panel;
    struct canvas canvas;
    struct attune_context *ctx;
    struct attune_lens_cell *cells;
    const struct attune_context_options options = {.keep_hidden = true};
    char *screen, text[32];
    size_t n, columns = (80 - 5) / 9;

    open_bench(&b, "gguf/llama-f32/model.gguf", "the cat sat on the mat again");
    panel = fixture_open("lens", &b);
    assert_int_equal(canvas_init(&canvas, 18, 80, TIER_256), ATTUNE_OK);
    free(drawn(&b, &panel, &canvas));
    n = b.tokens.n;
    assert_true(n > columns);
    assert_int_equal(b.lens.n, columns);
    assert_int_equal(b.lens.first, n - columns); /* the cursor stands at the end */
    assert_int_equal(attune_context_new(&ctx, b.model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(ctx, b.tokens.ids, n, NULL, NULL), ATTUNE_OK);
    cells = calloc((size_t)b.lens.n_layers * columns, sizeof *cells);
    assert_int_equal(attune_lens_grid(cells, ctx, n - columns, columns, NULL, NULL, NULL),
                     ATTUNE_OK);
    for (size_t i = 0; i < (size_t)b.lens.n_layers * columns; i++) {
        assert_int_equal(b.lens.cells[i].top[0].id, cells[i].top[0].id);
        assert_true(b.lens.cells[i].top[0].p == cells[i].top[0].p);
        assert_int_equal(b.lens.cells[i].rank_final, cells[i].rank_final);
    }
    panel.ops->action(&panel, "face", "");
    fixture_key(&panel, "down");
    screen = drawn(&b, &panel, &canvas);
    for (int l = 0; l < b.lens.n_layers; l++) {
        snprintf(text, sizeof text, "%.4f", cells[(size_t)l * columns + 2].top[0].p);
        if (!strstr(screen, text)) {
            fail_msg("%s is not in\n%s", text, screen);
        }
    }
    snprintf(text, sizeof text, "layer %d:", b.lens.n_layers - 2);
    assert_non_null(strstr(screen, text));
    assert_non_null(strstr(screen, "output:"));
    free(screen);
    free(cells);
    attune_context_free(ctx);
    canvas_done(&canvas);
    fixture_close(&panel);
    bench_close(&b);
}

static void the_window_follows_the_cursor(void **state)
{
    struct workbench b;
    struct panel panel;
    struct canvas canvas;

    open_bench(&b, "gguf/llama-f32/model.gguf", "the cat sat on the mat again and again");
    panel = fixture_open("lens", &b);
    assert_int_equal(canvas_init(&canvas, 12, 32, TIER_256), ATTUNE_OK);
    free(drawn(&b, &panel, &canvas));
    assert_int_equal(b.lens.n, 3);
    fixture_key(&panel, "home");
    free(drawn(&b, &panel, &canvas));
    assert_int_equal(b.lens.first, 0);
    assert_int_equal(b.token_cursor, 0);
    for (int i = 0; i < 3; i++) {
        fixture_key(&panel, "right");
    }
    free(drawn(&b, &panel, &canvas));
    assert_int_equal(b.lens.first, 1);
    canvas_done(&canvas);
    fixture_close(&panel);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_numbers_are_those_of_the_engine),
        cmocka_unit_test(the_window_follows_the_cursor),
    };

    setenv("ATTUNE_TEST", "1", 1);
    return cmocka_run_group_tests_name("panel_lens", tests, NULL, NULL);
}
