/* Between diff.c and compare.c. */
#ifndef ATTUNE_PROMPTS_DIFF_H
#define ATTUNE_PROMPTS_DIFF_H

#include <attune/diff.h>

/* What made two runs, where it differs. */
int diff_fields(struct attune_diff_field **out, size_t *n, const struct attune_run_record *a,
                const struct attune_run_record *b, struct attune_error *err);
int diff_load(struct attune_diff_side *out, struct attune_store *store, int64_t run,
              struct attune_error *err);
bool diff_same_prompt(const struct attune_run_record *a, const struct attune_run_record *b);

#endif
