/* The memory of a context, laid out once. */
#ifndef ATTUNE_ENGINE_ARENA_H
#define ATTUNE_ENGINE_ARENA_H

#include "engine/context.h"

/* For `wanted` positions, or with 0 as many as the model was made for and the memory allows. The
 * context has its recipe, its stacks, its team and its options. */
int arena_make(struct attune_context *ctx, int wanted, struct attune_error *err);
void arena_free(struct attune_context *ctx);

#endif
