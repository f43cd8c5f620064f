/* The worker thread: its two queues, and how it sleeps, wakes and is cancelled. What the jobs do is
 * in job.c. */
#include <config.h>

#include "worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { UI_COMES_FIRST = 4 }; /* niceness of what computes */

static const bool latest_only[] = {
#define KIND(name, text, latest) latest,
    JOB_LIST(KIND)
#undef KIND
};
_Static_assert(sizeof latest_only / sizeof *latest_only == JOB_COUNT, "every kind of job");

struct job *job_new(enum job_kind kind)
{
    struct job *job = calloc(1, sizeof *job);

    if (job) {
        job->kind = kind;
    }
    return job;
}

void job_free(struct job *job)
{
    if (job) {
        attune_prompt_done(&job->prompt);
        attune_chain_free(job->chain);
        free(job->text);
        free(job->file.path);
        free(job->ids);
        free(job->type_ids);
        free(job->decoder_ids);
        free(job->as_sent);
        free(job->ablation);
        free(job);
    }
}

void attention_view_done(struct attention_view *view)
{
    free(view->cells);
    free(view->row);
    memset(view, 0, sizeof *view);
}

struct event *event_new(enum event_kind kind)
{
    struct event *event = calloc(1, sizeof *event);

    if (event) {
        event->kind = kind;
    }
    return event;
}

void event_free(struct event *event)
{
    if (event) {
        attune_model_close(event->model);
        attune_rendered_done(&event->rendered);
        attune_tokens_done(&event->tokens);
        attune_run_records_free(event->records, event->kind == EVENT_listed ? event->n
                                                : event->records            ? 1
                                                                            : 0);
        attention_view_done(&event->attention);
        free(event->heads.heads);
        free(event->heads.cells);
        walk_view_done(&event->walk);
        free(event->score.scores);
        attune_prompt_done(&event->prompt);
        attune_compare_done(event->compare);
        free(event->compare);
        free(event->lens.cells);
        attune_ladder_done(&event->ladder.ladder);
        free(event->why.products);
        free(event->why.parts);
        free(event->tree.nodes);
        free(event->answer.p);
        free(event->answer.gaps);
        free(event->logits);
        free(event->before);
        free(event->text);
        free(event);
    }
}

void worker_tell(struct worker *w, struct event *event)
{
    const uint64_t one = 1;

    if (!event) {
        return; /* out of memory: the next event will be noticed */
    }
    pthread_mutex_lock(&w->lock);
    *w->events_end = event;
    w->events_end = &event->next;
    w->running &= event->kind != EVENT_idle; /* who sees the event sees that nothing runs */
    pthread_mutex_unlock(&w->lock);
    if (write(w->wake, &one, sizeof one) < 0) {
        return; /* the counter is full: it is readable already */
    }
}

void worker_say(struct worker *w, bool is_error, const char *text)
{
    struct event *event = event_new(EVENT_said);

    if (event) {
        event->text = strdup(text);
        event->is_error = is_error;
        worker_tell(w, event);
    }
}

struct event *worker_take(struct worker *w)
{
    struct event *events;
    uint64_t count;

    if (read(w->wake, &count, sizeof count) < 0) {
        count = 0; /* nothing was told since the last time */
    }
    pthread_mutex_lock(&w->lock);
    events = w->events;
    w->events = NULL;
    w->events_end = &w->events;
    pthread_mutex_unlock(&w->lock);
    return events;
}

struct job *worker_steal(struct worker *w, enum job_kind kind)
{
    struct job *job = NULL;

    pthread_mutex_lock(&w->lock);
    for (struct job **at = &w->jobs; *at; at = &(*at)->next) {
        if ((*at)->kind == kind) {
            job = *at;
            *at = job->next;
            job->next = NULL;
            break;
        }
    }
    pthread_mutex_unlock(&w->lock);
    return job;
}

/* Is what runs no longer wanted once this is posted? Small maps, lenses and ladders wait for
 * anything else; what is said of a text is void when there is a new one. */
static bool gives_way(enum job_kind running, enum job_kind posted)
{
    return running == JOB_heads || running == JOB_lens || running == JOB_tree ||
           running == JOB_ladder ||
           (posted == JOB_evaluate &&
            (running == JOB_evaluate || running == JOB_walk || running == JOB_score));
}

