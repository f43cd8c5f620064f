/* MarianMT (Junczys-Dowmunt et al., 2018) in the form of the original Transformer (Vaswani et al.,
 * 2017): BART's layers, positions as sines and cosines that no file holds, no norm after the
 * embedding. */
#include <config.h>

#include "engine/family.h"

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, NULL, NULL, AT_ENCODER(positions)},
    {BIND_MATRIX, NULL, NULL, AT_STACK(positions)},
    {BIND_NORM, NULL, NULL, AT_ENCODER(embedding_norm)},
    {BIND_NORM, NULL, NULL, AT_STACK(embedding_norm)},
    {BIND_END},
};
/* clang-format on */

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_bart.configure(out, cfg, cp);
    out->position = POSITION_SINUSOIDAL;
    out->position_offset = 0;
    out->activation = family_activation(cfg, "activation_function", "swish");
    out->never = settings_int(cfg, "pad_token_id", ATTUNE_TOKEN_NONE, 0, out->n_vocab - 1);
    out->decoder_start = settings_int(cfg, "decoder_start_token_id pad_token_id", SETTINGS_WANTED,
                                      0, out->n_vocab - 1);
}

const struct family_ops family_marian = {
    .name = "marian",
    .parent = &family_bart,
    .hf_model_types = (const char *const[]){"marian", NULL},
    .hf_prefix = "model.",
    .configure = configure,
    .bindings = bindings,
};
