/* The table of families, and what several of them read in the same way. */
#include <config.h>

#include "engine/family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/bind.h"
#include "engine/gguf.h"

#define FAMILY(name) extern const struct family_ops family_##name;
#include "engine/tables.inc"
#undef FAMILY

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

    if (tokens && tokens->n > 0 && tokens->n <= MAX_ROWS) {
        absent = (int)tokens->n;
    } else if (rows && rows->n_dims == 2 && rows->shape[0] <= MAX_ROWS) {
        absent = (int)rows->shape[0];
    }
    return settings_int(cfg, "vocab_size .vocab_size", absent, 1, MAX_ROWS);
}

void family_shape(struct recipe *out, struct settings *cfg, const struct checkpoint *cp,
                  const struct family_keys *keys)
{
    *out = (struct recipe){
        .kind = ATTUNE_DECODER, .embedding_scale = 1, .logit_scale = 1, .rotary_scale = 1};
    out->decoder.n_layers = settings_int(cfg, keys->n_layers, SETTINGS_WANTED, 1, MAX_LAYERS);
    out->d_model = settings_int(cfg, keys->d_model, SETTINGS_WANTED, 1, MAX_WIDTH);
    out->n_heads = settings_int(cfg, keys->n_heads, SETTINGS_WANTED, 1, MAX_HEADS);
    out->n_context =
        settings_int(cfg, keys->n_context,
                     keys->context_absent ? keys->context_absent : SETTINGS_WANTED, 1, MAX_ROWS);
    out->n_vocab = family_vocabulary(cfg, cp);
    out->n_kv_heads = keys->n_kv_heads
                          ? settings_int(cfg, keys->n_kv_heads, out->n_heads, 1, MAX_HEADS)
                          : out->n_heads;
    out->d_ff = settings_int(cfg, keys->d_ff,
                             keys->ff_factor ? keys->ff_factor * out->d_model : SETTINGS_WANTED, 1,
                             4 * MAX_WIDTH);
    if (keys->head_dim && settings_has(cfg, keys->head_dim)) {
        out->head_dim = settings_int(cfg, keys->head_dim, SETTINGS_WANTED, 1, MAX_HEADS);
    } else if (out->d_model % out->n_heads) {
        settings_fail(cfg, ATTUNE_FORMAT, keys->d_model, "does not divide among the heads");
    } else {
        out->head_dim = out->d_model / out->n_heads;
    }
    if (out->n_heads % out->n_kv_heads) {
        settings_fail(cfg, ATTUNE_FORMAT, keys->n_kv_heads, "does not divide the number of heads");
    }
    if ((long)out->n_heads * out->head_dim > 4L * MAX_WIDTH) {
        settings_fail(cfg, ATTUNE_FORMAT, keys->n_heads, "times the size of a head is absurd");
    }
    out->attention_scale = out->head_dim > 0 ? 1.0f / sqrtf((float)out->head_dim) : 1.0f;
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
                     out->rotary_dims ? out->rotary_dims : out->head_dim, 0, MAX_HEADS);
    if (out->rotary_dims < 2 || out->rotary_dims % 2 || out->rotary_dims > out->head_dim) {
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

int family_build(struct recipe *out, const struct family_ops *family, struct checkpoint *cp,
                 bool header_only, struct attune_progress *progress, struct attune_error *err)
{
    struct settings *cfg = &cp->settings;
    int status;

    cfg->err = err;
    family->configure(out, cfg, cp);
    if (cfg->status) {
        return cfg->status;
    }
    out->decoder.layers =
        pool_alloc(&cp->pool, (size_t)out->decoder.n_layers, sizeof *out->decoder.layers);
    if (!out->decoder.layers) {
        return checkpoint_no_memory(cp, err);
    }
    status = bind_table(out, family, cp, header_only, progress, err);
    if (status == ATTUNE_OK && out->tied) {
        out->head = out->embedding;
    }
    return status;
}
