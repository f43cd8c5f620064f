/* Threads that share one piece of work at a time. A call is a number that goes up: whoever sees a
 * new one works, and counts itself off when done. */
#include <config.h>

#include "engine/team.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_THREADS = 256, SPIN_MICROSECONDS = 60 };

struct team {
    int n_threads, n_started;
    pthread_t threads[MAX_THREADS];
    void (*work)(void *, int, int);
    void *arg;
    _Atomic(unsigned)
        call; /* its number; odd ones do not exist: every call adds 2, the last adds 1 to end */
    _Atomic(int) left; /* threads that have not finished this call */
    _Atomic(int) asleep;
    pthread_mutex_t lock; /* for going to sleep and waking, never while work is near */
    pthread_cond_t wake;
};

struct seat {
    struct team *team;
    int part;
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Waits for a call other than the one that was seen last. */
static unsigned next_call(struct team *team, unsigned seen)
{
    double start = now_us();
    unsigned call;

    for (;;) {
        for (int i = 0; i < 200; i++) {
            call = atomic_load_explicit(&team->call, memory_order_acquire);
            if (call != seen) {
                return call;
            }
            relax();
        }
        if (now_us() - start > SPIN_MICROSECONDS) {
            break;
        }
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->asleep, 1);
    while ((call = atomic_load(&team->call)) == seen) {
        pthread_cond_wait(&team->wake, &team->lock);
    }
    atomic_fetch_sub(&team->asleep, 1);
    pthread_mutex_unlock(&team->lock);
    return call;
}

static void *serve(void *arg)
{
    struct seat seat = *(struct seat *)arg;
    struct team *team = seat.team;
    unsigned call = 0;

    free(arg);
    while (!((call = next_call(team, call)) & 1)) {
        team->work(team->arg, seat.part, team->n_threads);
        atomic_fetch_sub_explicit(&team->left, 1, memory_order_release);
    }
    return NULL;
}

/* Makes the new call visible; the lock is taken only if somebody may sleep through it. */
static void announce(struct team *team, unsigned step)
{
    atomic_fetch_add(&team->call, step);
    if (atomic_load(&team->asleep) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->lock);
    }
}

int team_new(struct team **out, int n_threads, struct attune_error *err)
{
    struct team *team = calloc(1, sizeof *team);
    sigset_t all, old;

    *out = NULL;
    if (!team) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    team->n_threads = n_threads < 1 ? 1 : n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    sigfillset(&all); /* signals are not for these threads */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int part = 1; part < team->n_threads; part++) {
        struct seat *seat = malloc(sizeof *seat);

        if (seat) {
            *seat = (struct seat){team, part};
        }
        if (!seat || pthread_create(&team->threads[part], NULL, serve, seat) != 0) {
            free(seat);
            break;
        }
        team->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (team->n_started != team->n_threads - 1) {
        team_free(team);
        return attune_error_set(err, ATTUNE_MEMORY, 0,
                                "%d threads cannot be started: ask for fewer", n_threads);
    }
    *out = team;
    return ATTUNE_OK;
}

void team_free(struct team *team)
{
    if (!team) {
        return;
    }
    announce(team, 1);
    for (int part = 1; part <= team->n_started; part++) {
        pthread_join(team->threads[part], NULL);
    }
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    free(team);
}

int team_threads(const struct team *team)
{
    return team->n_threads;
}

void team_run(struct team *team, void (*work)(void *, int, int), void *arg)
{
    if (team->n_threads > 1) {
        team->work = work;
        team->arg = arg;
        atomic_store(&team->left, team->n_threads - 1);
        announce(team, 2);
    }
    work(arg, 0, team->n_threads);
    for (int i = 0; atomic_load_explicit(&team->left, memory_order_acquire) > 0; i++) {
        if (i > 20000) {
            sched_yield(); /* the others may be waiting for this very core */
        }
        relax();
    }
}

void team_share(size_t n, size_t unit, int part, int n_parts, size_t *first, size_t *last)
{
    size_t units = (n + unit - 1) / unit;
    size_t from = units * (size_t)part / (size_t)n_parts,
           to = units * ((size_t)part + 1) / (size_t)n_parts;

    *first = from * unit < n ? from * unit : n;
    *last = to * unit < n ? to * unit : n;
}
