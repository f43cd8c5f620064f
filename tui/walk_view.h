/* The steps from a text to the next token, each with the numbers of the prompt that is there. */
#ifndef ATTUNE_TUI_WALK_VIEW_H
#define ATTUNE_TUI_WALK_VIEW_H

#include "canvas.h"
#include "view.h"

/* Tokens that were read for what is shown, of both sides, and the one under the cursor. */
size_t walk_tokens(const struct workbench *b);
size_t walk_position(const struct workbench *b);
/* The token that a step follows: the cursor's, or the last of a side without the cursor. */
size_t walk_followed(const struct workbench *b, size_t step);
size_t walk_n_steps(const struct workbench *b);
/* "layer 2: attention"; the step's name for a title. */
void walk_name(const struct workbench *b, size_t step, char *out, size_t capacity);
/* The answer for this token is there. */
bool walk_is_ready(const struct workbench *b, size_t position);
void walk_draw(const struct workbench *b, size_t step, size_t position, struct canvas *c,
               struct rect r);

#endif
