/* How a figure is laid out:
 *
 *   title
 *   scale, and what a cell covers where tokens are many
 *             k e y s          labels turned, left out where they would lie over each other
 *   queries  [ cells  ]
 *   legend: low number, ramp, high number
 */
#include <config.h>

#include "figure.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <fontconfig/fontconfig.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_CELLS = 800, /* a side; a longer map is pooled */
    MAP_POINTS = 760, /* a side of the map at most */
    CELL_MOST = 34,
    NUMBERS_FROM = 26, /* cells of this size hold their number */
    MARGIN = 20,
    LABEL_COLUMNS = 18,
    GRID_MAP = 72,
    GRID_GAP = 10
};
static const double title_size = 15, text_size = 11, label_least = 6, label_most = 12;

struct page {
    cairo_surface_t *surface;
    cairo_t *cr;
    FILE *f;
    enum figure_format format;
};

static cairo_status_t take_bytes(void *file, const unsigned char *bytes, unsigned n)
{
    return fwrite(bytes, 1, n, file) == n ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* Pixels of a PNG are two a point where that stays a size that people can send. */
static bool open_page(struct page *p, FILE *f, enum figure_format format, double width,
                      double height)
{
    double scale = format == FIGURE_PNG && width * height < 1.2e6 ? 2 : 1;

    *p = (struct page){.f = f, .format = format};
    p->surface = format == FIGURE_SVG
                     ? cairo_svg_surface_create_for_stream(take_bytes, f, width, height)
                 : format == FIGURE_PDF
                     ? cairo_pdf_surface_create_for_stream(take_bytes, f, width, height)
                     : cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(width * scale),
                                                  (int)ceil(height * scale));
    p->cr = cairo_create(p->surface);
    cairo_scale(p->cr, scale, scale);
    cairo_set_source_rgb(p->cr, 1, 1, 1);
    cairo_paint(p->cr);
    return cairo_status(p->cr) == CAIRO_STATUS_SUCCESS;
}

static int close_page(struct page *p, struct attune_error *err)
{
    cairo_status_t status = cairo_status(p->cr);

    cairo_destroy(p->cr);
    if (status == CAIRO_STATUS_SUCCESS && p->format == FIGURE_PNG) {
        status = cairo_surface_write_to_png_stream(p->surface, take_bytes, p->f);
    }
    cairo_surface_finish(p->surface);
    if (status == CAIRO_STATUS_SUCCESS) {
        status = cairo_surface_status(p->surface);
    }
    cairo_surface_destroy(p->surface);
    cairo_debug_reset_static_data(); /* fonts that both would keep for ever; nobody else draws */
    FcFini();
    return status == CAIRO_STATUS_SUCCESS
               ? ATTUNE_OK
               : attune_error_set(err, ATTUNE_IO, 0, "the figure cannot be drawn: %s",
                                  cairo_status_to_string(status));
}

/* ---- text ---- */

