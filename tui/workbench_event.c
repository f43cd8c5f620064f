/* What each event of the worker does to the workbench, one small function a kind. */
#include <config.h>

#include "workbench_event.h"

#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forget_run(struct workbench *b)
{
    b->run = 0;
    b->n_steps = 0;
    b->output_len = 0;
    b->stop = ATTUNE_STOP_NONE;
    b->replayed = false;
    b->step_cursor = 0;
    /* what stood behind a step, or inside the prompt, goes with it */
    b->evaluated = b->evaluated && b->shown_step < 0 && !b->shown_prompt;
    b->read = b->read && b->shown_step < 0 && !b->shown_prompt;
    b->shown_step = -1;
    b->shown_prompt = 0;
    b->forked = false;
    b->tokens_per_s = 0;
    b->verdict = (struct attune_verdict){.first_difference = -1};
    attune_run_record_done(&b->record);
    memset(&b->record, 0, sizeof b->record);
}

static void take_logits(struct workbench *b, struct event *event, long step)
{
    if (!event->logits || event->n != b->trace.n_vocab) {
        return; /* of a model that is gone */
    }
    free(b->logits);
    b->logits = event->logits;
    event->logits = NULL;
    free(b->before);
    b->before = event->before;
    event->before = NULL;
    if (b->before) {
        attune_dist_of(&b->was, b->before, event->n);
        attune_shift_of(&b->shift, b->before, b->logits, event->n);
    }
    b->shown_step = step;
    b->read = b->evaluated = true;
    bench_apply_chain(b);
}

static void take_busy(struct workbench *b, struct event *event)
{
    static const enum bench_state states[JOB_COUNT] = {
        [JOB_load] = BENCH_LOADING,     [JOB_evaluate] = BENCH_EVALUATING,
        [JOB_attention] = BENCH_IDLE,   [JOB_run] = BENCH_GENERATING,
        [JOB_step] = BENCH_IDLE,        [JOB_list] = BENCH_IDLE,
        [JOB_replay] = BENCH_REPLAYING, [JOB_restore] = BENCH_IDLE,
        [JOB_remove] = BENCH_IDLE,      [JOB_walk] = BENCH_IDLE,
        [JOB_score] = BENCH_IDLE,       [JOB_heads] = BENCH_IDLE,
        [JOB_write] = BENCH_IDLE,       [JOB_fork] = BENCH_GENERATING,
        [JOB_compare] = BENCH_IDLE,     [JOB_lens] = BENCH_IDLE,
        [JOB_journal] = BENCH_IDLE,     [JOB_undo] = BENCH_IDLE,
        [JOB_back] = BENCH_REPLAYING,   [JOB_prune] = BENCH_IDLE,
        [JOB_mark] = BENCH_IDLE,        [JOB_ladder] = BENCH_IDLE,
        [JOB_why] = BENCH_IDLE,
        [JOB_tree] = BENCH_IDLE,
    };

    b->state = states[event->job];
}

static void take_idle(struct workbench *b, struct event *event)
{
    b->state = b->model ? BENCH_IDLE : BENCH_FAILED;
}

static void forget_answer(struct workbench *b)
{
    free(b->answer.p);
    free(b->answer.gaps);
    memset(&b->answer, 0, sizeof b->answer);
}

static void take_loaded(struct workbench *b, struct event *event)
{
    struct attune_error err;
    struct attune_model *old = b->model;
    char *ablation = NULL;

    forget_run(b);
    forget_answer(b);
    attune_tokens_done(&b->tokens);
    memset(&b->tokens, 0, sizeof b->tokens);
    attune_trace_done(&b->trace);
    memset(&b->trace, 0, sizeof b->trace);
    b->read = b->evaluated = false;
    b->model = event->model;
    event->model = NULL;
    attune_constraint_free(b->constraint);
    b->constraint = NULL;
    attune_model_close(old);
    bench_take_advice(b);
    free(b->heads.heads);
    free(b->heads.cells);
    b->heads = (struct heads_view){.ended = true};
    free(b->model_path);
    b->model_path = event->text;
    event->text = NULL;
    b->n_context = event->n_context;
    if (attune_trace_init(&b->trace, (size_t)attune_model_info(b->model)->n_vocab, &err) !=
        ATTUNE_OK) {
        bench_say(b, true, "%s", err.text);
    } else if (attune_model_info(b->model)->note[0]) {
        bench_say(b, false, "%s", attune_model_info(b->model)->note);
    }
    if (attune_ablation_text(&ablation, b->model, attune_chain_ablation(b->chain), NULL) !=
        ATTUNE_OK) {
        attune_chain_set_ablation(b->chain, NULL, NULL); /* of heads that this model has not */
        bench_say(b, false, "the ablation was of another model: it is off");
    }
    free(ablation);
    bench_fit_task(b);
    bench_prompt_changed(b);
    bench_resume(b);
}

