/* The table of families, and what several of them read in the same way. */
#include <config.h>

#include "engine/family.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/bind.h"
#include "engine/gguf.h"
#include "engine/quant.h"

static const struct family_ops *const families[] = {
#define FAMILY(name) &family_##name,
#include "engine/tables.inc"
#undef FAMILY
};

enum { MAX_LAYERS = 1024, MAX_WIDTH = 1 << 20, MAX_HEADS = 1 << 14, MAX_ROWS = 1 << 26 };

size_t family_count(void)
{
    return sizeof families / sizeof *families;
}

const struct family_ops *family_at(size_t i)
{
    return families[i];
}

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++) {
        if (strcmp(*names, name) == 0) {
            return true;
        }
    }
    return false;
}

/* "bloom, gpt2, llama": as many names as fit, then dots. */
static void list_families(char *out, size_t capacity)
{
    size_t at = 0;

    for (size_t i = 0; i < family_count(); i++) {
        if (at + strlen(families[i]->name) + sizeof ", ..." > capacity) {
            snprintf(out + at, capacity - at, ", ...");
            return;
        }
        at += (size_t)snprintf(out + at, capacity - at, "%s%s", at ? ", " : "", families[i]->name);
    }
}

const struct family_ops *family_find(const struct settings *cfg, struct attune_error *err)
{
    char known[112] = "";

    for (size_t i = 0; i < family_count(); i++) {
        if (listed(cfg->gguf ? families[i]->gguf_architectures : families[i]->hf_model_types,
                   cfg->architecture)) {
            return families[i];
        }
    }
    list_families(known, sizeof known);
    attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "%s: %s '%.32s' is not supported (what is: %s)",
                     cfg->file, cfg->gguf ? "architecture" : "model_type", cfg->architecture,
                     known);
    return NULL;
}

/* The ends of the names of classes, and what stands on top of such a model. */
static const struct {
    const char *end;
    unsigned outputs;
} classes[] = {
    {"ForMaskedLM", FAMILY_OUTPUT(TOKENS)},
    {"ForCausalLM", FAMILY_OUTPUT(TOKENS)},
    {"LMHeadModel", FAMILY_OUTPUT(TOKENS)},
    {"ForConditionalGeneration", FAMILY_OUTPUT(TOKENS)},
    {"MarianMTModel", FAMILY_OUTPUT(TOKENS)},
    {"ForPreTraining", FAMILY_OUTPUT(TOKENS) | FAMILY_OUTPUT(NEXT_SENTENCE)},
    {"ForNextSentencePrediction", FAMILY_OUTPUT(NEXT_SENTENCE)},
    {"ForQuestionAnswering", FAMILY_OUTPUT(SPAN)},
    {"ForSequenceClassification", FAMILY_OUTPUT(LABELS)},
    {"ForTokenClassification", FAMILY_OUTPUT(TOKEN_LABELS)},
    {"Model", FAMILY_OUTPUT(POOLED)},
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

unsigned family_outputs(struct settings *cfg, const struct family_ops *family)
{
    const char *name = settings_text(cfg, "architectures/0", "");
    unsigned can = family->outputs ? family->outputs : FAMILY_OUTPUT(TOKENS);

    for (size_t i = 0; !cfg->gguf && i < sizeof classes / sizeof *classes; i++) {
        if (ends_with(name, classes[i].end)) {
            if (classes[i].outputs & ~can && can != FAMILY_OUTPUT(TOKENS)) {
                break;
            }
            return classes[i].outputs & can ? classes[i].outputs & can : can;
        }
    }
    if (!cfg->gguf && name[0] && can != FAMILY_OUTPUT(TOKENS)) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED, "architectures/0",
                      "names a class whose head is not supported");
    }
    return cfg->gguf && can & FAMILY_OUTPUT(POOLED) ? FAMILY_OUTPUT(POOLED)
                                                    : can & FAMILY_OUTPUT(TOKENS);
}

enum activation family_activation(struct settings *cfg, const char *keys, const char *absent)
{
    static const struct {
        const char *name;
        enum activation activation;
    } names[] = {
        {"relu", ACT_RELU},
        {"gelu", ACT_GELU_ERF},
        {"gelu_python", ACT_GELU_ERF},
        {"gelu_new", ACT_GELU_TANH},
        {"silu", ACT_SILU},
        {"gelu_pytorch_tanh", ACT_GELU_TANH},
        {"swish", ACT_SILU},
        {"gelu_fast", ACT_GELU_TANH},
    };
    const char *name = settings_text(cfg, keys, absent);
    char reason[80];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i].name) == 0) {
            return names[i].activation;
        }
    }
    snprintf(reason, sizeof reason, "is '%.32s', which is not supported", name);
    settings_fail(cfg, ATTUNE_UNSUPPORTED, keys, reason);
    return ACT_RELU;
}

