/* A window on long work: loading a model, evaluating a prompt.
 *
 * The caller owns the struct and may share it between threads; the work only ever adds to `done`, and
 * looks at `cancel` every few milliseconds. Every function that takes one accepts NULL.
 */
#ifndef ATTUNE_PROGRESS_H
#define ATTUNE_PROGRESS_H

#include <stdatomic.h>
#include <stddef.h>

struct attune_progress {
    _Atomic(size_t) done;  /* units of work finished: bytes while loading, layer x token while evaluating */
    _Atomic(size_t) total; /* 0 while unknown */
    _Atomic(int) cancel;   /* set to non-zero by anyone, until it has ended: it does so with
                              ATTUNE_CANCELLED */
};

#endif
