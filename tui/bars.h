/* The lines around the panels: model and state above, knobs and hints below. */
#ifndef ATTUNE_TUI_BARS_H
#define ATTUNE_TUI_BARS_H

#include "canvas.h"
#include "conf.h"
#include "panel.h"

void bars_top(struct canvas *c, struct rect row, const struct workbench *b);
void bars_knobs(struct canvas *c, struct rect row, const struct workbench *b);
/* The message if there is one, else the first keys of panel and screen that fit. */
void bars_status(struct canvas *c, struct rect row, const struct workbench *b,
                 const struct conf *conf, const struct panel_ops *panel, const char *screen);

/* "^R", "F5", "Tab": a key as it is written on a hint; with Alt where its character would be typed.
 */
size_t bars_key_label(const struct key *key, bool with_alt, char *out, size_t capacity);

#endif
