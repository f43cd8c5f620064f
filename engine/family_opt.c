/* OPT (Zhang et al., 2022): GPT-2's shape with ReLU; the table of positions has two rows before
 * that of position 0. The 350m model has its norms after the sums, and a
 * narrower embedding with projections around the layers. */
#include <config.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_BIAS

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, NULL, "decoder.embed_tokens", AT_RECIPE(embedding), DIM_VOCAB, DIM_EMBEDDING},
    {BIND_MATRIX, NULL, "decoder.embed_positions", AT_STACK(positions), DIM_POSITIONS, DIM_MODEL},
    {BIND_NORM, NULL, "decoder.final_layer_norm", AT_STACK(final_norm), NORM | BIND_OPTIONAL},
    {BIND_MATRIX, NULL, "lm_head", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_EMBEDDING, BIND_UNTIED | BIND_ROOT},
    {BIND_MATRIX, NULL, "decoder.project_in", AT_RECIPE(project_in), DIM_MODEL, DIM_EMBEDDING, BIND_OPTIONAL},
    {BIND_MATRIX, NULL, "decoder.project_out", AT_OUTPUT(TOKENS, dense), DIM_EMBEDDING, DIM_MODEL, BIND_OPTIONAL},
    {BIND_NORM, NULL, "decoder.layers.%d.self_attn_layer_norm", AT_LAYER(self.norm), NORM},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.q_proj", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.k_proj", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.v_proj", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.self_attn.out_proj", AT_LAYER(self.o), DIM_MODEL, DIM_HEADS, BIND_MAY_BIAS},
    {BIND_NORM, NULL, "decoder.layers.%d.final_layer_norm", AT_LAYER(mlp_norm), NORM},
    {BIND_MATRIX, NULL, "decoder.layers.%d.fc1", AT_LAYER(up), DIM_FF, DIM_MODEL, BIND_MAY_BIAS},
    {BIND_MATRIX, NULL, "decoder.layers.%d.fc2", AT_LAYER(down), DIM_MODEL, DIM_FF, BIND_MAY_BIAS},
    {BIND_END},
};
/* clang-format on */

static const struct family_keys keys = {
    .n_layers = "num_hidden_layers",
    .d_model = "hidden_size",
    .n_heads = "num_attention_heads",
    .n_context = "max_position_embeddings",
    .d_ff = "ffn_dim",
};

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_shape(out, cfg, cp, &keys);
    out->norm = NORM_LAYER;
    out->norm_eps = 1e-5f;
    out->post_norm = !settings_bool(cfg, "do_layer_norm_before", true);
    out->position = POSITION_LEARNED;
    out->position_offset = 2;
    out->activation = family_activation(cfg, "activation_function", "relu");
    out->tied = family_tied(cfg, cp, true);
    out->d_embedding = settings_int(cfg, "word_embed_proj_dim", out->d_model, 1, INT_MAX);
    if (out->d_embedding != out->d_model) {
        out->hidden_beyond = out->main.n_layers - 1;
    }
}

const struct family_ops family_opt = {
    .name = "opt",
    .hf_model_types = (const char *const[]){"opt", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
