/* What the worker does for the attention panels: a window of one head, every head made small, and
 * either of them into a file. */
#include <config.h>

#include "worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "map.h"

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static int get_shape(struct worker *w, enum attune_stack kind, struct attune_attention_shape *out,
                     struct attune_error *err)
{
    return w->ctx ? attune_attention_shape(out, w->ctx, kind, err)
                  : attune_error_set(err, ATTUNE_ARGUMENT, 0, "no model is open: use :model NAME");
}

static void say_error(struct worker *w, const struct attune_error *err)
{
    worker_say(w, err->status != ATTUNE_CANCELLED,
               err->text[0] ? err->text : attune_status_text(err->status));
}

/* ---- one head ---- */

/* Brings the request inside the context and inside reason; false if nothing is left of it. */
static bool clamp_request(struct attention_request *r, const struct attune_attention_shape *shape)
{
    bool row_only = r->rows == 0 && r->cols == 0;

    r->q1 = r->q1 < shape->n_queries ? r->q1 : shape->n_queries;
    r->k1 = r->k1 < shape->n_keys ? r->k1 : shape->n_keys;
    if (r->q0 >= r->q1 || r->k0 >= r->k1 || r->layer < 0 || r->layer >= shape->n_layers ||
        r->head < 0 || r->head >= shape->n_heads || (!row_only && (r->rows < 1 || r->cols < 1))) {
        return false;
    }
    r->rows = (size_t)r->rows < r->q1 - r->q0 ? r->rows : (int)(r->q1 - r->q0);
    r->cols = (size_t)r->cols < r->k1 - r->k0 ? r->cols : (int)(r->k1 - r->k0);
    r->cursor = r->cursor < shape->n_queries ? r->cursor : shape->n_queries - 1;
    return true;
}

static int fill_cells(struct worker *w, struct attention_view *view, struct attune_error *err)
{
    const struct attention_request *r = &view->request;
    const struct attune_head_window window = {.kind = r->kind,
                                              .layer = r->layer,
                                              .head = r->head,
                                              .q0 = r->q0,
                                              .q1 = r->q1,
                                              .k0 = r->k0,
                                              .k1 = r->k1,
                                              .rows = r->rows,
                                              .cols = r->cols,
                                              .mix = w->mix};
    struct attune_head_text text = {0};
    uint8_t *sinks = NULL;
    int status;

    view->cells = malloc((size_t)r->rows * (size_t)r->cols * sizeof *view->cells);
    if (r->hide_sinks) {
        sinks = malloc(view->n_keys);
    }
    if (!view->cells || (r->hide_sinks && !sinks)) {
        free(sinks);
        return no_memory(err);
    }
    if (sinks) {
        size_t n;
        const attune_token *keys = attune_attention_tokens(w->ctx, r->kind, false, &n);

        attune_head_sinks(sinks, attune_model_tokenizer(w->model), keys, n);
        text.left_out = sinks;
    }
    status = attune_head_read(NULL, view->cells, w->ctx, &window, &text,
                              w->mix ? &w->progress : NULL, err);
    free(sinks);
    return status;
}

/* What the request asks for as a mixture; one head as it is needs none. */
static struct attune_mix_options mix_options(const struct attention_request *r)
{
    return (struct attune_mix_options){.kind = r->kind,
                                       .way = r->mix.way,
                                       .layer = r->mix.whole ? -1 : r->layer,
                                       .head = r->head,
                                       .heads = r->mix.heads};
}

static bool same_mix(const struct attune_mix_options *a, const struct attune_mix_options *b)
{
    bool one = b->way == ATTUNE_MIX_NORM;

    return a->kind == b->kind && a->way == b->way &&
           (b->way == ATTUNE_MIX_SUM ? strcmp(a->heads, b->heads) == 0 : a->layer == b->layer) &&
           (!one || a->head == b->head);
}

