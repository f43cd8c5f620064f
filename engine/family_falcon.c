/* Falcon (Almazrouei et al., 2023): attention and MLP side by side behind one layer norm or two,
 * few key and value heads. GGUF calls the second norm, the one before attention, attn_norm_2. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "word_embeddings", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_NORM, "output_norm", "ln_f", AT_STACK(final_norm), NORM},
    {BIND_MATRIX, "output", "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_NORM, "blk.%d.attn_norm_2|blk.%d.attn_norm", "h.%d.ln_attn|h.%d.input_layernorm", AT_LAYER(self.norm), NORM},
    {BIND_NORM, "blk.%d.attn_norm", "h.%d.ln_mlp|h.%d.post_attention_layernorm|h.%d.input_layernorm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_MAY_BIAS, PART_Q},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_MAY_BIAS, PART_K},
    {BIND_MATRIX, "blk.%d.attn_qkv", NULL, AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_MAY_BIAS, PART_V},
    {BIND_MATRIX, NULL, "h.%d.self_attention.query_key_value", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_MAY_BIAS, PART_GROUP_Q},
    {BIND_MATRIX, NULL, "h.%d.self_attention.query_key_value", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_MAY_BIAS, PART_GROUP_K},
    {BIND_MATRIX, NULL, "h.%d.self_attention.query_key_value", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_MAY_BIAS, PART_GROUP_V},
    {BIND_MATRIX, "blk.%d.attn_output", "h.%d.self_attention.dense", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_up", "h.%d.mlp.dense_h_to_4h", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_down", "h.%d.mlp.dense_4h_to_h", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_MAY_BIAS},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "num_hidden_layers n_layer .block_count",
    .d_model = "hidden_size .embedding_length",
    .n_heads = "num_attention_heads n_head .attention.head_count",
    .n_kv_heads = "num_kv_heads n_head_kv .attention.head_count_kv",
    .n_context = "max_position_embeddings .context_length",
    .context_absent = 2048,
    .d_ff = "ffn_hidden_size .feed_forward_length",
    .ff_factor = 4,
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->norm = NORM_LAYER;
    out->norm_eps = (float)settings_real(
        cfg, "layer_norm_eps layer_norm_epsilon .attention.layer_norm_epsilon", 1e-5, 0, 1);
    if (!cfg->gguf && !settings_bool(cfg, "new_decoder_architecture", false)) {
        out->main.n_kv_heads = settings_bool(cfg, "multi_query", true) ? 1 : out->main.n_heads;
    }
    if (settings_bool(cfg, "alibi", false)) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED, "alibi", "is true, which is not supported");
    }
    out->activation = family_activation(cfg, "activation",
                                        cfg->gguf ? "gelu_new" : "gelu"); /* as llama.cpp has it */
    out->parallel_residual = settings_bool(cfg, "new_decoder_architecture", false) ||
                             settings_bool(cfg, "parallel_attn", true);
    out->rotary_pairs = ROTARY_HALF;
    family_rotary(out, cfg);
    out->tied = family_tied(cfg, cp, true);
}

const struct family_ops family_falcon = {
    .name = "falcon",
    .gguf_architectures = (const char *const[]){"falcon", NULL},
    .hf_model_types = (const char *const[]){"falcon", NULL},
    .hf_prefix = "transformer.",
    .configure = configure,
    .bindings = bindings,
};
