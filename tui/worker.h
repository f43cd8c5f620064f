/* The one thread that computes: it owns the context and the store. Jobs go in, events come out,
 * both plain data by copy; a revision says which edit an answer belongs to. The newest edit wins:
 * posting an evaluation drops those that wait and cancels the one that runs.
 *
 * All functions are for the UI thread. */
#ifndef ATTUNE_TUI_WORKER_H
#define ATTUNE_TUI_WORKER_H

#include "workbench.h"

#include <attune/journal.h>

#include <pthread.h>

/* KIND(name, text, latest): what can be asked; of the `latest` kinds only the newest waiting one
 * counts. */
#define JOB_LIST(KIND)                                                                             \
    KIND(load, "loading", true)                                                                    \
    KIND(evaluate, "evaluating", true)                                                             \
    KIND(attention, "attention", true)                                                             \
    KIND(run, "generating", false)                                                                 \
    KIND(step, "step", true)                                                                       \
    KIND(list, "listing", true)                                                                    \
    KIND(replay, "replaying", true)                                                                \
    KIND(restore, "restoring", true)                                                               \
    KIND(remove, "removing", false)                                                                \
    KIND(walk, "walking", true)                                                                    \
    KIND(score, "scoring", true)                                                                   \
    KIND(heads, "heads", true)                                                                     \
    KIND(pick, "measuring shots", true)                                                            \
    KIND(write, "writing", false)                                                                  \
    KIND(fork, "generating", false)                                                                \
    KIND(compare, "comparing", true)                                                               \
    KIND(why, "explaining", true)                                                                  \
    KIND(tree, "looking ahead", true)                                                              \
    KIND(lens, "looking", true)                                                                    \
    KIND(journal, "journal", false)                                                                \
    KIND(undo, "undo", false)                                                                      \
    KIND(back, "going back", false)                                                                \
    KIND(prune, "removing", false)                                                                 \
    KIND(mark, "marking", false)                                                                   \
    KIND(ladder, "climbing", true)
enum job_kind {
#define KIND(name, text, latest) JOB_##name,
    JOB_LIST(KIND)
#undef KIND
        JOB_COUNT
};

struct job { /* fields that a kind does not need stay zero */
    struct job *next;
    enum job_kind kind;
    uint64_t revision;
    enum task_name task;
    struct attune_prompt prompt; /* evaluate, run, pick */
    struct attune_chain *chain;  /* run */
    size_t max_tokens;
    uint64_t seed;
    char *text;                         /* load: path; run: session; list: words looked for; pick: a
                                           pool, `n` of it */
    struct attention_request attention; /* heads: its kind, and `step` the first of them */
    struct attention_file file;         /* write */
    struct why_ask why;
    struct tree_request tree;
    int64_t run;                       /* replay, restore, remove */
    char *ablation;                    /* evaluate, step: what is ablated, or NULL */
    bool verify;                       /* pick: broken lines are left out */
    int64_t runs[ATTUNE_COMPARE_MOST]; /* compare: [n_runs] */
    size_t n_runs;
    enum attune_journal_move move; /* undo, back */
    enum attune_mark_kind mark;    /* mark: of `text`, put on, or with `verify` taken off */
    attune_token *ids;             /* step, walk: what the model reads, [n]; score: the prompt's */
    uint8_t *type_ids;             /* [n] segments, or NULL */
    attune_token *decoder_ids;     /* [n_decoder] of an encoder-decoder, else NULL */
    size_t n, n_decoder, step;
    size_t place;  /* ladder: rungs at most; lens: how many positions, from `step`; evaluate, step:
                      the position whose  distribution is wanted; fork: how much of the prompt stays,
                      0: all */
    char *as_sent; /* fork: the text up to and with the token, [as_sent_len] */
    size_t as_sent_len;
    struct attune_step put_in; /* fork: the token, behind `step` steps of what is shown */
};

#define EVENT_LIST(KIND)                                                                           \
    KIND(busy)                                                                                     \
    KIND(idle)                                                                                     \
    KIND(loaded)                                                                                   \
    KIND(tokenized)                                                                                \
    KIND(evaluated)                                                                                \
    KIND(refused)                                                                                  \
    KIND(attention)                                                                                \
    KIND(started)                                                                                  \
    KIND(step)                                                                                     \
    KIND(finished)                                                                                 \
    KIND(logits)                                                                                   \
    KIND(listed)                                                                                   \
    KIND(recorded)                                                                                 \
    KIND(verified)                                                                                 \
    KIND(restored)                                                                                 \
    KIND(said)                                                                                     \
    KIND(walk)                                                                                     \
    KIND(score)                                                                                    \
    KIND(heads)                                                                                    \
    KIND(answer)                                                                                   \
    KIND(compared)                                                                                 \
    KIND(picked)                                                                                   \
    KIND(why)                                                                                      \
    KIND(tree)                                                                                     \
    KIND(lens)                                                                                     \
    KIND(draft)                                                                                    \
    KIND(ladder)
