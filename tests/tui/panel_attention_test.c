/* The attention view: what is asked for fits the screen, pooling keeps the peak, numbers are the
 * weights. */
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
#include "tui/attention_view.h"

static char *draw(struct workbench *b, struct attention_look *look, struct canvas *c, bool focused)
{
    struct rect inside = {0, 0, c->rows, c->cols};
    struct attention_map map = attention_layout(b, look, c, inside);

    canvas_clear(c);
    if (map.request.rows > 0) {
        fixture_attention(b, &map.request);
        attention_draw(b, look, &map, c, inside, focused);
    }
    return canvas_dump(c);
}

static void requests_fit_every_screen(void **state)
{
    struct workbench b;

    fixture_filled(&b);
    for (int rows = 0; rows < 70; rows += 3) {
        for (int cols = 0; cols < 210; cols += 7) {
            for (int zoom = 0; zoom < 5; zoom++) {
                struct attention_look look = {
                    .zoom = zoom, .hide_first = zoom % 2, .key = (size_t)cols};
                struct canvas c = {
                    .rows = rows, .cols = cols, .tier = rows % 2 ? TIER_256 : TIER_MONO};
                struct attention_map m =
                    attention_layout(&b, &look, &c, (struct rect){0, 0, rows, cols});
                const struct attention_request *r = &m.request;
                if (r->rows == 0 || r->cols == 0) {
                    continue;
                }
                assert_true(r->q0 < r->q1 && r->q1 <= attention_tokens(&b));
                assert_true(r->k0 < r->k1 && r->k1 <= attention_tokens(&b));
                assert_true(r->k0 >= (size_t)look.hide_first);
                assert_true((size_t)r->rows <= r->q1 - r->q0 && (size_t)r->cols <= r->k1 - r->k0);
                assert_true(r->rows <= m.area.rows * (m.half ? 2 : 1));
                assert_true(m.area.x + r->cols * m.cell_columns <= cols);
            }
        }
    }
    fixture_done(&b);
}

static void the_weight_under_the_cursor_is_exact(void **state)
{
    struct workbench b;
    struct canvas c;
    char *screen, text[64];

    fixture_filled(&b);
    assert_int_equal(canvas_init(&c, 20, 60, TIER_256), ATTUNE_OK);
    for (size_t q = 3; q < attention_tokens(&b); q += 17) {
        for (size_t k = 0; k < attention_tokens(&b); k += 11) {
            struct attention_look look = {.key = k};
            b.token_cursor = q;
            screen = draw(&b, &look, &c, true);
            if (k > q) {
                strcpy(text, ": masked");
            } else {
                snprintf(text, sizeof text, ": %.4f", (double)b.attention.row[k]);
            }
            assert_non_null(strstr(screen, text));
            free(screen);
        }
    }
    canvas_done(&c);
    fixture_done(&b);
}

static void layer_head_axes_and_scale_are_in_sight(void **state)
{
    struct workbench b;
    struct canvas c;
    struct attention_look look = {.layer = 1, .head = 2};
    const struct attune_model_info *info;
    char *screen, text[96];

    fixture_filled(&b);
    info = attune_model_info(b.model);
    assert_int_equal(canvas_init(&c, 24, 80, TIER_256), ATTUNE_OK);
    for (int scale = 0; scale < SCALE_COUNT; scale++) {
        look.scale = (enum attention_scale)scale;
        screen = draw(&b, &look, &c, true);
        snprintf(text, sizeof text, "layer 1 of 0-%d, head 2 of 0-%d, rows query, columns key",
                 info->n_layers - 1, info->n_heads - 1);
        assert_non_null(strstr(screen, text));
        assert_non_null(strstr(screen, attention_scales[scale]));
        assert_non_null(strstr(screen, "cell: most of"));
        free(screen);
    }
    look.hide_first = true;
    screen = draw(&b, &look, &c, true);
    assert_non_null(strstr(screen, "first hidden"));
    free(screen);
    canvas_done(&c);
    fixture_done(&b);
}

