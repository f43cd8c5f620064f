/* Any position of prompt and run: the distribution that stood before its token, and what would have
 * followed had another been chosen.
 *
 *   prompt   t0 t1 t2 ... | run s0 s1 s2 ...     looked at: t2, what was expected behind t0 t1
 *   fork     t0 t1 x  g3 g4 ...                  x put in by hand, g drawn behind it
 *
 * What stands before the fork is held by the context already: the model reads x alone. */
#include <config.h>

#include "workbench.h"

#include "workbench_event.h"
#include "worker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Is the model that is open the one behind what is shown? */
static bool is_own_model(const struct workbench *b)
{
    return b->model &&
           (!b->replayed || strcmp(b->record.model_name, attune_model_info(b->model)->name) == 0);
}

/* A decoder gives a distribution behind every token it has read. */
static bool has_looks(const struct workbench *b)
{
    return is_own_model(b) && attune_model_info(b->model)->kind == ATTUNE_DECODER;
}

void bench_look(struct workbench *b, size_t position)
{
    size_t n_prompt = bench_n_prompt(b), n = bench_n_tokens(b);

    if (position >= n_prompt && b->n_steps > 0) {
        position = position < n ? position : n - 1;
        bench_use_step(b, position - n_prompt);
        bench_move_cursor(b, (long)position - (long)b->token_cursor);
        return;
    }
    bench_move_cursor(b, (long)position - (long)b->token_cursor);
    if (!has_looks(b) || !b->worker || bench_is_stale(b) || b->refusal[0] || n_prompt == 0 ||
        b->state == BENCH_GENERATING) {
        return;
    }
    position = position < n_prompt ? position : n_prompt;
    if (b->shown_step < 0 && (b->shown_prompt ? b->shown_prompt : n_prompt) == position) {
        return;
    }
    if (position == 0) {
        bench_say(b, false, "nothing stands before the first token: no distribution led to it");
        return;
    }
    b->shown_step = -1;
    b->shown_prompt = position < n_prompt ? position : 0;
    b->read = b->evaluated = false;
    bench_ask_place(b, position - 1);
}

size_t bench_looked_at(const struct workbench *b)
{
    return b->shown_step >= 0 ? bench_n_prompt(b) + (size_t)b->shown_step
           : b->shown_prompt  ? b->shown_prompt
                              : bench_n_prompt(b);
}

void bench_look_by(struct workbench *b, long by)
{
    size_t n = bench_n_prompt(b) + b->n_steps + (b->n_steps == 0), at = bench_looked_at(b);
    long to = (long)at + by;

    if (n > 0) {
        bench_look(b, to < 0 ? 0 : (size_t)to < n ? (size_t)to : n - 1);
    }
}

void bench_request_tree(struct workbench *b, const struct tree_request *request)
{
    struct attune_error err = {0};
    struct job *job = bench_prepare(b, JOB_tree);

    if (job && bench_give_input(b, job) &&
        attune_chain_copy(&job->chain, b->chain, &err) == ATTUNE_OK) {
        job->tree = *request;
        job->place = b->shown_prompt;
        worker_post(b->worker, job);
    } else {
        job_free(job);
    }
}

/* ---- forks ---- */

/* What is known of the token that is put in, from the distribution it is chosen from. */
static void describe(struct attune_step *out, const struct workbench *b, attune_token id)
{
    const struct attune_dist *raw = &b->trace.raw;
    size_t n;

    *out = (struct attune_step){
        .index = b->shown_step >= 0 ? b->steps[b->shown_step].index : 0,
        .id = id,
        .draw = {.id = id, .u = NAN, .low = NAN, .high = NAN},
        .logit = b->logits[id],
        .p = (double)b->trace.p[id],
        .p_raw = attune_dist_p(raw, b->logits[id]),
        .rank = (uint32_t)attune_dist_rank(b->logits, b->trace.n_vocab, id),
        .entropy_bits = attune_bits(raw->entropy),
        .logsumexp = raw->logsumexp,
        .n_kept = (uint32_t)b->trace.n_kept,
        .kept_mass = b->trace.kept_mass,
    };
    while (out->n_top < ATTUNE_STEP_TOP && out->n_top < raw->n_top) {
        out->top[out->n_top] = raw->top[out->n_top];
        out->n_top++;
    }
    n = attune_model_tokenizer(b->model) ? attune_token_bytes(attune_model_tokenizer(b->model), id,
                                                              out->bytes, sizeof out->bytes)
                                         : 0;
    out->n_bytes = (uint8_t)(n < sizeof out->bytes ? n : sizeof out->bytes);
}

