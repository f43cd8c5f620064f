/* The grid of heads: every head is in its place, order and filter do what they say, peaks survive,
 * and the worker fills it in steps that give way to other work. */
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
#include "tui/attention_turn.h"
#include "tui/heads_view.h"

static const struct heads_look all_by_layer = {.order = HEADS_BY_LAYER, .pattern = -1};

static void grids_fit_every_screen(void **state)
{
    struct workbench b;

    fixture_filled(&b);
    for (int order = 0; order < HEADS_ORDERS; order++) {
        for (int rows = 0; rows < 70; rows += 3) {
            for (int cols = 0; cols < 210; cols += 7) {
                struct heads_look look = {.order = order, .pattern = -1, .size = rows % 4 - 1};
                struct rect inside = {0, 0, rows, cols};
                struct heads_grid g = heads_layout(&b, &look, inside);
                int selected;

                if (!g.list) {
                    continue;
                }
                selected = heads_selected(&b, &g);
                assert_int_equal(g.n, b.heads.n);
                assert_true(g.width >= 1 && g.height >= 1 && g.rows >= 1 && g.cols >= 1);
                assert_true(g.width + 1 <= cols && g.height <= g.area.rows);
                assert_true(selected / g.per_row >= g.top && selected / g.per_row < g.top + g.rows);
                assert_true(selected % g.per_row >= g.left &&
                            selected % g.per_row < g.left + g.cols);
                heads_grid_done(&g);
            }
        }
    }
    fixture_done(&b);
}

static void scores_order_the_list(void **state)
{
    struct workbench b;
    const struct rect inside = {0, 0, 30, 100};

    fixture_filled(&b);
    b.heads.heads[3].scores[ATTUNE_HEAD_INDUCTION] = NAN;
    for (int order = 0; order < HEADS_ORDERS; order++) {
        struct heads_look look = {.order = order, .pattern = -1};
        struct heads_grid g = heads_layout(&b, &look, inside);

        for (int i = 1; i < g.n; i++) {
            const struct attune_head *before = &b.heads.heads[g.list[i - 1]],
                                     *here = &b.heads.heads[g.list[i]];
            if (order == HEADS_BY_LAYER) {
                assert_int_equal(g.list[i], i);
            } else if (isnan(before->scores[order])) {
                assert_true(isnan(here->scores[order]));
            } else {
                assert_false(before->scores[order] < here->scores[order]);
            }
        }
        if (order == ATTUNE_HEAD_INDUCTION) {
            assert_int_equal(g.list[g.n - 1], 3);
        }
        assert_int_equal(heads_can_tell(&b, order % ATTUNE_HEAD_SCORE_COUNT),
                         order % ATTUNE_HEAD_SCORE_COUNT != ATTUNE_HEAD_NEXT);
        heads_grid_done(&g);
    }
    fixture_done(&b);
}

static void a_pattern_leaves_only_its_heads(void **state)
{
    struct workbench b;
    const struct rect inside = {0, 0, 30, 100};
    int n = 0;

    fixture_filled(&b);
    for (int pattern = 0; pattern < ATTUNE_PATTERN_COUNT; pattern++) {
        struct heads_look look = {.order = HEADS_BY_LAYER, .pattern = pattern};
        struct heads_grid g = heads_layout(&b, &look, inside);

        for (int i = 0; i < g.n; i++) {
            assert_int_equal(b.heads.heads[g.list[i]].pattern, pattern);
        }
        n += g.n;
        heads_grid_done(&g);
    }
    assert_int_equal(n, b.heads.n);
    fixture_done(&b);
}

