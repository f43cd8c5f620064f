/* What is computed for those who look closer.
 *
 * The walk of one token: from the context that keeps what leaves every block (job_deep.c). The
 * scores of all tokens: from the logits of every place, which the worker's context gives at any
 * time. */
#include <config.h>

#include "worker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCORE_ROWS = 16 }; /* positions through the head at once */

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a walk through the model");
}

static void keep_most(struct walk_look *look, size_t key, float weight)
{
    for (int i = 0; i < WALK_MOST; i++) {
        if (weight > look->weight[i]) {
            for (int k = WALK_MOST - 1; k > i; k--) {
                look->key[k] = look->key[k - 1];
                look->weight[k] = look->weight[k - 1];
            }
            look->key[i] = key;
            look->weight[i] = weight;
            return;
        }
    }
}

static double cosine(const float *a, const float *b, int n /* [n] both */)
{
    double ab = 0, aa = 0, bb = 0;

    for (int i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* The other tokens of the side whose first vector is nearest, each id once. */
static int find_near(struct walk_stack *s, enum attune_stack kind, struct attune_context *ctx,
                     const attune_token *ids /* [n] */, int d_model, struct attune_error *err)
{
    float *other = malloc((size_t)d_model * sizeof *other); /* [d_model] */
    int status = other ? ATTUNE_OK : no_memory(err);

    for (size_t i = 0; i < s->n && status == ATTUNE_OK; i++) {
        bool seen = ids[i] == ids[s->position];
        for (size_t k = 0; k < i && !seen; k++) {
            seen = ids[k] == ids[i];
        }
        if (!seen) {
            status = attune_context_hidden(ctx, kind, 0, i, 1, other, err);
        }
        if (!seen && status == ATTUNE_OK) {
            keep_most(&s->near, i, (float)cosine(s->hidden, other, d_model));
        }
    }
    free(other);
    return status;
}

/* Where every head looks from the followed token: looks [n_layers, n_heads]. */
static int find_looks(struct walk_look *looks, const struct walk_stack *s, enum attune_stack kind,
                      struct attune_context *ctx, struct attune_error *err)
{
    struct attune_attention_shape shape;
    int status = attune_attention_shape(&shape, ctx, kind, err);
    float *row = status == ATTUNE_OK ? malloc((shape.n_keys + 1) * sizeof *row) : NULL; /* [keys] */

    if (status == ATTUNE_OK && !row) {
        status = no_memory(err);
    }
    for (int i = 0; i < s->n_layers * s->n_heads && status == ATTUNE_OK; i++) {
        status = attune_attention_slice(ctx, kind, i / s->n_heads, i % s->n_heads, s->position, 1,
                                        0, shape.n_keys, row, err);
        for (size_t k = 0; k < shape.n_keys && status == ATTUNE_OK; k++) {
            keep_most(&looks[i], k, row[k]);
        }
    }
    free(row);
    return status;
}

/* What each layer would say at the followed token. A model without a head says nothing. */
static int find_says(struct walk_stack *s, struct attune_context *ctx, struct attune_error *err)
{
    struct attune_error none;

    s->n_says = attune_lens_count(attune_context_model(ctx), &none);
    if (s->n_says == 0) {
        return ATTUNE_OK;
    }
    s->says = calloc((size_t)s->n_says, sizeof *s->says);
    return s->says ? attune_lens_grid(s->says, ctx, s->position, 1, NULL, NULL, err)
                   : no_memory(err);
}

static int find_middle(struct walk_stack *s, enum attune_stack kind, struct attune_context *ctx,
                       size_t d_model, struct attune_error *err)
{
    int status = ATTUNE_OK;

    s->middle = calloc((size_t)s->n_layers * d_model + 1, sizeof *s->middle);
    if (!s->middle) {
        return no_memory(err);
    }
    for (int i = 0; i < s->n_layers && status == ATTUNE_OK; i++) {
        status = attune_context_middle(ctx, kind, i, s->position, 1,
                                       s->middle + (size_t)i * d_model, err);
    }
    return status;
}

static int fill_stack(struct walk_stack *s, enum attune_stack kind, struct attune_context *ctx,
                      const attune_token *ids, struct attune_error *err)
{
    struct attune_attention_shape shape;
    size_t d_model = (size_t)attune_model_info(attune_context_model(ctx))->d_model, n_looks;
    int status = attune_attention_shape(&shape, ctx, kind, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    s->n_layers = shape.n_layers;
    s->n_heads = shape.n_heads;
    s->n_states = attune_context_hidden_count(ctx, kind);
    n_looks = (size_t)shape.n_layers * (size_t)shape.n_heads;
    s->hidden = calloc((size_t)s->n_states * d_model + 1, sizeof *s->hidden);
    s->looks = calloc(n_looks + 1, sizeof *s->looks);
    s->cross = kind == ATTUNE_STACK_DECODER ? calloc(n_looks + 1, sizeof *s->cross) : NULL;
    if (!s->hidden || !s->looks || (kind == ATTUNE_STACK_DECODER && !s->cross)) {
        return no_memory(err);
    }
    for (int i = 0; i < s->n_states && status == ATTUNE_OK; i++) {
        status = attune_context_hidden(ctx, kind, i, s->position, 1,
                                       s->hidden + (size_t)i * d_model, err);
    }
    if (status == ATTUNE_OK) {
        status = find_near(s, kind, ctx, ids, (int)d_model, err);
    }
    if (status == ATTUNE_OK) {
        status = find_middle(s, kind, ctx, d_model, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_near_tokens(s->kin, WALK_KIN, &s->n_kin, ctx, ids[s->position], err);
    }
    if (status == ATTUNE_OK && kind != ATTUNE_STACK_ENCODER) { /* an encoder alone is SELF */
        status = find_says(s, ctx, err);
    }
    if (status == ATTUNE_OK) {
        status = find_looks(s->looks, s, kind, ctx, err);
    }
    return status == ATTUNE_OK && s->cross ? find_looks(s->cross, s, ATTUNE_STACK_CROSS, ctx, err)
                                           : status;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of two stacks the one without the cursor follows its last token. */
static int fill(struct walk_view *walk, struct attune_context *ctx, struct worker *w,
                const struct job *job, struct attune_error *err)
{
    size_t at = job->step, n = job->n, n_decoder = job->n_decoder;
    int status = ATTUNE_OK;

    walk->n_tokens = n + n_decoder;
    walk->position = at;
    walk->d_model = attune_model_info(w->model)->d_model;
    walk->n_stacks = n_decoder ? 2 : 1;
    walk->stacks[0] = (struct walk_stack){.n = n, .position = least(at, n - 1)};
    walk->stacks[1] = (struct walk_stack){.first = n,
                                          .n = n_decoder,
                                          .position = at >= n || n_decoder == 0 ? at - least(at, n)
                                                                                : n_decoder - 1};
    if (status == ATTUNE_OK) {
        status = fill_stack(&walk->stacks[0], n_decoder ? ATTUNE_STACK_ENCODER : ATTUNE_STACK_SELF,
                            ctx, job->ids, err);
    }
    return status == ATTUNE_OK && n_decoder
               ? fill_stack(&walk->stacks[1], ATTUNE_STACK_DECODER, ctx, job->decoder_ids, err)
               : status;
}

void job_walk(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct attune_context *ctx = NULL;
    struct event *event = event_new(EVENT_walk);
    int status = event ? job_deep(&ctx, w, job, &err) : no_memory(&err);

    if (status == ATTUNE_OK) {
        status = fill(&event->walk, ctx, w, job, &err);
    }
    if (status == ATTUNE_OK) {
        event->revision = job->revision;
        worker_tell(w, event);
        return;
    }
    event_free(event);
    if (status != ATTUNE_CANCELLED) {
        worker_say(w, true, err.text);
    }
}

static struct score score_of(const float *logits /* [n_vocab] */, size_t n_vocab, attune_token id)
{
    struct attune_dist dist;

    attune_dist_of(&dist, logits, n_vocab);
    return (struct score){.p = (float)attune_dist_p(&dist, logits[id]),
                          .entropy_bits = (float)attune_bits(dist.entropy),
                          .rank = (uint32_t)attune_dist_rank(logits, n_vocab, id)};
}

/* The context may hold a run behind the prompt; it stays if it does. */
static int hold(struct worker *w, const struct job *job, struct attune_error *err)
{
    const struct attune_input input = {.ids = job->ids, .n = job->n};

    if (attune_context_length(w->ctx) >= job->n &&
        memcmp(attune_context_tokens(w->ctx), job->ids, job->n * sizeof *job->ids) == 0) {
        return ATTUNE_OK;
    }
    return attune_context_sync(w->ctx, &input, &w->progress, err);
}

/* An encoder sees every token, so each is hidden in turn: a pass a token (Salazar et al., "Masked
 * Language Model Scoring", 2020). At the end the context holds the text again. */
static int score_masked(struct worker *w, struct job *job, struct score_view *view,
                        float *logits /* [n_vocab] */, struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(w->model);
    const struct attune_input input = job_input(job);
    size_t n_vocab = (size_t)attune_model_info(w->model)->n_vocab;
    attune_token mask = tk ? attune_tokenizer_mask(tk) : ATTUNE_TOKEN_NONE;
    int status = ATTUNE_OK, last;

    if (mask == ATTUNE_TOKEN_NONE) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "this model's tokenizer has no mask: nothing can be hidden");
    }
    for (size_t i = 0; i < job->n && status == ATTUNE_OK && !worker_has_waiting(w); i++) {
        attune_token id = job->ids[i];

        view->scores[i].p = NAN;
        if (attune_token_kind(tk, id) != ATTUNE_TOKEN_SPECIAL && (size_t)id < n_vocab) {
            job->ids[i] = mask;
            status = attune_context_sync(w->ctx, &input, &w->progress, err);
            job->ids[i] = id;
            if (status == ATTUNE_OK) {
                status = attune_context_logits(w->ctx, i, 1, logits, err);
                view->scores[i] = score_of(logits, n_vocab, id);
            }
        }
        view->n = status == ATTUNE_OK ? i + 1 : view->n;
    }
    last = attune_context_sync(w->ctx, &input, NULL, err);
    return status == ATTUNE_OK ? last : status;
}

void job_score(struct worker *w, struct job *job)
{
    struct attune_error err = {0};
    struct event *event = event_new(EVENT_score);
    size_t n_vocab = w->model ? (size_t)attune_model_info(w->model)->n_vocab : 0, n = job->n;
    float *logits = malloc((SCORE_ROWS * n_vocab + 1) * sizeof *logits); /* [SCORE_ROWS, n_vocab] */

    if (event) {
        event->score.scores = calloc(n + 1, sizeof *event->score.scores);
    }
    if (!event || !logits || !event->score.scores || !w->ctx || n == 0 ||
        hold(w, job, &err) != ATTUNE_OK) {
        event_free(event);
        free(logits);
        return;
    }
    if (!task_generates(job->task)) {
        int status = score_masked(w, job, &event->score, logits, &err);
        if (status != ATTUNE_OK && status != ATTUNE_CANCELLED) {
            worker_say(w, true, err.text);
        }
        n = 0;
    } else {
        event->score.scores[0].p = NAN;
        event->score.n = 1;
    }
    for (size_t i = 1, count; i < n && !worker_has_waiting(w); i += count) {
        count = n - i < SCORE_ROWS ? n - i : SCORE_ROWS;
        if (attune_context_logits(w->ctx, i - 1, count, logits, &err) != ATTUNE_OK) {
            break;
        }
        for (size_t k = 0; k < count && (size_t)job->ids[i + k] < n_vocab; k++) {
            event->score.scores[i + k] = score_of(logits + k * n_vocab, n_vocab, job->ids[i + k]);
            event->score.n = i + k + 1;
        }
    }
    event->revision = job->revision;
    free(logits);
    worker_tell(w, event);
}
