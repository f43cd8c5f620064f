#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/canvas.h"

/* What xterm shows: its 16, the cube, the greys; direct colours are what they say. */
static uint32_t rgb(int32_t colour, enum colour_tier tier)
{
    static const uint32_t first[16] = {0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD,
                                       0x00CDCD, 0xE5E5E5, 0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00,
                                       0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF};
    static const uint32_t level[6] = {0, 95, 135, 175, 215, 255};

    if (tier == TIER_DIRECT || colour < 16) {
        return tier == TIER_DIRECT ? (uint32_t)colour : first[colour];
    }
    if (colour >= 232) {
        return (uint32_t)(8 + 10 * (colour - 232)) * 0x010101u;
    }
    colour -= 16;
    return level[colour / 36] << 16 | level[colour / 6 % 6] << 8 | level[colour % 6];
}

/* Relative luminance and contrast as WCAG 2 defines them. */
static double luminance(uint32_t c)
{
    double sum = 0;
    static const double weight[3] = {0.2126, 0.7152, 0.0722};

    for (int i = 0; i < 3; i++) {
        double v = (c >> (16 - 8 * i) & 255) / 255.0;

        sum += weight[i] * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static double contrast(uint32_t a, uint32_t b)
{
    double x = luminance(a), y = luminance(b);

    return x > y ? (x + 0.05) / (y + 0.05) : (y + 0.05) / (x + 0.05);
}

static void roles_read_on_dark_and_on_light(void **state)
{
    for (int light = 0; light < 2; light++) {
        for (enum colour_tier tier = TIER_256; tier < TIER_COUNT; tier++) {
            struct canvas c = {.tier = tier, .light = light};

            for (int role = 0; role < ROLE_COUNT; role++) {
                struct style s = style_of(&c, role);
                uint32_t fg = s.fg < 0 ? light ? 0x000000 : 0xE5E5E5 : rgb(s.fg, tier);
                uint32_t bg = s.bg < 0 ? light ? 0xFFFFFF : 0x000000 : rgb(s.bg, tier);
                double needed = role == ROLE_FRAME                             ? 2.0
                                : role == ROLE_REMOVED || role == ROLE_BAR_RAW ? 3.0
                                                                               : 4.5;

                if (contrast(fg, bg) < needed) {
                    print_message("# role %d light %d: %.2f\n", role, light, contrast(fg, bg));
                }
                assert_true(contrast(fg, bg) >= needed);
            }
        }
    }
}

static void without_colour_nothing_has_a_colour(void **state)
{
    struct canvas c = {.tier = TIER_MONO};

    for (int role = 0; role < ROLE_COUNT; role++) {
        assert_int_equal(style_of(&c, role).fg, COLOUR_DEFAULT);
        assert_int_equal(style_of(&c, role).bg, COLOUR_DEFAULT);
    }
    assert_true(style_of(&c, ROLE_SELECT).attrs != 0);
    assert_true(style_of(&c, ROLE_ERROR).attrs != style_of(&c, ROLE_TEXT).attrs);
    assert_true(style_of(&c, ROLE_TOKEN_ODD).attrs != style_of(&c, ROLE_TOKEN_EVEN).attrs);
    assert_true(style_of(&c, ROLE_FRAME).attrs != style_of(&c, ROLE_FRAME_FOCUS).attrs);
    c.tier = TIER_8;
    for (int role = 0; role < ROLE_COUNT; role++) {
        assert_true(style_of(&c, role).fg < 8 && style_of(&c, role).bg < 8);
    }
}

/* Away from the background: zero is beside it, and every step stands out more than the last. */
static void heat_leaves_the_background(void **state)
{
    for (int look = 0; look < 2 * (TIER_COUNT - TIER_256); look++) {
        enum colour_tier tier = (enum colour_tier)(TIER_256 + look / 2);
        struct canvas c = {.tier = tier, .light = look % 2};

        for (int ramp = 0; ramp < RAMP_COUNT; ramp++) {
            double before = -1, zero = contrast(rgb(style_heat(&c, 0, ramp).bg, tier),
                                                c.light ? 0xFFFFFF : 0x000000);
            int steps = 0;

            assert_true(strlen(ramp_text(ramp)) > 3);
            assert_int_equal(ramp_find(ramp_text(ramp)), ramp);
            assert_true(zero < 1.35);
            for (int i = 0; i <= 1000; i++) {
                struct style s = style_heat(&c, (float)i / 1000, ramp);
                double now = luminance(rgb(s.bg, tier));

                now = c.light ? 1 - now : now;
                steps += fabs(now - before) > 1e-9;
                /* Lists were found by OKLab lightness, which orders a few close hues the other way
                 * round. */
                assert_true(now > before - (tier == TIER_DIRECT ? 1e-9 : 0.035));
                assert_true(contrast(rgb(s.fg, tier), rgb(s.bg, tier)) >= 3.0);
                before = now;
            }
            assert_true(steps >= 14 && steps <= 64);
        }
    }
}

static void a_glyph_carries_the_value_without_colour(void **state)
{
    struct canvas c;
    struct rect r = {0, 0, 1, 12};
    char *dump;

    assert_int_equal(canvas_init(&c, 1, 12, TIER_MONO), 0);
    for (int i = 0; i < 10; i++) {
        canvas_heat(&c, r, 0, i, 1, (float)i / 9, RAMP_VIRIDIS);
    }
    canvas_heat_pair(&c, r, 0, 10, 0.0f, 1.0f, RAMP_VIRIDIS);
    canvas_heat(&c, r, 0, 11, 1, NAN, RAMP_VIRIDIS);
    dump = canvas_dump(&c);
    assert_string_equal(dump, " .:-=+*#%@@\n");
    free(dump);
    canvas_done(&c);
}

static void half_blocks_hold_two_values(void **state)
{
    struct canvas c;
    struct rect r = {0, 0, 1, 4};

    assert_int_equal(canvas_init(&c, 1, 4, TIER_256), 0);
    assert_true(canvas_has_half_blocks(&c));
    canvas_heat_pair(&c, r, 0, 0, 0.0f, 1.0f, RAMP_VIRIDIS);
    canvas_heat_pair(&c, r, 0, 1, NAN, 1.0f, RAMP_VIRIDIS);
    canvas_heat_pair(&c, r, 0, 2, 1.0f, NAN, RAMP_VIRIDIS);
    canvas_heat_pair(&c, r, 0, 3, NAN, NAN, RAMP_VIRIDIS);
    assert_int_equal(c.cells[0].cp[0], 0x2580);
    assert_int_equal(c.cells[0].style.fg, 234);
    assert_int_equal(c.cells[0].style.bg, 220);
    assert_int_equal(c.cells[1].cp[0], 0x2584);
    assert_int_equal(c.cells[1].style.bg, COLOUR_DEFAULT);
    assert_int_equal(c.cells[2].cp[0], 0x2580);
    assert_int_equal(c.cells[2].style.bg, COLOUR_DEFAULT);
    assert_int_equal(c.cells[3].cp[0], ' ');
    assert_int_equal(c.cells[3].style.bg, COLOUR_DEFAULT);
    canvas_done(&c);
}

static void eight_colours_mix_thirteen_levels(void **state)
{
    struct canvas c;
    struct rect r = {0, 0, 1, 13};

    assert_int_equal(canvas_init(&c, 1, 13, TIER_8), 0);
    for (int i = 0; i < 13; i++) {
        canvas_heat(&c, r, 0, i, 1, (float)i / 12, RAMP_VIRIDIS);
        for (int k = 0; k < i; k++) {
            bool same =
                c.cells[k].cp[0] == c.cells[i].cp[0] && c.cells[k].style.bg == c.cells[i].style.bg;

            assert_false(same);
        }
    }
    assert_int_equal(c.cells[0].style.bg, 0);
    assert_int_equal(c.cells[12].style.bg, 7);
    canvas_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_read_on_dark_and_on_light),
        cmocka_unit_test(without_colour_nothing_has_a_colour),
        cmocka_unit_test(heat_leaves_the_background),
        cmocka_unit_test(a_glyph_carries_the_value_without_colour),
        cmocka_unit_test(half_blocks_hold_two_values),
        cmocka_unit_test(eight_colours_mix_thirteen_levels),
    };
    return cmocka_run_group_tests_name("palette", tests, NULL, NULL);
}
