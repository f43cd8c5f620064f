/* The terminal: a canvas out, bytes in, signals as flags. The only thing that knows curses.
 *
 * While it is open, standard output and error go to a log, so that no library can spoil the screen;
 * whatever way the program ends, the terminal is put back as it was found. One terminal at a time;
 * UI thread only. */
#ifndef ATTUNE_TUI_TERM_H
#define ATTUNE_TUI_TERM_H

#include <attune/error.h>

#include "canvas.h"

struct term;

struct term_options {
    int colour; /* enum colour_tier, or -1: what the terminal has (none with NO_COLOR) */
    const char
        *log; /* file for standard output and error while the screen is up; NULL: in memory */
    bool no_mouse;
};
/* Whether there is a terminal that a screen can be drawn on. */
int term_check(struct attune_error *err);
int term_open(struct term **out, const struct term_options *options, struct attune_error *err);
void term_close(struct term *t);

enum colour_tier term_tier(const struct term *t);
void term_size(const struct term *t, int *rows, int *cols);

/* Sends what differs from what is shown, in one go. */
void term_draw(struct term *t, const struct canvas *c);
void term_repaint(struct term *t); /* the next draw sends everything */
/* Bytes past curses: OSC strings. After term_draw only. */
void term_write(struct term *t, const char *bytes, size_t len);

int term_fd(const struct term *t);
/* Bytes that came; 0: the terminal is gone. */
size_t term_read(struct term *t, char *out, size_t capacity);

enum { TERM_RESIZED = 1, TERM_QUIT = 2, TERM_STOP = 4, TERM_CONTINUED = 8 };
int term_signal_fd(const struct term *t);
/* What came since the last call. After TERM_RESIZED term_size is new. */
unsigned term_signals(struct term *t);

void term_mouse(struct term *t, bool on);
void term_suspend(struct term *t); /* returns when the shell continues the program */
/* A program that uses the terminal, to its end; its exit status, or -1 if it could not be started.
 */
int term_run(struct term *t, char *const argv[]);

#endif
