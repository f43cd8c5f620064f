/* What one asks of a model besides "go on": fill a mask, does the second sentence follow, where is the
 * answer, which label, which vector.
 *
 * First a text, or two, becomes what the model reads (attune_task_read) and enters a context
 * (attune_task_sync); then each question is one call on that context. All answers are plain data in the
 * caller's storage. p are probabilities in double over the float32 outputs. */
#ifndef ATTUNE_TASK_H
#define ATTUNE_TASK_H

#include <attune/context.h>
#include <attune/dist.h>

/* ---- what is read */
struct attune_task_text {
    const char *text; /* the sentence; the first of two; the question */
    size_t len;
    const char *pair; /* the second of two; where the answer is looked for; or NULL */
    size_t pair_len;
    bool masks; /* [MASK], <mask> and <extra_id_0>, however spelled, are the mask of this model: its mask
                   token, or where it has none its sentinels, numbered as they come */
};

enum attune_task_part { ATTUNE_TASK_TEXT, ATTUNE_TASK_PAIR, ATTUNE_TASK_ADDED };

/* Owned by the caller; a zeroed struct is empty and may be done. */
struct attune_task_tokens {
    struct attune_tokens tokens; /* start and end are bytes of the text (or pair) as it was given */
    uint8_t *parts;              /* [n] enum attune_task_part: where a token comes from */
    uint8_t *mask;               /* [n] 0: padding; NULL: none is */
    size_t *masks;               /* [n_masks] positions to fill, rising */
    size_t n_masks;
    bool typed;                  /* the model tells segments apart */
    attune_token mask_id;        /* of the tokenizer, or ATTUNE_TOKEN_NONE */
    attune_token *decoder_ids;   /* [n_decoder] for models that fill a mask with the decoder (BART), */
    size_t n_decoder;            /* shifted by one: row i is about token i */
};
int attune_task_read(struct attune_task_tokens *out, const struct attune_model *model,
                     const struct attune_task_text *text, struct attune_error *err);
/* The same from ids: type 1 is the pair. type_ids and mask may be NULL; all [n]. */
int attune_task_read_ids(struct attune_task_tokens *out, const struct attune_model *model,
                         const attune_token *ids, const uint8_t *type_ids, const uint8_t *mask, size_t n,
                         struct attune_error *err);
void attune_task_tokens_done(struct attune_task_tokens *tokens);
int attune_task_sync(struct attune_context *ctx, const struct attune_task_tokens *tokens,
                     struct attune_progress *progress, struct attune_error *err);

/* ---- masks and sentinels */
struct attune_task_fill {
    size_t position;         /* of the mask in what was read */
    struct attune_dist dist; /* of the token there; of the first of its span with sentinels */
    size_t first, n;         /* sentinels: its span among the decoder's tokens; first 0: it has none */
};

/* Every mask of tokens. An encoder-decoder with sentinels writes its likeliest answer, max_tokens long at
 * most: the context then holds it. */
int attune_task_fill(struct attune_task_fill *out /* [n_masks] */, struct attune_context *ctx,
                     const struct attune_task_tokens *tokens, size_t max_tokens,
                     struct attune_progress *progress, struct attune_error *err);

/* An answer that was written otherwise, cut by sentinels: what follows a sentinel up to the next one or the
 * end. Fills position, first and n of out [n_masks] alone. */
void attune_task_cut(struct attune_task_fill *out, const struct attune_model *model,
                     const struct attune_task_tokens *tokens, const attune_token *ids, size_t n);

/* Pseudo-log-likelihood: log p of each token with it alone masked (Salazar et al., "Masked Language Model
 * Scoring", 2020), NaN for masks, padding and what the template added. Their sum is the sentence's.
 * A pass a token: progress is that of the pass under way, and the last pass stays in the context. */
int attune_task_pll(double *logp /* [n] */, struct attune_context *ctx,
                    const struct attune_task_tokens *tokens, struct attune_progress *progress,
                    struct attune_error *err);

