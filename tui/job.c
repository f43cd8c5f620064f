/* What the worker does for each kind of job. Runs on the worker thread; speaks through events
 * alone. */
#include <config.h>

#include "worker.h"

#include <attune/ablate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void say_error(struct worker *w, const struct attune_error *err)
{
    worker_say(w, err->status != ATTUNE_CANCELLED,
               err->text[0] ? err->text : attune_status_text(err->status));
}

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static int no_model(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_ARGUMENT, 0, "no model is open: use :model NAME");
}

/* Opened when it is first needed. */
struct attune_store *job_store(struct worker *w, struct attune_error *err)
{
    if (!w->store && !w->settings.db_path) {
        attune_error_set(err, ATTUNE_ARGUMENT, 0, "no database: nothing is recorded");
    } else if (!w->store) {
        attune_store_open(&w->store, w->settings.db_path, ATTUNE_STORE_WRITE, err);
    }
    return w->store;
}

void job_load(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_model *model = NULL;
    struct attune_context *ctx = NULL;
    struct attune_context_options options = {
        .n_context = w->settings.n_context,
        .n_threads = w->settings.n_threads,
        .progress = &w->progress,
        .activations = w->settings.activations,
        .kv_type = w->settings.kv_type,
    };
    struct event *event = event_new(EVENT_loaded);
    int status =
        event ? attune_model_open(&model, job->text, NULL, &w->progress, &err) : no_memory(&err);

    if (status == ATTUNE_OK) {
        status = attune_context_new(&ctx, model, &options, &err);
    }
    if (status != ATTUNE_OK) {
        attune_model_close(model);
        event_free(event);
        say_error(w, &err);
        return;
    }
    attune_mix_free(w->mix);
    w->mix = NULL;
    attune_context_free(w->ctx);
    attune_context_free(w->deep);
    w->deep = NULL;
    attune_context_free(w->side);
    w->side = NULL;
    w->ctx = ctx;
    w->model = model;
    event->model = model;
    event->n_context = attune_context_capacity(ctx);
    event->text = strdup(job->text);
    worker_tell(w, event);
}

static float *copy_logits(struct worker *w, size_t position, size_t *n, struct attune_error *err)
{
    size_t n_vocab = (size_t)attune_model_info(w->model)->n_vocab;
    float *logits = malloc(n_vocab * sizeof *logits); /* [V] */

    if (!logits) {
        no_memory(err);
        return NULL;
    }
    if (attune_context_logits(w->ctx, position, 1, logits, err) != ATTUNE_OK) {
        free(logits);
        return NULL;
    }
    *n = n_vocab;
    return logits;
}

/* Renders and tokenizes the job's prompt and tells the result; a copy stays in *text and *read. */
static int read_prompt(struct worker *w, struct job *job, struct attune_rendered *text,
                       struct attune_task_tokens *read, struct attune_error *err)
{
    struct event *event = event_new(EVENT_tokenized);
    struct attune_task_tokens placed = {0};
    int status = !event ? no_memory(err) : !w->model ? no_model(err) : ATTUNE_OK;

    if (status == ATTUNE_OK && !attune_model_tokenizer(w->model)) {
        status =
            attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                             "this model has no tokenizer: it reads ids only (attune run --ids)");
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_render(text, &job->prompt, err);
    }
    if (status == ATTUNE_OK) {
        status = job_task_read(read, w, job, NULL, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_render(&event->rendered, &job->prompt, err);
    }
    if (status == ATTUNE_OK) {
        status = job_task_read(&placed, w, job, text, err);
        event->tokens = placed.tokens; /* moved */
        placed.tokens = (struct attune_tokens){0};
    }
    attune_task_tokens_done(&placed);
    if (status != ATTUNE_OK) {
        event_free(event);
        return status;
    }
    event->revision = job->revision;
    worker_tell(w, event);
    return ATTUNE_OK;
}

static int sync_input(struct worker *w, const struct attune_input *input, struct attune_error *err)
{
    if (!w->ctx) {
        return no_model(err);
    }
    if (input->n == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "the prompt is empty: write something");
    }
    return attune_context_sync(w->ctx, input, &w->progress, err);
}

