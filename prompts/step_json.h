/* A step as JSON, nothing left out, and back. */
#ifndef ATTUNE_PROMPTS_STEP_JSON_H
#define ATTUNE_PROMPTS_STEP_JSON_H

#include <attune/generate.h>
#include <jansson.h>

json_t *step_to_json(const struct attune_step *step); /* NULL without memory */
/* `what` names the place for messages. */
int step_from_json(struct attune_step *out, const json_t *object, const char *what,
                   struct attune_error *err);

/* Token ids of a list: *out is freed by the caller. */
int ids_from_json(attune_token **out, size_t *n, const json_t *object, const char *key,
                  const char *what, struct attune_error *err);
json_t *ids_to_json(const attune_token *ids, size_t n);

#endif
