/* A child process with a pipe. */
#include <config.h>

#include "verb.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MOST = 4 << 20, ARGS_MOST = 64 };

void verb_init(struct verb *v)
{
    *v = (struct verb){.fd = -1};
}

int verb_start(struct verb *v, char *const argv[], struct attune_error *err)
{
    extern char **environ;
    char name[] = "attune", *full[ARGS_MOST + 2] = {name};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int ends[2], failed;

    for (size_t i = 0; argv[i]; i++) {
        if (i == ARGS_MOST) {
            return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s: more than %d arguments", argv[0],
                                    ARGS_MOST);
        }
        full[i + 1] = argv[i];
    }
    if (v->pid) {
        return attune_error_set(err, ATTUNE_BUSY, 0, "a verb is still running: Ctrl-C stops it");
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return attune_error_set(err, ATTUNE_IO, 0, "%s: %s", argv[0], strerror(errno));
    }
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDERR_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    failed = posix_spawn(&v->pid, "/proc/self/exe", &files, &attr, full, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        v->pid = 0;
        return attune_error_set(err, ATTUNE_IO, 0, "%s: %s", argv[0], strerror(failed));
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    v->fd = ends[0];
    v->len = 0;
    v->cut = false;
    return ATTUNE_OK;
}

static void keep(struct verb *v, const char *bytes, size_t len)
{
    if (v->len + len > OUTPUT_MOST) {
        len = OUTPUT_MOST - v->len;
        v->cut = true;
    }
    if (v->len + len + 1 > v->capacity) {
        size_t capacity = (v->len + len + 1) * 2;
        char *more = realloc(v->out, capacity);

        if (!more) {
            v->cut = true;
            return;
        }
        v->out = more;
        v->capacity = capacity;
    }
    memcpy(v->out + v->len, bytes, len);
    v->len += len;
    v->out[v->len] = '\0';
}

static void reap(struct verb *v)
{
    int status = 0;

    close(v->fd);
    v->fd = -1;
    while (waitpid(v->pid, &status, 0) < 0 && errno == EINTR) {
    }
    v->pid = 0;
    v->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool verb_read(struct verb *v)
{
    char bytes[8192];
    ssize_t n;

    if (v->fd < 0) {
        return false;
    }
    while ((n = read(v->fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
        keep(v, bytes, n > 0 ? (size_t)n : 0);
    }
    if (n < 0) {
        return false; /* nothing there yet */
    }
    keep(v, "", 0);
    reap(v);
    return true;
}

void verb_stop(struct verb *v)
{
    if (v->pid) {
        kill(-v->pid, SIGINT);
    }
}

void verb_done(struct verb *v)
{
    if (v->pid) {
        kill(-v->pid, SIGKILL);
        reap(v);
    }
    free(v->out);
    verb_init(v);
}