struct attune_input job_input(const struct job *job)
{
    return (struct attune_input){.ids = job->ids,
                                 .n = job->n,
                                 .type_ids = job->type_ids,
                                 .decoder_ids = job->decoder_ids,
                                 .n_decoder = job->n_decoder};
}

/* An encoder is looked at where something is to be filled in: at the mask nearest to the wish. */
static size_t place_of(const struct attune_task_tokens *read, size_t wish)
{
    size_t best = wish < read->tokens.n ? wish : read->tokens.n - 1, distance = SIZE_MAX;

    for (size_t i = 0; i < read->n_masks; i++) {
        size_t at = read->masks[i], off = at > wish ? at - wish : wish - at;

        if (off < distance) {
            distance = off;
            best = at;
        }
    }
    return best;
}

/* Reads the input and copies the logits of the place that the task looks at. */
static int read_input(struct worker *w, const struct job *job,
                      const struct attune_task_tokens *read, struct event *event, float **logits,
                      struct attune_error *err)
{
    bool generates = task_generates(job->task);
    const struct attune_input input = {.ids = read->tokens.ids, .n = read->tokens.n};
    int status =
        generates ? sync_input(w, &input, err) : attune_task_sync(w->ctx, read, &w->progress, err);

    if (status == ATTUNE_OK && attune_model_output(w->model, ATTUNE_OUTPUT_TOKENS).there) {
        event->place = generates ? attune_context_length(w->ctx) - 1 : place_of(read, job->place);
        *logits = copy_logits(w, event->place, &event->n, err);
        status = *logits ? ATTUNE_OK : err->status;
    }
    return status;
}

/* With something ablated the model is asked twice: as it is, and so that the context is left with
 * what is shown. */
static int evaluate(struct worker *w, const struct job *job, const struct attune_task_tokens *read,
                    struct event *event, struct attune_error *err)
{
    int status = w->ctx ? attune_context_ablate(w->ctx, NULL, err) : no_model(err);

    if (status == ATTUNE_OK && job->ablation) {
        status = read_input(w, job, read, event, &event->before, err);
        if (status == ATTUNE_OK) {
            status = attune_context_ablate(w->ctx, job->ablation, err);
        }
    }
    if (status == ATTUNE_OK) {
        status = read_input(w, job, read, event, &event->logits, err);
    }
    if (!w->ctx) {
        return status;
    }
    event->stats = attune_context_stats(w->ctx);
    return status;
}

void job_evaluate(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_rendered text = {0};
    struct attune_task_tokens read = {0};
    struct event *event = event_new(EVENT_evaluated);
    int status = event ? read_prompt(w, job, &text, &read, &err) : no_memory(&err);

    if (status == ATTUNE_OK) {
        status = evaluate(w, job, &read, event, &err);
    }
    if (!event || status == ATTUNE_CANCELLED) { /* a newer edit is on its way */
        event_free(event);
    } else {
        event->kind = status == ATTUNE_OK ? EVENT_evaluated : EVENT_refused;
        event->revision = job->revision;
        event->text = status == ATTUNE_OK ? NULL : strdup(err.text);
        worker_tell(w, event);
    }
    if (status == ATTUNE_OK) {
        job_task_answer(w, job, &read);
    }
    attune_task_tokens_done(&read);
    attune_rendered_done(&text);
}

static void tell_step(struct worker *w, const struct attune_step *step, size_t index,
                      const float *logits, size_t n)
{
    struct event *event = event_new(EVENT_step);

    if (event) {
        event->step = *step;
        event->step_index = index;
        if (logits) {
            event->logits = malloc(n * sizeof *logits);
            event->n = event->logits ? n : 0;
            if (event->logits) {
                memcpy(event->logits, logits, n * sizeof *logits);
            }
        }
        worker_tell(w, event);
    }
}

static void tell_started(struct worker *w, int64_t run, uint64_t revision)
{
    struct event *event = event_new(EVENT_started);

    if (event) {
        event->run = run;
        event->revision = revision;
        worker_tell(w, event);
    }
}

static void tell_finished(struct worker *w, enum attune_stop stop, double tokens_per_s)
{
    struct event *event = event_new(EVENT_finished);

    if (event) {
        event->stop = stop;
        event->tokens_per_s = tokens_per_s;
        worker_tell(w, event);
    }
}

