/* Looks: a table of roles by tier, and the heat ramps. A role says what a text is; here it gets
 * colours that read on a dark and on a light background of the terminal, and in few colours or none
 * an attribute in their place.
 *
 * A ramp begins beside the background, so that zero recedes and what counts stands out: on a dark
 * one it rises in lightness at every step, on a light one it falls. Direct colour interpolates the
 * anchors in OKLab (B. Ottosson, "A perceptual color space for image processing", 2020); 256
 * colours have lists found by the same distance; 8 colours mix black, blue, cyan and white by
 * shades; without colour a glyph carries the value. Colours are quantised so that pairs stay few: a
 * terminal's table of pairs is finite. */
#include <config.h>

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"

enum {
    NONE = COLOUR_DEFAULT,
    BOLD = ATTR_BOLD,
    DIM = ATTR_DIM,
    REV = ATTR_REVERSE,
    LINE = ATTR_UNDERLINE
};

/* fg and bg of 256 on a dark and on a light background, fg of 8 likewise, attributes with 256, with
 * 8, without. */
static const struct look {
    int16_t dark_fg, dark_bg, light_fg, light_bg;
    int8_t dark_8, light_8;
    uint8_t attrs, attrs_8, attrs_mono;
} looks[] = {
    /* clang-format off */
    [ROLE_TEXT]        = {NONE, NONE, NONE, NONE, NONE, NONE, 0,    0,          0},
    [ROLE_DIM]         = {246,  NONE, 242,  NONE, NONE, NONE, 0,    DIM,        DIM},
    [ROLE_TITLE]       = {NONE, NONE, NONE, NONE, NONE, NONE, BOLD, BOLD,       BOLD},
    [ROLE_FRAME]       = {241,  NONE, 248,  NONE, NONE, NONE, 0,    DIM,        0},
    [ROLE_FRAME_FOCUS] = {81,   NONE, 25,   NONE, 6,    4,    BOLD, BOLD,       BOLD},
    [ROLE_KEY]         = {222,  NONE, 94,   NONE, 3,    5,    BOLD, BOLD,       BOLD},
    [ROLE_VALUE]       = {159,  NONE, 24,   NONE, 6,    4,    0,    0,          0},
    [ROLE_ACCENT]      = {81,   NONE, 25,   NONE, 6,    4,    BOLD, BOLD,       BOLD},
    [ROLE_GOOD]        = {114,  NONE, 28,   NONE, 2,    4,    0,    0,          0},
    [ROLE_WARN]        = {221,  NONE, 94,   NONE, 3,    5,    0,    BOLD,       BOLD},
    [ROLE_ERROR]       = {210,  NONE, 124,  NONE, 1,    1,    BOLD, BOLD,       BOLD | REV},
    [ROLE_SELECT]      = {231,  24,   16,   153,  NONE, NONE, 0,    REV,        REV},
    [ROLE_STATUS]      = {252,  236,  235,  253,  NONE, NONE, 0,    REV,        REV},
    [ROLE_ESCAPE]      = {215,  NONE, 130,  NONE, 3,    5,    REV,  REV,        REV},
    [ROLE_TASK]        = {150,  NONE, 22,   NONE, 2,    2,    0,    BOLD,       0},
    [ROLE_SHOT]        = {117,  NONE, 25,   NONE, 6,    4,    0,    0,          0},
    [ROLE_QUERY]       = {223,  NONE, 94,   NONE, 3,    5,    0,    0,          BOLD},
    [ROLE_FORM]        = {246,  NONE, 242,  NONE, NONE, NONE, 0,    DIM,        DIM},
    [ROLE_OUTPUT]      = {NONE, NONE, NONE, NONE, NONE, NONE, BOLD, BOLD,       BOLD},
    [ROLE_SPECIAL]     = {176,  NONE, 90,   NONE, 5,    5,    0,    BOLD,       REV},
    [ROLE_TOKEN_EVEN]  = {NONE, 235,  NONE, 255,  NONE, NONE, 0,    0,          0},
    [ROLE_TOKEN_ODD]   = {NONE, 239,  NONE, 252,  NONE, NONE, 0,    LINE,       LINE},
    [ROLE_BAR_RAW]     = {244,  NONE, 245,  NONE, 4,    4,    0,    0,          0},
    [ROLE_BAR_FINAL]   = {114,  NONE, 28,   NONE, 2,    2,    0,    BOLD,       BOLD},
    [ROLE_REMOVED]     = {244,  NONE, 244,  NONE, 1,    1,    0,    0,          DIM},
    /* clang-format on */
};
static_assert(sizeof looks / sizeof *looks == ROLE_COUNT, "every role has a look");

