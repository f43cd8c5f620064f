/* Pinned steps: what a step had in full, beside the few candidates that every step keeps. The
 * logits over the whole vocabulary, the hidden states of its position, or where every head looked
 * from there; compressed in the database, shown and exported without the model.
 *
 * A pin stands on the step in the tree, so every run that made this very step has it. Logits are
 * proved by the digest that the step keeps anyway: others are refused. */
#ifndef ATTUNE_PIN_H
#define ATTUNE_PIN_H

#include <attune/progress.h>
#include <attune/store.h>

enum attune_pin_kind {
    ATTUNE_PIN_LOGITS,    /* [V] */
    ATTUNE_PIN_HIDDEN,    /* [states, d_model] of the position behind which the step stands */
    ATTUNE_PIN_ATTENTION, /* [layers, heads, keys] from that position, on its own side */
    ATTUNE_PIN_KIND_COUNT
};
const char *attune_pin_kind_text(enum attune_pin_kind kind); /* "logits", "hidden", "attention" */

#define ATTUNE_PIN_DIMS 3

struct attune_pin {
    enum attune_pin_kind kind;
    int n_dims;
    uint64_t shape[ATTUNE_PIN_DIMS]; /* row-major, slowest first */
    float *values;                   /* [n], the product of the shape; NULL where only listed */
    size_t n;
    uint64_t step;  /* its number in the run */
    uint64_t bytes; /* as kept */
};
void attune_pin_done(struct attune_pin *pin);
void attune_pins_free(struct attune_pin *pins, size_t n);

/* Computes them with the run's own model. ATTUNE_UNSUPPORTED where its bits are not the recorded
 * ones. */
int attune_pin_compute(struct attune_pin *out, struct attune_store *store, int64_t run,
                       uint64_t step, enum attune_pin_kind kind, const struct attune_model *model,
                       int n_threads, struct attune_progress *progress, struct attune_error *err);

int attune_store_put_pin(struct attune_store *store, int64_t run, const struct attune_pin *pin,
                         struct attune_error *err);
/* Takes a pin off; kind _COUNT: all of the step. NOT_FOUND: it has none. */
int attune_store_unpin(struct attune_store *store, int64_t run, uint64_t step,
                       enum attune_pin_kind kind, struct attune_error *err);
int attune_store_load_pin(struct attune_store *store, int64_t run, uint64_t step,
                          enum attune_pin_kind kind, struct attune_pin *out,
                          struct attune_error *err);
/* What is pinned of a run, without the values, by step. */
int attune_store_pins(struct attune_store *store, int64_t run, struct attune_pin **out, size_t *n,
                      struct attune_error *err);

#endif
