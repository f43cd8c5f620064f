/* A model from the inside: what forward.c, context.c and generate.c read of it.
 *
 *   path -> checkpoint (format_*.c: named tensors, configuration) -> recipe (family_*.c) -> model
 *
 * Nothing here changes after attune_model_open, but for what is done once when it is first needed,
 * under a lock: rows put in order, the digest. */
#ifndef ATTUNE_ENGINE_MODEL_H
#define ATTUNE_ENGINE_MODEL_H

#include <attune/model.h>

#include "engine/recipe.h"

struct team;
struct checkpoint; /* checkpoint.h: the mapped files and the names in them */
struct model_once;

struct attune_model {
    struct attune_model_info info;
    struct recipe recipe;               /* with header_only its matrices have no data */
    bool quantised;                     /* some matrix that is multiplied is stored as integers */
    struct attune_tokenizer *tokenizer; /* NULL: only ids go in */
    struct checkpoint *checkpoint;      /* keeps alive all that the recipe points to */
    attune_token *ends;                 /* [n_ends] ids that end a text */
    size_t n_ends;
    struct model_once *once;
};

/* Makes the weights ready to be computed with: before the first evaluation, by any thread.
 * ATTUNE_CANCELLED where progress says so. */
int model_settle(const struct attune_model *model, struct team *team,
                 struct attune_progress *progress, struct attune_error *err);

#endif
