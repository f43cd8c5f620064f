/* The head that the attention panels share: which kind of attention, layer and head, and the
 * actions that turn them. Layers and heads count from 0, as they do on the command line. */
#ifndef ATTUNE_TUI_ATTENTION_TURN_H
#define ATTUNE_TUI_ATTENTION_TURN_H

#include "workbench.h"

/* What the model has; another model may have fewer layers or another kind. */
void attention_keep_in_range(struct workbench *b);
/* layer_previous, layer_next, head_previous, head_next, layer N, head N, kind [NAME]; false: none
 * of these. */
bool attention_turn(struct workbench *b, const char *action, const char *arg);

#endif
