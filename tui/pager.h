/* Text over the screen: the help, what a verb printed. Owns the text that is shown. */
#ifndef ATTUNE_TUI_PAGER_H
#define ATTUNE_TUI_PAGER_H

#include "canvas.h"
#include "input.h"

struct pager {
    bool open;
    char title[80];
    char *text; /* NUL-terminated; "\1" at the start of a line: a heading */
    struct pager_row {
        size_t start, len;
    } * lines; /* [n] of the text, wrapped to `cols` */
    size_t n, top;
    int rows, cols;
};

/* Takes text over (freed by free). */
void pager_show(struct pager *p, const char *title, char *text);
void pager_close(struct pager *p);
void pager_draw(struct pager *p, struct canvas *c, struct rect r);
/* Every key is taken; q, Escape, Enter and the keys that opened it close it. */
void pager_key(struct pager *p, const struct key *key);

#endif