static void take_tokenized(struct workbench *b, struct event *event)
{
    bool at_end; /* the cursor follows what is written at the end */

    if (event->revision != b->revision) {
        return; /* a newer edit is on its way */
    }
    at_end = b->token_cursor + 1 >= bench_n_tokens(b);
    forget_run(b);
    attune_rendered_done(&b->text);
    b->text = event->rendered;
    memset(&event->rendered, 0, sizeof event->rendered);
    attune_tokens_done(&b->tokens);
    b->tokens = event->tokens;
    memset(&event->tokens, 0, sizeof event->tokens);
    b->refusal[0] = '\0';
    bench_move_cursor(b, at_end ? (long)b->tokens.n : 0);
}

static void take_evaluated(struct workbench *b, struct event *event)
{
    if (event->revision == b->revision) {
        b->answered = event->revision;
        b->eval_ms = event->stats.eval_ms;
        b->reused = event->stats.reused;
        b->n_evaluated = event->stats.evaluated;
        b->read = true;
        b->evaluated = false;
        b->shown_step = -1;
        b->shown_prompt = 0;
        b->shown_place = event->place;
        take_logits(b, event, -1);
        if (b->evaluated && bench_has_places(b)) {
            b->token_cursor = event->place;
        }
    }
}

static void take_refused(struct workbench *b, struct event *event)
{
    if (event->revision == b->revision) {
        b->answered = event->revision;
        b->read = b->evaluated = false;
        snprintf(b->refusal, sizeof b->refusal, "%s", event->text ? event->text : "");
    }
}

static void take_attention(struct workbench *b, struct event *event)
{
    struct attention_view *new = &event->attention, *old = &b->attention;

    new->revision = event->revision;
    if (new->request.rows == 0) { /* the cursor moved over the picture that is there */
        struct attention_request window = old->request;

        window.rows = window.cols = 0;
        if (!bench_same_window(&window, &new->request) || new->n_keys != old->n_keys) {
            return;
        }
        free(old->row);
        old->row = new->row;
        old->request.cursor = new->request.cursor;
        new->row = NULL;
        return;
    }
    attention_view_done(old);
    *old = *new;
    memset(new, 0, sizeof *new);
}

/* Heads come in their order: others begin a new list. */
static void take_heads(struct workbench *b, struct event *event)
{
    struct heads_view *new = &event->heads, *all = &b->heads;
    bool follows = new->first == all->n && event->revision == all->revision &&new->kind ==
                                               all->kind &&new->n_keys == all->n_keys &&new->rows ==
                                               all->rows &&new->cols ==
                                               all->cols &&new->n_queries == all->n_queries;
    size_t plane = (size_t) new->rows *(size_t) new->cols;
    struct attune_head *heads;
    float *cells;

    if (new->first == 0 && !follows) {
        free(all->heads);
        free(all->cells);
        *all = *new;
        all->revision = event->revision;
        memset(new, 0, sizeof *new);
        return;
    }
    all->ended = new->ended;
    all->failed |= new->failed;
    if (!follows || new->n == 0) {
        return;
    }
    heads = realloc(all->heads, (all->n + new->n) * sizeof *heads);
    all->heads = heads ? heads : all->heads;
    cells = realloc(all->cells, (all->n + new->n) * plane * sizeof *cells);
    all->cells = cells ? cells : all->cells;
    if (heads && cells) {
        memcpy(heads + all->n, new->heads, new->n * sizeof *heads);
        memcpy(cells + all->n * plane, new->cells, new->n *plane * sizeof *cells);
        all->n += new->n;
        all->ms += new->ms;
    }
}

static void take_walk(struct workbench *b, struct event *event)
{
    walk_view_done(&b->walk);
    b->walk = event->walk;
    b->walk.revision = event->revision;
    memset(&event->walk, 0, sizeof event->walk);
}

static void take_score(struct workbench *b, struct event *event)
{
    free(b->score.scores);
    b->score = event->score;
    b->score.revision = event->revision;
    memset(&event->score, 0, sizeof event->score);
}

static void take_why(struct workbench *b, struct event *event)
{
    free(b->why.products);
    free(b->why.parts);
    b->why = event->why;
    memset(&event->why, 0, sizeof event->why);
}

