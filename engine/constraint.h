/* A kind of constraint, as its file constraint_NAME.c describes it.
 *
 * A kind that reads byte by byte has a small state for every prefix (`step`); one that cannot, such
 * as a regular expression, is asked for whole texts (`viable`). The walk over the vocabulary
 * (constraint.c) keeps the text and asks as seldom as it can.
 *
 * Of every text that is viable each prefix is viable too. */
#ifndef ATTUNE_ENGINE_CONSTRAINT_H
#define ATTUNE_ENGINE_CONSTRAINT_H

#include <attune/constraint.h>

struct constraint_state { /* what a kind makes of it; copied by value */
    uint64_t word[6];
};

struct constraint_ops {
    const char *name;  /* as in NAME:VALUE */
    const char *value; /* what one writes, for help; NULL: nothing */
    const char *help;
    /* Offsets in errors count from the value's first byte. */
    int (*open)(void **out, const char *value, struct attune_error *err);
    void (*close)(void *self);

    void (*start)(const void *self, struct constraint_state *state);
    bool (*step)(const void *self, struct constraint_state *state, uint8_t byte);
    bool (*complete)(const void *self, const struct constraint_state *state);
    bool (*unbound)(const void *self, const struct constraint_state *state); /* or NULL: never */

    /* In place of the four above. A pattern that gives up says so in err. */
    int (*viable)(bool *out, bool *complete, void *self, const char *text, size_t len,
                  struct attune_error *err);
};

/* The kind that a spec names, and where its value begins; NULL if there is none. */
const struct constraint_ops *constraint_find(const char *spec, const char **value);

#endif