static void set_font(cairo_t *cr, double size, bool bold, bool mono)
{
    cairo_select_font_face(cr, mono ? "monospace" : "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

static double width_of(cairo_t *cr, const char *text)
{
    cairo_text_extents_t e;

    cairo_text_extents(cr, text, &e);
    return e.x_advance;
}

/* share: 0 begins at x, 0.5 is centred on it, 1 ends there. */
static void put_text(cairo_t *cr, double x, double y, double share, const char *text)
{
    cairo_move_to(cr, x - share * width_of(cr, text), y);
    cairo_show_text(cr, text);
}

static void put_turned(cairo_t *cr, double x, double y, const char *text)
{
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, -acos(-1.0) / 2);
    cairo_move_to(cr, 0, 0);
    cairo_show_text(cr, text);
    cairo_restore(cr);
}

static void set_grey(cairo_t *cr, double grey)
{
    cairo_set_source_rgb(cr, grey, grey, grey);
}

static void set_rgb(cairo_t *cr, uint32_t rgb)
{
    cairo_set_source_rgb(cr, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0,
                         (rgb & 255) / 255.0);
}

/* ---- one map ---- */

struct plot {
    const struct map *m;
    const float *cells; /* [rows, cols] */
    int rows, cols;
    struct shades shades;
    double x, y, cell; /* where it lies; points a cell */
};

/* Cells without seams between them: no smoothing at their edges. */
static uint32_t cell_rgb(const struct plot *p, float w, float row_most)
{
    return ramp_rgb(p->m->ramp, true, shades_at(&p->shades, w, row_most));
}

/* Neighbours of one colour are one rectangle: long maps are mostly pale, and files that draw shapes
 * are as large as there are shapes. */
static void draw_cells(cairo_t *cr, const struct plot *p)
{
    cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
    for (int y = 0; y < p->rows; y++) {
        const float *row = p->cells + (size_t)y * (size_t)p->cols;
        float most = shades_row_most(row, p->cols, p->m->k0 == 0);

        for (int x = 0, n; x < p->cols; x += n) {
            uint32_t rgb = isnan(row[x]) ? 0 : cell_rgb(p, row[x], most);

            n = 1;
            while (x + n < p->cols && !isnan(row[x]) && !isnan(row[x + n]) &&
                   cell_rgb(p, row[x + n], most) == rgb) {
                n++;
            }
            if (!isnan(row[x])) {
                set_rgb(cr, rgb);
                cairo_rectangle(cr, p->x + x * p->cell, p->y + y * p->cell, n * p->cell, p->cell);
                cairo_fill(cr);
            }
        }
    }
    cairo_set_antialias(cr, CAIRO_ANTIALIAS_DEFAULT);
    set_grey(cr, 0.75);
    cairo_set_line_width(cr, 0.5);
    cairo_rectangle(cr, p->x, p->y, p->cols * p->cell, p->rows * p->cell);
    cairo_stroke(cr);
}

static void draw_numbers(cairo_t *cr, const struct plot *p)
{
    char text[16];

    set_font(cr, p->cell * 0.34, false, false);
    for (int i = 0; i < p->rows * p->cols; i++) {
        const float *row = p->cells + i / p->cols * p->cols;
        float w = p->cells[i], v;

        if (isnan(w)) {
            continue;
        }
        v = shades_at(&p->shades, w, shades_row_most(row, p->cols, p->m->k0 == 0));
        snprintf(text, sizeof text, fabsf(w) < 9.95f ? fabsf(w) < 0.995f ? "%.2f" : "%.1f" : "%.0f",
                 (double)w);
        set_grey(cr, v > 0.55f ? 1 : v < 0.03f ? 0.6 : 0.15);
        put_text(cr, p->x + (i % p->cols + 0.5) * p->cell, p->y + (i / p->cols + 0.63) * p->cell,
                 0.5, w >= 0 && w < 0.995f ? text + 1 : text);
    }
}

/* Every how many cells a label fits. */
static int label_step(double cell, double size)
{
    return cell >= size ? 1 : (int)ceil((size + 1) / cell);
}

static double label_size(double cell)
{
    return cell * 0.8 < label_least  ? label_least
           : cell * 0.8 > label_most ? label_most
                                     : cell * 0.8;
}

static const struct map_token *token_at(const struct map_axis *axis, size_t from, size_t to, int i,
                                        int n)
{
    return &axis->tokens[from + (size_t)i * (to - from) / (size_t)n];
}

static double widest_label(cairo_t *cr, const struct map_axis *axis, size_t from, size_t to, int n,
                           int step)
{
    double widest = 0;
    char text[128];

    for (int i = 0; i < n; i += step) {
        map_label(text, sizeof text, token_at(axis, from, to, i, n), LABEL_COLUMNS);
        widest = fmax(widest, width_of(cr, text));
    }
    return widest;
}

static void draw_labels(cairo_t *cr, const struct plot *p, double size)
{
    const struct map *m = p->m;
    int step = label_step(p->cell, size);
    char text[128];

    set_font(cr, size, false, true);
    set_grey(cr, 0.1);
    for (int y = 0; y < p->rows; y += step) {
        map_label(text, sizeof text, token_at(&m->queries, m->q0, m->q1, y, p->rows),
                  LABEL_COLUMNS);
        put_text(cr, p->x - 5, p->y + (y + 0.5) * p->cell + size * 0.36, 1, text);
    }
    for (int x = 0; x < p->cols; x += step) {
        map_label(text, sizeof text, token_at(&m->keys, m->k0, m->k1, x, p->cols), LABEL_COLUMNS);
        put_turned(cr, p->x + (x + 0.5) * p->cell + size * 0.36, p->y - 5, text);
    }
}

/* "linear  0 [ramp] 0.379+" */
static void draw_legend(cairo_t *cr, const struct plot *p, double x, double y)
{
    enum { STEPS = 64 };
    char low[32], high[32];

    shades_ends(&p->shades, low, high);
    set_font(cr, text_size, false, false);
    set_grey(cr, 0.25);
    put_text(cr, x, y + 10, 0, attention_scales[p->shades.scale]);
    x += width_of(cr, attention_scales[p->shades.scale]) + 10;
    put_text(cr, x, y + 10, 0, low);
    x += width_of(cr, low) + 6;
    cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
    for (int i = 0; i < STEPS; i++) {
        set_rgb(cr, ramp_rgb(p->m->ramp, true, (float)i / (STEPS - 1)));
        cairo_rectangle(cr, x + 2.0 * i, y, 2, 12);
        cairo_fill(cr);
    }
    cairo_set_antialias(cr, CAIRO_ANTIALIAS_DEFAULT);
    set_grey(cr, 0.25);
    put_text(cr, x + 2.0 * STEPS + 6, y + 10, 0, high);
}

/* The line below the title: what the axes are and what the picture does not show. */
static void describe(const struct plot *p, int step, char *out, size_t capacity)
{
    char pooling[96];
    size_t hidden = 0;

    for (size_t k = p->m->k0; p->m->left_out && k < p->m->k1; k++) {
        hidden += p->m->left_out[k];
    }
    map_pooling(p->m, p->rows, p->cols, pooling, sizeof pooling);
    snprintf(out, capacity, "rows: queries %zu to %zu, columns: keys %zu to %zu%s%s", p->m->q0 + 1,
             p->m->q1, p->m->k0 + 1, p->m->k1, *pooling ? "; " : "", pooling);
    if (hidden > 0) {
        size_t used = strlen(out);

        snprintf(out + used, capacity - used, "; %zu sinks left out", hidden);
    }
    if (step > 1) {
        size_t used = strlen(out);

        snprintf(out + used, capacity - used, "; one cell in %d is named", step);
    }
}

/* Sizes depend on how wide text is, so a page of no size measures first. */
static double measure(const struct plot *p, double size, double *above, double *left,
                      const char *title, const char *line)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cr = cairo_create(surface);
    const struct map *m = p->m;
    int step = label_step(p->cell, size);
    double width;

    set_font(cr, size, false, true);
    *left = widest_label(cr, &m->queries, m->q0, m->q1, p->rows, step) + 5;
    *above = widest_label(cr, &m->keys, m->k0, m->k1, p->cols, step) + 5;
    set_font(cr, title_size, true, false);
    width = width_of(cr, title);
    set_font(cr, text_size, false, false);
    width = fmax(width, fmax(width_of(cr, line), 330));
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return width;
}

