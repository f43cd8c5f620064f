/* StarCoder (Li et al., 2023), GPT-BigCode: GPT-2 with one key and value head for all query heads;
 * its linear maps are stored [out, in] in both formats. */
#include <config.h>

#include "engine/family.h"

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "blk.%d.attn_qkv", "h.%d.attn.c_attn", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS, PART_Q},
    {BIND_MATRIX, "blk.%d.attn_qkv", "h.%d.attn.c_attn", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS, PART_K},
    {BIND_MATRIX, "blk.%d.attn_qkv", "h.%d.attn.c_attn", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS, PART_V},
    {BIND_MATRIX, "blk.%d.attn_output", "h.%d.attn.c_proj", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_up", "h.%d.mlp.c_fc", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_down", "h.%d.mlp.c_proj", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "n_layer num_hidden_layers .block_count",
    .d_model = "n_embd hidden_size .embedding_length",
    .n_heads = "n_head num_attention_heads .attention.head_count",
    .n_kv_heads = ".attention.head_count_kv",
    .n_context = "n_positions max_position_embeddings .context_length",
    .d_ff = "n_inner .feed_forward_length",
    .ff_factor = 4,
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->norm = NORM_LAYER;
    out->norm_eps = (float)settings_real(
        cfg, "layer_norm_eps layer_norm_epsilon .attention.layer_norm_epsilon", 1e-5, 0, 1);
    if (!cfg->gguf) {
        out->main.n_kv_heads = 1;
        if (!settings_bool(cfg, "multi_query", true)) {
            settings_fail(cfg, ATTUNE_UNSUPPORTED, "multi_query",
                          "is false, which is not supported");
        }
    }
    out->position = POSITION_LEARNED;
    out->activation = family_activation(cfg, "activation_function", "gelu_pytorch_tanh");
    if (!settings_bool(cfg, "scale_attn_weights", true)) {
        out->main.attention_scale = 1;
    }
    out->tied = family_tied(cfg, cp, true);
}

const struct family_ops family_starcoder = {
    .name = "starcoder",
    .parent = &family_gpt2,
    .gguf_architectures = (const char *const[]){"starcoder", NULL},
    .hf_model_types = (const char *const[]){"gpt_bigcode", NULL},
    .hf_prefix = "transformer.",
    .configure = configure,
    .bindings = bindings,
};
