/* Maps as pictures: the one file that sees cairo. Everything is drawn in points on a white page, so
 * that a figure goes into a paper as it is. */
#ifndef ATTUNE_TUI_FIGURE_H
#define ATTUNE_TUI_FIGURE_H

#include "map.h"

enum figure_format { FIGURE_PNG, FIGURE_SVG, FIGURE_PDF };

/* One head with its tokens, a legend with numbers and a title. */
int figure_head(struct map *m, FILE *f, enum figure_format format, struct attune_error *err);
/* All heads: a row a layer, each map on its own scale, with the pattern that fits it. */
int figure_grid(struct map *m, FILE *f, enum figure_format format, struct attune_error *err);

#endif
