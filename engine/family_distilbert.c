/* DistilBERT (Sanh et al., 2019): half of BERT's layers, no segments, no pooler. The classification
 * head has ReLU whatever the layers have. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, NULL, "embeddings.word_embeddings", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_MATRIX, NULL, "embeddings.position_embeddings", AT_STACK(positions), DIM_POSITIONS, DIM_MODEL},
    {BIND_NORM, NULL, "embeddings.LayerNorm", AT_STACK(embedding_norm), NORM},
    {BIND_MATRIX, NULL, "transformer.layer.%d.attention.q_lin", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "transformer.layer.%d.attention.k_lin", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "transformer.layer.%d.attention.v_lin", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "transformer.layer.%d.attention.out_lin", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_NORM, NULL, "transformer.layer.%d.sa_layer_norm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, NULL, "transformer.layer.%d.ffn.lin1", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "transformer.layer.%d.ffn.lin2", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_NORM, NULL, "transformer.layer.%d.output_layer_norm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, NULL, "vocab_transform", AT_OUTPUT(TOKENS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_NORM, NULL, "vocab_layer_norm", AT_OUTPUT(TOKENS, norm), NORM | BIND_ROOT},
    {BIND_MATRIX, NULL, "vocab_projector", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_VECTOR, NULL, "vocab_projector.bias", AT_OUTPUT(TOKENS, out.bias), DIM_VOCAB, DIM_NONE, BIND_BARE | BIND_ROOT},
    {BIND_MATRIX, NULL, "qa_outputs", AT_OUTPUT(SPAN, out), DIM_TWO, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "pre_classifier", AT_OUTPUT(LABELS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier", AT_OUTPUT(LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier", AT_OUTPUT(TOKEN_LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "n_layers",
    .d_model = "dim",
    .n_heads = "n_heads",
    .n_context = "max_position_embeddings",
    .d_ff = "hidden_dim",
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->activation = family_activation(cfg, "activation", "gelu");
    family_encoder(out, cfg, cp);
    out->outputs[ATTUNE_OUTPUT_LABELS].activation = ACT_RELU;
    out->norm_eps = 1e-12f;
}

const struct family_ops family_distilbert = {
    .name = "distilbert",
    .hf_model_types = (const char *const[]){"distilbert", NULL},
    .hf_prefix = "distilbert.",
    .outputs = FAMILY_HEADS | FAMILY_OUTPUT(POOLED),
    .configure = configure,
    .bindings = bindings,
};
