/* The : line, edited by readline without giving it the terminal: it is fed key by key and draws
 * nothing itself. There is one of it. History and completion are readline's; ~/.inputrc counts ($if
 * attune). */
#ifndef ATTUNE_TUI_LINE_H
#define ATTUNE_TUI_LINE_H

#include "canvas.h"
#include "input.h"

/* Adds to a completion the words that begin with what is typed. */
struct line_words;
void line_add_word(struct line_words *words, const char *word);
/* line: what stands before the word; file names are completed where nothing was added. */
typedef void (*line_completer)(void *user, const char *line, struct line_words *words);

/* Returns 0 or -1. history: file, or NULL to keep none; keep: its most lines. */
int line_open(const char *history, long keep, line_completer completer, void *user);
void line_close(void); /* writes the history */

void line_begin(const char *text); /* starts a line with text in it */
bool line_is_active(void);
/* The finished line, once, borrowed until the next key; NULL while it is edited. */
const char *line_key(const struct key *key);
void line_cancel(void);

void line_draw(struct canvas *c, struct rect row, struct rect above);

#endif
