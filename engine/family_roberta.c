/* RoBERTa (Liu et al., 2019): BERT's layers; positions count the tokens that are no padding, from
 * the row after the padding's own. Its head has the erf GELU whatever the layers have. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, NULL, "embeddings.word_embeddings", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_MATRIX, NULL, "embeddings.position_embeddings", AT_STACK(positions), DIM_POSITIONS, DIM_MODEL},
    {BIND_MATRIX, NULL, "embeddings.token_type_embeddings", AT_STACK(segments), DIM_SEGMENTS, DIM_MODEL},
    {BIND_NORM, NULL, "embeddings.LayerNorm", AT_STACK(embedding_norm), NORM},
    {BIND_MATRIX, NULL, "encoder.layer.%d.attention.self.query", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layer.%d.attention.self.key", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layer.%d.attention.self.value", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layer.%d.attention.output.dense", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_NORM, NULL, "encoder.layer.%d.attention.output.LayerNorm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, NULL, "encoder.layer.%d.intermediate.dense", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layer.%d.output.dense", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_NORM, NULL, "encoder.layer.%d.output.LayerNorm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, NULL, "lm_head.dense", AT_OUTPUT(TOKENS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_NORM, NULL, "lm_head.layer_norm", AT_OUTPUT(TOKENS, norm), NORM | BIND_ROOT},
    {BIND_MATRIX, NULL, "lm_head.decoder", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_VECTOR, NULL, "lm_head.bias", AT_OUTPUT(TOKENS, out.bias), DIM_VOCAB, DIM_NONE, BIND_BARE | BIND_ROOT},
    {BIND_MATRIX, NULL, "qa_outputs", AT_OUTPUT(SPAN, out), DIM_TWO, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier.dense", AT_OUTPUT(LABELS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier.out_proj", AT_OUTPUT(LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier", AT_OUTPUT(TOKEN_LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "pooler.dense", AT_OUTPUT(POOLED, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_OPTIONAL},
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
    out->activation = family_activation(cfg, "hidden_act", "gelu");
    family_encoder(out, cfg, cp);
    out->outputs[ATTUNE_OUTPUT_TOKENS].activation = ACT_GELU_ERF;
    out->norm_eps = (float)settings_real(cfg, "layer_norm_eps", 1e-12, 0, 1);
    out->n_segments = settings_int(cfg, "type_vocab_size", 2, 1, 256);
    out->skip_padding = true;
    out->padding = settings_int(cfg, "pad_token_id", 1, 0, out->n_vocab - 1);
    out->position_offset = out->padding + 1;
    out->n_context -= out->position_offset;
    if (out->n_context < 1) {
        settings_fail(cfg, ATTUNE_FORMAT, keys.n_context, "leaves no position after the padding's");
    }
}

const struct family_ops family_roberta = {
    .name = "roberta",
    .hf_model_types = (const char *const[]){"roberta", "xlm-roberta", "camembert", NULL},
    .hf_prefix = "roberta.",
    .outputs = FAMILY_HEADS | FAMILY_OUTPUT(POOLED),
    .configure = configure,
    .bindings = bindings,
};
