/* Steps on their way into the store while a run goes on: what is handed in is in the file within
 * RECORD_MS, whatever the one who hands it in does next, and it costs that one a copy. */
#ifndef ATTUNE_PROMPTS_RECORD_H
#define ATTUNE_PROMPTS_RECORD_H

#include <attune/store.h>

/* A transaction at most so often. The promise is 100 ms; the rest is for the disk. */
#define RECORD_MS 20

struct recorder;

/* The store belongs to the recorder until it is closed: nobody else may use it meanwhile. */
int recorder_open(struct recorder **out, struct attune_store *store, int64_t run,
                  struct attune_error *err);
/* The first failure of a write, told by the next call. */
int recorder_add(struct recorder *recorder, const struct attune_step *step,
                 struct attune_error *err);
/* Returns once everything that was handed in is in the file, or what failed. */
int recorder_flush(struct recorder *recorder, struct attune_error *err);
/* Flushes, gives the store back and frees; NULL is fine. */
int recorder_close(struct recorder *recorder, struct attune_error *err);

#endif
