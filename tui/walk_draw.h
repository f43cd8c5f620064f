/* What each step of the walk draws below its sentences. Between walk_view.c and walk_draw.c. */
#ifndef ATTUNE_TUI_WALK_DRAW_H
#define ATTUNE_TUI_WALK_DRAW_H

#include "canvas.h"
#include "view.h"

struct walk_scene {
    const struct workbench *bench;
    const struct walk_stack *stack; /* NULL where a step needs none */
    size_t first, n, position;      /* the tokens of its side, and the one that is followed */
    int layer;
    struct canvas *canvas;
    struct rect r; /* below the sentences */
};

typedef void walk_drawing(const struct walk_scene *s);
walk_drawing walk_draw_text, walk_draw_tokens, walk_draw_embedding, walk_draw_position,
    walk_draw_attention, walk_draw_cross, walk_draw_block, walk_draw_residual, walk_draw_memory, walk_draw_logits,
    walk_draw_softmax, walk_draw_sampler, walk_draw_choice, walk_draw_numbers, walk_draw_words;

#endif
