/* RoBERTa (Liu et al., 2019): BERT's layers; positions count the tokens that are no padding, from
 * the row after the padding's own. Its head has the erf GELU whatever the layers have. */
#include <config.h>

#include "engine/family.h"

/* clang-format off */
static const struct binding bindings[] = {
    {BIND_MATRIX, NULL, "lm_head.dense", AT_OUTPUT(TOKENS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_NORM, NULL, "lm_head.layer_norm", AT_OUTPUT(TOKENS, norm), DIM_MODEL, DIM_NONE, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "lm_head.decoder", AT_OUTPUT(TOKENS, out), DIM_VOCAB, DIM_MODEL, BIND_UNTIED | BIND_ROOT},
    {BIND_VECTOR, NULL, "lm_head.bias", AT_OUTPUT(TOKENS, out.bias), DIM_VOCAB, DIM_NONE, BIND_BARE | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier.dense", AT_OUTPUT(LABELS, dense), DIM_MODEL, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_MATRIX, NULL, "classifier.out_proj", AT_OUTPUT(LABELS, out), DIM_LABELS, DIM_MODEL, BIND_BIAS | BIND_ROOT},
    {BIND_END},
};
/* clang-format on */

static void configure(struct recipe *out, struct settings *cfg, const struct checkpoint *cp)
{
    family_bert.configure(out, cfg, cp);
    out->outputs[ATTUNE_OUTPUT_TOKENS].activation = ACT_GELU_ERF;
    out->skip_padding = true;
    out->padding = settings_int(cfg, "pad_token_id", 1, 0, out->n_vocab - 1);
    out->position_offset = out->padding + 1;
    out->n_context -= out->position_offset;
    if (out->n_context < 1) {
        settings_fail(cfg, ATTUNE_FORMAT, "max_position_embeddings",
                      "leaves no position after the padding's");
    }
}

const struct family_ops family_roberta = {
    .name = "roberta",
    .parent = &family_bert,
    .hf_model_types = (const char *const[]){"roberta", "xlm-roberta", "camembert", NULL},
    .hf_prefix = "roberta.",
    .outputs = FAMILY_HEADS | FAMILY_OUTPUT(POOLED),
    .configure = configure,
    .bindings = bindings,
};
