/* A panel: one view of the workbench in a rectangle of the screen. One file, one `const struct panel_ops
 * panel_NAME`, one line in local.mk.
 *
 * Panels live on the UI thread. They read the workbench (workbench.h) and change it through its functions only;
 * they never call the engine for anything that takes longer than a frame. draw must cope with any rectangle,
 * 1 x 1 included, and with a workbench that holds nothing yet. */
#ifndef ATTUNE_TUI_PANEL_H
#define ATTUNE_TUI_PANEL_H

#include "canvas.h"
#include "input.h"
#include "workbench.h"

struct panel;

struct panel_ops {
    const char *name;  /* "attention" */
    const char *title; /* what its frame says */
    const char *help;  /* one line */
    size_t state_size; /* zeroed private block, panel->state */
    bool takes_text;   /* plain characters go to key() before the key map */
    int (*open)(struct panel *panel);   /* 0 or a status; may be NULL */
    void (*close)(struct panel *panel); /* may be NULL */
    void (*title_text)(const struct panel *panel, char *out, size_t capacity); /* or NULL: title */
    void (*draw)(struct panel *panel, struct canvas *canvas, struct rect inside);
    bool (*key)(struct panel *panel, const struct key *key);  /* keys no map has; false: not mine; or NULL */
    bool (*action)(struct panel *panel, const char *action, const char *arg); /* false: not mine; or NULL */
};

struct panel {
    const struct panel_ops *ops;
    void *state;
    struct workbench *bench;
    struct rect inside; /* as last drawn, screen coordinates: for the mouse */
    bool focused;
    bool typing; /* while set, plain characters go to key() first, as with takes_text */
};

size_t panel_count(void);
const struct panel_ops *panel_at(size_t i);
const struct panel_ops *panel_find(const char *name);

#endif