void worker_post(struct worker *w, struct job *job)
{
    struct job **at, *old;

    if (!job) {
        return;
    }
    while (latest_only[job->kind] && (old = worker_steal(w, job->kind))) {
        job_free(old);
    }
    pthread_mutex_lock(&w->lock);
    if (w->running && gives_way(w->running_kind, job->kind)) {
        atomic_store(&w->progress.cancel, 1);
    }
    for (at = &w->jobs; *at; at = &(*at)->next) {
    }
    *at = job;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

bool worker_has_waiting(struct worker *w)
{
    bool waiting;

    pthread_mutex_lock(&w->lock);
    waiting = w->jobs != NULL;
    pthread_mutex_unlock(&w->lock);
    return waiting;
}

void worker_cancel(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->progress.cancel, 1);
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
}

bool worker_is_busy(struct worker *w)
{
    bool busy;

    pthread_mutex_lock(&w->lock);
    busy = w->running || w->jobs || w->events;
    pthread_mutex_unlock(&w->lock);
    return busy;
}

bool worker_pause(struct worker *w, double ms)
{
    struct timespec until;
    long ns = (long)(ms * 1e6);

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ns / 1000000000;
    until.tv_nsec += ns % 1000000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&w->lock);
    while (!w->quit && !atomic_load(&w->progress.cancel) &&
           pthread_cond_timedwait(&w->work, &w->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&w->lock);
    return atomic_load(&w->progress.cancel) != 0;
}

static void tell_state(struct worker *w, enum event_kind kind, enum job_kind job)
{
    struct event *event = event_new(kind);

    if (event) {
        event->job = job;
        worker_tell(w, event);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;

    /* Linux knows a thread's own niceness, and the threads it starts take it over: where the cores
     * are few, a key still comes first. Without it everything works, only later. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), UI_COMES_FIRST);
    pthread_mutex_lock(&w->lock);
    while (!w->quit) {
        struct job *job = w->jobs;

        if (!job) {
            pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        w->jobs = job->next;
        job->next = NULL;
        w->running = true;
        w->running_kind = job->kind;
        atomic_store(&w->progress.cancel, 0);
        atomic_store(&w->progress.done, 0);
        atomic_store(&w->progress.total, 0);
        pthread_mutex_unlock(&w->lock);

        tell_state(w, EVENT_busy, job->kind);
        job_do(w, job);
        tell_state(w, EVENT_idle, job->kind);
        job_free(job);

        pthread_mutex_lock(&w->lock);
        w->running = false;
    }
    pthread_mutex_unlock(&w->lock);
    for (struct job *job; (job = worker_steal(w, JOB_journal)); job_free(job)) {
        job_do(w, job); /* what was written is kept */
    }
    attune_mix_free(w->mix);
    attune_context_free(w->ctx);
    attune_context_free(w->deep);
    attune_context_free(w->side);
    attune_store_close(w->store);
    return NULL;
}

int worker_open(struct worker **out, const struct bench_options *options, struct attune_error *err)
{
    struct worker *w = calloc(1, sizeof *w);
    sigset_t all, old;
    int failed;

    *out = NULL;
    if (!w) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    w->events_end = &w->events;
    w->settings.n_threads = options->n_threads;
    w->settings.n_context = options->n_context;
    w->settings.activations = options->activations;
    w->settings.kv_type = options->kv_type;
    w->settings.unpaced = getenv("ATTUNE_TEST") != NULL;
    w->settings.db_path = options->db_path ? strdup(options->db_path) : NULL;
    w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    sigfillset(&all); /* signals belong to the UI thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    failed = w->wake < 0 || pthread_create(&w->thread, NULL, work, w) != 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        if (w->wake >= 0) {
            close(w->wake);
        }
        free(w->settings.db_path);
        free(w);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "the worker thread cannot be started");
    }
    *out = w;
    return ATTUNE_OK;
}

void worker_close(struct worker *w)
{
    struct job *job;
    struct event *event;

    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    atomic_store(&w->progress.cancel, 1);
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    while ((job = w->jobs)) {
        w->jobs = job->next;
        job_free(job);
    }
    while ((event = w->events)) {
        w->events = event->next;
        event_free(event);
    }
    close(w->wake);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w->settings.db_path);
    free(w);
}
