/* A thread that writes what waits, a transaction for all of it:
 *
 *     run      step step step        step                 step
 *     waiting  [.   ..   ...]  ->    [.]  ->              [.]  ->
 *     thread   at once: 1      pause  3   at once: the pause is over   1
 *
 * So a slow model's steps are written one by one as they come, and a fast one's together. While the
 * disk is slow or another program has the right to write, steps go on until the buffer is full. */
#include <config.h>

#include "record.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text.h"

enum { CAPACITY = 256 };

struct recorder {
    struct attune_store *store;
    int64_t run;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work, done;
    struct attune_step *waiting, *writing; /* [CAPACITY] each: they change places */
    size_t n;                              /* that wait */
    bool busy, flush, quit;
    int failed; /* status of the first write that failed */
    struct attune_error why;
};

static struct timespec later(struct timespec from, long ms)
{
    from.tv_nsec += ms * 1000000;
    from.tv_sec += from.tv_nsec / 1000000000;
    from.tv_nsec %= 1000000000;
    return from;
}

/* With the lock held; it is let go while the disk is waited for. */
static void write_waiting(struct recorder *r)
{
    struct attune_step *steps = r->waiting;
    size_t n = r->n;
    struct attune_error err = {0};
    int status;

    r->waiting = r->writing;
    r->writing = steps;
    r->n = 0;
    r->busy = true;
    pthread_cond_broadcast(&r->done); /* there is room again */
    pthread_mutex_unlock(&r->lock);
    status = attune_store_add_steps(r->store, r->run, steps, n, &err);
    pthread_mutex_lock(&r->lock);
    r->busy = false;
    if (status != ATTUNE_OK && r->failed == ATTUNE_OK) {
        r->failed = status;
        r->why = err;
    }
    pthread_cond_broadcast(&r->done);
}

static void *work(void *data)
{
    struct recorder *r = data;
    struct timespec next = {0};

    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (!r->quit && r->n == 0) {
            pthread_cond_wait(&r->work, &r->lock);
        }
        if (r->n == 0) {
            break;
        }
        while (!r->quit && !r->flush && r->n < CAPACITY / 2 &&
               pthread_cond_timedwait(&r->work, &r->lock, &next) == 0) {
        }
        if (r->failed) {
            r->n = 0; /* a step would be missing before them */
            pthread_cond_broadcast(&r->done);
        } else {
            clock_gettime(CLOCK_MONOTONIC, &next);
            next = later(next, RECORD_MS);
            write_waiting(r);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void release(struct recorder *r)
{
    if (r) {
        pthread_cond_destroy(&r->done);
        pthread_cond_destroy(&r->work);
        pthread_mutex_destroy(&r->lock);
        free(r->waiting);
        free(r->writing);
        free(r);
    }
}

int recorder_open(struct recorder **out, struct attune_store *store, int64_t run,
                  struct attune_error *err)
{
    struct recorder *r = calloc(1, sizeof *r);
    pthread_condattr_t attributes;

    *out = NULL;
    if (!r) {
        return text_no_memory(err);
    }
    r->store = store;
    r->run = run;
    r->waiting = malloc(CAPACITY * sizeof *r->waiting);
    r->writing = malloc(CAPACITY * sizeof *r->writing);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->work, &attributes);
    pthread_cond_init(&r->done, NULL);
    pthread_condattr_destroy(&attributes);
    if (!r->waiting || !r->writing || pthread_create(&r->thread, NULL, work, r) != 0) {
        release(r);
        return text_no_memory(err);
    }
    *out = r;
    return ATTUNE_OK;
}

static int told(const struct recorder *r, struct attune_error *err)
{
    if (r->failed && err) {
        *err = r->why;
    }
    return r->failed;
}

int recorder_add(struct recorder *r, const struct attune_step *step, struct attune_error *err)
{
    int status;

    pthread_mutex_lock(&r->lock);
    while (!r->failed && r->n == CAPACITY) {
        pthread_cond_wait(&r->done, &r->lock);
    }
    status = told(r, err);
    if (status == ATTUNE_OK) {
        r->waiting[r->n++] = *step;
        if (r->n == 1 || r->n == CAPACITY / 2) {
            pthread_cond_signal(&r->work);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return status;
}

int recorder_flush(struct recorder *r, struct attune_error *err)
{
    int status;

    pthread_mutex_lock(&r->lock);
    r->flush = true;
    pthread_cond_signal(&r->work);
    while (r->n || r->busy) {
        pthread_cond_wait(&r->done, &r->lock);
    }
    r->flush = false;
    status = told(r, err);
    pthread_mutex_unlock(&r->lock);
    return status;
}

int recorder_close(struct recorder *r, struct attune_error *err)
{
    int status;

    if (!r) {
        return ATTUNE_OK;
    }
    pthread_mutex_lock(&r->lock);
    r->quit = true;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    status = told(r, err);
    release(r);
    return status;
}
