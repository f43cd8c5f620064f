/* The list of runs as a tree, and what is done with a run of it by name. Between panel_sessions.c,
 * which draws, and sessions_act.c. */
#ifndef ATTUNE_TUI_SESSIONS_ACT_H
#define ATTUNE_TUI_SESSIONS_ACT_H

#include "forest.h"
#include "panel.h"

struct sessions_state {
    size_t selected, top; /* of the rows that are shown */
    size_t first, n;      /* rows of the forest that are shown */
    int rows;
    struct forest forest; /* of the list as last looked at */
    bool joined;          /* equal prompts under one root */
    int64_t root;         /* the run whose branch alone is shown; 0: all */
    char search[128];
    bool asked;        /* for the list as it is */
    int64_t asked_run; /* the newest run then: another one is a reason to ask again */
    int64_t to_remove; /* asked once; the second time it goes */
    bool with_branch;  /* and all below it */
};

/* Brings the forest up to date; the run under the cursor, or NULL. */
const struct attune_run_record *sessions_selected(struct panel *panel);
/* run: the one under the cursor, or NULL. False: no action of the tree. */
bool sessions_act(struct panel *panel, const char *action, const char *arg,
                  const struct attune_run_record *run);

#endif
