/* A program on a pseudo-terminal with libvterm behind it: what the screen tests and tests/shot look
 * through. */
#ifndef ATTUNE_TESTS_EMULATOR_H
#define ATTUNE_TESTS_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emulator;

struct emulator_cell {
    char text[32]; /* UTF-8; "" for the right half of a wide character */
    int width;
    bool bold, reverse, underline;
    /* Colours as numbers of the palette, -1 the default, 0x1000000 + rgb for direct ones. */
    int32_t fg, bg;
};

/* env: NULL-terminated NAME=VALUE, added to a fixed small environment. NULL: it did not start. */
struct emulator *emulator_start(int rows, int cols, char *const argv[], char *const env[]);
/* Ends the program if it still runs; its wait status. */
int emulator_stop(struct emulator *e);

void emulator_send(struct emulator *e, const char *bytes, size_t len);
void emulator_signal(struct emulator *e, int number);
void emulator_resize(struct emulator *e, int rows, int cols);
/* Sends the ping of the tests and reads until it is answered; false after `ms`, or if the program
 * ended. */
bool emulator_sync(struct emulator *e, int ms);
/* Reads until nothing has come for `quiet` ms (for other programs than ours). */
void emulator_settle(struct emulator *e, int quiet, int ms);
/* Waits for the program to end: true and its wait status. */
bool emulator_wait(struct emulator *e, int ms, int *status);

void emulator_size(const struct emulator *e, int *rows, int *cols);
void emulator_cell(const struct emulator *e, int y, int x, struct emulator_cell *out);
bool emulator_cursor(const struct emulator *e, int *y, int *x); /* false: hidden */
bool emulator_alternate(const struct emulator *e);              /* the alternate screen is shown */
size_t emulator_received(const struct emulator *e);             /* bytes so far */
/* Rows as text, trailing blanks cut, one line each. free(). */
char *emulator_text(const struct emulator *e);

/* "hello <enter><ctrl-r>": words in <> are keys by name, anything else is typed; <lt> is <. Returns
 * the bytes, 0 if there is no such key. */
size_t emulator_keys(char *out, size_t capacity, const char *text);

#endif
