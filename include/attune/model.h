/* A model: mapped weights, its shape, its tokenizer. Immutable once open; any thread may read it; it is
 * closed after every context made from it. Strings and the tokenizer are borrowed from the model. */
#ifndef ATTUNE_MODEL_H
#define ATTUNE_MODEL_H

#include <attune/error.h>
#include <attune/progress.h>
#include <attune/tokenizer.h>
#include <stdbool.h>

enum attune_model_kind { ATTUNE_DECODER, ATTUNE_ENCODER, ATTUNE_SEQ2SEQ, ATTUNE_MODEL_KIND_COUNT };
const char *attune_model_kind_text(enum attune_model_kind kind); /* "decoder", "encoder", "seq2seq" */

struct attune_model;

struct attune_model_options {
    bool header_only; /* shape, card and metadata, no tensors mapped in, no tokenizer built */
    bool check;       /* look at every weight: a NaN or infinity is an error that names its tensor */
};

/* path: a GGUF file (v2, v3), or a Hugging Face directory or hub-cache snapshot (config.json,
 * model.safetensors or its sharded index, tokenizer.json). options and progress may be NULL. */
int attune_model_open(struct attune_model **out, const char *path,
                      const struct attune_model_options *options, struct attune_progress *progress,
                      struct attune_error *err);
void attune_model_close(struct attune_model *model);

/* What the model is. Sizes are counts; text is UTF-8 from the file, "" where it says nothing. */
struct attune_model_info {
    const char *path;
    const char *name;
    const char *family;       /* "llama", "gpt2", ...: the recipe in engine/family_*.c */
    const char *architecture; /* as the file spells it: "LlamaForCausalLM", "llama" */
    const char *dtype;        /* the type most weights have: "F32", "F16", "Q8_0", "mixed" */
    const char *license, *description, *training; /* the card; training: how it was trained */
    enum attune_model_kind kind;
    int n_layers, n_encoder_layers; /* n_layers: of the decoder where there are two stacks */
    int n_heads, n_kv_heads, head_dim;        /* of the decoder where there are two stacks */
    int d_model, d_ff;                        /* d_ff too */
    int n_encoder_heads, encoder_d_ff;        /* of the encoder where there are two stacks, else 0 */
    int n_vocab;              /* rows of the output matrix: length of a logits row */
    int n_context;            /* positions the model was made for */
    int n_labels;             /* of its classification head, or 0 */
    bool many_labels;         /* of them several may hold at once: a sigmoid each instead of a softmax */
    int n_segments;           /* type ids it tells apart, or 0 */
    attune_token decoder_start; /* what the decoder of two begins with, else ATTUNE_TOKEN_NONE */
    const char *position;     /* how it knows them: "learned", "sinusoidal", "rotary", "alibi", "relative", "none" */
    uint64_t n_parameters;    /* summed over the tensors */
    uint64_t n_bytes;         /* of those tensors in the file(s) */
    uint64_t n_met;           /* weights that every token of a prompt is multiplied with */
    uint64_t n_bytes_step;    /* of the weights that one new token needs, the head's too: no tables */
    const char *note;         /* one line for whoever opens it: what is odd about the files, but no reason
                                 to refuse them; "" as a rule */
};
const struct attune_model_info *attune_model_info(const struct attune_model *model);

/* What stands on top of the layers. A model has one of them, BERT's pre-training two, an encoder without
 * any ATTUNE_OUTPUT_STATES alone. */
enum attune_output {
    ATTUNE_OUTPUT_TOKENS,        /* a score a token of the vocabulary, at every position: the next token, or
                                    the masked one; [V] */
    ATTUNE_OUTPUT_NEXT_SENTENCE, /* does the second follow the first: [2], 0 yes, 1 no */
    ATTUNE_OUTPUT_SPAN,          /* at every position: does the answer start here, does it end here; [2] */
    ATTUNE_OUTPUT_LABELS,        /* a label for the whole; [labels] */
    ATTUNE_OUTPUT_TOKEN_LABELS,  /* a label at every position; [labels] */
    ATTUNE_OUTPUT_POOLED,        /* the whole as one vector; [d] */
    ATTUNE_OUTPUT_COUNT
};
const char *attune_output_text(enum attune_output output); /* "tokens", "next-sentence", "span", ... */

struct attune_output_shape {
    bool there;         /* the model has it */
    bool every_token;   /* a row a token; else one row, read at the first token */
    int width;          /* numbers in a row */
};
struct attune_output_shape attune_model_output(const struct attune_model *model, enum attune_output output);

/* The name of a label, "LABEL_3" where the file has none; NULL past the last. */
const char *attune_model_label(const struct attune_model *model, int label);

/* NULL where the model has none (then only ids go in). */
const struct attune_tokenizer *attune_model_tokenizer(const struct attune_model *model);

/* What the model's files advise for a knob of the sampler ("temperature", "top_k", ..., "max_tokens"): of
 * generation_config.json or the GGUF keys general.sampling.*; NaN where they say nothing. */
double attune_model_advice(const struct attune_model *model, const char *param);

/* End-of-sequence as generation understands it: true for every id that ends a text. */
bool attune_model_is_end(const struct attune_model *model, attune_token id);

/* Digest over names, types, shapes and bytes of all tensors: reads the whole file once, then remembers. */
uint64_t attune_model_digest(const struct attune_model *model);

/* One line that names what computed a result: version, kernel set, rule of summation. */
const char *attune_engine_fingerprint(void);

#endif