static void take_lens(struct workbench *b, struct event *event)
{
    free(b->lens.cells);
    b->lens = event->lens;
    b->lens.revision = event->revision;
    memset(&event->lens, 0, sizeof event->lens);
}

static void take_ladder(struct workbench *b, struct event *event)
{
    attune_ladder_done(&b->ladder.ladder);
    b->ladder = event->ladder;
    b->ladder.revision = event->revision;
    memset(&event->ladder, 0, sizeof event->ladder);
}

static void take_tree(struct workbench *b, struct event *event)
{
    free(b->tree.nodes);
    b->tree = event->tree;
    b->tree.revision = event->revision;
    memset(&event->tree, 0, sizeof event->tree);
}

static void take_answer(struct workbench *b, struct event *event)
{
    forget_answer(b);
    b->answer = event->answer;
    b->answer.revision = event->revision;
    memset(&event->answer, 0, sizeof event->answer);
}

static void take_started(struct workbench *b, struct event *event)
{
    if (event->job == JOB_fork) {
        bench_take_fork(b, event);
        return;
    }
    forget_run(b);
    b->run = event->run;
    b->answered = event->revision;
    b->message[0] = '\0';
}

static bool grow(void **at, size_t *capacity, size_t wanted, size_t unit)
{
    size_t n = *capacity ? *capacity : 64;
    void *more;

    while (n < wanted) {
        n *= 2;
    }
    if (n == *capacity) {
        return true;
    }
    more = realloc(*at, n * unit);
    if (more) {
        *at = more;
        *capacity = n;
    }
    return more != NULL;
}

static void take_step(struct workbench *b, struct event *event)
{
    const struct attune_step *step = &event->step;

    if (!grow((void **)&b->steps, &b->steps_capacity, b->n_steps + 1, sizeof *b->steps) ||
        !grow((void **)&b->output, &b->output_capacity, b->output_len + step->n_bytes + 1, 1)) {
        bench_say(b, true, "out of memory: the rest of the run is not shown");
        return;
    }
    b->steps[b->n_steps++] = *step;
    if (step->stop != ATTUNE_STOP_EOS) {
        memcpy(b->output + b->output_len, step->bytes, step->n_bytes);
        b->output_len += step->n_bytes;
    }
    b->output[b->output_len] = '\0';
    b->step_cursor = b->n_steps - 1;
    b->token_cursor = bench_n_tokens(b) - 1;
    b->shown_step = (long)b->step_cursor;
    b->shown_prompt = 0;
    b->read = b->evaluated = false;
    take_logits(b, event, b->shown_step);
}

static void take_finished(struct workbench *b, struct event *event)
{
    b->stop = event->stop;
    b->tokens_per_s = event->tokens_per_s;
    if (b->replayed && !b->forked) {
        bench_say(b, false, "replayed run %lld: %zu steps", (long long)b->run, b->n_steps);
    } else if (b->run) {
        bench_say(b, false, "saved as run %lld: %zu tokens, %s", (long long)b->run, b->n_steps,
                  attune_stop_text(b->stop));
    }
}

static void take_logits_of_step(struct workbench *b, struct event *event)
{
    size_t wanted = !bench_has_places(b) ? bench_looked_at(b) - 1 : b->token_cursor;

    if (b->shown_step == (long)event->step_index && event->revision == b->revision &&
        (b->shown_step >= 0 || event->place == wanted)) {
        b->shown_place = event->place;
        take_logits(b, event, b->shown_step);
    }
}

static void take_listed(struct workbench *b, struct event *event)
{
    attune_run_records_free(b->runs, b->n_runs);
    b->runs = event->records;
    b->n_runs = event->n;
    event->records = NULL;
    event->n = 0;
}

static void take_recorded(struct workbench *b, struct event *event)
{
    forget_run(b);
    b->record = event->records[0];
    memset(event->records, 0, sizeof *event->records);
    if (b->record.origin && *b->record.origin &&
        grow((void **)&b->output, &b->output_capacity, b->record.output_len + 1, 1)) {
        memcpy(b->output, b->record.output, b->record.output_len); /* it has no steps to bring it */
        b->output_len = b->record.output_len;
        b->output[b->output_len] = '\0';
    }
    b->replayed = true;
    b->run = event->run;
    b->read = b->evaluated = false;
}

static void take_verified(struct workbench *b, struct event *event)
{
    b->verdict = event->verdict;
    bench_say(b, event->verdict.identical != event->verdict.steps, "%s", event->verdict.what);
}

