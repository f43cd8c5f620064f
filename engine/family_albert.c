/* ALBERT (Lan et al., 2019): BERT with a narrow embedding that is projected, and layers that share
 * their weights in groups. */
#include <config.h>

#include "engine/family.h"

#define NORM      DIM_MODEL, DIM_NONE, BIND_BIAS
#define THIN_NORM DIM_EMBEDDING, DIM_NONE, BIND_BIAS
#define GROUP     "encoder.albert_layer_groups.%d.albert_layers.0."

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, NULL, "embeddings.word_embeddings", AT_RECIPE(embedding), DIM_VOCAB, DIM_EMBEDDING},
    {BIND_MATRIX, NULL, "embeddings.position_embeddings", AT_STACK(positions), DIM_POSITIONS, DIM_EMBEDDING},
    {BIND_MATRIX, NULL, "embeddings.token_type_embeddings", AT_STACK(segments), DIM_SEGMENTS, DIM_EMBEDDING},
    {BIND_NORM, NULL, "embeddings.LayerNorm", AT_STACK(embedding_norm), THIN_NORM},
    {BIND_MATRIX, NULL, "encoder.embedding_hidden_mapping_in", AT_RECIPE(project_in), DIM_MODEL, DIM_EMBEDDING, BIND_BIAS},
    {BIND_MATRIX, NULL, GROUP "attention.query", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, GROUP "attention.key", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, GROUP "attention.value", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, GROUP "attention.dense", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_NORM, NULL, GROUP "attention.LayerNorm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, NULL, GROUP "ffn", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, GROUP "ffn_output", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_NORM, NULL, GROUP "full_layer_layer_norm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, NULL, "predictions.dense", AT_OUTPUT(TOKENS, dense), DIM_EMBEDDING, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_NORM, NULL, "predictions.LayerNorm", AT_OUTPUT(TOKENS, norm), THIN_NORM | BIND_ROOT},
    {BIND_MATRIX, NULL, "predictions.decoder", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_EMBEDDING, BIND_UNTIED | BIND_ROOT},
    {BIND_VECTOR, NULL, "predictions.bias", AT_OUTPUT(TOKENS, out.bias), DIM_VOCAB, DIM_NONE, BIND_BARE | BIND_ROOT},
    {BIND_MATRIX, NULL, "qa_outputs", AT_OUTPUT(SPAN, out), DIM_TWO, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "pooler", AT_OUTPUT(LABELS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "classifier", AT_OUTPUT(LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier", AT_OUTPUT(TOKEN_LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "pooler", AT_OUTPUT(POOLED, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_OPTIONAL},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "num_hidden_layers",
    .d_model = "hidden_size",
    .n_heads = "num_attention_heads",
    .n_context = "max_position_embeddings",
    .d_ff = "intermediate_size",
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->activation = family_activation(cfg, "hidden_act", "gelu_new");
    family_encoder(out, cfg, cp);
    out->norm_eps = (float)settings_real(cfg, "layer_norm_eps", 1e-12, 0, 1);
    out->d_embedding = settings_int(cfg, "embedding_size", 128, 1, 1 << 20);
    out->n_segments = settings_int(cfg, "type_vocab_size", 2, 1, 256);
    out->main.n_groups = settings_int(cfg, "num_hidden_groups", 1, 1, out->main.n_layers);
    if (settings_int(cfg, "inner_group_num", 1, 1, INT_MAX) != 1) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED, "inner_group_num",
                      "is not 1, which is not supported");
    }
}

const struct family_ops family_albert = {
    .name = "albert",
    .hf_model_types = (const char *const[]){"albert", NULL},
    .hf_prefix = "albert.",
    .outputs = FAMILY_HEADS | FAMILY_OUTPUT(POOLED),
    .configure = configure,
    .bindings = bindings,
};
