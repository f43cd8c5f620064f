/* The workbench: what a change does, and which job it posts. What comes back is taken in by
 * workbench_event.c. */
#include <config.h>

#include "workbench.h"

#include "workbench_event.h"
#include "worker.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int bench_open(struct workbench *b, const struct bench_options *options, struct attune_error *err)
{
    int status;

    memset(b, 0, sizeof *b);
    b->max_tokens = FIRST_MAX_TOKENS;
    b->shown_step = -1;
    b->state = BENCH_LOADING;
    b->seed = attune_rng_seed();
    b->kv_type = options->kv_type;
    b->session = strdup("workbench");
    status = b->session ? attune_prompt_init(&b->prompt, err)
                        : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    if (status == ATTUNE_OK) {
        status = attune_chain_new(&b->chain, err);
    }
    if (status == ATTUNE_OK && options->chain && options->chain[0]) {
        status = bench_give_chain(b, ORIGIN_FILE, options->chain, err);
        attune_error_prefix(err, "attune.conf, set chain");
    }
    if (status == ATTUNE_OK) {
        status = worker_open(&b->worker, options, err);
    }
    if (status != ATTUNE_OK) {
        bench_close(b);
        return status;
    }
    b->revision = 1;
    bench_load_model(b, options->model_path);
    return ATTUNE_OK;
}

void bench_close(struct workbench *b)
{
    if (b->worker && b->drafted) {
        bench_journal(b);
    }
    worker_close(b->worker);
    attune_constraint_free(b->constraint);
    attune_model_close(b->model);
    attune_prompt_done(&b->prompt);
    for (int i = 0; i < TASK_COUNT; i++) {
        attune_prompt_done(&b->kept[i]);
    }
    attune_chain_free(b->chain);
    free(b->constraint_text);
    attune_rendered_done(&b->text);
    attune_tokens_done(&b->tokens);
    attune_trace_done(&b->trace);
    attune_run_records_free(b->runs, b->n_runs);
    attune_run_record_done(&b->record);
    attention_view_done(&b->attention);
    free(b->heads.heads);
    free(b->heads.cells);
    walk_view_done(&b->walk);
    free(b->score.scores);
    free(b->lens.cells);
    free(b->why.products);
    free(b->why.parts);
    free(b->pin.p);
    attune_ladder_done(&b->ladder.ladder);
    free(b->tree.nodes);
    free(b->answer.p);
    free(b->answer.gaps);
    attune_compare_done(b->compare);
    free(b->compare);
    free(b->session);
    free(b->model_path);
    free(b->logits);
    free(b->before);
    free(b->steps);
    free(b->output);
    memset(b, 0, sizeof *b);
}

void walk_view_done(struct walk_view *walk)
{
    for (int i = 0; i < 2; i++) {
        free(walk->stacks[i].hidden);
        free(walk->stacks[i].looks);
        free(walk->stacks[i].cross);
        free(walk->stacks[i].middle);
        free(walk->stacks[i].says);
    }
    memset(walk, 0, sizeof *walk);
}

bool bench_poll(struct workbench *b)
{
    struct event *event = worker_take(b->worker), *next;
    size_t done = atomic_load(&b->worker->progress.done),
           total = atomic_load(&b->worker->progress.total);
    bool changed = event != NULL || done != b->progress_done || total != b->progress_total;

    b->progress_done = done;
    b->progress_total = total;
    for (; event; event = next) {
        next = event->next;
        bench_take_event(b, event);
        event_free(event);
    }
    b->frame += changed;
    return changed;
}

int bench_wake_fd(const struct workbench *b)
{
    return b->worker->wake;
}

bool bench_is_busy(const struct workbench *b)
{
    return worker_is_busy(b->worker);
}

bool bench_is_stale(const struct workbench *b)
{
    return b->answered != b->revision;
}

void bench_say(struct workbench *b, bool is_error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(b->message, sizeof b->message, format, args);
    va_end(args);
    b->message_is_error = is_error;
    b->frame++;
}

int bench_fail(struct workbench *b, const struct attune_error *err)
{
    bench_say(b, true, "%s", err->text);
    return err->status;
}

struct job *bench_prepare(struct workbench *b, enum job_kind kind)
{
    struct job *job = job_new(kind);

    if (!job) {
        bench_say(b, true, "out of memory");
        return NULL;
    }
    job->revision = b->revision;
    job->task = b->task;
    if (*attune_chain_ablation(b->chain)) {
        job->ablation = strdup(attune_chain_ablation(b->chain));
    }
    return job;
}

void bench_prompt_changed(struct workbench *b)
{
    struct attune_error err;
    struct job *job;

    b->revision++;
    b->frame++;
    job = bench_prepare(b, JOB_evaluate);
    if (job) {
        job->place = b->token_cursor;
    }
    if (job && attune_prompt_copy(&job->prompt, &b->prompt, &err) != ATTUNE_OK) {
        bench_fail(b, &err);
        job_free(job);
        job = NULL;
    }
    if (job) {
        worker_post(b->worker, job);
    }
}