/* A waiting attention job is answered between two tokens. */
int job_produce(struct worker *w, struct attune_run *run, struct attune_error *err)
{
    size_t n_vocab = (size_t)attune_model_info(w->model)->n_vocab, n = 0;
    double start = now_ms();
    struct attune_step step;
    struct job *aside;
    int more;

    while ((more = attune_run_next(run, &step, &w->progress, err)) > 0) {
        tell_step(w, &step, n++, attune_generation_logits(attune_run_generation(run)), n_vocab);
        while ((aside = worker_steal(w, JOB_attention))) {
            job_attention(w, aside);
            job_free(aside);
        }
    }
    tell_finished(w,
                  more < 0 ? ATTUNE_STOP_ERROR : attune_generation_stop(attune_run_generation(run)),
                  n ? (double)n * 1e3 / (now_ms() - start) : 0);
    return more < 0 ? -more : ATTUNE_OK;
}

void job_run(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_rendered text = {0};
    struct attune_task_tokens read = {0};
    struct attune_run *run = NULL;
    struct attune_store *store = NULL;
    int status = read_prompt(w, job, &text, &read, &err);

    if (status == ATTUNE_OK && w->settings.db_path) {
        store = job_store(w, &err);
        if (!store) {
            say_error(w, &err); /* the run goes on, unrecorded and said so */
        }
    }
    if (status == ATTUNE_OK) {
        const struct attune_model_info *info = attune_model_info(w->model);
        const struct attune_run_options options = {
            .session = job->text,
            .prompt = &job->prompt,
            .text = text.text,
            .text_len = text.len,
            .ids = read.tokens.ids,
            .n = read.tokens.n,
            .decoder_ids = info->kind == ATTUNE_SEQ2SEQ ? &info->decoder_start : NULL,
            .n_decoder = info->kind == ATTUNE_SEQ2SEQ,
            .generate = {.max_tokens = job->max_tokens, .seed = job->seed},
        };

        status = read.tokens.n ? attune_run_start(&run, w->ctx, job->chain, store, &options,
                                                  &w->progress, &err)
                               : attune_error_set(&err, ATTUNE_ARGUMENT, 0,
                                                  "the prompt is empty: write something");
    }
    if (status == ATTUNE_OK) {
        tell_started(w, attune_run_id(run), job->revision);
        status = job_produce(w, run, &err);
        if (status == ATTUNE_OK) {
            status = attune_run_finish(run, &err);
        }
        if (status == ATTUNE_OK) {
            job_opened(w, attune_run_id(run));
        }
    }
    if (status != ATTUNE_OK) {
        say_error(w, &err);
    }
    attune_run_free(run);
    attune_task_tokens_done(&read);
    attune_rendered_done(&text);
}

void job_step(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct event *event = event_new(EVENT_logits);
    const struct attune_input input = job_input(job);
    int status = !event    ? no_memory(&err)
                 : !w->ctx ? no_model(&err)
                           : attune_context_ablate(w->ctx, NULL, &err);

    if (status == ATTUNE_OK && job->ablation) {
        status = sync_input(w, &input, &err);
        if (status == ATTUNE_OK) {
            event->before = copy_logits(w, job->place, &event->n, &err);
            status =
                event->before ? attune_context_ablate(w->ctx, job->ablation, &err) : err.status;
        }
    }
    if (status == ATTUNE_OK) {
        status = sync_input(w, &input, &err);
    }
    if (status == ATTUNE_OK) {
        event->logits = copy_logits(w, job->place, &event->n, &err);
        status = event->logits ? ATTUNE_OK : err.status;
    }
    if (status != ATTUNE_OK) {
        event_free(event);
        say_error(w, &err);
        return;
    }
    event->step_index = job->step;
    event->place = job->place;
    event->revision = job->revision;
    worker_tell(w, event);
}

