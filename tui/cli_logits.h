/* Logits that stand in a file, for verbs that need no model. */
#ifndef ATTUNE_TUI_CLI_LOGITS_H
#define ATTUNE_TUI_CLI_LOGITS_H

#include <attune/error.h>
#include <stddef.h>

/* The last row of a float32 tensor of a safetensors file, or of its only one where no name is given
 * (NULL). *out is [*n], freed by the caller; NULL on failure. */
int cli_read_logits(float **out, size_t *n, const char *path, const char *name,
                    struct attune_error *err);

#endif
