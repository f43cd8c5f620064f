/* The attention view: what is asked for fits the screen, pooling keeps the peak, numbers are the
 * weights. */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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
                    .zoom = zoom, .hide_sinks = zoom % 2, .key = (size_t)cols};
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
    look.hide_sinks = true;
    screen = draw(&b, &look, &c, true);
    assert_non_null(strstr(screen, "sinks hidden"));
    free(screen);
    canvas_done(&c);
    fixture_done(&b);
}

/* Without colour the glyphs carry the values, and numbers where cells are wide. */
static void glyphs_and_numbers_carry_the_values(void **state)
{
    struct workbench b;
    struct canvas c;
    struct attention_look look = {.zoom = 3, .key = 20, .hide_sinks = true};
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

/* The window stays while the cursor moves inside it, and follows no farther than it must. */
static void the_window_follows_the_cursor(void **state)
{
    struct workbench b;
    struct canvas c = {.rows = 40, .cols = 120, .tier = TIER_256};
    const struct rect inside = {0, 0, 40, 120};
    struct attention_look look = {.zoom = 2};
    size_t n, from = 0;

    fixture_filled(&b);
    n = attention_tokens(&b);
    for (size_t q = 0; q < n; q++) {
        struct attention_map m;
        bool was_inside;

        b.token_cursor = q;
        look.key = q;
        m = attention_layout(&b, &look, &c, inside);
        assert_true(m.request.q0 <= q && q < m.request.q1);
        assert_true(m.request.k0 <= q && q < m.request.k1);
        assert_int_equal(m.request.q1 - m.request.q0, n / 4);
        was_inside = q > from + 2 && q + 3 < from + n / 4;
        assert_true(!was_inside || m.request.q0 == from);
        assert_true(m.request.q0 - from <= 1);
        look.q_from = from = m.request.q0;
        look.k_from = m.request.k0;
    }
    fixture_done(&b);
}

/* A pooled cell says which tokens it covers and what the most of them is. */
static void a_pooled_cell_states_its_range(void **state)
{
    struct workbench b;
    struct canvas c;
    struct attention_look look = {.key = 20};
    const struct attention_request *r = &b.attention.request;
    char *screen, text[64];
    size_t q0, q1, k0, k1;
    float most = 0;

    fixture_filled(&b);
    b.token_cursor = 40;
    assert_int_equal(canvas_init(&c, 12, 70, TIER_MONO), ATTUNE_OK);
    screen = draw(&b, &look, &c, true);
    assert_true((size_t)r->rows < r->q1 - r->q0);
    /* the tokens that fall on the cursor's cell, one by one */
    q0 = k0 = SIZE_MAX;
    q1 = k1 = 0;
    for (size_t q = r->q0; q < r->q1; q++) {
        for (size_t k = r->k0; k < r->k1; k++) {
            if (attention_cell_of(q, r->q0, r->q1, r->rows) ==
                    attention_cell_of(40, r->q0, r->q1, r->rows) &&
                attention_cell_of(k, r->k0, r->k1, r->cols) ==
                    attention_cell_of(20, r->k0, r->k1, r->cols)) {
                q0 = q < q0 ? q : q0;
                k0 = k < k0 ? k : k0;
                q1 = q;
                k1 = k;
                most = b.attention.cells[attention_cell_of(q, r->q0, r->q1, r->rows) * r->cols +
                                         attention_cell_of(k, r->k0, r->k1, r->cols)];
            }
        }
    }
    snprintf(text, sizeof text, "cell %zu-%zu x %zu-%zu: most %.4f", q0 + 1, q1 + 1, k0 + 1, k1 + 1,
             (double)most);
    assert_non_null(strstr(screen, text));
    free(screen);
    canvas_done(&c);
    fixture_done(&b);
}

/* Hidden sinks are in no list of the most, and do not colour the text. */
static void hidden_sinks_are_gone(void **state)
{
    struct workbench b;
    struct canvas c;
    struct attention_look look = {.mode = ATTENTION_FROM};
    char *shown, *hidden;

    fixture_filled(&b);
    b.token_cursor = 30;
    assert_true(attention_is_sink(&b, ATTUNE_STACK_SELF, 0));
    assert_false(attention_is_sink(&b, ATTUNE_STACK_SELF, 7));
    assert_int_equal(canvas_init(&c, 24, 80, TIER_256), ATTUNE_OK);
    shown = draw(&b, &look, &c, true);
    assert_non_null(strstr(shown, "most <s>"));
    look.hide_sinks = true;
    hidden = draw(&b, &look, &c, true);
    assert_null(strstr(hidden, "most <s>"));
    assert_non_null(strstr(hidden, "sinks hidden"));
    free(shown);
    free(hidden);
    canvas_done(&c);
    fixture_done(&b);
}

/* Between the columns lines begin at the cursor's row; the keys that it looks at have their number.
 */
static void lines_join_the_cursor_and_its_keys(void **state)
{
    for (enum colour_tier tier = TIER_MONO; tier < TIER_COUNT; tier++) {
        for (int ascii = 0; ascii < 2; ascii++) {
            struct workbench b;
            struct canvas c;
            struct attention_look look = {.mode = ATTENTION_LINES};
            char *screen, number[16];
            int dots = 0, row;

            fixture_filled(&b);
            b.token_cursor = 8;
            assert_int_equal(canvas_init(&c, 24, 80, tier), ATTUNE_OK);
            c.ascii = ascii;
            screen = draw(&b, &look, &c, true);
            assert_int_equal(b.attention.request.rows,
                             b.attention.request.q1 - b.attention.request.q0);
            row = 3 + (int)(8 - b.attention.request.q0);
            for (int x = 14; x < 54; x++) {
                uint32_t cp = c.cells[row * 80 + x].cp[0];
                dots += ascii ? cp == '*' : cp > 0x2800 && cp <= 0x28FF;
            }
            assert_true(dots > 0);
            snprintf(number, sizeof number, "%.2f", (double)b.attention.row[0]);
            assert_non_null(strstr(screen, number));
            free(screen);
            canvas_done(&c);
            fixture_done(&b);
        }
    }
}

/* Of a pair only the windows of one sentence on each side are asked for. */
static void a_pair_looks_from_one_to_the_other(void **state)
{
    struct workbench b;
    struct canvas c = {.rows = 24, .cols = 80, .tier = TIER_256};
    const struct rect inside = {0, 0, 24, 80};
    struct attention_look look = {.pair = PAIR_AB};
    struct attention_map m;
    size_t n, middle = 30;

    fixture_filled(&b);
    n = attention_tokens(&b);
    assert_false(attention_has_pair(&b, ATTUNE_STACK_SELF));
    m = attention_layout(&b, &look, &c, inside);
    assert_true(m.request.q0 == 0 && m.request.q1 == n);
    for (size_t i = middle; i < b.tokens.n; i++) {
        b.tokens.type_ids[i] = 1;
    }
    assert_true(attention_has_pair(&b, ATTUNE_STACK_SELF));
    m = attention_layout(&b, &look, &c, inside);
    assert_true(m.request.q0 == 0 && m.request.q1 == middle);
    assert_true(m.request.k0 == middle && m.request.k1 == n);
    look.pair = PAIR_BB;
    m = attention_layout(&b, &look, &c, inside);
    assert_true(m.request.q0 == middle && m.request.k0 == middle);
    fixture_done(&b);
}

static void settle(struct workbench *b)
{
    for (int i = 0; i < 500 && (bench_is_busy(b) || i == 0); i++) {
        struct pollfd fd = {bench_wake_fd(b), POLLIN, 0};

        poll(&fd, 1, 20);
        bench_poll(b);
    }
    assert_false(bench_is_busy(b));
}

/* The worker's answers are the library's weights; over a picture that is there the cursor asks for
 * one row, and gets the right one. */
static void the_worker_answers_windows_and_rows(void **state)
{
    struct workbench b;
    struct canvas c;
    struct panel panel;
    struct bench_options options = {.n_threads = 1};
    struct attune_context_options context = {.n_threads = 1};
    struct attune_context *ctx;
    struct attune_error err;
    char path[512], file[] = "/tmp/attune-attention-XXXXXX.json";
    float row[128], *cells;
    json_t *json;
    int fd;

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    options.model_path = path;
    assert_int_equal(bench_open(&b, &options, &err), ATTUNE_OK);
    assert_int_equal(
        attune_prompt_set(&b.prompt, b.prompt.n - 1, "one two three four five six", "", NULL),
        ATTUNE_OK);
    bench_prompt_changed(&b);
    settle(&b);
    assert_true(b.read && b.tokens.n < 128);
    panel = fixture_open("attention", &b);
    assert_int_equal(canvas_init(&c, 24, 80, TIER_256), ATTUNE_OK);
    assert_int_equal(attune_context_new(&ctx, b.model, &context, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(ctx, b.tokens.ids, b.tokens.n, NULL, NULL), ATTUNE_OK);
    b.layer = b.head = 1;
    free(fixture_draw(&panel, &c));
    settle(&b);
    cells = b.attention.cells;
    assert_non_null(cells);
    for (size_t q = b.tokens.n; q-- > 0;) {
        bench_move_cursor(&b, (long)q - (long)b.token_cursor);
        free(fixture_draw(&panel, &c));
        settle(&b);
        assert_ptr_equal(b.attention.cells, cells); /* the picture was not made again */
        assert_int_equal(b.attention.request.cursor, q);
        assert_int_equal(
            attune_attention_slice(ctx, ATTUNE_STACK_SELF, 1, 1, q, 1, 0, b.tokens.n, row, NULL),
            ATTUNE_OK);
        assert_memory_equal(b.attention.row, row, b.tokens.n * sizeof *row);
    }
    fd = mkstemps(file, 5);
    assert_true(fd >= 0);
    close(fd);
    assert_true(panel.ops->action(&panel, "write", file));
    settle(&b);
    json = json_load_file(file, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "layer")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "weights")), b.tokens.n);
    json_decref(json);
    remove(file);
    attune_context_free(ctx);
    canvas_done(&c);
    fixture_close(&panel);
    bench_close(&b);
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
        cmocka_unit_test(the_window_follows_the_cursor),
        cmocka_unit_test(a_pooled_cell_states_its_range),
        cmocka_unit_test(hidden_sinks_are_gone),
        cmocka_unit_test(lines_join_the_cursor_and_its_keys),
        cmocka_unit_test(a_pair_looks_from_one_to_the_other),
        cmocka_unit_test(the_worker_answers_windows_and_rows),
    };
    return cmocka_run_group_tests_name("panel_attention", tests, NULL, NULL);
}
