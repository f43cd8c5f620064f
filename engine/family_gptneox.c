/* GPT-NeoX (Black et al., 2022), Pythia: attention and MLP side by side, each behind its own layer
 * norm; the first dimensions of a head turn. Q, K and V come head by head in Hugging Face files, as
 * blocks in GGUF. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "embed_in", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_NORM, "output_norm", "final_layer_norm", AT_STACK(final_norm), NORM},
    {BIND_MATRIX, "output", "embed_out", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_NORM, "blk.%d.attn_norm", "layers.%d.input_layernorm", AT_LAYER(self.norm), NORM},
    {BIND_NORM, "blk.%d.ffn_norm", "layers.%d.post_attention_layernorm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS, PART_Q},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS, PART_K},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS, PART_V},
    {BIND_MATRIX, NULL, "layers.%d.attention.query_key_value", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS, PART_GROUP_Q},
    {BIND_MATRIX, NULL, "layers.%d.attention.query_key_value", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS, PART_GROUP_K},
    {BIND_MATRIX, NULL, "layers.%d.attention.query_key_value", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS, PART_GROUP_V},
    {BIND_MATRIX, "blk.%d.attn_output", "layers.%d.attention.dense", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_up", "layers.%d.mlp.dense_h_to_4h", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_down", "layers.%d.mlp.dense_4h_to_h", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
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
    out->norm = NORM_LAYER;
    out->norm_eps = (float)settings_real(
        cfg, "layer_norm_eps layer_norm_epsilon .attention.layer_norm_epsilon", 1e-5, 0, 1);
    out->activation = family_activation(cfg, "hidden_act",
                                        cfg->gguf ? "gelu_new" : "gelu"); /* as llama.cpp has it */
    out->parallel_residual =
        settings_bool(cfg, "use_parallel_residual .use_parallel_residual", true);
    out->rotary_pairs = ROTARY_HALF;
    out->rotary_dims =
        (int)(out->main.head_dim *
              settings_real(cfg, "rotary_pct rope_parameters/partial_rotary_factor", 0.25, 0, 1));
    family_rotary(out, cfg);
    out->tied = family_tied(cfg, cp, false);
}

const struct family_ops family_gptneox = {
    .name = "gptneox",
    .gguf_architectures = (const char *const[]){"gptneox", NULL},
    .hf_model_types = (const char *const[]){"gpt_neox", NULL},
    .hf_prefix = "gpt_neox.",
    .configure = configure,
    .bindings = bindings,
};
