/* StableLM (Bellagente et al., 2024): LLaMA's blocks with layer norms, of which the first
 * dimensions of a head turn; the larger ones run attention and MLP side by side behind one norm. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_NORM, "output_norm", "norm", AT_STACK(final_norm), NORM},
    {BIND_NORM, "blk.%d.attn_norm", "layers.%d.input_layernorm", AT_LAYER(self.norm), NORM},
    {BIND_NORM, "blk.%d.ffn_norm|blk.%d.attn_norm", "layers.%d.post_attention_layernorm|layers.%d.input_layernorm", AT_LAYER(mlp_norm), NORM},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "num_hidden_layers .block_count",
    .d_model = "hidden_size .embedding_length",
    .n_heads = "num_attention_heads .attention.head_count",
    .n_kv_heads = "num_key_value_heads .attention.head_count_kv",
    .head_dim = "head_dim .attention.key_length",
    .n_context = "max_position_embeddings .context_length",
    .d_ff = "intermediate_size .feed_forward_length",
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->norm = NORM_LAYER;
    out->norm_eps = (float)settings_real(
        cfg, "layer_norm_eps layer_norm_epsilon .attention.layer_norm_epsilon", 1e-5, 0, 1);
    out->activation = family_activation(cfg, "hidden_act", "silu");
    out->parallel_residual = cfg->gguf ? !checkpoint_find(cp, "blk.0.ffn_norm.weight")
                                       : settings_bool(cfg, "use_parallel_residual", false);
    if (settings_bool(cfg, "qk_layernorm", false) ||
        checkpoint_find(cp, "blk.0.attn_q_norm.weight")) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED, "qk_layernorm .attention.qk_layernorm",
                      "is true, which is not supported");
    }
    out->rotary_pairs = ROTARY_HALF;
    out->rotary_dims =
        (int)(out->main.head_dim *
              settings_real(cfg, "partial_rotary_factor rope_parameters/partial_rotary_factor",
                            0.25, 0, 1));
    family_rotary(out, cfg);
    out->tied = family_tied(cfg, cp, false);
}

const struct family_ops family_stablelm = {
    .name = "stablelm",
    .parent = &family_llama,
    .gguf_architectures = (const char *const[]){"stablelm", NULL},
    .hf_model_types = (const char *const[]){"stablelm", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
