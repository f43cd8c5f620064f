/* LLaMA (Touvron et al., 2023) and what is stored just like it: RMS norms, rotary positions,
 * grouped key/value heads, a gated MLP. The rows of Q and K are ordered for half-rotation in
 * Hugging Face files and for neighbouring pairs in GGUF files (llama.cpp permutes them on
 * conversion). */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "embed_tokens", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_NORM, "output_norm", "norm", AT_STACK(final_norm), NORM},
    {BIND_MATRIX, "output", "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_VECTOR, "rope_freqs", NULL, AT_RECIPE(rotary_factors), DIM_ROTARY_HALF, DIM_NONE, BIND_OPTIONAL},
    {BIND_NORM, "blk.%d.attn_norm", "layers.%d.input_layernorm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, "blk.%d.attn_q", "layers.%d.self_attn.q_proj", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.attn_k", "layers.%d.self_attn.k_proj", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.attn_v", "layers.%d.self_attn.v_proj", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.attn_output", "layers.%d.self_attn.o_proj", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_MAY_BIAS},
    {BIND_NORM, "blk.%d.ffn_norm", "layers.%d.post_attention_layernorm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "blk.%d.ffn_gate", "layers.%d.mlp.gate_proj", AT_LAYER(gate), DIM_FF, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_up", "layers.%d.mlp.up_proj", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, "blk.%d.ffn_down", "layers.%d.mlp.down_proj", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_MAY_BIAS},
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

/* Within the window, attention that slides is plain attention: no further is what we promise. */
static void limit_to_window(struct recipe *out, struct settings *cfg)
{
    int window = settings_int(cfg, "sliding_window .attention.sliding_window", 0, 0, INT_MAX);

    if (settings_bool(cfg, "use_sliding_window", true) && window > 0 && window < out->n_context) {
        out->n_context = window;
    }
}

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    if (settings_int(cfg, "num_local_experts .expert_count", 0, 0, 65536) > 0) {
        settings_fail(cfg, ATTUNE_UNSUPPORTED, "num_local_experts .expert_count",
                      "is not 0: mixtures of experts are not supported");
    }
    limit_to_window(out, cfg);
    out->norm = NORM_RMS;
    out->norm_eps =
        (float)settings_real(cfg, "rms_norm_eps .attention.layer_norm_rms_epsilon", 1e-6, 0, 1);
    out->activation = family_activation(cfg, "hidden_act", "silu");
    out->rotary_pairs = cfg->gguf ? ROTARY_NEIGHBOUR : ROTARY_HALF;
    family_rotary(out, cfg);
    out->tied = family_tied(cfg, cp, false);
}

const struct family_ops family_llama = {
    .name = "llama",
    .gguf_architectures = (const char *const[]){"llama", NULL},
    .hf_model_types = (const char *const[]){"llama", "mistral", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