/* The worker keeps the last mixture: a rollout's rows serve the cursor that moves over them. */
static int use_mix(struct worker *w, const struct attention_request *r, struct attune_error *err)
{
    const struct attune_mix_options options = mix_options(r);

    if (w->mix &&
        (options.way == ATTUNE_MIX_HEAD || !same_mix(attune_mix_options_of(w->mix), &options))) {
        attune_mix_free(w->mix);
        w->mix = NULL;
    }
    return w->mix || options.way == ATTUNE_MIX_HEAD
               ? ATTUNE_OK
               : attune_mix_new(&w->mix, w->ctx, &options, err);
}

static int fill_view(struct worker *w, struct attention_view *view, struct attune_error *err)
{
    const struct attention_request *r = &view->request;
    int status = use_mix(w, r, err);

    view->row = calloc(view->n_keys, sizeof *view->row);
    if (!view->row) {
        return no_memory(err);
    }
    if (status == ATTUNE_OK && r->rows > 0) {
        status = fill_cells(w, view, err); /* first: of a mixture its rows are prepared together */
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    return w->mix ? attune_mix_slice(w->mix, r->cursor, 1, 0, view->n_keys, view->row, &w->progress,
                                     err)
                  : attune_attention_slice(w->ctx, r->kind, r->layer, r->head, r->cursor, 1, 0,
                                           view->n_keys, view->row, err);
}

void job_attention(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_attention_shape shape;
    struct event *event = event_new(EVENT_attention);
    double start = now_ms();
    int status = event ? get_shape(w, job->attention.kind, &shape, &err) : no_memory(&err);

    if (status == ATTUNE_OK) {
        event->revision = job->revision;
        event->attention.request = job->attention;
        event->attention.n_queries = shape.n_queries;
        event->attention.n_keys = shape.n_keys;
        if (shape.n_queries && shape.n_keys && clamp_request(&event->attention.request, &shape)) {
            status = fill_view(w, &event->attention, &err);
        }
        event->attention.ms = now_ms() - start;
    }
    if (status != ATTUNE_OK) {
        event_free(event);
        say_error(w, &err);
        return;
    }
    worker_tell(w, event);
}

/* ---- all heads ---- */

enum { HEADS_AT_ONCE = 16 };
static const double told_every_ms = 30;

/* Heads first .. of the list into one event: as many as there is time for before the next is told.
 */
static int fill_heads(struct worker *w, struct heads_view *view,
                      const struct attune_head_text *text, struct attune_error *err)
{
    double start = now_ms();
    size_t plane = (size_t)view->rows * (size_t)view->cols,
           total = (size_t)view->n_layers * (size_t)view->n_heads;
    int status = ATTUNE_OK;

    view->heads = malloc(HEADS_AT_ONCE * sizeof *view->heads);
    view->cells = malloc(HEADS_AT_ONCE * plane * sizeof *view->cells);
    if (!view->heads || !view->cells) {
        return no_memory(err);
    }
    while (view->first + view->n < total && view->n < HEADS_AT_ONCE &&
           now_ms() - start < told_every_ms) {
        int i = (int)(view->first + view->n);
        const struct attune_head_window window = {
            view->kind, i / view->n_heads, i % view->n_heads, 0,          view->n_queries,
            0,          view->n_keys,      view->rows,        view->cols, NULL};

        status = worker_has_waiting(w)
                     ? attune_error_set(err, ATTUNE_CANCELLED, 0, "something else comes first")
                     : attune_head_read(&view->heads[view->n], view->cells + view->n * plane,
                                        w->ctx, &window, text, &w->progress, err);
        if (status != ATTUNE_OK) {
            break;
        }
        view->n++;
    }
    view->ms = now_ms() - start;
    return status;
}

static int least(size_t a, int b)
{
    return a < (size_t)b ? (int)a : b;
}

static void tell_heads(struct worker *w, struct job *job,
                       const struct attune_attention_shape *shape,
                       const struct attune_head_text *text, struct attune_error *err)
{
    size_t total = (size_t)shape->n_layers * (size_t)shape->n_heads, first = job->step;
    int status = ATTUNE_OK;

    for (bool ended = false; !ended;) {
        struct event *event = event_new(EVENT_heads);
        struct heads_view *view = event ? &event->heads : NULL;

        if (!view) {
            return; /* the panel asks again */
        }
        *view = (struct heads_view){
            .kind = job->attention.kind,
            .n_layers = shape->n_layers,
            .n_heads = shape->n_heads,
            .n_queries = shape->n_queries,
            .n_keys = shape->n_keys,
            .rows = least(shape->n_queries, HEADS_CELLS),
            .cols = least(shape->n_keys, HEADS_CELLS),
            .first = first,
        };
        event->revision = job->revision;
        if (total > 0 && shape->n_queries > 0 && shape->n_keys > 0) {
            status = fill_heads(w, view, text, err);
        }
        first += view->n;
        ended = view->ended = status != ATTUNE_OK || first >= total || view->n == 0;
        view->failed = status != ATTUNE_OK && status != ATTUNE_CANCELLED;
        worker_tell(w, event);
    }
    if (status != ATTUNE_OK && status != ATTUNE_CANCELLED) {
        say_error(w, err);
    }
}

void job_heads(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_attention_shape shape = {0};
    size_t n = 0;
    const attune_token *ids;
    uint8_t *separators = NULL;
    int status = get_shape(w, job->attention.kind, &shape, &err);

    if (status == ATTUNE_OK) {
        ids = attune_attention_tokens(w->ctx, job->attention.kind, false, &n);
        separators = malloc(n + 1);
        status = separators ? ATTUNE_OK : no_memory(&err);
    }
    if (status == ATTUNE_OK) {
        const struct attune_head_text text = {ids, separators, NULL};

        attune_head_separators(separators, attune_model_tokenizer(w->model), ids, n);
        tell_heads(w, job, &shape, &text, &err);
    } else {
        struct event *event = event_new(EVENT_heads);

        if (event) {
            event->revision = job->revision;
            event->heads.kind = job->attention.kind;
            event->heads.ended = event->heads.failed = true;
            worker_tell(w, event);
        }
        say_error(w, &err);
    }
    free(separators);
}

/* ---- into a file ---- */

void job_write(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_attention_shape shape;
    struct attention_request *r = &job->attention;
    struct map m = {0};
    char text[512];
    int status = get_shape(w, r->kind, &shape, &err);

    if (status == ATTUNE_OK) {
        status = map_open(&m, w->ctx, r->kind, &err);
    }
    if (status == ATTUNE_OK && r->hide_sinks) {
        status = map_hide_sinks(&m, &err);
    }
    if (status == ATTUNE_OK) {
        m.layer = r->layer;
        m.head = r->head;
        m.scale = (enum attention_scale)job->file.scale;
        m.ramp = (enum ramp)job->file.ramp;
        m.progress = &w->progress;
        if (r->mix.way != ATTUNE_MIX_HEAD && !job->file.all) {
            const struct attune_mix_options options = mix_options(r);

            status = attune_mix_new(&m.mix, w->ctx, &options, &err);
        }
        if (r->q0 < r->q1 && r->q1 <= shape.n_queries && r->k0 < r->k1 && r->k1 <= shape.n_keys) {
            m.q0 = r->q0;
            m.q1 = r->q1;
            m.k0 = r->k0;
            m.k1 = r->k1;
        }
    }
    if (status == ATTUNE_OK) {
        status = map_write(&m, job->file.path, job->file.all, &err);
    }
    if (status == ATTUNE_OK) {
        snprintf(text, sizeof text, "wrote %s", job->file.path);
        worker_say(w, false, text);
    } else {
        say_error(w, &err);
    }
    map_done(&m);
}