bool family_tied(struct settings *cfg, const struct checkpoint *cp, bool absent)
{
    return cfg->gguf ? !checkpoint_find(cp, "output.weight")
                     : settings_bool(cfg, "tie_word_embeddings", absent);
}

int family_vocabulary(struct settings *cfg, const struct checkpoint *cp)
{
    const struct gguf_value *tokens =
        cfg->gguf ? gguf_find(cfg->gguf, "tokenizer.ggml.tokens") : NULL;
    const struct tensor *rows = cfg->gguf ? checkpoint_find(cp, "token_embd.weight") : NULL;
    int absent = SETTINGS_WANTED;

    if (rows && rows->n_dims == 2 && rows->shape[0] <= MAX_ROWS) {
        absent = (int)rows->shape[0]; /* the list of tokens may be shorter: embeddings are padded */
    } else if (tokens && tokens->n > 0 && tokens->n <= MAX_ROWS) {
        absent = (int)tokens->n;
    }
    return settings_int(cfg, "vocab_size .vocab_size", absent, 1, MAX_ROWS);
}

/* What a stack has of its own, and whether its heads can be so many. */
static void read_stack(struct stack *out, const struct recipe *recipe, struct settings *cfg,
                       const struct family_keys *keys)
{
    out->n_layers = settings_int(cfg, keys->n_layers, SETTINGS_WANTED, 1, MAX_LAYERS);
    out->n_heads = settings_int(cfg, keys->n_heads, SETTINGS_WANTED, 1, MAX_HEADS);
    out->n_kv_heads = keys->n_kv_heads
                          ? settings_int(cfg, keys->n_kv_heads, out->n_heads, 1, MAX_HEADS)
                          : out->n_heads;
    out->d_ff = settings_int(cfg, keys->d_ff,
                             keys->ff_factor ? keys->ff_factor * recipe->d_model : SETTINGS_WANTED,
                             1, 4 * MAX_WIDTH);
    if (keys->head_dim && settings_has(cfg, keys->head_dim)) {
        out->head_dim = settings_int(cfg, keys->head_dim, SETTINGS_WANTED, 1, MAX_HEADS);
    } else if (recipe->d_model % out->n_heads) {
        settings_fail(cfg, ATTUNE_FORMAT, keys->d_model, "does not divide among the heads");
    } else {
        out->head_dim = recipe->d_model / out->n_heads;
    }
    if (out->n_heads % out->n_kv_heads) {
        settings_fail(cfg, ATTUNE_FORMAT, keys->n_kv_heads, "does not divide the number of heads");
    }
    if ((long)out->n_heads * out->head_dim > 4L * MAX_WIDTH) {
        settings_fail(cfg, ATTUNE_FORMAT, keys->n_heads, "times the size of a head is absurd");
    }
    out->attention_scale = out->head_dim > 0 ? 1.0f / sqrtf((float)out->head_dim) : 1.0f;
}

void family_shape(struct recipe *out, struct settings *cfg, const struct checkpoint *cp,
                  const struct family_keys *keys)
{
    *out = (struct recipe){
        .kind = ATTUNE_DECODER,
        .embedding_scale = 1,
        .logit_scale = 1,
        .rotary_scale = 1,
        .decoder_start = ATTUNE_TOKEN_NONE,
        .never = ATTUNE_TOKEN_NONE,
    };
    out->d_model = settings_int(cfg, keys->d_model, SETTINGS_WANTED, 1, MAX_WIDTH);
    out->d_embedding = out->d_model;
    out->n_context =
        settings_int(cfg, keys->n_context,
                     keys->context_absent ? keys->context_absent : SETTINGS_WANTED, 1, MAX_ROWS);
    out->n_vocab = family_vocabulary(cfg, cp);
    read_stack(&out->main, out, cfg, keys);
    out->main.causal = true;
}

int family_rows(const struct checkpoint *cp, const char *name)
{
    const struct tensor *t = checkpoint_find(cp, name);

    return t && t->n_dims == 2 && t->shape[0] <= MAX_ROWS ? (int)t->shape[0] : 0;
}

