/* Saved runs: marked, and compared. */
#include <config.h>

#include "workbench.h"

#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool bench_is_marked(const struct workbench *b, int64_t run)
{
    for (size_t i = 0; i < b->n_marked; i++) {
        if (b->marked[i] == run) {
            return true;
        }
    }
    return false;
}

void bench_mark_run(struct workbench *b, int64_t run)
{
    size_t at = 0;

    while (at < b->n_marked && b->marked[at] != run) {
        at++;
    }
    if (at < b->n_marked) {
        memmove(b->marked + at, b->marked + at + 1, (b->n_marked - at - 1) * sizeof *b->marked);
        b->n_marked--;
    } else if (b->n_marked == ATTUNE_COMPARE_MOST) {
        bench_say(b, true, "%d runs are marked already: that many are compared at most",
                  ATTUNE_COMPARE_MOST);
    } else {
        b->marked[b->n_marked++] = run;
    }
    b->frame++;
}

/* Numbers with blanks or commas between. */
static bool read_runs(struct job *job, const char *text)
{
    static const char space[] = " ,\t";

    for (text += strspn(text, space); *text; text += strspn(text, space)) {
        char *end;
        long long run;

        errno = 0;
        run = strtoll(text, &end, 10);
        if (errno || end == text || run <= 0 || job->n_runs == ATTUNE_COMPARE_MOST) {
            return false;
        }
        job->runs[job->n_runs++] = run;
        text = end;
    }
    return true;
}

bool bench_compare(struct workbench *b, const char *runs)
{
    struct job *job = job_new(JOB_compare);
    bool fits = job && read_runs(job, runs);

    if (fits && job->n_runs == 0 && b->n_marked > 1) {
        memcpy(job->runs, b->marked, b->n_marked * sizeof *b->marked);
        job->n_runs = b->n_marked;
    } else if (fits && job->n_runs == 0) {
        int64_t one = b->n_marked ? b->marked[0] : 0, other = b->run;

        if (one && other && one != other) {
            job->runs[0] = one;
            job->runs[1] = other;
            job->n_runs = 2;
        }
    }
    if (!fits || job->n_runs < 2) {
        job_free(job);
        bench_say(b, true,
                  "two to four runs are compared: mark them in the list (space), or name their "
                  "numbers");
        return false;
    }
    job->revision = b->revision;
    worker_post(b->worker, job);
    return true;
}

void bench_prune(struct workbench *b, int64_t run)
{
    struct job *job = job_new(JOB_prune);

    if (job) {
        job->run = run;
        worker_post(b->worker, job);
    }
}

void bench_mark(struct workbench *b, int64_t run, enum attune_mark_kind kind, const char *text,
                bool on)
{
    struct job *job = job_new(JOB_mark);

    if (job) {
        job->run = run;
        job->mark = kind;
        job->text = text ? strdup(text) : NULL;
        job->verify = !on;
        worker_post(b->worker, job);
    }
}
