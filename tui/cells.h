/* Code points and the cells they take: what canvas.c, palette.c and line.c share of cells.c. */
#ifndef ATTUNE_TUI_CELLS_H
#define ATTUNE_TUI_CELLS_H

#include "canvas.h"

/* The first code point of len bytes, strict UTF-8: bytes taken, 0 where they are broken or cut off.
 */
size_t cells_decode(uint32_t *cp, const char *text, size_t len);
size_t cells_encode(char out[4], uint32_t cp);
/* Columns of one code point as terminals agree on them: 0 for marks, -1 for what is never sent. */
int cells_width(uint32_t cp);

/* One cell of n code points at absolute coordinates inside clip, repairing a wide neighbour it
 * cuts. */
void canvas_put(struct canvas *c, struct rect clip, int y, int x, const uint32_t *cp, int n,
                int width, struct style s);

#endif