static void take_restored(struct workbench *b, struct event *event)
{
    const struct attune_run_record *r = event->records;
    struct attune_error err = {0};
    struct attune_prompt prompt = {0};
    int status;

    if (r->prompt_json && *r->prompt_json) {
        status = attune_prompt_from_json(&prompt, r->prompt_json, strlen(r->prompt_json), &err);
    } else {
        status = attune_prompt_init(&prompt, &err);
        if (status == ATTUNE_OK) {
            status = attune_prompt_set(&prompt, prompt.n - 1, r->prompt_text, NULL, &err);
        }
    }
    if (status != ATTUNE_OK) {
        attune_prompt_done(&prompt);
        bench_say(b, true, "%s", err.text);
        return;
    }
    bench_take_prompt(b, &prompt);
    b->seed = r->seed;
    b->seed_is_fixed = true;
    bench_give(b, ORIGIN_SESSION, "max_tokens", (double)r->max_tokens, NULL);
    status = bench_give_chain(b, ORIGIN_SESSION, r->chain, &err);
    bench_apply_chain(b);
    if (status != ATTUNE_OK) {
        bench_fail(b, &err);
    } else {
        bench_say(b, false, "run %lld is in the composer: prompt, knobs and seed",
                  (long long)event->run);
    }
    bench_prompt_changed(b);
}

static void take_compared(struct workbench *b, struct event *event)
{
    attune_compare_done(b->compare);
    free(b->compare);
    b->compare = event->compare;
    event->compare = NULL;
}

/* The prompt with the shots that were nearest, if it is still the one they were measured for. */
static void take_picked(struct workbench *b, struct event *event)
{
    struct attune_prompt prompt;
    struct attune_error err;
    size_t before = b->prompt.n;

    if (event->revision != b->revision) {
        bench_say(b, true, "the prompt was changed while its shots were chosen: choose again");
    } else if (attune_prompt_from_json(&prompt, event->text, strlen(event->text), &err) !=
               ATTUNE_OK) {
        bench_say(b, true, "%s", err.text);
    } else {
        bench_say(b, false, "%zu shots, the nearest last", prompt.n - before);
        attune_prompt_done(&b->prompt);
        b->prompt = prompt;
        bench_prompt_changed(b);
    }
}

/* What stood in the composer before or after, or as it was left. */
static void take_draft(struct workbench *b, struct event *event)
{
    b->undoing = false;
    if (event->prompt.n == 0) {
        b->undos = 0;
        bench_say(b, true, "%s", event->text ? event->text : "");
        return;
    }
    if (event->revision != b->revision || event->task != b->task) {
        b->undos = 0;
        return; /* something was written meanwhile */
    }
    attune_prompt_done(&b->prompt);
    b->prompt = event->prompt;
    memset(&event->prompt, 0, sizeof event->prompt);
    b->draft = event->move == ATTUNE_JOURNAL_UNDO   ? BENCH_DRAFT_BEFORE
               : event->move == ATTUNE_JOURNAL_REDO ? BENCH_DRAFT_AFTER
                                                    : BENCH_DRAFT_LEFT;
    if (b->draft == BENCH_DRAFT_LEFT) {
        bench_say(b, false, "the composer is as it was left; undo leads further back");
    }
    bench_prompt_changed(b);
}

static void take_said(struct workbench *b, struct event *event)
{
    bench_say(b, event->is_error, "%s", event->text ? event->text : "");
}

void bench_take_event(struct workbench *b, struct event *event)
{
    static void (*const table[])(struct workbench *, struct event *) = {
        [EVENT_busy] = take_busy,           [EVENT_idle] = take_idle,
        [EVENT_loaded] = take_loaded,       [EVENT_tokenized] = take_tokenized,
        [EVENT_evaluated] = take_evaluated, [EVENT_refused] = take_refused,
        [EVENT_attention] = take_attention, [EVENT_heads] = take_heads,
        [EVENT_started] = take_started,     [EVENT_step] = take_step,
        [EVENT_finished] = take_finished,   [EVENT_logits] = take_logits_of_step,
        [EVENT_listed] = take_listed,       [EVENT_recorded] = take_recorded,
        [EVENT_verified] = take_verified,   [EVENT_restored] = take_restored,
        [EVENT_said] = take_said,           [EVENT_walk] = take_walk,
        [EVENT_score] = take_score,         [EVENT_answer] = take_answer,
        [EVENT_compared] = take_compared,   [EVENT_picked] = take_picked,
        [EVENT_lens] = take_lens,           [EVENT_draft] = take_draft,
        [EVENT_ladder] = take_ladder,       [EVENT_why] = take_why,
        [EVENT_tree] = take_tree,
    };
    _Static_assert(sizeof table / sizeof *table == EVENT_COUNT, "every kind of event");

    table[event->kind](b, event);
}
