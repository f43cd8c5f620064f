/* Text to the clipboard of the terminal, wherever it runs, by OSC 52. */
#ifndef ATTUNE_TUI_CLIPBOARD_H
#define ATTUNE_TUI_CLIPBOARD_H

#include <stdbool.h>
#include <stddef.h>

enum { CLIPBOARD_MOST = 74994 / 4 * 3 }; /* bytes that xterm still takes */

/* The bytes to send; with tmux also wrapped so that it passes them on. NULL: out of memory. free().
 */
char *clipboard_sequence(const char *text, size_t len, bool tmux, size_t *out_len);

#endif