enum event_kind {
#define KIND(name) EVENT_##name,
    EVENT_LIST(KIND)
#undef KIND
        EVENT_COUNT
};

struct event { /* what it points to belongs to the event until the UI thread takes it out */
    struct event *next;
    enum event_kind kind;
    enum job_kind job; /* busy, idle, started: which */
    uint64_t revision;
    struct attune_model *model; /* loaded */
    size_t n_context;
    char *text; /* loaded: path; refused, said: a sentence */
    bool is_error;
    struct attune_rendered rendered; /* tokenized */
    struct attune_tokens tokens;
    float *before; /* [n] beside logits: of the model as it is, where something is ablated */
    float *logits; /* [n] evaluated, step, logits */
    size_t n;
    struct attune_context_stats stats;
    struct attention_view attention;
    struct heads_view heads;
    struct walk_view walk;
    struct score_view score;
    struct lens_view lens;
    struct ladder_view ladder;
    struct why_view why;
    struct tree_view tree;
    struct task_answer answer;
    size_t place; /* evaluated, logits: the position they are of */
    struct attune_step step;
    size_t step_index;
    int64_t run;
    enum attune_stop stop; /* finished */
    double tokens_per_s;
    struct attune_run_record *records; /* listed: [n]; recorded, restored: one */
    struct attune_verdict verdict;
    struct attune_compare *compare; /* compared */
    struct attune_prompt prompt;    /* draft */
    enum attune_journal_move move;  /* draft */
    enum task_name task;            /* draft */
};

struct worker {
    pthread_t thread;
    pthread_mutex_t lock; /* the only lock: guards the two queues and `running` */
    pthread_cond_t work;
    struct job *jobs;
    struct event *events, **events_end;
    int wake; /* eventfd: readable when events wait */
    bool quit, running;
    enum job_kind running_kind;
    struct attune_progress progress;

    /* The worker thread's own. */
    struct bench_settings {
        char *db_path;
        int n_threads, n_context;
        enum attune_activations activations;
        enum attune_kv_type kv_type;
        bool unpaced; /* tests: a replay does not wait between steps */
    } settings;
    struct attune_model *model; /* borrowed from the workbench once it was sent there */
    struct attune_context *ctx;
    struct attune_context
        *deep; /* keeps what leaves every layer; made when it is first asked for */
    struct attune_context *side; /* reads what is not shown: the rungs of the ladder; likewise */
    struct attune_mix *mix;      /* of ctx: the one that was looked at last, or NULL */
    struct attune_store *store;
};

int worker_open(struct worker **out, const struct bench_options *options, struct attune_error *err);
void worker_close(struct worker *w); /* cancels, waits, drops what waits */

/* Takes over job (also when it fails). */
void worker_post(struct worker *w, struct job *job);
struct job *job_new(enum job_kind kind);
void job_free(struct job *job);
void worker_cancel(struct worker *w);
bool worker_is_busy(struct worker *w);
bool worker_has_waiting(struct worker *w); /* jobs behind the one that runs */

/* All events so far, oldest first; the caller frees each with event_free. */
struct event *worker_take(struct worker *w);
void event_free(struct event *event);
void attention_view_done(struct attention_view *view); /* frees what it points to; zeroed after */

/* For job_*.c, on the worker thread. */
void worker_tell(struct worker *w, struct event *event);
struct event *event_new(enum event_kind kind);
void worker_say(struct worker *w, bool is_error, const char *text);
/* A job of this kind that waits, taken out of the queue; NULL if there is none. */
struct job *worker_steal(struct worker *w, enum job_kind kind);
/* Waits at most ms; true if the running job was cancelled meanwhile. */
bool worker_pause(struct worker *w, double ms);
void job_do(struct worker *w, struct job *job);       /* job.c: the one of its kind below */
struct attune_input job_input(const struct job *job); /* borrows from the job */
#define KIND(name, text, latest) void job_##name(struct worker *w, struct job *job);
JOB_LIST(KIND)
#undef KIND

/* The run is open now (job_store.c). */
void job_opened(struct worker *w, int64_t run);
/* The context that keeps hidden states, holding what the job reads; borrowed (job_deep.c). */
int job_deep(struct attune_context **out, struct worker *w, const struct job *job,
             struct attune_error *err);
/* All steps of a run that has started, told one by one; a status (job.c). */
int job_produce(struct worker *w, struct attune_run *run, struct attune_error *err);
/* NULL: none, err set. */
struct attune_store *job_store(struct worker *w, struct attune_error *err);

/* job_task.c. What the task reads of the job's prompt; its bytes are those of the rendered text
 * where one is given, else of the fields. */
int job_task_read(struct attune_task_tokens *out, const struct worker *w, const struct job *job,
                  const struct attune_rendered *text, struct attune_error *err);
/* What the task makes of it, told; the context holds it. */
void job_task_answer(struct worker *w, const struct job *job,
                     const struct attune_task_tokens *read);

#endif
