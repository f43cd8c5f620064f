/* The sampler chain: stages in an order, each of which takes candidates away or reweights them, and a
 * trace that says after every stage who is left and which stage removed whom.
 *
 * A chain is values and an order, and it is also a line of text that can be stored and read back:
 *     order=penalties,temperature,top_k,top_p,min_p,typical temperature=0.7 top_k=40
 * Values left out are off. Logits are never changed: stages work on a copy inside the trace.
 * References: Hugging Face transformers logits processors (the default order), llama.cpp, Ollama, vLLM.
 *
 * A chain belongs to whoever made it; apply only reads it, so threads may share one that nobody sets. */
#ifndef ATTUNE_SAMPLER_H
#define ATTUNE_SAMPLER_H

#include <attune/dist.h>

struct attune_chain;

/* A knob: one value of one stage. The list of all of them grows from engine/sampler_*.c, and from it grow
 * command-line flags, knobs, help and the text form. */
struct attune_param {
    const char *name;  /* "top_p"; the flag is --top-p */
    const char *stage; /* "top_p"; for penalties four params share a stage */
    const char *help;  /* one line */
    double off;        /* the value that changes nothing */
    double min, max;
    double step;       /* what one tick of a knob adds; a negative step multiplies by -step */
    bool integer;
};
size_t attune_param_count(void);
const struct attune_param *attune_param_at(size_t i);
const struct attune_param *attune_param_find(const char *name); /* NULL if there is none */

int attune_chain_new(struct attune_chain **out, struct attune_error *err); /* everything off, order hf */
int attune_chain_parse(struct attune_chain **out, const char *text, struct attune_error *err);
int attune_chain_copy(struct attune_chain **out, const struct attune_chain *from, struct attune_error *err);
void attune_chain_free(struct attune_chain *chain);

/* Refuses what is outside min..max, with the range in the text. */
int attune_chain_set(struct attune_chain *chain, const char *param, double value, struct attune_error *err);
double attune_chain_get(const struct attune_chain *chain, const char *param);
/* "hf", "llama.cpp", "ollama", "vllm", or a comma-separated list of stages. The stage bias comes first
 * where the list does not name it, and behind it the constraint if there is one; a value whose stage is not
 * in the order does nothing. */
int attune_chain_order(struct attune_chain *chain, const char *order, struct attune_error *err);
/* The order and the values that one of those programs samples with where nobody says otherwise; what is banned,
 * forced or constrained stays. */
int attune_chain_preset(struct attune_chain *chain, const char *name, struct attune_error *err);
const char *attune_chain_preset_name(size_t i); /* "hf", ...; NULL behind the last */
/* Adds to the logit of id; -INFINITY bans, +INFINITY forces. 0 takes the bias away. */
int attune_chain_bias(struct attune_chain *chain, attune_token id, float bias, struct attune_error *err);
/* What the generated text has to be (constraint.h: "choices:yes,no", "json", ...); NULL or "": anything. */
int attune_chain_constrain(struct attune_chain *chain, const char *constraint, struct attune_error *err);
const char *attune_chain_constraint(const struct attune_chain *chain); /* borrowed, or NULL */

/* Refuses a bias on an id that a vocabulary of n_vocab ids does not have. Apply passes over such a bias, so
 * whoever brings chain and model together asks here first. */
int attune_chain_check(const struct attune_chain *chain, size_t n_vocab, struct attune_error *err);

/* What is ablated in the model while a run is made is a setting of the run like the others and travels in
 * the same line: ablate=2.1,3.*:mean (attune/ablate.h). No stage looks at it; who brings chain and context
 * together hands it on to attune_context_ablate. NULL or "": nothing. */
int attune_chain_set_ablation(struct attune_chain *chain, const char *text, struct attune_error *err);
const char *attune_chain_ablation(const struct attune_chain *chain); /* "" without one */

/* The chain as text; what a chain reads back is the same chain. Returns the length needed, as snprintf. */
size_t attune_chain_text(const struct attune_chain *chain, char *out, size_t capacity);
size_t attune_chain_n_stages(const struct attune_chain *chain);
const char *attune_chain_stage(const struct attune_chain *chain, size_t i);

#define ATTUNE_MAX_STAGES 16
#define ATTUNE_KEPT 0         /* removed_by: still in; i + 1: stage i took it out */
#define ATTUNE_IMPOSSIBLE 255 /* removed_by: never in, its logit came as -inf or NaN */

struct attune_stage_trace {
    const char *stage;
    bool active;         /* false: its values are off, nothing was done */
    size_t survivors;
    double mass;         /* share of the raw softmax that the survivors hold */
    double entropy_bits; /* of what is left, renormalised, as reweighted so far */
};

struct attune_trace { /* made once for a vocabulary, filled again and again without allocating */
    size_t n_vocab;
    size_t n_stages;
    struct attune_stage_trace stage[ATTUNE_MAX_STAGES];
    uint8_t *removed_by;    /* [V] */
    float *p;               /* [V] final probabilities; 0 where removed */
    size_t n_kept;
    attune_token *kept;     /* [n_kept] by falling final p (before it was rounded), ties lower id first */
    double kept_mass;       /* raw softmax mass of what is kept */
    double entropy_bits;    /* of p */
    bool rescued;           /* the chain removed everything; the likeliest token was put back */
    struct attune_dist raw; /* of the logits as they came */
    const uint8_t *allowed; /* [V] set by the caller before apply: the mask of the chain's constraint
                               (attune_constraint_mask), borrowed; NULL: the stage takes nobody */
    struct attune_scratch *scratch;
};

int attune_trace_init(struct attune_trace *trace, size_t n_vocab, struct attune_error *err);
void attune_trace_done(struct attune_trace *trace);

/* history: the ids so far, prompt included, newest last (penalties look at its end). With temperature 0
 * the chain is greedy: after all other stages the likeliest survivor has p = 1, the rest were removed by the
 * stage temperature, and its row of the trace, wherever it stands, says what is left in the end. */
void attune_chain_apply(struct attune_trace *trace, const struct attune_chain *chain,
                        const float *logits /* [V] */, const attune_token *history, size_t n_history);

/* Where u in [0, 1) falls when the kept candidates stand side by side in the order of trace->kept. */
struct attune_draw {
    attune_token id;
    double u;
    double low, high; /* the interval of the cumulative distribution that u hit */
};
void attune_trace_draw(struct attune_draw *out, const struct attune_trace *trace, double u);

/* A preview: what a run with this seed would draw at its steps 0 .. n-1 if the distribution were this one at
 * every step, and Pearson's test of the counts against p. */
struct attune_draws {
    size_t n, n_kept;
    uint32_t *count;   /* [n_kept] in the order of trace->kept */
    double chi_square; /* over cells that expect at least 5 draws, rare tokens together */
    size_t freedom;    /* degrees of freedom; 0: one cell, nothing to test */
    double p_value;    /* chance of counts at least as far off; near 0: not this distribution */
};
int attune_draws_make(struct attune_draws *out, const struct attune_trace *trace, uint64_t seed, size_t n,
                      struct attune_error *err);
void attune_draws_done(struct attune_draws *draws);

#endif