void job_list(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_store *store = job_store(w, &err);
    struct attune_run_search search = {{0}};
    struct event *event = event_new(EVENT_listed);
    int status = !event ? no_memory(&err) : store ? ATTUNE_OK : err.status;

    if (status == ATTUNE_OK) {
        status = attune_run_search_init(&search, job->text ? job->text : "", &err);
    }
    if (status == ATTUNE_OK) {
        search.query.limit = 1000;
        status = attune_store_list(store, &search.query, &event->records, &event->n, &err);
    }
    attune_run_search_done(&search);
    if (status != ATTUNE_OK) {
        event_free(event);
        say_error(w, &err);
        return;
    }
    worker_tell(w, event);
}

/* The record of a run as an event of this kind. */
static int tell_record(struct worker *w, struct attune_store *store, int64_t run,
                       enum event_kind kind, struct attune_error *err)
{
    struct event *event = event_new(kind);
    int status = event ? ATTUNE_OK : no_memory(err);

    if (status == ATTUNE_OK) {
        event->records = calloc(1, sizeof *event->records);
        status = event->records ? attune_store_load_run(store, run, event->records, err)
                                : no_memory(err);
    }
    if (status == ATTUNE_OK) {
        event->run = run;
        worker_tell(w, event);
    } else {
        event_free(event);
    }
    return status;
}

/* The steps as they were saved, in the time they took. */
static int play(struct worker *w, struct attune_store *store, int64_t run, enum attune_stop stop,
                struct attune_error *err)
{
    struct attune_step *steps = NULL;
    size_t n = 0, i = 0;
    double start = now_ms();
    int status = attune_store_load_steps(store, run, &steps, &n, err);

    for (; status == ATTUNE_OK && i < n; i++) {
        if (!w->settings.unpaced &&
            worker_pause(w, fmin(1000.0, steps[i].eval_ms + steps[i].sample_ms))) {
            break;
        }
        tell_step(w, &steps[i], i, NULL, 0);
    }
    free(steps);
    if (status == ATTUNE_OK) {
        tell_finished(w, i < n ? ATTUNE_STOP_INTERRUPTED : stop,
                      n ? (double)i * 1e3 / (now_ms() - start + 1e-3) : 0);
    }
    return status;
}

static int verify(struct worker *w, struct attune_store *store, int64_t run,
                  struct attune_error *err)
{
    struct event *event = event_new(EVENT_verified);
    int status = !event      ? no_memory(err)
                 : !w->model ? no_model(err)
                             : attune_replay_verify(&event->verdict, store, run, w->model,
                                                    w->settings.n_threads, &w->progress, err);

    if (status != ATTUNE_OK) {
        event_free(event);
        return status;
    }
    event->run = run;
    worker_tell(w, event);
    return ATTUNE_OK;
}

void job_replay(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_store *store = job_store(w, &err);
    struct attune_run_record record = {0};
    int status = store ? attune_store_load_run(store, job->run, &record, &err) : err.status;

    if (status == ATTUNE_OK) {
        status = tell_record(w, store, job->run, EVENT_recorded, &err);
    }
    if (status == ATTUNE_OK) {
        job_opened(w, job->run);
    }
    if (status == ATTUNE_OK) {
        status = play(w, store, job->run, record.stop, &err);
    }
    if (status == ATTUNE_OK && job->verify) {
        status = verify(w, store, job->run, &err);
    }
    if (status != ATTUNE_OK) {
        say_error(w, &err);
    }
    attune_run_record_done(&record);
}

void job_restore(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_store *store = job_store(w, &err);
    int status = store ? tell_record(w, store, job->run, EVENT_restored, &err) : err.status;

    if (status != ATTUNE_OK) {
        say_error(w, &err);
    }
}

void job_remove(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_store *store = job_store(w, &err);
    int status = store ? attune_store_remove_run(store, job->run, &err) : err.status;

    if (status != ATTUNE_OK) {
        say_error(w, &err);
    } else {
        worker_say(w, false, "removed");
        job_list(w, job);
    }
}

void job_do(struct worker *w, struct job *job)
{
    static void (*const table[])(struct worker *, struct job *) = {
#define KIND(name, text, latest) job_##name,
        JOB_LIST(KIND)
#undef KIND
    };
    _Static_assert(sizeof table / sizeof *table == JOB_COUNT, "every kind of job");

    table[job->kind](w, job);
}