/* Of the 256-colour lists, and of the tables that direct colour is quantised to. */
enum { LIST_MOST = 24, ANCHORS_MOST = 11, DIRECT_STEPS = 48 };

/* viridis and magma: N. Smith and S. van der Walt, 2015; cividis: J. Nunez, C. Anderton and R.
 * Renslow, "Optimizing colormaps with consideration for color vision deficiency", 2018. */
static const struct ramp_info {
    const char *text;
    struct way { /* from zero to the most */
        uint32_t anchors[ANCHORS_MOST];
        int n_anchors;
        uint8_t list[LIST_MOST];
        int n_list;
    } dark, light; /* backgrounds */
} ramps[] = {
    /* clang-format off */
    [RAMP_VIRIDIS] = {"viridis",
        {{0x1B1B1F, 0x440154, 0x482878, 0x3E4A89, 0x31688E, 0x26828E, 0x1F9E89, 0x35B779, 0x6DCD59, 0xB4DE2C, 0xFDE725}, 11,
         {234, 235, 53, 54, 55, 24, 25, 60, 30, 31, 66, 36, 71, 42, 113, 148, 184, 220}, 18},
        {{0xF3F3EF, 0xE4EFA6, 0xB4DE2C, 0x6DCD59, 0x35B779, 0x1F9E89, 0x26828E, 0x31688E, 0x3E4A89, 0x482878, 0x440154}, 11,
         {255, 253, 187, 186, 148, 113, 42, 71, 36, 66, 31, 30, 60, 25, 24, 55, 54, 53}, 18}},
    [RAMP_MAGMA] = {"magma",
        {{0x15151A, 0x180F3E, 0x451077, 0x721F81, 0x9F2F7F, 0xCD4071, 0xF1605D, 0xFD9567, 0xFEC98D, 0xFCFDBF}, 10,
         {232, 233, 234, 235, 18, 53, 54, 55, 89, 90, 125, 126, 161, 132, 167, 168, 203, 209, 210, 215, 216, 222,
          223, 229}, 24},
        {{0xF4F3EE, 0xFCE3B8, 0xFEC98D, 0xFD9567, 0xF1605D, 0xCD4071, 0x9F2F7F, 0x721F81, 0x451077, 0x180F3E, 0x000004}, 11,
         {255, 254, 224, 223, 222, 216, 215, 210, 209, 203, 168, 167, 161, 126, 125, 90, 89, 54, 53, 18, 17, 233,
          232, 16}, 24}},
    [RAMP_CIVIDIS] = {"cividis",
        {{0x191A1D, 0x00204D, 0x00336F, 0x39486B, 0x575C6D, 0x707173, 0x8A8779, 0xA69D75, 0xC4B56C, 0xE4CF5B, 0xFFEA46}, 11,
         {233, 234, 235, 18, 236, 237, 238, 239, 240, 59, 241, 242, 243, 244, 102, 246, 247, 143, 144, 179, 185, 186,
          221, 227}, 24},
        {{0xF3F3EF, 0xEFE2A0, 0xC4B56C, 0xA69D75, 0x8A8779, 0x707173, 0x575C6D, 0x39486B, 0x00336F, 0x00204D}, 10,
         {255, 254, 223, 222, 186, 179, 144, 143, 247, 246, 102, 244, 243, 242, 241, 59, 240, 239, 238, 237, 236, 18,
          235, 17}, 24}},
    [RAMP_GREY] = {"grey",
        {{0x1A1A1A, 0xF2F2F2}, 2,
         {233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253,
          254, 255, 231}, 24},
        {{0xEFEFEF, 0x101010}, 2,
         {255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237, 236, 235,
          234, 233, 232}, 24}},
    /* clang-format on */
};
static_assert(sizeof ramps / sizeof *ramps == RAMP_COUNT, "every ramp has colours");

static int32_t direct[2][RAMP_COUNT][DIRECT_STEPS]; /* on dark, on light */
static pthread_once_t direct_once = PTHREAD_ONCE_INIT;

