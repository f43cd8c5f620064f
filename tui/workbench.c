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

enum { FIRST_MAX_TOKENS = 128, TOKENS_A_TICK = 8 };

int bench_open(struct workbench *b, const struct bench_options *options, struct attune_error *err)
{
    int status;

    memset(b, 0, sizeof *b);
    b->max_tokens = FIRST_MAX_TOKENS;
    b->shown_step = -1;
    b->state = BENCH_LOADING;
    b->seed = attune_rng_seed();
    b->session = strdup("workbench");
    status = b->session ? attune_prompt_init(&b->prompt, err)
                        : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    if (status == ATTUNE_OK) {
        status = attune_chain_new(&b->chain, err);
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
    worker_close(b->worker);
    attune_model_close(b->model);
    attune_prompt_done(&b->prompt);
    for (int i = 0; i < TASK_COUNT; i++) {
        attune_prompt_done(&b->kept[i]);
    }
    attune_chain_free(b->chain);
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
    free(b->answer.p);
    free(b->answer.gaps);
    free(b->session);
    free(b->model_path);
    free(b->logits);
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

static int fail(struct workbench *b, const struct attune_error *err)
{
    bench_say(b, true, "%s", err->text);
    return err->status;
}

static struct job *prepare(struct workbench *b, enum job_kind kind)
{
    struct job *job = job_new(kind);

    if (!job) {
        bench_say(b, true, "out of memory");
        return NULL;
    }
    job->revision = b->revision;
    job->task = b->task;
    return job;
}

void bench_prompt_changed(struct workbench *b)
{
    struct attune_error err;
    struct job *job;

    b->revision++;
    b->frame++;
    job = prepare(b, JOB_evaluate);
    if (job) {
        job->place = b->token_cursor;
    }
    if (job && attune_prompt_copy(&job->prompt, &b->prompt, &err) != ATTUNE_OK) {
        fail(b, &err);
        job_free(job);
        job = NULL;
    }
    if (job) {
        worker_post(b->worker, job);
    }
}

int bench_load_example(struct workbench *b, const char *name)
{
    struct attune_prompt prompt;
    struct attune_error err;

    if (attune_prompt_load(&prompt, name, &err) != ATTUNE_OK) {
        return fail(b, &err);
    }
    bench_take_prompt(b, &prompt);
    bench_prompt_changed(b);
    return ATTUNE_OK;
}

/* The tokens in front of the distribution that is shown; of an encoder-decoder the decoder's. */
static int history(const struct workbench *b, attune_token **out, size_t *n)
{
    struct bench_span side = bench_side(b, ATTUNE_STACK_DECODER, true);

    *n = side.n;
    *out = malloc((*n + 1) * sizeof **out);
    if (!*out) {
        return ATTUNE_MEMORY;
    }
    for (size_t i = 0; i < side.n; i++) {
        (*out)[i] = bench_token_at(b, side.first + i);
    }
    return ATTUNE_OK;
}

void bench_apply_chain(struct workbench *b)
{
    attune_token *ids;
    size_t n;
    struct timespec from, to;

    b->frame++;
    if (!b->evaluated || history(b, &ids, &n) != ATTUNE_OK) {
        return;
    }
    n = task_generates(b->task) ? n : 0; /* a position to fill repeats nothing */
    clock_gettime(CLOCK_MONOTONIC, &from);
    attune_chain_apply(&b->trace, b->chain, b->logits, ids, n);
    clock_gettime(CLOCK_MONOTONIC, &to);
    b->trace_ms =
        (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    free(ids);
}

int bench_set_param(struct workbench *b, const char *param, double value)
{
    struct attune_error err;

    if (strcmp(param, "max_tokens") == 0 || strcmp(param, "seed") == 0) {
        if (!(value >= 0 && value <= 9007199254740992.0)) {
            bench_say(b, true, "%s %g: wants a whole number from 0 on", param, value);
            return ATTUNE_ARGUMENT;
        }
        if (param[0] == 'm') {
            b->max_tokens = (size_t)value;
        } else {
            b->seed = (uint64_t)value;
            b->seed_is_fixed = true;
        }
        b->frame++;
        return ATTUNE_OK;
    }
    if (attune_chain_set(b->chain, param, value, &err) != ATTUNE_OK) {
        return fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

void bench_set_seed(struct workbench *b, uint64_t seed)
{
    b->seed = seed & INT64_MAX;
    b->seed_is_fixed = true;
    b->frame++;
}

/* The value a number of ticks away, inside the range. A negative step multiplies: 40 becomes 48,
 * not 41. */
static double ticked(const struct attune_param *p, double value, int ticks)
{
    double next = value;

    for (int i = 0; i < abs(ticks); i++) {
        double before = next;

        if (p->step < 0) {
            next = before == 0 ? (ticks > 0 ? 1 : 0)
                   : ticks > 0 ? before * -p->step
                               : before / -p->step;
        } else {
            next = before + (ticks > 0 ? p->step : -p->step);
        }
        if (p->integer) {
            next = ticks > 0 ? fmax(round(next), before + 1) : fmin(round(next), before - 1);
        }
    }
    if (p->step > 0 && !p->integer) {
        next = round(next / p->step) * p->step; /* ticks meet the same values on the way back */
    }
    return fmin(fmax(next, p->min), p->max);
}

int bench_tick(struct workbench *b, const char *param, int ticks)
{
    const struct attune_param *p;

    if (strcmp(param, "max_tokens") == 0) {
        double value = (double)b->max_tokens + (double)ticks * TOKENS_A_TICK;

        return bench_set_param(b, param, value < 0 ? 0 : value);
    }
    if (strcmp(param, "seed") == 0) {
        uint64_t by = ticks < 0 ? (uint64_t) - (int64_t)ticks : (uint64_t)ticks;

        if (ticks < 0) {
            by = b->seed > by ? b->seed - by : 0;
        } else {
            by = b->seed < INT64_MAX - by ? b->seed + by : INT64_MAX;
        }
        bench_set_seed(b, by);
        return ATTUNE_OK;
    }
    p = attune_param_find(param);
    if (!p) {
        bench_say(b, true, "%s: no such knob", param);
        return ATTUNE_NOT_FOUND;
    }
    return bench_set_param(b, param, ticked(p, attune_chain_get(b->chain, param), ticks));
}

int bench_set_order(struct workbench *b, const char *order)
{
    struct attune_error err;

    if (attune_chain_order(b->chain, order, &err) != ATTUNE_OK) {
        return fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

int bench_set_chain(struct workbench *b, const char *text)
{
    struct attune_error err;
    struct attune_chain *chain;

    if (attune_chain_parse(&chain, text, &err) != ATTUNE_OK) {
        return fail(b, &err);
    }
    attune_chain_free(b->chain);
    b->chain = chain;
    bench_apply_chain(b);
    return ATTUNE_OK;
}

int bench_set_bias(struct workbench *b, attune_token id, float bias)
{
    struct attune_error err;

    if (id < 0 || (b->trace.n_vocab && (size_t)id >= b->trace.n_vocab)) {
        bench_say(b, true, "bias: there is no token %d (ids go from 0 to %zu)", (int)id,
                  b->trace.n_vocab - 1);
        return ATTUNE_ARGUMENT;
    }
    if (attune_chain_bias(b->chain, id, bias, &err) != ATTUNE_OK) {
        return fail(b, &err);
    }
    bench_apply_chain(b);
    return ATTUNE_OK;
}

void bench_reset_param(struct workbench *b, const char *param)
{
    const struct attune_param *p;

    if (!param || strcmp(param, "max_tokens") == 0) {
        b->max_tokens = FIRST_MAX_TOKENS;
    }
    if (!param || strcmp(param, "seed") == 0) {
        b->seed_is_fixed = false;
    }
    for (size_t i = 0; i < attune_param_count(); i++) {
        p = attune_param_at(i);
        if (!param || strcmp(param, p->name) == 0) {
            attune_chain_set(b->chain, p->name, p->off, NULL);
        }
    }
    bench_apply_chain(b);
}

void bench_request_attention(struct workbench *b, const struct attention_request *request)
{
    struct job *job = prepare(b, JOB_attention);

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

/* What the model has read for the distribution that is shown, into a job. */
static bool give_input(const struct workbench *b, struct job *job)
{
    size_t n = bench_n_encoder(b);

    if (n == 0) {
        return history(b, &job->ids, &job->n) == ATTUNE_OK && give_segments(b, job);
    }
    job->ids = malloc(n * sizeof *job->ids);
    if (!job->ids || history(b, &job->decoder_ids, &job->n_decoder) != ATTUNE_OK) {
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
           a->cols == b->cols && a->hide_sinks == b->hide_sinks;
}

void bench_request_heads(struct workbench *b, enum attune_stack kind, size_t first)
{
    struct job *job = prepare(b, JOB_heads);

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
    struct job *job = prepare(b, JOB_write);

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
    struct job *job = prepare(b, JOB_walk);

    if (job && give_input(b, job) && position < job->n + job->n_decoder) {
        job->step = position;
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

void bench_request_score(struct workbench *b)
{
    struct job *job = bench_n_encoder(b) > 0 ? NULL : prepare(b, JOB_score);

    if (job && (job->ids = malloc((b->tokens.n + 1) * sizeof *job->ids))) {
        job->n = b->tokens.n;
        memcpy(job->ids, b->tokens.ids, job->n * sizeof *job->ids);
        give_segments(b, job);
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

/* The distribution of another position; the model has read it already. */
static void ask_place(struct workbench *b, size_t place)
{
    struct job *job = prepare(b, JOB_step);

    if (job && give_input(b, job)) {
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
        ask_place(b, b->token_cursor);
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
    job = prepare(b, JOB_run);
    status = job ? attune_prompt_copy(&job->prompt, &b->prompt, &err) : ATTUNE_MEMORY;

    if (status == ATTUNE_OK) {
        status = attune_chain_copy(&job->chain, b->chain, &err);
    }
    if (status != ATTUNE_OK) {
        job_free(job);
        return job ? fail(b, &err) : status;
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
    b->read = b->evaluated = false; /* until the logits are there the step's own record is shown */
    b->frame++;
    if (!b->model ||
        (b->replayed && strcmp(b->record.model_name, attune_model_info(b->model)->name) != 0)) {
        return ATTUNE_OK;
    }
    job = prepare(b, JOB_step);
    if (job && give_input(b, job)) {
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
    struct job *job = prepare(b, kind);

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
        fail(b, &err);
        return;
    }
    post_named(b, JOB_load, path, 0, false);
    free(path);
}

/* Does the model read two sides? Of a replayed run its record says it. */
static bool has_two_sides(const struct workbench *b)
{
    return b->replayed ? b->record.n_decoder > 0
                       : b->model && attune_model_info(b->model)->kind == ATTUNE_SEQ2SEQ;
}

static size_t n_read(const struct workbench *b)
{
    return b->replayed ? b->record.n_prompt : b->tokens.n;
}

size_t bench_n_encoder(const struct workbench *b)
{
    return has_two_sides(b) ? n_read(b) : 0;
}

size_t bench_n_prompt(const struct workbench *b)
{
    return n_read(b) + (b->replayed ? b->record.n_decoder : has_two_sides(b) && b->tokens.n > 0);
}

size_t bench_n_tokens(const struct workbench *b)
{
    return bench_n_prompt(b) + b->n_steps;
}

struct bench_span bench_side(const struct workbench *b, enum attune_stack kind, bool queries)
{
    size_t encoder = bench_n_encoder(b),
           n = bench_n_prompt(b) + (b->shown_step > 0 ? (size_t)b->shown_step : 0);

    if (encoder > 0 && (kind == ATTUNE_STACK_ENCODER || (kind == ATTUNE_STACK_CROSS && !queries))) {
        return (struct bench_span){0, encoder};
    }
    return (struct bench_span){encoder, n - encoder};
}

attune_token bench_token_at(const struct workbench *b, size_t i)
{
    size_t read = n_read(b), n_prompt = bench_n_prompt(b);

    if (i < read) {
        return b->replayed ? b->record.prompt_ids[i] : b->tokens.ids[i];
    }
    if (i < n_prompt) {
        return b->replayed ? b->record.decoder_ids[i - read]
                           : attune_model_info(b->model)->decoder_start;
    }
    return i - n_prompt < b->n_steps ? b->steps[i - n_prompt].id : ATTUNE_TOKEN_NONE;
}

size_t bench_token_bytes(const struct workbench *b, size_t i, char *out, size_t capacity)
{
    size_t n_prompt = bench_n_prompt(b), n;
    const struct attune_step *step;

    if (i >= n_prompt &&
        i - n_prompt < b->n_steps) { /* a step brings its bytes, with or without the model */
        step = &b->steps[i - n_prompt];
        n = step->n_bytes < capacity ? step->n_bytes : capacity;
        memcpy(out, step->bytes, n);
        return step->n_bytes;
    }
    if (!b->model || !attune_model_tokenizer(b->model)) {
        return 0;
    }
    return attune_token_bytes(attune_model_tokenizer(b->model), bench_token_at(b, i), out,
                              capacity);
}
