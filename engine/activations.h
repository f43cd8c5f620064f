/* Which form the vectors have that meet quantised matrices (attune/context.h). */
#ifndef ATTUNE_ENGINE_ACTIVATIONS_H
#define ATTUNE_ENGINE_ACTIVATIONS_H

#include "engine/context.h"

/* Decides for a context whose model and kernel are known. ATTUNE_ARGUMENT: nothing to round for. */
int activations_choose(struct attune_context *ctx, enum attune_activations wanted,
                       struct attune_error *err);

/* Some matrix that is multiplied is stored as integers. */
bool activations_any_quantised(const struct recipe *recipe);
/* The matrix is stored as integers, so rounded vectors can meet it. */
bool activations_quantised(const struct matrix *m);

#endif
