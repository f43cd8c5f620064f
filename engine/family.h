/* A model family: how its configuration becomes a recipe, and a table that says which tensor goes
 * to which place of the recipe. A family is a part family_NAME.c and serves both formats; code is
 * needed only for what the table cannot say. */
#ifndef ATTUNE_ENGINE_FAMILY_H
#define ATTUNE_ENGINE_FAMILY_H

#include "engine/checkpoint.h"
#include "engine/recipe.h"

/* A size that a recipe knows. */
enum bind_dim {
    DIM_NONE,
    DIM_MODEL,       /* d */
    DIM_EMBEDDING,   /* e: rows of the embedding, d in most families */
    DIM_HEADS,       /* H*D, here and below of the stack that the place is in */
    DIM_KV,          /* G*D */
    DIM_FF,          /* F */
    DIM_VOCAB,       /* V */
    DIM_POSITIONS,   /* positions and the offset before them */
    DIM_HEAD,        /* D */
    DIM_ROTARY_HALF, /* rotary_dims / 2 */
    DIM_SEGMENTS,    /* type ids */
    DIM_BUCKETS,     /* of relative positions */
    DIM_EACH_HEAD,   /* H */
    DIM_LABELS,      /* of the classification head */
    DIM_TWO,         /* yes and no; start and end */
    DIM_COUNT
};

enum bind_kind {
    BIND_END,    /* ends a table */
    BIND_MATRIX, /* struct matrix [rows, cols]; its bias comes with it */
    BIND_NORM,   /* struct norm [rows]; its bias comes with it */
    BIND_VECTOR, /* const float * [rows] */
};

/* The struct that offset counts from. Places of the encoder are those of an encoder-decoder; an
 * encoder alone is the main stack. */
enum bind_place {
    BIND_RECIPE,
    BIND_OUTPUT,
    BIND_STACK,
    BIND_LAYER,
    BIND_ENCODER,
    BIND_ENCODER_LAYER
};
#define AT_RECIPE(member)        BIND_RECIPE, offsetof(struct recipe, member)
#define AT_STACK(member)         BIND_STACK, offsetof(struct stack, member)
#define AT_LAYER(member)         BIND_LAYER, offsetof(struct layer, member)
#define AT_ENCODER(member)       BIND_ENCODER, offsetof(struct stack, member)
#define AT_ENCODER_LAYER(member) BIND_ENCODER_LAYER, offsetof(struct layer, member)
/* A part of an output, AT_OUTPUT(LABELS, dense): bound where the model's class has that output. */
#define AT_OUTPUT(which, member)                                                                   \
    BIND_OUTPUT, offsetof(struct recipe, outputs) +                                                \
                     ATTUNE_OUTPUT_##which * sizeof(struct output) +                               \
                     offsetof(struct output, member)

/* Q, K and V that lie in one tensor: as three blocks of rows one after the other, or group by group
 * (the query heads that share a key head, that key head, its value head; then the next group). With
 * as many key heads as heads a group is q k v of one head: GPT-NeoX and BLOOM in Hugging Face form.
 */
enum bind_part { PART_WHOLE, PART_Q, PART_K, PART_V, PART_GROUP_Q, PART_GROUP_K, PART_GROUP_V };

enum bind_flag {
    BIND_BIAS = 1,       /* the bias has to be there */
    BIND_MAY_BIAS = 2,   /* the bias is taken if it is there */
    BIND_OPTIONAL = 4,   /* all of it may be absent */
    BIND_IN_OUT = 8,     /* Hugging Face form is stored [in, out]: turned round on opening */
    BIND_UNTIED = 16,    /* only where recipe.tied is false */
    BIND_BARE = 32,      /* the name is the whole name: no ".weight" behind it */
    BIND_ROOT = 64,      /* Hugging Face form: never with the family's prefix */
    BIND_PLUS_ONE = 128, /* Hugging Face form: what is stored is the weight less 1 */
    BIND_ELSE = 256,     /* a matrix: only where no row before has bound it */
};

struct binding {
    enum bind_kind kind;
    /* Names without ".weight", %d for the layer; alternatives stand between bars, the first that is
     * there counts. NULL: nothing in this format. */
    const char *gguf, *hf;
    enum bind_place place;
    size_t offset;
    enum bind_dim rows, cols;
    unsigned flags; /* of enum bind_flag */
    enum bind_part part;
};