void bench_pick_nearest(struct workbench *b, const char *pool, long count, bool skip_broken)
{
    struct job *job = bench_prepare(b, JOB_pick);
    struct attune_error err;

    if (!job) {
        return;
    }
    job->text = strdup(pool);
    job->n = count < 0 ? SIZE_MAX : (size_t)count;
    job->verify = skip_broken;
    if (!job->text || attune_prompt_copy(&job->prompt, &b->prompt, &err) != ATTUNE_OK) {
        bench_say(b, true, "out of memory");
        job_free(job);
        return;
    }
    worker_post(b->worker, job);
}

int bench_load_example(struct workbench *b, const char *name)
{
    struct attune_prompt prompt;
    struct attune_error err;

    if (attune_prompt_load(&prompt, name, &err) != ATTUNE_OK) {
        return bench_fail(b, &err);
    }
    bench_take_prompt(b, &prompt);
    bench_prompt_changed(b);
    return ATTUNE_OK;
}

void bench_request_attention(struct workbench *b, const struct attention_request *request)
{
    struct job *job = bench_prepare(b, JOB_attention);

    if (job) {
        job->attention = *request;
        worker_post(b->worker, job);
    }
}

static bool give_segments(const struct workbench *b, struct job *job)
{
    if (b->replayed || !b->model || attune_model_info(b->model)->n_segments < 2 ||
        job->n > b->tokens.n) {
        return true;
    }
    job->type_ids = malloc(job->n + 1);
    if (job->type_ids) {
        memcpy(job->type_ids, b->tokens.type_ids, job->n);
    }
    return job->type_ids != NULL;
}

bool bench_give_input(const struct workbench *b, struct job *job)
{
    size_t n = bench_n_encoder(b);

    if (n == 0) {
        return bench_history(b, &job->ids, &job->n) == ATTUNE_OK && give_segments(b, job);
    }
    job->ids = malloc(n * sizeof *job->ids);
    if (!job->ids || bench_history(b, &job->decoder_ids, &job->n_decoder) != ATTUNE_OK) {
        return false;
    }
    for (job->n = 0; job->n < n; job->n++) {
        job->ids[job->n] = bench_token_at(b, job->n);
    }
    return true;
}

bool bench_same_window(const struct attention_request *a, const struct attention_request *b)
{
    return a->kind == b->kind && a->layer == b->layer && a->head == b->head && a->q0 == b->q0 &&
           a->q1 == b->q1 && a->k0 == b->k0 && a->k1 == b->k1 && a->rows == b->rows &&
           a->cols == b->cols && a->hide_sinks == b->hide_sinks && a->mix.way == b->mix.way &&
           a->mix.whole == b->mix.whole && strcmp(a->mix.heads, b->mix.heads) == 0;
}

void bench_request_heads(struct workbench *b, enum attune_stack kind, size_t first)
{
    struct job *job = bench_prepare(b, JOB_heads);

    if (job) {
        job->attention.kind = kind;
        job->step = first;
        b->heads.ended = false;
        worker_post(b->worker, job);
    }
}

/* "~/x" as the shell has it: a name typed after : has met no shell. */
static char *typed_path(const char *path)
{
    const char *home = getenv("HOME");
    size_t len = strlen(path) + (home ? strlen(home) : 0) + 1;
    char *out = malloc(len);

    if (out) {
        snprintf(out, len, "%s%s", home && path[0] == '~' && path[1] == '/' ? home : "",
                 home && path[0] == '~' && path[1] == '/' ? path + 1 : path);
    }
    return out;
}

void bench_write_attention(struct workbench *b, const struct attention_file *file)
{
    struct job *job = bench_prepare(b, JOB_write);

    if (job) {
        job->file = *file;
        job->file.path = typed_path(file->path);
        if (!job->file.path) {
            job_free(job);
            return;
        }
        job->attention = file->window;
        worker_post(b->worker, job);
    }
}

bool bench_has_kind(const struct workbench *b, enum attune_stack kind)
{
    bool two = b->model && attune_model_info(b->model)->kind == ATTUNE_SEQ2SEQ;

    return b->model && two == (kind != ATTUNE_STACK_SELF);
}

int bench_layers(const struct workbench *b, enum attune_stack kind)
{
    const struct attune_model_info *info = b->model ? attune_model_info(b->model) : NULL;

    return !info || !bench_has_kind(b, kind) ? 0
           : kind == ATTUNE_STACK_ENCODER    ? info->n_encoder_layers
                                             : info->n_layers;
}

int bench_heads(const struct workbench *b)
{
    if (b->heads.kind == b->kind && b->heads.n_heads > 0) {
        return b->heads.n_heads; /* two stacks may have different numbers of them */
    }
    return b->model ? attune_model_info(b->model)->n_heads : 0;
}