/* Without colour the glyphs carry the values, and numbers where cells are wide. */
static void glyphs_and_numbers_carry_the_values(void **state)
{
    struct workbench b;
    struct canvas c;
    struct attention_look look = {.zoom = 3, .key = 20, .hide_first = true};
    char *screen, number[16];
    int filled = 0;

    fixture_filled(&b);
    b.token_cursor = 20;
    assert_int_equal(canvas_init(&c, 28, 80, TIER_MONO), ATTUNE_OK);
    screen = draw(&b, &look, &c, false);
    for (int y = 3; y < 26; y++) {
        for (int x = 9; x < 80; x++) {
            uint32_t cp = c.cells[y * 80 + x].cp[0];
            filled += cp != ' ';
            assert_non_null(strchr(" .:-=+*#%@", (int)cp));
        }
    }
    assert_true(filled > 40);
    free(screen);
    look.zoom = 9;
    screen = draw(&b, &look, &c, false);
    snprintf(number, sizeof number, "%.2f", (double)b.attention.row[20]);
    assert_non_null(strstr(screen, number + 1));
    free(screen);
    canvas_done(&c);
    fixture_done(&b);
}

static void the_text_is_coloured_by_the_row_and_by_the_column(void **state)
{
    struct workbench b;
    struct canvas c;
    struct attention_look look = {.mode = ATTENTION_FROM};
    char *screen;
    bool tinted = false;

    fixture_filled(&b);
    b.token_cursor = attention_tokens(&b) - 1;
    assert_int_equal(canvas_init(&c, 24, 80, TIER_256), ATTUNE_OK);
    screen = draw(&b, &look, &c, true);
    assert_non_null(strstr(screen, "what it looks at"));
    assert_non_null(strstr(screen, "most "));
    for (int x = 0; x < 80; x++) {
        tinted |= c.cells[8 * 80 + x].style.bg != COLOUR_DEFAULT;
    }
    assert_true(tinted);
    free(screen);
    look.mode = ATTENTION_TO;
    screen = draw(&b, &look, &c, true);
    assert_non_null(strstr(screen, "who looks at it"));
    assert_int_equal(b.attention.request.cols, 1);
    assert_int_equal(b.attention.request.k0, attention_query(&b));
    free(screen);
    canvas_done(&c);
    fixture_done(&b);
}

static void keys_turn_layers_and_heads_around(void **state)
{
    struct workbench b;
    struct panel panel;
    struct canvas c;
    char title[64];
    const struct attune_model_info *info;

    fixture_filled(&b);
    info = attune_model_info(b.model);
    panel = fixture_open("attention", &b);
    assert_int_equal(canvas_init(&c, 24, 80, TIER_256), ATTUNE_OK);
    free(fixture_draw(&panel, &c));
    panel.ops->action(&panel, "layer_next", "");
    panel.ops->action(&panel, "head_next", "");
    panel.ops->title_text(&panel, title, sizeof title);
    assert_non_null(strstr(title, "layer 1 head 1"));
    for (int i = 0; i < info->n_layers; i++) {
        panel.ops->action(&panel, "layer_previous", "");
    }
    panel.ops->title_text(&panel, title, sizeof title);
    assert_non_null(strstr(title, "layer 1 head 1"));
    panel.ops->action(&panel, "layer", "99");
    assert_true(b.message_is_error);
    panel.ops->action(&panel, "layer", "0");
    panel.ops->title_text(&panel, title, sizeof title);
    assert_non_null(strstr(title, "layer 0 head 1"));
    canvas_done(&c);
    fixture_close(&panel);
    fixture_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_fit_every_screen),
        cmocka_unit_test(the_weight_under_the_cursor_is_exact),
        cmocka_unit_test(layer_head_axes_and_scale_are_in_sight),
        cmocka_unit_test(glyphs_and_numbers_carry_the_values),
        cmocka_unit_test(the_text_is_coloured_by_the_row_and_by_the_column),
        cmocka_unit_test(keys_turn_layers_and_heads_around),
    };
    return cmocka_run_group_tests_name("panel_attention", tests, NULL, NULL);
}
