/* Gemma (Mesnard et al., 2024): LLaMA's blocks with a tanh GELU gate, embeddings times sqrt(d), and
 * norm weights that Hugging Face files store less 1 (GGUF files have them whole). */
#include <config.h>

#include <math.h>

#include "engine/family.h"

#define NORM DIM_MODEL, DIM_NONE, BIND_PLUS_ONE

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_NORM, "output_norm", "norm", AT_STACK(final_norm), NORM},
    {BIND_NORM, "blk.%d.attn_norm", "layers.%d.input_layernorm", AT_LAYER(self.norm), NORM},
    {BIND_NORM, "blk.%d.ffn_norm", "layers.%d.post_attention_layernorm", AT_LAYER(mlp_norm), NORM},
    {BIND_END},
};
/* clang-format on */

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_llama.configure(out, cfg, cp);
    out->activation = family_activation(cfg, "hidden_activation", "gelu_pytorch_tanh");
    out->embedding_scale = sqrtf((float)out->d_model);
    out->rotary_pairs = ROTARY_HALF;
    out->tied = family_tied(cfg, cp, true);
}

const struct family_ops family_gemma = {
    .name = "gemma",
    .parent = &family_llama,
    .gguf_architectures = (const char *const[]){"gemma", NULL},
    .hf_model_types = (const char *const[]){"gemma", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
