/* Ablation inside the forward pass: what is said is silenced or replaced before it is added. */
#ifndef ATTUNE_ENGINE_ABLATE_H
#define ATTUNE_ENGINE_ABLATE_H

#include <attune/ablate.h>

#include "engine/attend.h"

enum ablate_block { ABLATE_SELF, ABLATE_CROSS, ABLATE_MLP, ABLATE_BLOCKS };

struct ablation;
void ablation_free(struct ablation *ablation);

/* Is what this block says kept from the residual stream? */
bool ablate_stops(const struct attune_context *ctx, const struct side *side, int layer,
                  enum ablate_block block);
/* residual [count, d] += what an ablated block says in place of ctx->sum [count, d]: nothing, or
 * its mean. The tokens are those from side->n on. */
void ablate_block(struct attune_context *ctx, const struct side *side, int layer,
                  enum ablate_block block, float *residual, size_t count);
/* ctx->heads [count, H*D]: ablated heads are silenced there. */
void ablate_heads(struct attune_context *ctx, const struct relation *relation, int layer,
                  size_t count);

#endif
