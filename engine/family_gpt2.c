/* GPT-2 (Radford et al., 2019): learned positions, layer norm before each block, tied head. Hugging
 * Face files store the linear maps [in, out] (transformers, modeling_gpt2.py); GGUF files [out,
 * in]. */
#include <config.h>

#include "engine/family.h"

#define NORM   DIM_MODEL, DIM_NONE, BIND_BIAS
#define LINEAR BIND_BIAS | BIND_IN_OUT

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "wte", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_MATRIX, "position_embd", "wpe", AT_STACK(positions), DIM_POSITIONS, DIM_MODEL},
    {BIND_NORM, "output_norm", "ln_f", AT_STACK(final_norm), NORM},
    {BIND_MATRIX, "output", "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_NORM, "blk.%d.attn_norm", "h.%d.ln_1", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, "blk.%d.attn_qkv", "h.%d.attn.c_attn", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, LINEAR, PART_Q},
    {BIND_MATRIX, "blk.%d.attn_qkv", "h.%d.attn.c_attn", AT_LAYER(self.k), DIM_KV, DIM_MODEL, LINEAR, PART_K},
    {BIND_MATRIX, "blk.%d.attn_qkv", "h.%d.attn.c_attn", AT_LAYER(self.v), DIM_KV, DIM_MODEL, LINEAR, PART_V},
    {BIND_MATRIX, "blk.%d.attn_output", "h.%d.attn.c_proj", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, LINEAR},
    {BIND_NORM, "blk.%d.ffn_norm", "h.%d.ln_2", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "blk.%d.ffn_up", "h.%d.mlp.c_fc", AT_LAYER(up), DIM_FF, DIM_MODEL, LINEAR},
    {BIND_MATRIX, "blk.%d.ffn_down", "h.%d.mlp.c_proj", AT_LAYER(down), DIM_MODEL, DIM_FF, LINEAR},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "n_layer num_hidden_layers .block_count",
    .d_model = "n_embd hidden_size .embedding_length",
    .n_heads = "n_head num_attention_heads .attention.head_count",
    .n_context = "n_positions n_ctx max_position_embeddings .context_length",
    .d_ff = "n_inner .feed_forward_length",
    .ff_factor = 4,
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->norm = NORM_LAYER;
    out->norm_eps =
        (float)settings_real(cfg, "layer_norm_epsilon .attention.layer_norm_epsilon", 1e-5, 0, 1);
    out->position = POSITION_LEARNED;
    out->activation = family_activation(cfg, "activation_function", "gelu_new");
    out->scale_by_layer = settings_bool(cfg, "scale_attn_by_inverse_layer_idx", false);
    if (!settings_bool(cfg, "scale_attn_weights", true)) {
        out->main.attention_scale = 1;
    }
    out->tied = family_tied(cfg, cp, true);
}

const struct family_ops family_gpt2 = {
    .name = "gpt2",
    .gguf_architectures = (const char *const[]){"gpt2", NULL},
    .hf_model_types = (const char *const[]){"gpt2", NULL},
    .hf_prefix = "transformer.",
    .configure = configure,
    .bindings = bindings,
};
