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

/* Row i of a family's table: its parent's first, less those that it replaces; NULL past the last.
 */
const struct binding *bind_row_at(const struct family_ops *family, size_t i);
/* "blk.%d.attn_q" for a layer, with the family's prefix before and ".weight" or the like behind.
 * name ends at a bar or at its end. */
void bind_spell(char out[160], const char *prefix, const char *name, int layer, const char *suffix);
/* How long a dimension is; stack: the one that the place is in. */
size_t bind_size(const struct recipe *r, const struct stack *stack, enum bind_dim dim);

#endif
