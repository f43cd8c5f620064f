/* The walk on a golden model with a real worker: its numbers are those of the public calls. */
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
#include "tui/walk_view.h"

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

static void start(struct workbench *b)
{
    const char *golden = getenv("ATTUNE_GOLDEN");
    char path[512];
    const struct bench_options options = {.model_path = path, .n_threads = 1};
    struct attune_error err = {0};

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", golden ? golden : "tests/golden");
    assert_int_equal(bench_open(b, &options, &err), ATTUNE_OK);
    settle(b);
    assert_int_equal(
        attune_prompt_set(&b->prompt, b->prompt.n - 1, "one two one three", NULL, &err), ATTUNE_OK);
    bench_prompt_changed(b);
    settle(b);
    assert_true(b->evaluated);
}

static void numbers_are_those_of_the_context(void **state)
{
    struct workbench b;
    struct attune_context *ctx;
    struct attune_context_options options = {.n_threads = 1, .keep_hidden = true};
    struct attune_input input;
    float *expected, *row;
    size_t n, at;
    int d;

    start(&b);
    n = b.tokens.n;
    at = n / 2;
    d = attune_model_info(b.model)->d_model;
    bench_request_walk(&b, at);
    settle(&b);
    b.token_cursor = at;
    assert_true(walk_is_ready(&b, at));
    assert_false(walk_is_ready(&b, at + 1));
    input = (struct attune_input){.ids = b.tokens.ids, .n = n};
    expected = malloc((size_t)d * sizeof *expected);
    row = malloc(n * sizeof *row);
    assert_int_equal(attune_context_new(&ctx, b.model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
    for (int layer = 0; layer <= b.walk.stacks[0].n_layers; layer++) {
        assert_int_equal(
            attune_context_hidden(ctx, ATTUNE_STACK_SELF, layer, at, 1, expected, NULL), ATTUNE_OK);
        assert_memory_equal(expected, b.walk.stacks[0].hidden + layer * d,
                            (size_t)d * sizeof *expected);
    }
    for (int i = 0; i < b.walk.stacks[0].n_layers * b.walk.stacks[0].n_heads; i++) {
        const struct walk_look *look = &b.walk.stacks[0].looks[i];
        assert_int_equal(
            attune_attention_slice(ctx, ATTUNE_STACK_SELF, i / b.walk.stacks[0].n_heads,
                                   i % b.walk.stacks[0].n_heads, at, 1, 0, n, row, NULL),
            ATTUNE_OK);
        for (size_t k = 0; k < n; k++) {
            assert_true(row[k] <= look->weight[0]);
        }
        for (int k = 0; k < WALK_MOST && look->weight[k] > 0; k++) {
            assert_true(look->key[k] <= at);
            assert_true(row[look->key[k]] == look->weight[k]);
        }
    }
    attune_context_free(ctx);
    free(expected);
    free(row);
    bench_close(&b);
}

static void every_step_is_one_key_and_has_its_numbers(void **state)
{
    static const char *const names[] = {"text",
                                        "tokens",
                                        "embedding",
                                        "position",
                                        "layer 0, attention",
                                        "layer 0, residual",
                                        "layer 0, feed-forward"};
    struct workbench b;
    struct panel panel;
    struct canvas c;
    char title[96], *screen;

    start(&b);
    panel = fixture_open("walk", &b);
    assert_int_equal(canvas_init(&c, 24, 80, TIER_256), ATTUNE_OK);
    for (size_t i = 0; i < walk_n_steps(&b); i++) {
        free(fixture_draw(&panel, &c));
        settle(&b);
        screen = fixture_draw(&panel, &c);
        panel.ops->title_text(&panel, title, sizeof title);
        if (i < sizeof names / sizeof *names) {
            assert_non_null(strstr(title, names[i]));
        }
        assert_null(strstr(screen, "being computed"));
        assert_true(strlen(screen) > 60);
        free(screen);
        fixture_key(&panel, "right");
    }
    panel.ops->title_text(&panel, title, sizeof title);
    assert_non_null(strstr(title, "draw"));
    screen = fixture_draw(&panel, &c);
    assert_non_null(strstr(screen, "falls between"));
    free(screen);
    fixture_key(&panel, "home");
    fixture_key(&panel, "right");
    fixture_key(&panel, "right");
    fixture_key(&panel, "up");
    free(fixture_draw(&panel, &c));
    settle(&b);
    screen = fixture_draw(&panel, &c);
    assert_non_null(strstr(screen, "nearest in this text"));
    assert_int_equal(b.walk.position, walk_position(&b));
    free(screen);
    canvas_done(&c);
    fixture_close(&panel);
    bench_close(&b);
}

/* The tokens panel asks when it is told to colour; its scores are those of the logits, place by
 * place. */
static void scores_of_the_prompt_are_those_of_its_logits(void **state)
{
    struct workbench b;
    struct panel panel;
    struct canvas c;
    struct attune_context *ctx;
    struct attune_context_options options = {.n_threads = 1};
    struct attune_input input;
    struct attune_dist dist;
    float *logits;
    char *screen;
    size_t n_vocab;

    start(&b);
    panel = fixture_open("tokens", &b);
    assert_int_equal(canvas_init(&c, 12, 80, TIER_256), ATTUNE_OK);
    free(fixture_draw(&panel, &c));
    assert_int_equal(b.score.n, 0);
    panel.ops->action(&panel, "colour", "surprisal");
    free(fixture_draw(&panel, &c));
    settle(&b);
    assert_int_equal(b.score.n, b.tokens.n);
    screen = fixture_draw(&panel, &c);
    assert_non_null(strstr(screen, "surprisal 0"));
    assert_non_null(strstr(screen, "rank"));
    free(screen);
    n_vocab = (size_t)attune_model_info(b.model)->n_vocab;
    logits = malloc(n_vocab * sizeof *logits);
    input = (struct attune_input){.ids = b.tokens.ids, .n = b.tokens.n};
    assert_int_equal(attune_context_new(&ctx, b.model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
    assert_true(isnan(b.score.scores[0].p));
    for (size_t i = 1; i < b.tokens.n; i++) {
        assert_int_equal(attune_context_logits(ctx, i - 1, 1, logits, NULL), ATTUNE_OK);
        attune_dist_of(&dist, logits, n_vocab);
        assert_true(b.score.scores[i].p == (float)attune_dist_p(&dist, logits[b.tokens.ids[i]]));
        assert_int_equal(b.score.scores[i].rank,
                         attune_dist_rank(logits, n_vocab, b.tokens.ids[i]));
    }
    attune_context_free(ctx);
    free(logits);
    canvas_done(&c);
    fixture_close(&panel);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_of_the_prompt_are_those_of_its_logits),
        cmocka_unit_test(numbers_are_those_of_the_context),
        cmocka_unit_test(every_step_is_one_key_and_has_its_numbers),
    };
    return cmocka_run_group_tests_name("panel_walk", tests, NULL, NULL);
}
