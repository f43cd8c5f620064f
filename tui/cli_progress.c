/* Long work of a verb, as the person at the terminal sees it: after a moment a line on standard
 * error that says how far it is, gone before the verb writes anything; and Ctrl-C. */
#include <config.h>

#include "cli.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 300, NEXT_MS = 100, BAR = 24 };

static const char clear[] = "\r\033[K";

struct cli_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool end, shown;
    const char *what;
    struct cli *cli;
};

static struct cli *interruptible;

/* Opening a model leaves nothing behind: there the program ends at once. */
static void on_interrupt(int sig)
{
    (void)sig;
    if (!interruptible) {
        return;
    }
    atomic_store(&interruptible->progress.cancel, 1);
    if (interruptible->opening) {
        if (interruptible->watch && write(STDERR_FILENO, clear, sizeof clear - 1) < 0) {
            _exit(CLI_INTERRUPTED);
        }
        _exit(CLI_INTERRUPTED);
    }
}

int cli_interruptible(struct cli *cli, int (*run)(struct cli *cli))
{
    struct sigaction act = {.sa_handler = on_interrupt}, old;
    int status;

    interruptible = cli;
    sigaction(SIGINT, &act, &old);
    status = run(cli);
    sigaction(SIGINT, &old, NULL);
    interruptible = NULL;
    return status;
}

static void show(struct cli_watch *watch)
{
    size_t total = atomic_load(&watch->cli->progress.total),
           done = atomic_load(&watch->cli->progress.done);
    size_t full = total ? (size_t)((double)done / (double)total * BAR) : 0;
    char bar[BAR + 1];

    full = full < BAR ? full : BAR;
    memset(bar, ' ', BAR);
    memset(bar, '=', full);
    bar[BAR] = '\0';
    if (total) {
        fprintf(watch->cli->err, "%s%s [%s] %3.0f %%", clear, watch->what, bar,
                100 * (double)full / BAR);
    } else {
        fprintf(watch->cli->err, "%s%s ...", clear, watch->what);
    }
    fflush(watch->cli->err);
    watch->shown = true;
}

static void *look(void *arg)
{
    struct cli_watch *watch = arg;
    struct timespec until;
    long ms = FIRST_MS;

    pthread_mutex_lock(&watch->lock);
    while (!watch->end) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += ms * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&watch->ended, &watch->lock, &until) == ETIMEDOUT) {
            show(watch);
            ms = NEXT_MS;
        }
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

void cli_begin(struct cli *cli, const char *what)
{
    struct cli_watch *watch;
    sigset_t all, old;
    int failed;

    if (cli->watch || cli->err != stderr || !isatty(STDERR_FILENO) ||
        !(watch = calloc(1, sizeof *watch))) {
        return;
    }
    watch->cli = cli;
    watch->what = what;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->ended, NULL);
    sigfillset(&all); /* Ctrl-C belongs to the verb's own thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    failed = pthread_create(&watch->thread, NULL, look, watch);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        pthread_cond_destroy(&watch->ended);
        pthread_mutex_destroy(&watch->lock);
        free(watch);
    } else {
        cli->watch = watch;
    }
}

void cli_end(struct cli *cli)
{
    struct cli_watch *watch = cli->watch;

    if (!watch) {
        return;
    }
    pthread_mutex_lock(&watch->lock);
    watch->end = true;
    pthread_cond_signal(&watch->ended);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    if (watch->shown) {
        fputs(clear, cli->err);
        fflush(cli->err);
    }
    cli->watch = NULL;
    pthread_cond_destroy(&watch->ended);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

int cli_open_path(struct cli *cli, struct attune_model **out, const char *path,
                  const struct attune_model_options *options, struct attune_error *err)
{
    int status;

    cli_begin(cli, "opening the model");
    cli->opening = 1;
    status = attune_model_open(out, path, options, &cli->progress, err);
    cli->opening = 0;
    cli_end(cli);
    return status;
}
