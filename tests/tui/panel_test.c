/* Every panel of the table, in every size, with an empty and with a filled workbench. */
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

static const struct size {
    int rows, cols;
} sizes[] = {{0, 0},  {1, 1},   {1, 80},  {40, 1},   {2, 7},
             {5, 20}, {10, 36}, {24, 80}, {30, 100}, {60, 200}};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static const char *const keys[] = {"up",  "down", "left",     "right",
                                   "end", "home", "pagedown", "pageup"};
static const char *const actions[] = {"colour",  "scale",   "on_text",   "on_text",   "sink",
                                      "zoom_in", "ramp",    "waterfall", "more",      "knob_reset",
                                      "ban",     "find",    "sort",      "sort_back", "pattern",
                                      "larger",  "smaller", "smaller",   "kind",      "write"};

static void table_is_whole(void **state)
{
    static const char *const expected[] = {"prompt", "tokens", "dist",     "attention",
                                           "output", "knobs",  "sessions", "card"};

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_non_null(panel_find(expected[i]));
    }
    for (size_t i = 0; i < panel_count(); i++) {
        const struct panel_ops *ops = panel_at(i);
        assert_ptr_equal(panel_find(ops->name), ops);
        assert_true(strlen(ops->title) > 2 && strlen(ops->help) > 10);
        assert_non_null(ops->draw);
    }
    assert_null(panel_at(panel_count()));
    assert_null(panel_find("nothing of the kind"));
}

/* A sentinel in every cell: what a panel leaves alone keeps it. */
static void paint_sentinel(struct canvas *c)
{
    const struct style s = {COLOUR_DEFAULT, COLOUR_DEFAULT, ATTR_UNDERLINE | ATTR_REVERSE};

    canvas_clear(c);
    canvas_fill(c, (struct rect){0, 0, c->rows, c->cols}, '~', s);
}

static void check_cells(const struct canvas *c, struct rect inside, const char *name)
{
    for (int y = 0; y < c->rows; y++) {
        for (int x = 0; x < c->cols; x++) {
            const struct cell *cell = &c->cells[y * c->cols + x];
            bool in = y >= inside.y && y < inside.y + inside.rows && x >= inside.x &&
                      x < inside.x + inside.cols;
            if (!in && (cell->n != 1 || cell->cp[0] != '~')) {
                fail_msg("%s touched row %d, column %d outside %dx%d", name, y, x, inside.rows,
                         inside.cols);
            }
            for (int i = 0; i < cell->n; i++) {
                uint32_t cp = cell->cp[i];
                if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || (c->ascii && cp > 0x7E)) {
                    fail_msg("%s drew U+%04X", name, cp);
                }
            }
        }
    }
}

static void draw_inside(struct panel *panel, struct size size, enum colour_tier tier, bool ascii)
{
    struct canvas c;
    struct rect inside = {2, 3, size.rows, size.cols};
    char title[64] = "";

    assert_int_equal(canvas_init(&c, size.rows + 4, size.cols + 6, tier), ATTUNE_OK);
    c.ascii = ascii;
    paint_sentinel(&c);
    panel->inside = inside;
    if (panel->ops->title_text) {
        panel->ops->title_text(panel, title, sizeof title);
        assert_true(strlen(title) < sizeof title);
    }
    panel->ops->draw(panel, &c, inside);
    check_cells(&c, inside, panel->ops->name);
    assert_true(c.cursor_y < 0 || (c.cursor_y >= 2 && c.cursor_y < 2 + size.rows &&
                                   c.cursor_x >= 3 && c.cursor_x < 3 + size.cols));
    canvas_done(&c);
}

static void draw_everywhere(const struct panel_ops *ops, void (*fill)(struct workbench *))
{
    for (int i = 0; i < N_SIZES; i++) {
        struct workbench b;
        struct panel panel;
        fill(&b);
        panel = fixture_open(ops->name, &b);
        for (int tier = TIER_MONO; tier < TIER_COUNT; tier++) {
            draw_inside(&panel, sizes[i], (enum colour_tier)tier, tier == TIER_8);
        }
        fixture_close(&panel);
        fixture_done(&b);
    }
}

static void nothing_is_touched_outside_when_empty(void **state)
{
    for (size_t i = 0; i < panel_count(); i++) {
        draw_everywhere(panel_at(i), fixture_empty);
    }
}

static void nothing_is_touched_outside_when_filled(void **state)
{
    for (size_t i = 0; i < panel_count(); i++) {
        draw_everywhere(panel_at(i), fixture_filled);
    }
}

/* Keys and actions of every panel on every panel: none may leave it unable to draw. */
static void keys_and_actions_leave_it_drawable(void **state)
{
    for (size_t i = 0; i < panel_count(); i++) {
        const struct panel_ops *ops = panel_at(i);
        struct workbench b;
        struct panel panel;
        fixture_filled(&b);
        panel = fixture_open(ops->name, &b);
        draw_inside(&panel, sizes[7], TIER_256, false);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            fixture_key(&panel, keys[k]);
            draw_inside(&panel, sizes[6], TIER_256, false);
        }
        for (size_t k = 0; panel.ops->action && k < sizeof actions / sizeof *actions; k++) {
            panel.ops->action(&panel, actions[k], "");
            draw_inside(&panel, sizes[k % N_SIZES], TIER_MONO, false);
        }
        fixture_close(&panel);
        fixture_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_whole),
        cmocka_unit_test(nothing_is_touched_outside_when_empty),
        cmocka_unit_test(nothing_is_touched_outside_when_filled),
        cmocka_unit_test(keys_and_actions_leave_it_drawable),
    };
    return cmocka_run_group_tests_name("panel", tests, NULL, NULL);
}