/* One great weight in a map of small ones shows in the picture, however small that is. */
static void no_peak_is_lost(void **state)
{
    struct workbench b;
    struct canvas c;
    size_t plane;
    char *screen;

    fixture_filled(&b);
    plane = (size_t)b.heads.rows * (size_t)b.heads.cols;
    assert_int_equal(canvas_init(&c, 24, 80, TIER_MONO), ATTUNE_OK);
    for (size_t at = 1; at < plane; at += 97) {
        struct heads_grid g;
        const struct rect inside = {0, 0, 24, 80};
        int found = 0;

        if (at % (size_t)b.heads.cols == 0) {
            continue; /* the first token stays out of the scale */
        }
        for (size_t i = 0; i < b.heads.n * plane; i++) {
            b.heads.cells[i] = i == at ? 0.9f : 0.01f;
        }
        g = heads_layout(&b, &all_by_layer, inside);
        canvas_clear(&c);
        heads_draw(&b, &all_by_layer, &g, &c, inside, true);
        for (int y = g.area.y; y < g.area.y + g.height; y++) {
            for (int x = g.area.x + 1; x < g.area.x + 1 + g.width; x++) {
                found += c.cells[y * 80 + x].cp[0] == '@';
            }
        }
        assert_true(found >= 1);
        heads_grid_done(&g);
    }
    screen = canvas_dump(&c);
    assert_non_null(strstr(screen, "by layer"));
    free(screen);
    canvas_done(&c);
    fixture_done(&b);
}

static void keys_walk_sort_and_filter(void **state)
{
    struct workbench b;
    struct panel panel;
    struct canvas c;
    char *screen;

    fixture_filled(&b);
    panel = fixture_open("heads", &b);
    assert_int_equal(canvas_init(&c, 30, 100, TIER_256), ATTUNE_OK);
    free(fixture_draw(&panel, &c));
    assert_true(fixture_key(&panel, "right"));
    assert_true(b.layer == 0 && b.head == 1);
    assert_true(fixture_key(&panel, "down"));
    assert_true(b.layer == 1 && b.head == 1);
    assert_true(fixture_key(&panel, "end"));
    assert_int_equal(b.layer, b.heads.n_layers - 1);
    assert_int_equal(b.head, b.heads.n_heads - 1);
    assert_true(panel.ops->action(&panel, "sort", "distance"));
    screen = fixture_draw(&panel, &c);
    assert_non_null(strstr(screen, "by distance"));
    free(screen);
    assert_true(fixture_key(&panel, "home"));
    for (size_t i = 0; i < b.heads.n; i++) {
        assert_true(b.heads.heads[i].scores[ATTUNE_HEAD_DISTANCE] <=
                    b.heads.heads[b.layer * b.heads.n_heads + b.head].scores[ATTUNE_HEAD_DISTANCE]);
    }
    assert_true(panel.ops->action(&panel, "sort", "previous"));
    assert_true(panel.ops->action(&panel, "sort", "")); /* `next` cannot be told here */
    screen = fixture_draw(&panel, &c);
    assert_non_null(strstr(screen, "by near"));
    free(screen);
    assert_true(panel.ops->action(&panel, "sort", "beauty"));
    assert_true(b.message_is_error);
    assert_true(panel.ops->action(&panel, "pattern", ""));
    screen = fixture_draw(&panel, &c);
    assert_non_null(strstr(screen, ", only "));
    free(screen);
    assert_true(panel.ops->action(&panel, "layer_next", ""));
    assert_true(panel.ops->action(&panel, "head", "1"));
    assert_int_equal(b.head, 1);
    assert_true(panel.ops->action(&panel, "head", "99"));
    assert_int_equal(b.head, 1);
    assert_false(panel.ops->action(&panel, "nothing_of_the_kind", ""));
    canvas_done(&c);
    fixture_close(&panel);
    fixture_done(&b);
}

/* Waits for the worker, at most some seconds. */
static void settle(struct workbench *b)
{
    for (int i = 0; i < 500 && (bench_is_busy(b) || i == 0); i++) {
        struct pollfd fd = {bench_wake_fd(b), POLLIN, 0};

        poll(&fd, 1, 20);
        bench_poll(b);
    }
    assert_false(bench_is_busy(b));
}