static double to_linear(uint32_t byte)
{
    double v = byte / 255.0;

    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static uint32_t from_linear(double v)
{
    v = v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
    return v <= 0 ? 0 : v >= 1 ? 255 : (uint32_t)(v * 255 + 0.5);
}

static void to_oklab(double lab[3], uint32_t rgb)
{
    double r = to_linear(rgb >> 16 & 255), g = to_linear(rgb >> 8 & 255), b = to_linear(rgb & 255);
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);

    lab[0] = 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
    lab[1] = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s;
    lab[2] = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s;
}

static uint32_t from_oklab(const double lab[3])
{
    double l = lab[0] + 0.3963377774 * lab[1] + 0.2158037573 * lab[2];
    double m = lab[0] - 0.1055613458 * lab[1] - 0.0638541728 * lab[2];
    double s = lab[0] - 0.0894841775 * lab[1] - 1.2914855480 * lab[2];

    l = l * l * l;
    m = m * m * m;
    s = s * s * s;
    return from_linear(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s) << 16 |
           from_linear(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s) << 8 |
           from_linear(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
}

/* Numbers 0 .. 7 mean the terminal's own palette in direct colour: stay clear of them. */
static int32_t direct_number(uint32_t rgb)
{
    return rgb < 8 ? 8 : (int32_t)rgb;
}

static uint32_t mix(const struct way *way, double v)
{
    double at = v * (way->n_anchors - 1), a[3], b[3];
    int low = at < way->n_anchors - 2 ? (int)at : way->n_anchors - 2;

    to_oklab(a, way->anchors[low]);
    to_oklab(b, way->anchors[low + 1]);
    for (int k = 0; k < 3; k++) {
        a[k] += (b[k] - a[k]) * (at - low);
    }
    return from_oklab(a);
}

uint32_t ramp_rgb(enum ramp ramp, bool light, float v)
{
    return mix(light ? &ramps[ramp].light : &ramps[ramp].dark, v > 0 ? v < 1 ? (double)v : 1 : 0);
}

static void fill_direct(void)
{
    for (int ramp = 0; ramp < RAMP_COUNT; ramp++) {
        for (int i = 0; i < DIRECT_STEPS; i++) {
            double v = (double)i / (DIRECT_STEPS - 1);

            direct[0][ramp][i] = direct_number(mix(&ramps[ramp].dark, v));
            direct[1][ramp][i] = direct_number(mix(&ramps[ramp].light, v));
        }
    }
}

/* What xterm shows for 16 .. 255: a cube of 6 x 6 x 6 and 24 greys. */
static uint32_t rgb_of_256(int index)
{
    static const uint8_t level[6] = {0, 95, 135, 175, 215, 255};

    if (index >= 232) {
        return (uint32_t)(8 + 10 * (index - 232)) * 0x010101u;
    }
    index = index < 16 ? 0 : index - 16;
    return (uint32_t)level[index / 36] << 16 | (uint32_t)level[index / 6 % 6] << 8 |
           level[index % 6];
}

struct style style_of(const struct canvas *c, enum role role)
{
    const struct look *look = &looks[role];
    struct style s = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};

    switch (c->tier) {
    case TIER_MONO: s.attrs = look->attrs_mono; break;
    case TIER_8:
        s.fg = c->light ? look->light_8 : look->dark_8;
        s.attrs = look->attrs_8;
        break;
    default:
        s.fg = c->light ? look->light_fg : look->dark_fg;
        s.bg = c->light ? look->light_bg : look->dark_bg;
        s.attrs = look->attrs;
        if (c->tier == TIER_DIRECT) {
            s.fg = s.fg < 0 ? s.fg : direct_number(rgb_of_256(s.fg));
            s.bg = s.bg < 0 ? s.bg : direct_number(rgb_of_256(s.bg));
        }
    }
    return s;
}

struct style style_reverse(struct style s)
{
    s.attrs ^= ATTR_REVERSE;
    return s;
}

const char *ramp_text(enum ramp ramp)
{
    return (size_t)ramp < RAMP_COUNT ? ramps[ramp].text : "";
}

enum ramp ramp_find(const char *name)
{
    int ramp = 0;

    while (ramp < RAMP_COUNT && strcmp(ramps[ramp].text, name) != 0) {
        ramp++;
    }
    return (enum ramp)ramp;
}

