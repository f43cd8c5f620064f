/* A picture of a program's screen:
 *
 *   tests/shot [-s COLSxROWS] [-o FILE.png] [-k KEYS]... [-e NAME=VALUE]... [-w MS] [-l] -- PROGRAM
 * ARGUMENTS
 *
 * KEYS as in the screen tests ("hello<f5>"); after each -k it waits until the program has answered
 * (attune) or has been quiet for a while (others). -l draws on a light background, -t prints the
 * screen as text. Blocks and shades are drawn as shapes, so that the picture does not depend on a
 * font's idea of them. */
#include <config.h>

#include <cairo.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screens/emulator.h"

enum {
    CELL_W = 9,
    CELL_H = 18,
    FONT = 15,
    KEYS_MOST = 32,
    ENV_MOST = 32,
    QUIET_MS = 300,
    WAIT_MS = 15000
};

static bool light;

static uint32_t rgb(int32_t colour, bool is_fg)
{
    static const uint32_t first[16] = {0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD,
                                       0x00CDCD, 0xE5E5E5, 0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00,
                                       0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF};
    static const uint32_t level[6] = {0, 95, 135, 175, 215, 255};

    if (colour < 0) {
        return is_fg != light ? 0xE5E5E5 : light ? 0xFFFFFF - 0xFFFFFF * is_fg : 0x101010;
    }
    if (colour >= 0x1000000) {
        return (uint32_t)colour & 0xFFFFFF;
    }
    if (colour < 16) {
        return first[colour];
    }
    if (colour >= 232) {
        return (uint32_t)(8 + 10 * (colour - 232)) * 0x010101u;
    }
    colour -= 16;
    return level[colour / 36] << 16 | level[colour / 6 % 6] << 8 | level[colour % 6];
}

static void set_colour(cairo_t *cr, uint32_t c, double alpha)
{
    cairo_set_source_rgba(cr, (c >> 16 & 255) / 255.0, (c >> 8 & 255) / 255.0, (c & 255) / 255.0,
                          alpha);
}

static uint32_t first_code(const char *text)
{
    const unsigned char *t = (const unsigned char *)text;

    return t[0] < 0x80   ? t[0]
           : t[0] < 0xE0 ? (t[0] & 31u) << 6 | (t[1] & 63u)
           : t[0] < 0xF0 ? (t[0] & 15u) << 12 | (t[1] & 63u) << 6 | (t[2] & 63u)
                         : 0x10000;
}

/* Two by four dots, as U+2800 .. U+28FF number them. */
static void draw_braille(cairo_t *cr, uint32_t cp, double x, double y, uint32_t fg)
{
    static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    const double dx = CELL_W / 2.0, dy = CELL_H / 4.0;

    set_colour(cr, fg, 1);
    for (int i = 0; i < 8; i++) {
        if (cp & bits[i / 2][i % 2]) {
            cairo_rectangle(cr, x + (i % 2 + 0.25) * dx, y + (i / 2 + 0.25) * dy, dx / 2, dy / 2);
            cairo_fill(cr);
        }
    }
}

/* U+2580 .. U+2593 and braille; false: not a block. */
static bool draw_block(cairo_t *cr, uint32_t cp, double x, double y, uint32_t fg)
{
    double w = CELL_W, h = CELL_H, alpha = 1;

    if (cp == 0x2580) {
        h /= 2;
    } else if (cp >= 0x2581 && cp <= 0x2588) {
        h = CELL_H * (cp - 0x2580) / 8.0;
        y += CELL_H - h;
    } else if (cp >= 0x2589 && cp <= 0x258F) {
        w = CELL_W * (0x2590 - cp) / 8.0;
    } else if (cp >= 0x2591 && cp <= 0x2593) {
        alpha = (cp - 0x2590) / 4.0;
    } else if (cp >= 0x2800 && cp <= 0x28FF) {
        draw_braille(cr, cp, x, y, fg);
        return true;
    } else {
        return false;
    }
    set_colour(cr, fg, alpha);
    cairo_rectangle(cr, x, y, w, h);
    cairo_fill(cr);
    return true;
}