void bench_request_walk(struct workbench *b, size_t position)
{
    struct job *job = bench_prepare(b, JOB_walk);

    if (job && bench_give_input(b, job) && position < job->n + job->n_decoder) {
        job->step = position;
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

void bench_request_why(struct workbench *b, const struct why_ask *ask)
{
    struct job *job = bench_prepare(b, JOB_why);

    if (job) {
        job->why = *ask;
        worker_post(b->worker, job);
    }
}

void bench_request_lens(struct workbench *b, size_t first, size_t n)
{
    struct job *job = bench_prepare(b, JOB_lens);

    if (job && bench_give_input(b, job)) {
        job->step = first;
        job->place = n;
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

void bench_request_ladder(struct workbench *b, size_t most)
{
    struct job *job = bench_prepare(b, JOB_ladder);
    struct attune_error err;

    if (job && attune_prompt_copy(&job->prompt, &b->prompt, &err) != ATTUNE_OK) {
        bench_fail(b, &err);
        job_free(job);
        return;
    }
    if (job) {
        job->place = most;
        worker_post(b->worker, job);
    }
}

void bench_request_score(struct workbench *b)
{
    struct job *job = bench_n_encoder(b) > 0 ? NULL : bench_prepare(b, JOB_score);

    if (job && (job->ids = malloc((b->tokens.n + 1) * sizeof *job->ids))) {
        job->n = b->tokens.n;
        memcpy(job->ids, b->tokens.ids, job->n * sizeof *job->ids);
        give_segments(b, job);
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

void bench_ask_place(struct workbench *b, size_t place)
{
    struct job *job = bench_prepare(b, JOB_step);

    if (job && bench_give_input(b, job)) {
        job->place = place;
        job->step = SIZE_MAX;
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

void bench_move_cursor(struct workbench *b, long by)
{
    size_t n = bench_n_tokens(b);
    long at = (long)b->token_cursor + by;

    b->token_cursor = n == 0 || at < 0 ? 0 : (size_t)at < n ? (size_t)at : n - 1;
    b->frame++;
    if (b->evaluated && b->worker && !bench_is_stale(b) && bench_has_places(b) &&
        b->token_cursor != b->shown_place) {
        bench_ask_place(b, b->token_cursor);
    }
}

int bench_run(struct workbench *b)
{
    struct attune_error err = {0};
    struct job *job;
    int status;

    if (!task_generates(b->task)) {
        return bench_use_answer(b);
    }
    if (b->drafted) {
        bench_journal(b);
    }
    job = bench_prepare(b, JOB_run);
    status = job ? attune_prompt_copy(&job->prompt, &b->prompt, &err) : ATTUNE_MEMORY;

    if (status == ATTUNE_OK) {
        status = attune_chain_copy(&job->chain, b->chain, &err);
    }
    if (status != ATTUNE_OK) {
        job_free(job);
        return job ? bench_fail(b, &err) : status;
    }
    if (!b->seed_is_fixed) {
        b->seed = attune_rng_seed();
    }
    job->seed = b->seed;
    job->max_tokens = b->max_tokens;
    job->text = strdup(b->session);
    worker_post(b->worker, job);
    return ATTUNE_OK;
}

void bench_cancel(struct workbench *b)
{
    worker_cancel(b->worker);
}

int bench_use_step(struct workbench *b, size_t step)
{
    struct job *job;

    if (step >= b->n_steps) {
        bench_say(b, true, "the run has %zu steps", b->n_steps);
        return ATTUNE_ARGUMENT;
    }
    b->step_cursor = step;
    b->shown_step = (long)step;
    b->shown_prompt = 0;
    b->read = b->evaluated = false; /* until the logits are there the step's own record is shown */
    b->frame++;
    if (!b->model ||
        (b->replayed && strcmp(b->record.model_name, attune_model_info(b->model)->name) != 0)) {
        return ATTUNE_OK;
    }
    job = bench_prepare(b, JOB_step);
    if (job && bench_give_input(b, job)) {
        job->step = step;
        job->place = (job->n_decoder ? job->n_decoder : job->n) - 1;
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
    return ATTUNE_OK;
}

static void post_named(struct workbench *b, enum job_kind kind, const char *text, int64_t run,
                       bool verify)
{
    struct job *job = bench_prepare(b, kind);

    if (job) {
        job->text = text ? strdup(text) : NULL;
        job->run = run;
        job->verify = verify;
        worker_post(b->worker, job);
    }
}

void bench_list_runs(struct workbench *b, const char *search)
{
    post_named(b, JOB_list, search, 0, false);
}

void bench_replay(struct workbench *b, int64_t run, bool verify)
{
    post_named(b, JOB_replay, NULL, run, verify);
}

void bench_restore(struct workbench *b, int64_t run)
{
    post_named(b, JOB_restore, NULL, run, false);
}

void bench_remove_run(struct workbench *b, int64_t run)
{
    post_named(b, JOB_remove, NULL, run, false);
}

void bench_load_model(struct workbench *b, const char *path_or_name)
{
    struct attune_error err;
    char *path = NULL;

    if (attune_library_find(&path, "models", path_or_name, &err) != ATTUNE_OK) {
        b->state = b->model ? BENCH_IDLE : BENCH_FAILED;
        bench_fail(b, &err);
        return;
    }
    post_named(b, JOB_load, path, 0, false);
    free(path);
}
