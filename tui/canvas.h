/* A grid of styled cells: everything that is drawn is drawn here, and only term.c sends it anywhere. So every
 * view can be tested as text, without a terminal. All drawing clips at the rectangle it is given.
 *
 * Text goes through one rule (cells.c) that turns bytes into cells: control bytes, broken UTF-8, bidi controls and
 * what terminals disagree about become visible escapes; no control byte can reach the terminal. */
#ifndef ATTUNE_TUI_CANVAS_H
#define ATTUNE_TUI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum colour_tier { TIER_MONO, TIER_8, TIER_256, TIER_DIRECT, TIER_COUNT };

/* What a piece of text is, not how it looks: palette.c gives each a look per tier. */
#define ROLE_LIST(ROLE)                                                                            \
    ROLE(TEXT) ROLE(DIM) ROLE(TITLE) ROLE(FRAME) ROLE(FRAME_FOCUS) ROLE(KEY) ROLE(VALUE)           \
    ROLE(ACCENT) ROLE(GOOD) ROLE(WARN) ROLE(ERROR) ROLE(SELECT) ROLE(STATUS) ROLE(ESCAPE)          \
    ROLE(TASK) ROLE(SHOT) ROLE(QUERY) ROLE(FORM) ROLE(OUTPUT) ROLE(SPECIAL)                        \
    ROLE(TOKEN_EVEN) ROLE(TOKEN_ODD) ROLE(BAR_RAW) ROLE(BAR_FINAL) ROLE(REMOVED)
enum role {
#define ROLE(name) ROLE_##name,
    ROLE_LIST(ROLE)
#undef ROLE
        ROLE_COUNT
};

enum { ATTR_BOLD = 1, ATTR_DIM = 2, ATTR_REVERSE = 4, ATTR_UNDERLINE = 8 };
#define COLOUR_DEFAULT (-1)

struct style { /* colours are numbers of the tier in force: 0..7, 0..255 or 0xRRGGBB; COLOUR_DEFAULT */
    int32_t fg, bg;
    uint16_t attrs;
};

struct cell {
    uint32_t cp[4]; /* a base and at most three marks */
    uint8_t n;      /* code points; 0: the right half of a wide cell to the left */
    uint8_t width;  /* 1 or 2; 0 for a right half */
    struct style style;
};

struct rect { int y, x, rows, cols; };

enum ramp { RAMP_VIRIDIS, RAMP_MAGMA, RAMP_CIVIDIS, RAMP_GREY, RAMP_COUNT };

struct canvas {
    int rows, cols;
    enum colour_tier tier;
    bool ascii;          /* no glyph beyond ASCII */
    bool light;          /* the terminal's background is light */
    enum ramp ramp;      /* that the person chose for heat */
    struct cell *cells;  /* [rows, cols] */
    int cursor_y, cursor_x; /* where the terminal's cursor stands; -1: hidden */
};

int canvas_init(struct canvas *c, int rows, int cols, enum colour_tier tier); /* 0 or ATTUNE_MEMORY */
int canvas_resize(struct canvas *c, int rows, int cols);
void canvas_done(struct canvas *c);
void canvas_clear(struct canvas *c);

struct style style_of(const struct canvas *c, enum role role);
struct style style_reverse(struct style s);

/* Text of len bytes at (y, x) inside r; returns the columns used. Coordinates are relative to r. */
int canvas_text(struct canvas *c, struct rect r, int y, int x, const char *text, size_t len, struct style s);
int canvas_print(struct canvas *c, struct rect r, int y, int x, struct style s, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Columns that canvas_text would use, without limit. */
int text_columns(const char *text, size_t len);
void canvas_fill(struct canvas *c, struct rect r, uint32_t cp, struct style s);
/* A frame with a title; returns the inside. */
struct rect canvas_box(struct canvas *c, struct rect r, const char *title, bool focused);
/* The title of such a frame alone: a neighbour's frame, drawn later, lies over it. */
void canvas_title(struct canvas *c, struct rect r, const char *title, bool focused);
/* A horizontal bar of fraction 0..1 of cols, in eighths of a cell (# in ASCII mode). */
void canvas_bar(struct canvas *c, struct rect r, int y, int x, int cols, double fraction, struct style s);
void canvas_cursor(struct canvas *c, struct rect r, int y, int x);

/* One grapheme of the text: bytes taken, columns needed, and its cells (an escape may need several). */
struct glyph { size_t bytes; int columns; char shown[24]; bool escaped; };
struct glyph next_glyph(const char *text, size_t len);

const char *ramp_text(enum ramp ramp);
enum ramp ramp_find(const char *name); /* RAMP_COUNT: no such ramp */
/* The colour of 0..1 itself, for pictures: as 0xRRGGBB, or of xterm's 256. */
uint32_t ramp_rgb(enum ramp ramp, bool light, float v);
int ramp_256(enum ramp ramp, bool light, float v);
/* Heat: values 0..1 (NaN: empty). cols cells wide, or two values over each other in a half block. In tiers without
 * enough colours a glyph carries the value: nothing is told by colour alone. */
void canvas_heat(struct canvas *c, struct rect r, int y, int x, int cols, float v, enum ramp ramp);
void canvas_heat_pair(struct canvas *c, struct rect r, int y, int x, float top, float bottom, enum ramp ramp);
bool canvas_has_half_blocks(const struct canvas *c);
/* Background tint for text by value (token colouring); the text stays readable. */
struct style style_heat(const struct canvas *c, float v, enum ramp ramp);

/* Rows as text, trailing blanks cut, one line each; freed by the caller. For tests. */
char *canvas_dump(const struct canvas *c);

#endif