#define FAMILY_OUTPUT(which) (1u << ATTUNE_OUTPUT_##which)
/* What encoders have as a rule. */
#define FAMILY_HEADS                                                                               \
    (FAMILY_OUTPUT(TOKENS) | FAMILY_OUTPUT(SPAN) | FAMILY_OUTPUT(LABELS) |                         \
     FAMILY_OUTPUT(TOKEN_LABELS))

struct family_ops {
    const char *name;
    /* The family that this one is like, or NULL: its rows count before the own ones, but for those whose
     * place has a row here. A row without names takes the parent's away. */
    const struct family_ops *parent;
    const char *const *gguf_architectures; /* end with NULL; a NULL list: not in this format */
    const char *const *hf_model_types;
    const char *hf_prefix; /* "transformer.", which the names in a file may have or lack */
    unsigned outputs;      /* bits of enum attune_output that its classes can have; 0: tokens */
    /* Fills the recipe's numbers; failures are kept in the settings. */
    void (*configure)(struct recipe *out, struct settings *cfg, const struct checkpoint *cp);
    const struct binding *bindings;
};

#define FAMILY(name) extern const struct family_ops family_##name;
#include "engine/tables.inc"
#undef FAMILY

/* NULL if there is none; then err names the families there are. */
const struct family_ops *family_find(const struct settings *cfg, struct attune_error *err);

size_t family_count(void);
const struct family_ops *family_at(size_t i);

/* Recipe from configuration and tensors. With header_only shapes are checked and nothing gets data.
 */
int family_build(struct recipe *out, const struct family_ops *family, struct checkpoint *cp,
                 bool header_only, struct attune_progress *progress, struct attune_error *err);

/* Does the model's class have this output? Classes are told by the ends of their names
 * ("ForMaskedLM"); a GGUF file and a class unknown to all give what the family takes for granted.
 */
unsigned family_outputs(struct settings *cfg, const struct family_ops *family);

/* What several families read in the same way. */
bool family_tied(struct settings *cfg, const struct checkpoint *cp, bool absent);
enum activation family_activation(struct settings *cfg, const char *keys, const char *absent);
/* Rows of a matrix, 0 if it is not there. */
int family_rows(const struct checkpoint *cp, const char *name);
/* V: from the configuration, else the tokens in the metadata, else the rows of the GGUF embedding.
 */
int family_vocabulary(struct settings *cfg, const struct checkpoint *cp);
/* Where a family's sizes stand; keys as settings.h has them. NULL: the family has no such field. */
struct family_keys {
    const char *n_layers, *d_model, *n_heads, *n_context;
    int context_absent;     /* positions where the file does not say; 0: it has to */
    const char *d_ff;       /* absent in the file: ff_factor * d_model */
    int ff_factor;          /* 0: has to be there */
    const char *n_kv_heads; /* absent: n_heads */
    const char *head_dim;   /* absent: d_model / n_heads */
};
/* Sizes into the recipe, with the neutral values of everything that a family may then set
 * otherwise. */
void family_shape(struct recipe *out, struct settings *cfg, const struct checkpoint *cp,
                  const struct family_keys *keys);
/* How many labels there are and their names: id2label; absent, two. */
void family_labels(struct recipe *out, struct settings *cfg);
/* The numbers that encoders in BERT's manner share, after family_shape: norms after the sums,
 * learned positions, everybody sees everybody, a tied head, a pooler with tanh, labels. */
void family_encoder(struct recipe *out, struct settings *cfg, const struct checkpoint *cp);
/* What encoder-decoders share: the encoder's sizes (its keys; d_model is not read), and the token
 * that the decoder starts with (the one the second key names where the first is absent). */
void family_two(struct recipe *out, struct settings *cfg, const struct family_keys *encoder,
                const char *start_keys);
/* Base, turning dimensions and scaling of rotary positions, after family_shape. rotary_dims 0: all
 * of a head, unless the GGUF metadata says otherwise. */
void family_rotary(struct recipe *out, struct settings *cfg);

#endif
