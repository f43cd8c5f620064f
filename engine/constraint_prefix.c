/* The text begins with this one; what follows is free. So a prompt can be cut back to a place where
 * tokens end surely, and the bytes that were cut come back in whatever tokens the model prefers. */
#include <config.h>

#include "engine/constraint.h"

#include <stdlib.h>
#include <string.h>

struct prefix {
    size_t len;
    char text[];
};

static int open(void **out, const char *value, struct attune_error *err)
{
    size_t len = strlen(value);
    struct prefix *self = malloc(sizeof *self + len + 1);

    *out = self;
    if (!self) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a prefix");
    }
    self->len = len;
    memcpy(self->text, value, len + 1);
    return ATTUNE_OK;
}

/* word[0]: how much of it stands there. */
static void start(const void *self, struct constraint_state *state)
{
    state->word[0] = 0;
}

static bool step(const void *self, struct constraint_state *state, uint8_t byte)
{
    const struct prefix *p = self;

    return state->word[0] >= p->len || (uint8_t)p->text[state->word[0]++] == byte;
}

static bool complete(const void *self, const struct constraint_state *state)
{
    return state->word[0] >= ((const struct prefix *)self)->len;
}

const struct constraint_ops constraint_prefix = {
    .name = "prefix",
    .value = "TEXT",
    .help = "begins with this text",
    .open = open,
    .close = free,
    .start = start,
    .step = step,
    .complete = complete,
    .unbound = complete,
};
