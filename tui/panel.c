/* The table of panels, grown from the list in local.mk. */
#include <config.h>

#include "panel.h"

#include <string.h>

#define PANEL(name) extern const struct panel_ops panel_##name;
#include "tui/tables.inc"
#undef PANEL

static const struct panel_ops *const panels[] = {
#define PANEL(name) &panel_##name,
#include "tui/tables.inc"
#undef PANEL
};

size_t panel_count(void)
{
    return sizeof panels / sizeof *panels;
}

const struct panel_ops *panel_at(size_t i)
{
    return i < panel_count() ? panels[i] : NULL;
}

const struct panel_ops *panel_find(const char *name)
{
    for (size_t i = 0; i < panel_count(); i++) {
        if (strcmp(panels[i]->name, name) == 0) {
            return panels[i];
        }
    }
    return NULL;
}
