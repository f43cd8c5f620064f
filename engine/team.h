/* A few threads that wait for the same kind of work again and again. Between two calls they spin
 * for some tens of microseconds, which is how far apart the parts of a forward pass are, and then
 * sleep. */
#ifndef ATTUNE_ENGINE_TEAM_H
#define ATTUNE_ENGINE_TEAM_H

#include <attune/error.h>
#include <stddef.h>

struct team;

/* n_threads counts the caller's: 1 makes no thread at all. */
int team_new(struct team **out, int n_threads, struct attune_error *err);
void team_free(struct team *team);
int team_threads(const struct team *team);

/* work(arg, part, n_parts) for part 0 .. n_parts-1 at once, part 0 on the calling thread; returns
 * when all are done. n_parts is the number of threads. */
void team_run(struct team *team, void (*work)(void *arg, int part, int n_parts), void *arg);

/* The share of n things that falls to a part, in multiples of `unit`: first .. last-1. */
void team_share(size_t n, size_t unit, int part, int n_parts, size_t *first, size_t *last);

#endif