static struct panel open_live(struct workbench *b, struct canvas *c)
{
    struct bench_options options = {.n_threads = 1};
    struct attune_error err;
    char path[512];

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    options.model_path = path;
    if (bench_open(b, &options, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(
        attune_prompt_set(&b->prompt, b->prompt.n - 1, "one two one two one", "", NULL), ATTUNE_OK);
    bench_prompt_changed(b);
    settle(b);
    assert_true(b->evaluated);
    assert_int_equal(canvas_init(c, 30, 100, TIER_256), ATTUNE_OK);
    return fixture_open("heads", b);
}

/* What arrives in steps is what the library says of each head. */
static void the_worker_fills_the_grid(void **state)
{
    struct workbench b;
    struct canvas c;
    struct panel panel = open_live(&b, &c);
    const struct attune_model_info *info = attune_model_info(b.model);
    struct attune_context_options options = {.n_threads = 1};
    struct attune_context *ctx;
    uint8_t separators[256];
    size_t plane;

    for (int i = 0; i < 40 && !heads_is_complete(&b); i++) {
        free(fixture_draw(&panel, &c));
        settle(&b);
    }
    assert_true(heads_is_complete(&b));
    assert_int_equal(b.heads.n, info->n_layers * info->n_heads);
    assert_int_equal(attune_context_new(&ctx, b.model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(ctx, b.tokens.ids, b.tokens.n, NULL, NULL), ATTUNE_OK);
    attune_head_separators(separators, attune_model_tokenizer(b.model), b.tokens.ids, b.tokens.n);
    plane = (size_t)b.heads.rows * (size_t)b.heads.cols;
    for (size_t i = 0; i < b.heads.n; i++) {
        const struct attune_head_window w = {.layer = (int)i / info->n_heads,
                                             .head = (int)i % info->n_heads,
                                             .q1 = b.tokens.n,
                                             .k1 = b.tokens.n,
                                             .rows = b.heads.rows,
                                             .cols = b.heads.cols};
        const struct attune_head_text text = {b.tokens.ids, separators, NULL};
        struct attune_head head;
        float *cells = malloc(plane * sizeof *cells);

        assert_int_equal(attune_head_read(&head, cells, ctx, &w, &text, NULL, NULL), ATTUNE_OK);
        assert_int_equal(head.pattern, b.heads.heads[i].pattern);
        assert_memory_equal(head.queries, b.heads.heads[i].queries, sizeof head.queries);
        for (size_t k = 0; k < plane; k++) {
            float there = b.heads.cells[i * plane + k];
            assert_true(isnan(cells[k]) ? isnan(there) : cells[k] == there);
        }
        free(cells);
    }
    attune_context_free(ctx);

    /* An edit: what was there goes, and comes again for the new text. */
    assert_int_equal(attune_prompt_set(&b.prompt, b.prompt.n - 1, "three", "", NULL), ATTUNE_OK);
    bench_prompt_changed(&b);
    for (int i = 0; i < 40; i++) {
        settle(&b);
        free(fixture_draw(&panel, &c));
        settle(&b);
    }
    assert_true(heads_is_complete(&b));
    assert_int_equal(b.heads.n_keys, b.tokens.n);
    canvas_done(&c);
    fixture_close(&panel);
    bench_close(&b);
}

/* A file by action holds what the verb would write. */
static void the_grid_goes_into_a_file(void **state)
{
    struct workbench b;
    struct canvas c;
    struct panel panel = open_live(&b, &c);
    char path[] = "/tmp/attune-heads-XXXXXX.csv", line[256];
    int fd = mkstemps(path, 4), lines = 0;
    FILE *f;

    assert_true(fd >= 0);
    assert_true(panel.ops->action(&panel, "write", path));
    settle(&b);
    assert_non_null(strstr(b.message, "wrote"));
    f = fopen(path, "r");
    while (fgets(line, sizeof line, f)) {
        lines++;
    }
    fclose(f);
    assert_int_equal(lines, 1 + attune_model_info(b.model)->n_layers *
                                    attune_model_info(b.model)->n_heads);
    remove(path);
    assert_true(panel.ops->action(&panel, "write", "/no/such/folder/x.png"));
    settle(&b);
    assert_true(b.message_is_error);
    assert_true(panel.ops->action(&panel, "write", ""));
    assert_true(b.message_is_error);
    canvas_done(&c);
    fixture_close(&panel);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_fit_every_screen),
        cmocka_unit_test(scores_order_the_list),
        cmocka_unit_test(a_pattern_leaves_only_its_heads),
        cmocka_unit_test(no_peak_is_lost),
        cmocka_unit_test(keys_walk_sort_and_filter),
        cmocka_unit_test(the_worker_fills_the_grid),
        cmocka_unit_test(the_grid_goes_into_a_file),
    };

    return cmocka_run_group_tests_name("panel_heads", tests, NULL, NULL);
}