static int step_of(float v, int steps)
{
    int step = (int)(v * (float)steps);

    return v <= 0 ? 0 : step < steps ? step : steps - 1;
}

int ramp_256(enum ramp ramp, bool light, float v)
{
    const struct way *way = light ? &ramps[ramp].light : &ramps[ramp].dark;

    return way->list[step_of(v, way->n_list)];
}

static int32_t heat_colour(const struct canvas *c, float v, enum ramp ramp)
{
    if (c->tier == TIER_DIRECT) {
        pthread_once(&direct_once, fill_direct);
        return direct[c->light][ramp][step_of(v, DIRECT_STEPS)];
    }
    return ramp_256(ramp, c->light, v);
}

bool canvas_has_half_blocks(const struct canvas *c)
{
    return c->tier >= TIER_256 && !c->ascii;
}

static void put_heat(struct canvas *c, struct rect r, int y, int x, uint32_t cp, struct style s)
{
    if (x >= 0 && x < r.cols && y >= 0 && y < r.rows) {
        canvas_fill(c, (struct rect){r.y + y, r.x + x, 1, 1}, cp, s);
    }
}

void canvas_heat(struct canvas *c, struct rect r, int y, int x, int cols, float v, enum ramp ramp)
{
    static const char glyphs[] = " .:-=+*#%@";
    static const uint32_t shades[4] = {' ', 0x2591, 0x2592, 0x2593};
    static const int8_t steps_8[2][4] = {{0, 4, 6, 7}, {7, 6, 4, 0}}; /* black, blue, cyan, white */
    struct style s = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
    uint32_t cp = ' ';

    if (!isnan(v)) {
        if (c->tier >= TIER_256) {
            s.bg = heat_colour(c, v, ramp);
        } else if (c->tier == TIER_8 && !c->ascii) {
            int step = step_of(v, 13);

            s.bg = steps_8[c->light][step / 4];
            s.fg = steps_8[c->light][step / 4 < 3 ? step / 4 + 1 : 3];
            cp = shades[step % 4];
        } else {
            cp = (uint32_t)(unsigned char)glyphs[step_of(v, sizeof glyphs - 1)];
        }
    }
    for (int i = 0; i < cols; i++) {
        put_heat(c, r, y, x + i, cp, s);
    }
}

void canvas_heat_pair(struct canvas *c, struct rect r, int y, int x, float top, float bottom,
                      enum ramp ramp)
{
    struct style s = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};

    if (!canvas_has_half_blocks(c) || (isnan(top) && isnan(bottom))) {
        canvas_heat(c, r, y, x, 1, isnan(top) || bottom > top ? bottom : top, ramp);
    } else if (isnan(top)) {
        s.fg = heat_colour(c, bottom, ramp);
        put_heat(c, r, y, x, 0x2584, s);
    } else {
        s.fg = heat_colour(c, top, ramp);
        s.bg = isnan(bottom) ? COLOUR_DEFAULT : heat_colour(c, bottom, ramp);
        put_heat(c, r, y, x, 0x2580, s);
    }
}

struct style style_heat(const struct canvas *c, float v, enum ramp ramp)
{
    static const struct style few[2][4] = {
        {{COLOUR_DEFAULT, COLOUR_DEFAULT, 0}, {7, 4, 0}, {0, 6, 0}, {0, 7, 0}},
        {{COLOUR_DEFAULT, COLOUR_DEFAULT, 0}, {0, 6, 0}, {7, 4, 0}, {7, 0, 0}}};
    static const uint16_t none[] = {0, ATTR_UNDERLINE, ATTR_BOLD | ATTR_UNDERLINE, ATTR_REVERSE};
    struct style s = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
    double lab[3];

    if (isnan(v)) {
        return s;
    }
    if (c->tier == TIER_MONO) {
        s.attrs = none[step_of(v, 4)];
        return s;
    }
    if (c->tier == TIER_8) {
        return few[c->light][step_of(v, 4)];
    }
    s.bg = heat_colour(c, v, ramp);
    to_oklab(lab, c->tier == TIER_DIRECT ? (uint32_t)s.bg : rgb_of_256(s.bg));
    s.fg = lab[0] > 0.6 ? 16 : 231;
    if (c->tier == TIER_DIRECT) {
        s.fg = direct_number(rgb_of_256(s.fg));
    }
    return s;
}