static void draw_cell(cairo_t *cr, const struct emulator_cell *cell, int row, int col, bool cursor)
{
    double x = col * CELL_W, y = row * CELL_H;
    uint32_t fg = rgb(cell->fg, true), bg = rgb(cell->bg, false), swap = fg;

    if (cell->reverse != cursor) {
        fg = bg;
        bg = swap;
    }
    set_colour(cr, bg, 1);
    cairo_rectangle(cr, x, y, CELL_W * (cell->width > 1 ? 2 : 1), CELL_H);
    cairo_fill(cr);
    if (strcmp(cell->text, " ") == 0 || draw_block(cr, first_code(cell->text), x, y, fg)) {
        return;
    }
    cairo_select_font_face(cr, "DejaVu Sans Mono", CAIRO_FONT_SLANT_NORMAL,
                           cell->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    set_colour(cr, fg, 1);
    cairo_move_to(cr, x, y + CELL_H - 4);
    cairo_show_text(cr, cell->text);
    if (cell->underline) {
        cairo_rectangle(cr, x, y + CELL_H - 2, CELL_W, 1);
        cairo_fill(cr);
    }
}

static int draw(const struct emulator *e, const char *path)
{
    int rows, cols, cursor_y, cursor_x, status;
    bool shown = emulator_cursor(e, &cursor_y, &cursor_x);
    cairo_surface_t *surface;
    cairo_t *cr;

    emulator_size(e, &rows, &cols);
    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, cols * CELL_W, rows * CELL_H);
    cr = cairo_create(surface);
    cairo_set_font_size(cr, FONT);
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < cols; x++) {
            struct emulator_cell cell;

            emulator_cell(e, y, x, &cell);
            if (cell.width > 0) {
                draw_cell(cr, &cell, y, x, shown && y == cursor_y && x == cursor_x);
            }
        }
    }
    cairo_destroy(cr);
    status = cairo_surface_write_to_png(surface, path);
    cairo_surface_destroy(surface);
    if (status != CAIRO_STATUS_SUCCESS) {
        fprintf(stderr, "%s: %s\n", path, cairo_status_to_string(status));
    }
    return status != CAIRO_STATUS_SUCCESS;
}

static void settle(struct emulator *e, bool other)
{
    if (other || !emulator_sync(e, WAIT_MS)) {
        emulator_settle(e, QUIET_MS, WAIT_MS);
    }
}

int main(int argc, char **argv)
{
    static char test[] = "ATTUNE_TEST=1", term[] = "TERM=xterm-256color";
    char *keys[KEYS_MOST], *env[ENV_MOST + 3] = {0};
    const char *path = NULL;
    int rows = 24, cols = 80, n_keys = 0, n_env = 0, wait = 0, status = 0, c;
    bool other = false, as_text = false;
    struct emulator *e;

    while ((c = getopt(argc, argv, "+s:o:k:e:w:lxt")) != -1) {
        switch (c) {
        case 's': status |= sscanf(optarg, "%dx%d", &cols, &rows) != 2; break;
        case 'o': path = optarg; break;
        case 'k': keys[n_keys++ % KEYS_MOST] = optarg; break;
        case 'e': env[n_env++ % ENV_MOST] = optarg; break;
        case 'w': wait = atoi(optarg); break;
        case 'l': light = true; break;
        case 'x': other = true; break;
        case 't': as_text = true; break;
        default: status = 1;
        }
    }
    if (status || optind == argc || n_keys > KEYS_MOST || n_env > ENV_MOST || (!path && !as_text)) {
        fprintf(stderr, "usage: shot [-s COLSxROWS] -o FILE.png [-t] [-k KEYS] [-e NAME=VALUE] [-w "
                        "MS] [-l] [-x] -- PROGRAM ...\n"
                        "  -t the screen as text, -w wait before the picture, -l light background, "
                        "-x not attune\n");
        return 2;
    }
    for (const char *const *name = (const char *const[]){"HOME", "ATTUNE_DB", "NO_COLOR", NULL};
         *name; name++) {
        if (getenv(*name) && n_env < ENV_MOST &&
            asprintf(&env[n_env], "%s=%s", *name, getenv(*name)) > 0) {
            n_env++;
        }
    }
    env[n_env++] = term; /* the first of a name counts: -e comes before */
    env[n_env++] = test;
    e = emulator_start(rows, cols, argv + optind, env);
    if (!e) {
        perror("shot");
        return 1;
    }
    settle(e, other);
    for (int i = 0; i < n_keys; i++) {
        char bytes[4096];
        size_t n = emulator_keys(bytes, sizeof bytes, keys[i]);

        if (n == 0) {
            fprintf(stderr, "shot: %s: no such key\n", keys[i]);
            status = 2;
        }
        emulator_send(e, bytes, n);
        settle(e, other);
    }
    if (wait > 0) {
        emulator_settle(e, wait, wait);
    }
    if (as_text) {
        char *text = emulator_text(e);

        fputs(text ? text : "", stdout);
        free(text);
    }
    status |= path ? draw(e, path) : 0;
    emulator_stop(e);
    return status;
}
