/* Tensors to their places in a recipe, by a family's table (family.h). */
#ifndef ATTUNE_ENGINE_BIND_H
#define ATTUNE_ENGINE_BIND_H

#include "engine/family.h"

/* The recipe's numbers are set and its layers allocated; outputs: bits of those that are wanted. A
 * tensor that is missing or of another shape is an error that names file, tensor, and both shapes.
 */
int bind_table(struct recipe *recipe, const struct family_ops *family, unsigned outputs,
               struct checkpoint *cp, bool header_only, struct attune_progress *progress,
               struct attune_error *err);

#endif
