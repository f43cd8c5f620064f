/* Qwen3 (Yang et al., 2025): LLaMA's blocks with an RMS norm over every head of Q and K before they
 * turn; the size of a head is its own number. */
#include <config.h>

#include "engine/family.h"

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_NORM, "blk.%d.attn_q_norm", "layers.%d.self_attn.q_norm", AT_LAYER(self.q_norm), DIM_HEAD},
    {BIND_NORM, "blk.%d.attn_k_norm", "layers.%d.self_attn.k_norm", AT_LAYER(self.k_norm), DIM_HEAD},
    {BIND_END},
};
/* clang-format on */

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_llama.configure(out, cfg, cp);
    out->rotary_pairs = ROTARY_HALF;
}

const struct family_ops family_qwen3 = {
    .name = "qwen3",
    .parent = &family_llama,
    .gguf_architectures = (const char *const[]){"qwen3", NULL},
    .hf_model_types = (const char *const[]){"qwen3", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
