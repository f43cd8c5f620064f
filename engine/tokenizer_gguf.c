/* Tokenizers of GGUF files. */
#include <config.h>

#include "engine/tokenizer.h"

#include "engine/gguf.h"

int tokenizer_from_gguf(struct attune_tokenizer **out, const struct gguf *file,
                        struct attune_error *err)
{
    struct gguf_text model;

    *out = NULL;
    if (!gguf_get_text(file, "tokenizer.ggml.model", &model)) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "has no tokenizer");
    }
    return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "tokenizer %.*s is not supported",
                            (int)(model.len < 40 ? model.len : 40), model.s);
}