static void read_labels(struct recipe *out, struct settings *cfg)
{
    const json_t *names = json_object_get(cfg->json, "id2label");
    size_t n = json_object_size(names) ? json_object_size(names) : 2;
    char key[32];

    if (n > MAX_ROWS / 64) {
        settings_fail(cfg, ATTUNE_FORMAT, "id2label", "has an absurd number of labels");
        return;
    }
    out->n_labels = (int)n;
    out->many_labels =
        strcmp(settings_text(cfg, "problem_type", ""), "multi_label_classification") == 0;
    out->labels = pool_alloc(cfg->pool, n, sizeof *out->labels);
    for (size_t i = 0; i < n && out->labels; i++) {
        const char *name;

        snprintf(key, sizeof key, "%zu", i);
        name = json_string_value(json_object_get(names, key));
        snprintf(key, sizeof key, "LABEL_%zu", i);
        out->labels[i] = pool_text(cfg->pool, name ? name : key, strlen(name ? name : key));
        if (!out->labels[i]) {
            out->labels = NULL;
        }
    }
    if (!out->labels) {
        settings_fail(cfg, ATTUNE_MEMORY, "id2label", "does not fit into memory");
    }
}

void family_encoder(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    out->kind = ATTUNE_ENCODER;
    out->main.causal = false;
    out->norm = NORM_LAYER;
    out->post_norm = true;
    out->position = POSITION_LEARNED;
    out->tied = cfg->gguf || family_tied(cfg, cp, true);
    for (int i = 0; i < ATTUNE_OUTPUT_COUNT; i++) {
        out->outputs[i].activation = i == ATTUNE_OUTPUT_TOKENS ? out->activation : ACT_TANH;
    }
    read_labels(out, cfg);
}

void family_two(struct recipe *out, struct settings *cfg, const struct family_keys *encoder,
                const char *start_keys)
{
    out->kind = ATTUNE_SEQ2SEQ;
    read_stack(&out->encoder, out, cfg, encoder);
    out->decoder_start = settings_int(cfg, start_keys, SETTINGS_WANTED, 0, out->n_vocab - 1);
}

/* Llama 3.1's scaling as divisors of the frequencies: long waves are stretched by `factor`, short
 * ones stay, and between them it is blended (transformers, modeling_rope_utils). */
static void scale_by_wave(struct recipe *out, struct settings *cfg, double factor)
{
    double low = settings_real(cfg, "rope_scaling/low_freq_factor rope_parameters/low_freq_factor",
                               1, 1e-3, 1e3);
    double high = settings_real(
        cfg, "rope_scaling/high_freq_factor rope_parameters/high_freq_factor", 4, 1e-3, 1e3);
    double context = settings_int(cfg,
                                  "rope_scaling/original_max_position_embeddings "
                                  "rope_parameters/original_max_position_embeddings",
                                  SETTINGS_WANTED, 1, MAX_ROWS);
    int half = out->rotary_dims / 2;
    float *factors = pool_alloc(cfg->pool, (size_t)half, sizeof *factors); /* [rotary_dims / 2] */

    if (!factors) {
        settings_fail(cfg, ATTUNE_MEMORY, "rope_scaling rope_parameters",
                      "does not fit into memory");
        return;
    }
    if (high <= low) {
        settings_fail(cfg, ATTUNE_FORMAT,
                      "rope_scaling/high_freq_factor rope_parameters/high_freq_factor",
                      "is not above low_freq_factor");
        return;
    }
    for (int i = 0; i < half; i++) {
        double wave = 6.283185307179586 * pow(out->rotary_base, 2.0 * i / out->rotary_dims);
        double blend = (context / wave - low) / (high - low);

        blend = blend < 0 ? 0 : blend > 1 ? 1 : blend;
        factors[i] = (float)(1 / ((1 - blend) / factor + blend));
    }
    out->rotary_factors = factors;
}

void family_rotary(struct recipe *out, struct settings *cfg)
{
    static const char kind_keys[] =
        "rope_scaling/rope_type rope_scaling/type rope_parameters/rope_type .rope.scaling.type";
    static const char factor_keys[] =
        "rope_scaling/factor rope_parameters/factor .rope.scaling.factor .rope.scale_linear";
    const char *kind = settings_text(cfg, kind_keys, cfg->gguf ? "linear" : "default");
    double factor = settings_real(cfg, factor_keys, 1, 0, 1e6);

    out->position = POSITION_ROTARY;
    out->rotary_base =
        settings_real(cfg, "rope_theta rope_parameters/rope_theta rotary_emb_base .rope.freq_base",
                      10000, 1e-3, 1e15);
    out->rotary_dims =
        settings_int(cfg, ".rope.dimension_count",
                     out->rotary_dims ? out->rotary_dims : out->main.head_dim, 0, MAX_HEADS);
    if (out->rotary_dims < 2 || out->rotary_dims % 2 || out->rotary_dims > out->main.head_dim) {
        settings_fail(cfg, ATTUNE_FORMAT,
                      "head_dim partial_rotary_factor hidden_size .rope.dimension_count",
                      "gives an impossible number of turning dimensions");
        return;
    }
    if (!cfg->gguf && settings_has(cfg, "rope_scaling") && !settings_has(cfg, kind_keys)) {
        settings_fail(cfg, ATTUNE_FORMAT, kind_keys, "is missing");
    } else if (strcmp(kind, "linear") == 0) {
        out->rotary_scale = factor > 0 ? 1 / factor : 1;
        if (!cfg->gguf && factor > 1 && out->n_context < MAX_ROWS / factor) {
            out->n_context =
                (int)(out->n_context * factor); /* the file counts unscaled positions */
        }
    } else if (strcmp(kind, "llama3") == 0 && !cfg->gguf) {
        scale_by_wave(out, cfg, factor > 0 ? factor : 1);
    } else if (strcmp(kind, "default") != 0 && strcmp(kind, "none") != 0) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED, kind_keys,
                      "names a rotary scaling that is not supported");
    }
}

