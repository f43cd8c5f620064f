/* Where a model gets its tokenizer from. Both give an object that attune_tokenizer_close frees, and
 * copy what they need: the file may be closed after. */
#ifndef ATTUNE_ENGINE_TOKENIZER_H
#define ATTUNE_ENGINE_TOKENIZER_H

#include <attune/error.h>

struct attune_tokenizer;
struct gguf;

/* The vocabulary in the metadata of a GGUF file; ATTUNE_NOT_FOUND where it holds none. */
int tokenizer_from_gguf(struct attune_tokenizer **out, const struct gguf *file,
                        struct attune_error *err);

/* path: a tokenizer.json, gzipped or not. */
int tokenizer_from_json_file(struct attune_tokenizer **out, const char *path,
                             struct attune_error *err);

/* A Hugging Face directory: its tokenizer.json, or the older files that it stands for;
 * ATTUNE_NOT_FOUND, with a line that names what is there, where nothing can be read. */
int tokenizer_from_folder(struct attune_tokenizer **out, const char *folder,
                          struct attune_error *err);

#endif