/* Log p of each token of a target given what the encoder read and those before it. */
int attune_task_target(double *logp /* [n] */, struct attune_context *ctx,
                       const struct attune_task_tokens *tokens, const attune_token *target, size_t n,
                       struct attune_progress *progress, struct attune_error *err);

/* ---- two sentences */
int attune_task_follows(double *is_next, struct attune_context *ctx, struct attune_error *err);

/* ---- a question and a text */
/* As transformers' pipeline has it: softmax over the tokens of the pair and the first token, which stands
 * for "no answer"; 0 elsewhere. A span's score is p_start of its first times p_end of its last token. */
int attune_task_span(double *p_start /* [n] */, double *p_end /* [n] */, struct attune_context *ctx,
                     const struct attune_task_tokens *tokens, struct attune_error *err);

struct attune_task_answer {
    size_t first, last; /* tokens */
    size_t start, end;  /* bytes of the pair */
    double score;
};
/* The best spans inside the pair of at most `longest` tokens (0: any), by falling score, then by place.
 * Returns how many there are, capacity at most. */
size_t attune_task_answers(struct attune_task_answer *out, size_t capacity, const double *p_start,
                           const double *p_end, const struct attune_task_tokens *tokens, size_t longest);
double attune_task_no_answer(const double *p_start, const double *p_end);

/* ---- labels */
/* p of every label: softmax, or sigmoid of each by itself where several may hold at once
 * (attune_model_info.many_labels) or there is one. */
int attune_task_labels(double *p /* [labels] */, struct attune_context *ctx, struct attune_error *err);

struct attune_task_tag {
    int label; /* the likeliest; attune_model_label is its name */
    double p;
};
int attune_task_tags(struct attune_task_tag *out /* [n] */, struct attune_context *ctx,
                     struct attune_error *err);

struct attune_task_entity {
    const char *name;   /* the label without B- or I-; borrowed from the model */
    size_t first, last; /* tokens */
    enum attune_task_part part;
    size_t start, end;  /* bytes of that part */
    double p;           /* mean over its tokens */
};
/* Neighbours of one name are joined unless the next begins with B- (the pipeline's "simple" aggregation);
 * O is none. out [n] has room for one a token; returns how many there are. */
size_t attune_task_entities(struct attune_task_entity *out, const struct attune_model *model,
                            const struct attune_task_tag *tags /* [n] */,
                            const struct attune_task_tokens *tokens);

/* ---- vectors */
enum attune_pooling {
    ATTUNE_POOL_DEFAULT, /* the pooler where the model has one, else the mean */
    ATTUNE_POOL_POOLER,
    ATTUNE_POOL_FIRST,   /* the first token: CLS */
    ATTUNE_POOL_MEAN,    /* over all tokens but padding */
    ATTUNE_POOL_MAX,
    ATTUNE_POOL_COUNT
};
const char *attune_pooling_text(enum attune_pooling pooling); /* "default", "pooler", "cls", "mean", "max" */

/* Vectors come from the encoder where there is one. Both widths are d_model as a rule. */
int attune_task_width(const struct attune_context *ctx);
int attune_task_pool_width(const struct attune_context *ctx, enum attune_pooling pooling);
int attune_task_pool(float *out /* [pool width] */, struct attune_context *ctx,
                     const struct attune_task_tokens *tokens, enum attune_pooling pooling,
                     struct attune_error *err);

/* Tokens first .. first+n-1 that hold the nth occurrence (from 0) of a word in the text; whole words come
 * before parts of words. ATTUNE_NOT_FOUND. */
int attune_task_word(size_t *first, size_t *n, const struct attune_task_tokens *tokens,
                     const struct attune_task_text *text, const char *word, size_t nth,
                     struct attune_error *err);

/* Mean of tokens first .. first+n-1 of a layer (attune_context_hidden), or of the final states if layer is
 * negative, into out: [d_model], [width]. */
int attune_task_vector(float *out, struct attune_context *ctx, int layer, size_t first, size_t n,
                       struct attune_error *err);
double attune_task_cosine(const float *a, const float *b, size_t n); /* NaN for a zero vector */

#endif