/* The table of "Attention is all you need", as transformers computes it: sines in the first half of
 * a row, cosines in the second (modeling_marian.py). */
static int compute_positions(struct recipe *recipe, struct stack *stack, struct checkpoint *cp,
                             struct attune_error *err)
{
    size_t d = (size_t)recipe->d_model, half = (d + 1) / 2, n = (size_t)recipe->n_context;
    float *table = pool_alloc(&cp->pool, n * d, sizeof *table); /* [n, d] */

    if (!table) {
        return checkpoint_no_memory(cp, err);
    }
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < d; i++) {
            size_t pair = i < half ? i : i - half;
            double angle = (double)t / pow(10000, 2.0 * (double)pair / (double)d);

            table[t * d + i] = (float)(i < half ? sin(angle) : cos(angle));
        }
    }
    stack->positions = (struct matrix){
        .type = quant_by_dtype("F32"),
        .rows = (int)n,
        .cols = (int)d,
        .row_bytes = d * sizeof *table,
        .data = table,
    };
    return ATTUNE_OK;
}

static int build_stack(struct recipe *recipe, struct stack *stack, struct checkpoint *cp,
                       bool header_only, struct attune_error *err)
{
    stack->layers = pool_alloc(&cp->pool, (size_t)stack->n_layers + 1, sizeof *stack->layers);
    stack->n_groups = stack->n_groups ? stack->n_groups : stack->n_layers;
    if (!stack->layers) {
        return checkpoint_no_memory(cp, err);
    }
    return recipe->position == POSITION_SINUSOIDAL && stack->n_layers > 0 && !header_only
               ? compute_positions(recipe, stack, cp, err)
               : ATTUNE_OK;
}

/* What conversions of ours say beyond what the format has words for (convert.c): which of the two
 * GELUs, where llama.cpp has one a family; the scale before T5's head, which it leaves out. */
static void read_own(struct recipe *out, struct settings *cfg)
{
    bool gelu = out->activation == ACT_GELU_ERF || out->activation == ACT_GELU_TANH, erf;
    double scale;

    if (gelu && gguf_get_bool(cfg->gguf, "attune.gelu_erf", &erf)) {
        out->activation = erf ? ACT_GELU_ERF : ACT_GELU_TANH;
    }
    if (gguf_get_f64(cfg->gguf, "attune.logit_scale", &scale) && scale > 0 && scale <= 1) {
        out->logit_scale = (float)scale;
    }
}

int family_build(struct recipe *out, const struct family_ops *family, struct checkpoint *cp,
                 bool header_only, struct attune_progress *progress, struct attune_error *err)
{
    struct settings *cfg = &cp->settings;
    struct matrix *head = &out->outputs[ATTUNE_OUTPUT_TOKENS].out;
    unsigned outputs;
    int status;

    cfg->err = err;
    family->configure(out, cfg, cp);
    if (cfg->gguf) {
        read_own(out, cfg);
    }
    outputs = family_outputs(cfg, family);
    if (cfg->status) {
        return cfg->status;
    }
    out->hidden_beyond = out->hidden_beyond ? out->hidden_beyond : out->main.n_layers;
    status = build_stack(out, &out->main, cp, header_only, err);
    if (status == ATTUNE_OK) {
        status = build_stack(out, &out->encoder, cp, header_only, err);
    }
    if (status == ATTUNE_OK) {
        status = bind_table(out, family, outputs, cp, header_only, progress, err);
    }
    if (status == ATTUNE_OK && out->tied && outputs & FAMILY_OUTPUT(TOKENS)) {
        const float *bias = head->bias;

        *head = out->embedding;
        head->bias = bias;
    }
    return status;
}
