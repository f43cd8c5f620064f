/* BLOOM (Le Scao et al., 2022): no positions but ALiBi's, a norm straight after the embedding, tanh
 * GELU. Q, K and V come head by head in Hugging Face files, as blocks in GGUF. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "word_embeddings", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_NORM, "token_embd_norm", "word_embeddings_layernorm", AT_STACK(embedding_norm), NORM},
    {BIND_NORM, "output_norm", "ln_f", AT_STACK(final_norm), NORM},
    {BIND_MATRIX, "output", "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_NORM, "blk.%d.attn_norm", "h.%d.input_layernorm", AT_LAYER(self.norm), NORM},
    {BIND_NORM, "blk.%d.ffn_norm", "h.%d.post_attention_layernorm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS, PART_Q},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS, PART_K},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS, PART_V},
    {BIND_MATRIX, NULL, "h.%d.self_attention.query_key_value", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS, PART_GROUP_Q},
    {BIND_MATRIX, NULL, "h.%d.self_attention.query_key_value", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS, PART_GROUP_K},
    {BIND_MATRIX, NULL, "h.%d.self_attention.query_key_value", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS, PART_GROUP_V},
    {BIND_MATRIX, "blk.%d.attn_output", "h.%d.self_attention.dense", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_up", "h.%d.mlp.dense_h_to_4h", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_down", "h.%d.mlp.dense_4h_to_h", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "n_layer num_hidden_layers .block_count",
    .d_model = "hidden_size n_embed .embedding_length",
    .n_heads = "n_head num_attention_heads .attention.head_count",
    .n_context = "seq_length .context_length",
    .context_absent = 2048, /* what all of them were trained with */
    .d_ff = "n_inner .feed_forward_length",
    .ff_factor = 4,
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->norm = NORM_LAYER;
    out->norm_eps = (float)settings_real(
        cfg, "layer_norm_eps layer_norm_epsilon .attention.layer_norm_epsilon", 1e-5, 0, 1);
    out->activation = ACT_GELU_TANH;
    out->position = POSITION_ALIBI;
    out->residual_after_norm =
        settings_bool(cfg, "apply_residual_connection_post_layernorm", false);
    out->tied = family_tied(cfg, cp, true);
}

const struct family_ops family_bloom = {
    .name = "bloom",
    .gguf_architectures = (const char *const[]){"bloom", NULL},
    .hf_model_types = (const char *const[]){"bloom", NULL},
    .hf_prefix = "transformer.",
    .configure = configure,
    .bindings = bindings,
};
