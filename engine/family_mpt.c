/* MPT (MosaicML, 2023): ALiBi, layer norms and linear maps mostly without biases, Q, K and V as
 * three blocks. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_MAY_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "wte", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_NORM, "output_norm", "norm_f", AT_STACK(final_norm), NORM},
    {BIND_MATRIX, "output", "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_NORM, "blk.%d.attn_norm", "blocks.%d.norm_1", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, "blk.%d.attn_qkv", "blocks.%d.attn.Wqkv", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_MAY_BIAS, PART_Q},
    {BIND_MATRIX, "blk.%d.attn_qkv", "blocks.%d.attn.Wqkv", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_MAY_BIAS, PART_K},
    {BIND_MATRIX, "blk.%d.attn_qkv", "blocks.%d.attn.Wqkv", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_MAY_BIAS, PART_V},
    {BIND_MATRIX, "blk.%d.attn_output", "blocks.%d.attn.out_proj", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_MAY_BIAS},
    {BIND_NORM, "blk.%d.ffn_norm", "blocks.%d.norm_2", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "blk.%d.ffn_up", "blocks.%d.ffn.up_proj", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_down", "blocks.%d.ffn.down_proj", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_MAY_BIAS},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "n_layers .block_count",
    .d_model = "d_model .embedding_length",
    .n_heads = "n_heads .attention.head_count",
    .n_kv_heads = "attn_config/kv_n_heads .attention.head_count_kv",
    .n_context = "max_seq_len .context_length",
    .d_ff = ".feed_forward_length",
    .ff_factor = 4,
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->norm = NORM_LAYER;
    out->norm_eps = (float)settings_real(
        cfg, "layer_norm_eps layer_norm_epsilon .attention.layer_norm_epsilon", 1e-5, 0, 1);
    out->clamp_qkv =
        (float)settings_real(cfg, "attn_config/clip_qkv .attention.clamp_kqv", 0, 0, 1e30);
    if (settings_real(cfg, "attn_config/alibi_bias_max .attention.max_alibi_bias", 8, 0, 1e30) !=
        8) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED,
                      "attn_config/alibi_bias_max .attention.max_alibi_bias",
                      "is not 8, which is not supported");
    }
    if (!cfg->gguf && !settings_bool(cfg, "attn_config/alibi", true)) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED, "attn_config/alibi",
                      "is false, which is not supported");
    }
    out->activation = cfg->gguf ? ACT_GELU_TANH : ACT_GELU_ERF; /* as llama.cpp has it */
    out->position = POSITION_ALIBI;
    out->tied = family_tied(cfg, cp, true);
}

const struct family_ops family_mpt = {
    .name = "mpt",
    .gguf_architectures = (const char *const[]){"mpt", NULL},
    .hf_model_types = (const char *const[]){"mpt", NULL},
    .hf_prefix = "transformer.",
    .configure = configure,
    .bindings = bindings,
};
