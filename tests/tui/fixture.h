/* A workbench filled by hand, as the worker would have left it: no thread, no database, no forward
 * pass. */
#ifndef ATTUNE_TESTS_TUI_FIXTURE_H
#define ATTUNE_TESTS_TUI_FIXTURE_H

#include "tui/canvas.h"
#include "tui/panel.h"

/* Nothing yet: no model, an empty prompt. */
void fixture_empty(struct workbench *b);
/* A model (of tests/golden), a two-shot prompt with its tokens, logits, a chain that cuts, a run of
 * eight steps, an attention map and a list of runs. Text holds wide characters, controls and
 * right-to-left words. */
void fixture_filled(struct workbench *b);
/* Tokens, logits and trace of the prompt as it is now. */
void fixture_answer(struct workbench *b);
/* What the worker would answer: weights that fall with the distance, pooled. */
void fixture_attention(struct workbench *b, const struct attention_request *request);
/* Small maps of all heads: every other one looks at itself, the rest at the token before; the
 * scores differ.
 */
void fixture_heads(struct workbench *b);
void fixture_done(struct workbench *b);

/* A panel of the table on a bench; fixture_close frees it. */
struct panel fixture_open(const char *name, struct workbench *b);
void fixture_close(struct panel *panel);
/* Draws into the whole canvas; the dump is freed by the caller. */
char *fixture_draw(struct panel *panel, struct canvas *c);
/* One plain character or a named key, as the decoder would send it. */
bool fixture_key(struct panel *panel, const char *text);

#endif
