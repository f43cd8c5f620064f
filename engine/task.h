/* What the files of tasks share: sentinels and rows of an output. */
#ifndef ATTUNE_ENGINE_TASK_H
#define ATTUNE_ENGINE_TASK_H

#include <attune/task.h>

/* The K of <extra_id_K>, -1 for other tokens; and the other way round. tk may be NULL. */
int task_sentinel(const struct attune_tokenizer *tk, attune_token id);
attune_token task_sentinel_id(const struct attune_tokenizer *tk, int k);
/* A mask is a sentinel to this model, which its decoder answers. */
bool task_has_sentinels(const struct attune_model *model);

/* All n rows of an output: [n, width], freed by the caller; n 1 for one of the whole. */
int task_rows(float **out, struct attune_context *ctx, enum attune_output output, size_t n,
              struct attune_error *err);
/* logits [n] to p [n]; those with keep 0 (if not NULL) take no part. */
void task_softmax(double *p, const float *logits, size_t stride, const uint8_t *keep, size_t n);

#endif
