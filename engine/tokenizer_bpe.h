/* Byte-pair encoding from the inside: for whoever writes it to a file. */
#ifndef ATTUNE_ENGINE_TOKENIZER_BPE_H
#define ATTUNE_ENGINE_TOKENIZER_BPE_H

#include "engine/tokenizer_parts.h"

struct merge {
    attune_token left, right, id; /* left < 0: empty */
    uint32_t rank;
};

struct bpe {
    struct merge *merges; /* [n_slots] */
    size_t n_slots;
    attune_token byte[256];     /* of the character that spells a byte */
    attune_token fallback[256]; /* of "<0x0A>" */
    attune_token unk;
    char *prefix, *suffix; /* of what is not first, of what is last; or NULL */
    size_t prefix_len, suffix_len;
    bool fuse_unk, byte_fallback, ignore_merges;
    bool cut; /* no merge joins anything to a following U+2581: text is cut there first */
};

/* Where the merge of two tokens stands, or would. */
size_t bpe_slot(const struct bpe *m, attune_token left, attune_token right);

/* tokenizer_ops.to_gguf */
int bpe_to_gguf(struct token_list *out, const struct attune_tokenizer *tk,
                struct attune_error *err);

#endif
