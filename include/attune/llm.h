/* Saved work of the command line tool llm (github.com/simonw/llm): its logs.db, read and left as it
 * is. A response becomes a run of origin "llm": text without tokens and steps. */
#ifndef ATTUNE_LLM_H
#define ATTUNE_LLM_H

#include <attune/store.h>

struct attune_llm_import {
    size_t n_runs;  /* that are new here */
    size_t n_known; /* that were here already */
};
/* All of it or nothing; sessions are named after conversations. */
int attune_store_import_llm(struct attune_llm_import *out, struct attune_store *store,
                            const char *path, struct attune_error *err);

#endif
