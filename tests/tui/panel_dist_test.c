/* The distribution on the screen against the trace behind it. */
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

static void start(struct desk *d, int rows, int cols, enum colour_tier tier)
{
    fixture_filled(&d->bench);
    d->panel = fixture_open("dist", &d->bench);
    assert_int_equal(canvas_init(&d->canvas, rows, cols, tier), ATTUNE_OK);
    free(fixture_draw(&d->panel, &d->canvas));
}

static void stop(struct desk *d)
{
    fixture_close(&d->panel);
    canvas_done(&d->canvas);
    fixture_done(&d->bench);
}

/* The row of a rank: "  12 token    0.0123  0.0456", behind the column heads. */
static char *row_of(const char *screen, size_t rank)
{
    const char *line = strstr(screen, "final\n");
    char *copy;

    assert_non_null(line);
    for (line = strchr(line, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        const char *digits = line + strcspn(line, "0123456789\n");
        if (strtoul(digits, NULL, 10) == rank) {
            break;
        }
    }
    assert_true(*line);
    copy = strndup(line, strcspn(line, "\n"));
    return copy;
}

static void expect_number(const char *row, double value)
{
    char text[32];

    snprintf(text, sizeof text, value >= 0.0001 ? "%.4f" : "%.0e", value);
    if (!strstr(row, text)) {
        fail_msg("%s is not in \"%s\"", text, row);
    }
}

static void both_probabilities_of_every_rank(void **state)
{
    struct desk d;
    attune_token order[2000];
    const struct attune_trace *t;
    char *screen;

    start(&d, 24, 70, TIER_256);
    t = &d.bench.trace;
    assert_true(t->n_vocab < 2000);
    assert_int_equal(attune_dist_order(order, d.bench.logits, t->n_vocab), ATTUNE_OK);
    screen = fixture_draw(&d.panel, &d.canvas);
    for (size_t rank = 1; rank <= 8; rank++) {
        char *row = row_of(screen, rank);
        attune_token id = order[rank - 1];
        expect_number(row, attune_dist_p(&t->raw, d.bench.logits[id]));
        if (t->removed_by[id] == ATTUNE_KEPT) {
            expect_number(row, (double)t->p[id]);
        } else {
            assert_true(strstr(row, "top-k") || strstr(row, "top-p"));
        }
        free(row);
    }
    free(screen);
    stop(&d);
}

static void a_tick_changes_the_picture_without_the_worker(void **state)
{
    struct desk d;
    char *before, *after;

    start(&d, 24, 70, TIER_256);
    before = fixture_draw(&d.panel, &d.canvas);
    assert_int_equal(bench_set_param(&d.bench, "temperature", 2), ATTUNE_OK);
    after = fixture_draw(&d.panel, &d.canvas);
    assert_string_not_equal(before, after);
    assert_int_equal(bench_set_param(&d.bench, "temperature", 0), ATTUNE_OK);
    free(after);
    after = fixture_draw(&d.panel, &d.canvas);
    assert_non_null(strstr(after, "greedy"));
    assert_non_null(strstr(after, "1.0000"));
    free(before);
    free(after);
    stop(&d);
}

static void the_draw_is_where_u_falls(void **state)
{
    struct desk d;
    struct attune_draw draw;
    char *screen, text[32];

    start(&d, 24, 70, TIER_256);
    attune_trace_draw(&draw, &d.bench.trace, attune_rng_uniform(42, 0));
    screen = fixture_draw(&d.panel, &d.canvas);
    snprintf(text, sizeof text, "u %.4f draws", draw.u);
    assert_non_null(strstr(screen, text));
    assert_non_null(strstr(screen, "step 0 seed 42"));
    assert_non_null(strstr(screen, "\u25bc"));
    assert_non_null(strstr(screen, "\u25b8"));
    free(screen);
    stop(&d);
}

static void every_stage_tells_what_it_left(void **state)
{
    struct desk d;
    char *screen, text[64];

    start(&d, 30, 80, TIER_256);
    screen = fixture_draw(&d.panel, &d.canvas);
    for (size_t i = 0; i < d.bench.trace.n_stages; i++) {
        const struct attune_stage_trace *stage = &d.bench.trace.stage[i];
        if (strcmp(stage->stage, "top_p") == 0) {
            snprintf(text, sizeof text, "top-p %15zu %7.2f%% %6.2f", stage->survivors,
                     100 * stage->mass, stage->entropy_bits);
            if (!strstr(screen, text)) {
                fail_msg("\"%s\" is not in\n%s", text, screen);
            }
        }
    }
    assert_null(strstr(screen, "min-p"));
    free(screen);
    d.panel.ops->action(&d.panel, "waterfall", "");
    screen = fixture_draw(&d.panel, &d.canvas);
    assert_null(strstr(screen, "after stage"));
    free(screen);
    stop(&d);
}

static void find_goes_by_id_and_by_text(void **state)
{
    struct desk d;
    char text[16], bytes[64];
    attune_token id;
    size_t n;
    char *screen;

    start(&d, 24, 90, TIER_256);
    id = (attune_token)(d.bench.trace.n_vocab / 2);
    snprintf(text, sizeof text, "#%d", (int)id);
    d.panel.ops->action(&d.panel, "find", text);
    assert_false(d.bench.message_is_error);
    snprintf(text, sizeof text, "id %d ", (int)id);
    screen = fixture_draw(&d.panel, &d.canvas);
    assert_non_null(strstr(screen, text));
    free(screen);
    n = attune_token_bytes(attune_model_tokenizer(d.bench.model), id, bytes, sizeof bytes - 1);
    bytes[n < sizeof bytes ? n : sizeof bytes - 1] = '\0';
    d.panel.ops->action(&d.panel, "find", bytes);
    assert_false(d.bench.message_is_error);
    d.panel.ops->action(&d.panel, "find", "no token holds this text");
    assert_true(d.bench.message_is_error);
    stop(&d);
}

static void ban_force_and_bias_toggle(void **state)
{
    struct desk d;
    attune_token best;

    start(&d, 24, 70, TIER_256);
    best = d.bench.trace.raw.top[0].id;
    d.panel.ops->action(&d.panel, "ban", "");
    assert_int_not_equal(d.bench.trace.removed_by[best], ATTUNE_KEPT);
    char *screen = fixture_draw(&d.panel, &d.canvas);
    assert_non_null(strstr(screen, "banned"));
    free(screen);
    d.panel.ops->action(&d.panel, "ban", "");
    assert_int_equal(d.bench.trace.removed_by[best], ATTUNE_KEPT);
    d.panel.ops->action(&d.panel, "force", "");
    assert_true(d.bench.trace.p[best] > 0.9999f);
    d.panel.ops->action(&d.panel, "force", "");
    double p = d.bench.trace.p[best];
    d.panel.ops->action(&d.panel, "bias", "-1");
    assert_true(d.bench.trace.p[best] < p);
    d.panel.ops->action(&d.panel, "bias", "1");
    assert_float_equal(d.bench.trace.p[best], p, 1e-6);
    d.panel.ops->action(&d.panel, "bias", "much");
    assert_true(d.bench.message_is_error);
    stop(&d);
}

static void the_spread_stands_below(void **state)
{
    struct desk d;
    attune_token order[2000];
    const struct attune_trace *t;
    char *screen, text[64];
    size_t n;

    start(&d, 24, 70, TIER_256);
    t = &d.bench.trace;
    assert_int_equal(attune_dist_order(order, d.bench.logits, t->n_vocab), ATTUNE_OK);
    n = attune_dist_nucleus(NULL, &t->raw, d.bench.logits, order, t->n_vocab, 0.9);
    screen = fixture_draw(&d.panel, &d.canvas);
    snprintf(text, sizeof text, "perplexity %.2f nucleus 0.5:", exp(t->raw.entropy));
    assert_non_null(strstr(screen, text));
    snprintf(text, sizeof text, " 0.9: %zu ", n);
    assert_non_null(strstr(screen, text));
    free(screen);
    for (size_t i = 0; i < t->n_vocab; i++) { /* no view breaks on what is no number */
        d.bench.logits[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    }
    attune_chain_apply(&d.bench.trace, d.bench.chain, d.bench.logits, NULL, 0);
    d.bench.answered++;
    free(fixture_draw(&d.panel, &d.canvas));
    for (size_t i = 0; i < t->n_vocab; i++) {
        d.bench.logits[i] = NAN;
    }
    attune_chain_apply(&d.bench.trace, d.bench.chain, d.bench.logits, NULL, 0);
    d.bench.answered++;
    fixture_key(&d.panel, "down");
    free(fixture_draw(&d.panel, &d.canvas));
    d.panel.ops->action(&d.panel, "find", "a");
    stop(&d);
}

static void without_colour_the_shape_tells(void **state)
{
    struct desk d;
    char *screen;

    start(&d, 24, 70, TIER_MONO);
    d.canvas.ascii = true;
    screen = fixture_draw(&d.panel, &d.canvas);
    assert_non_null(strstr(screen, "'raw"));
    assert_non_null(strstr(screen, ".final"));
    assert_non_null(strstr(screen, "::"));
    for (const char *p = screen; *p; p++) {
        assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7F));
    }
    free(screen);
    stop(&d);
}

static void a_recorded_step_shows_what_its_record_kept(void **state)
{
    struct desk d;
    char *screen;

    start(&d, 20, 60, TIER_256);
    d.bench.evaluated = false;
    d.bench.shown_step = 3;
    screen = fixture_draw(&d.panel, &d.canvas);
    assert_non_null(strstr(screen, "From the record of step 3"));
    assert_non_null(strstr(screen, "likeliest 8"));
    free(screen);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_probabilities_of_every_rank),
        cmocka_unit_test(a_tick_changes_the_picture_without_the_worker),
        cmocka_unit_test(the_draw_is_where_u_falls),
        cmocka_unit_test(every_stage_tells_what_it_left),
        cmocka_unit_test(find_goes_by_id_and_by_text),
        cmocka_unit_test(ban_force_and_bias_toggle),
        cmocka_unit_test(the_spread_stands_below),
        cmocka_unit_test(without_colour_the_shape_tells),
        cmocka_unit_test(a_recorded_step_shows_what_its_record_kept),
    };
    return cmocka_run_group_tests_name("panel_dist", tests, NULL, NULL);
}
