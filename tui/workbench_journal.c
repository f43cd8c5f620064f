/* The journal from the screen's side: what is written goes there a step at a time, and undo that
 * has come to the first step of this program goes on there. */
#include <config.h>

#include "workbench.h"

#include "worker.h"

static struct job *prepare(struct workbench *b, enum job_kind kind, enum attune_journal_move move)
{
    struct job *job = b->worker && b->worker->settings.db_path ? job_new(kind) : NULL;

    if (job) {
        job->revision = b->revision;
        job->task = b->task;
        job->move = move;
    }
    return job;
}

static void post_prompt(struct workbench *b, enum job_kind kind, enum attune_journal_move move)
{
    struct job *job = prepare(b, kind, move);

    if (job && attune_prompt_copy(&job->prompt, &b->prompt, NULL) == ATTUNE_OK) {
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

void bench_journal(struct workbench *b)
{
    post_prompt(b, JOB_journal, ATTUNE_JOURNAL_STAY);
}

void bench_undo(struct workbench *b, bool redo)
{
    if (!b->worker || !b->worker->settings.db_path) {
        bench_say(b, true, redo ? "nothing to redo" : "nothing to undo");
        return;
    }
    if (b->undoing) {
        b->undos += redo ? -1 : 1;
        return;
    }
    b->undoing = true;
    post_prompt(b, JOB_undo, redo ? ATTUNE_JOURNAL_REDO : ATTUNE_JOURNAL_UNDO);
}

void bench_back(struct workbench *b, bool forward)
{
    struct job *job = prepare(b, JOB_back, forward ? ATTUNE_JOURNAL_REDO : ATTUNE_JOURNAL_UNDO);

    if (job) {
        worker_post(b->worker, job);
    }
}

void bench_resume(struct workbench *b)
{
    if (!b->resumed) {
        b->resumed = true;
        post_prompt(b, JOB_undo, ATTUNE_JOURNAL_STAY);
    }
}
