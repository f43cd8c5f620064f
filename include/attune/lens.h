/* The logit lens: what the model would say if its last layer were an earlier one. What leaves a layer goes
 * through the final norm and the head, as what leaves the last one does.
 *
 * Layer 0 is what enters the first block, i leaves block i; the last is the output itself, bit for bit.
 * Of an encoder-decoder it is the decoder that is read. Reference: nostalgebraist, "interpreting GPT: the
 * logit lens", 2020. */
#ifndef ATTUNE_LENS_H
#define ATTUNE_LENS_H

#include <attune/context.h>
#include <attune/dist.h>

#define ATTUNE_LENS_TOP 5

/* How many layers there are to look through: one more than blocks. 0 with err set where the model has no
 * head over its vocabulary. */
int attune_lens_count(const struct attune_model *model, struct attune_error *err);

/* Logits of a layer at positions first .. first+n-1 into out [n, V]. All but the last layer need a context
 * with keep_hidden, else ATTUNE_ARGUMENT. */
int attune_lens_logits(struct attune_context *ctx, int layer, size_t first, size_t n, float *out,
                       struct attune_error *err);

/* What a layer says at a position, in small; plain data. */
struct attune_lens_cell {
    struct attune_candidate top[ATTUNE_LENS_TOP]; /* by falling p; those that do not exist have id -1 */
    float entropy_bits;
    float p_final;       /* of the token that the last layer finds likeliest */
    uint32_t rank_final; /* its rank here, 0 the likeliest */
};

/* All layers at positions first .. first+n-1 into out [layers, n]; row by row from the last layer down, so
 * that a cancel through progress (ATTUNE_CANCELLED) leaves whole rows: *done of them, counted from the
 * last. done may be NULL. */
int attune_lens_grid(struct attune_lens_cell *out, struct attune_context *ctx, size_t first, size_t n,
                     int *done, struct attune_progress *progress, struct attune_error *err);

#endif
