/* Qwen2 and 2.5 (Yang et al., 2024): LLaMA's blocks with biases on Q, K and V; half-rotation in
 * both formats. */
#include <config.h>

#include "engine/family.h"

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, "blk.%d.attn_q", "layers.%d.self_attn.q_proj", AT_LAYER(self.q), DIM_HEADS, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.attn_k", "layers.%d.self_attn.k_proj", AT_LAYER(self.k), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_MATRIX, "blk.%d.attn_v", "layers.%d.self_attn.v_proj", AT_LAYER(self.v), DIM_KV, DIM_MODEL, BIND_BIAS},
    {BIND_END},
};
/* clang-format on */

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_llama.configure(out, cfg, cp);
    out->rotary_pairs = ROTARY_HALF;
}

const struct family_ops family_qwen2 = {
    .name = "qwen2",
    .parent = &family_llama,
    .gguf_architectures = (const char *const[]){"qwen2", NULL},
    .hf_model_types = (const char *const[]){"qwen2", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
