/* Which key does what, and where. A binding belongs to a panel, a screen or "all"; the nearer one
 * wins, and of two for the same place and key the later one. The key map owns its strings. */
#ifndef ATTUNE_TUI_KEYMAP_H
#define ATTUNE_TUI_KEYMAP_H

#include <attune/error.h>

#include "input.h"

struct binding {
    char *where; /* panel, screen or "all" */
    struct key key;
    char *action, *arg, *help; /* arg and help may be "" */
};

struct keymap {
    struct binding *list; /* in the order they were made */
    size_t n, capacity;
};

void keymap_done(struct keymap *map);
int keymap_bind(struct keymap *map, const char *where, const char *key, const char *action,
                const char *arg, const char *help, struct attune_error *err);
int keymap_unbind(struct keymap *map, const char *where, const char *key, struct attune_error *err);
const struct binding *keymap_find(const struct keymap *map, const char *where,
                                  const struct key *key);
/* Panel, then screen, then all. */
const struct binding *keymap_lookup(const struct keymap *map, const char *panel, const char *screen,
                                    const struct key *key);

#endif