int figure_head(struct map *m, FILE *f, enum figure_format format, struct attune_error *err)
{
    struct plot p = {.m = m};
    struct page page;
    char title[256], line[256];
    float *cells;
    double above, left, width, size;
    int status = map_pool(m, m->layer, m->head, MOST_CELLS, &cells, &p.rows, &p.cols, NULL, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    p.cells = cells;
    p.shades = shades_make(m->scale, cells, (size_t)p.rows * (size_t)p.cols, p.cols, m->k0 == 0);
    p.cell = fmin(CELL_MOST, fmax(1, (double)MAP_POINTS / (p.rows > p.cols ? p.rows : p.cols)));
    p.cell = p.cell > 3 ? floor(p.cell) : p.cell;
    size = label_size(p.cell);
    map_title(m, false, title, sizeof title);
    describe(&p, label_step(p.cell, size), line, sizeof line);
    width = measure(&p, size, &above, &left, title, line);
    p.x = MARGIN + left;
    p.y = MARGIN + title_size + text_size + 22 + above;
    width = fmax(width, left + p.cols * p.cell) + 2 * MARGIN;
    if (open_page(&page, f, format, ceil(width), ceil(p.y + p.rows * p.cell + 12 + 14 + MARGIN))) {
        set_grey(page.cr, 0);
        set_font(page.cr, title_size, true, false);
        put_text(page.cr, MARGIN, MARGIN + title_size - 3, 0, title);
        set_font(page.cr, text_size, false, false);
        set_grey(page.cr, 0.35);
        put_text(page.cr, MARGIN, MARGIN + title_size + text_size + 3, 0, line);
        draw_cells(page.cr, &p);
        if (p.cell >= NUMBERS_FROM) {
            draw_numbers(page.cr, &p);
        }
        draw_labels(page.cr, &p, size);
        draw_legend(page.cr, &p, MARGIN, p.y + p.rows * p.cell + 12);
    }
    status = close_page(&page, err);
    shades_done(&p.shades);
    free(cells);
    return status;
}

/* ---- all heads ---- */

static int draw_small(cairo_t *cr, struct map *m, int layer, int head, double x, double y,
                      struct attune_error *err)
{
    struct plot p = {.m = m, .x = x, .y = y};
    struct attune_head scores;
    float *cells;
    char text[64];
    double least;
    enum attune_head_score score;
    int status = map_pool(m, layer, head, GRID_MAP, &cells, &p.rows, &p.cols, &scores, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    p.cells = cells;
    p.cell = (double)GRID_MAP / (p.rows > p.cols ? p.rows : p.cols);
    p.shades = shades_make(m->scale, cells, (size_t)p.rows * (size_t)p.cols, p.cols, m->k0 == 0);
    draw_cells(cr, &p);
    score = attune_head_pattern_score(scores.pattern, &least);
    snprintf(text, sizeof text, "%s %.2f %s", attune_head_pattern_text(scores.pattern),
             scores.scores[score], attune_head_score_unit(score));
    set_font(cr, 8, false, false);
    set_grey(cr, 0.3);
    put_text(cr, x + GRID_MAP / 2.0, y + GRID_MAP + 9, 0.5, text);
    shades_done(&p.shades);
    free(cells);
    return ATTUNE_OK;
}

int figure_grid(struct map *m, FILE *f, enum figure_format format, struct attune_error *err)
{
    enum { STEP_X = GRID_MAP + GRID_GAP, STEP_Y = GRID_MAP + GRID_GAP + 8, LEFT = 24, ABOVE = 62 };
    static const char line[] = "each map on its own scale, the first token outside it; below, the "
                               "pattern that fits best and its score";
    int layers = m->shape.n_layers, heads = m->shape.n_heads, status = ATTUNE_OK, closed;
    double width = fmax(560, LEFT + heads * STEP_X) + 2 * MARGIN;
    char text[256];
    struct page page;

    if (open_page(&page, f, format, width, ABOVE + layers * STEP_Y + 2 * MARGIN)) {
        map_title(m, true, text, sizeof text);
        set_grey(page.cr, 0);
        set_font(page.cr, title_size, true, false);
        put_text(page.cr, MARGIN, MARGIN + title_size - 3, 0, text);
        set_grey(page.cr, 0.35);
        set_font(page.cr, text_size, false, false);
        put_text(page.cr, MARGIN, MARGIN + title_size + text_size + 3, 0, line);
    }
    for (int i = 0; i < layers * heads && status == ATTUNE_OK; i++) {
        double x = MARGIN + LEFT + i % heads * STEP_X, y = MARGIN + ABOVE + i / heads * STEP_Y;

        set_font(page.cr, text_size, false, false);
        set_grey(page.cr, 0.2);
        snprintf(text, sizeof text, "H%d", i % heads);
        if (i < heads) {
            put_text(page.cr, x + GRID_MAP / 2.0, y - 6, 0.5, text);
        }
        snprintf(text, sizeof text, "L%d", i / heads);
        if (i % heads == 0) {
            put_text(page.cr, MARGIN + LEFT - 6, y + GRID_MAP / 2.0 + 4, 1, text);
        }
        status = draw_small(page.cr, m, i / heads, i % heads, x, y, err);
    }
    closed = close_page(&page, status == ATTUNE_OK ? err : NULL);
    return status != ATTUNE_OK ? status : closed;
}
