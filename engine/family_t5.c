/* T5 (Raffel et al., 2020) and FLAN-T5: an encoder and a decoder without biases, RMS norms before
 * the blocks, unscaled products with a learned bias for each bucket of distances, held in block 0
 * for all blocks. The first form has ReLU, that of version 1.1 a gate with the tanh GELU and a head
 * of its own. */
#include <config.h>

#include <math.h>
#include <string.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "token_embd", "shared|encoder.embed_tokens|decoder.embed_tokens", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_MATRIX, "output", "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED},
    {BIND_MATRIX, "enc.blk.0.attn_rel_b", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias", AT_ENCODER(relative), DIM_BUCKETS, DIM_EACH_HEAD},
    {BIND_NORM, "enc.output_norm", "encoder.final_layer_norm", AT_ENCODER(final_norm), NORM},
    {BIND_NORM, "enc.blk.%d.attn_norm", "encoder.block.%d.layer.0.layer_norm", AT_ENCODER_LAYER(self.norm), NORM},
    {BIND_MATRIX, "enc.blk.%d.attn_q", "encoder.block.%d.layer.0.SelfAttention.q", AT_ENCODER_LAYER(self.q), DIM_HEADS, DIM_MODEL},
    {BIND_MATRIX, "enc.blk.%d.attn_k", "encoder.block.%d.layer.0.SelfAttention.k", AT_ENCODER_LAYER(self.k), DIM_KV, DIM_MODEL},
    {BIND_MATRIX, "enc.blk.%d.attn_v", "encoder.block.%d.layer.0.SelfAttention.v", AT_ENCODER_LAYER(self.v), DIM_KV, DIM_MODEL},
    {BIND_MATRIX, "enc.blk.%d.attn_o", "encoder.block.%d.layer.0.SelfAttention.o", AT_ENCODER_LAYER(self.o), DIM_MODEL, DIM_HEADS},
    {BIND_NORM, "enc.blk.%d.ffn_norm", "encoder.block.%d.layer.1.layer_norm", AT_ENCODER_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "enc.blk.%d.ffn_gate", "encoder.block.%d.layer.1.DenseReluDense.wi_0", AT_ENCODER_LAYER(gate), DIM_FF, DIM_MODEL, BIND_OPTIONAL},
    {BIND_MATRIX, "enc.blk.%d.ffn_up", "encoder.block.%d.layer.1.DenseReluDense.wi_1|encoder.block.%d.layer.1.DenseReluDense.wi", AT_ENCODER_LAYER(up), DIM_FF, DIM_MODEL},
    {BIND_MATRIX, "enc.blk.%d.ffn_down", "encoder.block.%d.layer.1.DenseReluDense.wo", AT_ENCODER_LAYER(down), DIM_MODEL, DIM_FF},
    {BIND_MATRIX, "dec.blk.0.attn_rel_b", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias", AT_STACK(relative), DIM_BUCKETS, DIM_EACH_HEAD},
    {BIND_NORM, "dec.output_norm", "decoder.final_layer_norm", AT_STACK(final_norm), NORM},
    {BIND_NORM, "dec.blk.%d.attn_norm", "decoder.block.%d.layer.0.layer_norm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, "dec.blk.%d.attn_q", "decoder.block.%d.layer.0.SelfAttention.q", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL},
    {BIND_MATRIX, "dec.blk.%d.attn_k", "decoder.block.%d.layer.0.SelfAttention.k", AT_LAYER(self.k), DIM_KV, DIM_MODEL},
    {BIND_MATRIX, "dec.blk.%d.attn_v", "decoder.block.%d.layer.0.SelfAttention.v", AT_LAYER(self.v), DIM_KV, DIM_MODEL},
    {BIND_MATRIX, "dec.blk.%d.attn_o", "decoder.block.%d.layer.0.SelfAttention.o", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS},
    {BIND_NORM, "dec.blk.%d.cross_attn_norm", "decoder.block.%d.layer.1.layer_norm", AT_LAYER(cross.norm), NORM},
    {BIND_MATRIX, "dec.blk.%d.cross_attn_q", "decoder.block.%d.layer.1.EncDecAttention.q", AT_LAYER(cross.q), DIM_HEADS, DIM_MODEL},
    {BIND_MATRIX, "dec.blk.%d.cross_attn_k", "decoder.block.%d.layer.1.EncDecAttention.k", AT_LAYER(cross.k), DIM_KV, DIM_MODEL},
    {BIND_MATRIX, "dec.blk.%d.cross_attn_v", "decoder.block.%d.layer.1.EncDecAttention.v", AT_LAYER(cross.v), DIM_KV, DIM_MODEL},
    {BIND_MATRIX, "dec.blk.%d.cross_attn_o", "decoder.block.%d.layer.1.EncDecAttention.o", AT_LAYER(cross.o), DIM_MODEL, DIM_HEADS},
    {BIND_NORM, "dec.blk.%d.ffn_norm", "decoder.block.%d.layer.2.layer_norm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, "dec.blk.%d.ffn_gate", "decoder.block.%d.layer.2.DenseReluDense.wi_0", AT_LAYER(gate), DIM_FF, DIM_MODEL, BIND_OPTIONAL},
    {BIND_MATRIX, "dec.blk.%d.ffn_up", "decoder.block.%d.layer.2.DenseReluDense.wi_1|decoder.block.%d.layer.2.DenseReluDense.wi", AT_LAYER(up), DIM_FF, DIM_MODEL},
    {BIND_MATRIX, "dec.blk.%d.ffn_down", "decoder.block.%d.layer.2.DenseReluDense.wo", AT_LAYER(down), DIM_MODEL, DIM_FF},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "num_decoder_layers num_layers .decoder_block_count .block_count",
    .d_model = "d_model .embedding_length",
    .n_heads = "num_heads .attention.head_count",
    .n_context = "n_positions .context_length",
    .context_absent = 512, /* what all of them were trained with; nothing in the model ends there */
    .d_ff = "d_ff .feed_forward_length",
    .head_dim = "d_kv .attention.key_length",
};

static const struct family_keys encoder_keys = {
    .n_layers = "num_layers .block_count",
    .d_model = "d_model .embedding_length",
    .n_heads = "num_heads .attention.head_count",
    .d_ff = "d_ff .feed_forward_length",
    .head_dim = "d_kv .attention.key_length",
};

/* "relu", "gated-gelu", "gated-silu": in front of a gate the GELU is the tanh form. */
static enum activation read_activation(struct settings *cfg, const struct checkpoint *cp)
{
    const char *name = settings_text(cfg, "feed_forward_proj", "relu");

    if (cfg->gguf) {
        return checkpoint_find(cp, "enc.blk.0.ffn_gate.weight") ? ACT_GELU_TANH : ACT_RELU;
    }
    if (strcmp(name, "gated-gelu") == 0) {
        return ACT_GELU_TANH;
    }
    if (strcmp(name, "gated-silu") == 0) {
        return ACT_SILU;
    }
    if (strcmp(name, "gated-relu") == 0) {
        return ACT_RELU;
    }
    return family_activation(cfg, "feed_forward_proj", "relu");
}

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    family_two(out, cfg, &encoder_keys,
               "decoder_start_token_id pad_token_id .decoder_start_token_id");
    out->norm = NORM_RMS;
    out->norm_eps = (float)settings_real(
        cfg, "layer_norm_epsilon .attention.layer_norm_rms_epsilon", 1e-6, 0, 1);
    out->position = POSITION_RELATIVE;
    out->relative_buckets = settings_int(
        cfg, "relative_attention_num_buckets .attention.relative_buckets_count", 32, 4, 1 << 16);
    out->relative_distance = settings_int(cfg, "relative_attention_max_distance", 128, 2, 1 << 24);
    out->main.attention_scale = out->encoder.attention_scale = 1;
    out->activation = read_activation(cfg, cp);
    out->tied = family_tied(cfg, cp, true);
    if (out->tied &&
        !cfg->gguf) { /* llama.cpp leaves this out, and so ranks alike but is more sure */
        out->logit_scale = 1 / sqrtf((float)out->d_model);
    }
}

const struct family_ops family_t5 = {
    .name = "t5",
    .gguf_architectures = (const char *const[]){"t5", NULL},
    .hf_model_types = (const char *const[]){"t5", "mt5", NULL},
    .configure = configure,
    .bindings = bindings,
};
