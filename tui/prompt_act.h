/* The composer's state, and its actions. Between panel_prompt.c, which has the keys, and
 * prompt_act.c. */
#ifndef ATTUNE_TUI_PROMPT_ACT_H
#define ATTUNE_TUI_PROMPT_ACT_H

#include "compose.h"
#include "panel.h"
#include "prompt_view.h"

struct prompt_vi { /* prompt_vi.c: what of a command is typed already */
    bool command;  /* else typing */
    char change;   /* d, c or y, waiting for its motion */
    char pending;  /* g or r */
    long count, change_count;
    char *kept; /* deleted or yanked last, or NULL */
    bool kept_lines;
};

struct prompt_state { /* a history for each task: undo does not lead from one into another */
    struct compose composes[TASK_COUNT], *compose;
    enum task_name task; /* whose fields are shown */
    struct prompt_place at;
    size_t journaled; /* steps done when the last state went into the journal */
    int goal;         /* column that Up and Down keep to; -1: where the cursor is */
    size_t top;       /* first row shown */
    int columns;      /* of the last draw: Up and Down move over the same rows that are seen */
    int rows;
    struct prompt_vi vi;
    int cut_asked; /* the rule that was shown: the same once more cuts */
};

/* The field under the cursor. */
struct edit *prompt_field(const struct prompt_state *s);
/* What changed elsewhere, from the workbench; what was changed here, into it. */
void prompt_take(struct panel *panel);
bool prompt_put(struct panel *panel);
bool prompt_insert(struct panel *panel, const char *text, size_t len, bool paste);
bool prompt_to_block(struct prompt_state *s, bool forward);
bool prompt_fail(struct panel *panel, const char *text); /* says it: always true */

bool prompt_rows(struct panel *panel, long by);
/* With vi's keys: true if the key was one of theirs. text: what the key types. */
bool prompt_vi_key(struct panel *panel, const struct key *key, const char *text, size_t len);
void prompt_vi_done(struct prompt_vi *vi);
bool prompt_cut(struct panel *panel, const char *arg);        /* prompt_cut.c */
bool prompt_write_sent(struct panel *panel, const char *arg); /* prompt_cut.c */
bool prompt_load_shots(struct panel *panel, const char *arg); /* prompt_pool.c */

/* False: no action of the composer. */
bool prompt_act(struct panel *panel, const char *action, const char *arg);

#endif
