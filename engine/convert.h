/* A model that is open, from a Hugging Face directory, as what a GGUF file says of it: metadata and
 * tensors under the names that the family's table has for them. */
#ifndef ATTUNE_ENGINE_CONVERT_H
#define ATTUNE_ENGINE_CONVERT_H

#include <attune/model.h>

#include "engine/quantize.h"

enum { CONVERT_NOTE = 256 };

/* Fills list with the model's tensors and writes its metadata. The rows have to be in order
 * (model_settle); data is borrowed from the model. note: what the file cannot hold, one line, ""
 * where there is nothing. A model that GGUF has no architecture for is refused by name. */
int convert_model(struct gguf_writer *w, struct quantize_list *list,
                  const struct attune_model *model, char note[CONVERT_NOTE],
                  struct attune_error *err);

/* Reads back what the file at path says: a number of the model's that it says otherwise, or cannot
 * say, is an error that names it; ids that its tokenizer gives otherwise are noted. */
int convert_verify(const char *path, const struct attune_model *model, char note[CONVERT_NOTE],
                   struct attune_error *err);

#endif