/* The text in front of the fork that came from the prompt. *out: free(). */
static bool copy_front(char **out, size_t *len, const struct workbench *b)
{
    const char *text = b->replayed ? b->record.prompt_text : b->text.text;

    *len = b->replayed ? b->record.prompt_text_len : b->text.len;
    if (b->shown_prompt && b->replayed) { /* of a record the places of the tokens are not known */
        return attune_detokenize(out, len, attune_model_tokenizer(b->model), b->record.prompt_ids,
                                 b->shown_prompt, true, false, NULL) == ATTUNE_OK;
    }
    if (b->shown_prompt) {
        *len = b->tokens.end[b->shown_prompt - 1];
    }
    *len = text ? *len : 0;
    *out = malloc(*len + 1);
    if (*out) {
        memcpy(*out, text ? text : "", *len);
    }
    return *out != NULL;
}

/* The text up to the fork: prompt, kept steps, the token. Of an encoder-decoder what it reads. */
static bool give_text(const struct workbench *b, struct job *job)
{
    size_t kept = b->shown_step < 0 ? 0 : (size_t)b->shown_step;
    char *more;

    if (!copy_front(&job->as_sent, &job->as_sent_len, b)) {
        return false;
    }
    more = realloc(job->as_sent, job->as_sent_len + (kept + 1) * ATTUNE_STEP_BYTES + 1);
    if (!more) {
        return false;
    }
    job->as_sent = more;
    for (size_t i = 0; i <= kept && bench_n_encoder(b) == 0; i++) {
        const struct attune_step *step = i < kept ? &b->steps[i] : &job->put_in;

        memcpy(more + job->as_sent_len, step->bytes, step->n_bytes);
        job->as_sent_len += step->n_bytes;
    }
    more[job->as_sent_len] = '\0';
    return true;
}

/* The ids up to the fork and the token behind them, on the side that goes on. */
static bool give_ids(const struct workbench *b, struct job *job, attune_token id)
{
    attune_token **side, *more;
    size_t *n;

    if (!bench_give_input(b, job)) {
        return false;
    }
    side = job->n_decoder ? &job->decoder_ids : &job->ids;
    n = job->n_decoder ? &job->n_decoder : &job->n;
    *n = b->shown_prompt ? b->shown_prompt : *n;
    more = realloc(*side, (*n + 1) * sizeof **side);
    if (more) {
        *side = more;
        more[(*n)++] = id;
    }
    return more != NULL;
}

int bench_fork(struct workbench *b, attune_token id)
{
    struct attune_error err = {0};
    struct job *job;
    bool given;

    if (!b->evaluated || !b->worker || !is_own_model(b) || bench_is_stale(b) ||
        !task_generates(b->task) || b->state == BENCH_GENERATING) {
        bench_say(b, true, "fork: there is no distribution to choose from yet");
        return ATTUNE_ARGUMENT;
    }
    job = bench_prepare(b, JOB_fork);
    if (!job) {
        return ATTUNE_MEMORY;
    }
    describe(&job->put_in, b, id);
    given = give_ids(b, job, id) && give_text(b, job);
    given = given && attune_chain_copy(&job->chain, b->chain, &err) == ATTUNE_OK;
    if (given && !b->shown_prompt && !b->replayed) {
        given = attune_prompt_copy(&job->prompt, &b->prompt, &err) == ATTUNE_OK;
    }
    job->text = given ? strdup(b->session) : NULL;
    if (!job->text) {
        job_free(job);
        bench_say(b, true, "%s", err.text[0] ? err.text : "out of memory");
        return ATTUNE_MEMORY;
    }
    job->run = b->run;
    job->place = b->shown_prompt;
    job->step = b->shown_step >= 0 ? (size_t)b->shown_step : 0;
    job->seed = b->replayed ? b->record.seed : b->seed;
    job->max_tokens = b->max_tokens > job->step + 1 ? b->max_tokens - job->step - 1 : b->max_tokens;
    worker_post(b->worker, job);
    return ATTUNE_OK;
}

void bench_take_fork(struct workbench *b, const struct event *event)
{
    size_t kept = event->step_index;

    b->n_steps = kept < b->n_steps ? kept : b->n_steps;
    if (event->place > 0 && !b->replayed && event->place <= b->tokens.n) {
        b->tokens.n = event->place; /* what stood behind it was not read */
        b->text.len = b->tokens.end[event->place - 1];
    } else if (event->place > 0 && b->replayed && event->place <= b->record.n_prompt) {
        b->record.n_prompt = event->place;
    }
    b->output_len = 0;
    for (size_t i = 0; i < b->n_steps; i++) { /* it was there already: nothing grows */
        memcpy(b->output + b->output_len, b->steps[i].bytes, b->steps[i].n_bytes);
        b->output_len += b->steps[i].n_bytes;
    }
    b->run = event->run;
    b->forked = true;
    b->stop = ATTUNE_STOP_NONE;
    b->shown_step = -1;
    b->shown_prompt = 0;
    b->tokens_per_s = 0;
    b->verdict = (struct attune_verdict){.first_difference = -1};
    b->message[0] = '\0';
    b->answered = event->revision;
}
