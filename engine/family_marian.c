/* MarianMT (Junczys-Dowmunt et al., 2018) in the form of the original Transformer (Vaswani et al.,
 * 2017): BART's layers, positions as sines and cosines that no file holds, no norm after the
 * embedding. */
#include <config.h>

#include <math.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, NULL, "shared|encoder.embed_tokens|decoder.embed_tokens", AT_RECIPE(embedding), DIM_VOCAB, DIM_MODEL},
    {BIND_MATRIX, NULL, "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_VECTOR, NULL, "final_logits_bias", AT_OUTPUT(TOKENS, out.bias), DIM_VOCAB, DIM_NONE, BIND_BARE | BIND_ROOT | BIND_OPTIONAL},
    {BIND_MATRIX, NULL, "encoder.layers.%d.self_attn.q_proj", AT_ENCODER_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layers.%d.self_attn.k_proj", AT_ENCODER_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layers.%d.self_attn.v_proj", AT_ENCODER_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layers.%d.self_attn.out_proj", AT_ENCODER_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_NORM, NULL, "encoder.layers.%d.self_attn_layer_norm", AT_ENCODER_LAYER(self.norm), NORM},
    {BIND_MATRIX, NULL, "encoder.layers.%d.fc1", AT_ENCODER_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "encoder.layers.%d.fc2", AT_ENCODER_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_NORM, NULL, "encoder.layers.%d.final_layer_norm", AT_ENCODER_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.q_proj", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.k_proj", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.v_proj", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.out_proj", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_NORM, NULL, "decoder.layers.%d.self_attn_layer_norm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, NULL, "decoder.layers.%d.encoder_attn.q_proj", AT_LAYER(cross.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.encoder_attn.k_proj", AT_LAYER(cross.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.encoder_attn.v_proj", AT_LAYER(cross.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.encoder_attn.out_proj", AT_LAYER(cross.o), DIM_MODEL, DIM_HEADS, BIND_BIAS},
    {BIND_NORM, NULL, "decoder.layers.%d.encoder_attn_layer_norm", AT_LAYER(cross.norm), NORM},
    {BIND_MATRIX, NULL, "decoder.layers.%d.fc1", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.fc2", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_BIAS},
    {BIND_NORM, NULL, "decoder.layers.%d.final_layer_norm", AT_LAYER(mlp_norm), NORM},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "decoder_layers",
    .d_model = "d_model",
    .n_heads = "decoder_attention_heads",
    .n_context = "max_position_embeddings",
    .d_ff = "decoder_ffn_dim",
};

static const struct family_keys encoder_keys = {
    .n_layers = "encoder_layers",
    .d_model = "d_model",
    .n_heads = "encoder_attention_heads",
    .d_ff = "encoder_ffn_dim",
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    family_two(out, cfg, &encoder_keys, "decoder_start_token_id pad_token_id");
    out->norm = NORM_LAYER;
    out->norm_eps = 1e-5f;
    out->post_norm = true;
    out->position = POSITION_SINUSOIDAL;
    out->activation = family_activation(cfg, "activation_function", "swish");
    out->embedding_scale =
        settings_bool(cfg, "scale_embedding", false) ? sqrtf((float)out->d_model) : 1;
    out->tied = family_tied(cfg, cp, true);
}

const struct family_ops family_marian = {
    .name = "marian",
    .hf_model_types = (const char *const[]){"marian", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
