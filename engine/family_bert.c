/* BERT (Devlin et al., 2018): an encoder with learned positions, segments, and norms after the
 * sums. What stands on top is told by the class. GGUF files have no head. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "embeddings.word_embeddings", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_MATRIX, "position_embd", "embeddings.position_embeddings", AT_STACK(positions), DIM_POSITIONS, DIM_MODEL},
    {BIND_MATRIX, "token_types", "embeddings.token_type_embeddings", AT_STACK(segments), DIM_SEGMENTS, DIM_MODEL},
    {BIND_NORM, "token_embd_norm", "embeddings.LayerNorm", AT_STACK(embedding_norm), NORM},
    {BIND_MATRIX, "blk.%d.attn_q", "encoder.layer.%d.attention.self.query", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.attn_k", "encoder.layer.%d.attention.self.key", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.attn_v", "encoder.layer.%d.attention.self.value", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.attn_output", "encoder.layer.%d.attention.output.dense", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_NORM, "blk.%d.attn_output_norm", "encoder.layer.%d.attention.output.LayerNorm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, "blk.%d.ffn_up", "encoder.layer.%d.intermediate.dense", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_down", "encoder.layer.%d.output.dense", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_NORM, "blk.%d.layer_output_norm", "encoder.layer.%d.output.LayerNorm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, NULL, "cls.predictions.transform.dense", AT_OUTPUT(TOKENS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_NORM, NULL, "cls.predictions.transform.LayerNorm", AT_OUTPUT(TOKENS, norm), NORM | BIND_ROOT},
    {BIND_MATRIX, NULL, "cls.predictions.decoder", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_VECTOR, NULL, "cls.predictions.bias", AT_OUTPUT(TOKENS, out.bias), DIM_VOCAB, DIM_NONE, BIND_BARE | BIND_ROOT},
    {BIND_MATRIX, NULL, "pooler.dense", AT_OUTPUT(NEXT_SENTENCE, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "cls.seq_relationship", AT_OUTPUT(NEXT_SENTENCE, out), DIM_TWO, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "qa_outputs", AT_OUTPUT(SPAN, out), DIM_TWO, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "pooler.dense", AT_OUTPUT(LABELS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "classifier", AT_OUTPUT(LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier", AT_OUTPUT(TOKEN_LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "pooler.dense", AT_OUTPUT(POOLED, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_OPTIONAL},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "num_hidden_layers .block_count",
    .d_model = "hidden_size .embedding_length",
    .n_heads = "num_attention_heads .attention.head_count",
    .n_context = "max_position_embeddings .context_length",
    .d_ff = "intermediate_size .feed_forward_length",
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->activation = cfg->gguf ? ACT_GELU_TANH /* as llama.cpp has it */
                                : family_activation(cfg, "hidden_act", "gelu");
    family_encoder(out, cfg, cp);
    out->norm_eps =
        (float)settings_real(cfg, "layer_norm_eps .attention.layer_norm_epsilon", 1e-12, 0, 1);
    out->n_segments = cfg->gguf ? family_rows(cp, "token_types.weight")
                                : settings_int(cfg, "type_vocab_size", 2, 1, 256);
}

const struct family_ops family_bert = {
    .name = "bert",
    .gguf_architectures = (const char *const[]){"bert", NULL},
    .hf_model_types = (const char *const[]){"bert", NULL},
    .hf_prefix = "bert.",
    .outputs = FAMILY_HEADS | FAMILY_OUTPUT(NEXT_SENTENCE) | FAMILY_OUTPUT(POOLED),
    .configure = configure,
    .bindings = bindings,
};
