/* A tokenizer as the metadata of a GGUF file (tokenizer.ggml.*), and whether two agree. */
#ifndef ATTUNE_ENGINE_TOKENIZER_WRITE_H
#define ATTUNE_ENGINE_TOKENIZER_WRITE_H

#include <attune/tokenizer.h>

struct gguf_writer;

struct token_roles {
    const attune_token *ends; /* [n_ends] ids that end a text */
    size_t n_ends;
};

/* tk: NULL where there is none. n_rows: of the embedding; there are as many tokens. A tokenizer
 * that GGUF has no words for is refused by name. */
int tokenizer_write(struct gguf_writer *w, const struct attune_tokenizer *tk, size_t n_rows,
                    const struct token_roles *roles, struct attune_error *err);

/* The chat template beside a tokenizer, if there is one. */
int tokenizer_write_chat(struct gguf_writer *w, const char *folder, struct attune_error *err);

/* Do both give the same ids for texts of many kinds? If not, why says for which: one line. */
bool tokenizer_same(const struct attune_tokenizer *a, const struct attune_tokenizer *b,
                    char why[128]);

/* What a model of tokens says of itself on the way (tokenizer_ops.to_gguf). */
struct token_list {
    struct gguf_writer *w;
    const char *model; /* tokenizer.ggml.model */
    float *scores;     /* [n]; written where scored is true */
    size_t n;
    bool scored;
};

#endif
