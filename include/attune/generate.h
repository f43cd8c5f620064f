/* Generation on tokens: start, next, next, ..., free. Pull only; one thread at a time.
 *
 * The generation borrows context and chain: both stay alive and untouched by others until it is freed.
 * Nothing is allocated between two tokens. */
#ifndef ATTUNE_GENERATE_H
#define ATTUNE_GENERATE_H

#include <attune/context.h>
#include <attune/sampler.h>

enum attune_stop { ATTUNE_STOP_NONE, ATTUNE_STOP_LENGTH, ATTUNE_STOP_EOS, ATTUNE_STOP_TEXT,
                   ATTUNE_STOP_INTERRUPTED, ATTUNE_STOP_ERROR, ATTUNE_STOP_COUNT };
const char *attune_stop_text(enum attune_stop stop); /* "", "length", "eos", "stop", "interrupted", "error" */

struct attune_generate_options { /* zero: no tokens at all */
    size_t max_tokens;
    uint64_t seed;
    uint64_t first_step;     /* number of the first step: forks go on counting where they left; so many
                                tokens at the end of the context belong to the text of a constraint */
    bool ignore_end;         /* go on past the end token */
    const char *const *stops; /* [n_stops] texts that end it; the text ends before the stop */
    size_t n_stops;
};

#define ATTUNE_STEP_TOP 8
#define ATTUNE_STEP_BYTES 64

struct attune_step { /* one produced token with its evidence; plain data */
    uint64_t index;           /* its number: the draw is rng(seed, index) */
    attune_token id;
    uint8_t n_bytes;
    char bytes[ATTUNE_STEP_BYTES]; /* raw bytes of the token */
    struct attune_draw draw;
    float logit;
    double p, p_raw;          /* after the chain; softmax of the untouched logits */
    uint32_t rank;            /* by raw logit, 0 the likeliest */
    double entropy_bits, logsumexp; /* of the raw distribution */
    uint64_t digest;          /* XXH64 over the V float32 logits */
    uint32_t n_kept;
    double kept_mass;
    uint8_t n_top;
    struct attune_candidate top[ATTUNE_STEP_TOP]; /* raw */
    uint8_t n_stages;
    struct { uint32_t survivors; float mass; float entropy_bits; } stage[ATTUNE_MAX_STAGES];
    double eval_ms, sample_ms;
    enum attune_stop stop;    /* not NONE: this was the last step */
};

struct attune_generation;

/* The context already holds the prompt (at least one token). */
int attune_generation_start(struct attune_generation **out, struct attune_context *ctx,
                            const struct attune_chain *chain,
                            const struct attune_generate_options *options, struct attune_error *err);

/* Where the chain has a constraint, its mask is made for every step, and a text that is complete and
 * cannot go on ends the generation with ATTUNE_STOP_TEXT. Where it leaves no token the generation fails, and
 * the error says after which text.
 *
 * A step that ends with ATTUNE_STOP_LENGTH before max_tokens filled the context: there is no position
 * left to go on from, and nothing already read is dropped to make room. */

/* Produces one token. 1: out holds a step, more may follow (unless out->stop says it was the last);
 * 0: there is nothing left (see _stop); negative: minus a status, with err set. A cancel through
 * progress ends with 0 and ATTUNE_STOP_INTERRUPTED; what was produced stands. */
int attune_generation_next(struct attune_generation *gen, struct attune_step *out,
                           struct attune_progress *progress, struct attune_error *err);

/* The trace and the logits [V] behind the last step; borrowed until the next call. */
const struct attune_trace *attune_generation_trace(const struct attune_generation *gen);
const float *attune_generation_logits(const struct attune_generation *gen);

/* What was produced so far, cut before a stop text: borrowed bytes, NUL-terminated, that only ever grow.
 * Bytes that may yet become a stop text wait until that is decided. End and control tokens are no text. */
const char *attune_generation_output(const struct attune_generation *gen, size_t *len);
enum attune_stop attune_generation_stop(const struct attune_generation *gen);
void attune_generation_free(struct attune_generation *gen);

#endif
